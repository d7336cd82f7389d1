#!/usr/bin/env python3
"""Plays an MCP host: starts the demo server and wsmcp, and shows a session between them.

    tests/demo/demo.py path/to/wsmcp

Exit status 0 means that every step went right.
"""

import base64
import json
import os
import queue
import shutil
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

Json = dict[str, Any]

SERVER = Path(__file__).resolve().with_name("server.py")
NAME = "wsmcp-demo"
PATIENCE = 20  # seconds for any one thing

COLOURS = {"title": "1", "out": "36", "in": "35", "good": "32", "bad": "1;31", "dim": "2"}
TTY = sys.stdout.isatty()
WIDTH = shutil.get_terminal_size((100, 24)).columns


def paint(colour: str, words: str) -> str:
    return f"\033[{COLOURS[colour]}m{words}\033[0m" if TTY else words


class Wrong(Exception):
    """A step that did not go as it should."""


def expect(good: bool, what: str) -> None:
    if not good:
        raise Wrong(what)


class Host:
    """What a host does: writes lines to wsmcp, reads lines from it, and shows them."""

    def __init__(self, process: "subprocess.Popen[str]"):
        self.process = process
        self.received: queue.Queue[str | None] = queue.Queue()
        self.progress = 0  # notifications that came with the last request
        self.ident = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.received.put(line)
        self.received.put(None)

    @staticmethod
    def show(direction: str, name: str, value: Any, note: str = "") -> None:
        arrow = {"out": "→", "in": "←"}[direction]
        room = WIDTH - 38 - len(note)
        compact = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        compact = "" if value is None else compact
        if len(compact) > room:
            compact = compact[: max(0, room - 1)] + "…"
        tail = f"{compact:<{room}} {paint('dim', note)}" if note else compact
        print(paint(direction, f"  {arrow} {name:<31}"), tail)

    def send(self, message: Json) -> None:
        self.show("out", message["method"], message.get("params"))
        assert self.process.stdin
        try:
            self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Wrong("wsmcp has ended") from None

    def receive(self) -> Json:
        try:
            line = self.received.get(timeout=PATIENCE)
        except queue.Empty:
            raise Wrong(f"nothing came within {PATIENCE} s") from None
        expect(line is not None, "wsmcp closed its output")
        return json.loads(line or "")

    def request(self, method: str, params: Json | None = None) -> Json:
        """Returns the result. Progress that comes meanwhile is shown and counted."""
        self.ident += 1
        self.progress = 0
        started = time.monotonic()
        message: Json = {"id": self.ident, "method": method}
        self.send(message if params is None else {**message, "params": params})
        while True:
            reply = self.receive()
            if reply.get("id") == self.ident:
                break
            if reply.get("method") == "notifications/progress":
                self.show("in", "notifications/progress", reply["params"])
                self.progress += 1
        outcome = "result" if "result" in reply else "error"
        self.show("in", outcome, reply[outcome], f"{(time.monotonic() - started) * 1000:.1f} ms")
        expect(outcome == "result", f"{method} was answered with an error")
        return reply["result"]

    def call(self, tool: str, arguments: Json, **more: Any) -> Json:
        return self.request("tools/call", {"name": tool, "arguments": arguments, **more})

    def wait_for(self, method: str) -> Json:
        """The params of the next notification of this method that comes from now on."""
        while True:
            message = self.receive()
            if message.get("method") == method:
                self.show("in", method, message["params"])
                return message["params"]


# --- the steps: each shows something, checks it, and returns a sentence about it -----------------


def connect(host: Host) -> str:
    client = {"name": "demo-host", "version": "1"}
    result = host.request(
        "initialize",
        {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client},
    )
    host.send({"method": "notifications/initialized"})
    server = result["serverInfo"]
    expect(server["name"] == "wsmcp-demo", "another server answered")
    return f"{server['name']} {server['version']} speaks MCP {result['protocolVersion']}"


def list_tools(host: Host) -> str:
    names = [tool["name"] for tool in host.request("tools/list")["tools"]]
    expect(names == ["echo", "add", "slow", "picture", "fail"], "the tools are not what they were")
    return f"{len(names)} tools: {', '.join(names)}"


def call_echo(host: Host) -> str:
    words = "Grüße, 世界 👋"
    said = host.call("echo", {"text": words})["content"][0]["text"]
    expect(said == words, "the echo is not what was said")
    return f"it said: {said}"


def call_add(host: Host) -> str:
    total = host.call("add", {"a": 19, "b": 23})["structuredContent"]["sum"]
    expect(total == 42, "19 and 23 are 42")
    return f"19 + 23 = {total}"


def call_slow(host: Host) -> str:
    result = host.call("slow", {"steps": 4, "milliseconds": 120}, _meta={"progressToken": "bar"})
    expect(host.progress == 4, f"{host.progress} progress notifications came instead of 4")
    return f"{result['content'][0]['text']}, and told along the way"


def call_picture(host: Host) -> str:
    content = host.call("picture", {})["content"][0]
    data = base64.b64decode(content["data"], validate=True)
    expect(data.startswith(b"\x89PNG\r\n\x1a\n"), "that is no PNG")
    width, height = struct.unpack(">II", data[16:24])
    return f"a picture of {width} × {height} ({content['mimeType']}, {len(data)} bytes)"


def call_fail(host: Host) -> str:
    result = host.call("fail", {})
    expect(result.get("isError") is True, "it did not fail")
    return f"it failed, as it should: {result['content'][0]['text']}"


def read_resource(host: Host) -> str:
    uri = host.request("resources/list")["resources"][0]["uri"]
    return host.request("resources/read", {"uri": uri})["contents"][0]["text"]


def get_prompt(host: Host) -> str:
    arguments = {"name": "Ada", "language": "fr"}
    result = host.request("prompts/get", {"name": "greet", "arguments": arguments})
    words = result["messages"][0]["content"]["text"]
    expect(words == "Bonjour, Ada!", "that is another greeting")
    return f"it reads: {words}"


def be_notified(host: Host) -> str:
    host.request("resources/subscribe", {"uri": "demo://clock"})
    number = host.wait_for("notifications/message")["data"]["tick"]
    host.wait_for("notifications/resources/updated")
    return f"the server spoke by itself: its message number {number}, and an update"


STEPS: list[tuple[str, Callable[[Host], str]]] = [
    ("Connect", connect),
    ("List the tools", list_tools),
    ("Call a tool", call_echo),
    ("Call one with a structured result", call_add),
    ("Call one that takes its time", call_slow),
    ("Call one that draws", call_picture),
    ("Call one that fails", call_fail),
    ("Read a resource", read_resource),
    ("Get a prompt", get_prompt),
    ("Be told without asking", be_notified),
]


def finish(host: Host) -> str:
    assert host.process.stdin
    host.process.stdin.close()
    try:
        status = host.process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        raise Wrong("wsmcp does not end") from None
    expect(status == 0, f"wsmcp ended with exit status {status}")
    return "wsmcp ended with exit status 0"


@contextmanager
def running(*command: str | Path, **options: Any) -> "Iterator[subprocess.Popen[str]]":
    process = subprocess.Popen(command, encoding="utf-8", stdout=subprocess.PIPE, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        with suppress(BrokenPipeError):  # what it did not read any more
            if process.stdin:
                process.stdin.close()


def session(binary: Path) -> str:
    """Shows the session; returns the URL of the server."""
    with running(sys.executable, SERVER, "--tick", "150") as server:
        assert server.stdout
        url = server.stdout.readline().removeprefix("listening on ").strip()
        expect(url != "", "the demo server did not start")
        print(f"{paint('dim', 'server')}  {os.path.relpath(SERVER)}")
        print(f"{paint('dim', 'bridge')}  {os.path.join('.', os.path.relpath(binary))} {url}\n")
        with running(binary, url, stdin=subprocess.PIPE) as process:
            host = Host(process)
            for title, step in [*STEPS, ("Close", finish)]:
                print(paint("title", title))
                print(f"  {paint('good', '✓')} {step(host)}\n")
    return url


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)
    binary = Path(sys.argv[1]).resolve()
    started = time.monotonic()
    print(paint("title", "wsmcp: an MCP session over WebSocket, seen from the host\n"))
    try:
        url = session(binary)
    except BrokenPipeError:  # nobody reads on
        os._exit(1)
    except (Wrong, KeyError, IndexError, ValueError, OSError) as wrong:
        print(f"  {paint('bad', '✗')} {wrong or type(wrong).__name__}")
        return 1

    entry = {"mcpServers": {NAME: {"command": str(binary), "args": [url]}}}
    port = url.rsplit(":", 1)[1].split("/")[0]
    print(paint("good", f"Every step went right, in {time.monotonic() - started:.1f} s."))
    print(f"""
To try this server in a host of yours, leave it running in another terminal:

    {sys.executable} {SERVER} --port {port}

Claude Desktop, Cursor and others take this entry in their configuration file (see README.md):

{json.dumps(entry, indent=2)}

Claude Code takes this line:

    claude mcp add {NAME} -- {binary} {url}""")
    return 0


if __name__ == "__main__":
    sys.exit(main())
