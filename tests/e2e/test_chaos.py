"""Links that end often and badly: every request gets its one answer, no call runs twice, nothing grows.

WSMCP_CHAOS=10000,500 asks for that many requests and lost links.
"""

import collections
import itertools
import json
import os
import random
import re
import select
import socket
import struct
import subprocess
import threading
import time

import pytest

import bridge as bridge_module
from bridge import INITIALIZE, check_error, notification, request
from peer import DEADLINE, SCALE, VARIANT, Forwarder, Gone

from test_reconnect import INITIALIZED, RESULT, expect_replay, initialize, resume, works

KB = 1 << 10
PATIENCE = {"plain": 1, "asan": 2, "valgrind": 6}[VARIANT]


# What grows


def descriptors(b):
    return sorted(os.readlink("/proc/%d/fd/%s" % (b.pid, fd)).partition(":")[0]
                  for fd in os.listdir("/proc/%d/fd" % b.pid))


def resident(b):
    with open("/proc/%d/statm" % b.pid) as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Scales:
    """Weighs what a bridge holds while its link is up and idle."""

    ALLOWED = {"plain": 256 * KB, "asan": 1536 * KB, "valgrind": 8 * KB}[VARIANT]  # the heap is exact

    def __init__(self, monkeypatch, directory):
        self.pipes = "--vgdb-prefix=%s/vgdb" % directory
        self.first = None
        if VARIANT == "asan":
            # Freed memory that is kept to find its late users would look like growth.
            monkeypatch.setenv("ASAN_OPTIONS", "quarantine_size_mb=1:thread_local_quarantine_size_kb=64")
        elif VARIANT == "valgrind":
            # It answers vgdb only if it is not to be quiet.
            runner = [x for x in bridge_module.RUNNER if x != "--quiet"] + ["--vgdb=yes", self.pipes]
            monkeypatch.setattr(bridge_module, "RUNNER", runner)

    def _heap(self, b):
        """Bytes allocated, those that nothing points to included."""
        command = ["vgdb", self.pipes, "--pid=%d" % b.pid, "leak_check", "summary", "any"]
        text = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE).stdout
        found = re.findall(r": ([\d,]+) (?:\([-+\d,]+\) )?bytes in", text)
        assert found, text
        return sum(int(n.replace(",", "")) for n in found)

    def _weigh(self, b):
        return descriptors(b), self._heap(b) if VARIANT == "valgrind" else resident(b)

    def tare(self, b):
        self.first = self._weigh(b)

    def assert_flat(self, b, ids=1):
        """Not a descriptor and hardly a byte more than before; returns how many bytes.

        Of so many ids the bridge may remember since then that they were answered.
        """
        now = self._weigh(b)
        assert now[0] == self.first[0]
        more = now[1] - self.first[1]
        assert more < self.ALLOWED + 256 * ids, "%d KB more" % (more / KB)
        return more


@pytest.fixture
def scales(monkeypatch, tmp_path):
    return Scales(monkeypatch, tmp_path)


def run_out(b, conn):
    """Ends a bridge as a host does: now whatever looks for leaks speaks up."""
    b.close_stdin()
    conn.answer_close()
    b.finish(0)


ROUNDS = {("plain", "ws"): 300, ("plain", "wss"): 300, ("asan", "wss"): 1000, ("valgrind", "ws"): 1000}


@pytest.mark.every_row
@pytest.mark.timeout(60 * SCALE + 300)
def test_many_reconnects(link, bridge, scheme, scales, report):
    """Descriptors and memory stay as they are."""
    p, extra = link()
    b = bridge("--retry-delay-max", "0.01", *extra, p.url(), reconnect=True)
    conn = initialize(b, p.open())
    rounds = ROUNDS.get((VARIANT, scheme), 50)
    call = request("call", "tools/call")  # always the same: of answers that were given, ids are remembered
    for i in range(rounds):
        seen = len(b.lines)
        b.send(call)
        assert conn.read_json() == call
        (conn.reset if i % 2 else conn.close)()
        b.wait_lines(seen + 1)
        check_error(b.message(seen), -31001)
        conn = resume(p)
        if i == rounds // 5:
            works(b, conn)
            scales.tare(b)
    works(b, conn)
    report("%d reconnects %s, bytes more" % (rounds, scheme), scales.assert_flat(b))
    run_out(b, conn)


# What goes wrong in the middle


class Saboteur(Forwarder):
    """A forwarder that passes a number of bytes on each connection, and then does it some harm.

    The bytes of a connection, the harm and its direction come from a seed. A tenth of the
    connections meets it inside the handshakes.
    """

    CUTS = ("close", "reset")
    WORSE = CUTS + ("truncate", "half-close", "stall", "hang", "late")

    def __init__(self, port, seed, low, high, faults=CUTS):
        self.target, self.seed = ("127.0.0.1", port), seed
        self.low, self.high, self.faults = low, high, faults
        self.numbers = itertools.count()
        self.own = threading.local()  # each connection has dice of its own: how fast others are is of no matter
        self.done = collections.Counter()
        self.struck = threading.Event()
        self.wake, self.woken = os.pipe()
        self.active = False
        super().__init__()

    def strike(self):
        """Present connections, and those to come, meet their fate at once."""
        self.struck.set()
        os.write(self.woken, b"x")

    def spare(self):
        self.struck.clear()
        os.read(self.wake, 1)

    def _serve(self, client):
        dice = self.own.dice = random.Random("%d %d" % (self.seed, next(self.numbers)))
        server = self._connect(client, self.target)
        ends = {client: server, server: client}
        try:
            while self._pass_on(ends, self._ration()):
                fault = dice.choice(self.faults)
                self.done[fault] += 1
                sufferer = dice.choice((client, server))
                if not getattr(self, "_" + fault.replace("-", "_"))(ends, sufferer):
                    break
        finally:
            for s in ends:
                self.sockets.remove(s)
                s.close()

    def _ration(self):
        return 1 + self.own.dice.randrange(self.low if self.own.dice.random() < 0.1 else self.high)

    def _pass_on(self, ends, left, until=None):
        """Passes so many bytes in all; returns False if an end came first."""
        while left > 0 and not self.struck.is_set():
            wait = None if until is None else max(0, until - time.monotonic())
            ready = select.select([*ends, self.wake], [], [], wait)[0]
            if not ready:
                return False
            for source in set(ready) & set(ends):
                data = source.recv(min(left, 4096))
                if not data:
                    return False
                if ends[source]:
                    ends[source].sendall(data)
                left -= len(data) if self.active or until else 0
                if left == 0:
                    break
        return True

    # The harms: what is still to come, with the rest of the stream? True: the connection goes on.

    def _close(self, ends, sufferer):
        return False

    def _reset(self, ends, sufferer):
        for s in ends:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def _truncate(self, ends, sufferer):
        """What one side says from here on gets lost, the other is still heard for a while."""
        self._pass_on({**ends, sufferer: None}, self._ration(), time.monotonic() + 0.3 * PATIENCE)
        return False

    def _half_close(self, ends, sufferer):
        """One side hears the end of the stream, and may go on itself."""
        sufferer.shutdown(socket.SHUT_WR)
        self._pass_on({ends[sufferer]: None, sufferer: ends[sufferer]}, 1 << 30,
                      time.monotonic() + 0.5 * PATIENCE)
        return False

    def _stall(self, ends, sufferer):
        time.sleep(self.own.dice.uniform(0.01, 0.2))
        return True

    def _hang(self, ends, sufferer):
        """Nothing passes any more, and nobody is told, until the bridge has given the link up."""
        poll = select.poll()
        poll.register(next(iter(ends)), select.POLLRDHUP)
        poll.poll(10000 * PATIENCE)
        return False

    def _late(self, ends, sufferer):
        """As if hung; but what the bridge had said arrives when it has given the link up."""
        client, server = ends
        self._hang(ends, sufferer)
        try:
            while data := client.recv(1 << 16):
                server.sendall(data)
        except OSError:
            pass  # it was reset: what it had said is lost
        return False

    def close(self):
        super().close()
        os.close(self.wake)
        os.close(self.woken)


class Worker:
    """A server that does what it is asked on one link after the other, and counts the calls it got."""

    def __init__(self, p):
        self.p = p
        self.links = 0
        self.calls = collections.Counter()
        self.faults = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stopping.is_set():
            try:
                conn = self.p.accept(0.2)
            except TimeoutError:
                continue
            except Exception:  # noqa: B902 - cut off in the TLS handshake
                continue
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        try:
            conn.open()
            heard = []
            while True:
                self._answer(conn, conn.read_json(), heard)
        except (Gone, OSError, TimeoutError):
            conn.close()
        except BaseException as error:  # noqa: B902 - told to the test
            self.faults.append(error)

    def _answer(self, conn, m, heard):
        heard.append(m["method"])
        if len(heard) <= 2 and heard != ["initialize", "notifications/initialized"][:len(heard)]:
            self.faults.append(AssertionError("a link began with %r" % heard))
        if len(heard) == 2:
            self.links += 1
        if m["method"] == "tools/call":
            self.calls[m["params"]["n"]] += 1
        if m["method"] == "initialize":
            conn.send_result(m["id"], RESULT)
        elif "id" in m:
            conn.send_result(m["id"], m["params"])

    def close(self):
        self.stopping.set()
        self.thread.join(DEADLINE)


IDS = 100


class Caller:
    """A host that keeps up to 50 requests in flight and holds the answers against them.

    It uses few ids, and each again as soon as it is answered.
    """

    def __init__(self, b, worker, saboteur):
        self.b, self.worker, self.saboteur = b, worker, saboteur
        self.dice = random.Random(11)
        self.ids = collections.deque(i if i % 2 else "id %d" % i for i in range(IDS))
        self.open = {}  # id -> number of the request
        self.sent, self.answers = [], {}
        b.send(INITIALIZE)
        b.answer("init")
        b.send(INITIALIZED)
        b.ask(request("first", "tools/list", n=-1))
        self.seen = len(b.lines)

    def run(self, wanted, losses):
        """On and on until so many requests and lost links; then waits for the answers on one that lasts."""
        deadline = time.monotonic() + 40 * SCALE + wanted / 20 + losses * PATIENCE
        self.saboteur.active = True
        while len(self.sent) < wanted or self.worker.links <= losses:
            window = self.dice.randrange(1, 51)
            while len(self.open) < window:
                self._send()
            self._take(deadline)
        self.saboteur.active = False
        while self.open:
            self._take(deadline)
        end = "end %d" % wanted
        self.b.send(request(end, "tools/list", n=-2))
        while end not in self.answers:
            self._take(deadline)
        assert self.answers[end]["result"] == {"n": -2}

    def _send(self):
        n, ident = len(self.sent), self.ids.popleft()
        self.open[ident] = n
        method = self.dice.choice(["tools/call", "tools/call", "tools/list", "prompts/get"])
        message = request(ident, method, n=n, data="x" * self.dice.choice([0, 10, 100, 200, 1500]))
        self.sent.append(message)
        self.b.send(message)

    def _take(self, deadline):
        """The answers that are there; at least one line."""
        b = self.b
        with b.changed:
            assert b.changed.wait_for(lambda: len(b.lines) > self.seen or b.output_ended, 2 * DEADLINE), \
                "no answer to %r" % list(self.open)[:10]
        assert not b.output_ended and time.monotonic() < deadline, b.error_text()
        for line in b.lines[self.seen:]:
            self.seen += 1
            got = json.loads(line)
            if "method" in got:
                assert got == notification("notifications/tools/list_changed")
            elif str(got["id"]).startswith("end"):
                self.answers[got["id"]] = got
            else:
                assert got["id"] in self.open, "answered twice: %r" % got
                self.answers[self.open.pop(got["id"])] = got
                self.ids.append(got["id"])

    def check(self):
        """Right answers, honest errors; returns how many errors."""
        calls, errors = self.worker.calls, 0
        assert self.worker.faults == []
        for n, message in enumerate(self.sent):
            got = self.answers[n]
            if "error" in got:
                errors += 1
                if check_error(got, -31001)["data"]["delivered"] == "no":
                    assert n not in calls, "a call that was not delivered ran"
            else:
                assert got["result"] == message["params"]
                assert message["method"] != "tools/call" or calls[n] == 1
        assert max(calls.values()) == 1, "a call was run twice"
        assert errors < len(self.sent) * 0.9
        return errors


HARMS = {"cut": Saboteur.CUTS, "worse": Saboteur.WORSE}
USUAL = {"cut": "1000,50" if SCALE == 1 else "300,20", "worse": "400,25" if SCALE == 1 else "100,10"}


@pytest.mark.every_row
@pytest.mark.timeout(3600 if "WSMCP_CHAOS" in os.environ else 60 * SCALE)
@pytest.mark.parametrize("harm", HARMS)
def test_chaos(link, bridge, cleanup, scheme, harm, scales, report):
    """Each request gets one answer, and no call is run twice, wherever and however the link breaks."""
    p, extra = link()
    worker = Worker(p)
    secured = scheme == "wss"
    saboteur = Saboteur(p.port, 7, 3000 if secured else 600, 63000 if secured else 60000, HARMS[harm])
    cleanup += [worker, saboteur]
    seconds = [str(x * PATIENCE) for x in (0.5, 0.3, 0.3)]
    b = bridge("--retry-delay-max", "0.2", "--connect-timeout", seconds[0], "--ping-interval", seconds[1],
               "--ping-timeout", seconds[2], *extra, p.url().replace(str(p.port), str(saboteur.port)), reconnect=True)
    caller = Caller(b, worker, saboteur)
    wanted, losses = map(int, os.environ.get("WSMCP_CHAOS", USUAL[harm]).split(","))
    caller.run(wanted // 5, losses // 5)
    scales.tare(b)
    caller.run(wanted, losses)
    more = scales.assert_flat(b, IDS)
    name = "chaos %s %s, " % (scheme, harm)
    report(name + "requests", len(caller.sent))
    report(name + "errors", caller.check())
    report(name + "lost links", worker.links - 1)
    report(name + "bytes more", more)
    for fault in HARMS[harm]:
        report(name + fault, saboteur.done[fault])
    b.close_stdin()
    b.finish(0)


def test_a_stalled_link_is_replaced(link, bridge, cleanup):
    """Nothing passes any more, and nobody is told: interval and timeout later there is a new link."""
    interval, timeout = 0.3 * PATIENCE, 0.4 * PATIENCE
    p, extra = link()
    saboteur = Saboteur(p.port, 1, 1, 1, ("hang",))
    cleanup.append(saboteur)
    b = bridge("--ping-interval", str(interval), "--ping-timeout", str(timeout), *extra,
               p.url().replace(str(p.port), str(saboteur.port)), reconnect=True)
    conn = initialize(b, p.open())
    b.send(request("call", "tools/call"))
    conn.read_json()
    conn.send_text(notification("n"))
    b.wait_lines(2)
    last = time.monotonic()
    saboteur.strike()
    while not saboteur.done["hang"]:
        assert time.monotonic() < last + DEADLINE
        time.sleep(0.001)
    saboteur.spare()
    new = p.accept()
    assert (interval + timeout) * 0.9 < time.monotonic() - last < interval + timeout + DEADLINE / 4
    new.open()
    assert b.error("call", -31001)["data"]["delivered"] == "unknown"
    expect_replay(new)
    assert new.read_json() == INITIALIZED
    works(b, new)
