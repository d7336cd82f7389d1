"""HTTP proxies: CONNECT for ws and wss alike."""

import base64
import time

import pytest

from bridge import INITIALIZE
from peer import DEADLINE, RESOLVED, ConnectProxy

from test_handshake import assert_gives_up, assert_keeps_trying


@pytest.fixture
def proxy(cleanup):
    def make(*args, **options):
        cleanup.append(ConnectProxy(*args, **options))
        return cleanup[-1]

    return make


def works(b, p):
    b.send(INITIALIZE)
    conn = p.open()
    assert conn.read_json() == INITIALIZE
    conn.send_result("init")
    b.answer("init")
    return conn


@pytest.mark.parametrize("option", ["-x", "--proxy"])
def test_t26_connect(link, bridge, proxy, option):
    p, args = link()
    x = proxy()
    conn = works(bridge(*args, option, x.url(), p.url()), p)
    head = x.seen.get(timeout=DEADLINE)
    assert (head.method, head.target) == ("CONNECT", "127.0.0.1:%d" % p.port)
    assert head.get("Host") == "127.0.0.1:%d" % p.port
    assert conn.request.target == "/mcp" and conn.request.all("Proxy-Connection") == []
    assert len(x.heads) == 1


def test_headers_are_not_for_the_proxy(peer, bridge, proxy):
    p, x = peer(), proxy()
    conn = works(bridge("-H", "Authorization: secret", "-x", x.url(), p.url()), p)
    assert conn.request.get("Authorization") == "secret"
    assert x.heads[0].all("Authorization") == [] and x.heads[0].all("Sec-WebSocket-Key") == []


def test_the_proxy_resolves(peer, bridge, proxy):
    p = peer()
    x = proxy(target=("127.0.0.1", p.port))
    conn = works(bridge("-x", x.url(), p.url(host="only-the-proxy-knows.test")), p)
    assert x.heads[0].target == "only-the-proxy-knows.test:%d" % p.port
    assert conn.request.get("Host") == "only-the-proxy-knows.test:%d" % p.port


def test_credentials(peer, bridge, proxy):
    p, x = peer(), proxy()
    conn = works(bridge("-x", x.url("user:p%40ss@"), p.url()), p)
    assert x.heads[0].get("Proxy-Authorization") == "Basic " + base64.b64encode(b"user:p@ss").decode()
    assert conn.request.all("Proxy-Authorization") == []


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "403 Forbidden"])
def test_t26_refused(link, bridge, proxy, status):
    p, args = link()
    x = proxy(status)
    b = bridge(*args, "-x", x.url(), p.url())
    b.send(INITIALIZE)
    assert_gives_up(b, "proxy", status[:3])
    assert p.nobody_came() and len(x.heads) == 1


@pytest.mark.offline
@pytest.mark.parametrize("status", ["502 Bad Gateway", "503 Service Unavailable", "500 x", "404 Not Found"])
def test_t26_tried_again(link, bridge, proxy, status):
    p, args = link()
    x = proxy(status)
    b = bridge(*args, "-x", x.url(), p.url())
    b.send(INITIALIZE)
    assert_keeps_trying(b, "proxy", status[:3])
    assert p.nobody_came() and len(x.heads) > 1


@pytest.mark.offline(1.8)
@pytest.mark.parametrize("mode", ["mute", "close"])
def test_proxy_without_an_answer(link, bridge, proxy, mode):
    p, args = link()
    x = proxy(mode)
    b = bridge(*args, "--connect-timeout", "1", "-x", x.url(), p.url())
    b.send(INITIALIZE)
    assert_keeps_trying(b)
    assert p.nobody_came() and len(x.heads) > 1
    assert time.monotonic() - b.started < DEADLINE


@pytest.mark.offline
def test_proxy_that_is_not_there(peer, bridge, proxy):
    p, x = peer(), proxy()
    x.close()
    b = bridge("-x", x.url(), p.url())
    b.send(INITIALIZE)
    assert_keeps_trying(b)
    assert p.nobody_came()


@pytest.mark.parametrize("variable", ["WS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"])
def test_environment(peer, bridge, proxy, variable):
    p = peer()
    x = proxy(target=("127.0.0.1", p.port))
    works(bridge(p.url(host=RESOLVED), env={variable: x.url()}), p)
    assert x.heads[0].method == "CONNECT"


def test_environment_of_wss(peer, bridge, proxy, authority, server_tls):
    p = peer(tls=server_tls)
    x = proxy(target=("127.0.0.1", p.port))
    works(bridge("--cacert", authority.ca, p.url(host=RESOLVED), env={"https_proxy": x.url()}), p)
    assert x.heads[0].method == "CONNECT"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_loopback_never_uses_the_environment(peer, bridge, proxy, host):
    p = peer(host="::1") if host == "::1" else peer(host="127.1.2.3") if host == "127.1.2.3" else peer()
    x = proxy()
    env = {v: x.url() for v in ("ws_proxy", "http_proxy", "https_proxy", "all_proxy", "ALL_PROXY")}
    works(bridge(p.url(host="localhost" if host == "localhost" else None), env=env), p)
    assert x.heads == []


def test_loopback_never_uses_the_environment_wss(peer, bridge, proxy, authority, server_tls):
    p, x = peer(tls=server_tls), proxy()
    env = {v: x.url() for v in ("wss_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy")}
    works(bridge("--cacert", authority.ca, p.url(), env=env), p)
    assert x.heads == []


@pytest.mark.parametrize("options, env", [
    (["--noproxy", RESOLVED], {}), (["--noproxy", "*"], {}), (["--noproxy", "other, test"], {}),
    ([], {"no_proxy": RESOLVED}), ([], {"NO_PROXY": ".test"})])
def test_noproxy(peer, bridge, proxy, options, env):
    p, x = peer(), proxy()
    args = ["--resolve", "%s:%d:127.0.0.1" % (RESOLVED, p.port), *options, p.url(host=RESOLVED)]
    works(bridge(*args, env={"http_proxy": x.url(), **env}), p)
    assert x.heads == []


def test_proxy_option_wins_over_the_environment(peer, bridge, proxy):
    p = peer()
    good, bad = proxy(target=("127.0.0.1", p.port)), proxy("502 Bad Gateway")
    works(bridge("-x", good.url(), p.url(host=RESOLVED), env={"http_proxy": bad.url()}), p)
    assert len(good.heads) == 1 and bad.heads == []


def test_noproxy_wins_over_the_proxy_option(peer, bridge, proxy):
    p, x = peer(), proxy()
    works(bridge("-x", x.url(), "--noproxy", "127.0.0.1", p.url()), p)
    assert x.heads == []


def test_empty_proxy_option_means_none(peer, bridge, proxy):
    p, x = peer(), proxy()
    args = ["-x", "", "--resolve", "%s:%d:127.0.0.1" % (RESOLVED, p.port), p.url(host=RESOLVED)]
    works(bridge(*args, env={"http_proxy": x.url()}), p)
    assert x.heads == []
