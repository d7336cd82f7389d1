"""Starts the servers and hosts that others wrote, with and without the bridge between them.

WSMCP          the binary under test (default: wsmcp in the top directory)
WSMCP_RUNNER   a command put in front of it, e.g. valgrind with its options
WSMCP_VARIANT  plain, asan or valgrind: how long things may take
"""

import contextlib
import json
import os
import queue
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import threading
from glob import glob

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BINARY = os.path.abspath(os.environ.get("WSMCP", os.path.join(ROOT, "wsmcp")))
RUNNER = shlex.split(os.environ.get("WSMCP_RUNNER", ""))
DEADLINE = {"asan": 120, "valgrind": 300}.get(os.environ.get("WSMCP_VARIANT"), 40)

MODULES = os.path.join(HERE, "node_modules")
EVERYTHING = f"{MODULES}/@modelcontextprotocol/server-everything/dist/index.js"
INSPECTOR = f"{MODULES}/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
SUPERGATEWAY = f"{MODULES}/supergateway/dist/index.js"


def node():
    """The Node that package.json pins; the machine's own may be too old for the peers."""
    found = glob(f"{MODULES}/node-*/bin/node")
    assert found, f"the peers are not installed: run `npm ci` in {HERE}"
    return found[0]


def everything():
    return [node(), EVERYTHING, "stdio"]


def ts_sdk_v2_server():
    return [node(), f"{HERE}/servers/ts_sdk_v2_server.mjs"]


def py_sdk_server(transport):
    return [sys.executable, f"{HERE}/servers/py_sdk_server.py", transport]


def wsmcp(*args):
    assert os.access(BINARY, os.X_OK), f"{BINARY} is not there: run `make`, or set WSMCP"
    return [*RUNNER, BINARY, *args]


def environment(**extra):
    """Ours without what would reach around the loopback, or change what a host or server does."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy")
        and not name.startswith(("WSMCP", "XDG_", "CLAUDE", "NODE_", "MCP_", "npm_"))
    }
    return {**kept, "LC_ALL": "C", "PYTHONUTF8": "1", **extra}


@contextlib.contextmanager
def process(command, **options):
    """A process in a group of its own, which is gone at the end."""
    child = subprocess.Popen(
        command, start_new_session=True, env=environment(), stdin=subprocess.PIPE, **options
    )
    try:
        yield child
    finally:
        with contextlib.suppress(OSError):
            child.stdin.close()
        # Servers end with their stdin, and take their own children along; a killed one could not.
        try:
            child.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        for stream in (child.stdout, child.stderr):
            if stream:
                stream.close()


class Lines:
    """The lines that a process prints, read all the time so that it never blocks."""

    def __init__(self, stream):
        self.queue = queue.Queue()
        self.thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self.thread.start()

    def _read(self, stream):
        for line in stream:
            self.queue.put(line.rstrip(b"\n"))
        self.queue.put(None)

    def next(self):
        """The next line, None at the end."""
        return self.queue.get(timeout=DEADLINE)

    def until(self, wanted):
        """What `wanted` makes of the first line for which that is true; None at the end."""
        while (line := self.next()) is not None:
            if found := wanted(line):
                return found
        return None


class Server:
    """A WebSocket server that is ready: its URL, and the events that it prints as JSON lines."""

    def __init__(self, url, lines):
        self.url = url
        self.lines = lines

    def event(self, name):
        return self.lines.until(lambda line: json.loads(line).get(name))


@contextlib.contextmanager
def server(command, path="/"):
    """One of our servers, which print {"ready": PORT} and end with their stdin."""
    with process(command, stdout=subprocess.PIPE) as child:
        started = Server(None, Lines(child.stdout))
        port = started.event("ready")
        assert port, f"{command} did not start"
        started.url = f"ws://127.0.0.1:{port}{path}"
        yield started


def ws_gate(command):
    return server([node(), f"{HERE}/servers/ws_gate.mjs", *command])


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextlib.contextmanager
def supergateway(command):
    """supergateway takes only a fixed port, and ends if somebody else was quicker to take it."""
    for _ in range(5):
        port = free_port()
        arguments = ["--stdio", shlex.join(command), "--outputTransport", "ws"]
        arguments += ["--port", str(port), "--messagePath", "/message"]
        with process(
            [node(), SUPERGATEWAY, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as child:
            lines = Lines(child.stdout)
            if lines.until(lambda line: b"Listening on port" in line):
                yield Server(f"ws://127.0.0.1:{port}/message", lines)
                return
    raise AssertionError("supergateway found no port, or did not start")


class Watched:
    """A command as a host starts it, made to leave its exit status and its stderr behind.

    A shell stands between; stdin and stdout are passed on to the command as the host made them.
    """

    # A host that looks first may start it twice: only the second one is left to end by itself.
    SCRIPT = '"$@" 2>>"$0/stderr"; echo $? >"$0/status"'

    def __init__(self, command, directory):
        self.directory = str(directory)
        self.command = ["/bin/sh", "-c", self.SCRIPT, self.directory, *command]
        os.mkfifo(f"{self.directory}/status")
        self.descriptor = os.open(f"{self.directory}/status", os.O_RDONLY | os.O_NONBLOCK)

    def status(self):
        """Its exit status; -1 if the host killed the shell, so that it never was written."""
        try:
            # A FIFO that nobody has opened for writing yet just waits.
            select.select([self.descriptor], [], [], DEADLINE)
            return int(os.read(self.descriptor, 16) or -1)
        finally:
            os.close(self.descriptor)

    def stderr(self):
        """What it wrote there itself; lines like ==PID== are valgrind's, whose status tells all."""
        with open(f"{self.directory}/stderr", encoding="utf-8") as file:
            return "".join(line for line in file if not re.match(r"==\d+==", line))


def run(command, given=b"", seconds=DEADLINE, **env):
    """Runs a program to its end; returns (exit status, stdout, stderr)."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    child = subprocess.Popen(command, start_new_session=True, env=environment(**env), **pipes)
    try:
        out, err = child.communicate(given, seconds)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        out, err = child.communicate()
        raise AssertionError(f"{command} does not end; it said: {out[-500:]} {err}") from None
    return child.returncode, out, err.decode()


HOSTS = {
    "typescript-sdk": lambda: [node(), f"{HERE}/hosts/ts_sdk_host.mjs"],
    "typescript-sdk-v2": lambda: [node(), f"{HERE}/hosts/ts_sdk_v2_host.mjs"],
    "python-sdk": lambda: [sys.executable, f"{HERE}/hosts/py_sdk_host.py"],
}


def record(host, command, scenario):
    """What the host saw when it ran the scenario with the command as its server."""
    # How long the host waits for one notification.
    given = json.dumps({**scenario, "patience": DEADLINE / 8}).encode()
    status, out, err = run([*HOSTS[host](), *command], given)
    assert status == 0, f"the host failed: {err}"
    return json.loads(out)


CLOCK = re.compile(r"\b\d{1,2}:\d{2}:\d{2}\s[AP]M\b")


def without_clock(text):
    """server-everything puts the time of day into its dynamic text resources."""
    return CLOCK.sub("HH:MM:SS", text)
