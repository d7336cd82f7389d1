"""Messages over the limit, huge messages, and memory."""

import hashlib
import json
import os
import random
import threading
import time

import pytest

from bridge import INITIALIZE, notification, request, response
from peer import (CONT, DEADLINE, TEXT, VARIANT, Huge, encode, frame, huge_notification, huge_request,
                  huge_response)

MB = 1 << 20
LIMIT = 65536
PROBE = {"jsonrpc": "2.0", "method": "probe"}
SMALL = ("--max-message", "64K")


def padded(size, text):
    """A message of exactly size bytes; %s in text is where the padding goes."""
    return text.replace("%s", "p" * (size - len(text) + 2)).encode()


REQUEST = '{"jsonrpc":"2.0","id":1,"method":"m","params":"%s"}'
REQUEST_ID_LAST = '{"params":"%s","method":"m","jsonrpc":"2.0","id":1}'
NOTE = '{"jsonrpc":"2.0","method":"m","params":"%s"}'
RESPONSE = '{"jsonrpc":"2.0","id":1,"result":"%s"}'
RESPONSE_ID_LAST = '{"result":"%s","id":1}'
ERROR = '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"%s"}}'


def assert_works(b, conn):
    b.wait_fed()
    b.send(request("still"))
    while conn.read_json() != request("still"):
        raise AssertionError("something else was forwarded")
    conn.send_result("still")
    assert b.answer("still")["result"] == {}


def assert_too_big(error, size, limit=LIMIT):
    assert error["data"]["size"] == size and error["data"]["limit"] == limit, error


@pytest.mark.parametrize("text", [REQUEST, REQUEST_ID_LAST, NOTE, RESPONSE])
def test_exactly_the_limit_passes(connected, text):
    b, conn = connected(*SMALL)
    message = padded(LIMIT, text)
    b.feed([message + b"\n"])
    assert conn.read_message() == message
    if text != REQUEST:
        conn.send_text(message)
        assert b.wait_lines(1) == [message]


@pytest.mark.parametrize("text", [REQUEST, REQUEST_ID_LAST])
@pytest.mark.parametrize("size", [LIMIT + 1, 10 * LIMIT])
def test_host_request_over_the_limit(connected, text, size):
    b, conn = connected(*SMALL)
    b.feed([padded(size, text) + b"\n"])
    error = b.error(1, -31004)
    assert_too_big(error, size)
    assert error["data"]["delivered"] == "no"
    assert_works(b, conn)


def test_host_notification_over_the_limit(connected):
    b, conn = connected(*SMALL)
    b.feed([padded(LIMIT + 1, NOTE) + b"\n"])
    assert_works(b, conn)
    b.wait_stderr("over the size limit")
    assert len(b.lines) == 1


@pytest.mark.parametrize("text", [RESPONSE, RESPONSE_ID_LAST, ERROR])
def test_host_response_over_the_limit(connected, text):
    """The server gets an error in its place."""
    b, conn = connected(*SMALL)
    conn.send_text(request(1, "roots/list"))
    b.wait_lines(1)
    b.feed([padded(LIMIT + 1, text) + b"\n"])
    got = conn.read_json()
    assert got["id"] == 1 and got["error"]["code"] == -31004, got
    assert got["error"]["data"]["source"] == "wsmcp"
    assert_works(b, conn)


def test_host_batch_over_the_limit(connected):
    b, conn = connected(*SMALL)
    text = '[{"id":1,"method":"m","params":"%s"},{"method":"n"},{"id":"two","method":"m"}]'
    b.feed([padded(LIMIT + 1, text) + b"\n"])
    assert_too_big(b.error(1, -31004), LIMIT + 1)
    b.error("two", -31004)
    assert b.lines[0].startswith(b"[") and len(json.loads(b.lines[0])) == 2
    assert_works(b, conn)


def test_host_invalid_json_over_the_limit(connected):
    b, conn = connected(*SMALL)
    b.feed([padded(LIMIT * 3, REQUEST)[:-1] + b"\n"])
    assert json.loads(b.wait_lines(1)[0])["error"]["code"] == -32700
    assert_works(b, conn)


@pytest.mark.parametrize("text", [RESPONSE, RESPONSE_ID_LAST, ERROR])
@pytest.mark.parametrize("fragments", [1, 5])
def test_server_response_over_the_limit(connected, text, fragments):
    b, conn = connected(*SMALL)
    b.send(request(1))
    conn.read_json()
    message = padded(LIMIT + 1, text)
    parts = [message[i * len(message) // fragments:(i + 1) * len(message) // fragments] for i in range(fragments)]
    conn.send(b"".join(frame(TEXT if i == 0 else CONT, p, fin=i == fragments - 1) for i, p in enumerate(parts)))
    error = b.error(1, -31004)
    assert_too_big(error, LIMIT + 1)
    assert error["data"]["delivered"] == "unknown"
    assert_works(b, conn)


def test_server_response_that_nobody_waits_for(connected):
    b, conn = connected(*SMALL)
    conn.send_text(padded(LIMIT + 1, RESPONSE))
    assert_works(b, conn)
    assert len(b.lines) == 1


def test_server_request_over_the_limit(connected):
    b, conn = connected(*SMALL)
    conn.send_text(padded(LIMIT + 1, REQUEST))
    got = conn.read_json()
    assert got["id"] == 1 and got["error"]["code"] == -31004 and got["error"]["data"]["source"] == "wsmcp"
    assert_works(b, conn)
    assert len(b.lines) == 1


def test_server_notification_over_the_limit(connected):
    b, conn = connected(*SMALL)
    conn.send_text(padded(LIMIT + 1, NOTE))
    assert_works(b, conn)
    b.wait_stderr("over the size limit")
    assert len(b.lines) == 1


def test_server_batch_over_the_limit(connected):
    b, conn = connected(*SMALL)
    b.send(request(1), request(2))
    conn.read_json(), conn.read_json()
    conn.send_text(padded(LIMIT + 1, '[{"id":1,"result":"%s"},{"method":"n"},{"id":2,"result":{}},{"id":8,"method":"ask"}]'))
    b.error(1, -31004)
    b.error(2, -31004)
    got = conn.read_json()
    got = got[0] if isinstance(got, list) else got
    assert got["id"] == 8 and got["error"]["code"] == -31004
    assert_works(b, conn)


def test_server_invalid_json_over_the_limit(connected):
    b, conn = connected(*SMALL)
    conn.send_text(padded(LIMIT * 2, NOTE)[:-1])
    assert_works(b, conn)
    assert len(b.lines) == 1


@pytest.mark.parametrize("value, limit", [("1000", 1000), ("2K", 2048), ("1M", MB), ("2k", 2048)])
def test_sizes_of_the_option(connected, value, limit):
    b, conn = connected("--max-message", value)
    b.feed([padded(limit, REQUEST) + b"\n", padded(limit + 1, REQUEST_ID_LAST.replace("1}", "2}")) + b"\n"])
    assert len(conn.read_message()) == limit
    assert_too_big(b.error(2, -31004), limit + 1, limit)


def test_two_limits(connected):
    b, conn = connected("--max-message", "4K", "--max-reply", "64K")
    b.feed([padded(4097, REQUEST) + b"\n"])
    assert_too_big(b.error(1, -31004), 4097, 4096)
    b.send(request(1))
    conn.read_json()
    message = padded(LIMIT, RESPONSE)
    conn.send_text(message)
    assert b.wait_lines(2)[1] == message
    b.send(request(1))
    conn.read_json()
    conn.send_text(padded(LIMIT + 1, RESPONSE))
    b.wait_lines(3)
    assert b.message(2)["error"]["data"]["limit"] == LIMIT


# Huge ones


def read_line_sha256(b, holder):
    """Reads one line of stdout in pieces."""
    digest, size = hashlib.sha256(), 0
    while True:
        data = os.read(b.stdout, 1 << 20)
        if not data:
            break
        if data.endswith(b"\n"):
            digest.update(data[:-1])
            size += len(data) - 1
            break
        digest.update(data)
        size += len(data)
    holder.append((size, digest.hexdigest()))


HUGE = 300 * 1000 * 1000


@pytest.mark.huge
def test_t15_300_mb_to_the_server(connected_over):
    b, conn = connected_over("--max-message", "300M")
    huge = huge_request(HUGE)
    b.feed(_lines(huge))
    assert conn.read_sha256(6 * DEADLINE) == (huge.size, huge.sha256())
    b.assert_peak(int(1.2 * HUGE) + 16 * MB)
    conn.send_result(1)
    b.answer(1)


def _lines(huge):
    yield from huge
    yield b"\n"


@pytest.mark.huge
def test_t15_300_mb_to_the_host(connected_over):
    b, conn = connected_over("--max-message", "300M", read=False)
    b.send(request(1))
    conn.read_json()
    huge = huge_response(HUGE)
    holder = []
    reader = threading.Thread(target=read_line_sha256, args=(b, holder), daemon=True)
    reader.start()
    conn.send_huge(huge, timeout=6 * DEADLINE)
    reader.join(6 * DEADLINE)
    assert holder == [(huge.size, huge.sha256())]
    b.assert_peak(int(1.2 * HUGE) + 16 * MB)


# Of many sizes malloc would keep tens of MB.
MIXED = [n * MB for n in random.Random(2).choices(range(1, 30), k=24)]


@pytest.mark.parametrize("sizes", [
    pytest.param([5 * MB] * 4, id="5 MB"),
    pytest.param([60 * MB] * 4, id="60 MB"),
    pytest.param(MIXED, id="mixed", marks=pytest.mark.plain_only),
])
def test_memory_of_large_messages_is_given_back(connected, sizes):
    """Soon after, that is: while there are more of them it is used again."""
    b, conn = connected(read=False)
    before = b.resident()
    for size in sizes:
        b.feed(_lines(huge_request(size)))
        assert conn.read_sha256(DEADLINE)[0] == size
        holder = []
        reader = threading.Thread(target=read_line_sha256, args=(b, holder), daemon=True)
        reader.start()
        conn.send_huge(huge_notification(size), timeout=DEADLINE)
        reader.join(DEADLINE)
        conn.send_result(1)
        read_line_sha256(b, holder)
        assert len(holder) == 2
    late = time.monotonic() + DEADLINE
    while VARIANT == "plain" and b.resident() > before + 3 * MB:
        assert time.monotonic() < late, "%.1f MB more than before" % ((b.resident() - before) / MB)
        time.sleep(0.1)  # it is asked for, and does not tell


@pytest.mark.huge
def test_t15_300_mb_over_the_limit(connected_over):
    """The bridge answers in its place, in flat memory."""
    b, conn = connected_over("--max-message", "8M")
    b.send(request(1))
    conn.read_json()
    huge = huge_response(HUGE)
    conn.peer.run(lambda: conn.send_huge(huge, timeout=6 * DEADLINE))
    error = b.error(1, -31004, 6 * DEADLINE)
    assert_too_big(error, huge.size, 8 * MB)
    b.assert_peak(32 * MB)
    conn.peer.join()
    assert_works(b, conn)


@pytest.mark.huge
def test_t15_pong_during_300_mb(connected):
    """No step of the loop takes long: pings sent between are answered soon."""
    b, conn = connected()
    b.send(request(1))
    conn.read_json()
    times = []

    def send():
        parts = list(range(300))
        for i in parts:
            conn.send(frame(CONT if i else TEXT, b'{"jsonrpc":"2.0","id":1,"result":"' if not i else b"x" * 1000000,
                            fin=False), 6 * DEADLINE)
            if i % 30 == 29:
                times.append(time.monotonic())
                conn.send_ping(b"%d" % len(times))
        conn.send(frame(CONT, b'"}'))

    conn.peer.run(send)
    late = []
    for _ in range(10):
        pong = conn.read_pong(6 * DEADLINE)
        late.append(pong.at - times[int(pong.payload) - 1])
        if pong.payload == b"10":
            break
    b.error(1, -31004)
    assert max(late) < 1, late


@pytest.mark.huge
@pytest.mark.parametrize("how", ["host", "server"])
def test_1_gb_over_the_limit(connected_over, how):
    b, conn = connected_over("--max-message", "8M")
    if how == "host":
        huge = huge_request(1 << 30)
        b.feed(_lines(huge))
    else:
        b.send(request(1))
        conn.read_json()
        huge = huge_response(1 << 30)
        conn.peer.run(lambda: conn.send_huge(huge, timeout=6 * DEADLINE))
    error = b.error(1, -31004, 6 * DEADLINE)
    assert_too_big(error, 1 << 30, 8 * MB)
    b.assert_peak(32 * MB)
    conn.peer.join()
    assert_works(b, conn)


@pytest.mark.huge
def test_t32_1_gb_to_a_slow_host(connected):
    """Messages in front keep stdout busy while the huge one comes in."""
    b, conn = connected("--ping-interval", "0", "--max-message", "8M", read=False)
    b.send(request(1))
    conn.read_json()
    line = padded(100000, NOTE)
    for _ in range(5):
        conn.send_text(line)
    huge = huge_response(1 << 30)
    conn.peer.run(lambda: conn.send_huge(huge, timeout=6 * DEADLINE))
    started = time.monotonic()
    got, before = 0, 5 * (len(line) + 1)
    while got < before:  # a host that takes 250 KB/s, and nothing of what comes behind
        got += len(os.read(b.stdout, min(50000, before - got)))
        ahead = got / 250000 - (time.monotonic() - started)
        if ahead > 0:
            time.sleep(ahead)
    b.read_on()
    error = b.error(1, -31004, 6 * DEADLINE)
    assert_too_big(error, 1 << 30, 8 * MB)
    b.assert_peak(32 * MB)


# Back-pressure


def fill(send, limit):
    """Sends pieces until nothing is taken for a while; how many bytes went."""
    sent, last = 0, time.monotonic()
    while sent < limit and time.monotonic() - last < 0.5:
        n = send()
        if n:
            sent, last = sent + n, time.monotonic()
        else:
            time.sleep(0.01)
    return sent


def test_t18_stopped_host(connected_over):
    """Nobody reads stdout: the server is not read either, memory is flat, and later everything
    is there without a further byte from the server."""
    b, conn = connected_over("--ping-interval", "0", read=False,
                             peer_options=dict(sndbuf=65536))
    message = b'{"jsonrpc":"2.0","method":"n","params":{"i":1%06d,"x":"%s"}}' % (0, b"y" * 20000)
    count = 0
    pending = b""

    def send():
        nonlocal count, pending
        if not pending:
            pending = frame(TEXT, message.replace(b"1000000", b"1%06d" % count))
            count += 1
        n = conn.wire.send_some(pending)
        pending = pending[n:]
        return n

    sent = fill(send, 200 * MB)
    assert sent < 64 * MB, "the server was read without end"
    b.assert_peak(32 * MB)
    b.assert_idle()
    b.read_on()
    if pending:
        conn.send(pending)
    lines = b.wait_lines(count, 2 * DEADLINE)
    assert lines == [message.replace(b"1000000", b"1%06d" % i) for i in range(count)]


def test_t18_resumes_without_new_data(connected):
    """All of it is in the bridge and in the kernel when the host begins to read."""
    b, conn = connected("--ping-interval", "0", read=False)
    messages = [b'{"jsonrpc":"2.0","method":"n","params":{"i":%d,"x":"%s"}}' % (i, b"y" * 1000) for i in range(300)]
    conn.send(b"".join(frame(TEXT, m) for m in messages))
    b.assert_idle(0.3)
    b.read_on()
    assert b.wait_lines(300) == messages


def test_stopped_server(connected_over):
    b, conn = connected_over("--ping-interval", "0", peer_options=dict(rcvbuf=65536))
    message = b'{"jsonrpc":"2.0","method":"n","params":{"i":1%06d,"x":"%s"}}\n' % (0, b"y" * 20000)
    os.set_blocking(b.stdin, False)
    count, pending = 0, b""

    def send():
        nonlocal count, pending
        if not pending:
            pending = message.replace(b"1000000", b"1%06d" % count)
            count += 1
        try:
            n = os.write(b.stdin, pending)
        except BlockingIOError:
            n = 0
        pending = pending[n:]
        return n

    sent = fill(send, 200 * MB)
    assert sent < 64 * MB, "stdin was read without end"
    b.assert_peak(32 * MB)
    b.assert_idle()
    os.set_blocking(b.stdin, True)
    b.feed([pending])
    for i in range(count):
        assert conn.read_message() == message[:-1].replace(b"1000000", b"1%06d" % i)


def test_stopped_server_and_host_at_once(connected):
    """Requests one way, notifications the other, nobody reads: nothing spins, nothing is lost."""
    b, conn = connected("--ping-interval", "0", read=False, peer_options=dict(rcvbuf=65536, sndbuf=65536))
    out = [b'{"jsonrpc":"2.0","id":%d,"method":"m","params":"%s"}' % (i, b"y" * 20000) for i in range(600)]
    back = [b'{"jsonrpc":"2.0","method":"n","params":{"i":%d,"x":"%s"}}' % (i, b"z" * 20000) for i in range(600)]
    b.feed([m + b"\n" for m in out])
    conn.peer.run(lambda: [conn.send(frame(TEXT, m), 3 * DEADLINE) for m in back])
    b.assert_idle(0.5, share=0.5)
    b.assert_idle(0.5)
    b.assert_peak(32 * MB)
    b.read_on()
    for m in out:
        assert conn.read_message() == m
    assert b.wait_lines(600) == back


def test_errors_are_made_as_stdout_takes_them(connected):
    """Endless bad lines and a host that does not read: memory is flat."""
    b, conn = connected("--ping-interval", "0", read=False)
    os.set_blocking(b.stdin, False)
    sent = fill(lambda: _try_write(b.stdin, b"oops\n" * 8000), 100 * MB)
    assert sent < 64 * MB
    b.assert_peak(32 * MB)
    b.assert_idle()


def _try_write(fd, data):
    try:
        return os.write(fd, data)
    except BlockingIOError:
        return 0


def test_pongs_while_the_host_is_stopped(connected):
    """Reading rests while stdout is blocked; afterwards the PING that waited is answered."""
    b, conn = connected("--ping-interval", "0", read=False)
    conn.peer.run(lambda: [conn.send(frame(TEXT, padded(100000, NOTE)), 3 * DEADLINE) for _ in range(200)] +
                  [conn.send_ping(b"after")])
    b.assert_idle(0.5, share=0.5)
    b.read_on()
    while conn.read_pong().payload != b"after":
        pass
    b.wait_lines(200)
