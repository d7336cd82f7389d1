"""The end of stdin, and what is still owed then."""

import json
import subprocess
import time

import pytest

from bridge import BINARY, INITIALIZE, RUNNER, clean_environment, notification, request, response
from peer import DEADLINE, SCALE, TEXT, VARIANT, Gone, encode, frame, huge_request


def soon(started, limit=1.0):
    """Promptly: the bridge did not wait for anything."""
    return time.monotonic() - started < limit * (1 if VARIANT == "plain" else SCALE)


@pytest.mark.parametrize("state", ["mute handshake", "before the link", "open"])
def test_nothing_owed(peer, bridge, state):
    p = peer()
    url = p.url()
    b = bridge(url)
    if state == "mute handshake":
        p.accept().read_request()
    elif state == "open":
        conn = p.open()
    started = time.monotonic()
    b.close_stdin()
    if state == "open":
        assert conn.read_close() == ((1000, conn.close_seen[1]), [])
        conn.answer_close()
    b.finish(0)
    assert soon(started)
    assert b.lines == []


def test_empty_input(peer, bridge):
    p = peer()
    b = bridge(p.url(), stdin="null")
    b.finish(0)


def test_t25_replies_are_waited_for(connected_over):
    b, conn = connected_over()
    b.send(INITIALIZE, notification("notifications/initialized"), request(2))
    b.close_stdin()
    for _ in range(3):
        conn.read_json()
    conn.send_result("init")
    b.answer("init")
    conn.send_text(notification("progress"))
    b.assert_idle(0.3)  # the end of stdin does not make it spin
    conn.send_result(2)
    assert b.answer(2)["result"] == {}
    close, messages = conn.read_close()
    assert close[0] == 1000 and messages == []
    conn.send_text(notification("last"))  # still delivered: the peer's CLOSE has not come
    conn.answer_close()
    b.finish(0)
    assert b.message(3)["method"] == "last"
    assert b.error_lines() == []


def test_t25_no_reset_when_data_is_under_way(connected):
    """The server goes on sending behind our CLOSE; it must not see a reset before its own."""
    b, conn = connected()
    b.close_stdin()
    assert conn.read_close()[0][0] == 1000
    for i in range(100):
        conn.send_text(notification("n", i=i, x="y" * 1000))
    conn.send_close(1000)
    conn.wire.shut_write()
    conn.read_eof()
    b.finish(0)
    assert len(b.lines) == 100


def test_t25_server_that_does_not_answer_close(connected_over):
    b, conn = connected_over()
    started = time.monotonic()
    b.close_stdin()
    assert conn.read_close()[0][0] == 1000
    b.finish(0)
    took = time.monotonic() - started
    assert 0.5 < took < 1 + DEADLINE / 5


def test_t29_end_of_stdin_does_not_spin(connected_over):
    b, conn = connected_over()
    b.send(request(1))
    conn.read_json()
    b.close_stdin()
    b.assert_idle()
    conn.send_result(1)
    conn.answer_close()
    b.finish(0)


def test_t29_end_of_stdin_does_not_spin_while_connecting(peer, bridge):
    p = peer()
    b = bridge(p.url())
    b.send(request(1))
    b.close_stdin()
    conn = p.accept()
    conn.read_request()
    b.assert_idle()
    conn.open()
    assert conn.read_json() == request(1)
    conn.send_result(1)
    conn.answer_close()
    b.finish(0)
    assert b.answer(1)


def test_piped_lines_print_their_replies(echo, home):
    """printf '...' | wsmcp URL"""
    server = echo()
    lines = [INITIALIZE, notification("notifications/initialized"), request(2, "echo", a=1)]
    got = subprocess.run([*RUNNER, BINARY, server.url()], input=b"\n".join(map(encode, lines)),
                         capture_output=True, env=clean_environment(home), timeout=3 * DEADLINE)
    assert got.returncode == 0, got
    out = got.stdout.splitlines()
    assert len(out) == 2 and b'"init"' in out[0] and b'"id": 2' in out[1]
    assert server.closed.get(timeout=DEADLINE)[0] == 1000


def test_a_long_message_is_sent_whole(connected):
    b, conn = connected(peer_options=dict(rcvbuf=65536))
    huge = huge_request(8 << 20)
    b.feed(huge).join(0.2)
    b.feeders[0].join(DEADLINE)
    b.close_stdin()  # no LF at the end
    assert conn.read_sha256() == (huge.size, huge.sha256())
    conn.send_result(1)
    conn.answer_close()
    b.finish(0)


def test_linger_runs_out(connected_over):
    b, conn = connected_over("--linger", "1")
    b.send(INITIALIZE, request(1), request("two"))
    for _ in range(3):
        conn.read_json()
    started = time.monotonic()
    b.close_stdin()
    close, messages = conn.read_close()
    assert 0.9 < time.monotonic() - started < 1 + DEADLINE / 2
    assert close[0] == 1000
    cancels = [json.loads(m) for m in messages]
    # initialize is never cancelled
    assert [c["params"]["requestId"] for c in cancels] == [1, "two"]
    assert all(c["method"] == "notifications/cancelled" and c["jsonrpc"] == "2.0" and "id" not in c
               for c in cancels)
    conn.answer_close()
    b.finish(4)
    for ident in ("init", 1, "two"):
        assert b.error(ident, -31003)["data"]["delivered"] == "unknown"


def test_linger_of_zero(connected):
    b, conn = connected("--linger", "0")
    b.send(request(1))
    conn.read_json()
    started = time.monotonic()
    b.close_stdin()
    assert conn.read_close()[0][0] == 1000
    conn.answer_close()
    b.finish(4)
    assert soon(started)
    b.error(1, -31003)


@pytest.mark.parametrize("linger", ["0", "60"])
def test_without_a_link_the_offline_time_counts(peer, bridge, linger):
    p = peer()
    b = bridge("--linger", linger, "--offline-timeout", "1", p.url())
    b.send(request(1))
    b.close_stdin()
    p.accept().read_request()
    b.finish(4)
    assert b.error(1, -31002)["data"]["delivered"] == "no"


def test_answers_after_the_end_count(connected):
    b, conn = connected("--linger", "1")
    b.send(request(1), request(2))
    conn.read_json(), conn.read_json()
    b.close_stdin()
    conn.send_result(1)
    conn.read_close()
    conn.answer_close()
    b.finish(4)  # one reply of two is missing
    assert b.answer(1)["result"] == {}
    b.error(2, -31003)


def test_an_error_of_the_server_is_an_answer(connected):
    b, conn = connected()
    b.send(request(1))
    conn.read_json()
    b.close_stdin()
    conn.send_text({"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "no"}})
    conn.answer_close()
    b.finish(0)


@pytest.mark.parametrize("ident, named", [(b"1", b"1"), (b'"a"', b'"\\u0061"'), (b"1", b"1.0")])
def test_cancelled_requests_owe_nothing(connected, ident, named):
    b, conn = connected()
    b.send(b'{"jsonrpc":"2.0","id":%s,"method":"m"}' % ident)
    conn.read_json()
    b.send(b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%s}}' % named)
    started = time.monotonic()
    b.close_stdin()
    close, messages = conn.read_close()
    assert close[0] == 1000
    conn.answer_close()
    b.finish(0)
    assert soon(started, 1.5)
    assert b.lines == []


def test_notifications_owe_nothing(connected):
    b, conn = connected()
    conn.wait_up()  # without a link there is nobody that a response could be for
    b.send(notification("a"), response(5), notification("b"))
    b.close_stdin()
    close, messages = conn.read_close()
    assert close[0] == 1000
    assert messages == [encode(m) for m in (notification("a"), response(5), notification("b"))]
    conn.answer_close()
    b.finish(0)


@pytest.mark.parametrize("replies", ["batch", "single", "reversed"])
def test_batches_owe_each_answer(connected, replies):
    b, conn = connected()
    batch = [request(1), notification("n"), request(2)]
    b.send(batch)
    b.close_stdin()
    assert conn.read_json() == batch
    if replies == "batch":
        conn.send_text([response(2), response(1)])
    else:
        for i in (1, 2) if replies == "single" else (2, 1):
            conn.send_result(i)
    assert conn.read_close()[0][0] == 1000
    conn.answer_close()
    b.finish(0)
    assert len(b.lines) == (1 if replies == "batch" else 2)


def test_requests_of_the_server_get_an_error(connected):
    b, conn = connected()
    b.send(request(1))
    conn.read_json()
    b.close_stdin()
    # Ask until the end of stdin was noticed: the host's side answers nothing any more.
    conn.send_text(request("s1", "roots/list"))
    got = conn.read_json()
    assert got["id"] == "s1" and isinstance(got["error"]["code"], int), got
    conn.send_result(1)
    conn.answer_close()
    b.finish(0)


@pytest.mark.parametrize("how", ["close", "reset", "close frame"])
def test_link_lost_while_owed(connected, how):
    b, conn = connected()
    b.send(request(1))
    conn.read_json()
    b.close_stdin()
    if how == "close":
        conn.close()
    elif how == "reset":
        conn.reset()
    else:
        conn.send_close(1011, "died")
        conn.answer_close() if conn.close_seen else conn.read_close()
        conn.close()
    b.finish(4)
    error = b.error(1, -31001)
    assert error["data"]["delivered"] == "unknown" and error["data"]["reason"]


@pytest.mark.offline
def test_no_link_while_owed(peer, bridge):
    p = peer()
    url = p.url()
    p.listener.close()
    b = bridge(url)
    b.send(request(1))
    b.close_stdin()
    b.finish(4)
    assert b.error(1, -31002)["data"]["delivered"] == "no"
    assert soon(b.started + b.offline, 3)  # nobody will send an initialize any more


def test_only_bad_lines(connected):
    """Errors of ours are written before the end."""
    b, conn = connected()
    b.send_raw(b"oops\n")
    b.close_stdin()
    conn.answer_close()
    b.finish()
    assert len(b.lines) == 1


def test_replies_are_written_before_the_end(connected):
    """The host reads late: everything is still there."""
    b, conn = connected(read=False)
    b.send(request(1))
    conn.read_json()
    for i in range(50):
        conn.send_text(notification("n", i=i, x="y" * 10000))
    conn.send_result(1)
    b.close_stdin()
    b.assert_idle(0.3, share=0.7)
    b.read_on()
    conn.answer_close()
    b.finish(0)
    assert len(b.lines) == 51
