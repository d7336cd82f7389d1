"""The opening handshake: what the bridge asks for, and what answers it takes."""

import base64
import time

import pytest

from bridge import INITIALIZE, request
from peer import CLOSE, DEADLINE, TEXT, Gone, close_frame, frame, upgrade_answer


def assert_told(b, words):
    """The host's initialize is answered with the reason."""
    error = b.error("init", -31002)
    assert error["data"]["delivered"] == "no"
    reason = error["data"]["reason"]
    assert reason, error
    told = (reason + " " + error["message"]).lower()
    for word in words:
        assert word.lower() in told, error
    assert len(b.lines) == 1
    return error


def assert_gives_up(b, *words):
    """The host's initialize is answered with the reason, then the bridge ends with 4."""
    error = assert_told(b, words)
    b.finish(4)
    assert len(b.lines) == 1
    assert b.error_lines(), "nothing on stderr"
    return error


def assert_keeps_trying(b, *words):
    """The host's initialize is answered with the reason once it has waited long enough, and the bridge stays."""
    error = assert_told(b, words)
    b.finish_without_link()
    assert len(b.lines) == 2
    assert len(b.error_lines()) == 1 and "trying again" in b.error_text(), b.error_text()
    return error


def assert_no_link(b, *words):
    """For tables with rows of both kinds; those that are tried again are marked as offline."""
    return (assert_gives_up if b.offline is None else assert_keeps_trying)(b, *words)


def attempt(b, p):
    b.send(INITIALIZE)
    return p.accept()


def test_request(connected):
    b, conn = connected(url="/a/b?c=d")
    got = conn.request
    assert (got.method, got.target, got.version) == ("GET", "/a/b?c=d", "HTTP/1.1")
    assert got.get("Host") == "127.0.0.1:%d" % conn.peer.port
    assert got.get("Upgrade").lower() == "websocket"
    assert "upgrade" in [t.strip().lower() for t in got.get("Connection").split(",")]
    assert got.get("Sec-WebSocket-Version") == "13"
    assert len(base64.b64decode(got.get("Sec-WebSocket-Key"), validate=True)) == 16
    assert got.get("Sec-WebSocket-Protocol") == "mcp"
    assert got.get("Sec-WebSocket-Extensions") is None
    assert got.get("Origin") is None


def test_key_differs_each_time(peer, bridge):
    p = peer()
    keys = set()
    for _ in range(3):
        bridge(p.url())
        keys.add(p.accept().read_request().get("Sec-WebSocket-Key"))
    assert len(keys) == 3


@pytest.mark.offline
def test_t01_closed_after_the_request(link, bridge):
    p, args = link()
    b = bridge(*args, p.url())
    conn = attempt(b, p)
    conn.read_request()
    conn.close()
    assert_keeps_trying(b)


@pytest.mark.offline
def test_t01_reset_after_the_request(link, bridge):
    p, args = link()
    b = bridge(*args, p.url())
    conn = attempt(b, p)
    conn.read_request()
    conn.reset()
    assert_keeps_trying(b)


@pytest.mark.offline
@pytest.mark.parametrize("cut", ["status", "status line", "in a header", "after accept", "last LF"])
def test_t02_half_an_answer(link, bridge, cut):
    p, args = link()
    b = bridge(*args, p.url())
    conn = attempt(b, p)
    answer = upgrade_answer(conn.read_request())
    at = {"status": 10, "status line": answer.index(b"\r\n") + 2,
          "in a header": answer.index(b"Sec-WebSocket-Accept") + 30,
          "after accept": answer.index(b"Sec-WebSocket-Protocol"),
          "last LF": len(answer) - 1}[cut]
    conn.send(answer[:at])
    conn.close()
    assert_keeps_trying(b)


@pytest.mark.parametrize("answer, words", [
    (dict(accept="s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), ["Accept"]),
    (dict(accept=None), ["Accept"]),
    (dict(accept=""), ["Accept"]),
    (dict(upgrade=None), ["Upgrade"]),
    (dict(upgrade="h2c"), ["Upgrade"]),
    (dict(connection=None), ["Connection"]),
    (dict(connection="keep-alive"), ["Connection"]),
    (dict(connection="upgraded"), ["Connection"]),
    (dict(extra=["Sec-WebSocket-Extensions: permessage-deflate"]), ["extension"]),
    (dict(protocol="other"), ["protocol"]),
    (dict(protocol="MCP"), ["protocol"]),
    (dict(protocol="mcp, other"), ["protocol"]),
], ids=lambda v: str(v)[:60])
def test_t03_wrong_answer(peer, bridge, answer, words):
    p = peer()
    b = bridge(p.url())
    conn = attempt(b, p)
    # The frame behind the answer must not reach the host.
    conn.open(glue=frame(TEXT, '{"jsonrpc":"2.0","method":"evil"}'), **answer)
    assert_gives_up(b, *words)
    with pytest.raises(Gone):
        conn.read_frame()  # no frame was ever sent


def test_t03_wrong_answer_over_tls(peer, bridge, authority, server_tls):
    p = peer(tls=server_tls)
    b = bridge("--cacert", authority.ca, p.url())
    attempt(b, p).open(accept="s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    assert_gives_up(b, "Accept")


@pytest.mark.parametrize("answer", [
    dict(upgrade="WebSocket"),
    dict(connection="keep-alive, UPGRADE"),
    dict(protocol=None),
    dict(status="HTTP/1.1 101 Whatever It Takes"),
    dict(status="HTTP/1.1 101"),
    dict(extra=["Server: x", "X-Empty:", "Date: now"]),
    dict(extra=["X-Long: " + "x" * 8000]),
], ids=lambda v: str(v)[:50])
def test_accepted_answer(peer, bridge, answer):
    p = peer()
    b = bridge(p.url())
    conn = attempt(b, p).open(**answer)
    assert conn.read_json() == INITIALIZE


def test_lower_case_header_names(peer, bridge):
    p = peer()
    b = bridge(p.url())
    conn = attempt(b, p)
    head, _, rest = upgrade_answer(conn.read_request()).partition(b"\r\n")
    lines = [n.lower() + b":" + v for n, _, v in
             (line.partition(b":") for line in rest[:-4].split(b"\r\n"))]
    conn.send(b"\r\n".join([head] + lines) + b"\r\n\r\n")
    assert conn.read_json() == INITIALIZE


@pytest.mark.parametrize("options, offered, chosen, good", [
    ([], "mcp", "mcp", True),
    (["--subprotocol", "a, b"], ["a", "b"], "b", True),
    (["--subprotocol", "a,b"], ["a", "b"], None, True),
    (["--subprotocol=a,b"], ["a", "b"], "c", False),
    (["--no-subprotocol"], None, None, True),
    (["--no-subprotocol"], None, "mcp", False),
    (["--subprotocol", "mcp, mcp.auth.abc"], ["mcp", "mcp.auth.abc"], "mcp", True),
])
def test_subprotocol(peer, bridge, options, offered, chosen, good):
    p = peer()
    b = bridge(*options, p.url())
    conn = attempt(b, p)
    got = conn.read_request().get("Sec-WebSocket-Protocol")
    if isinstance(offered, list):
        got = [x.strip() for x in got.split(",")]
    assert got == offered
    conn.open(protocol=chosen)
    if good:
        assert conn.read_json() == INITIALIZE
    else:
        assert_gives_up(b, "protocol")


@pytest.mark.parametrize("interim_right", [True, False])
def test_t04_headers_of_the_101_count(peer, bridge, interim_right):
    p = peer()
    b = bridge(p.url())
    conn = attempt(b, p)
    answer = upgrade_answer(conn.read_request())
    headers = answer.partition(b"\r\n")[2]
    wrong = headers.replace(b"Accept: ", b"Accept: x").replace(b"mcp", b"evil")
    interim, final = (headers, wrong) if interim_right else (wrong, headers)
    conn.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n" + interim +
              b"HTTP/1.1 101 Switching Protocols\r\n" + final)
    if interim_right:
        assert_gives_up(b)
    else:
        assert conn.read_json() == INITIALIZE


RETRIED = pytest.mark.offline


@pytest.mark.parametrize("status, headers, words", [
    ("401 Unauthorized", ["WWW-Authenticate: Bearer", "Content-Length: 0"], ["401"]),
    ("403 Forbidden", ["Content-Length: 0"], ["403"]),
    ("404 Not Found", ["Content-Length: 5", "", "hello"], ["404"]),
    ("302 Found", ["Location: ws://127.0.0.1:9/there", "Content-Length: 0"],
     ["302", "127.0.0.1:9/there"]),
    ("308 Permanent Redirect", ["Location: /there", "Content-Length: 0"], ["308", "/there"]),
    ("200 OK", ["Content-Type: text/html", "Content-Length: 6", "", "<html>"], ["200"]),
    ("200 OK", ["Transfer-Encoding: chunked"], ["200"]),
    ("426 Upgrade Required", ["Content-Length: 0"], ["426"]),
    pytest.param("408 Request Timeout", ["Content-Length: 0"], ["408"], marks=RETRIED),
    pytest.param("425 Too Early", ["Content-Length: 0"], ["425"], marks=RETRIED),
    pytest.param("429 Too Many Requests", ["Retry-After: 7", "Content-Length: 0"], ["429"], marks=RETRIED),
    pytest.param("500 Internal Server Error", ["Content-Length: 0"], ["500"], marks=RETRIED),
    pytest.param("503 Service Unavailable", ["Retry-After: 120", "Content-Length: 0"], ["503"], marks=RETRIED),
    pytest.param("599 x", ["Content-Length: 0"], ["599"], marks=RETRIED),
], ids=lambda v: v if isinstance(v, str) else "")
def test_t05_refused(peer, bridge, status, headers, words):
    p = peer()
    b = bridge(p.url())
    conn = attempt(b, p)
    conn.read_request()
    body = "\r\n".join(["HTTP/1.1 " + status] + headers)
    conn.send(body.encode() + (b"" if "" in headers else b"\r\n\r\n"))
    if b.offline is not None and not any("Retry-After" in h for h in headers):
        p.accept()
    assert_no_link(b, *words)
    assert p.nobody_came(), "a redirect was followed, or the attempt repeated too soon"


@pytest.mark.offline
def test_t05_refused_over_tls(peer, bridge, authority, server_tls):
    p = peer(tls=server_tls)
    b = bridge("--cacert", authority.ca, p.url())
    conn = attempt(b, p)
    conn.read_request()
    conn.send(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n")
    assert_keeps_trying(b, "503")


@pytest.mark.parametrize("text", [
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"\x16\x03\x01\x00\x05hello",
    b"HTTP/1.0 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"HTTP/9.9 101 x\r\n\r\n",
    b"HTTP/1.1 abc x\r\n\r\n",
    b"\r\n\r\n\r\n",
], ids=repr)
def test_garbage_answer(peer, bridge, text):
    p = peer()
    b = bridge("--connect-timeout", "3", p.url())
    conn = attempt(b, p)
    conn.read_request()
    conn.send(text)
    conn.wire.shut_write()
    assert_gives_up(b)


def test_http_1_0_answer_with_right_headers(peer, bridge):
    p = peer()
    b = bridge(p.url())
    attempt(b, p).open(status="HTTP/1.0 101 Switching Protocols")
    assert_gives_up(b)


@pytest.mark.offline
def test_endless_header(peer, bridge):
    p = peer()
    b = bridge("--connect-timeout", "5", p.url())
    conn = attempt(b, p)
    conn.read_request()
    conn.send(b"HTTP/1.1 101 Switching Protocols\r\n")

    def flood():
        for _ in range(2000):
            conn.send(b"X-More: " + b"x" * 8000 + b"\r\n")

    p.run(flood)
    assert_keeps_trying(b)


@pytest.mark.offline(1.8)
@pytest.mark.parametrize("how", ["ws", "wss", "tls to a mute server"])
def test_t06_no_answer(peer, bridge, authority, server_tls, how):
    p = peer(tls=None if how == "ws" else server_tls)
    b = bridge("--connect-timeout", "1", "--cacert", authority.ca, p.url())
    b.send(INITIALIZE)
    conn = p.accept(tls=how != "tls to a mute server")
    if how != "tls to a mute server":
        conn.read_request()
    p.accept(tls=False)
    assert 0.9 < time.monotonic() - b.started < DEADLINE
    assert_keeps_trying(b)


@pytest.mark.offline(1.8)
def test_t06_an_answer_that_dribbles(peer, bridge):
    p = peer()
    b = bridge("--connect-timeout", "1", p.url())
    conn = attempt(b, p)
    conn.read_request()

    def dribble():
        for byte in b"HTTP/1.1 101 Switching Protocols\r\nX: " + b"x" * 1000:
            conn.send(bytes([byte]))
            time.sleep(0.1)

    p.run(dribble)
    assert_keeps_trying(b)
    assert time.monotonic() - b.started < DEADLINE


@pytest.mark.offline
def test_refused_connection(peer, bridge):
    p = peer()
    url = p.url()
    p.listener.close()
    b = bridge(url)
    b.send(INITIALIZE)
    error = assert_keeps_trying(b)
    assert url in error["message"] or url.partition("://")[2] in error["message"]


@pytest.mark.offline
def test_unknown_host(bridge, shim):
    b = bridge("ws://name.none.test/", env={"LD_PRELOAD": shim("names.c")})
    b.send(INITIALIZE)
    assert_keeps_trying(b, "name.none.test")


def test_gives_up_when_the_host_is_silent(peer, bridge):
    """The end waits for the host's first words, 5 s at most, because a host shows the error of
    initialize, not an exit status."""
    p = peer()
    b = bridge(p.url())
    conn = p.accept()
    conn.read_request()
    conn.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    b.finish(4)
    assert p.nobody_came()
    assert 4 < time.monotonic() - b.started < 5 + DEADLINE
    assert b.lines == []


def test_gives_up_only_after_initialize(peer, bridge):
    p = peer()
    b = bridge(p.url())
    conn = p.accept()
    conn.read_request()
    conn.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    b.wait_stderr("404")
    b.send(request(1, "server/discover"))
    b.error(1, -31002)
    assert not b.ended()
    b.send(INITIALIZE)
    b.error("init", -31002)
    b.finish(4)


@pytest.mark.offline
def test_everything_waiting_is_answered(peer, bridge):
    p = peer()
    b = bridge(p.url())
    conn = p.accept()
    b.send(INITIALIZE, request(1), {"jsonrpc": "2.0", "method": "note"},
           [request(2), request(3)])
    conn.read_request()
    conn.close()
    for ident in ("init", 1, 2, 3):
        data = b.error(ident, -31002)["data"]
        assert data["delivered"] == "no" and data["reason"]
    assert len(b.lines) == 3 and b.lines[2].startswith(b"[")
    b.finish_without_link()
    told = b.error_lines()  # the loss, and the notification that nobody heard
    assert len(told) == 2 and "trying again" in told[0] and "notification" in told[1], told


def test_everything_waiting_is_answered_when_given_up(peer, bridge):
    p = peer()
    b = bridge(p.url())
    conn = p.accept()
    b.send(INITIALIZE, request(1), {"jsonrpc": "2.0", "method": "note"},
           [request(2), request(3)])
    conn.read_request()
    conn.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    for ident in ("init", 1, 2, 3):
        assert b.error(ident, -31002)["data"]["delivered"] == "no"
    b.finish(4)
    assert len(b.lines) == 3 and b.lines[2].startswith(b"[")


def test_messages_wait_for_the_link_in_order(peer, bridge):
    p = peer()
    b = bridge(p.url())
    conn = p.accept()
    sent = [INITIALIZE] + [request(i) for i in range(200)]
    b.send(*sent)
    conn.open()
    assert [conn.read_json() for _ in sent] == sent


def test_answer_in_pieces(peer, bridge):
    p = peer()
    b = bridge(p.url())
    conn = attempt(b, p)
    answer = upgrade_answer(conn.read_request())
    conn.send_each(bytes([byte]) for byte in answer)
    assert conn.read_json() == INITIALIZE


@pytest.mark.parametrize("end", ["silence", "close"])
def test_t08_frames_glued_to_the_answer(link, bridge, end):
    p, args = link()
    b = bridge(*args, p.url())
    conn = attempt(b, p)
    messages = [b'{"jsonrpc":"2.0","method":"n","params":{"i":%d}}' % i for i in range(50)]
    glue = frame(TEXT) + b"".join(frame(TEXT, m) for m in messages) + frame(TEXT)
    if end == "close":
        glue += close_frame(1000, "done")
    conn.open(glue=glue)
    assert b.wait_lines(50)[:50] == messages
    if end == "close":
        # The initialize may or may not have left before the CLOSE was read.
        assert conn.read_close()[0][0] == 1000
        assert b.answer("init")["error"]["code"] in (-31001, -31002)
        conn.close()
        b.finish_lost()


def test_t08_close_is_the_only_frame(peer, bridge):
    p = peer()
    b = bridge(p.url())
    conn = attempt(b, p).open(glue=frame(CLOSE))
    close, _ = conn.read_close()
    assert close[0] in (None, 1000)
    conn.close()
    assert b.answer("init")["error"]["code"] in (-31001, -31002)
    b.finish_lost()


def test_ipv6_loopback(peer, bridge):
    p = peer(host="::1")
    b = bridge(p.url())
    conn = attempt(b, p).open()
    assert conn.request.get("Host") == "[::1]:%d" % p.port
    assert conn.read_json() == INITIALIZE


def test_localhost(peer, bridge):
    p = peer()
    b = bridge(p.url(host="localhost"))
    assert attempt(b, p).open().read_json() == INITIALIZE


def test_unix_socket(peer, bridge, tmp_path):
    path = str(tmp_path / "s")
    p = peer(unix_path=path)
    b = bridge("--unix-socket", path, "ws://app.test/x")
    conn = attempt(b, p).open()
    assert conn.request.get("Host") == "app.test" and conn.request.target == "/x"
    assert conn.read_json() == INITIALIZE
    conn.send_result("init")
    b.answer("init")


def test_resolve(peer, bridge):
    p = peer()
    b = bridge("--resolve", "mcp.test:%d:127.0.0.1" % p.port, p.url(host="mcp.test"))
    conn = attempt(b, p).open()
    assert conn.request.get("Host") == "mcp.test:%d" % p.port
    assert conn.read_json() == INITIALIZE
