#!/usr/bin/env python3
"""The man page and the completions say what --help says of every command: options, arguments, defaults,
exit statuses. The completion of bash is tried out, that of fish where it is installed; zsh must be able to read its."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WSMCP = os.environ.get("WSMCP", str(ROOT / "wsmcp"))
MANUAL = ROOT / "build/plain/manual"

Option = tuple[str, str, str, str, str]  # "-H", "--header", "LINE", the help, the default
wrong: list[str] = []


def compare(what: str, expected: object, found: object) -> None:
    if isinstance(expected, set) and isinstance(found, set) and expected != found:
        wrong.append(f"{what}: missing {sorted(expected - found)}, too many {sorted(found - expected)}")
    elif expected != found:
        wrong.append(f"{what}: expected {expected!r}, found {found!r}")


def words(text: str) -> str:
    return " ".join(text.split())


def output(*command: str | Path, **more: object) -> str:
    return subprocess.run(command, check=True, text=True, capture_output=True, timeout=60, **more).stdout


# --- what --help says ------------------------------------------------------------------------


class Help:
    """What "wsmcp COMMAND --help" prints."""

    def __init__(self, command: str) -> None:
        text = output(WSMCP, command, "--help")
        self.usage = text.splitlines()[0].removeprefix("Usage: ")
        self.commands = dict(re.findall(r"^  ([a-z]+) +(.*)$", text.partition("Options:")[0], re.M))
        self.statuses = set(re.findall(r"^  (\d+) +(\w[\w ]*: .*)$", text, re.M))
        self.options = {self.option(entry) for entry in self.entries(text)}

    @staticmethod
    def entries(text: str) -> list[str]:
        section = text.split("\nOptions:\n")[1].split("\n\n")[0]
        return re.split(r"^(?=  (?:-\w, |    )--)", section, flags=re.M)[1:]

    @staticmethod
    def option(entry: str) -> Option:
        head = re.match(r"  (?:(-\w),|   ) (--[\w-]+)(?: (\S+))?(?:  +|\n)", entry)
        assert head, entry
        text = words(entry[head.end() :])
        default = re.search(r" \(default: (\w+)\)$", text)
        if default:
            text = text[: default.start()]
        return (head[1] or "", head[2], head[3] or "", text, default[1] if default else "")


DEFAULT = Help("bridge")
HELPS = {name: DEFAULT if name == "bridge" else Help(name) for name in DEFAULT.commands}
HOSTS = set(re.findall(r"[a-z]+(?:-[a-z]+)*", next(
    text for _, name, _, text, _ in HELPS["entry"].options if name == "--host"
).removeprefix("print the entry for").replace(" or ", " ")))


def spellings(command: str) -> set[str]:
    return {name for option in HELPS[command].options for name in option[:2] if name}


# --- the man page ----------------------------------------------------------------------------


def plain(roff: str) -> str:
    """Roff as it would be read. What a page of ours never has is a fault."""
    text = re.sub(r"\\f[BIR]", "", roff).replace("\\&", "")
    for escape, char in {"-": "-", "(ha": "^", "(ti": "~", "(ga": "`", "(aq": "'", "(dq": '"'}.items():
        text = text.replace("\\" + escape, char)
    rest = text.replace("\\e", "")
    if "\\" in rest:
        wrong.append(f"wsmcp.1: an escape that is unknown here: {rest[rest.index(chr(92)) :][:20]!r}")
    return text.replace("\\e", "\\")


def sections(page: str) -> dict[str, str]:
    parts = re.split(r"^\.SH (.*)\n", page, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def paragraphs(section: str) -> list[tuple[str, str]]:
    """The tagged paragraphs: tag and text."""
    found = []
    for part in re.split(r"^\.TP\n", section, flags=re.M)[1:]:
        tag, _, text = part.partition("\n")
        found.append((plain(tag), words(plain(text))))
    return found


def takers(text: str) -> set[str]:
    """The commands that "Taken by ..." names."""
    but = re.fullmatch(r"all commands(?: but (.*))?", text)
    named = set(re.findall(r"[a-z]+", (but[1] or "") if but else text)) - {"and"}
    compare(f"wsmcp.1: commands in {text!r}", set(), named - set(HELPS))
    return set(HELPS) - named if but else named


def check_man() -> None:
    page = (MANUAL / "wsmcp.1").read_text()
    parts = sections(page)
    compare("wsmcp.1: sections", [
        *("NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "TARGET AND CONFIGURATION"),
        *("EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO"),
    ], list(parts))
    for line in page.splitlines():
        if line[:1] in (".", "'") and not re.match(r"\.(TH|SH|TP|PP|IP|RS|RE|nf|fi|B|I|BR|IR|RI|RB)\b", line):
            wrong.append(f"wsmcp.1: not a request of man(7): {line}")
    compare("wsmcp.1: usage", set(), {h.usage for h in HELPS.values()} - set(plain(parts["SYNOPSIS"]).splitlines()))

    commands = {tag.split()[0]: text for tag, text in paragraphs(parts["COMMANDS"])}
    compare("wsmcp.1: commands", {n: sentence(t) for n, t in DEFAULT.commands.items()}, commands)

    found: dict[str, set[Option]] = {name: set() for name in HELPS}
    for tag, text in paragraphs(parts["OPTIONS"]):
        head = re.fullmatch(r"(?:(-\w), )?(--[\w-]+)(?: (\S+))?", tag)
        body = re.fullmatch(r"(.*?\.)(?: Default: (\w+)\.)? Taken by (.*)\.", text)
        if not head or not body:
            wrong.append(f"wsmcp.1: cannot be read: {tag}: {text}")
            continue
        for name in takers(body[3]):
            found[name].add((head[1] or "", head[2], head[3] or "", body[1], body[2] or ""))
    for name, help in HELPS.items():
        expected = {(*o[:3], sentence(o[3]), o[4]) for o in help.options}
        compare(f"wsmcp.1: options of {name}", expected, found[name])

    statuses = {(tag, text.removesuffix(".")) for tag, text in paragraphs(parts["EXIT STATUS"]) if tag.isdigit()}
    for name, help in HELPS.items():
        compare(f"wsmcp.1: exit statuses of {name}", help.statuses, statuses)
    check_places(parts)
    variables = {name for path in ROOT.glob("*.c") for name in re.findall(r'getenv\("(\w+)"\)', path.read_text())}
    compare("wsmcp.1: ENVIRONMENT", variables, variables & set(re.findall(r"\w+", parts["ENVIRONMENT"])))

    for command in (
        ["man", "--warnings", "-l", "wsmcp.1"],
        ["groff", "-man", "-Tutf8", "-ww", "-z", "wsmcp.1"],
        ["mandoc", "-Tlint", "-Wwarning", "wsmcp.1"],
    ):
        if shutil.which(command[0]):
            done = subprocess.run(
                command, cwd=MANUAL, text=True, timeout=60,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
            said = done.stderr + (done.stdout if command[0] == "mandoc" else "")
            # There is none that would be true of every build.
            said = "".join(line for line in said.splitlines(True) if "missing date" not in line)
            compare(f"{command[0]} of wsmcp.1", "", said)


def sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def check_places(parts: dict[str, str]) -> None:
    """The files that name servers, as the README lists them."""
    readme = (ROOT / "README.md").read_text().split("### Where servers are looked for")[1].split("\n###")[0]
    listed = [re.findall(r"`(?:--config )?([^`]*(?:\.json|FILE))`", line)
              for line in re.findall(r"^\d\. (.*)", readme, re.M)]
    expected = [[f for f in files if not f.startswith("wsmcp/")] for files in listed]
    target = plain(parts["TARGET AND CONFIGURATION"])
    found = [re.findall(r"(?:^|\s)([~.]\S*\.json|FILE)\b", item)
             for item in re.split(r"^\.IP \d\. 4\n", target.split("\n.PP\nA server of 1 to 5")[0], flags=re.M)[1:]]
    compare("wsmcp.1: places of configuration", expected, found)
    compare("wsmcp.1: FILES", {f for files in expected for f in files} - {"FILE"},
            set(re.findall(r"[~.]\S*\.json", plain(parts["FILES"]))))


# --- completion ------------------------------------------------------------------------------


class Playground:
    """A home with servers, a directory with files, and wsmcp in the path."""

    SERVERS = {"weather", "tickets.example", "own_1"}

    def __init__(self, top: Path) -> None:
        self.top = top
        self.home = top / "home"
        own = self.home / ".config/wsmcp"
        for directory in (own, top / "bin", top / "work/folder"):
            directory.mkdir(parents=True)
        (top / "bin/wsmcp").symlink_to(Path(WSMCP).resolve())
        odd = ["with blank", "$(touch pwned)", "`touch pwned`", "-x", "a'b", 'a"b', "a\nb"]
        self.write(own / "servers.json", self.SERVERS | set(odd))
        self.write(top / "work/other.json", {"other"})
        (top / "work/plain.pem").touch()
        (top / "work/two words.pem").touch()

    @staticmethod
    def write(path: Path, names: set[str]) -> None:
        servers = {name: {"url": "ws://127.0.0.1:1/", "headersHelper": "touch pwned"} for name in names}
        path.write_text(json.dumps({"mcpServers": servers}))

    def run(self, *command: str | Path) -> list[str]:
        environment = {
            "HOME": str(self.home), "LC_ALL": "C.UTF-8", "TERM": "dumb",
            "PATH": f"{self.top / 'bin'}:{os.environ['PATH']}",
        }
        text = output(*command, cwd=self.top / "work", env=environment, stdin=subprocess.DEVNULL)
        return text.splitlines()


# What is typed, and what is offered; None stands for the options of that command.
def cases() -> list[tuple[str, set[str] | None]]:
    names = set(DEFAULT.commands)
    files = {"plain.pem", "two words.pem", "other.json", "folder"}
    found: list[tuple[str, set[str] | None]] = [
        ("wsmcp ", names | Playground.SERVERS),
        ("wsmcp c", {"call", "check"}),
        ("wsmcp wea", {"weather"}),
        ("wsmcp bridge ", Playground.SERVERS),
        ("wsmcp -v tick", {"tickets.example"}),
        ("wsmcp --resend none call", set()),
        ("wsmcp weather ", set()),
        ("wsmcp check ws://127.0.0.1:1/a=b ", set()),
        ("wsmcp call own_1 ", set()),
        ("wsmcp servers --json ow", {"own_1"}),
        ("wsmcp --config other.json ", {"other"}),
        ("wsmcp tools --config=other.json ", {"other"}),
        ("wsmcp --bearer-env weather ", Playground.SERVERS),
        ("wsmcp -- wea", {"weather"}),
        ("wsmcp -- -", set()),
        ("wsmcp entry weather --host ", HOSTS),
        ("wsmcp entry --host=v", {"vscode"}),
        ("wsmcp entry --host=", HOSTS),
        ("wsmcp tools --cacert ", files),
        ("wsmcp tools --cacert=pl", {"plain.pem"}),
        ("wsmcp --trust-project ", {"folder"}),
        ("wsmcp call --root=f", {"folder"}),
        ("wsmcp -H ", set()),
        ("wsmcp -H @pl", {"@plain.pem"}),
        ("wsmcp --header=@tw", {"@two\\ words.pem"}),
        ("wsmcp --ping-interval ", set()),
    ]
    for command, help in HELPS.items():
        found.append((f"wsmcp {command} -", None))
        for _, name, argument, _, _ in help.options:
            if "|" in argument:
                found.append((f"wsmcp {command} {name} ", set(argument.split("|"))))
    return found


# Cuts a line as bash does: at blanks, and at runs of = : @, which become words of their own.
BASH_CUT = r"[=:@]+|[^\s=:@]+"


def check_bash(place: Playground) -> None:
    script = [f"source {shlex.quote(str(MANUAL / 'wsmcp.bash'))}", "COMP_WORDBREAKS=$' \\t\\n\"\\'@><=;|&(:'"]
    for line, _ in (todo := cases()):
        cut = re.findall(BASH_CUT, line)
        if line.endswith(" "):
            cut.append("")
        script += [
            f"COMP_LINE={shlex.quote(line)} COMP_POINT={len(line)} COMP_CWORD={len(cut) - 1}",
            f"COMP_WORDS=({shlex.join(cut)})",
            "_wsmcp wsmcp",
            "printf '%s\\n' \"${COMPREPLY[@]}\" .",
        ]
    lines = iter(place.run("bash", "--norc", "-c", "set -u\n" + "\n".join(script)))
    for line, expected in todo:
        found = set(iter(lambda: next(lines), ".")) - {""}
        compare(f"bash: {line!r}", spellings(line.split()[1]) if expected is None else expected, found)
    kept = place.run("bash", "--norc", "-c", f"source {MANUAL / 'wsmcp.bash'}; complete -p wsmcp")
    compare("bash: registered", ["complete -F _wsmcp wsmcp"], kept)
    text = (MANUAL / "wsmcp.bash").read_text()
    valued = {n for h in HELPS.values() for o in h.options if o[2] for n in o[:2] if n}
    compare("bash: options with values", valued,
            {n for row in re.findall(r"^    (-.*)\) kind=", text, re.M) for n in row.split(" | ")})


def check_zsh(place: Playground) -> None:
    script = MANUAL / "_wsmcp"
    text = script.read_text()
    compare("zsh: commands", DEFAULT.commands, {
        name: help.replace("'\\''", "'") for name, help in re.findall(r"^        '([a-z]+):(.*)'$", text, re.M)
    })
    for name, help in HELPS.items():
        block = text.split(f"\n    {name})\n")[1].split(";;")[0]
        form = r"^ {12}'\*(--?[\w-]+?)([+=]?)\[((?:\\.|[^\]])*)\](?::((?:\\.|[^:])*):(.*))?'$"
        found = {
            (n, a.replace("\\:", ":"), re.sub(r"\\(.)", r"\1", h.replace("'\\''", "'")))
            for n, _, h, a, _ in re.findall(form, block, re.M)
        }
        compare(f"zsh: options of {name}", {
            (n, o[2], o[3]) for o in help.options for n in o[:2] if n
        }, found)
    if shutil.which("zsh"):
        place.run("zsh", "-fn", script)
    else:
        print("zsh is not installed: its completion was compared, but not read by it")


def check_fish(place: Playground) -> None:
    script = MANUAL / "wsmcp.fish"
    text = script.read_text()
    unquote = lambda s: re.sub(r"\\(['\\])", r"\1", s)
    compare("fish: commands", DEFAULT.commands, {
        n: unquote(h) for n, h in
        re.findall(r"^complete -c wsmcp -n __wsmcp_is_first -a ([a-z]+) -d '(.*)'$", text, re.M)
    })
    row = r"^complete -c wsmcp -n '__wsmcp_is ([a-z ]+)'(?: -s (\w))? -l ([\w-]+)( -r -F| -x(?: -a '.*?')?)? -d '(.*)'$"
    found: dict[str, set[tuple[str, str, bool, str]]] = {name: set() for name in HELPS}
    for names, letter, name, value, help in re.findall(row, text, re.M):
        for command in names.split():
            found[command].add((letter and f"-{letter}", f"--{name}", bool(value), unquote(help)))
    for name, help in HELPS.items():
        compare(f"fish: options of {name}", {(*o[:2], bool(o[2]), o[3]) for o in help.options}, found[name])
    if not shutil.which("fish"):
        print("fish is not installed: its completion was compared, but not tried out")
        return
    for line, expected in cases():
        if "@" in line or line == "wsmcp -- -" or expected and expected & {"plain.pem", "folder"}:
            continue  # fish has its own ways with files, and looks for "-" within names
        rows = place.run("fish", "-N", "-c", f"source {script}; complete -C {shlex.quote(line)}")
        offered = {r.split("\t")[0] for r in rows}
        if expected is None:
            expected = spellings(line.split()[1])
            offered = {o for o in offered if o.startswith("-")}
        offered = {o.rstrip("/").rpartition("=")[2] for o in offered}
        compare(f"fish: {line!r}", expected, offered)


def main() -> int:
    check_man()
    with tempfile.TemporaryDirectory(prefix="wsmcp-manual-") as top:
        place = Playground(Path(top))
        check_bash(place)
        check_zsh(place)
        check_fish(place)
        if list(place.top.rglob("pwned")):
            wrong.append("a completion ran what stands in a file")
    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    return 1 if wrong or len(HELPS) < 2 else 0


if __name__ == "__main__":
    sys.exit(main())
