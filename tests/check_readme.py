#!/usr/bin/env python3
"""The README says what --help says: options with their arguments and defaults, exit statuses. Its map
has every file."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WSMCP = os.environ.get("WSMCP", str(ROOT / "wsmcp"))

Option = tuple[str, str, str]  # "-H", "--header LINE", "10"


def options_of_help(text: str) -> set[Option]:
    found = set()
    for entry in re.split(r"^(?=  (?:-\w, |    )--)", text.split("Options:")[1], flags=re.M)[1:]:
        entry = entry.split("\n\n")[0]
        head = re.match(r"  (-\w)?,? *(--[\w-]+(?: [^\s]+)?)(?:  |\n)", entry)
        default = re.search(r"\(default:\s+(\w+)\)", entry)
        assert head, entry
        found.add((head[1] or "", head[2], default[1] if default else ""))
    return found


def options_of_readme(text: str) -> set[Option]:
    text = text.replace(r"\|", "|")  # as a table must write it
    rows = re.findall(r"^\| `(?:(-\w), )?(--[^`]+)` \| (?:`(\w+)`)? *\|", text, re.M)
    return {(short, long, default) for short, long, default in rows}


def statuses(text: str, pattern: str) -> set[tuple[str, str]]:
    return set(re.findall(pattern, text, re.M))


def main() -> int:
    readme = (ROOT / "README.md").read_text()
    shown = subprocess.run([WSMCP, "--help"], check=True, text=True, capture_output=True).stdout
    pairs = {
        "option": (options_of_help(shown), options_of_readme(readme)),
        "exit status": (
            statuses(shown, r"^  (\d+|128\+N) +(\w+)"),
            statuses(readme, r"^\| (\d+|128\+N) \| (\w+)"),
        ),
        "file": (
            {path.stem for path in ROOT.glob("*.[ch]")},
            {name for row in re.findall(r"^\| `([^|]*)` \|", readme, re.M)
             for name in re.findall(r"(\w+)\.[ch]\b", row)},
        ),
    }
    wrong = [
        f"{what} {item} stands only in the {place}"
        for what, (expected, found) in pairs.items()
        for place, items in (("source or the help", expected - found), ("README", found - expected))
        for item in sorted(items, key=str)
    ]
    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    return 1 if wrong or not all(expected for expected, _ in pairs.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
