"""Answers of the bridge's own making, and the secrets that must not be in them."""

import json
import os

import pytest

from bridge import INITIALIZE, check_error, notification, request
from peer import RESOLVED, TEXT, ConnectProxy, encode, frame, huge_request


def test_lost_after_sending(connected_over):
    b, conn = connected_over()
    b.send(INITIALIZE, request(1), notification("n"), [request(2), request(3)])
    for _ in range(4):
        conn.read_json()
    conn.send_result(1)
    b.answer(1)
    conn.close()
    for ident in ("init", 2, 3):
        error = b.error(ident, -31001)
        assert error["data"]["delivered"] == "unknown" and error["data"]["reason"]
        assert "127.0.0.1:%d" % conn.peer.port in error["message"]
    b.finish_lost()
    assert len(b.lines) == 3
    assert sorted(len(json.loads(x)) for x in b.lines if x.startswith(b"[")) == [2]


def test_a_batch_answered_in_part(connected):
    b, conn = connected()
    b.send([request(1), request(2)])
    conn.read_json()
    conn.send_result(1)
    b.answer(1)
    conn.close()
    b.error(2, -31001)
    b.finish_lost()
    assert len(b.lines) == 2


@pytest.mark.parametrize("raw", [b"9007199254740993", b"1.50", b'"a\\u00e9\\/"', b"-0", b"1e2", b"null", b'""'])
def test_ids_come_back_as_they_were(connected, raw):
    b, conn = connected()
    b.send(b'{"jsonrpc":"2.0","id":%s,"method":"m"}' % raw)
    conn.read_message()
    conn.close()
    assert b'"id":' + raw in b.wait_lines(1)[0].replace(b" ", b"")
    b.finish_lost()


def test_begun_but_not_sent(connected_over):
    """The link dies in the middle of an upload: begun counts as lost, but it was not delivered."""
    b, conn = connected_over(peer_options=dict(rcvbuf=65536))
    b.feed([*huge_request(32 << 20, "big"), b"\n"])
    conn.wait_begun()
    conn.reset()
    error = b.error("big", -31001)
    assert error["data"]["delivered"] == "no"
    b.finish_lost()


def test_answered_requests_get_no_error(connected):
    b, conn = connected()
    for i in range(10):
        b.send(request(i))
        conn.read_json()
        conn.send_result(i)
        b.answer(i)
    conn.close()
    b.wait_stderr("lost")
    b.finish_lost()
    assert len(b.lines) == 10


def test_cancelled_requests_get_no_error(connected):
    b, conn = connected()
    b.send(request(1), request(2))
    conn.read_json(), conn.read_json()
    b.send(notification("notifications/cancelled", requestId=1))
    conn.read_json()
    conn.close()
    b.error(2, -31001)
    b.finish_lost()
    assert len(b.lines) == 1


def test_messages_and_end_come_in_order(connected_over):
    """Everything received before the loss stands before the errors."""
    b, conn = connected_over()
    b.send(request("owed"))
    conn.read_json()
    lines = [encode(notification("n", i=i, x="y" * 500)) for i in range(500)]
    conn.send(b"".join(frame(TEXT, x) for x in lines))
    conn.close()
    b.error("owed", -31001)
    b.finish_lost()
    assert b.lines[:-1] == lines


def test_nothing_owed_when_the_link_is_lost(connected):
    b, conn = connected()
    conn.close()
    b.wait_stderr("connection")
    b.finish_lost()
    assert b.lines == []


# Secrets

SECRET = "hunter2"
ESCAPED = "hunt%65r2"


def assert_no_secret(b, *files):
    for text in [b.error_text(), *(x.decode() for x in b.lines), *(f.read_text() for f in files)]:
        assert SECRET not in text and ESCAPED not in text, text


RETRIED = pytest.mark.offline
SLOWLY = pytest.mark.offline(1.8)


@pytest.mark.parametrize("fate", [
    pytest.param("refused", marks=RETRIED), "401", "redirect", "wrong accept", "lost", pytest.param("mute", marks=SLOWLY),
    "violation", "untrusted", "proxy 407", pytest.param("proxy 502", marks=RETRIED),
    pytest.param("proxy refused", marks=RETRIED), pytest.param("unknown host", marks=RETRIED), "fine"])
def test_secrets(peer, bridge, tmp_path, cleanup, server_tls, shim, fate):
    log, trace = tmp_path / "log", tmp_path / "trace"
    p = peer(tls=server_tls if fate == "untrusted" else None)
    x = ConnectProxy(fate[6:] + " No" if fate in ("proxy 407", "proxy 502") else "ok")
    cleanup.append(x)
    url = p.url("/mcp?token=%s&t=%s#%s" % (SECRET, ESCAPED, SECRET), userinfo="%s:%s@" % (SECRET, SECRET))
    if fate == "unknown host":
        url = url.replace("127.0.0.1", "name.none.test")
    header_file = tmp_path / "headers"
    header_file.write_text("X-Filed: %s\n" % SECRET)
    proxy = ["-x", x.url("%s:%s@" % (SECRET, SECRET))] if fate.startswith("proxy") else []
    if fate == "refused":
        p.listener.close()
    if fate == "proxy refused":
        x.close()
    b = bridge("-v", "-v", "--log-file", log, "--trace", trace, "--connect-timeout", "1", *proxy,
               "-H", "Authorization: Bearer " + SECRET, "-H", "X-Env: ${TOKEN}", "-H", "@%s" % header_file,
               "--subprotocol", "mcp, mcp.auth." + SECRET, url,
               env={"TOKEN": SECRET, "LD_PRELOAD": shim("names.c")})
    b.send(INITIALIZE)
    ends = {"refused", "unknown host", "proxy 407", "proxy 502", "proxy refused", "untrusted"}
    if fate == "untrusted":
        with pytest.raises(Exception):
            p.accept()
    if fate not in ends:
        conn = p.accept()
        head = conn.read_request()
        assert SECRET in head.target and SECRET in head.get("X-Env") and SECRET in head.get("X-Filed")
        assert head.get("Authorization") == "Bearer " + SECRET
        if fate == "401":
            conn.send(b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"x\"\r\nContent-Length: 0\r\n\r\n")
        elif fate == "redirect":
            conn.send(("HTTP/1.1 302 Found\r\nLocation: ws://%s@other.test/%s?token=%s\r\nContent-Length: 0\r\n\r\n" %
                       (SECRET, "there", SECRET)).encode())
        elif fate == "wrong accept":
            conn.open(accept="x")
        elif fate != "mute":
            conn.open()
            conn.read_json()
            if fate == "violation":
                conn.send(frame(3, b"x"))
            elif fate == "fine":
                conn.send_result("init")
                b.answer("init")
                b.close_stdin()
            if fate != "lost":
                conn.read_close()
            conn.close()
    got = b.answer("init")
    if b.offline is None:
        b.finish(0 if fate == "fine" else 4)
    else:
        assert got["error"]["data"]["reason"]
        b.finish_without_link()
    assert_no_secret(b, log, trace)
    if fate == "redirect":
        assert "other.test" in b.lines[0].decode()


@pytest.mark.parametrize("args", [
    ["-H", "X-A: hunter2", "--no-such-option"], ["-H", "X A hunter2"], ["-H", "hunter2"], ["-H", "Upgrade: hunter2"],
    ["-H", "X-A: hunter2\nX-B: hunter2"], ["--max-message=hunter2"], ["--header:Authorization: hunter2"],
    ["-x", "http://u:hunter2@["], ["-x", "x://u:hunter2@h"],
], ids=lambda a: " ".join(a)[:40])
def test_secrets_in_a_wrong_command_line(peer, bridge, args):
    p = peer()
    b = bridge(*args, p.url("/?hunter2"), stdin="null")
    assert b.wait() in (0, 2, 3, 4)
    assert_no_secret(b)


@pytest.mark.parametrize("url", ["http://u:hunter2@h/?hunter2", "ws://u:hunter2@/x", "ws://u:hunter2@h:99999/?hunter2",
                                 "ws://u:hunter2@a b/", "hunter2@ws://x", "ws://127.0.0.1:1/${NOT_SET}?hunter2"])
def test_secrets_in_a_wrong_target(bridge, url):
    b = bridge(url)
    assert b.wait() in (2, 3)
    assert_no_secret(b)
    assert b.error_lines()


@pytest.mark.parametrize("secret", ["header", "userinfo", "query", "subprotocol"])
@pytest.mark.parametrize("how", ["plaintext", "insecure", "loopback"])
def test_warning_about_exposed_secrets(peer, bridge, server_tls, secret, how):
    """Secrets over ws:// to another machine, or with -k, are warned about once."""
    p = peer(tls=server_tls if how == "insecure" else None)
    host = None if how == "loopback" else RESOLVED
    args = ["--resolve", "%s:%d:127.0.0.1" % (RESOLVED, p.port)]
    args += ["-k"] if how == "insecure" else []
    args += {"header": ["-H", "X-A: hunter2"], "subprotocol": ["--subprotocol", "mcp,mcp.auth.hunter2"]}.get(secret, [])
    url = p.url("/?hunter2" if secret == "query" else "/", host=host,
                userinfo="u:hunter2@" if secret == "userinfo" else "")
    b = bridge(*args, url)
    conn = p.open()
    b.send(request(1))
    conn.read_json()
    conn.send_result(1)
    b.answer(1)
    b.close_stdin()
    conn.answer_close()
    b.finish(0)
    assert len(b.error_lines()) == (0 if how == "loopback" else 1), b.error_text()
    assert_no_secret(b)
