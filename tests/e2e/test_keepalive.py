"""Pings of ours, dead links, slow ones, and servers that are strict about pings."""

import threading
import time

import pytest

from bridge import notification, request
from peer import DEADLINE, SCALE, TEXT, VARIANT, Throttle, encode, frame, huge_request

from test_frames import assert_lost

INTERVAL, TIMEOUT = {"plain": (0.4, 0.6), "asan": (2, 4), "valgrind": (4, 8)}[VARIANT]
FAST = ("--ping-interval", str(INTERVAL), "--ping-timeout", str(TIMEOUT))


def test_ping_on_an_idle_link(connected_over):
    b, conn = connected_over(*FAST)
    last = conn.opened_at
    for _ in range(3):
        ping = conn.read_ping()
        assert ping.at - last > INTERVAL * (0.9 if SCALE == 1 else 0.5)
        last = ping.at
    b.send(request(1))
    assert conn.read_json() == request(1)  # the PONGs kept the link


def test_server_without_pongs_is_dead(connected_over):
    b, conn = connected_over(*FAST)
    conn.auto_pong = False
    b.send(request(1))
    conn.read_json()
    started = time.monotonic()
    conn.read_ping()
    error = b.error(1, -31001)
    took = time.monotonic() - started
    assert (INTERVAL + TIMEOUT) * 0.8 < took < INTERVAL + TIMEOUT + DEADLINE / 2
    assert error["data"]["delivered"] == "unknown"
    b.finish_lost()
    assert len(conn.pings) == 1


def test_any_byte_is_life(connected):
    """A frame that dribbles in keeps the link for as long as it takes."""
    b, conn = connected(*FAST)
    conn.auto_pong = False
    message = b'{"jsonrpc":"2.0","method":"slow"}'
    for byte in frame(TEXT, message):
        conn.send(bytes([byte]))
        time.sleep(INTERVAL / 4)
        assert not b.ended()
    assert b.wait_lines(1) == [message]
    assert conn.pings == []


def test_pings_of_the_server_are_life(connected):
    b, conn = connected(*FAST)
    conn.auto_pong = False
    end = time.monotonic() + 2 * (INTERVAL + TIMEOUT)
    while time.monotonic() < end:
        conn.send_ping(b"x")
        conn.read_pong()
        time.sleep(INTERVAL / 4)
    assert conn.pings == [] and not b.ended()


def test_no_ping_while_messages_come(connected):
    b, conn = connected(*FAST)
    for i in range(8):
        conn.send_text(notification("n", i=i))
        b.wait_lines(i + 1)
        time.sleep(INTERVAL / 4)
    b.send(request(1))
    conn.read_json()
    assert conn.pings == []


def test_own_messages_do_not_replace_a_ping(connected):
    """Idle means that nothing was received; what we send proves nothing."""
    b, conn = connected(*FAST)
    conn.auto_pong = False
    stop = threading.Event()

    def talk():
        try:
            while not stop.wait(INTERVAL / 4):
                b.send(notification("n"))
        except OSError:
            pass

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    try:
        while not conn.pings:
            conn.read_frame()
        b.wait_stderr("lost")
    finally:
        stop.set()
        thread.join()
    b.finish_lost()


@pytest.mark.parametrize("options", [("--ping-interval", "0"), ("--ping-interval", "0", "--ping-timeout", "0.2")])
def test_no_pings(connected, options):
    b, conn = connected(*options)
    with pytest.raises(TimeoutError):
        conn.read_frame(timeout=1.2)
    assert not b.ended()


def test_no_timeout(connected):
    b, conn = connected("--ping-interval", str(INTERVAL), "--ping-timeout", "0")
    conn.auto_pong = False
    for _ in range(4):
        conn.read_ping()
    b.send(request(1))
    assert conn.read_json() == request(1)
    conn.send_result(1)
    b.answer(1)


def test_stopped_output_is_dead(connected_over):
    """The server neither reads nor sends: interval and timeout later the link is lost."""
    b, conn = connected_over(*FAST, peer_options=dict(rcvbuf=65536))
    b.send(request(1))
    conn.read_json()
    b.feed([*huge_request(32 << 20, 2), b"\n"])
    conn.wait_begun()
    started = time.monotonic()
    error = b.error(1, -31001)
    assert time.monotonic() - started > INTERVAL * 0.9
    assert error["data"]["delivered"] == "unknown"
    assert b.error(2, -31001)["data"]["delivered"] == "no"
    b.finish_lost()


def test_slow_output_is_alive(connected):
    """Output that makes progress keeps a link, though nothing is received for long."""
    b, conn = connected(*FAST, peer_options=dict(rcvbuf=16384))
    conn.auto_pong = True
    huge = huge_request(6 << 20)
    b.feed([*huge, b"\n"])
    conn.wire.rate = 2 << 20
    assert conn.read_sha256() == (huge.size, huge.sha256())
    conn.send_result(1)
    b.answer(1)


def test_the_clock_stands_still_while_we_do_not_read(connected):
    """A blocked host is no reason to call the server dead."""
    b, conn = connected(*FAST, read=False)
    line = encode(notification("n", x="y" * 100000))
    conn.peer.run(lambda: [conn.send(frame(TEXT, line), DEADLINE) for _ in range(300)])
    thread = conn.peer.run(lambda: [conn.read_frame() for _ in range(1000)])
    time.sleep(2 * (INTERVAL + TIMEOUT))  # the span is what is tested
    assert not b.ended()
    b.read_on()
    b.wait_lines(300)
    b.send(request(1))
    assert not b.ended()


@pytest.mark.plain_only
@pytest.mark.parametrize("tls", [False, True], ids=["ws", "wss"])
def test_slow_upload_to_a_server_that_pings(echo, bridge, cleanup, authority, server_tls, tls):
    """8 MB at 1 MB/s, while the server pings every second and waits one second for the PONG."""
    server = echo(ping_interval=1, ping_timeout=1, tls=server_tls if tls else None)
    throttle = Throttle(server.port, 1 << 20)
    cleanup.append(throttle)
    b = bridge("--cacert", authority.ca, "--ping-interval", "0",
               server.url().replace(str(server.port), str(throttle.port)))
    server.opened.get(timeout=DEADLINE)
    huge = huge_request(8 << 20, method="size")
    started = time.monotonic()
    b.feed([*huge, b"\n"])
    got = b.answer(1, 20)
    assert "result" in got, got
    assert got["result"]["size"] == huge.filler.size
    assert time.monotonic() - started > 7


@pytest.mark.plain_only
def test_slow_download_from_a_server_that_pings(echo, bridge):
    """A host that reads slowly holds up the PONGs only as long as its own buffers are full."""
    server = echo(ping_interval=1, ping_timeout=3)
    b = bridge(server.url())
    for i in range(3):
        assert len(b.ask(request(i, "big", size=5 << 20))["result"]["data"]) == 5 << 20


def test_echo_with_a_real_server(echo, bridge, authority, server_tls, scheme):
    """Requests, notifications, the server's own requests, and a clean end, with pings in between."""
    server = echo(ping_interval=0.05, ping_timeout=DEADLINE, tls=server_tls if scheme == "wss" else None)
    b = bridge("--cacert", authority.ca, server.url())
    for i in range(100):
        assert b.ask(request(i, "echo", value=i))["result"] == {"value": i}
    b.send(request("n", "notify", count=50))
    b.answer("n")
    assert sum(b.message(i).get("method") == "note" for i in range(len(b.lines))) == 50
    b.send(request("ask", "ask"))
    b.wait_lines(100 + 51 + 1)
    assert b.message(151)["method"] == "roots/list"
    b.send({"jsonrpc": "2.0", "id": 7, "result": {"roots": []}})
    assert b.answer("ask")["result"]["result"] == {"roots": []}
    b.close_stdin()
    b.finish(0)
    assert server.closed.get(timeout=DEADLINE)[0] == 1000


def test_max_size_of_a_real_server(echo, bridge):
    """The server refuses the size with 1009, often before it has read the message."""
    server = echo(max_size=1 << 20)
    b = bridge(server.url())
    b.feed([*huge_request(8 << 20), b"\n"])
    error = b.error(1, -31004)
    assert error["data"]["size"] == 8 << 20
    b.finish_lost()
