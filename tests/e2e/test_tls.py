"""wss: certificates, ours and theirs."""

import os
import ssl

import pytest

from bridge import INITIALIZE, request
from peer import RESOLVED

from test_handshake import assert_gives_up, assert_keeps_trying


def works(b, p):
    b.send(INITIALIZE)
    conn = p.open()
    assert conn.read_json() == INITIALIZE
    conn.send_result("init")
    b.answer("init")


def refused(b, p, *words):
    b.send(INITIALIZE)
    try:
        conn = p.accept()
        conn.read_request(2)
    except Exception:  # noqa: B902 - the handshake failed, as it should
        conn = None
    assert_gives_up(b, *words)
    assert conn is None or conn.request is None, "the request was sent to a server that is not trusted"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", RESOLVED])
def test_trusted(peer, bridge, authority, server_tls, host):
    p = peer(tls=server_tls)
    works(bridge("--cacert", authority.ca, "--resolve", "%s:%d:127.0.0.1" % (RESOLVED, p.port), p.url(host=host)), p)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda v: v.name)
def test_versions(peer, bridge, authority, version):
    p = peer(tls=authority.context(version=version))
    works(bridge("--cacert", authority.ca, p.url()), p)


def test_unknown_authority(peer, bridge, server_tls):
    p = peer(tls=server_tls)
    refused(bridge(p.url()), p, "certificate")


def test_other_authority(peer, bridge, authority, server_tls):
    p = peer(tls=server_tls)
    refused(bridge("--cacert", authority.other_ca, p.url()), p, "certificate")


def test_wrong_host(peer, bridge, authority):
    p = peer(tls=authority.context(authority.wrong_host))
    refused(bridge("--cacert", authority.ca, p.url()), p, "certificate")


@pytest.mark.parametrize("flag", ["-k", "--insecure"])
def test_insecure(peer, bridge, authority, flag):
    p = peer(tls=authority.context(authority.wrong_host))
    works(bridge(flag, p.url()), p)


def test_client_certificate(peer, bridge, authority):
    p = peer(tls=authority.context(client_ca=authority.ca))
    cert, key = authority.client
    works(bridge("--cacert", authority.ca, "--cert", cert, "--key", key, p.url()), p)
    assert p.conns[0].wire.sock.getpeercert()["subject"] == ((("commonName", "client"),),)


def test_client_certificate_and_key_in_one_file(peer, bridge, authority, tmp_path):
    p = peer(tls=authority.context(client_ca=authority.ca))
    both = tmp_path / "both.pem"
    both.write_text("".join(open(f).read() for f in authority.client))
    works(bridge("--cacert", authority.ca, "--cert", both, p.url()), p)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda v: v.name)
@pytest.mark.parametrize("whose", ["none", "stranger"])
def test_client_certificate_not_accepted(peer, bridge, authority, version, whose):
    p = peer(tls=authority.context(client_ca=authority.ca, version=version))
    extra = [] if whose == "none" else ["--cert", authority.stranger[0], "--key", authority.stranger[1]]
    b = bridge("--cacert", authority.ca, *extra, p.url())
    b.send(INITIALIZE)
    with pytest.raises(Exception):
        p.accept()
    p.conns[0].wire.close_gently()
    assert_gives_up(b)


@pytest.mark.parametrize("option", ["--cacert", "--cert", "--key"])
@pytest.mark.parametrize("problem", ["missing", "a directory", "not PEM", "a pipe", "endless"])
def test_unreadable_file(peer, bridge, authority, server_tls, tmp_path, option, problem):
    """Exit 3 before anything is sent, and the file is named."""
    path = tmp_path / "the-file.pem"
    if problem == "a directory":
        path.mkdir()
    elif problem == "not PEM":
        path.write_text("this is no certificate\n")
    elif problem == "a pipe":
        os.mkfifo(path)
    elif problem == "endless":
        path.symlink_to("/dev/zero")
    args = {"--cacert": authority.ca, "--cert": authority.client[0], "--key": authority.client[1]}
    args[option] = str(path)
    p = peer(tls=server_tls)
    b = bridge(*[x for pair in args.items() for x in pair], p.url())
    b.send(INITIALIZE)
    b.finish(3)
    assert "the-file.pem" in b.error_text()
    if problem != "not PEM":
        assert p.nobody_came()


def test_key_of_another_certificate(peer, bridge, authority, server_tls):
    p = peer(tls=server_tls)
    b = bridge("--cacert", authority.ca, "--cert", authority.client[0], "--key", authority.stranger[1], p.url())
    b.send(INITIALIZE)
    assert b.wait() in (3, 4)
    assert b.error_lines()


def test_plaintext_server(peer, bridge):
    """wss to a server that speaks plain HTTP."""
    p = peer()
    b = bridge("--connect-timeout", "3", p.url().replace("ws:", "wss:"))
    b.send(INITIALIZE)
    conn = p.accept()
    conn.wire.recv()
    conn.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    conn.close()
    assert_gives_up(b)


@pytest.mark.offline
def test_server_that_closes_in_the_tls_handshake(peer, bridge, server_tls):
    p = peer(tls=server_tls)
    b = bridge(p.url())
    b.send(INITIALIZE)
    conn = p.accept(tls=False)
    conn.wire.recv()
    conn.close()
    assert_keeps_trying(b)


def test_hello_that_is_cut_on_its_way(peer, bridge, authority, server_tls):
    """The server gets half of it, and says so; that is a cut, and no refusal."""
    p = peer(tls=server_tls)
    b = bridge("--cacert", authority.ca, p.url())
    conn = p.accept(tls=False)
    conn.wire.recv()
    conn.send(bytes([21, 3, 3, 0, 2, 2, 50]))  # a record with a fatal alert: decode_error
    conn.close()
    works(b, p)
    assert not b.ended()


@pytest.mark.offline
def test_tls_server_to_a_plaintext_client(peer, bridge, server_tls):
    """ws to a server that speaks TLS."""
    p = peer(tls=server_tls)
    b = bridge("--connect-timeout", "3", p.url().replace("wss:", "ws:"))
    b.send(INITIALIZE)
    with pytest.raises(Exception):
        p.accept()
    p.conns[0].close()
    assert_keeps_trying(b)
