"""Signals in every state: the process is gone within 100 ms, and says goodbye where it can."""

import json
import os
import signal
import socket
import time

import pytest

from bridge import INITIALIZE, notification, request
from peer import DEADLINE, SCALE, TEXT, VARIANT, Blackhole, Gone, encode, frame, huge_request

ALL = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def name(number):
    return signal.Signals(number).name


def kill_and_time(b, number, report, state):
    started = time.monotonic()
    b.signal(number)
    status = b.wait()
    took = (b.ended_at - started) * 1000
    assert status in (-number, 128 + number), "exit status %d" % status
    report("%s, ms" % state, took)
    assert took < 1000 * SCALE, "%.0f ms" % took


class State:
    """Brings a bridge into a state and says when it is there."""

    def __init__(self, peer, bridge, authority, server_tls, shim, cleanup):
        self.peer, self.bridge, self.authority = peer, bridge, authority
        self.server_tls, self.shim, self.cleanup = server_tls, shim, cleanup

    def slow_dns(self):
        b = self.bridge("ws://name.slow.test/", env={"LD_PRELOAD": self.shim("names.c")})
        b.wait_stderr("names: asked")
        return b

    def syn_blackhole(self):
        hole = Blackhole()
        self.cleanup.append(hole)
        b = self.bridge(hole.url())
        wait_for_syn(b.pid, hole.port)
        return b

    def mute_handshake(self):
        p = self.peer()
        b = self.bridge(p.url())
        p.accept().read_request()
        return b

    def tls_to_a_mute_server(self):
        p = self.peer(tls=self.server_tls)
        b = self.bridge(p.url())
        conn = p.accept(tls=False)
        conn.wire.recv()
        return b

    def open_and_idle(self):
        p = self.peer()
        b = self.bridge(p.url())
        conn = p.open()
        b.send(request(1))
        conn.read_json()
        conn.send_result(1)
        b.answer(1)
        return b

    def blocked_stdout(self):
        p = self.peer()
        b = self.bridge(p.url(), read=False)
        conn = p.open()
        line = encode(notification("n", x="y" * 100000))
        p.run(lambda: [conn.send(frame(TEXT, line)) for _ in range(400)])
        b.assert_idle(0.3, share=2)
        return b

    def blocked_stdout_socket(self):
        p = self.peer()
        b = self.bridge(p.url(), read=False, stdout="socket", stdin="socket")
        conn = p.open()
        line = encode(notification("n", x="y" * 100000))
        p.run(lambda: [conn.send(frame(TEXT, line)) for _ in range(400)])
        b.assert_idle(0.3, share=2)
        return b

    def blocked_socket(self):
        p = self.peer(rcvbuf=65536)
        b = self.bridge("--max-message", "300M", p.url())
        conn = p.open()
        b.feed([*huge_request(64 << 20), b"\n"])
        conn.wait_begun()
        b.assert_idle(0.3, share=2)
        return b

    def blocked_tls_socket(self):
        p = self.peer(tls=self.server_tls, rcvbuf=65536)
        b = self.bridge("--cacert", self.authority.ca, p.url())
        conn = p.open()
        b.feed([*huge_request(64 << 20), b"\n"])
        conn.wait_begun()
        b.assert_idle(0.3, share=2)
        return b

    def stderr_nobody_reads(self):
        p = self.peer()
        b = self.bridge("-v", "-v", p.url(), drain=False)
        conn = p.open()
        conn.send(b"".join(frame(TEXT, b"oops %d" % i) for i in range(4000)))
        b.send(request(1))
        conn.read_json()
        conn.send_result(1)
        b.answer(1)
        return b

    def waiting_for_the_servers_close(self):
        p = self.peer()
        b = self.bridge(p.url())
        conn = p.open()
        b.close_stdin()
        conn.read_close()
        return b

    def waiting_after_end_of_stdin(self):
        p = self.peer()
        b = self.bridge(p.url())
        conn = p.open()
        b.send(request(1))
        conn.read_json()
        b.close_stdin()
        return b

    def giving_up(self):
        p = self.peer()
        b = self.bridge(p.url())
        conn = p.accept()
        conn.read_request()
        conn.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        b.wait_stderr("404")
        return b


def wait_for_syn(pid, port):
    """Waits until a connection to the port is in SYN_SENT."""
    row = ":%04X 02 " % port
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        with open("/proc/net/tcp") as table:
            lines = [x for x in table if row in x]
        # The sockets that fill the queue may be among them; the bridge has its own row.
        if any(socket_of(pid, x.split()[9]) for x in lines):
            return
        time.sleep(0.002)
    raise TimeoutError("the bridge did not try to connect")


def socket_of(pid, inode):
    try:
        return any(os.readlink("/proc/%d/fd/%s" % (pid, fd)) == "socket:[%s]" % inode
                   for fd in os.listdir("/proc/%d/fd" % pid))
    except FileNotFoundError:
        return False


@pytest.fixture
def state(peer, bridge, authority, server_tls, shim, cleanup):
    return State(peer, bridge, authority, server_tls, shim, cleanup)


STATES = [n for n in vars(State) if not n.startswith("_")]


@pytest.mark.parametrize("where", STATES)
def test_t07_sigint(state, where, report):
    for _ in range(3 if VARIANT == "plain" else 1):
        b = getattr(state, where)()
        kill_and_time(b, signal.SIGINT, report, "SIGINT, " + where.replace("_", " "))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=name)
@pytest.mark.parametrize("where", ["slow_dns", "mute_handshake", "open_and_idle", "blocked_stdout",
                                   "blocked_socket", "giving_up"])
def test_sigterm_and_sighup(state, where, number, report):
    b = getattr(state, where)()
    kill_and_time(b, number, report, name(number))


@pytest.mark.prompt
@pytest.mark.parametrize("number", ALL, ids=name)
def test_goodbye(connected_over, number, report):
    """Cancellations and CLOSE 1001, as far as they do not block."""
    b, conn = connected_over()
    b.send(INITIALIZE, request(1), request("two"), request(3))
    for _ in range(4):
        conn.read_json()
    b.send(notification("notifications/cancelled", requestId=3))
    conn.read_json()
    b.signal(number)
    close, messages = conn.read_close()
    assert close[0] == 1001
    cancels = [json.loads(m) for m in messages]
    assert all(c["method"] == "notifications/cancelled" for c in cancels)
    # Not initialize, and not 3 again.
    assert sorted(str(c["params"]["requestId"]) for c in cancels) == ["1", "two"]
    conn.answer_close()
    assert b.wait() in (-number, 128 + number)
    assert b.lines == []  # the host asked for it: no errors


@pytest.mark.prompt
def test_goodbye_of_an_idle_link(connected):
    b, conn = connected()
    b.signal(signal.SIGTERM)
    close, messages = conn.read_close()
    assert close[0] == 1001 and messages == []
    conn.answer_close()
    b.wait()


@pytest.mark.prompt
def test_goodbye_does_not_wait_for_the_server(connected, report):
    b, conn = connected()
    b.send(request(1))
    conn.read_json()
    kill_and_time(b, signal.SIGTERM, report, "SIGTERM, server mute")
    close, messages = conn.read_close()
    assert close[0] == 1001


def test_second_signal(connected):
    b, conn = connected()
    b.signal(signal.SIGINT)
    b.signal(signal.SIGTERM)
    assert b.wait() in (-2, 130, -15, 143)


def test_no_half_line_without_need(connected):
    """A host that reads gets whole lines only, also at the end."""
    b, conn = connected()

    def flood():
        for i in range(100000):
            conn.send(frame(TEXT, encode(notification("n", i=i, x="y" * 3000))))

    conn.peer.run(flood)
    b.wait_lines(200)
    b.signal(signal.SIGTERM)
    assert b.wait() in (-15, 143)
    for line in b.lines:
        assert line.endswith(b"}}")


def test_flags_after_a_signal(peer, bridge):
    """A description that had to be switched to O_NONBLOCK gets its mode back."""
    from bridge import open_flags
    p = peer()
    read, write = os.pipe()
    before = open_flags(write)
    b = bridge(p.url(), stdout=write)
    conn = p.open()
    line = encode(notification("n", x="y" * 100000))
    p.run(lambda: [conn.send(frame(TEXT, line)) for _ in range(400)])
    b.assert_idle(0.3, share=2)
    b.signal(signal.SIGTERM)
    b.wait()
    assert open_flags(write) == before
    os.close(read)
    os.close(write)


def test_sighup_ignored_at_start_stays_ignored(connected):
    b, conn = connected(launcher=["sh", "-c", 'trap "" HUP; exec "$@"', "sh"])
    b.signal(signal.SIGHUP)
    b.send(request(1))
    conn.read_json()
    conn.send_result(1)
    b.answer(1)
    b.signal(signal.SIGTERM)
    assert b.wait() in (-15, 143)


def test_sigint_ignored_at_start_still_ends(connected):
    """Shells start background commands with SIGINT ignored; a host that sends it means it."""
    b, conn = connected(launcher=["sh", "-c", 'trap "" INT; exec "$@"', "sh"])
    b.signal(signal.SIGINT)
    assert b.wait() in (-2, 130)


def test_signals_blocked_at_start(connected):
    """A host may start us with signals blocked; they count all the same."""
    code = "import os,signal,sys; signal.pthread_sigmask(signal.SIG_BLOCK, [2, 15]); os.execvp(sys.argv[1], sys.argv[1:])"
    b, conn = connected(launcher=["python3", "-c", code])
    b.signal(signal.SIGTERM)
    assert b.wait() in (-15, 143)


def test_sigusr1(connected):
    b, conn = connected()
    for i in range(3):
        b.send(request(i))
        conn.read_json()
        conn.send_result(i)
        b.answer(i)
    b.signal(signal.SIGUSR1)
    b.wait_stderr(r"\d[^\n]*\n")
    b.send(request(9))
    conn.read_json()
    assert len(b.error_lines()) == 1 and "3" in b.error_lines()[0]


def test_sigusr1_while_connecting(peer, bridge):
    p = peer()
    b = bridge(p.url())
    conn = p.accept()
    conn.read_request()
    b.signal(signal.SIGUSR1)
    b.wait_stderr(r"\d[^\n]*\n")
    b.send(request(1))
    assert conn.open().read_json() == request(1)


def test_sigpipe_is_no_end(connected):
    b, conn = connected()
    b.signal(signal.SIGPIPE)
    b.send(request(1))
    assert conn.read_json() == request(1)
