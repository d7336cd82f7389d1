"""The bridges that wsmcp is measured against: what each is started with, and which of them are here.

./setup.sh bench installs those that it can: the Python ones into .venv, Node's library into peers/node_modules.

Each is run with what serves it best, and speaks to the load uncompressed: the load takes up no extension.

websocat   Splits lines and messages of 64 KiB and more unless "-B" says otherwise, and a large buffer makes short
           lines three times as dear: it has one for long messages only. Messages end with the newline of their
           line ("--linemode-strip-newlines" sends it as a message of its own). Comes back with "autoreconnect:",
           and then needs "-E" to end with its stdin. Leaves Nagle's algorithm on. Now and then stands still with
           long messages: a run that fails is no proof that the next one does.
mcp-ws     One thread each way, one frame and one flush for each message. No option for the 1 MiB to which the
           library limits messages from the server; ends with the connection, and with an empty line.
node       peers/bridge.mjs, with the native masking that ws recommends; ends with the connection.
python     peers/bridge.py, asyncio; ends with the connection.
mcp-proxy  The one of punt-labs, in Go, if it is on PATH: set-up does not build it.
"""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv/bin"
MODULES = HERE / "peers/node_modules"
LONG = 65_000  # bytes of a message that needs the words for long ones
GO_MODULE = "github.com/punt-labs/mcp-proxy"

# What makes all of them trust the certificate authority in a file, {ca}: OpenSSL and Go, and Node.
TRUST = {"SSL_CERT_FILE": "{ca}", "NODE_EXTRA_CA_CERTS": "{ca}"}


@dataclass
class Candidate:
    """A bridge. In its words stand {url}, {host} and {port}, and {ca} for the file of the test's authority."""

    name: str
    command: list[str]
    raw: bool = False  # speaks lines on a TCP connection instead of WebSocket
    tls: list[str] = field(default_factory=list)  # words to add for wss
    long: list[str] = field(default_factory=list)  # words to add for messages longer than LONG
    returning: list[str] = field(default_factory=list)  # the command for a server that comes back, if another
    environment: dict[str, str] = field(default_factory=dict)  # variables to set for wss
    missing: str | None = None  # why it is not here
    version: str = ""

    def words(self, size: float, ca: Path | None, returning: bool = False) -> list[str]:
        """The command for messages of that size, for wss if there is an authority."""
        command = self.returning if returning and self.returning else self.command
        words = [*command, *(self.long if size > LONG else []), *(self.tls if ca else [])]
        return [word.replace("{ca}", str(ca)) for word in words]

    def variables(self, ca: Path | None) -> dict[str, str]:
        """Its environment, likewise."""
        more = {name: value.replace("{ca}", str(ca)) for name, value in self.environment.items()}
        return {**os.environ, **(more if ca else {})}


def said(*command: str) -> str:
    """What a command prints; nothing if there is no such command, or it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def python_versions() -> dict[str, str]:
    """Of the packages in .venv, and of its Python."""
    script = (
        "import importlib.metadata, json, platform;"
        "print(json.dumps({d.name: d.version for d in importlib.metadata.distributions()}"
        " | {'python': platform.python_version()}))"
    )
    return json.loads(said(str(VENV / "python"), "-c", script) or "{}")


def websocat() -> Candidate:
    program = shutil.which("websocat", path=str(VENV)) or shutil.which("websocat")
    version = said(program, "--version").removeprefix("websocat ") if program else ""
    return Candidate(
        "websocat",
        [program or "websocat", "-t", "{url}"],
        returning=[program or "websocat", "-tE", "-", "autoreconnect:{url}"],
        long=["-B", str(128 << 20)],
        environment=TRUST,
        missing=None if version else "neither in tests/bench/.venv nor on PATH",
        version=version,
    )


def mcp_ws(versions: dict[str, str]) -> Candidate:
    python = versions.get("python", "0.0")
    old = tuple(int(part) for part in python.split(".")[:2]) < (3, 12)
    reason = "it needs Python 3.12 or newer" if old and versions else "not installed in tests/bench/.venv"
    return Candidate(
        "mcp-ws",
        [str(VENV / "mcp-ws"), "{url}"],
        environment=TRUST,
        missing=None if "mcp-ws" in versions else reason,
        version=f"{versions.get('mcp-ws')}, websockets {versions.get('websockets')}, Python {python}",
    )


def node() -> Candidate:
    about = MODULES / "ws/package.json"
    version = said("node", "--version")
    missing = None if version else "no Node on PATH"
    if version and not about.exists():
        missing = "ws is not installed in tests/bench/peers/node_modules"
    library = json.loads(about.read_text())["version"] if about.exists() else ""
    return Candidate(
        "node",
        ["node", str(HERE / "peers/bridge.mjs"), "{url}"],
        environment=TRUST,
        missing=missing,
        version=f"ws {library}, Node {version}",
    )


def python(versions: dict[str, str]) -> Candidate:
    return Candidate(
        "python",
        [str(VENV / "python"), str(HERE / "peers/bridge.py"), "{url}"],
        environment=TRUST,
        missing=None if "websockets" in versions else "websockets is not installed in tests/bench/.venv",
        version=f"websockets {versions.get('websockets')}, Python {versions.get('python')}",
    )


def mcp_proxy() -> Candidate:
    """Others have that name, too: a program in Go names its module inside."""
    program = shutil.which("mcp-proxy")
    inside = Path(program).read_bytes() if program else b""
    found = re.search(rb"\nmod\t" + re.escape(GO_MODULE.encode()) + rb"\t(\S+)", inside)
    return Candidate(
        "mcp-proxy",
        [program or "mcp-proxy", "{url}"],
        environment=TRUST,
        missing=None if found else f"no mcp-proxy of {GO_MODULE} on PATH",
        version=found[1].decode() if found else "",
    )


def candidates() -> list[Candidate]:
    versions = python_versions()
    return [websocat(), mcp_ws(versions), node(), python(versions), mcp_proxy()]


if __name__ == "__main__":
    for candidate in candidates():
        print(f"{candidate.name}: {candidate.missing or candidate.version}")
