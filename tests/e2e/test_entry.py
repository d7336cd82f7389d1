"""What `wsmcp entry` prints: pasted into a host it must do what the command line did, without its secrets."""

import json
import os
import re
import shlex
import shutil
import subprocess

import pytest

from bridge import BINARY, RUNNER, clean_environment
from peer import DEADLINE, RESOLVED
from test_config import entry, files, project  # noqa: F401 - fixtures

HOSTS = ["claude-code", "claude-desktop", "cursor", "vscode", "zed"]
KEYS = {"claude-desktop": "mcpServers", "cursor": "mcpServers", "vscode": "servers", "zed": "context_servers"}
LIMITED = HOSTS[:4]  # they end a connection at a line of 10 MB
SECRET = "hunter2"


class Entry:
    """An entry as its host reads it."""

    def __init__(self, host, got):
        self.host, self.text, self.said, self.inputs = host, got.stdout, got.stderr, []
        if host == "claude-code":
            self._read_command()
        else:
            self._read_json()

    def _read_command(self):
        assert self.text.count("\n") == 1
        words = shlex.split(self.text)
        assert words[:3] == ["claude", "mcp", "add"]
        split = words.index("--")
        before, (self.command, *self.args) = words[3:split], words[split + 1:]
        self.name, before = before[0], before[1:]
        # Its "-e" takes every word that does not begin with a dash.
        assert before[::2] == ["-e"] * len(before[::2]) and not before[-1:] == ["-e"]
        assert not any(x.startswith("-") for x in [self.name, *before[1::2]])
        self.env = dict(x.split("=", 1) for x in before[1::2])

    def _read_json(self):
        root = json.loads(self.text)
        servers = root.pop(KEYS[self.host])
        self.inputs = root.pop("inputs", [])
        assert not root and len(servers) == 1
        (self.name, server), = servers.items()
        assert server.pop("type", None) == ("stdio" if self.host in ("cursor", "vscode") else None)
        self.command, self.args = server.pop("command"), server.pop("args")
        self.env = server.pop("env", {})
        assert not server
        assert all(isinstance(x, str) for x in [*self.args, *self.env.values()])
        assert {x["id"] for x in self.inputs} == set(re.findall(r"\$\{input:([^}]*)\}", self.text))
        assert all(x["type"] == "promptString" and x["password"] is True and x["description"]
                   and re.fullmatch(r"[\w-]+", x["id"]) for x in self.inputs)

    def placeholders(self):
        pattern = r"\$\{input:[^}]*\}" if self.host == "vscode" else "<[^>]*>"
        return re.findall(pattern, "\n".join([*self.args, *self.env.values()]))

    def filled(self, **values):
        """(args, env) once the host has done its part, with each placeholder that a key is in replaced."""
        def fill(text):
            for found in self.placeholders():
                for key, value in values.items():
                    if key in re.sub("[ -]", "_", found.lower()):
                        text = text.replace(found, value)
            return text

        args = [fill(x) for x in self.args]
        if self.host == "claude-code":  # which replaces variables from its own environment
            args = [re.sub(r"\$\{([^}:]+)(?::-([^}]*))?\}", lambda m: m[0] if m[2] is None else m[2], x)
                    for x in args]
        if self.host == "cursor":
            args = [y for x in args for y in x.split(" ")]
        return args, {k: fill(v) for k, v in self.env.items()}


@pytest.fixture
def run(home, project):  # noqa: F811
    def run(*args, env=None, cwd=None, binary=None):
        return subprocess.run([*RUNNER, binary or BINARY, *map(str, args)], stdin=subprocess.DEVNULL,
                              capture_output=True, env=clean_environment(home, env),
                              timeout=DEADLINE, text=True, cwd=str(cwd or project))

    return run


@pytest.fixture
def make(run):
    """Prints an entry and reads it as its host does."""

    def make(host, *args, **options):
        got = run("entry", "--host", host, *args, **options)
        assert got.returncode == 0, got.stderr
        assert SECRET not in got.stdout + got.stderr
        return Entry(host, got)

    return make


@pytest.fixture
def host_starts(bridge, home, tmp_path):
    """Starts what an entry says, as a host does: in a directory of its own, with hardly any environment."""

    def start(made, **values):
        args, env = made.filled(**values)
        assert made.command == os.path.realpath(BINARY)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        return bridge(*args, env=env, cwd=str(elsewhere), reconnect=True)

    return start


@pytest.mark.parametrize("host", HOSTS)
def test_plain_url(make, host_starts, peer, host):
    p = peer()
    made = make(host, p.url("/a/b"))
    assert made.args == [*(["--max-reply", "9M"] if host in LIMITED else []), p.url("/a/b")]
    assert made.env == {} and made.inputs == [] and made.name == "ws-127-0-0-1"
    host_starts(made)
    assert p.accept().read_request().target == "/a/b"


@pytest.mark.parametrize("host", HOSTS)
def test_everything_is_carried_over(make, host_starts, peer, host, project, tmp_path, authority):  # noqa: F811
    """The same handshake comes of the entry as of the command line."""
    p = peer(tls=authority.context(client_ca=authority.ca))
    for name, path in ("ca.pem", authority.ca), ("c.pem", authority.client[0]), ("c.key", authority.client[1]):
        shutil.copy(path, project / name)
    (project / "headers").write_text("X-File: in a file\nX-Over: file\n")
    url = "wss://us:%s@%s:%d/a/${ROOM}?t=%s" % (SECRET, RESOLVED, p.port, SECRET)
    made = make(
        host, "--cacert", "ca.pem", "--cert=./c.pem", "--key", project / "c.key", "-H", "X-Over: " + SECRET,
        "-H", "@headers", "-H", "Authorization: Bearer " + SECRET, "-H", "x-api-key:%s two" % SECRET,
        "-H", "X-Empty:", "--header-env", "X-Env=MY_ENV", "--subprotocol", "one, mcp.auth.%s" % SECRET,
        "--resolve", "%s:%d:127.0.0.1" % (RESOLVED, p.port), "--ping-interval=7", "--resend", "none", url)
    host_starts(made, bearer="tok", value_of_x_api_key="key two", value_of_x_env="env", room="here",
                proxy="no", subprotocol="sub", user="me:word", query="q=1")
    got = p.accept().read_request()
    assert got.target == "/a/here?q=1"
    assert {n: got.get(n) for n in ("Authorization", "X-Api-Key", "X-Empty", "X-Env", "X-File", "X-Over",
                                    "Sec-WebSocket-Protocol")} == {
        "Authorization": "Bearer tok", "X-Api-Key": "key two", "X-Empty": "", "X-Env": "env",
        "X-File": "in a file", "X-Over": "file", "Sec-WebSocket-Protocol": "one,mcp.auth.sub"}
    assert made.args[made.args.index("--ping-interval") + 1] == "7"
    assert made.args[made.args.index("--resend") + 1] == "none"
    assert made.args[made.args.index("--cert") + 1] == str(project / "c.pem")
    assert not re.search("in place of", made.said) or host != "vscode"


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("userinfo, query, shown", [
    ("us:%s@" % SECRET, "", "{u}@{h}/x"),
    ("", "?" + SECRET, "{h}/x?{q}"),
    ("", "?a=b&c=%s" % SECRET, "{h}/x?{q}"),
    ("us@", "?c=%s" % SECRET, "{u}@{h}/x?{q}"),
    ("", "?a=${A}&b.c=${B:-%s}" % SECRET, "{h}/x?a={A}&b.c={B}"),
    ("", "?a=${A}&b=%s" % SECRET, "{h}/x?{q}"),
    ("", "?%s=${A}${B}" % SECRET, "{h}/x?{q}"),
    ("${U}:${P}@", "#" + SECRET, "{u}@{h}/x"),
])
def test_url_with_secrets(make, host, userinfo, query, shown):
    made = make(host, "wss://%sh.example:1/x%s" % (userinfo, query))

    def mark(what):
        return "${input:h-example-%s}" % re.sub(r"\W", "-", what) if host == "vscode" else "<%s>" % what

    assert made.env == {"WSMCP_URL": "wss://" + shown.format(
        h="h.example:1", u=mark("USER:PASSWORD"), q=mark("the query"), A=mark("A"), B=mark("B"))}
    assert made.args[-1] == ("${WSMCP_DOLLAR:-$}{WSMCP_URL}" if host == "claude-code" else "${WSMCP_URL}")
    assert made.name == "h-example"


@pytest.mark.parametrize("url, env", [
    ("${MY_URL}", {"MY_URL": "<the URL>"}),
    ("${BASE}/x", {"WSMCP_URL": "<the URL>"}),
    ("${BASE}://h/x", {"WSMCP_URL": "<BASE>://h/x"}),
    ("wss://${H}/x", {"WSMCP_URL": "wss://<H>/x"}),
    ("wss://h:${P:-1}/${A}?x=${B}", {"WSMCP_URL": "wss://h:<P>/<A>?x=<B>"}),
    ("wss://b\u00fccher.example/?x", {"WSMCP_URL": "<the URL>"}),
    ("wss://to/ken%40h/", {"WSMCP_URL": "<the URL>"}),
])
def test_url_with_variables(make, url, env):
    made = make("zed", url)
    assert made.env == env and made.args == ["${%s}" % list(env)[0]]


def test_international_url(make):
    made = make("zed", "wss://b\u00fccher.example/\u00e9")
    assert made.args == ["wss://b\u00fccher.example/\u00e9"] and made.name == "b-cher-example"


def test_variable_that_names_a_server(make, files):  # noqa: F811
    files.write("own", {"mcpServers": {"it": {"url": "ws://h"}}})
    assert make("zed", "${NAME}", env={"NAME": "it"}).args == ["bridge", "it"]


@pytest.mark.parametrize("line, args, env", [
    ("Authorization: Bearer hunter2", ["--bearer-env", "WSMCP_TOKEN"], {"WSMCP_TOKEN": "<the bearer token>"}),
    ("authorization:bearer hunter2", ["--bearer-env", "WSMCP_TOKEN"], {"WSMCP_TOKEN": "<the bearer token>"}),
    ("Authorization: Bearer ${MY_T}", ["--bearer-env", "MY_T"], {"MY_T": "<the bearer token>"}),
    ("Authorization: ${MY_T}", ["--header-env", "Authorization=MY_T"], {"MY_T": "<the value of Authorization>"}),
    ("Authorization: Basic ${MY_T}", ["--header-env", "Authorization=WSMCP_AUTHORIZATION"],
     {"WSMCP_AUTHORIZATION": "<the value of Authorization>"}),
    ("Authorization: Bearer ${MY_T:-hunter2}", ["--bearer-env", "WSMCP_TOKEN"], {"WSMCP_TOKEN": "<the bearer token>"}),
    ("X-A: hunter2", ["--header-env", "X-A=WSMCP_X_A"], {"WSMCP_X_A": "<the value of X-A>"}),
    ("X-A: ${MY_A}", ["--header-env", "X-A=MY_A"], {"MY_A": "<the value of X-A>"}),
    ("X-A: ${MY_A}${MY_B}", ["--header-env", "X-A=WSMCP_X_A"], {"WSMCP_X_A": "<the value of X-A>"}),
    ("Path: hunter2", ["--header-env", "Path=WSMCP_PATH"], {"WSMCP_PATH": "<the value of Path>"}),
    ("X-A:", ["--header", "X-A:"], {}),
])
def test_headers(make, line, args, env):
    made = make("zed", "-H", line, "ws://h/")
    assert made.args == [*args, "ws://h/"] and made.env == env


def test_headers_whose_variables_would_be_one(make):
    made = make("zed", "-H", "X-A: hunter2", "-H", "X_A: hunter2", "-H", "x-a: hunter2", "ws://h/")
    assert made.args[:-1] == ["--header-env", "x-a=WSMCP_X_A", "--header-env", "X_A=WSMCP_X_A_2"]
    assert list(made.env) == ["WSMCP_X_A", "WSMCP_X_A_2"]


def test_variables_over_headers(make):
    made = make("zed", "-H", "Authorization: hunter2", "-H", "X-A: hunter2", "--bearer-env", "B",
                "--header-env", "x-a=A", "ws://h/")
    assert made.args[:-1] == ["--bearer-env", "B", "--header-env", "x-a=A"]
    assert made.env == {"B": "<the bearer token>", "A": "<the value of x-a>"}


def test_inputs_of_vscode(make):
    made = make("vscode", "-H", "Authorization: Bearer hunter2", "-x", "http://u:hunter2@127.0.0.1:9",
                "--subprotocol", "mcp.auth.hunter2", "wss://u:hunter2@example.com/?hunter2")
    assert made.env["WSMCP_TOKEN"] == "${input:example-com-the-bearer-token}"
    assert len({x["id"] for x in made.inputs}) == len(made.inputs) == 5
    assert all(x["description"].startswith("example-com: ") for x in made.inputs)


@pytest.mark.parametrize("given, carried", [
    ("http://u:hunter2@p:1", "http://<PROXY-USER:PASSWORD>@p:1"),
    ("u:hunter2@p:1", "<PROXY-USER:PASSWORD>@p:1"),
    ("socks5h://u@p", "socks5h://<PROXY-USER:PASSWORD>@p"),
    ("http://u:hunter2@x@p", "http://<PROXY-USER:PASSWORD>@p"),
    ("http://u:hunter2://@p", "http://<PROXY-USER:PASSWORD>@p"),
    ("u:hunter2://@p", "<PROXY-USER:PASSWORD>@p"),
    ("p:3128", "p:3128"),
    ("http://p:1/?q=hunter2", "http://p:1/"),
    ("http://u:hunter2@p/?q=hunter2#x", "http://<PROXY-USER:PASSWORD>@p/"),
])
@pytest.mark.parametrize("host", ["claude-desktop", "cursor"])
def test_proxy(make, host, given, carried):
    made = make(host, "-x", given, "ws://h/")
    assert made.args[made.args.index("--proxy") + 1] == carried
    assert ("can read" in made.said) == ("<" in carried)


def test_size_limit(make):
    def limit(*args, host="cursor"):
        made = make(host, *args, "ws://h/").args
        return [made[i + 1] for i, x in enumerate(made) if x == "--max-reply"]

    assert limit() == ["9M"] and limit(host="zed") == []
    assert limit("--max-reply", "64M") == ["64M"] and limit("--max-reply=1K") == ["1K"]
    assert limit("--max-message", "1M") == [] and limit("--max-message", "1G") == ["9M"]


def test_nothing_of_its_own_is_carried_over(make):
    made = make("zed", "-v", "-v", "--trust-project", "/x", "--no-subprotocol", "--log-file", "log", "--trace=t-%p",
                "ws://h/")
    directory = os.path.dirname(made.args[made.args.index("--log-file") + 1])
    assert made.args == ["--verbose", "--verbose", "--no-subprotocol", "--log-file", directory + "/log", "--trace",
                         directory + "/t-%p", "ws://h/"]
    assert directory.startswith("/")


# --- servers by name ------------------------------------------------------------------------------


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("place", ["own", "claude", "settings", "settings_local"])
def test_name_that_stays_one(files, make, host_starts, peer, host, place):  # noqa: F811
    p = peer()
    files.put(place, my__it=entry(p, headers={"Authorization": SECRET}, headersHelper="echo '{\"X-A\": \"b\"}'"))
    made = make(host, "it", "-H", "X-B: hunter2")
    limit = ["--max-reply", "9M"] if host in LIMITED else []
    assert made.args == [*limit, "--header-env", "X-B=WSMCP_X_B", "my-it"]
    assert made.name == "my-it"
    host_starts(made, value_of_x_b="b")
    got = p.accept().read_request()
    assert (got.get("Authorization"), got.get("X-A"), got.get("X-B")) == (SECRET, "b", "b")


def test_name_of_a_command(files, make, host_starts, peer):  # noqa: F811
    p = peer()
    files.put("own", servers=entry(p))
    made = make("zed", "servers")
    assert made.args == ["bridge", "servers"]
    host_starts(made)
    p.accept().read_request()


def test_name_that_looks_like_an_option(files, make, host_starts, peer):  # noqa: F811
    p = peer()
    files.write("own", {"mcpServers": {"-v": entry(p)}})
    made = make("zed", "--", "-v")
    assert made.args == ["bridge", "--", "-v"] and made.name == "ws-v"
    host_starts(made)
    p.accept().read_request()


@pytest.mark.parametrize("variable, place, path", [
    ("XDG_CONFIG_HOME", "own", "wsmcp/servers.json"),
    ("CLAUDE_CONFIG_DIR", "claude", ".claude.json"),
    ("CLAUDE_CONFIG_DIR", "settings", "settings.json"),
])
def test_moved_directories(files, make, host_starts, peer, home, variable, place, path):  # noqa: F811
    """Hosts do not hand these variables on."""
    p = peer()
    moved = home / "moved" / path
    moved.parent.mkdir(parents=True)
    moved.write_text(json.dumps({"mcpServers": {"it": entry(p)}}))
    made = make("zed", "it", env={variable: str(home / "moved")})
    assert made.args == ["--config", str(moved), "it"]
    host_starts(made)
    p.accept().read_request()


@pytest.mark.parametrize("host", HOSTS)
def test_given_file(make, host_starts, peer, project, host):  # noqa: F811
    p = peer()
    (project / "servers.json").write_text(json.dumps({"mcpServers": {"it": entry(p)}}))
    made = make(host, "--config", "servers.json", "it")
    assert made.args[-3:] == ["--config", str(project / "servers.json"), "it"]
    host_starts(made)
    p.accept().read_request()


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("place", ["claude_project", "directory", "repository"])
def test_server_of_a_directory_is_spelled_out(
        files, make, host_starts, peer, authority, host, place, project):  # noqa: F811
    p = peer(tls=authority.context(client_ca=authority.ca))
    cert, key = authority.client
    shutil.copy(authority.ca, project / "ca.pem")
    files.put(place, my__it=entry(
        p, "/x?t=${T}", headers={"Authorization": "Bearer ${T}", "X-A": SECRET, "X-B": "entry"},
        headersHelper="printf '{\"X-C\":\"c\"}'", subprotocol="one,two", cacert="${CA}", cert=cert, key=key,
        timeout=5500))
    if host == "cursor":
        helper = project / "helper"
        helper.write_text("#!/bin/sh\nprintf '{\"X-C\":\"c\"}'\n")
        helper.chmod(0o755)
    extra = ["--header-command", project / "helper"] if host == "cursor" else []
    made = make(host, "--trust-project", ".", *extra, "-H", "X-B: " + SECRET, "my-it", env={"CA": "ca.pem"})
    assert made.name == ("my-it-wsmcp" if (host, place) == ("claude-code", "claude_project") else "my-it")
    assert made.args[made.args.index("--request-timeout") + 1] == "5.5"
    assert made.args[made.args.index("--cacert") + 1] == str(project / "ca.pem")
    host_starts(made, bearer="tok", value_of_x_a="a", value_of_x_b="b", **{"<t>": "t", "_t}": "t"})
    got = p.accept().read_request()
    assert got.target == "/x?t=t"
    assert {n: got.get(n) for n in ("Authorization", "X-A", "X-B", "X-C", "Sec-WebSocket-Protocol")} == {
        "Authorization": "Bearer tok", "X-A": "a", "X-B": "b", "X-C": "c", "Sec-WebSocket-Protocol": "one,two"}


def test_options_over_what_is_spelled_out(files, make, peer):  # noqa: F811
    p = peer()
    files.put("claude_project", it=entry(p, cacert="/1", cert="/1", key="/1", proxy="http://u:hunter2@1",
                                         subprotocol="1", headersHelper="1", timeout=1000))
    given = ["--cacert", "/2", "--cert", "/2", "--key", "/2", "--proxy", "2", "--subprotocol", "2",
             "--header-command", "2", "--request-timeout", "0"]
    assert make("zed", *given, "it").args == [*given, p.url()]
    assert make("zed", "it").args == [
        "--cacert", "/1", "--cert", "/1", "--key", "/1", "--proxy", "http://<PROXY-USER:PASSWORD>@1",
        "--subprotocol", "1", "--header-command", "1", "--request-timeout", "1", p.url()]


@pytest.mark.parametrize("fields", [{"headersHelper": "x"}, {"headers": {"X-A": "${S}"}}, {"proxy": "${S}"}])
@pytest.mark.parametrize("place", ["directory", "repository"])
def test_foreign_server_is_refused_as_by_the_bridge(files, run, peer, place, fields):  # noqa: F811
    files.put(place, it=entry(peer(), **fields))
    got = run("entry", "it", "--host", "zed", env={"S": SECRET})
    assert got.returncode == 3 and got.stdout == ""
    assert "--trust-project" in got.stderr and SECRET not in got.stderr


def test_harmless_foreign_server(files, make, host_starts, peer):  # noqa: F811
    p = peer()
    files.put("repository", it=entry(p, headers={"X-A": SECRET}))
    made = make("zed", "it")
    assert made.args == ["--header-env", "X-A=WSMCP_X_A", p.url()]


# --- what cannot be ------------------------------------------------------------------------------


@pytest.mark.parametrize("args, word", [
    (["--header-command", "a b", "ws://h/"], "--header-command"),
    (["--cacert", "a b.pem", "ws://h/"], "--cacert"),
    (["-H", "@headers file", "ws://h/"], "--header"),
    (["-x", "http://p/ x", "ws://h/"], "--proxy"),
])
def test_spaces_and_cursor(run, project, args, word):  # noqa: F811
    (project / "headers file").write_text("X-A: b\n")
    got = run("entry", *args, "--host", "cursor")
    assert got.returncode == 3 and got.stdout == "" and len(got.stderr.splitlines()) == 1
    assert word in got.stderr and "servers.json" in got.stderr and "name" in got.stderr
    assert run("entry", *args, "--host", "claude-desktop").returncode == 0


def test_name_with_a_space_and_cursor(files, run):  # noqa: F811
    path = files.write("own", {"mcpServers": {"my it": {"url": "ws://h/"}}})
    got = run("entry", "my it", "--host", "cursor")
    assert got.returncode == 3 and got.stdout == "" and str(path) in got.stderr
    got = run("entry", "my it", "--host", "claude-code")
    assert got.returncode == 0 and got.stdout.endswith("'my it'\n") and "add my-it " in got.stdout


@pytest.mark.parametrize("args", [
    ["ws://h/"], ["ws://h/", "--host", "emacs"], ["ws://h/", "--host", ""], ["ws://h/", "--host", "Cursor"]])
def test_unknown_host(run, args):
    got = run("entry", *args)
    assert got.returncode == 2 and got.stdout == ""
    assert all(host in got.stderr for host in HOSTS)


@pytest.mark.parametrize("args, status, word", [
    ([], 2, "TARGET"),
    (["ws://h/", "ws://i/"], 2, "operands"),
    (["ws:///"], 2, "host"),
    (["http://h/"], 2, "ws"),
    (["no-such"], 3, "no-such"),
    (["--no-such", "ws://h/"], 2, "no-such"),
    (["-H", "Upgrade: x", "ws://h/"], 3, "Upgrade"),
    (["-H", "hunter2", "ws://h/"], 3, "header"),
    (["-H", "@/no/such", "ws://h/"], 3, "/no/such"),
    (["--header-env", "X-A", "ws://h/"], 3, "--header-env"),
    (["--cacert", "a\x1bb", "ws://h/"], 3, "--cacert"),
    (["ws://h/\u202e"], 3, "URL"),
])
def test_what_cannot_be_an_entry(run, args, status, word):
    got = run("entry", *args, "--host", "zed")
    assert got.returncode == status and got.stdout == ""
    assert len(got.stderr.splitlines()) == 1 and word in got.stderr and SECRET not in got.stderr


@pytest.mark.parametrize("fields, word", [
    ({"url": "ws://h:x/"}, "url"),
    ({"url": "ws://h/${A"}, "url"),
    ({"url": "ws://h/", "cacert": "${NOT_SET}"}, "NOT_SET"),
    ({"url": "ws://h/", "proxy": "${NOT_SET}"}, "NOT_SET"),
    ({"url": "ws://h/", "headers": {"Upgrade": SECRET}}, "Upgrade"),
])
def test_configured_server_that_cannot_be_an_entry(files, run, fields, word):  # noqa: F811
    path = files.put("claude_project", it=fields)
    got = run("entry", "it", "--host", "zed")
    assert got.returncode == 3 and got.stdout == "" and SECRET not in got.stderr
    assert str(path) in got.stderr and word in got.stderr and ", line " in got.stderr


@pytest.mark.parametrize("command, options", [
    ("servers", ["--json", "--config", "--trust-project"]),
    ("entry", ["--host", "--header", "--bearer-env", "--config"])])
def test_help_of_commands(run, command, options):
    got = run(command, "--help")
    assert got.returncode == 0 and got.stderr == "" and got.stdout.startswith("Usage: wsmcp %s " % command)
    assert all(re.search(r"^ .*%s\b" % option, got.stdout, re.M) for option in options)
    assert re.search(r"^  %s " % command, run("--help").stdout, re.M)
    got = run(command, "--hots")
    assert got.returncode == 2 and "see wsmcp %s --help" % command in got.stderr


# --- the program itself --------------------------------------------------------------------------


def command(got):
    return json.loads(got.stdout)["context_servers"]["h"]["command"]


@pytest.mark.bare
def test_path_of_the_program(run, home, tmp_path):
    binary = os.path.realpath(BINARY)
    link = tmp_path / "bin" / "w s"
    link.parent.mkdir()
    link.symlink_to(binary)
    args = ["entry", "ws://h/", "--host", "zed"]
    assert command(run(*args)) == binary
    assert command(run(*args, binary=os.path.relpath(binary, tmp_path), cwd=tmp_path)) == binary
    assert command(run(*args, binary=link)) == binary
    assert run(*args[:3], "claude-code", binary=link).stdout == "claude mcp add h -- %s --max-reply 9M ws://h/\n" % (
        shlex.quote(binary))


@pytest.mark.bare
def test_program_that_was_replaced(home, tmp_path):
    """A package is upgraded while it runs: its old file has no name any more, the new one has."""
    new = tmp_path / "bin" / "wsmcp"
    new.parent.mkdir()
    old = tmp_path / "wsmcp"
    for copy in new, old:
        shutil.copy(BINARY, copy)
    fd = os.open(old, os.O_RDONLY)
    old.unlink()
    got = subprocess.run(["wsmcp", "entry", "ws://h/", "--host", "zed"], executable="/proc/self/fd/%d" % fd,
                         pass_fds=[fd], capture_output=True, text=True, timeout=DEADLINE,
                         env=clean_environment(home, {"PATH": "/nowhere:%s:/bin" % new.parent}))
    os.close(fd)
    assert got.returncode == 0, got.stderr
    assert command(got) == str(new)
