#!/usr/bin/env python3
"""Include arrows point downward: a module includes only what stands below it or beside it, and no
circle. The arrows are those of `cc -MM`, so they hold for what a header brings in, too."""

import os
import re
import subprocess
import sys
from pathlib import Path

# Lowest first. A module may include those of lower levels and, without a circle, of its own.
LEVELS = [
    "ascii compat lanes version wsmcp utf8 buf pool clock fd log signals terminal words uri recall base64 nearest output",
    "session_options jsonrpc template value schema tool arguments content listing pretty screen form catalog verb completion json envelope message answer pending frame handshake outbox keepalive reason url expand headers options command quote phrase report cause",
    "method verdict backoff due replay parts session_state pages protocol task ask call object diagnosis checklist",
    "sock trace lineio helper link asked queue served resume loss from_host from_server session config trust source save progress editor console show dialog",
    "connection target",
    "bridge handle calls listener lookup client",
    "repl performer talk oneshot run commands check servers draft entry",
    "main",
]

# Only these may include a library's header.
LIBRARIES = {"curl/": {"link"}, "histedit.h": {"editor"}}

ROOT = Path(__file__).resolve().parent.parent
LEVEL = {name: number for number, names in enumerate(LEVELS) for name in names.split()}


def includes(source: Path) -> set[str]:
    """The modules whose headers `source` includes, directly or not."""
    command = [*os.environ.get("CC", "cc").split(), "-std=c11", "-MM", "-MG", "-I.", source.name]
    rule = subprocess.run(command, cwd=ROOT, check=True, text=True, capture_output=True).stdout
    headers = (Path(word) for word in rule.replace("\\\n", " ").split())
    return {h.stem for h in headers if h.suffix == ".h" and h.parent == Path()} - {source.stem}


def circle(graph: dict[str, set[str]]) -> list[str]:
    """One circle in the graph, or nothing."""
    done: set[str] = set()

    def walk(path: list[str]) -> list[str]:
        for below in sorted(graph.get(path[-1], ())):
            if below in path:
                return [*path[path.index(below) :], below]
            if below not in done and (found := walk([*path, below])):
                return found
        done.add(path[-1])
        return []

    return next((found for start in sorted(graph) if (found := walk([start]))), [])


def main() -> int:
    sources = {path.stem: path for path in sorted(ROOT.glob("*.c"))}
    graph = {name: includes(path) for name, path in sources.items()}
    wrong = []

    for name in sorted({path.stem for path in ROOT.glob("*.[ch]")} - LEVEL.keys()):
        wrong.append(f"{name} has no level: give it one in tests/check_layers.py")

    for name, below in graph.items():
        for other in sorted(below):
            if LEVEL.get(other, 0) > LEVEL.get(name, 0):
                wrong.append(f"{name}.c includes {other}.h, which stands above it")

    if found := circle(graph):
        wrong.append("a circle of includes: " + " -> ".join(found))

    for path in ROOT.glob("*.[ch]"):
        for header in re.findall(r"^\s*#\s*include\s*<(.*?)>", path.read_text(), re.M):
            for prefix, allowed in LIBRARIES.items():
                if header.startswith(prefix) and path.stem not in allowed:
                    wrong.append(f"{path.name} includes <{header}>")

    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
