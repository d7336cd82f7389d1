"""The open link: frames in and out, control frames, violations, the closing handshake."""

import itertools
import os
import random
import re
import socket
import statistics
import struct
import time

import pytest

from bridge import INITIALIZE, notification, request, response
from peer import (BINARY, CLOSE, CONT, DEADLINE, FRAGMENT_MAX, PING, PONG, SCALE, TEXT, Gone,
                  Violation, close_frame, encode, frame, huge_request)

HELLO = b'{"jsonrpc":"2.0","method":"hello"}'


def note(n):
    return b'{"jsonrpc":"2.0","method":"note","params":{"n":%d}}' % n


def assert_lost(b, conn, ident, *words, code=-31001):
    """What is owed is answered with the reason, and the bridge ends with 4."""
    error = b.error(ident, code)
    assert error["data"]["delivered"] == ("unknown" if code == -31001 else "no")
    told = (error["data"]["reason"] + " " + error["message"]).lower()
    for word in words:
        assert word.lower() in told, error
    b.finish_lost()
    return error


# Messages


def test_verbatim(connected):
    """Bytes of a message pass as they are, both ways."""
    b, conn = connected()
    text = (b'{ "id" : 9007199254740993 , "method":"\\u0061/b", "jsonrpc":"2.0","x":1e400,'
            b'"params":{"a":"\\ud83d\\ude00 \xc3\xa9 \\/","a":-0.0,"\\u0000":[[],{}]} }')
    b.send(text)
    assert conn.read_message() == text
    reply = b'{"result": {"a":1.10, "a":"\xf0\x9f\x98\x80\\u00e9"}, "id":9007199254740993.0,"z":[ ]}'
    conn.send_text(reply)
    assert b.wait_lines(1) == [reply]


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_text_and_binary_are_taken(connected, opcode):
    b, conn = connected()
    conn.send(frame(opcode, HELLO))
    assert b.wait_lines(1) == [HELLO]


@pytest.mark.parametrize("form", [7, 16, 64])
def test_longer_length_forms_are_taken(connected, form):
    """Not the shortest form: libcurl does not object, and nothing is lost by taking it."""
    b, conn = connected()
    conn.send(frame(TEXT, HELLO, form=form) + frame(TEXT, note(1)))
    assert b.wait_lines(2) == [HELLO, note(1)]


@pytest.mark.parametrize("size", [125, 126, 127, 65535, 65536, FRAGMENT_MAX - 1, FRAGMENT_MAX,
                                  FRAGMENT_MAX + 1, 3 * FRAGMENT_MAX, 1 << 20])
def test_sizes_out(connected_over, size):
    b, conn = connected_over()
    huge = huge_request(size)
    b.send(b"".join(huge))
    assert conn.read_message() == b"".join(huge)
    assert sum(conn.fragment_sizes) == size and max(conn.fragment_sizes) <= FRAGMENT_MAX
    if size <= FRAGMENT_MAX:
        assert len(conn.fragment_sizes) == 1


def test_t09_many_messages_then_silence(connected_over):
    b, conn = connected_over()
    messages = [b'{"jsonrpc":"2.0","method":"n","params":{"i":%d,"x":"%s"}}' % (i, b"y" * 9950)
                for i in range(200)]
    conn.send(b"".join(frame(TEXT, m) for m in messages))
    assert b.wait_lines(200) == messages


def test_many_small_messages_both_ways(connected_over):
    b, conn = connected_over()
    count = 20000 // SCALE
    out = [b'{"jsonrpc":"2.0","id":%d,"method":"m"}' % i for i in range(count)]
    back = [b'{"jsonrpc":"2.0","id":%d,"result":{}}' % i for i in range(count)]
    feeder = b.feed([b"".join(m + b"\n" for m in out)])

    def answer():
        for i in range(count):
            assert conn.read_message() == out[i]
            conn.send(frame(TEXT, back[i]))

    conn.peer.run(answer)
    assert b.wait_lines(count, 2 * DEADLINE) == back
    feeder.join()
    assert len(conn.masks) > count * 0.99  # a new mask for each frame


def test_t10_empty_message_towards_the_host(connected):
    b, conn = connected()
    conn.send(frame(TEXT) + frame(BINARY) + frame(TEXT, fin=False) + frame(CONT) +
              frame(TEXT, "  ") + frame(TEXT, HELLO))
    assert b.wait_lines(1) == [HELLO]
    b.send(request(1))
    assert conn.read_json() == request(1)
    conn.send_result(1)
    b.answer(1)
    assert len(b.lines) == 2
    assert b.error_lines() == []


def test_t10_empty_final_fragment(connected):
    b, conn = connected()
    conn.send(frame(TEXT, HELLO, fin=False) + frame(CONT, fin=False))
    conn.wire.wait_drained()
    conn.send(frame(CONT))
    assert b.wait_lines(1) == [HELLO]
    conn.send(frame(TEXT, fin=False) + frame(CONT, note(1)))
    assert b.wait_lines(2)[1] == note(1)


def test_t10_empty_lines_send_nothing(connected):
    b, conn = connected()
    b.send_raw(b"\n\r\n   \n\t\r\n" + encode(request(1)) + b"\n")
    assert conn.read_json() == request(1)
    assert conn.data_frames == 1


def pieces_with_control_frames():
    text = '{"jsonrpc":"2.0","method":"caf\u00e9 \u20ac \U0001f600"}'.encode()
    return text, (frame(TEXT, text[:30], fin=False) + frame(PING, b"ABCDEFGH") +
                  frame(CONT, text[30:37], fin=False) + frame(PONG, b"unasked") +
                  frame(CONT, text[37:38], fin=False) + frame(CONT, text[38:]))


def test_t11_split_at_every_byte(connected_over):
    b, conn = connected_over()
    text, stream = pieces_with_control_frames()
    for cut in range(1, len(stream)):
        conn.send_each([stream[:cut], stream[cut:]])
        assert conn.read_pong().payload == b"ABCDEFGH"
    assert b.wait_lines(len(stream) - 1) == [text] * (len(stream) - 1)


def test_t11_byte_by_byte(connected_over):
    b, conn = connected_over()
    text, stream = pieces_with_control_frames()
    conn.send_each(bytes([byte]) for byte in stream)
    assert b.wait_lines(1) == [text]
    assert conn.read_pong().payload == b"ABCDEFGH"


def test_many_fragments(connected):
    b, conn = connected()
    text = b'{"jsonrpc":"2.0","method":"n","params":"%s"}' % (b"z" * 20000)
    first, *rest = (text[i:i + 1] for i in range(len(text)))
    conn.send(frame(TEXT, first, fin=False) + b"".join(frame(CONT, c, fin=False) for c in rest) +
              frame(CONT))
    assert b.wait_lines(1) == [text]


# Control frames


@pytest.mark.parametrize("size", [0, 1, 124, 125])
def test_pong_has_the_payload(connected_over, size):
    b, conn = connected_over()
    payload = os.urandom(size)
    conn.send(frame(PING, payload))
    assert conn.read_pong().payload == payload


def test_t11_ping_split_at_every_byte(connected):
    b, conn = connected()
    payload = bytes(range(125))
    stream = frame(PING, payload)
    for cut in range(1, len(stream)):
        conn.send_each([stream[:cut], stream[cut:]])
        assert conn.read_pong().payload == payload


def test_t12_pings_while_an_upload_is_blocked(connected_over):
    b, conn = connected_over(peer_options=dict(rcvbuf=65536))
    huge = huge_request(16 << 20)
    b.feed([*huge, b"\n"])
    conn.wait_begun()  # the upload has begun
    for i in range(50):
        conn.send_ping(b"%d" % i)
    conn.wire.wait_drained()
    b.assert_idle()
    size, digest = conn.read_sha256()
    assert (size, digest) == (huge.size, huge.sha256())
    if not conn.pongs or conn.pongs[-1].payload != b"49":
        assert conn.read_pong().payload == b"49"
    conn.send_result(1)
    assert b.answer(1)["result"] == {}


def test_t12_pong_at_the_next_frame_boundary(connected_over):
    """A PONG does not wait for the end of a long message."""
    b, conn = connected_over(peer_options=dict(rcvbuf=65536))
    huge = huge_request(32 << 20)
    b.feed([*huge, b"\n"])
    conn.wait_begun()
    conn.send_ping(b"now")
    conn.wire.wait_drained()
    read = sum(len(p) for p in itertools.takewhile(lambda p: not conn.pongs, conn.read_pieces()))
    assert conn.pongs and conn.pongs[0].payload == b"now"
    # What the kernel and TLS hold is gone before; 8 MB is far less than the message.
    assert read < 8 << 20


def test_t13_pong_on_an_idle_link(connected_over, report):
    b, conn = connected_over()
    b.ask_twice = None
    times = []
    for i in range(4):
        started = time.monotonic()
        conn.send_ping(b"%d" % i)
        assert conn.read_pong().payload == b"%d" % i
        times.append((time.monotonic() - started) * 1000)
        if i < 3:
            b.assert_idle(0.3)
    report("pong on an idle link, ms", statistics.median(times))
    assert statistics.median(times) < 100 * SCALE


def test_t14_ping_flood(connected_over, report):
    """Nobody reads the PONGs: memory stays flat, the processor rests, a signal ends it."""
    b, conn = connected_over(peer_options=dict(rcvbuf=65536))
    burst = frame(PING, b"x" * 125) * 1000
    for _ in range(200 // SCALE + 1):
        conn.send(burst)
    conn.wire.wait_drained()
    b.assert_peak(32 << 20)
    b.assert_idle()
    started = time.monotonic()
    b.signal(2)
    assert b.wait() in (-2, 130)
    report("SIGINT after a ping flood, ms", (time.monotonic() - started) * 1000)


def test_latest_ping_is_answered(connected):
    b, conn = connected()
    for i in range(1000):
        conn.send_ping(b"%d" % i)
    while conn.read_pong().payload != b"999":
        pass
    b.send(request(1))
    assert conn.read_json() == request(1)


def test_unasked_pong_is_ignored(connected):
    b, conn = connected()
    conn.send(frame(PONG, b"x") + frame(PONG) + frame(TEXT, HELLO))
    assert b.wait_lines(1) == [HELLO]


def test_t16_short_writes(connected_over):
    """Small windows, reads of random sizes: the stream stays byte-exact."""
    b, conn = connected_over(peer_options=dict(rcvbuf=4096))
    huges = [huge_request(size, i) for i, size in enumerate([70000, 10, 300000, 65537, 1 << 20])
             if size > 100]
    b.feed(itertools.chain.from_iterable([*h, b"\n"] for h in huges))
    rng = random.Random(16)
    real = conn.wire.recv
    conn.wire.recv = lambda timeout=None: real(timeout, rng.choice([1, 7, 100, 1460, 5000, 16384]))
    for h in huges:
        if rng.random() < 0.7:
            conn.send_ping(b"between")
        assert conn.read_sha256() == (h.size, h.sha256())


def test_t17_control_frames_stay_out_of_the_payload(connected_over):
    """PONG, PING and at last CLOSE are due in the middle of a frame."""
    b, conn = connected_over("--ping-interval", "1", peer_options=dict(rcvbuf=8192))
    conn.auto_pong = False
    huge = huge_request(48 << 20)
    expected = b"".join(huge)
    b.feed([*huge, b"\n"])
    conn.wait_begun()
    got = 0
    conn.wire.rate = 6 << 20
    signalled = False
    try:
        while True:
            conn.send_ping(b"ping")
            part = conn.read_frame()
            if part.opcode >= 8:
                continue
            assert part.payload == expected[got:got + len(part.payload)]
            got += len(part.payload)
            if got > 4 << 20 and not signalled:
                b.signal(15)
                signalled = True
                conn.wire.rate = None
    except Gone:
        pass
    assert signalled and got < len(expected)
    assert conn.pongs
    b.wait()


def test_ping_of_ours_between_fragments(connected):
    """A long upload to a server that is silent: our PING goes out between fragments."""
    b, conn = connected("--ping-interval", "1", "--ping-timeout", "20",
                        peer_options=dict(rcvbuf=65536))
    huge = huge_request(48 << 20)
    b.feed([*huge, b"\n"])
    conn.wire.rate = 16 << 20
    assert conn.read_sha256() == (huge.size, huge.sha256())
    assert conn.pings


# How links end


@pytest.mark.parametrize("how", ["close", "reset"])
def test_t19_close_frame_while_uploading(connected_over, how):
    b, conn = connected_over(peer_options=dict(rcvbuf=65536))
    b.send(request("first"))
    assert conn.read_json()["id"] == "first"
    b.feed([*huge_request(32 << 20, "big"), b"\n"])
    conn.wait_begun()
    conn.send(frame(TEXT, HELLO) + close_frame(1008, "too much of it"))
    conn.wire.wait_drained()
    if how == "close":
        conn.close()  # unread bytes make this a reset as well
    else:
        conn.reset()
    assert b.wait_lines(1) == [HELLO]
    error = b.error("first", -31001)
    assert error["data"]["delivered"] == "unknown"
    assert "1008" in error["data"]["reason"] and "too much of it" in error["data"]["reason"]
    error = b.error("big", -31001)  # begun
    assert error["data"]["delivered"] == "no"
    b.finish_lost()


@pytest.mark.parametrize("size", [65531, 65530, 65532, 2 * 65535 - 4, 100])
def test_t20_message_followed_by_reset(connected, size):
    b, conn = connected()
    b.send(request(1))
    conn.read_json()
    shell = b'{"jsonrpc":"2.0","method":"n","params":"%s"}'
    text = shell % (b"r" * (size - len(shell) + 2))
    conn.send(frame(TEXT, text))
    conn.reset()
    assert b.wait_lines(1) == [text]
    assert_lost(b, conn, 1)


def test_t20_message_followed_by_end(connected_over):
    b, conn = connected_over()
    b.send(request(1))
    conn.read_json()
    text = b'{"jsonrpc":"2.0","method":"n","params":"%s"}' % (b"r" * 300000)
    conn.send(frame(TEXT, text))
    conn.close()
    assert b.wait_lines(1) == [text]
    assert_lost(b, conn, 1)


VIOLATIONS = {
    "rsv1": frame(TEXT, HELLO, rsv=4),
    "rsv2": frame(TEXT, HELLO, rsv=2),
    "rsv3": frame(TEXT, HELLO, rsv=1),
    "rsv of a control frame": frame(PING, b"x", rsv=4),
    "rsv of a continuation": frame(TEXT, HELLO[:5], fin=False) + frame(CONT, HELLO[5:], rsv=4),
    "opcode 3": frame(3, HELLO),
    "opcode 7": frame(7, HELLO),
    "opcode 11": frame(11, b"x"),
    "opcode 15": frame(15),
    "masked": frame(TEXT, HELLO, mask=b"\1\2\3\4"),
    "masked with zeros": frame(TEXT, HELLO, mask=b"\0\0\0\0"),
    "ping of 126 bytes": frame(PING, b"x" * 126),
    "ping with a long length": frame(PING, b"", form=64, length=1 << 40),
    "close of 126 bytes": frame(CLOSE, b"\x03\xe8" + b"x" * 124),
    "fragmented ping": frame(PING, b"x", fin=False) + frame(CONT, b"y"),
    "fragmented close": frame(CLOSE, b"\x03\xe8", fin=False),
    "stray continuation": frame(CONT, HELLO),
    "stray unfinished continuation": frame(CONT, HELLO, fin=False),
    "data frame inside a message": frame(TEXT, HELLO[:5], fin=False) + frame(TEXT, HELLO),
    "binary frame inside a message": frame(TEXT, HELLO[:5], fin=False) + frame(BINARY, HELLO),
    "length 2^63": frame(TEXT, b"", form=64, length=1 << 63),
    "length 2^64-1": frame(TEXT, HELLO, form=64, length=(1 << 64) - 1),
}


@pytest.mark.parametrize("bad", VIOLATIONS, ids=lambda v: v.replace(" ", "_"))
def test_t21_violation(connected, bad):
    b, conn = connected()
    b.send(request(1))
    conn.read_json()
    # What stands before it arrives, what stands behind it does not.
    conn.send(frame(TEXT, note(1)) + VIOLATIONS[bad] + frame(TEXT, note(2)) * 3)
    close, messages = conn.read_close()
    assert close[0] == 1002 and messages == []
    conn.read_eof()
    conn.close()
    assert_lost(b, conn, 1)
    assert len(b.lines) == 2 and b.lines[0] == note(1)


def test_t21_violation_over_tls(peer, bridge, authority, server_tls):
    p = peer(tls=server_tls)
    b = bridge("--cacert", authority.ca, p.url())
    conn = p.open()
    b.send(request(1))
    conn.read_json()
    conn.send(frame(3, HELLO))
    assert conn.read_close()[0][0] == 1002
    conn.read_eof()
    conn.close()
    assert_lost(b, conn, 1)


NOT_UTF8 = {
    "lone continuation": b"\x80",
    "truncated at the end": b"\xe2\x82",
    "overlong slash": b"\xc0\xaf",
    "overlong in three": b"\xe0\x80\xaf",
    "surrogate": b"\xed\xa0\x80",
    "beyond the last": b"\xf4\x90\x80\x80",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "0xff": b"\xff",
}


@pytest.mark.parametrize("bad", NOT_UTF8, ids=lambda v: v.replace(" ", "_"))
@pytest.mark.parametrize("split", [False, True], ids=["one frame", "split"])
def test_t22_text_that_is_not_utf8(connected, bad, split):
    b, conn = connected()
    b.send(request(1))
    conn.read_json()
    text = b'{"jsonrpc":"2.0","method":"n","params":"' + NOT_UTF8[bad] + b'"}'
    if bad == "truncated at the end":
        text = text[:-2]
    if split:
        conn.send(b"".join([frame(TEXT, text[:1], fin=False)] +
                           [frame(CONT, text[i:i + 1], fin=False) for i in range(1, len(text))] +
                           [frame(CONT)]))
    else:
        conn.send(frame(TEXT, text))
    close, messages = conn.read_close()
    assert close[0] == 1007 and messages == []
    conn.read_eof()
    conn.close()
    assert_lost(b, conn, 1)
    assert len(b.lines) == 1


def test_t22_utf8_split_over_fragments_is_fine(connected):
    b, conn = connected()
    text = '{"jsonrpc":"2.0","method":"\u00e9\u20ac\U0001f600\U0010ffff\ud7ff\ue000"}'.encode()
    for cut in range(1, len(text)):
        conn.send(frame(TEXT, text[:cut], fin=False) + frame(CONT, text[cut:]))
    assert b.wait_lines(len(text) - 1) == [text] * (len(text) - 1)


BAD_CLOSES = {
    "one byte": frame(CLOSE, b"\x03"),
    "1005": close_frame(1005), "1006": close_frame(1006), "1015": close_frame(1015),
    "1004": close_frame(1004), "999": close_frame(999), "0": close_frame(0),
    "1016": close_frame(1016), "2999": close_frame(2999), "5000": close_frame(5000),
    "65535": close_frame(65535),
    "reason not UTF-8": close_frame(1000, b"\xff\xfe"),
    "reason cut in a character": close_frame(1000, b"\xe2\x82"),
}


@pytest.mark.parametrize("bad", BAD_CLOSES, ids=lambda v: v.replace(" ", "_"))
def test_t22_bad_close(connected, bad):
    b, conn = connected()
    b.send(request(1))
    conn.read_json()
    conn.send(BAD_CLOSES[bad])
    close, _ = conn.read_close()
    assert close[0] in ((1002, 1007) if "reason" in bad else (1002,))
    conn.close()
    assert_lost(b, conn, 1)


@pytest.mark.parametrize("code, reason", [
    (1000, ""), (1000, "bye"), (1001, "going away"), (1003, ""), (1008, "policy"), (1009, ""),
    (1011, "oops"), (1012, "restart"), (1013, "later"), (3000, "auth"), (4401, "caf\u00e9"),
    (4999, "x" * 123), (None, "")])
def test_close_of_the_server_is_answered(connected_over, code, reason):
    b, conn = connected_over()
    b.send(request(1))
    conn.read_json()
    conn.send(close_frame(code, reason))
    close, _ = conn.read_close()
    assert close[0] == code  # the same code, nothing if there was none
    conn.wire.shut_write()
    conn.read_eof()
    conn.close()
    error = b.error(1, -31004 if code == 1009 else -31001)
    if code:
        assert str(code) in error["data"]["reason"] + error["message"]
    if reason and code != 1009:
        assert reason[:50] in error["data"]["reason"] + error["message"]
    b.finish_lost()


def test_close_reason_is_escaped(connected):
    b, conn = connected()
    b.send(request(1))
    conn.read_json()
    conn.send_close(4000, "a\x1b[31mb\u202ec\nd\x07")
    conn.read_close()
    conn.close()
    error = b.error(1, -31001)
    b.finish_lost()
    for text in (error["data"]["reason"], error["message"], b.error_text()):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text), repr(text)
    assert "[31mb" in error["data"]["reason"]


CUTS = {
    "in the header": frame(TEXT, HELLO)[:1],
    "in a long header": frame(TEXT, b"x" * 300)[:3],
    "in the payload": frame(TEXT, HELLO)[:-1],
    "payload missing": frame(TEXT, HELLO)[:2],
    "between fragments": frame(TEXT, HELLO, fin=False),
    "in the second fragment": frame(TEXT, HELLO[:9], fin=False) + frame(CONT, HELLO[9:])[:-1],
    "in a ping": frame(PING, b"abc")[:-1],
    "in a ping inside a message": frame(TEXT, HELLO, fin=False) + frame(PING, b"abc")[:-1],
    "in a close frame": close_frame(1000, "x")[:-1],
    "at a boundary": b"",
}


@pytest.mark.parametrize("cut", CUTS, ids=lambda v: v.replace(" ", "_"))
@pytest.mark.parametrize("how", ["end", "reset"])
def test_t23_end_inside_a_frame(connected, cut, how):
    """The connection ends early: the link is lost, and no half message reaches the host."""
    b, conn = connected()
    b.send(request(1))
    conn.read_json()
    conn.send(frame(TEXT, note(1)) + CUTS[cut])
    conn.wire.wait_drained()
    if how == "end":
        conn.close()
    else:
        conn.reset()
    assert_lost(b, conn, 1)
    assert len(b.lines) == 2 and b.lines[0] == note(1)


def test_t23_ends_by_itself(connected):
    """A host that has its answer to initialize need not do anything."""
    b, conn = connected()
    b.send(INITIALIZE)
    conn.read_json()
    conn.send_result("init")
    b.answer("init")
    started = time.monotonic()
    conn.send(frame(TEXT, HELLO)[:-1])
    conn.close()
    b.finish(4)
    assert time.monotonic() - started < 6 + DEADLINE
    assert len(b.lines) == 1


def test_t23_end_inside_a_frame_over_tls(peer, bridge, authority, server_tls):
    p = peer(tls=server_tls)
    b = bridge("--cacert", authority.ca, p.url())
    conn = p.open()
    b.send(request(1))
    conn.read_json()
    conn.send(frame(TEXT, HELLO)[:-1])
    conn.close()
    assert_lost(b, conn, 1)
    assert len(b.lines) == 1


def test_t24_no_close_notify_after_the_close_handshake(peer, bridge, authority, server_tls):
    p = peer(tls=server_tls)
    b = bridge("--cacert", authority.ca, p.url())
    conn = p.open()
    b.send(request(1))
    conn.read_json()
    conn.send_result(1)
    b.answer(1)
    b.close_stdin()
    assert conn.read_close()[0][0] == 1000
    conn.send_close(1000)
    conn.close()  # the socket only, no close_notify
    b.finish(0)
    assert b.error_lines() == []


def test_t30_sockets_are_not_inherited(connected_over):
    b, conn = connected_over()
    b.send(request(1))
    conn.read_json()
    for fd in os.listdir("/proc/%d/fd" % b.pid):
        if int(fd) < 3:
            continue
        try:
            target = os.readlink("/proc/%d/fd/%s" % (b.pid, fd))
            with open("/proc/%d/fdinfo/%s" % (b.pid, fd)) as info:
                flags = int(re.search(r"flags:\s+(\d+)", info.read())[1], 8)
        except FileNotFoundError:
            continue
        if target.startswith("socket:"):
            assert flags & os.O_CLOEXEC, "%s -> %s is inherited by children" % (fd, target)


@pytest.mark.parametrize("who", ["host", "server"])
def test_t31_nothing_after_our_close(connected_over, who):
    b, conn = connected_over()
    b.send(request(1))
    conn.read_json()
    if who == "host":
        conn.send_result(1)
        b.answer(1)
        b.close_stdin()
    else:
        conn.send_close(1000)
    assert conn.read_close()[0][0] == 1000
    if who == "host":
        for i in range(20):
            conn.send(frame(PING, b"%d" % i) + frame(TEXT, encode(request("s%d" % i))))
        conn.send_close(1000)
    conn.wire.shut_write()
    conn.read_eof()  # fails on any byte after CLOSE
    conn.close()
    if who == "host":
        b.finish(0)
    else:
        b.error(1, -31001)
        b.finish_lost()


def test_t31_queue_is_dropped_after_the_servers_close(connected):
    """What waits behind a CLOSE is not sent, and is answered as never begun."""
    b, conn = connected(peer_options=dict(rcvbuf=65536))
    b.feed([*huge_request(4 << 20, "big"), b"\n", encode(request("behind")), b"\n"])
    conn.wait_begun()
    conn.send_close(1001)
    close, messages = conn.read_close()
    assert close[0] == 1001
    conn.wire.shut_write()
    conn.read_eof()
    conn.close()
    got = b.answer("big")["error"]
    assert got["code"] == -31001
    b.finish_lost()


def test_data_behind_the_servers_close_is_ignored(connected):
    b, conn = connected()
    conn.send(close_frame(1000) + frame(TEXT, HELLO) + frame(3, b"x"))
    assert conn.read_close()[0][0] == 1000
    conn.close()
    b.wait_stderr("1000")
    b.finish_lost()
    assert b.lines == []
