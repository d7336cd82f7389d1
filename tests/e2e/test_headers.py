"""Headers of the handshake, from every source."""

import base64

import pytest

from bridge import INITIALIZE


def head_of(bridge, peer, *args, userinfo="", **options):
    p = peer()
    bridge(*args, p.url(userinfo=userinfo), **options)
    return p.accept().read_request()


@pytest.mark.parametrize("line, name, value", [
    ("X-A: b", "X-A", "b"),
    ("X-A:b", "X-A", "b"),
    ("X-A:  b c  ", "X-A", "b c"),
    ("X-A:", "X-A", ""),
    ("X-A: a: b: c", "X-A", "a: b: c"),
    ("X-A: \u00e9", "X-A", "\u00e9".encode().decode("latin-1")),
    ("Authorization: Bearer abc", "Authorization", "Bearer abc"),
    ("Origin: https://a.test", "Origin", "https://a.test"),
    ("Host: other.test", "Host", "other.test"),
    ("User-Agent: me", "User-Agent", "me"),
    ("Cookie: a=b; c=d", "Cookie", "a=b; c=d"),
    ("!#$%&'*+-.^_`|~09: token", "!#$%&'*+-.^_`|~09", "token"),
])
def test_header(bridge, peer, line, name, value):
    got = head_of(bridge, peer, "-H", line)
    assert got.get(name) == value
    assert got.get("Sec-WebSocket-Key")  # the rest is still there


def test_no_origin_by_default(bridge, peer):
    assert head_of(bridge, peer).all("Origin") == []


def test_headers_repeat(bridge, peer):
    got = head_of(bridge, peer, "-H", "X-A: 1", "--header", "X-B: 2", "--header=X-C: 3", "-HX-D: 4")
    assert [got.get("X-" + c) for c in "ABCD"] == ["1", "2", "3", "4"]


def test_later_header_of_the_same_name_wins(bridge, peer):
    assert head_of(bridge, peer, "-H", "X-A: 1", "-H", "x-a: 2").all("X-A") == ["2"]


def test_header_file(bridge, peer, tmp_path):
    path = tmp_path / "headers"
    path.write_text("# a comment\nX-A: 1\r\n\nX-B: ${VALUE}\nX-C:\n")
    got = head_of(bridge, peer, "-H", "@%s" % path, env={"VALUE": "two"})
    assert (got.get("X-A"), got.get("X-B"), got.get("X-C")) == ("1", "two", "")


@pytest.mark.parametrize("line, env, value", [
    ("X-A: ${VALUE}", {"VALUE": "v"}, "v"),
    ("X-A: a${VALUE}b${VALUE}", {"VALUE": "v"}, "avbv"),
    ("X-A: ${VALUE:-def}", {}, "def"),
    ("X-A: ${VALUE:-}", {}, ""),
    ("X-A: ${VALUE:-d}", {"VALUE": "v"}, "v"),
    ("X-A: $VALUE $", {"VALUE": "v"}, "$VALUE $"),
    ("X-A: ${VALUE}", {"VALUE": "${OTHER}"}, "${OTHER}"),  # a value is not expanded again
])
def test_variables(bridge, peer, line, env, value):
    assert head_of(bridge, peer, "-H", line, env=env).get("X-A") == value


def test_variable_in_target(peer, bridge):
    p = peer()
    bridge(p.url("/${WHERE}?t=${TOKEN:-none}"), env={"WHERE": "there"})
    assert p.accept().read_request().target == "/there?t=none"


@pytest.mark.parametrize("line, word", [
    ("X-A: ${NOT_SET}", "NOT_SET"),
    ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Key"),
    ("sec-websocket-protocol: x", "sec-websocket-protocol"),
    ("Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Extensions"),
    ("Sec-WebSocket-Version: 8", "Sec-WebSocket-Version"),
    ("Upgrade: x", "Upgrade"),
    ("CONNECTION: close", "CONNECTION"),
    ("Content-Length: 3", "Content-Length"),
    ("Transfer-Encoding: chunked", "Transfer-Encoding"),
    ("X A: 1", None),
    ("X-A : 1", None),
    (": 1", None),
    ("X-A", None),
    ("X-\u00e9: 1", None),
    ("X-A: 1\r\nX-B: 2", "X-A"),
    ("X-A: 1\nX-B: 2", "X-A"),
    ("@/no/such/file", "/no/such/file"),
])
def test_refused_header(peer, bridge, line, word):
    p = peer()
    b = bridge("-H", line, p.url())
    b.finish(3)
    assert p.nobody_came()
    assert b.lines == []
    if word:
        assert word in b.error_text()


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb"])
def test_refused_value_of_a_variable(peer, bridge, value):
    p = peer()
    b = bridge("-H", "X-A: ${VALUE}", p.url(), env={"VALUE": value})
    b.finish(3)
    assert p.nobody_came() and "Evil" not in b.error_text()


@pytest.mark.parametrize("text", ["X-A: ${NOT_SET}\n", "no header\n", "Upgrade: x\n", "X-A: a\0b\n"])
def test_refused_line_of_a_file(peer, bridge, tmp_path, text):
    path = tmp_path / "headers"
    path.write_text(text)
    p = peer()
    b = bridge("-H", "@%s" % path, p.url())
    b.finish(3)
    assert p.nobody_came() and "headers" in b.error_text()


def test_unset_variable_in_target(peer, bridge):
    p = peer()
    b = bridge(p.url("/${NOT_SET}"))
    b.finish(3)
    assert p.nobody_came() and "NOT_SET" in b.error_text()


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("userinfo, expected", [
    ("user:secret@", "user:secret"),
    ("user:p%40ss%3Aword@", "user:p@ss:word"),
    ("user@", "user:"),
    ("user:@", "user:"),
])
def test_userinfo_is_basic_auth(bridge, peer, userinfo, expected):
    got = head_of(bridge, peer, userinfo=userinfo)
    assert got.get("Authorization") == basic(expected)
    assert "@" not in got.target and "secret" not in got.get("Host")


def test_a_refused_password_is_not_repeated(peer, bridge):
    p = peer()
    b = bridge(p.url(userinfo="user:secret@"))
    b.send(INITIALIZE)
    conn = p.accept()
    assert conn.read_request().get("Authorization") == basic("user:secret")
    conn.send(b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"x\", nonce=\"y\"\r\n"
              b"Content-Length: 0\r\n\r\n")
    assert "401" in b.error("init", -31002)["data"]["reason"]
    b.finish(4)
    assert p.nobody_came()


def test_fragment_of_the_url_is_not_sent(peer, bridge):
    p = peer()
    bridge(p.url("/x?y#z"))
    assert p.accept().read_request().target == "/x?y"
