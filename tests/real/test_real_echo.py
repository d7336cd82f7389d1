"""Messages of every size and shape, there and back through libraries that others wrote."""

import concurrent.futures
import json
import subprocess
import sys

import pytest

from real_comparison import assert_same
from real_support import DEADLINE, HERE, Lines, node, process, server, wsmcp

SERVERS = {
    "ws": lambda: [node(), f"{HERE}/servers/echo_ws.mjs"],
    "websockets": lambda: [sys.executable, f"{HERE}/servers/echo_websockets.py"],
}
# Around the lengths where a frame's header changes, where buffers end, and a few large ones.
SIZES = [60, 125, 126, 127, 999, 1000, 1001, 16384, 65535, 65536, 65537, 262144, 262145, 4_000_000]
WORDS = "Zoë 你好 \U0001f44b \u2028 \x7f \\u0000 \\\" ".encode()


def message(size):
    """A notification of exactly this many bytes."""
    head, tail = b'{"jsonrpc":"2.0","method":"echo","params":{"pad":"', b'"}}'
    room = size - len(head) - len(tail)
    words = WORDS * (room // len(WORDS))
    return head + words + b"x" * (room - len(words)) + tail


@pytest.fixture
def through(open_server):
    """Sends lines through the bridge to an echo server; returns what comes back, and the status."""

    def send(library, path, lines):
        url = open_server(f"echo-{library}", lambda: server(SERVERS[library]())).url
        command = wsmcp(url[:-1] + path)
        with process(command, stdout=subprocess.PIPE) as bridge:
            output = Lines(bridge.stdout)
            with concurrent.futures.ThreadPoolExecutor() as pool:
                writer = pool.submit(write, bridge.stdin, lines)
                back = [output.next() for _ in lines]
                writer.result()
            bridge.stdin.close()
            assert output.next() is None
            return back, bridge.wait(DEADLINE)

    return send


def write(stream, lines):
    for line in lines:
        stream.write(line + b"\n")
    stream.flush()


@pytest.mark.parametrize("kind", ["text", "binary", "fragments"])
@pytest.mark.parametrize("library", SERVERS)
def test_every_size_comes_back_byte_for_byte_in_order(through, library, kind):
    sent = [message(size) for size in SIZES]
    back, status = through(library, f"/{kind}", sent)
    assert [len(line) for line in back] == SIZES
    for line, original in zip(back, sent, strict=True):
        assert_same(line, original)
    assert status == 0


@pytest.mark.parametrize("library", SERVERS)
def test_many_small_messages_keep_their_order(through, library):
    sent = [b'{"jsonrpc":"2.0","method":"n","params":[%d]}' % n for n in range(5000)]
    back, status = through(library, "/text", sent)
    assert_same(b"\n".join(back), b"\n".join(sent))
    assert status == 0


def test_numbers_and_escapes_are_left_as_they_are(through):
    sent = [
        b'{"jsonrpc":"2.0","method":"n","params":[9007199254740993,1.0,1E400,-0.0,1e-7]}',
        b'{"jsonrpc" : "2.0" ,\t"method":"\\u006e","params":{"b":1,"a":2,"\\/":"\\ud83d\\ude00"}}',
    ]
    for library in SERVERS:
        assert through(library, "/text", sent) == (sent, 0)


def test_json_over_many_lines_becomes_one_line(through):
    sent = [message(size) for size in SIZES[:8]]
    back, status = through("websockets", "/pretty", sent)
    assert [json.loads(line) for line in back] == [json.loads(line) for line in sent]
    assert not any(b"\r" in line for line in back)
    assert status == 0
