#!/usr/bin/env python3
"""Measures wsmcp, other bridges and the limits of the machine, all in turn, round by round.

Prints medians as tables, says which goals are met, and writes build/bench/bench.json (each round's
figures) and build/bench/bench.svg. What it runs must have been built: `make bench` does that. A
candidate that fails or takes too long is shown as such, and tried only once more in that case.
"""

import argparse
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import goals
import peers
import plot
import tables
from peers import Candidate
from results import Record, Results
from units import LARGE, MIB, WAYS

ROOT = Path(__file__).resolve().parent.parent.parent
WSMCP = os.environ.get("WSMCP", str(ROOT / "wsmcp"))
LIMITS = ("copy", "curl-loop")
OURS = ("wsmcp", *LIMITS)
LOAD = "load"  # the name of the load itself among the candidates
MESSAGE_MAX = 64 * MIB  # what wsmcp takes by default
SIZES = [100 * 4**step for step in range(11)] + [256 * MIB]
IN_FLIGHT = (1, 1000, 100_000)
FAILURES_MAX = 2  # of a candidate in one case; then it is not tried again
BRIDGES = (1, 10, 100)
INSTRUCTION_COUNTS = (20_000, 60_000)


@dataclass
class Case:
    """One thing that is measured, in one run of the load for each candidate and round."""

    name: str
    scenario: str
    options: dict[str, float] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    tls: bool = False
    only: tuple[str, ...] = ()  # candidates; none = all
    rounds: int = 1000  # at most
    peer_rounds: int = 1000  # ... with the peers, of which some take seconds
    limit: int = 15  # seconds for one run

    @property
    def direct(self) -> bool:
        """Whether the load alone is measured, too."""
        return self.scenario in ("up", "down") and "seconds" in self.options and not self.only


def cases(quick: bool) -> Iterator[Case]:
    small, large, step = (0.15, 0.1, 0.05) if quick else (0.4, 0.2, 0.1)
    yield Case("rtt", "rtt", {"count": 500 if quick else 2000})
    for way in WAYS:
        yield Case(f"{way} 200 ws", way, {"size": 200, "seconds": small})
    for size in LARGE:
        for tls in (False, True):
            for way in WAYS:
                name = f"{way} {size} {'wss' if tls else 'ws'}"
                rounds = 3 if tls or size > MIB else 1000
                # Two of the largest are under way at once, before their memory is used again.
                seconds = large if size <= MIB else 4 * large
                options = {"size": size, "seconds": seconds}
                yield Case(name, way, options, tls=tls, peer_rounds=rounds)
    for tls in (False, True):
        name = "start wss" if tls else "start ws"
        yield Case(name, "start", {"count": 1 if quick else 3}, tls=tls)
    for way in WAYS:
        options = {"size": MIB, "seconds": large}
        yield Case(f"escaped {way}", way, options, ["--escaped"], only=("wsmcp", "copy"))
    for count in IN_FLIGHT:
        options = {"count": 500 if quick else 2000, "beside": count - 1}
        yield Case(f"flight {count}", "flight", options, only=("wsmcp", "copy"))
    for size in SIZES:
        for way in WAYS:
            options = {"size": size, "seconds": step}
            yield Case(f"size {way} {size}", way, options, only=("wsmcp", "copy"), rounds=3)
    for way in WAYS:
        yield Case(f"peak {way}", way, {"size": 64 * MIB, "count": 1}, rounds=3)
    yield Case("revive", "revive", {"seconds": 1}, rounds=3)
    for count in BRIDGES:
        yield Case(f"memory {count}", "memory", {"beside": count}, rounds=1, limit=120)


# --- running ---------------------------------------------------------------------------------


@dataclass
class Bench:
    build: Path
    scratch: Path
    results: Results = field(default_factory=Results)

    def candidates(self) -> list[Candidate]:
        """Ours and the limits first; the peers as peers.py knows them."""
        copy, curl_loop = (str(self.build / name) for name in LIMITS)
        version = " ".join(re.findall(r"wsmcp [\d.]+|\w+/[\d.]+", said([WSMCP, "--version"]))[:3])
        return [
            Candidate("wsmcp", [WSMCP, "{url}"], tls=["--cacert", "{ca}"], version=version),
            Candidate("copy", [copy, "{port}"], raw=True),
            Candidate("curl-loop", [curl_loop, "{url}"], raw=True, tls=["{ca}"]),
            *peers.candidates(),
        ]

    def certificate(self) -> Path:
        return self.scratch / "certificate.pem"

    def make_certificate(self) -> None:
        subprocess.run(
            [
                *(
                    "openssl",
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                ),
                *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
                *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
                *("-keyout", self.scratch / "key.pem", "-out", self.certificate()),
            ],
            check=True,
            capture_output=True,
        )

    def load(self, case: Case, *more: str, direct: bool = False) -> list[str]:
        words = [str(self.build / "load"), ("direct-" if direct else "") + case.scenario]
        for name, value in case.options.items():
            words += [f"--{name}", str(value)]
        if case.tls:
            words += ["--tls", str(self.certificate()), str(self.scratch / "key.pem")]
        return [*words, "--patience", "5", *case.flags, *more]

    def command(self, case: Case, candidate: Candidate) -> list[str]:
        size = case.options.get("size", 0)
        words = candidate.words(size, self.authority(case), case.scenario == "revive")
        if candidate.name == "wsmcp" and size > MESSAGE_MAX:
            words += ["--max-message", "1G"]
        return [*self.load(case, *(["--raw"] if candidate.raw else [])), "--", *words]

    def authority(self, case: Case) -> Path | None:
        return self.certificate() if case.tls else None

    def measure(
        self, case: Case, name: str, command: list[str], environment: dict[str, str] | None = None
    ) -> None:
        """One run, unless it failed in this case often enough."""
        if len(self.results.failures.get(case.name, {}).get(name, [])) >= FAILURES_MAX:
            return
        begun = time.monotonic()
        try:
            record = run(command, case.limit, environment)
            record["took"] = time.monotonic() - begun
            self.results.add(case.name, name, record)
        except RuntimeError as error:
            self.results.fail(case.name, name, str(error))

    def round(self, number: int, case: Case, candidates: list[Candidate]) -> None:
        for candidate in candidates:
            ours = candidate.name in OURS
            if number > (case.rounds if ours else min(case.rounds, case.peer_rounds)):
                continue
            if candidate.missing or (case.only and candidate.name not in case.only):
                continue
            if case.tls and candidate.name == "copy":
                continue
            environment = candidate.variables(self.authority(case))
            self.measure(case, candidate.name, self.command(case, candidate), environment)
        if case.direct and number <= case.rounds:
            self.measure(case, LOAD, self.load(case, direct=True))

    def instructions(self) -> None:
        """Counted by callgrind: what each message of 200 bytes adds."""
        for way in WAYS:
            name = f"instructions {way}"
            try:
                if not shutil.which("valgrind"):
                    raise RuntimeError("valgrind is missing")
                totals = [self.instructions_of(way, count) for count in INSTRUCTION_COUNTS]
                counts = INSTRUCTION_COUNTS
                each = (totals[1] - totals[0]) / (counts[1] - counts[0])
                self.results.add(name, "wsmcp", {"each": each})
            except RuntimeError as error:
                self.results.fail(name, "wsmcp", str(error))

    def instructions_of(self, way: str, count: int) -> int:
        out = self.scratch / "callgrind.out"
        case = Case("", way, {"size": 200, "count": count, "end": 30})
        tool = ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={out}"]
        run([*self.load(case), "--", *tool, WSMCP, "{url}"], 100)
        total = re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.M)
        if not total:
            raise RuntimeError("callgrind counted nothing")
        return int(total[1])


def run(command: list[str], limit: int, environment: dict[str, str] | None = None) -> Record:
    """Runs the load; whatever it started ends with it."""
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"over {limit} s") from None
    finally:
        end_group(process)
    if process.returncode != 0:
        raise RuntimeError(reason(err) or f"the load ended with {process.returncode}")
    record: Record = json.loads(out)
    return record


def reason(err: str) -> str:
    """What the load said last, and the last that the candidate said."""
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    load = [line.removeprefix("load: ") for line in lines if line.startswith("load: ")]
    candidate = [line[:120] for line in lines if not line.startswith("load: ")]
    return "; it said: ".join([*load[-1:], *candidate[-1:]])


def end_group(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.communicate()


def said(command: list[str]) -> str:
    """The first line that a program prints."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout.splitlines() or [""])[0]


def machine() -> dict[str, str]:
    info = Path("/proc/cpuinfo").read_text()
    memory = re.search(r"MemTotal: *(\d+)", Path("/proc/meminfo").read_text())
    model = re.search(r"model name\s*: (.*)", info)
    system = re.search(r'^PRETTY_NAME="?([^"\n]*)', Path("/etc/os-release").read_text(), re.M)
    return {
        "processor": model[1] if model else platform.machine(),
        "processors": str(os.cpu_count()),
        "memory": f"{int(memory[1]) / (1 << 20):.0f} GiB" if memory else "",
        "kernel": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "system": system[1] if system else "",
        "load average": f"{os.getloadavg()[0]:.2f}",
    }


# --- the command line ------------------------------------------------------------------------


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--only", metavar="NAME,...", help="these candidates alone")
    parser.add_argument("--scenario", metavar="REGEX", help="cases whose names match")
    parser.add_argument("--list", action="store_true", help="print what there is to choose from")
    parser.add_argument("--json", type=Path, default=ROOT / "build/bench/bench.json")
    parser.add_argument("--svg", type=Path, default=ROOT / "build/bench/bench.svg")
    parser.add_argument(
        "--build",
        type=Path,
        default=ROOT / "build/plain/bench",
        help="where load, copy and curl-loop are",
    )
    return parser.parse_args()


def measure(bench: Bench, candidates: list[Candidate], wanted: list[Case], rounds: int) -> None:
    begun = time.monotonic()
    for number in range(1, rounds + 1):
        for case in wanted:
            bench.round(number, case, candidates)
        seconds = time.monotonic() - begun
        print(f"round {number} of {rounds} done after {seconds:.0f} s", file=sys.stderr)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def main() -> int:
    chosen = options()
    with tempfile.TemporaryDirectory(prefix="wsmcp-bench-") as scratch:
        bench = Bench(chosen.build, Path(scratch))
        candidates = bench.candidates()
        if chosen.only:
            candidates = [c for c in candidates if c.name in chosen.only.split(",")]
        wanted = [c for c in cases(chosen.quick) if re.search(chosen.scenario or "", c.name)]
        if chosen.list:
            print(*(case.name for case in wanted), "", *(c.name for c in candidates), sep="\n")
            return 0
        about = machine()
        bench.make_certificate()
        rounds = 1 if chosen.quick else chosen.rounds
        measure(bench, candidates, wanted, rounds)
        measured = [c.name for c in candidates if not c.missing]
        if re.search(chosen.scenario or "", "instructions") and "wsmcp" in measured:
            bench.instructions()

    results = bench.results
    rivals = [name for name in measured if name not in OURS]
    judged = goals.judge(results, rivals)
    print(tables.report(results, candidates, rivals, about, rounds))
    print(goals.report(judged))
    document = {
        "machine": about,
        "rounds": rounds,
        "candidates": {c.name: c.missing or c.version for c in candidates},
        "records": results.records,
        "failures": results.failures,
        "goals": [vars(goal) for goal in judged],
    }
    write(chosen.json, json.dumps(document, indent=1) + "\n")
    write(chosen.svg, plot.draw(results, measured, about))
    print(f"\nwritten: {chosen.json}, {chosen.svg}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
