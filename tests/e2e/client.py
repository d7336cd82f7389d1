"""Drives the C library through client_driver, and plays an MCP server for it."""

import json
import os
import shlex
import subprocess
import threading
import time

from bridge import FAULT_STATUS, ROOT, clean_environment
from peer import DEADLINE, VARIANT

DRIVER = os.environ.get("WSMCP_DRIVER", os.path.join(
    ROOT, "build", "asan" if VARIANT == "asan" else "plain", "drivers", "client_driver"))
RUNNER = shlex.split(os.environ.get("WSMCP_RUNNER", ""))

OK, TOOL, USAGE, CONFIGURATION, CONNECTION, DEPENDENCY, CANCELLED = range(7)
AUTO, LEGACY, MODERN = range(3)
META = "io.modelcontextprotocol/"


class Driver:
    """One process with up to four clients in it."""

    def __init__(self, home, env=None, cwd=None):
        self.process = subprocess.Popen(
            [*RUNNER, DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=clean_environment(home, env), cwd=cwd or str(home))
        self.lines = []
        self.stderr = b""
        self.changed = threading.Condition()
        self.ended = False
        self.threads = [threading.Thread(target=f, daemon=True) for f in (self._read, self._read_errors)]
        for thread in self.threads:
            thread.start()

    def _read(self):
        for raw in self.process.stdout:
            with self.changed:
                self.lines.append(json.loads(raw))
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def _read_errors(self):
        self.stderr = self.process.stderr.read()

    def begin(self, what, **details):
        """Says what is to be done, and does not wait for it."""
        self.process.stdin.write(json.dumps({"do": what, **details}).encode() + b"\n")
        self.process.stdin.flush()

    def _take(self, matches, timeout=None):
        end = time.monotonic() + (DEADLINE if timeout is None else timeout)
        with self.changed:
            while True:
                for i, each in enumerate(self.lines):
                    if matches(each):
                        return self.lines.pop(i)
                left = end - time.monotonic()
                assert not self.ended and left > 0, "it did not come; there is %r" % self.lines
                self.changed.wait(left)

    def did(self, what, client=None):
        """The outcome of what was begun."""
        return self._take(lambda o: o.get("did") == what and client in (None, o.get("client")))

    def do(self, what, **details):
        self.begin(what, **details)
        return self.did(what)

    def event(self, kind, client=None):
        """The next event of this kind."""
        return self._take(lambda o: o.get("event") == kind and client in (None, o.get("client")))

    def events(self, kind):
        """Those of this kind that have come and were not taken."""
        with self.changed:
            return [o for o in self.lines if o.get("event") == kind]

    def on(self, event, *then):
        """What is to be done in the callback."""
        self.do("on", event=event, then=list(then))

    def open(self, target, *callbacks, client=0, **options):
        opened = self.do("open", target=target, client=client, **options)
        assert opened["status"] == OK, opened
        if callbacks:
            self.do("callbacks", names=callbacks, client=client)

    def close(self):
        if self.process.poll() is None:
            try:
                self.begin("quit")
                self.process.wait(DEADLINE)
            except (BrokenPipeError, subprocess.TimeoutExpired):
                self.process.kill()
                self.process.wait()
        for thread in self.threads:
            thread.join(DEADLINE)

    def check(self):
        """It ended by itself, without a fault, and the library has said nothing."""
        assert self.process.returncode == 0, (
            "fault of memory" if self.process.returncode == FAULT_STATUS else self.process.returncode,
            self.stderr.decode())
        assert self.stderr == b"", self.stderr.decode()


# --- the server's side


def read_call(conn, method):
    """The next message, which must be of this method."""
    message = conn.read_json()
    assert message.get("method") == method, message
    return message


def serve_initialize(conn, version="2025-11-25", **result):
    """Answers initialize; returns its params."""
    asked = read_call(conn, "initialize")
    conn.send_result(asked["id"], {
        "protocolVersion": version, "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}, **result})
    assert read_call(conn, "notifications/initialized") == {
        "jsonrpc": "2.0", "method": "notifications/initialized"}
    return asked["params"]


def serve_discover(conn, **result):
    asked = read_call(conn, "server/discover")
    conn.send_result(asked["id"], {
        "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}},
        "_meta": {META + "serverInfo": {"name": "m", "version": "2"}}, **result})
    return asked["params"]


def send_error(conn, ident, code=-32601, message="Method not found", **more):
    conn.send_text({"jsonrpc": "2.0", "id": ident, "error": {"code": code, "message": message, **more}})


def ask(conn, ident, method, **params):
    conn.send_text({"jsonrpc": "2.0", "id": ident, "method": method, "params": params})


def notify(conn, method, **params):
    conn.send_text({"jsonrpc": "2.0", "method": method, "params": params})
