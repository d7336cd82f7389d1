"""wsmcp check: what is found on the way to a server, and what is likely to be wrong with it."""

import datetime
import json
import os
import re
import signal
import ssl
import subprocess
import threading
import time

import pytest

from bridge import BINARY, FAULT_STATUS, RUNNER, clean_environment
from peer import (DEADLINE, RESOLVED, SCALE, Blackhole, ConnectProxy, Gone, frame, reserve,
                  upgrade_answer)

LINE = re.compile(r"(\S*) +(ok|FAILED)? +(?:([\d.]+) ms)? +(.*)")
CAPABILITIES = {"tools": {"listChanged": True}, "logging": {}}
INFO = {"name": "demo", "version": "1.2"}
TOOLS = [{"name": name, "inputSchema": {"type": "object"}} for name in ("a", "b", "c")]


def seconds(number):
    """For the option that must run out: slow programs need more time before it does."""
    return str(number * SCALE)


class Checked:
    """What one run has said."""

    def __init__(self, process, out, err):
        self.status, self.out, self.err = process.returncode, out, err
        assert self.status != FAULT_STATUS, err

    def step(self, name):
        """The last line of a step: whether it went well, its time, what was found."""
        for line in reversed(self.out.splitlines()[:-1]):
            found = LINE.fullmatch(line)
            if found and found[1] == name:
                return found[2] == "ok", found[3] and float(found[3]), found[4]
        raise AssertionError("no line of %s in\n%s" % (name, self.out))

    def steps(self):
        return [line.split(" ")[0] for line in self.out.splitlines()[:-1] if line[0] != " "]

    @property
    def last(self):
        return self.out.splitlines()[-1]

    @property
    def json(self):
        return json.loads(self.out)

    def failed_at(self, step, *words, status=4):
        """The last line names the step, and has these words in it; the step's own line says so, too."""
        assert self.status == status, self.out + self.err
        assert self.last.startswith("failed at %s: " % step), self.out
        for word in words:
            assert word.lower() in self.last.lower(), self.out
        assert self.step(step)[0] is False
        assert self.err == ""


@pytest.fixture
def start(home):
    """Starts the command; what still runs at the end of the test is killed."""
    started = []

    def start(*args, env=None, cwd=None):
        started.append(subprocess.Popen(
            [*RUNNER, BINARY, "check", "--connect-timeout", seconds(10), *map(str, args)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd or str(home),
            env=clean_environment(home, env)))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def check(start):
    def check(*args, **options):
        process = start(*args, **options)
        return Checked(process, *process.communicate(timeout=5 * DEADLINE))

    return check


def answers(method, ident, **special):
    """What a plain server says to a request."""
    if method in special:
        made = special[method]
        return made(ident) if callable(made) else {"jsonrpc": "2.0", "id": ident, **made}
    results = {
        "initialize": {"protocolVersion": "2025-06-18", "capabilities": CAPABILITIES, "serverInfo": INFO},
        "tools/list": {"tools": TOOLS},
    }
    return {"jsonrpc": "2.0", "id": ident, "result": results.get(method, {})}


def converse(conn, **special):
    """Answers until the program has gone; what has the answer None is not answered."""
    while True:
        message = conn.read_json()
        if "id" in message and (answer := answers(message["method"], message["id"], **special)):
            conn.send_text(answer)


@pytest.fixture
def server(peer):
    """A peer with an MCP server behind it; answers to requests that are not the plain ones may be given."""

    def make(*, handshake=None, special=None, **options):
        p = peer(**options)
        p.run(lambda: converse(p.open(**(handshake or {})), **(special or {})))
        return p

    return make


@pytest.fixture
def refusing(peer):
    """A peer that answers the handshake with these lines."""

    def make(status, *headers, **options):
        p = peer(**options)

        def script():
            conn = p.accept()
            conn.read_request()
            conn.send("\r\n".join(["HTTP/1.1 " + status, *headers, "Content-Length: 0", "", ""]).encode())
            conn.wire.close_gently()
            if status.startswith("400"):
                p.accept().wire.recv()  # the question whether it would rather have TLS

        p.run(script)
        return p

    return make


@pytest.fixture
def proxy(cleanup):
    def make(*args, **options):
        cleanup.append(ConnectProxy(*args, **options))
        return cleanup[-1]

    return make


@pytest.fixture(scope="session")
def dated(authority):
    """Makes certificates by the authority that are good from and until so many days from now."""
    made = {}

    def stamp(days):
        return (datetime.datetime.utcnow() + datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")

    def make(first, last):
        name = "dated%d" % len(made)
        if (first, last) not in made:
            config = os.path.join(authority.dir, name + ".cnf")
            with open(config, "w") as f:
                f.write("[ca]\ndefault_ca=d\n[d]\ndatabase=%s.index\nnew_certs_dir=.\nrand_serial=yes\n"
                        "default_md=sha256\npolicy=p\nx509_extensions=e\n[p]\ncommonName=supplied\n"
                        "[e]\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n" % name)
            open(os.path.join(authority.dir, name + ".index"), "w").close()
            authority._key(name)
            authority._openssl("req", "-new", "-key", name + ".key", "-subj", "/CN=" + name, "-out", name + ".csr")
            authority._openssl("ca", "-batch", "-notext", "-config", config, "-cert", "ca.pem", "-keyfile", "ca.key",
                               "-in", name + ".csr", "-out", name + ".pem", "-startdate", stamp(first),
                               "-enddate", stamp(last))
            made[first, last] = authority._path(name + ".pem"), authority._path(name + ".key")
        return made[first, last]

    return make


@pytest.fixture(scope="session")
def self_signed(authority):
    authority._key("self")
    authority._openssl("req", "-x509", "-new", "-key", "self.key", "-subj", "/CN=self", "-days", "30", "-out",
                       "self.pem", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    return authority._path("self.pem"), authority._path("self.key")


# ---------------------------------------------------------------------------------------------
# All is well


def test_plain(check, server):
    got = check(server().url())
    assert (got.status, got.last, got.err) == (0, "all well", "")
    assert got.steps() == ["configuration", "tcp", "http", "subprotocol", "initialize", "tools", "ping"]
    assert all(got.step(step)[0] for step in got.steps())
    assert all(got.step(step)[1] is not None for step in got.steps() if step != "subprotocol")
    assert got.step("http")[2] == "101 Switching Protocols"
    assert got.step("subprotocol")[2] == "mcp"
    assert got.step("initialize")[2] == "demo 1.2; protocol 2025-06-18; capabilities tools, logging"
    assert got.step("tools")[2] == "3 tools"
    assert re.fullmatch(r"MCP [\d.]+ ms, WebSocket [\d.]+ ms", got.step("ping")[2])


def test_json(check, server):
    p = server(handshake={"extra": ["Server: test/1"]})
    got = check("--json", p.url("/mcp?token=hidden"))
    assert got.status == 0 and got.err == ""
    said = got.json
    assert said["ok"] is True and said["target"] == "ws://127.0.0.1:%d/mcp?..." % p.port
    assert said["warnings"] == [] and "error" not in said and "failed" not in said
    steps = {step["step"]: step for step in said["steps"]}
    assert all(step["ok"] is True and isinstance(step["detail"], str) for step in said["steps"])
    assert all(step["ms"] >= 0 for name, step in steps.items() if name != "subprotocol")
    assert said["ms"] >= sum(step.get("ms", 0) for step in said["steps"]) / 2
    assert steps["tcp"]["address"] == "127.0.0.1:%d" % p.port
    assert steps["http"]["status"] == 101 and steps["http"]["server"] == "test/1"
    assert steps["subprotocol"]["offered"] == ["mcp"] and steps["subprotocol"]["accepted"] == "mcp"
    assert steps["initialize"]["server"] == INFO and steps["initialize"]["protocol"] == "2025-06-18"
    assert steps["initialize"]["capabilities"] == ["tools", "logging"]
    assert steps["tools"]["tools"] == 3
    assert steps["ping"]["websocket_ms"] >= 0


def test_tls(check, server, authority, server_tls):
    p = server(tls=server_tls)
    got = check("--cacert", authority.ca, p.url(host="localhost"))
    assert (got.status, got.last) == (0, "all well")
    assert got.steps()[:4] == ["configuration", "dns", "tcp", "tls"]
    assert authority.ca in got.step("configuration")[2]
    assert "127.0.0.1" in got.step("dns")[2]
    assert re.match(r"TLSv1\.[23], \w+; certificate of CN = server, issued by CN = Test authority, good until "
                    r"\d{4}-\d\d-\d\d \((29|30) days\)$", got.step("tls")[2])


def test_tls_json(check, server, authority):
    p = server(tls=authority.context(version=ssl.TLSVersion.TLSv1_2))
    got = check("--json", "--cacert", authority.ca, p.url())
    tls = next(step for step in got.json["steps"] if step["step"] == "tls")
    assert tls["version"] == "TLSv1.2" and tls["cipher"] and tls["verified"] is True
    certificate = tls["certificate"]
    assert certificate["subject"] == "CN = server" and certificate["issuer"] == "CN = Test authority"
    assert {"localhost", RESOLVED, "127.0.0.1"} <= set(certificate["names"])
    assert certificate["days_left"] in (29, 30)  # in the same second, or later
    until = datetime.datetime.strptime(certificate["not_after"], "%Y-%m-%dT%H:%M:%SZ")
    assert abs(until - datetime.datetime.utcnow() - datetime.timedelta(days=30)) < datetime.timedelta(hours=1)


@pytest.mark.parametrize("days, warned", [(20, False), (14.5, False), (10.5, True), (0.5, True)])
def test_certificate_that_expires_soon(check, server, authority, dated, days, warned):
    p = server(tls=authority.context(dated(-1, days)))
    got = check("--cacert", authority.ca, p.url())
    assert got.status == 0
    assert ("expires in %d day" % days in got.out) == warned
    assert got.last == ("all well, with warnings" if warned else "all well")


def test_insecure_is_a_warning(check, server, authority, dated):
    p = server(tls=authority.context(dated(-20, -3)))
    got = check("-k", p.url())
    assert got.status == 0 and got.last == "all well, with warnings"
    assert "-k" in got.out and "has expired" in got.out and "expired on" in got.step("tls")[2]
    p = server(tls=authority.context(dated(-20, -3)))
    tls = next(step for step in check("-k", "--json", p.url()).json["steps"] if step["step"] == "tls")
    assert tls["verified"] is False and tls["certificate"]["days_left"] in (-4, -3) and "-k" in tls["warning"]


def test_configured(check, server, home):
    p = server()
    path = home / "servers.json"
    path.write_text(json.dumps({"mcpServers": {"other": {"ws_url": "ws://x"}, "my-server": {
        "ws_url": p.url(), "headers": {"Authorization": "Bearer hidden"}}}}, indent=1))
    got = check("--config", path, "-H", "X-Team: hidden", "my-s")
    assert got.status == 0 and "hidden" not in got.out
    detail = got.step("configuration")[2]
    line = 1 + next(i for i, text in enumerate(path.read_text().splitlines()) if '"my-server"' in text)
    assert detail.startswith("my-server in %s:%d (" % (path, line)), detail
    assert p.url() in detail and "headers Authorization, X-Team" in detail
    assert p.conns[0].request.get("Authorization") == "Bearer hidden"


def test_header_command(check, server):
    p = server()
    got = check("--header-command", """echo '{"X-Token": "hidden"}'""", p.url())
    assert got.status == 0 and got.steps()[:2] == ["configuration", "headers"]
    assert "X-Token" in got.step("configuration")[2] and "hidden" not in got.out
    assert p.conns[0].request.get("X-Token") == "hidden"


def test_no_subprotocol(check, server):
    got = check("--no-subprotocol", server().url())
    assert got.status == 0 and got.step("subprotocol")[2] == "none"
    got = check("--subprotocol", "one,two", server(handshake={"protocol": None}).url())
    assert got.status == 0 and got.step("subprotocol")[2] == "none accepted, offered: one, two"
    got = check("--subprotocol", "one,two", server(handshake={"protocol": "two"}).url())
    assert got.status == 0 and got.step("subprotocol")[2] == "two, offered: one, two"


def test_no_tools(check, server):
    special = {"initialize": {"result": {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": INFO}}}
    got = check(server(special=special).url())
    assert got.status == 0 and got.step("tools")[2] == "the server declares none"
    assert got.step("initialize")[2].endswith("no capabilities")


def test_tools_on_many_pages(check, peer):
    p = peer()

    def script():
        conn = p.open()
        page = 0
        while True:
            message = conn.read_json()
            if message.get("method") == "tools/list":
                page += 1
                conn.send_result(message["id"], {"tools": TOOLS, **({"nextCursor": "x%d" % page} if page < 3 else {})})
            elif "id" in message:
                conn.send_text(answers(message["method"], message["id"]))

    p.run(script)
    got = check(p.url())
    assert got.status == 0 and got.step("tools")[2] == "9 tools"


def test_newer_era(check, peer):
    """initialize is refused, server/discover answered: 2026-07-28, which has no ping."""
    p = peer()
    refusal = {"error": {"code": -32601, "message": "no such method"}}
    discovered = {"result": {"resultType": "complete", "supportedVersions": ["2026-07-28"],
                             "capabilities": {"tools": {}}, "serverInfo": INFO, "ttlMs": 0, "cacheScope": "private"}}
    special = {"initialize": refusal, "server/discover": discovered, "ping": refusal,
               "tools/list": {"result": {"resultType": "complete", "tools": TOOLS, "ttlMs": 0, "cacheScope": "private"}}}
    p.run(lambda: converse(p.open(), **special))
    got = check(p.url())
    assert got.status == 0 and got.last == "all well", got.out
    assert "protocol 2026-07-28" in got.step("initialize")[2]
    assert "MCP" not in got.step("ping")[2] and "WebSocket" in got.step("ping")[2]


def test_ping_that_is_not_answered(check, server, peer):
    got = check(server(special={"ping": {"error": {"code": -32601, "message": "what?"}}}).url())
    assert got.status == 0 and got.last == "all well, with warnings"
    assert "does not answer MCP's ping" in got.out and "what?" in got.out
    p = peer()

    def script():
        conn = p.open()
        conn.auto_pong = False
        converse(conn)

    p.run(script)
    got = check(p.url())
    assert got.status == 0 and got.last == "all well, with warnings"
    assert "does not answer WebSocket pings" in got.out


def test_nothing_is_asked_of_a_bridge(connected):
    """No PING at the beginning, which is what a report costs."""
    b, conn = connected()
    b.send({"jsonrpc": "2.0", "method": "x"})
    conn.read_json()
    assert conn.pings == []


# ---------------------------------------------------------------------------------------------
# What may be wrong before anything is sent


def test_unknown_name(check):
    got = check("no-such-server")
    got.failed_at("configuration", "no-such-server", status=3)
    said = check("--json", "no-such-server").json
    assert said["ok"] is False and said["failed"] == "configuration" and said["error_type"] == "ConfigurationError"


def test_wrong_usage(check):
    assert check().status == 2
    assert check("ws://127.0.0.1:9/", "more").status == 2
    assert check("--linger", "1", "ws://127.0.0.1:9/").status == 2
    check("http://127.0.0.1:9/").failed_at("configuration", "neither ws nor wss", status=2)


def test_unset_variable(check):
    check("-H", "X: ${NOT_SET_ANYWHERE}", "ws://127.0.0.1:9/").failed_at(
        "configuration", "NOT_SET_ANYWHERE", status=3)


def test_header_command_that_fails(check, peer):
    p = peer()
    got = check("--header-command", "echo hidden; exit 3", p.url())
    got.failed_at("headers", "3")
    assert got.steps() == ["configuration", "headers"] and "hidden" not in got.out
    assert p.nobody_came()


# ---------------------------------------------------------------------------------------------
# Each step that may fail


def test_dns(check):
    check("ws://no-such-host.invalid/").failed_at("dns", "no-such-host.invalid", "spelling")
    check("ws://nosuchhost:9/").failed_at("dns", "short name")
    check("ws://nosuchhost.local:9/").failed_at("dns", "multicast")


def test_refused(check):
    port = reserve()
    got = check("ws://127.0.0.1:%d/mcp" % port)
    got.failed_at("tcp", "refused", "port %d" % port, "not running")
    said = check("--json", "ws://127.0.0.1:%d/mcp" % port).json
    assert (said["ok"], said["failed"], said["error_type"]) == (False, "tcp", "ConnectionError")
    assert said["error"] and said["cause"]
    assert [step["ok"] for step in said["steps"]] == [True, False]


def test_unix_socket(check, server, tmp_path):
    check("--unix-socket", tmp_path / "none", "ws://localhost/").failed_at("tcp", "no such socket")
    path = str(tmp_path / "s")
    server(unix_path=path)
    got = check("--unix-socket", path, "ws://localhost/")
    assert got.status == 0 and path in got.step("tcp")[2]


def test_no_answer_to_a_syn(check, cleanup):
    cleanup.append(Blackhole())
    check("--connect-timeout", seconds(0.5), cleanup[-1].url()).failed_at("tcp", "timed out", "firewall")


def test_mute_server(check, peer):
    p = peer()
    p.run(lambda: p.accept().read_request())
    p.run(lambda: p.accept().wire.recv())  # the question whether it would rather have TLS
    check("--connect-timeout", seconds(0.5), p.url()).failed_at("http", "timed out", "does not answer")


def test_hangs_up(check, peer):
    p = peer()

    def script():
        for _ in range(2):
            p.accept().close()

    p.run(script)
    check(p.url()).failed_at("http", "closed the connection", "hung up")


def test_another_protocol(check, peer):
    p = peer()

    def script():
        conn = p.accept()
        conn.send(b"220 mail.example ESMTP\r\n")
        conn.wire.close_gently()
        p.accept().close()

    p.run(script)
    check(p.url()).failed_at("http", "another protocol")


@pytest.mark.parametrize("how", ["silent", "closes", "answers 400"])
def test_tls_port_without_tls(check, peer, server_tls, how):
    """ws:// where wss:// is wanted: found out by trying TLS, over which nothing is sent."""
    p = peer(tls=server_tls)
    later = []

    def script():
        conn = p.accept(tls=False)
        conn.wire.recv()
        if how == "closes":
            conn.close()
        if how == "answers 400":
            conn.send(b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n")
        probe = p.accept()
        try:
            later.append(probe.wire.recv())
        except Gone:
            later.append(b"")

    p.run(script)
    check("--connect-timeout", seconds(1), "-H", "Authorization: Bearer hidden", p.url().replace("wss:", "ws:")).failed_at(
        "http", "speaks TLS: use wss://")
    p.join()
    assert later == [b""]


def test_plain_port_with_tls(check, peer):
    p = peer()

    def script():
        conn = p.accept()
        conn.wire.recv()
        conn.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        conn.close()

    p.run(script)
    check(p.url().replace("ws:", "wss:")).failed_at("tls", "does not speak TLS: use ws://")


def test_mute_port_with_tls(check, peer):
    p = peer()
    p.run(lambda: p.accept().wire.recv())
    check("--connect-timeout", seconds(0.5), p.url().replace("ws:", "wss:")).failed_at(
        "tls", "timed out", "try ws://")


# ---------------------------------------------------------------------------------------------
# Certificates


@pytest.fixture
def distrusted(peer, authority):
    """A server whose certificate will not be taken: the second connection is to look at it."""

    def make(leaf):
        p = peer(tls=authority.context(leaf))
        heard = []

        def script():
            for _ in range(2):
                try:
                    heard.append(p.accept().wire.recv())
                except (Gone, ssl.SSLError):
                    pass

        p.run(script)
        p.heard = heard
        return p

    return make


@pytest.mark.parametrize("what, authorities, words", [
    ("expired", "ca", ["expired on", "clock", datetime.date.today().strftime("it says %Y-%m-")]),
    ("not yet valid", "ca", ["good from", "clock"]),
    ("self-signed", None, ["self-signed", "signed its certificate itself", "--cacert"]),
    ("good", None, ["CN = Test authority is not known", "--cacert"]),
    ("good", "other_ca", ["not in the file of --cacert"]),
    ("wrong host", "ca", ['not for "127.0.0.1" but for elsewhere.test']),
])
def test_distrusted(check, authority, dated, self_signed, distrusted, what, authorities, words):
    leaf = {"expired": lambda: dated(-20, -3), "not yet valid": lambda: dated(3, 20), "self-signed": lambda: self_signed,
            "good": lambda: authority.server, "wrong host": lambda: authority.wrong_host}[what]()
    p = distrusted(leaf)
    args = ["--cacert", getattr(authority, authorities)] if authorities else []
    got = check(*args, "-H", "Authorization: Bearer hidden", p.url())
    got.failed_at("tls", *words)
    p.join()
    assert p.heard == [], "something was sent to a server that is not trusted"
    assert "certificate of CN = " in got.step("tls")[2]
    assert ("expired on" in got.step("tls")[2]) == (what == "expired")
    assert "hidden" not in got.out


def test_distrusted_json(check, authority, dated, distrusted):
    p = distrusted(dated(-20, -3))
    said = check("--json", "--cacert", authority.ca, p.url()).json
    tls = said["steps"][-1]
    assert said["failed"] == tls["step"] == "tls" and tls["verified"] is False
    assert tls["certificate"]["days_left"] < 0


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda v: v.name)
@pytest.mark.parametrize("whose", ["none", "stranger"])
def test_client_certificate(check, peer, authority, version, whose):
    p = peer(tls=authority.context(client_ca=authority.ca, version=version))

    def script():
        with pytest.raises((ssl.SSLError, Gone)):
            p.accept()
        try:
            p.conns[0].wire.close_gently()
        except OSError:
            pass  # the other side was faster

    p.run(script)
    extra = [] if whose == "none" else ["--cert", authority.stranger[0], "--key", authority.stranger[1]]
    got = check("--cacert", authority.ca, *extra, p.url())
    got.failed_at("tls", "--cert")
    if whose == "stranger":
        assert extra[1] in got.step("configuration")[2]
        assert "does not" in got.last


# ---------------------------------------------------------------------------------------------
# What the server answers


@pytest.mark.parametrize("status, headers, words", [
    ("401 Unauthorized", ['WWW-Authenticate: Bearer realm="the realm", error="invalid_token"'],
     ["401", 'Bearer (realm "the realm")', "no credentials", "--bearer-env"]),
    ("401 Unauthorized", ["WWW-Authenticate: Basic realm=x"], ["Basic", "USER:PASSWORD@"]),
    ("403 Forbidden", [], ["403", "Origin"]),
    ("404 Not Found", [], ["404", "path"]),
    ("405 Method Not Allowed", ["Allow: POST"], ["path"]),
    ("400 Bad Request", [], ["subprotocol", "mcp"]),
    ("426 Upgrade Required", [], ["subprotocol"]),
    ("429 Too Many Requests", ["Retry-After: 7"], ["Retry-After: 7"]),
    ("500 Oops", [], ["500"]),
    ("502 Bad Gateway", ["Server: nginx"], ["nginx cannot reach the server behind it"]),
    ("200 OK", ["Content-Type: text/html; charset=utf-8"], ["web page", "path"]),
    ("200 OK", ["Content-Type: text/event-stream"], ["MCP over HTTP"]),
    ("200 OK", ["Content-Type: application/json"], ["not with WebSocket"]),
    ("301 Moved", ["Location: https://other.example/mcp/"], ["use wss://other.example/mcp/"]),
    ("302 Found", ["Location: /login?next=hidden"], ["use ws://127.0.0.1:", "/login?..."]),
])
def test_status(check, refusing, status, headers, words):
    got = check(refusing(status, *headers).url())
    got.failed_at("http", *words)
    assert got.step("http")[2].startswith(status)
    assert "hidden" not in got.out and "invalid_token" not in got.out


def test_status_json(check, refusing):
    p = refusing("401 No", "WWW-Authenticate: Bearer realm=\"r\"", "Server: s", "Via: 1.1 v", "Retry-After: 5")
    said = check("--json", p.url()).json
    http = said["steps"][-1]
    assert said["failed"] == http["step"] == "http" and http["status"] == 401
    assert http["challenge"] == 'Bearer (realm "r")'
    assert (http["server"], http["via"], http["retry_after"]) == ("s", "1.1 v", "5")


def test_credentials_that_were_sent(check, refusing):
    got = check("-H", "Authorization: Bearer hidden", refusing("401 No").url())
    got.failed_at("http", "that were sent are wrong or have expired")
    assert "hidden" not in got.out and "headers Authorization" in got.step("configuration")[2]


def test_other_subprotocol(check, peer):
    p = peer()

    def script():
        conn = p.accept()
        conn.send(upgrade_answer(conn.read_request(), protocol="other"))
        conn.wire.close_gently()

    p.run(script)
    got = check(p.url())
    got.failed_at("subprotocol", "--subprotocol other")
    assert got.step("http")[0] is True


@pytest.mark.parametrize("answer", [{"accept": "x"}, {"upgrade": None}, {"connection": None},
                                    {"extra": ["Sec-WebSocket-Extensions: x"]}], ids=str)
def test_101_that_is_none(check, peer, answer):
    p = peer()

    def script():
        conn = p.accept()
        conn.send(upgrade_answer(conn.read_request(), **{"extra": ["Via: 1.1 cache"], **answer}))
        conn.wire.close_gently()
        p.accept().close()

    p.run(script)
    check(p.url()).failed_at("http", "101")


# ---------------------------------------------------------------------------------------------
# Proxies


def test_proxy(check, server, proxy, authority, server_tls):
    p = server(tls=server_tls)
    x = proxy()
    got = check("--cacert", authority.ca, "-x", x.url("user:hidden@"), p.url())
    assert got.status == 0 and "hidden" not in got.out and "user" not in got.out
    assert "through %s (--proxy)" % x.url() in got.step("configuration")[2]
    assert got.step("tcp")[2] == "127.0.0.1:%d (the proxy)" % x.port
    assert got.step("proxy")[2] == x.url()
    assert got.steps().index("proxy") < got.steps().index("tls")


def test_proxy_of_the_environment(check, server, proxy, authority, server_tls):
    p = server(tls=server_tls)
    x = proxy(target=("127.0.0.1", p.port))
    env = {"https_proxy": x.url("user:hidden@")}
    got = check("--cacert", authority.ca, p.url(host=RESOLVED), env=env)
    assert got.status == 0 and "hidden" not in got.out
    assert "the environment's https_proxy" in got.step("configuration")[2]
    p.run(lambda: converse(p.open()))
    steps = {step["step"]: step for step in check(
        "--json", "--cacert", authority.ca, p.url(host=RESOLVED), env=env).json["steps"]}
    assert steps["configuration"]["proxy"] == x.url()
    assert steps["configuration"]["proxy_from"] == "the environment's https_proxy"


def test_loopback_uses_no_proxy_of_the_environment(check, server, proxy):
    x = proxy()
    got = check(server().url(), env={"http_proxy": x.url(), "ALL_PROXY": x.url()})
    assert got.status == 0 and "proxy" not in got.steps() and x.heads == []


@pytest.mark.parametrize("mode, words", [
    ('407 Auth\r\nProxy-Authenticate: Basic realm="the office"', ["407", 'Basic (realm "the office")', "USER:PASSWORD"]),
    ("403 Forbidden", ["403", "does not allow"]),
    ("502 Bad Gateway", ["502", "cannot reach"]),
    ("close", ["may not be a proxy"]),
    ("mute", ["timed out"]),
])
def test_proxy_refuses(check, peer, proxy, mode, words):
    p, x = peer(), proxy(mode)
    got = check("--connect-timeout", seconds(1), "-x", x.url("user:hidden@"), p.url())
    got.failed_at("proxy", *words)
    assert "hidden" not in got.out and p.nobody_came()


def test_proxy_that_is_not_there(check, peer):
    p, port = peer(), reserve()
    check("-x", "http://127.0.0.1:%d" % port, p.url()).failed_at(
        "tcp", "The proxy http://127.0.0.1:%d does not answer" % port)


def test_proxy_that_is_not_known(check, peer):
    check("-x", "http://no-such-proxy.invalid:1", peer().url()).failed_at("dns", "name of the proxy")


# ---------------------------------------------------------------------------------------------
# The session


def test_initialize_is_not_answered(check, server):
    p = server(special={"initialize": lambda ident: None})
    check("--request-timeout", seconds(0.5), p.url()).failed_at("initialize", "not answered", "says nothing")


def test_something_else_is_said(check, peer):
    p = peer()

    def script():
        conn = p.open()
        conn.send_text({"jsonrpc": "2.0", "method": "hello"})
        conn.send_text('"what?"')
        converse(conn, initialize=lambda ident: None)

    p.run(script)
    check("--request-timeout", seconds(0.5), p.url()).failed_at("initialize", "not answered", "sends messages")


def test_initialize_is_refused(check, server):
    error = {"error": {"code": -32000, "message": "go away"}}
    got = check(server(special={"initialize": error, "server/discover": error}).url())
    got.failed_at("initialize", "go away", "credentials")


def test_unknown_version(check, server):
    special = {"initialize": {"result": {"protocolVersion": "1999-01-01", "capabilities": {}, "serverInfo": INFO}}}
    check(server(special=special).url()).failed_at("initialize", "1999-01-01")


@pytest.fixture
def ending(peer):
    """A peer that lets everybody in, and ends each link in this way once something was said to it."""
    over, made = threading.Event(), []

    def make(end):
        made.append(p := peer())

        def script():
            while not over.is_set():
                try:
                    conn = p.accept(timeout=0.1)
                except TimeoutError:
                    continue
                conn.open().read_json()
                end(conn)

        p.run(script)
        return p

    yield make
    over.set()
    for p in made:
        p.join()


@pytest.mark.parametrize("code, words", [
    (1008, ["1008", "no credentials were sent"]),
    (4401, ["4401", "credentials"]),
    (1011, ["1011", "its log"]),
    (1003, ["1003", "text messages"]),
])
def test_closed(check, ending, code, words):
    def end(conn):
        conn.send_close(code, "because")
        conn.wire.close_gently()

    check(ending(end).url()).failed_at("initialize", "because", *words)


def test_dies(check, ending):
    check(ending(lambda conn: conn.wire.reset()).url()).failed_at("initialize", "without a close frame", "crashed")


def test_the_first_end_is_told(check, peer):
    """What follows it says less."""
    p = peer()

    def script():
        conn = p.open()
        conn.read_json()
        p.listener.close()
        conn.send_close(1011, "because")
        conn.wire.close_gently()

    p.run(script)
    check(p.url()).failed_at("initialize", "1011: because", "its log")


def test_tools_fail(check, server):
    """The only failure that is not one of the connection."""
    p = server(special={"tools/list": {"error": {"code": -32603, "message": "out of tools"}}})
    got = check(p.url())
    got.failed_at("tools", "out of tools", status=1)
    assert got.step("ping")[0] is True
    p = server(special={"tools/list": {"error": {"code": -32603, "message": "out of tools"}}})
    said = check("--json", p.url()).json
    assert (said["failed"], said["error_type"]) == ("tools", "ToolError")


def test_tools_are_not_answered(check, server):
    p = server(special={"tools/list": lambda ident: None})
    check("--request-timeout", seconds(0.5), p.url()).failed_at("tools", "in time")


def test_mcp_ping_is_not_answered(check, server):
    p = server(special={"ping": lambda ident: None})
    check("--request-timeout", seconds(0.5), p.url()).failed_at("ping", "in time")


# ---------------------------------------------------------------------------------------------
# Text of others, secrets, ends


def test_secrets(check, peer):
    """In every place where one may stand, and whatever fails."""
    p = peer()

    def script():
        conn = p.accept()
        conn.read_request()
        conn.send(b"HTTP/1.1 302 Found\r\nLocation: https://u:hidden@other.test/p?hidden#hidden\r\n"
                  b"WWW-Authenticate: Bearer realm=\"r\", token=\"hidden\"\r\nSet-Cookie: hidden\r\n\r\n")
        conn.wire.close_gently()

    p.run(script)
    got = check("-v", "-v", "-H", "Authorization: Bearer hidden", "-H", "Cookie: a=hidden", "--subprotocol",
                "mcp,mcp.auth.hidden", p.url("/mcp?token=hidden", userinfo="user:hidden@"))
    assert got.status == 4
    assert "hidden" not in got.out + got.err
    assert p.conns[0].request.get("Authorization") == "Bearer hidden"


def test_accepted_secret_subprotocol(check, server):
    got = check("--subprotocol", "mcp.auth.hidden", server(handshake={"protocol": "mcp.auth.hidden"}).url())
    assert got.status == 0 and "hidden" not in got.out


def test_foreign_text_is_escaped(check, server, refusing):
    nasty = "a\x1b[2Jb\u202ec\u009bd\x7f"
    special = {"initialize": {"result": {"protocolVersion": "2025-06-18", "capabilities": {nasty: {}},
                                         "serverInfo": {"name": nasty, "version": "1"}}}}
    got = check(server(special=special).url())
    assert got.status == 0
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", got.out)
    assert r"a\x1b[2Jb\u202ec\u009bd\x7f 1" in got.step("initialize")[2]
    special["initialize"]["result"]["capabilities"] = {}
    said = check("--json", server(special=special).url()).json
    assert said["steps"][-3]["server"]["name"] == nasty
    got = check(refusing("401 \x1b[2J", "WWW-Authenticate: B\x1b[2J realm=\"\x1b]0;x\x07\"", "Server: \x9b").url())
    assert got.status == 4 and not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", got.out)


def test_json_on_a_terminal(server, home):
    """Escaped as JSON does it, so that it is still the same."""
    name = "a\x1b[2Jb\u202ec\u009bd\x7f"
    p = server(special={"initialize": {"result": {"protocolVersion": "2025-06-18", "capabilities": {},
                                                  "serverInfo": {"name": name, "version": "1"}}}})
    ours, theirs = os.openpty()
    process = subprocess.Popen([*RUNNER, BINARY, "check", "--json", p.url()], stdin=subprocess.DEVNULL, stdout=theirs,
                               stderr=subprocess.PIPE, env=clean_environment(home, {"NO_COLOR": "1"}))
    os.close(theirs)
    out = b""
    try:
        while data := os.read(ours, 65536):
            out += data
    except OSError:
        pass  # nobody has the terminal open any more
    os.close(ours)
    assert process.communicate()[1] == b"" and process.returncode == 0
    text = out.decode()
    assert not re.search("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]", text)
    steps = {step["step"]: step for step in json.loads(text)["steps"]}
    assert steps["initialize"]["server"]["name"] == name


@pytest.mark.prompt
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("where", ["handshake", "initialize", "header command"])
def test_signal(start, peer, where, sign, tmp_path):
    p = peer()
    mark = tmp_path / "pid"
    args = ["--header-command", "echo $$ >%s.new; mv %s.new %s; exec sleep 60" % (mark, mark, mark)]
    process = start(*(args if where == "header command" else []), p.url())
    if where == "header command":
        end = time.monotonic() + DEADLINE
        while not mark.exists() and time.monotonic() < end:
            time.sleep(0.005)
        pid = int(mark.read_text())
    else:
        conn = p.accept()
        conn.read_request()
        if where == "initialize":
            conn.open().read_json()
    sent = time.monotonic()
    process.send_signal(sign)
    out, err = process.communicate(timeout=DEADLINE)
    assert time.monotonic() - sent < 0.2 * SCALE
    assert process.returncode == -sign and "all well" not in out and err == ""
    if where == "header command":
        end = time.monotonic() + DEADLINE
        while os.path.exists("/proc/%d" % pid) and time.monotonic() < end:
            time.sleep(0.005)
        assert not os.path.exists("/proc/%d" % pid)


def test_lines_come_as_they_are_known(start, peer):
    """Who waits for a server that hangs sees how far it came."""
    p = peer()
    process = start("--connect-timeout", seconds(60), p.url())
    p.accept().read_request()
    assert process.stdout.readline().startswith("configuration ")
    assert process.stdout.readline().startswith("tcp ")


def test_closed_stdout(start, peer):
    p = peer()
    process = start(p.url())
    process.stdout.close()
    process.stdout = open(os.devnull)
    p.run(lambda: converse(p.open()))
    assert process.wait(DEADLINE) == 4
