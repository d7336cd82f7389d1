"""Starts the bridge as a host does, and watches it."""

import fcntl
import json
import os
import re
import select
import shlex
import signal
import socket
import subprocess
import threading
import time

from peer import DEADLINE, VARIANT, encode

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("WSMCP", os.path.join(ROOT, "wsmcp"))
RUNNER = shlex.split(os.environ.get("WSMCP_RUNNER", ""))
FAULT_STATUS = 99  # what a sanitizer or valgrind ends with

INITIALIZE = {
    "jsonrpc": "2.0", "id": "init", "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {},
               "clientInfo": {"name": "test", "version": "1"}},
}


def request(ident, method="work", **params):
    message = {"jsonrpc": "2.0", "id": ident, "method": method}
    if params:
        message["params"] = params
    return message


def notification(method, **params):
    message = {"jsonrpc": "2.0", "method": method}
    if params:
        message["params"] = params
    return message


def response(ident, **result):
    return {"jsonrpc": "2.0", "id": ident, "result": result}


def clean_environment(home, extra=None):
    env = {k: v for k, v in os.environ.items()
           if not k.lower().endswith("_proxy") and not k.startswith(("WSMCP", "XDG_", "CLAUDE"))}
    env.update(HOME=str(home), LC_ALL="C")
    # Preloaded helpers come before the sanitizer's own library; it need not be the first.
    env["ASAN_OPTIONS"] = ":".join(filter(None, [
        os.environ.get("ASAN_OPTIONS"), "exitcode=%d" % FAULT_STATUS, "verify_asan_link_order=0"]))
    env["UBSAN_OPTIONS"] = ":".join(filter(None, [
        os.environ.get("UBSAN_OPTIONS"), "halt_on_error=1", "exitcode=%d" % FAULT_STATUS]))
    env.update(extra or {})
    return env


class Bridge:
    """One running bridge.

    stdin and stdout are "pipe", "socket" (a socketpair, as Node hosts make it), "null", or a
    descriptor of the test's own. With read=False nobody reads stdout until read_on() is called;
    with drain=False nobody ever reads stderr.
    """

    def __init__(self, *args, home, stdin="pipe", stdout="pipe", stderr="pipe", env=None, cwd=None,
                 read=True, drain=True, launcher=(), reconnect=False, offline=None):
        """reconnect: go on after a lost link. offline: seconds a message may wait for one."""
        self.args = [str(a) for a in args]
        self.defaults = [] if reconnect else ["--no-reconnect"]
        self.offline = offline
        if offline is not None:
            self.defaults += ["--offline-timeout", str(offline)]
        self.lines = []  # what came on stdout, without the LF
        self.tail = b""  # bytes behind the last LF
        self.errors = b""
        self.output_ended = self.errors_ended = False
        self.changed = threading.Condition()
        self.paused = threading.Event()
        self.parsed = {}
        self.feeders = []
        child_in, self.stdin = self._channel(stdin, 0)
        child_out, self.stdout = self._channel(stdout, 1)
        child_err, self.stderr = self._channel(stderr, 2)
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [*launcher, *RUNNER, BINARY, *self.defaults, *self.args], stdin=child_in, stdout=child_out,
            stderr=child_err, env=clean_environment(home, env), cwd=cwd or str(home))
        for fd in {child_in, child_out, child_err}:
            if not isinstance(fd, int) or fd < 0:
                continue
            if (fd == child_in and stdin in ("pipe", "socket")) or \
                    (fd == child_out and stdout in ("pipe", "socket")) or \
                    (fd == child_err and stderr == "pipe"):
                os.close(fd)
        self.pid = self.process.pid
        self.reader = None
        if read and self.stdout is not None:
            self.read_on()
        self.draining = drain and self.stderr is not None
        if self.draining:
            threading.Thread(target=self._read_stderr, daemon=True).start()

    @staticmethod
    def _channel(kind, number):
        """(the child's descriptor, ours)"""
        if isinstance(kind, int):
            return kind, None
        if kind == "null":
            return subprocess.DEVNULL, None
        if kind == "socket":
            ours, theirs = socket.socketpair()
            return theirs.detach(), ours.detach()
        read, write = os.pipe()
        return (read, write) if number == 0 else (write, read)

    # stdin

    def send(self, *messages):
        """Writes messages as lines, all in one write."""
        self.send_raw(b"".join(encode(m) + b"\n" for m in messages))

    def send_raw(self, data):
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self.stdin, view):]
        except BrokenPipeError:
            pass  # it has ended; what the test waits for tells more

    def wait_fed(self):
        """Waits until everything that was fed is written, so that other lines do not fall into it."""
        for thread in self.feeders:
            thread.join(DEADLINE)
            assert not thread.is_alive(), "the bridge does not read"

    def feed(self, pieces):
        """Writes pieces in a thread of their own; join() of what it returns waits."""

        def body():
            try:
                for piece in pieces:
                    self.send_raw(piece)
            except OSError:
                pass  # the bridge ended; the test will see that

        thread = threading.Thread(target=body, daemon=True)
        thread.start()
        self.feeders.append(thread)
        return thread

    def close_stdin(self):
        if self.stdin is not None:
            os.close(self.stdin)
            self.stdin = None

    # stdout

    def read_on(self):
        """Starts to read stdout."""
        self.reader = threading.Thread(target=self._read_stdout, daemon=True)
        self.reader.start()

    def _read_stdout(self):
        parts = []
        while True:
            try:
                data = os.read(self.stdout, 1 << 20)
            except OSError:
                data = b""
            with self.changed:
                if not data:
                    self.tail = b"".join(parts)
                    self.output_ended = True
                    self.changed.notify_all()
                    return
                pieces = data.split(b"\n")
                for piece in pieces[:-1]:
                    parts.append(piece)
                    self.lines.append(b"".join(parts))
                    parts = []
                if pieces[-1]:
                    parts.append(pieces[-1])
                if len(pieces) > 1:
                    self.changed.notify_all()

    def wait_lines(self, count, timeout=None):
        """Waits for count lines in all; returns them."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.lines) >= count or self.output_ended,
                                         DEADLINE if timeout is None else timeout) \
                    or len(self.lines) < count:
                raise AssertionError("%d lines instead of %d on stdout: %.2000r\nstderr: %s" % (
                    len(self.lines), count, self.lines, self.error_text()))
            return self.lines[:count]

    def message(self, index):
        """Line number index, parsed."""
        line = self.lines[index]
        if index not in self.parsed:
            self.parsed[index] = json.loads(line)
        return self.parsed[index]

    def _find(self, ident):
        for i in range(len(self.lines)):
            got = self.message(i)
            for part in got if isinstance(got, list) else [got]:
                if isinstance(part, dict) and "method" not in part and part.get("id", self) == ident \
                        and type(part["id"]) is type(ident):
                    return part
        return None

    def answer(self, ident, timeout=None):
        """Waits for the answer to a request."""
        with self.changed:
            end = time.monotonic() + (DEADLINE if timeout is None else timeout)
            while True:
                got = self._find(ident)
                if got is not None:
                    return got
                left = end - time.monotonic()
                if left <= 0 or self.output_ended:
                    raise AssertionError("no answer to %r; stdout: %.2000r\nstderr: %s" % (
                        ident, self.lines, self.error_text()))
                self.changed.wait(left)

    def error(self, ident, code, timeout=None):
        """Waits for an error of the bridge's own making and checks what all of them hold."""
        got = self.answer(ident, timeout)
        return check_error(got, code)

    def ask(self, message, timeout=None):
        """A request and its answer."""
        self.send(message)
        return self.answer(message["id"], timeout)

    # stderr

    def _read_stderr(self):
        while True:
            try:
                data = os.read(self.stderr, 1 << 16)
            except (OSError, TypeError):  # closed, or already None
                data = b""
            with self.changed:
                self.errors += data
                self.errors_ended = not data
                self.changed.notify_all()
            if not data:
                return

    def error_text(self):
        return self.errors.decode(errors="replace")

    def error_lines(self):
        """Lines on stderr that are the bridge's, not those of a runner such as valgrind."""
        return [x for x in self.error_text().splitlines() if not re.match(r"==\d+==|--\d+--", x)]

    def wait_stderr(self, pattern, timeout=None):
        with self.changed:
            if not self.changed.wait_for(lambda: re.search(pattern, self.error_text(), re.I | re.S),
                                         DEADLINE if timeout is None else timeout):
                raise AssertionError("nothing like %r on stderr: %r" % (pattern, self.error_text()))
            return re.search(pattern, self.error_text(), re.I | re.S)

    # the process

    def signal(self, number):
        os.kill(self.pid, number)

    def wait(self, timeout=None):
        """The exit status; -N or 128+N for a signal N."""
        deadline = DEADLINE if timeout is None else timeout
        if hasattr(os, "pidfd_open") and self.process.poll() is None:
            # Popen.wait() looks at growing intervals, which would blur what is measured.
            pidfd = os.pidfd_open(self.pid)
            select.select([pidfd], [], [], deadline)
            os.close(pidfd)
            deadline = 0.1
        try:
            status = self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            raise AssertionError("the bridge did not end; stdout: %.2000r\nstderr: %s" % (
                self.lines, self.error_text())) from None
        self.ended_at = time.monotonic()
        with self.changed:
            self.changed.wait_for(lambda: (self.output_ended or not self.reader) and
                                  (self.errors_ended or not self.draining), DEADLINE)
        return status

    def ended(self):
        return self.process.poll() is not None

    def finish_without_link(self):
        """No link, but hope: the bridge still answers its host, and ends with it."""
        error = check_error(self.ask(request("still there")), -31002)
        assert error["data"]["delivered"] == "no"
        assert not self.ended(), self.error_text()
        self.close_stdin()
        self.finish(0)

    def finish_lost(self):
        """The end after a lost link: at once now that the host has nothing more to say."""
        self.close_stdin()
        self.finish(4)

    def finish(self, status=0, timeout=None):
        """Waits for the end, checks the exit status."""
        got = self.wait(timeout)
        assert got == status, "exit status %d instead of %d; stdout: %.2000r\nstderr: %s" % (
            got, status, self.lines, self.error_text())

    def _memory(self, field):
        with open("/proc/%d/status" % self.pid) as status:
            return int(re.search(field + r":\s+(\d+) kB", status.read())[1]) * 1024

    def peak(self):
        """The most memory ever resident, bytes; only while the process lives."""
        return self._memory("VmHWM")

    def resident(self):
        return self._memory("VmRSS")

    def assert_peak(self, limit):
        if VARIANT == "plain":
            peak = self.peak()
            assert peak < limit, "peak memory %.1f MB, allowed %.1f MB" % (peak / 1e6, limit / 1e6)

    def cpu(self):
        """Seconds of processor time so far."""
        with open("/proc/%d/stat" % self.pid) as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def assert_idle(self, seconds=0.5, share=0.2):
        """Watches for a while that the process sleeps."""
        before = self.cpu()
        time.sleep(seconds)
        used = self.cpu() - before
        if VARIANT == "valgrind":
            share = max(share, 0.6)  # each wake-up costs fifty times as much
        assert used <= seconds * share + 0.02 * (VARIANT != "plain"), \
            "%.2f s of processor time in %.2f s without work" % (used, seconds)

    def close(self):
        """Ends the process, whatever its state, and checks what holds for every run."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for thread in self.feeders:
            thread.join(1)
        with self.changed:
            if self.reader:
                self.changed.wait_for(lambda: self.output_ended, 2)
        for fd in {self.stdin, self.stdout, self.stderr} - {None}:
            try:
                os.close(fd)
            except OSError:
                pass
        self.stdin = self.stdout = self.stderr = None

    def check(self, killed):
        """stdout carried whole protocol lines only; no sanitizer spoke up."""
        text = self.error_text()
        assert "Sanitizer" not in text and "runtime error:" not in text, text
        assert self.process.returncode not in (FAULT_STATUS, -signal.SIGSEGV, -signal.SIGABRT,
                                               -signal.SIGBUS, -signal.SIGILL, -signal.SIGFPE), text
        if self.reader and self.output_ended:
            if not killed:
                assert self.tail == b"", "stdout ends inside a line: %.200r" % self.tail
            for line in self.lines:
                assert b"\r" not in line and line.lstrip(b" ")[:1] in (b"{", b"["), \
                    "on stdout: %.200r" % line
                if len(line) < 1 << 20 and b"[[[[" not in line:
                    json.loads(line)
        for line in self.error_lines():
            assert len(line) < 4096 and not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", line), \
                "on stderr: %.200r" % line


def check_error(got, code):
    error = got["error"]
    assert error["code"] == code, got
    assert got["jsonrpc"] == "2.0" and set(got) == {"jsonrpc", "id", "error"}, got
    data = error["data"]
    assert data["source"] == "wsmcp", got
    assert data["delivered"] in ("no", "unknown"), got
    message = error["message"]
    assert isinstance(message, str) and len(message) > 10 and "\n" not in message, got
    return error


def open_flags(fd):
    return fcntl.fcntl(fd, fcntl.F_GETFL)
