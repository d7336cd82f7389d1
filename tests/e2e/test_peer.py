"""The scripted server itself: what it must notice, and that a well-kept client agrees with it."""

import socket
import struct

import pytest
import websockets
from websockets.sync.client import connect

from peer import (CLOSE, CONT, FRAGMENT_MAX, PING, TEXT, Conn, Gone, Huge, Violation, accept_key, close_frame, encode,
                  frame, mask_bytes)

MASK = b"\x01\x02\x03\x04"


@pytest.fixture
def pair(cleanup):
    ours, theirs = socket.socketpair()
    conn = Conn(ours)
    cleanup.extend([conn, theirs])
    return conn, theirs


@pytest.mark.parametrize("data", [
    frame(TEXT, "{}"),
    frame(TEXT, "{}", rsv=4, mask=MASK),
    frame(2, "{}", mask=MASK),
    frame(3, "{}", mask=MASK),
    frame(CONT, "{}", mask=MASK),
    frame(TEXT, "{", fin=False, mask=MASK) + frame(TEXT, "}", mask=MASK),
    frame(PING, "x" * 126, mask=MASK),
    frame(PING, "x", fin=False, mask=MASK),
    frame(TEXT, "{}", form=16, mask=MASK),
    frame(TEXT, "x" * 200, form=64, mask=MASK),
    frame(TEXT, length=FRAGMENT_MAX + 1, mask=MASK),
    frame(CLOSE, "x", mask=MASK),
    frame(CLOSE, b"\x03\xe8", mask=MASK) + frame(TEXT, "{}", mask=MASK),
], ids=lambda d: d[:8].hex())
def test_violations_are_noticed(pair, data):
    conn, client = pair
    client.sendall(data)
    with pytest.raises(Violation):
        while True:
            conn.read_frame(timeout=1)


def test_bytes_after_close_are_noticed_at_the_end(pair):
    conn, client = pair
    client.sendall(frame(CLOSE, b"\x03\xe8", mask=MASK) + b"x")
    assert conn.read_close()[0] == (1000, "")
    client.close()
    with pytest.raises(Violation):
        conn.read_eof()


def test_messages_are_put_together(pair):
    conn, client = pair
    client.sendall(frame(TEXT, "ab", fin=False, mask=MASK) + frame(PING, "p", mask=MASK) +
                   frame(CONT, "", fin=False, mask=MASK) + frame(CONT, "cd", mask=b"\xff\0\xff\0"))
    assert conn.read_message() == b"abcd" and conn.pings[0].payload == b"p"
    client.close()
    with pytest.raises(Gone):
        conn.read_frame()


def test_bytes():
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert mask_bytes(b"Hello", b"\x37\xfa\x21\x3d") == b"\x7f\x9f\x4d\x51\x58"
    for n in (125, 126, 65535, 65536):
        assert len(frame(TEXT, "x" * n)) == n + (2 if n < 126 else 4 if n < 65536 else 10)
    huge = Huge(3000000, b"[", b"]")
    assert sum(map(len, huge)) == 3000000
    assert len(set(huge)) == len(list(huge))


def test_a_client_of_others(link, server_tls, authority):
    """The same bytes mean the same to the `websockets` library."""
    import ssl
    p, args = link()
    context = ssl.create_default_context(cafile=authority.ca) if args else None

    def serve():
        conn = p.accept().open()
        assert conn.read_message() == b"hello"
        conn.send(frame(TEXT, "wor", fin=False) + frame(PING, b"now") + frame(CONT, "ld"))
        conn.read_pong()
        conn.send(close_frame(4000, "done"))
        assert conn.read_close()[0] == (4000, "done")
        conn.close()

    p.run(serve)
    with connect(p.url(), ssl=context, subprotocols=["mcp"], compression=None) as client:
        assert client.subprotocol == "mcp"
        client.send("hello")
        assert client.recv() == "world"
        with pytest.raises(websockets.ConnectionClosed) as closed:
            client.recv()
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4000, "done")
    p.join()
