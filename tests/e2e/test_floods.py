"""Peers that send, or leave unread, more than anybody wants: nothing may hang, spin, grow or get lost."""

import os
import select
import signal
import time

import pytest

from bridge import notification, request
from peer import DEADLINE, TEXT, encode, frame

MB = 1 << 20


def flood(conn, piece):
    """Sends the piece for ever in a thread of its own, until the connection ends."""

    def body():
        while True:
            conn.send(piece, DEADLINE)

    return conn.peer.run(body)


def cancelled(ident):
    return notification("notifications/cancelled", requestId=ident)


def test_a_flood_of_garbage_does_not_hold_the_loop(connected):
    b, conn = connected("--linger", "0.5")
    b.send(request(1))
    conn.read_json()
    flood(conn, frame(TEXT, b"x") * 5000)
    b.send_raw(b"not JSON\n")
    assert b.answer(None)["error"]["code"] == -32700
    os.kill(b.pid, signal.SIGUSR1)
    b.wait_stderr("in flight 1")
    b.close_stdin()
    b.error(1, -31003)
    assert b.wait() == 4


@pytest.mark.plain_only
def test_refusals_that_nobody_reads_are_bounded(connected):
    """After the end of stdin each request of the server gets an error, but not without limit."""
    b, conn = connected("--ping-interval", "0")
    b.send(request(1))
    conn.read_json()
    b.close_stdin()
    asks = b"".join(frame(TEXT, encode(request("s%d" % i, "roots/list"))) for i in range(5000))
    for _ in range(60):
        conn.send(asks, DEADLINE)
    conn.send_result(1)
    b.answer(1)
    b.assert_peak(40 * MB)


def test_what_came_before_a_failed_write_waits_for_a_slow_host(connected):
    """The server answers, says why it goes, and resets; the host reads only then."""
    b, conn = connected("--ping-interval", "0", read=False)
    count = 40
    b.send(*[request(i) for i in range(count)])
    for _ in range(count):
        conn.read_message()
    b.feed([encode(request("big", pad="z" * 30000000)) + b"\n"])
    b.wait_fed()
    assert select.select([conn.wire.sock], [], [], DEADLINE)[0]  # it has begun to arrive
    # All of it is there when the bridge wakes: libcurl reads it in one go, more than can be passed on.
    b.signal(signal.SIGSTOP)
    for i in range(count):
        conn.send_result(i, {"d": "x" * 16000})
    conn.send_close(1008, "policy")
    b.signal(signal.SIGCONT)
    conn.wire.wait_drained()
    conn.reset()
    time.sleep(2.5)  # longer than the closing handshake may take: the span is what is tested
    b.read_on()
    for i in range(count):
        assert "result" in b.answer(i)
    assert "policy" in b.error("big", -31001)["data"]["reason"]


def test_cancellations_in_a_batch_count(connected):
    b, conn = connected()
    b.send(request(1))
    conn.read_json()
    b.send([cancelled(1), notification("other")])
    assert len(conn.read_json()) == 2
    b.close_stdin()
    b.finish(0)
    assert b.lines == []


def test_a_batch_with_an_id_in_use_answers_each_request(connected):
    b, conn = connected()
    b.send(request(1))
    conn.read_json()
    b.send([request(2), request(1), request(3)])
    b.wait_lines(1)
    assert sorted(answer["id"] for answer in b.message(0)) == [1, 2, 3]


def test_no_spin_when_all_is_over_but_the_host_is_slow(connected):
    """Answers wait behind a full stdout, past every deadline there is."""
    b, conn = connected("--linger", "0.2", "--ping-interval", "0", read=False)
    b.send(*[request(i) for i in range(2)])
    for _ in range(2):
        conn.read_message()
    conn.send_result(0, {"d": "x" * (4 * MB)})
    conn.send_result(1)
    b.close_stdin()
    time.sleep(1.5)  # past --linger and the closing handshake
    b.assert_idle(1)
    b.read_on()
    b.answer(1)
    b.finish(0)
