#!/usr/bin/env python3
"""The benchmark works: a short run of wsmcp beside the copy limit has figures for each case, a bridge that loses
messages, or is not there, is named, and a goal is met only where the figures say so."""

import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / "tests/bench"
LOAD = ROOT / "build/plain/bench/load"
CASES = "^(rtt|up 200 ws|down 65536 wss|start ws|peak up|memory 1|revive|flight 1000)$"

sys.path.insert(0, str(BENCH))
sys.dont_write_bytecode = True
import goals  # noqa: E402
from results import Results  # noqa: E402

# Exchanges one request, and then leaves out the last byte of whatever it reads.
LOSSY = """
import os, socket, sys
link = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
link.sendall(os.read(0, 65536))
os.write(1, link.recv(65536))
while data := os.read(0, 65536):
    link.sendall(data[:-1])
"""

wrong: list[str] = []


def expect(what: str, holds: bool) -> None:
    if not holds:
        wrong.append(what)


def check_run(scratch: Path) -> None:
    """No figure is compared with anything: machines differ, and this one has other things to do."""
    files = {"json": scratch / "bench.json", "svg": scratch / "bench.svg"}
    command = [sys.executable, BENCH / "bench.py", "--quick", "--only", "wsmcp,copy,curl-loop", "--scenario", CASES]
    for option, path in files.items():
        command += [f"--{option}", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        wrong.append(f"bench.py ended with {done.returncode}: {done.stderr}")
        return
    document = json.loads(files["json"].read_text())
    expect(f"failures: {document['failures']}", not document["failures"])
    for case, candidates in {
        "rtt": {"wsmcp", "copy", "curl-loop"},
        "up 200 ws": {"wsmcp", "copy", "curl-loop", "load"},
        "down 65536 wss": {"wsmcp", "curl-loop", "load"},
        "flight 1000": {"wsmcp", "copy"},
        "start ws": {"wsmcp", "copy", "curl-loop"},
        "peak up": {"wsmcp", "copy", "curl-loop"},
        "memory 1": {"wsmcp", "copy", "curl-loop"},
        "revive": {"wsmcp", "copy", "curl-loop"},
    }.items():
        found = set(document["records"].get(case, {}))
        expect(f"{case}: measured are {sorted(found)}", found == candidates)
    ElementTree.parse(files["svg"])


def load(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LOAD, *words], capture_output=True, text=True, timeout=60)


def check_failures(scratch: Path) -> None:
    """The load says what is wrong with a candidate, and prints no figure."""
    lossy = scratch / "lossy.py"
    lossy.write_text(LOSSY)
    for what, words in {
        "a candidate that is not there": ["--", str(scratch / "none"), "{port}"],
        "a candidate that ends": ["--", "true"],
        "a candidate that loses bytes": ["--", sys.executable, str(lossy), "{port}"],
    }.items():
        done = load("up", "--raw", "--count", "2000", "--patience", "1", *words)
        told = done.returncode != 0 and done.stderr.strip().splitlines()[-1:] != [] and not done.stdout
        expect(f"{what}: status {done.returncode}, {done.stdout!r}, {done.stderr!r}", bool(told))


def judged(ours: float, others: float) -> dict[str, bool | None]:
    results = Results()
    for way in ("up", "down"):
        for name, value in {"wsmcp": ours, "copy": others, "peer": others, "load": others}.items():
            results.add(f"{way} 200 ws", name, {"per_second": value})
    for name, value in {"wsmcp": ours, "copy": others}.items():
        results.add("rtt", name, {"rtt_p50": value, "rtt_p99": value})
    return {goal.text: goal.met for goal in goals.judge(results, ["peer"])}


def check_goals() -> None:
    fast, slow = judged(2.1e6, 4e5), judged(5e5, 4e6)
    expect(f"fast: {fast}", [met for text, met in fast.items() if text.startswith("2")] == [True] * 4)
    expect(f"slow: {slow}", [met for text, met in slow.items() if text.startswith("2")] == [False] * 4)
    expect(f"late: {fast}", [met for text, met in fast.items() if text.startswith("1")] == [False] * 2)
    expect(f"soon: {slow}", [met for text, met in slow.items() if text.startswith("1")] == [True] * 2)
    broken = Results()
    broken.fail("up 200 ws", "wsmcp", "no answer")
    met = {goal.text[0]: goal.met for goal in goals.judge(broken, [])}
    expect(f"broken: {met}", met == {"1": None, "2": False, "3": None, "4": None})
    expect(f"the rest: {fast}", all(met is None for text, met in fast.items() if text[0] not in "12"))


def main() -> int:
    with tempfile.TemporaryDirectory() as scratch:
        check_run(Path(scratch))
        check_failures(Path(scratch))
    check_goals()
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
