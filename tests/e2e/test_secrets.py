"""Secrets are planted wherever one can stand, and looked for in everything the program says.

What it may not show: header values, userinfo, queries, `mcp.auth.` subprotocols, proxy credentials and what a
header command prints, be they given by option, file, variable or configuration. A trace holds messages as
they were, and no secret is planted in those.
"""

import base64
import itertools
import json
import re
import signal
import ssl
import subprocess

import pytest

from bridge import BINARY, INITIALIZE, RUNNER, clean_environment, notification, request
from peer import DEADLINE, SCALE, ConnectProxy, Gone, reserve
from test_config import files, project  # noqa: F401 - fixtures

HOSTS = ["claude-code", "claude-desktop", "cursor", "vscode", "zed"]
KINDS = ["line", "file", "variable", "bearer", "env", "command", "user", "password", "query", "urlvar", "fragment",
         "subprotocol", "proxyuser", "proxypassword", "entry", "helper", "location"]
SECRETS = {kind: "zq%dk%sjx" % (i + 10, kind) for i, kind in enumerate(KINDS)}
S = type("S", (), SECRETS)


def forms(secret):
    """A secret as it may have got into something."""
    yield secret
    yield secret[2:-2]  # cut at its ends
    yield "".join("%%%02x" % c for c in secret.encode())[:24]
    for shift in range(3):  # inside of what became base64
        yield base64.b64encode(b"x" * shift + secret.encode()).decode()[4:-4]


def leaks(text):
    low = text.lower()
    found = sorted({kind for kind, secret in SECRETS.items() for form in forms(secret) if form.lower() in low})
    return [(kind, next(line for line in text.splitlines() if any(f.lower() in line.lower()
                                                                 for f in forms(SECRETS[kind])))) for kind in found]


def check_said(*texts):
    for text in texts:
        assert not leaks(text), "secrets of these kinds are shown: %s" % leaks(text)


def test_the_search_finds_what_leaks():
    for secret in SECRETS.values():
        basic = base64.b64encode(("me:%s" % secret).encode()).decode()
        for text in secret, "x%sy" % secret.upper(), secret[1:-1], basic:
            assert leaks("a line\n%s\n" % text), (secret, text)
    assert not leaks("wss://127.0.0.1:1/mcp?... Authorization X-Line mcp.auth.")


class Plant:
    """Arguments, environment and configuration that are full of secrets."""

    def __init__(self, files, tmp_path):  # noqa: F811
        self.files, self.dir = files, tmp_path
        self.log, self.trace = tmp_path / "log", tmp_path / "trace"
        (tmp_path / "headers").write_text("X-File: %s\n" % S.file)
        (tmp_path / "command.json").write_text(json.dumps({"X-Command": S.command}))
        (tmp_path / "helper.json").write_text(json.dumps({"X-Helper": S.helper}))
        self.env = {"VAR": S.variable, "BEARER": S.bearer, "HENV": S.env, "URLVAR": S.urlvar,
                    "USERINFO": "%s:%s" % (S.user, S.password)}

    def url(self, base):
        scheme, _, rest = base.partition("://")
        return "%s://%s:%s@%s?token=%s&t=${URLVAR}#%s" % (
            scheme, S.user, S.password, rest, S.query, S.fragment)

    def proxy(self, url):
        return url.replace("://", "://%s:%s@" % (S.proxyuser, S.proxypassword))

    def watched(self):
        return ["-vv", "--log-file", self.log, "--trace", self.trace]

    def headers(self):
        return ["-H", "X-Line: " + S.line, "-H", "@%s" % (self.dir / "headers"), "-H", "X-Var: a${VAR}b",
                "--bearer-env", "BEARER", "--header-env", "X-Env=HENV",
                "--header-command", "cat %s" % (self.dir / "command.json"),
                "--subprotocol", "mcp, mcp.auth." + S.subprotocol]

    def configure(self, base, place="own", proxy=None):
        fields = {"type": "ws", "url": self.url(base), "subprotocol": "mcp,mcp.auth." + S.subprotocol,
                  "headers": {"X-Entry": S.entry, "X-Var": "a${VAR}b", "Authorization": "Bearer ${BEARER}"},
                  "headersHelper": "cat %s" % (self.dir / "helper.json")}
        if proxy:
            fields["proxy"] = self.proxy(proxy)
        return self.files.put(place, it=fields)

    def target(self, how, base, proxy=None):
        """What leads to the server: all by options, or by the name of a configured one."""
        if how == "options":
            return [*self.headers(), *(["-x", self.proxy(proxy)] if proxy else []), self.url(base)]
        self.configure(base, proxy=proxy)
        return ["it"]

    def check(self, *texts):
        check_said(*texts, *(path.read_text() for path in (self.log, self.trace) if path.exists()))


@pytest.fixture
def plant(files, tmp_path):  # noqa: F811
    return Plant(files, tmp_path)


@pytest.fixture
def run(home, project, plant):  # noqa: F811
    """Runs the program to its end and looks at what it said."""

    def run(*args, env=None, stdin=""):
        got = subprocess.run([*RUNNER, BINARY, *map(str, args)], input=stdin, capture_output=True, text=True,
                             env=clean_environment(home, {**plant.env, **(env or {})}), timeout=2 * DEADLINE,
                             cwd=str(project))
        plant.check(got.stdout, got.stderr)
        return got

    return run


@pytest.fixture(params=["options", "entry"])
def how(request):  # noqa: F811
    return request.param


@pytest.fixture
def begin(bridge, plant, project, how):  # noqa: F811
    """Starts a bridge on a URL, with an initialize on its way."""

    def begin(base, *args, proxy=None, **options):
        options.setdefault("env", {}).update(plant.env)
        b = bridge(*plant.watched(), *args, *plant.target(how, base, proxy), cwd=str(project), **options)
        b.send(INITIALIZE)
        return b

    return begin


def end(b, plant):
    """Lets it go, and looks at all it has said."""
    b.close_stdin()
    b.wait()
    said = b.error_text()
    assert "wsmcp: " in said and plant.log.read_text()
    plant.check(said, b"\n".join(b.lines).decode())


def basic(user, password):
    return "Basic " + base64.b64encode(("%s:%s" % (user, password)).encode()).decode()


def check_request(got, how):
    """That the secrets were sent: else there would be nothing to hide."""
    assert got.target == "/mcp?token=%s&t=%s" % (S.query, S.urlvar)
    assert got.get("Sec-WebSocket-Protocol").replace(" ", "") == "mcp,mcp.auth." + S.subprotocol
    assert got.get("X-Var") == "a%sb" % S.variable and got.get("Authorization") == "Bearer " + S.bearer
    names = {"options": {"X-Line": S.line, "X-File": S.file, "X-Env": S.env, "X-Command": S.command},
             "entry": {"X-Entry": S.entry, "X-Helper": S.helper}}[how]
    assert {name: got.get(name) for name in names} == names


def answer(text):
    def script(conn):
        conn.send(text.replace("\n", "\r\n").encode() + b"\r\n")
        conn.wire.close_gently()

    return script


def open_and(*steps, **options):
    def script(conn):
        conn.open(**options)
        conn.read_json()
        conn.send_result("init", {"protocolVersion": "2025-06-18", "capabilities": {},
                                  "serverInfo": {"name": "x", "version": "1"}})
        for step in steps:
            step(conn)

    return script


LOCATION = "wss://me:%s@other.test/%%3ftoken=%s?a=%s#%s" % ((S.location,) * 4)
ANSWERS = {
    "401": answer("HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Bearer realm=\"x\"\nContent-Length: 0\n"),
    "403": answer("HTTP/1.1 403 Forbidden\nContent-Length: 0\n"),
    "404": answer("HTTP/1.1 404 Not Found\nContent-Length: 0\n"),
    "407": answer("HTTP/1.1 407 Proxy Authentication Required\nContent-Length: 0\n"),
    "503": answer("HTTP/1.1 503 Service Unavailable\nRetry-After: 1\nContent-Length: 0\n"),
    "redirect": answer("HTTP/1.1 302 Found\nLocation: %s\nContent-Length: 0\n" % LOCATION),
    "redirect to a path": answer("HTTP/1.1 308 Permanent Redirect\nLocation: /x?token=%s\nContent-Length: 0\n"
                                 % S.location),
    "redirect to userinfo": answer("HTTP/1.1 307 Temporary Redirect\nLocation: //u:%s@h/\nContent-Length: 0\n"
                                   % S.location),
    "garbage": answer("220 mail.example.com ESMTP\n"),
    "no WebSocket": answer("HTTP/1.1 200 OK\nContent-Length: 0\n"),
    "nothing": lambda conn: conn.wire.close_gently(),
    "half an answer": lambda conn: (conn.send(b"HTTP/1.1 101 Switching Protocols\r\nUpg"), conn.wire.close_gently()),
    "wrong accept": lambda conn: conn.open(accept="x"),
    "another subprotocol": lambda conn: conn.open(protocol="mcp.auth." + S.location),
    "our token as subprotocol": lambda conn: conn.open(protocol="mcp.auth." + S.subprotocol[:-1]),
    "close 1008": open_and(lambda conn: (conn.send_close(1008, "no"), conn.read_close(), conn.close())),
    "close 1011": open_and(lambda conn: (conn.send_close(1011, "x"), conn.read_close(), conn.close())),
    "reset": open_and(lambda conn: conn.reset()),
    "broken frame": open_and(lambda conn: conn.send(b"\xff\xff")),
    "not JSON": open_and(lambda conn: conn.send_text(b"oops"), lambda conn: conn.close()),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_answers(begin, plant, peer, how, case):
    p = peer()
    b = begin(p.url(), "--offline-timeout", 1)
    script = ANSWERS[case]
    again = case in ("401", "403")  # the header command runs once more

    def serve():
        conn = p.accept()
        check_request(conn.read_request(), how)
        script(conn)

    serve()
    if again:
        serve()
    b.answer("init")
    if case in ("broken frame", "not JSON", "reset", "close 1011", "close 1008"):
        b.wait_stderr("wsmcp: ")
        b.send(request(2))
    end(b, plant)


def test_a_whole_session(begin, plant, peer, how):
    p = peer()
    b = begin(p.url(), "--request-timeout", 0.3, "--max-message", "1K", "--max-reply", "1K", "--resend", "none",
              "--ping-interval", 0.1, "--retry-delay-max", 0.2, reconnect=True, offline=20)
    conn = p.accept()
    check_request(conn.read_request(), how)
    open_and()(conn)
    b.send(notification("notifications/initialized"), request(2, "tools/call"))
    b.signal(signal.SIGUSR1)
    b.error(2, -31003)
    b.send(request(3, "big", data="x" * 2000))
    b.error(3, -31004)
    b.send(request(4, "tools/call"))
    while conn.read_json().get("id") != 4:
        pass
    conn.reset()
    b.error(4, -31001)
    conn = p.accept()
    check_request(conn.read_request(), how)
    conn.open()
    conn.send_result(conn.read_json()["id"], {"protocolVersion": "2025-06-18"})
    b.wait_stderr("counters|sent|queued|links")
    end(b, plant)
    assert '"method\\":\\"initialize' in plant.trace.read_text()


def test_nobody_listens(begin, plant):
    b = begin("ws://127.0.0.1:%d/mcp" % reserve(), "--offline-timeout", 0.5)
    b.error("init", -31002)
    end(b, plant)


@pytest.mark.bare
def test_no_such_name(begin, plant, shim):
    b = begin("ws://none.test/mcp", "--offline-timeout", 0.5, env={"LD_PRELOAD": shim("names.c")})
    b.error("init", -31002)
    end(b, plant)


def test_no_answer(begin, plant, peer):
    p = peer()
    b = begin(p.url(), "--connect-timeout", 0.3, "--offline-timeout", 0.5 * SCALE)
    b.error("init", -31002)
    end(b, plant)


def test_certificate_that_is_not_trusted(begin, plant, peer, server_tls):
    p = peer(tls=server_tls)
    b = begin(p.url())
    with pytest.raises((Gone, ssl.SSLError)):
        p.accept()
    b.error("init", -31002)
    end(b, plant)


def test_certificate_that_is_not_checked(begin, plant, peer, server_tls, how):
    p = peer(tls=server_tls)
    b = begin(p.url(), "-k")
    conn = p.accept()
    check_request(conn.read_request(), how)
    open_and()(conn)
    b.answer("init")
    end(b, plant)
    assert "-k" in b.error_text()


@pytest.mark.parametrize("mode", ["ok", "407 Proxy Authentication Required", "403 Forbidden", "502 Bad Gateway",
                                  "close", "none"])
def test_proxy(begin, plant, peer, cleanup, mode, how):
    p = peer()
    proxy = ConnectProxy(mode=mode, target=("127.0.0.1", p.port))
    cleanup.append(proxy)
    url = "http://127.0.0.1:%d" % reserve() if mode == "none" else proxy.url()
    b = begin("ws://mcp.test:%d/mcp" % p.port, "--offline-timeout", 0.5, proxy=url)
    if mode == "ok":
        conn = p.accept()
        check_request(conn.read_request(), how)
        assert proxy.heads[0].get("Proxy-Authorization") == basic(S.proxyuser, S.proxypassword)
        open_and()(conn)
    b.answer("init")
    end(b, plant)


@pytest.mark.parametrize("command", [
    "echo %s" % S.command,
    "echo '{\"X-Command\": \"%s\"'" % S.command,
    "echo '{\"X-Command\": [\"%s\"]}'" % S.command,
    "echo '[\"%s\"]'" % S.command,
    "echo '{\"X-Command\": \"%s\\r\\nX-Evil: 1\"}'" % S.command,
    "echo '{\"%s \": \"x\"}'" % S.command,
    "echo '{\"Upgrade\": \"%s\"}'" % S.command,
    "echo '{\"X-Command\": \"%s\"}'; exit 3" % S.command,
    "echo '{\"X-Command\": \"%s\"}'; kill -9 $$" % S.command,
    "printf '%%70000s' %s" % S.command,
], ids=itertools.count())
def test_header_command_that_fails(bridge, plant, peer, project, tmp_path, command):  # noqa: F811
    p = peer()
    script = tmp_path / "script"
    script.write_text(command)
    b = bridge(*plant.watched(), "--offline-timeout", 0.3, "--header-command", ". %s" % script, p.url(),
               cwd=str(project))
    b.send(INITIALIZE)
    b.error("init", -31002)
    end(b, plant)
    assert p.nobody_came()


@pytest.mark.parametrize("args, env", [
    (["-H", "X-A: %s\r\nX-B: 1" % S.line], {}),
    (["-H", "X-A: %s\x01" % S.line], {}),
    (["-H", S.line], {}),
    (["-H", "Bearer %s: x" % S.line], {}),
    (["-H", "Upgrade: %s" % S.line], {}),
    (["-H", "X-A: ${NOT_SET}%s" % S.line], {}),
    (["-H", "X-A: %s${" % S.line], {}),
    (["-H", "X-A: ${A:-%s" % S.line], {}),
    (["-H", "X-A: ${VAR}"], {"VAR": "%s\n" % S.variable}),
    (["-H", "X-A: %s" % (S.line * 9000)], {}),
    (["-H", "@{}/no-colon"], {}),
    (["-H", "@{}/nul"], {}),
    (["--bearer-env", "B"], {"B": "%s\r" % S.bearer}),
    (["--header-env", "X-A=E"], {"E": "%s\n" % S.env}),
    (["--header-env", S.env], {}),
    (["--subprotocol", "mcp.auth.%s x" % S.subprotocol], {}),
    (["--cacert", "/no/such"], {}),
    (["-x", "ftp://%s:%s@h" % (S.proxyuser, S.proxypassword)], {}),
], ids=itertools.count())
def test_headers_that_are_refused(run, plant, args, env):
    (plant.dir / "no-colon").write_text("X-A: 1\n%s\n" % S.file)
    (plant.dir / "nul").write_text("X-A: %s\0\n" % S.file)
    args = [x.replace("{}", str(plant.dir)) for x in args]
    got = run(*plant.watched(), "--offline-timeout", 0.1, *args, "ws://127.0.0.1:%d/" % reserve(), env=env,
              stdin=json.dumps(INITIALIZE) + "\n")
    assert got.returncode in (2, 3, 4) and got.stderr
    for host in HOSTS:
        run("entry", *args, "ws://h/", "--host", host, env=env)


@pytest.mark.parametrize("url", [
    "ws://%s:%s@/" % (S.user, S.password),
    "ws://%s:%s@h:x/" % (S.user, S.password),
    "ws://%s:%s@h/ x" % (S.user, S.password),
    "ws://%s:%s@x@h/" % (S.user, S.password),
    "ws://%s/%s@h/" % (S.user, S.password),
    "ws://%s?%s@h/" % (S.user, S.password),
    "ws://%s#%s@h/" % (S.user, S.password),
    "ws://h%%40%s/?%s" % ("", S.query),
    "ws://h/%%3f%s" % S.query,
    "http://%s:%s@h/?%s" % (S.user, S.password, S.query),
    "ws:/%s:%s@h/" % (S.user, S.password),
    "ws://h/?%s${" % S.query,
    "ws://h/?%s${NOT_SET}" % S.query,
    "ws://h/?${A:-%s" % S.query,
    "ws://${USERINFO}@h:x/",
    "${A:-ws://%s:%s@h:x/}" % (S.user, S.password),
    "ws://h/" + S.query.join("?" * 5000),
], ids=itertools.count())
def test_urls_that_are_wrong(run, plant, files, url):  # noqa: F811
    for command in COMMANDS:
        if command not in ("servers", "repl"):
            extra = ["--host", "zed"] if command == "entry" else OPERANDS[command]
            got = run(command, "--offline-timeout", "0.1", url, *extra, stdin="")
    files.write("own", {"mcpServers": {"it": {"type": "ws", "url": url}, S.line[:0] + "x": {"url": url}}})
    run("-vv", "--offline-timeout", "0.1", "it", stdin=json.dumps(INITIALIZE) + "\n")
    for args in [], ["--json"]:
        got = run("servers", *args)
        assert got.returncode in (0, 3)
    for host in HOSTS:
        run("entry", "it", "--host", host)
    files.remove("own")
    files.put("claude_project", it={"type": "ws", "url": url})
    for host in HOSTS:
        run("entry", "it", "--host", host)


@pytest.mark.parametrize("text", [
    '{"mcpServers": {"it": {"url": "ws://h/?%s}}}' % S.query,
    '{"mcpServers": {"it": {"url": ["ws://h/?%s"]}}}' % S.query,
    '{"mcpServers": {"it": {"url": "http://%s:%s@h/"}}}' % (S.user, S.password),
    '{"mcpServers": {"it": {"type": "ws", "url": "%s"}}}' % S.query,
    '{"mcpServers": {"it": {"type": "ws", "url": "http://h/?%s"}}}' % S.query,
    '{"mcpServers": {"it": {"type": "%s", "url": "ws://h/"}}}' % S.query,
    '{"mcpServers": {"it": {"url": "ws://h/", "headers": "%s"}}}' % S.entry,
    '{"mcpServers": {"it": {"url": "ws://h/", "headers": {"X-A": ["%s"]}}}}' % S.entry,
    '{"mcpServers": {"it": {"url": "ws://h/", "headers": {"X-A": "%s\\n"}}}}' % S.entry,
    '{"mcpServers": {"it": {"url": "ws://h/", "headers": {"Bearer %s": 1}}}}' % S.entry,
    '{"mcpServers": {"it": {"url": "ws://h/", "headers": {"Bearer %s": "x"}}}}' % S.entry,
    '{"mcpServers": {"it": {"url": "ws://h/", "headers": {"X-A": "${NOT_SET}%s"}}}}' % S.entry,
    '{"mcpServers": {"it": {"url": "ws://h/", "headersHelper": ["%s"]}}}' % S.entry,
    '{"mcpServers": {"it": {"url": "ws://h/", "subprotocol": "mcp.auth.%s x"}}}' % S.subprotocol,
    '{"mcpServers": {"it": {"url": "ws://h/", "proxy": ["http://%s@h"]}}}' % S.proxyuser,
    '{"mcpServers": {"it": {"url": "ws://h/", "proxy": "${NOT_SET}%s@h"}}}' % S.proxyuser,
    '{"mcpServers": {"it": {"url": "ws://h/", "timeout": "%s"}}}' % S.entry,
    '{"mcpServers": {"it": "%s"}}' % S.entry,
    '{"mcpServers": "%s"}' % S.entry,
    '"%s"' % S.entry,
    S.entry,
    '{"token": "%s\n"}' % S.entry,
    '{"token": %s}' % S.entry,
    '{"projects": "%s", "mcpServers": {}}' % S.entry,
], ids=itertools.count())
def test_broken_files(run, files, text):  # noqa: F811
    for place in "own", "claude", "settings", "repository":
        files.write(place, text)
        run("-vv", "--offline-timeout", "0.1", "it", stdin=json.dumps(INITIALIZE) + "\n")
        run("servers")
        run("servers", "--json")
        run("entry", "it", "--host", "vscode")
        run("-vv", "--config", files.path(place), "nothing")
        files.path(place).unlink()


@pytest.mark.parametrize("args", [
    ["--header:X-A: " + S.line],
    ["--Header=X-A:" + S.line],
    ["--token=" + S.line],
    ["-Z" + S.line],
    ["-header", "X-A: " + S.line],
    ["--linger", S.line],
    ["--resend", S.line],
    ["--max-message", S.line],
    ["--quiet=" + S.line],
    ["ws://u:%s@h/" % S.password, "ws://h/?" + S.query],
    ["--host", S.line, "ws://u:%s@h/" % S.password],
    ["ws://h/?%s" % S.query, "-H"],
    ["--log-file", "/no/such/dir/x", "ws://u:%s@h/" % S.password],
    ["--trace", "/no/such/dir/x", "ws://u:%s@127.0.0.1:9/" % S.password],
], ids=itertools.count())
def test_wrong_options(run, args):
    for command in COMMANDS:
        assert run(command, *args).returncode in (2, 3, 4)


@pytest.mark.parametrize("host", HOSTS)
def test_entries(run, plant, peer, how, host):
    p = peer()
    proxy = plant.proxy("http://127.0.0.1:1")
    if how == "options":
        args = ["-x", proxy, *plant.headers(), plant.url(p.url())]
        if host == "cursor":
            at = args.index("--header-command")
            del args[at:at + 2]
        got = run("entry", *args, "--host", host)
        assert got.returncode == 0, got.stderr
        return
    for place in ["own", "claude_project", "claude", "repository"]:
        plant.configure(p.url(), place, proxy="http://127.0.0.1:1")
        extra = ["--trust-project", "."] if place == "repository" else []
        got = run("entry", "-v", *extra, "it", "--host", host)
        assert got.returncode == (3 if host == "cursor" and place in ("claude_project", "repository") else 0)
        plant.files.remove(place)


@pytest.mark.parametrize("place", ["own", "claude_project", "settings", "repository"])
def test_lists(run, plant, peer, place):
    plant.configure(peer().url(), place, proxy="http://127.0.0.1:1")
    for args in [], ["--json"], ["-vv"], ["it"], ["--trust-project", "."]:
        got = run("servers", *args)
        assert got.returncode == 0 and "it" in got.stdout


# --- every command -------------------------------------------------------------------------------

COMMANDS = re.findall(r"^  (\w+) ", subprocess.run(
    [BINARY, "--help"], capture_output=True, text=True, check=True).stdout.split("Options:")[0], re.M)
OPERANDS = {"bridge": [], "tools": [], "call": ["echo", "text=x"], "request": ["echo"], "check": []}


def test_every_command_is_looked_at():
    assert not set(COMMANDS) - set(OPERANDS) - {"servers", "entry", "repl"}


@pytest.mark.parametrize("command", [c for c in COMMANDS if c in OPERANDS])
@pytest.mark.parametrize("case", ["echo", "401", "302", "refused"])
def test_commands(run, plant, peer, echo, how, command, case):
    if case == "echo":
        base = echo().url()
    elif case == "refused":
        base = "ws://127.0.0.1:%d/mcp" % reserve()
    else:
        p = peer()
        base = p.url()

        def refuse():
            for _ in range(2 if case == "401" else 1):  # the header command runs once more
                conn = p.accept()
                check_request(conn.read_request(), how)
                ANSWERS["401" if case == "401" else "redirect"](conn)

        p.run(refuse)
    got = run(command, *plant.watched(), "--offline-timeout", 0.2, *plant.target(how, base), *OPERANDS[command],
              stdin=json.dumps(INITIALIZE) + "\n")
    assert got.returncode in ((0, 1, 4) if case == "echo" else (4,)), got.stderr
