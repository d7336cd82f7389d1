"""Lines in, lines out: what counts as a message, and what bad input gets."""

import json
import os
import pty
import re
import socket
import time

import pytest

from bridge import INITIALIZE, check_error, notification, open_flags, request, response
from peer import CONT, DEADLINE, TEXT, encode, frame

PROBE = {"jsonrpc": "2.0", "method": "probe"}


def assert_next(conn, message):
    got = conn.read_message()
    assert got == encode(message), got


# stdin


@pytest.mark.parametrize("text, messages", [
    (b'%s\r\n%s\n', 2), (b'\n\n\r\n%s\n\n%s\n', 2), (b' %s \n\t%s\t\r\n', 2), (b'%s\n%s', 2),
    (b'\xef\xbb\xbf%s\n%s\n', 2)], ids=["CRLF", "empty lines", "blanks", "no last LF", "BOM"])
def test_lines(connected, text, messages):
    b, conn = connected()
    one, two = encode(notification("one")), encode(notification("two"))
    b.send_raw(text % (one, two))
    b.close_stdin()
    assert conn.read_message().strip() == one
    assert conn.read_message().strip() == two
    assert conn.read_close()[0][0] == 1000
    conn.answer_close()
    b.finish(0)
    assert b.lines == []


def test_line_byte_by_byte(connected):
    b, conn = connected()
    for byte in encode(request(1, "caf\u00e9")) + b"\r\n":
        b.send_raw(bytes([byte]))
    assert_next(conn, request(1, "caf\u00e9"))


def test_no_fixed_line_length(connected):
    b, conn = connected()
    for size in (4095, 4096, 4097, 65536, 1 << 20, 5 << 20):
        message = request(size, "m", x="y" * size)
        b.feed([encode(message) + b"\n"])
        assert_next(conn, message)


def test_many_lines_in_one_write(connected):
    b, conn = connected()
    sent = [request(i) for i in range(1000)]
    b.send(*sent)
    for message in sent:
        assert_next(conn, message)


NOT_JSON = [
    b"hello", b"{", b'{"jsonrpc":"2.0","id":1,"method":"m"', b'{"id":1,"method":"m"}}',
    b'{"id":1,"method":"m"} {"id":2,"method":"m"}', b"{'id':1}", b'{"id":01,"method":"m"}',
    b'{"id":1,"method":"m",}', b'{"id":1,"method":"\t"}', b'{"id":1,"method":"\x01"}',
    b'{"id":1,"method":"\xff"}', b'{"id":1,"method":"\xed\xa0\x80"}', b'{"id":NaN,"method":"m"}',
    b'{"id":1,"method":"\\x"}', b'{"id":1,"method":"\\u12"}', b"\0", b'{"a":1}\0', b"[1,]", b"tru",
    b'"a', b"-", b"1.", b"[" * 10001 + b"]" * 10001]


@pytest.mark.parametrize("text", NOT_JSON, ids=lambda t: repr(t[:40])[2:-1])
def test_not_json(connected, text):
    b, conn = connected()
    b.send_raw(text + b"\n" + encode(PROBE) + b"\n")
    assert_next(conn, PROBE)  # nothing was forwarded before it
    got = json.loads(b.wait_lines(1)[0])
    assert got["id"] is None and got["error"]["code"] == -32700
    assert got["error"]["data"]["source"] == "wsmcp"


def test_not_json_while_connecting(peer, bridge):
    """The answer does not wait for the link."""
    b = bridge(peer().url())
    b.send_raw(b"oops\n")
    assert json.loads(b.wait_lines(1)[0])["error"]["code"] == -32700


INVALID = [
    (b"1", None), (b"null", None), (b'"text"', None), (b"true", None), (b"{}", None),
    (b'{"jsonrpc":"2.0"}', None), (b'{"id":1}', b"1"), (b'{"id":"a\\u00e9","params":{}}', b'"a\\u00e9"'),
    (b'{"id":1,"method":5}', b"1"), (b'{"id":1,"method":null}', b"1"),
    (b'{"method":["m"],"id":"x"}', b'"x"'), (b'{"result":{}}', None), (b'{"error":{}}', None),
    (b'{"id":{"a":1},"method":"m"}', None), (b'{"id":[1],"method":"m"}', None),
    (b'{"id":true,"method":"m"}', None),
    (b'{"id":1,"id":2,"method":"m"}', None), (b'{"id":1,"\\u0069d":1,"method":"m"}', None),
    (b'{"id":7,"method":"m","method":"m"}', b"7"), (b'{"id":7,"params":{},"method":"m","params":{}}', b"7"),
    (b'{"jsonrpc":"2.0","id":7,"method":"m","jsonrpc":"2.0"}', b"7"),
    (b'{"id":7,"result":1,"result":2}', b"7"), (b'{"id":7,"error":1,"error":2}', b"7"),
    (b'{"id":"%s","method":"m"}' % (b"x" * 1025), None), (b'{"id":%s,"method":"m"}' % (b"1" * 1025), None),
    (b"[]", None), (b"[1]", None), (b'[{"id":1,"method":"m"},2]', None), (b'[{"id":1,"method":"m"},{}]', None),
    (b'[[{"id":1,"method":"m"}]]', None), (b'[{"id":1,"id":1,"method":"m"}]', None),
]


@pytest.mark.parametrize("text, ident", INVALID, ids=lambda t: repr(t[:45])[2:-1] if isinstance(t, bytes) else "")
def test_not_json_rpc(connected, text, ident):
    b, conn = connected()
    b.send_raw(text + b"\n" + encode(PROBE) + b"\n")
    assert_next(conn, PROBE)
    line = b.wait_lines(1)[0]
    got = json.loads(line)
    assert got["error"]["code"] == -32600 and got["error"]["data"]["source"] == "wsmcp"
    assert b'"id":' + (ident or b"null") in line.replace(b" ", b"")


@pytest.mark.parametrize("text", [
    b'{"id":1,"method":"m"}', b'{"method":""}', b'{"id":null,"method":"m"}', b'{"id":"","method":"m"}',
    b'{"id":-1.5e3,"method":"m"}', b'{"id":1,"method":"m","params":null,"extra":{"id":2,"id":3}}',
    b'{"id":9,"result":null}', b'{"id":9,"error":null}', b'{"id":null,"error":{"code":-32700,"message":"x"}}',
    b'[{"id":1,"method":"m"}]', b'[{"method":"m"},{"id":2,"result":{}},{"id":3,"method":"n"}]',
    b'{"jsonrpc":"1.0","id":1,"method":"m"}', b'{"\\u006dethod":"m"}',
    b'{"id":"%s","method":"m"}' % (b"x" * 1022), b'{"params":{"method":"x","id":[]},"method":"m"}',
    b'{"method":"m","params":' + b"[" * 9000 + b"]" * 9000 + b"}",
], ids=lambda t: repr(t[:45])[2:-1])
def test_json_rpc_passes(connected, text):
    b, conn = connected()
    conn.wait_up()  # without a link there is nobody that a response could be for
    b.send_raw(text + b"\n")
    assert conn.read_message() == text
    b.send(PROBE)
    assert_next(conn, PROBE)
    assert b.lines == []


def test_newlines_inside_a_line_end_it(connected):
    """A pretty-printed message is not one line: each part is judged alone."""
    b, conn = connected()
    b.send_raw(b'{"id":1,\n"method":"m"}\n' + encode(PROBE) + b"\n")
    assert_next(conn, PROBE)
    assert [json.loads(x)["error"]["code"] for x in b.wait_lines(2)] == [-32700, -32700]


@pytest.mark.parametrize("first, second", [
    (b"1", b"1"), (b"1", b"1.0"), (b"1", b"10e-1"), (b'"a"', b'"\\u0061"'), (b'"\\u00e9"', '"\u00e9"'.encode()),
    (b"9007199254740993", b"9007199254740993.0"), (b"null", b"null")])
def test_id_in_flight(connected, first, second):
    b, conn = connected()
    text = b'{"jsonrpc":"2.0","id":%s,"method":"m"}'
    b.send_raw(text % first + b"\n" + text % second + b"\n" + encode(PROBE) + b"\n")
    assert conn.read_message() == text % first
    assert_next(conn, PROBE)
    line = b.wait_lines(1)[0]
    assert json.loads(line)["error"]["code"] == -32600 and b'"id":' + second in line.replace(b" ", b"")
    reply = b'{"jsonrpc":"2.0","id":%s,"result":1}' % first
    conn.send_text(reply)
    assert b.wait_lines(2)[1] == reply
    b.send_raw(text % second + b"\n")  # answered: the id is free again
    assert conn.read_message() == text % second


@pytest.mark.parametrize("first, second", [
    (b"1", b'"1"'), (b"9007199254740993", b"9007199254740992"), (b'"a"', b'"A"'), (b"0.1", b"0.10000000000000000001")])
def test_ids_that_differ(connected, first, second):
    b, conn = connected()
    text = b'{"jsonrpc":"2.0","id":%s,"method":"m"}'
    b.send_raw(text % first + b"\n" + text % second + b"\n")
    assert [conn.read_message() for _ in "ab"] == [text % first, text % second]
    for ident in (second, first):
        conn.send_text(b'{"jsonrpc":"2.0","id":%s,"result":1}' % ident)
    b.wait_lines(2)
    b.close_stdin()
    assert conn.read_close()[0][0] == 1000
    conn.answer_close()
    b.finish(0)


# from the server


@pytest.mark.parametrize("text", [
    b"{}", b"[]", b"[1,2]", b'{"id":5,"foo":1}', b'{"id":1,"id":2}', b'{"jsonrpc":"2.0","id":77,"result":{}}',
    b'{"jsonrpc":"2.0","id":"s1","method":"roots/list"}', b'[{"jsonrpc":"2.0","method":"x"}]', b'{"method":7}',
    b'{"id":{"a":[]},"result":1}', b'{"id":"%s","result":1}' % (b"x" * 3000), b"[" * 5000 + b"]" * 5000,
], ids=lambda t: repr(t[:40])[2:-1])
def test_every_object_and_array_passes(connected, text):
    b, conn = connected()
    conn.send_text(text)
    assert b.wait_lines(1) == [text]


@pytest.mark.parametrize("text, line", [
    (b'{\r\n  "jsonrpc": "2.0",\n  "method": "n"\r\n}\n', b'{    "jsonrpc": "2.0",   "method": "n"  }'),
    (b'{"method":"n"}\n', b'{"method":"n"}'), (b'{"method":"n"}\r\n', b'{"method":"n"}'),
    (b'\n\n{"method":"n"}', b'{"method":"n"}'), (b'\xef\xbb\xbf{"method":"n"}', b'{"method":"n"}'),
    (b'[\n1\r,\n2\r\n]', b'[ 1 , 2  ]'), (b'{"method":"a\\r\\nb"}', b'{"method":"a\\r\\nb"}'),
    (b'{"method":"n"}\n\n', b'{"method":"n"}')], ids=lambda t: repr(t[:30])[2:-1])
def test_newlines_and_bom_from_the_server(connected, text, line):
    b, conn = connected()
    conn.send_text(text)
    got = b.wait_lines(1)[0]
    assert got.strip(b" ") == line.strip(b" ")


def test_newline_between_fragments(connected):
    b, conn = connected()
    conn.send(frame(TEXT, b'{"method":', fin=False) + frame(CONT, b"\n", fin=False) + frame(CONT, b'"n"}\r') )
    assert b.wait_lines(1)[0].rstrip() == b'{"method": "n"}'


@pytest.mark.parametrize("text", [b"1", b"true", b"null", b'"x"', b"oops", b"{", b'{"a":1}}', b'{"a":\x01}',
                                  b"{} {}", b'{"method":"\t"}', b"[1,]", b"\0"], ids=lambda t: repr(t)[2:-1])
def test_anything_else_is_dropped_with_a_warning(connected, text):
    b, conn = connected()
    b.send(request(1))
    conn.read_json()
    conn.send_text(text)
    conn.send_result(1)
    b.answer(1)
    b.wait_stderr(r"\S")
    assert len(b.lines) == 1 and len(b.error_lines()) == 1


@pytest.mark.parametrize("text", [
    b'{"jsonrpc":"2.0","id":1,"result":{oops}}', b'{"jsonrpc":"2.0","id":1,"result":{"a":1}',
    b'{"jsonrpc":"2.0","id":1,"result":{"a":"\t"}}', b'{"id":1,"result":01}'], ids=lambda t: repr(t)[2:-1])
def test_malformed_answer_is_told(connected, text):
    b, conn = connected()
    b.send(request(1), request(2))
    conn.read_json(), conn.read_json()
    conn.send_text(text)
    error = b.error(1, -31005)
    assert error["data"]["reason"] and error["data"]["delivered"] == "unknown"
    assert len(b.error_lines()) <= 1
    conn.send_text(b'{"jsonrpc":"2.0","id":1,"result":"late"}')  # answered already: dropped
    conn.send_result(2)
    b.answer(2)
    assert len(b.lines) == 2


def test_cancelled_requests_first_answer_passes(connected):
    b, conn = connected()
    b.send(request(1))
    assert conn.read_json() == request(1)
    b.send(notification("notifications/cancelled", requestId=1))
    assert conn.read_json()["method"] == "notifications/cancelled"
    conn.send_result(1)
    assert b.answer(1)["result"] == {}


def test_cancelling_what_was_not_sent_removes_it(peer, bridge):
    p = peer()
    b = bridge(p.url())
    conn = p.accept()
    b.send(INITIALIZE, request(1), request("2"), notification("notifications/cancelled", requestId="2"), request(3))
    b.send_raw(b"mark\n")
    b.wait_lines(1)  # everything was read
    conn.open()
    assert [conn.read_json()["id"] for _ in range(3)] == ["init", 1, 3]
    b.send(PROBE)
    assert_next(conn, PROBE)


# stdout and its descriptor


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_stdin_and_stdout_keep_their_mode(peer, bridge, kind):
    """O_NONBLOCK would be seen by everybody who shares the description."""
    p = peer()
    if kind == "pipe":
        child_in, ours_in = os.pipe()
        ours_out, child_out = os.pipe()
    else:
        pairs = [socket.socketpair() for _ in "io"]
        child_in, ours_in = pairs[0][0].detach(), pairs[0][1].detach()
        child_out, ours_out = pairs[1][0].detach(), pairs[1][1].detach()
    before = open_flags(child_in), open_flags(child_out)
    b = bridge(p.url(), stdin=child_in, stdout=child_out)
    conn = p.open()
    os.write(ours_in, encode(request(1)) + b"\n")
    conn.read_json()
    conn.send_result(1)
    assert json.loads(os.read(ours_out, 1000))["id"] == 1
    assert (open_flags(child_in), open_flags(child_out)) == before
    os.close(ours_in)
    conn.answer_close()
    b.finish(0)
    assert (open_flags(child_in), open_flags(child_out)) == before
    for fd in (child_in, child_out, ours_out):
        os.close(fd)


def test_stdout_is_a_file(peer, bridge, tmp_path):
    """What stands in the file stays, and what others write behind it lands behind it."""
    p = peer()
    path = tmp_path / "out"
    with open(path, "wb", buffering=0) as out:
        out.write(b"before\n")
        before = open_flags(out.fileno())
        b = bridge(p.url(), stdout=out.fileno())
        conn = p.open()
        for i in range(3):
            b.send(request(i))
            conn.read_json()
            conn.send_result(i)
        b.close_stdin()
        conn.answer_close()
        b.finish(0)
        assert open_flags(out.fileno()) == before
        out.write(b"after\n")
    lines = path.read_bytes().splitlines()
    assert lines[0] == b"before" and lines[-1] == b"after"
    assert [json.loads(x)["id"] for x in lines[1:-1]] == [0, 1, 2]


def test_stdout_is_a_fifo(peer, bridge, tmp_path):
    path = str(tmp_path / "fifo")
    os.mkfifo(path)
    read = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    write = os.open(path, os.O_WRONLY)
    before = open_flags(write)
    p = peer()
    b = bridge(p.url(), stdout=write)
    conn = p.open()
    conn.send_text(PROBE)
    end = time.monotonic() + DEADLINE
    got = b""
    while not got.endswith(b"\n") and time.monotonic() < end:
        try:
            got += os.read(read, 1000)
        except BlockingIOError:
            time.sleep(0.005)
    assert got == encode(PROBE) + b"\n"
    assert open_flags(write) == before
    os.close(write)
    os.close(read)  # the last reader
    b.finish(0)


def test_stdout_is_dev_null(peer, bridge):
    p = peer()
    b = bridge(p.url(), stdout="null")
    conn = p.open()
    conn.send_text(PROBE)
    b.send(request(1))
    conn.read_json()
    conn.send_result(1)
    b.close_stdin()
    conn.answer_close()
    b.finish(0)


def test_one_socket_for_both(peer, bridge):
    """As inetd does it: the host's half-close ends stdin, its replies still arrive."""
    p = peer()
    ours, theirs = socket.socketpair()
    b = bridge(p.url(), stdin=theirs.fileno(), stdout=theirs.fileno())
    theirs.close()
    conn = p.open()
    ours.sendall(encode(request(1)) + b"\n")
    ours.shutdown(socket.SHUT_WR)
    conn.read_json()
    conn.send_result(1)
    ours.settimeout(DEADLINE)
    assert json.loads(ours.makefile("rb").readline())["id"] == 1
    conn.answer_close()
    b.finish(0)
    ours.close()


@pytest.mark.parametrize("kind", ["pipe", "socket"])
@pytest.mark.parametrize("when", ["idle", "connecting", "owed", "writing"])
def test_stdout_closed_by_its_reader(peer, bridge, kind, when):
    p = peer()
    b = bridge(p.url(), stdout=kind, read=False)
    if when == "connecting":
        p.accept().read_request()
    else:
        conn = p.open()
        b.send(request(1))
        conn.read_json()
        if when == "idle":
            conn.send_result(1)
            assert os.read(b.stdout, 1000)
        elif when == "writing":
            p.run(lambda: [conn.send_text(notification("n", x="y" * 100000)) for _ in range(300)])
            assert os.read(b.stdout, 1000)
    started = time.monotonic()
    os.close(b.stdout)
    b.stdout = None
    b.finish(0)
    assert time.monotonic() - started < 2 * DEADLINE / 10


def test_stdout_is_full(peer, bridge):
    """A write error other than a closed reader."""
    p = peer()
    with open("/dev/full", "wb", buffering=0) as full:
        b = bridge(p.url(), stdout=full.fileno())
        conn = p.open()
        conn.send_text(PROBE)
        b.finish(4)
    assert b.error_lines()


# stderr


def noisy(b, conn):
    """Makes the bridge warn many times, then checks that it still works."""
    for i in range(3000):
        conn.send_text(b"oops %d" % i)
    b.send(request(1))
    assert conn.read_json() == request(1)
    conn.send_result(1)
    b.answer(1)


def test_stderr_is_full(connected):
    b, conn = connected("-v", "-v", drain=False)
    noisy(b, conn)
    b.close_stdin()
    conn.answer_close()
    b.finish(0)


@pytest.mark.parametrize("launcher", [
    pytest.param(["sh", "-c", 'exec "$@" 2>&-', "sh"], marks=pytest.mark.bare),
    ["sh", "-c", 'exec "$@" 2>/dev/full', "sh"]], ids=["closed", "full"])
def test_stderr_takes_nothing(connected, launcher):
    b, conn = connected(launcher=launcher)
    noisy(b, conn)


def test_stderr_reader_is_gone(connected):
    b, conn = connected("-v", drain=False)
    os.close(b.stderr)
    b.stderr = None
    noisy(b, conn)


def test_silent_when_all_is_well(connected):
    b, conn = connected()
    b.send(INITIALIZE)
    conn.read_json()
    conn.send_result("init")
    b.answer("init")
    b.close_stdin()
    conn.answer_close()
    b.finish(0)
    assert b.error_lines() == []


def test_terminal_on_stdin(peer, bridge):
    p = peer()
    master, slave = pty.openpty()
    b = bridge(p.url(), stdin=slave)
    os.close(slave)
    b.wait_stderr(r"JSON-RPC.*Ctrl-D")
    conn = p.open()
    os.write(master, encode(request(1)) + b"\n")
    assert conn.read_json() == request(1)
    conn.send_result(1)
    b.answer(1)
    os.write(master, b"\x04")
    conn.answer_close()
    b.finish(0)
    os.close(master)


def test_no_hint_without_a_terminal(connected):
    b, conn = connected("-q")
    assert "Ctrl-D" not in b.error_text()
