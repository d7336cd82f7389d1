"""Servers by name: the places they are looked for in, what an entry says, and whom it may ask for what."""

import fcntl
import json
import os
import re
import struct
import subprocess
import termios
import time

import pytest

from bridge import BINARY, INITIALIZE, RUNNER, clean_environment, request
from peer import DEADLINE, RESOLVED, VARIANT, ConnectProxy

PLACES = ["given", "own", "claude_project", "claude", "settings", "settings_local", "directory",
          "directory_local", "repository"]
USERS = PLACES[:6]
FOREIGN = PLACES[6:]


class Files:
    """The configuration files of a user and of a project, by the names in PLACES."""

    def __init__(self, home, project):
        self.home, self.project = home, project
        self.claude_json = {}

    def path(self, place):
        return {
            "given": self.home / "given.json",
            "own": self.home / ".config/wsmcp/servers.json",
            "claude_project": self.home / ".claude.json",
            "claude": self.home / ".claude.json",
            "settings": self.home / ".claude/settings.json",
            "settings_local": self.home / ".claude/settings.local.json",
            "directory": self.project / ".claude/settings.json",
            "directory_local": self.project / ".claude/settings.local.json",
            "repository": self.project / ".mcp.json",
        }[place]

    def write(self, place, text):
        """Text, or what becomes JSON."""
        path = self.path(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(text, (str, bytes)):
            text = json.dumps(text, ensure_ascii=False, indent=1)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def put(self, place, directory=None, **servers):
        servers = {name.replace("__", "-"): entry for name, entry in servers.items()}
        if place == "claude_project":
            projects = self.claude_json.setdefault("projects", {})
            projects.setdefault(str(directory or self.project), {})["mcpServers"] = servers
        elif place == "claude":
            self.claude_json["mcpServers"] = servers
        if place.startswith("claude"):
            return self.write(place, self.claude_json)
        return self.write(place, {"mcpServers": servers})

    def remove(self, place):
        if place == "claude_project":
            del self.claude_json["projects"]
        elif place == "claude":
            del self.claude_json["mcpServers"]
        else:
            self.path(place).unlink()
            return
        self.write(place, self.claude_json)

    def options(self, place):
        return ("--config", self.path("given")) if place == "given" else ()


@pytest.fixture
def project(tmp_path):
    path = tmp_path / "work" / "project"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def files(home, project):
    return Files(home, project)


@pytest.fixture
def start(bridge, project):
    """Starts a bridge in the project's directory."""

    def start(*args, **options):
        options.setdefault("cwd", str(project))
        return bridge(*args, **options)

    return start


@pytest.fixture
def run(home, project):
    """Runs the program to its end."""

    def run(*args, env=None, cwd=None):
        return subprocess.run(
            [*RUNNER, BINARY, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True,
            env=clean_environment(home, env), timeout=DEADLINE, text=True, cwd=str(cwd or project))

    return run


@pytest.fixture
def refused(start, peer):
    """Starts a bridge that ends with exit status 3 and one sentence; returns the sentence."""

    def refused(p, *args, **options):
        b = start(*args, **options)
        b.finish(3)
        assert p is None or p.nobody_came()
        lines = b.error_lines()
        assert len(lines) == 1 and lines[0].startswith("wsmcp: error: "), lines
        return lines[0]

    return refused


def entry(p, path="/mcp", **fields):
    return {"type": "ws", "url": p.url(path), **fields}


# --- where servers are looked for -----------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES)
def test_place(files, start, peer, place):
    p = peer()
    files.put(place, it=entry(p, "/there", headers={"X-A": "b"}))
    start(*files.options(place), "it")
    got = p.accept().read_request()
    assert (got.target, got.get("X-A")) == ("/there", "b")


def test_the_first_place_wins_whole(files, start, peer):
    p = peer()
    for place in PLACES:
        files.put(place, it=entry(p, "/" + place, headers={"X-" + place.replace("_", "-"): "1"}))
    for place in PLACES:
        b = start(*files.options(place), "it")
        got = p.accept().read_request()
        b.signal(15)
        assert got.target == "/" + place
        assert [n for n, _ in got.headers if n.startswith("X-")] == ["X-" + place.replace("_", "-")]
        b.wait()
        files.remove(place)


def test_nothing_but_a_given_file_is_read(files, refused, peer):
    p = peer()
    files.put("own", it=entry(p))
    files.put("given", other=entry(p))
    said = refused(p, "--config", files.path("given"), "it")
    assert '"it"' in said and '"other"' in said


def test_given_file_is_relative_to_the_directory(files, start, peer, project):
    p = peer()
    (project / "here.json").write_text(json.dumps({"mcpServers": {"it": entry(p)}}))
    start("--config", "here.json", "it")
    p.accept().read_request()


def test_given_file_is_not_there(refused):
    assert "/no/such.json" in refused(None, "--config", "/no/such.json", "it")


@pytest.mark.parametrize("variable, path", [
    ("XDG_CONFIG_HOME", "wsmcp/servers.json"),
    ("CLAUDE_CONFIG_DIR", ".claude.json"),
    ("CLAUDE_CONFIG_DIR", "settings.json"),
    ("CLAUDE_CONFIG_DIR", "settings.local.json"),
])
def test_moved_directory(files, start, peer, tmp_path, variable, path):
    p = peer()
    for place in USERS[1:]:
        files.put(place, it=entry(p, "/not-here"))
    if variable == "CLAUDE_CONFIG_DIR":
        files.remove("own")
    moved = tmp_path / "moved"
    (moved / path).parent.mkdir(parents=True)
    (moved / path).write_text(json.dumps({"mcpServers": {"it": entry(p, "/moved")}}))
    start("it", env={variable: str(moved)})
    assert p.accept().read_request().target == "/moved"


def test_relative_xdg_directory_does_not_count(files, start, peer):
    p = peer()
    files.put("own", it=entry(p))
    start("it", env={"XDG_CONFIG_HOME": "config"})
    p.accept().read_request()


def test_project_of_the_nearest_parent(files, start, peer, project):
    p = peer()
    for directory in ("/", project.parent, project, project.parent / "proj"):
        files.put("claude_project", directory=directory, it=entry(p, "/%s" % directory.name
                                                                  if directory != "/" else "/root"))
    below = project / "a" / "b"
    below.mkdir(parents=True)
    start("it", cwd=str(below))
    assert p.accept().read_request().target == "/project"


def test_repository_of_the_nearest_parent(files, start, peer, project):
    p = peer()
    below = project / "a" / "b"
    below.mkdir(parents=True)
    files.put("repository", it=entry(p, "/project"))
    (project.parent / ".mcp.json").write_text(json.dumps({"mcpServers": {"it": entry(p, "/above")}}))
    start("it", cwd=str(below))
    assert p.accept().read_request().target == "/project"


def test_settings_of_the_home_directory_are_the_users(files, start, peer, home):
    """Places 5 and 6 are one there: a header is sent."""
    p = peer()
    files.put("settings", it=entry(p))
    start("it", "-H", "X-A: b", cwd=str(home))
    assert p.accept().read_request().get("X-A") == "b"


def test_without_a_home_the_password_file_tells(files, start, peer):
    """Hosts start programs with hardly any environment."""
    p = peer()
    files.put("repository", it=entry(p))
    start("it", env={"HOME": ""})
    p.accept().read_request()


def test_missing_files_are_no_trouble(refused):
    said = refused(None, "it")
    assert '"it"' in said and "no WebSocket server" in said


@pytest.mark.parametrize("text", ["", " \n\t\n", "\ufeff", "{}", '{"mcpServers": {}}'])
def test_empty_files_are_no_trouble(files, start, peer, text):
    p = peer()
    for place in PLACES[1:]:
        files.write(place, text)
    files.put("repository", it=entry(p))
    start("it")
    p.accept().read_request()


@pytest.mark.parametrize("name, key", [("ws_url", "ws_url"), ("url", "url"), ("no type", "url")])
def test_url_keys(files, start, peer, name, key):
    p = peer()
    fields = {key: p.url("/x")} if name == "no type" else {"type": "websocket", key: p.url("/x")}
    files.put("own", it=fields)
    start("it")
    assert p.accept().read_request().target == "/x"


def test_ws_url_wins_over_url(files, start, peer):
    p = peer()
    files.put("own", it={"type": "http", "url": "http://127.0.0.1:9/", "ws_url": p.url("/ws")})
    start("it")
    assert p.accept().read_request().target == "/ws"


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["my-server", "server", "MY-S", "y-serve"])
def test_part_of_a_name(files, start, peer, asked):
    p = peer()
    files.put("own", my__server=entry(p), another={"command": "server"})
    start(asked)
    p.accept().read_request()


def test_exact_name_before_part_of_one(files, start, peer):
    p = peer()
    files.put("own", server__two=entry(p, "/2"))
    files.put("claude", server=entry(p, "/1"))
    start("server")
    assert p.accept().read_request().target == "/1"


def test_name_that_matches_two(files, refused, peer):
    p = peer()
    files.put("own", one__server=entry(p))
    files.put("claude", other__server=entry(p))
    said = refused(p, "server")
    assert "one-server" in said and "other-server" in said
    assert str(files.path("own")) in said and str(files.path("claude")) in said


def test_unknown_name_shows_the_nearest(files, refused, peer):
    p = peer()
    files.put("own", weather=entry(p), clock=entry(p))
    said = refused(p, "wether")
    assert re.search('nearest is "weather"', said) and "clock" in said


@pytest.mark.parametrize("name", ["bücher", "天気", "a b", "it's", "$(x)", "-x", "ws:", "a/b", '"'])
def test_names_of_all_kinds(files, start, peer, name):
    p = peer()
    files.write("own", {"mcpServers": {name: entry(p)}})
    start("bridge", "--", name, reconnect=True)  # a command stands first
    p.accept().read_request()


def test_escaped_name(files, start, peer):
    p = peer()
    files.write("own", r'{"mcp\u0053ervers": {"b\u00fccher": {"\u0075rl": "%s"}}}' % p.url())
    start("bücher")
    p.accept().read_request()


def test_a_commands_name_wins(files, start, peer, run):
    p = peer()
    files.put("own", servers=entry(p), entry=entry(p))
    got = run("servers")
    assert got.returncode == 0 and "entry" in got.stdout and p.nobody_came()
    for name in "servers", "entry":
        b = start("bridge", name, reconnect=True)
        p.accept().read_request()
        b.signal(15)
        b.wait()


@pytest.mark.parametrize("fields, word", [
    ({"command": "npx"}, "stdio"),
    ({"type": "stdio", "command": "npx"}, "stdio"),
    ({"type": "http", "url": "https://example.com/"}, "http"),
    ({"type": "sse", "url": "https://example.com/"}, "sse"),
    ({"url": "https://example.com/"}, "http"),
])
def test_server_that_is_not_websocket(files, refused, fields, word):
    path = files.put("own", it=fields)
    said = refused(None, "it")
    assert word in said and str(path) in said and "WebSocket" in said


# --- what an entry says ---------------------------------------------------------------------------


def test_options_over_the_entry(files, start, peer):
    p = peer()
    files.put("own", it=entry(p, subprotocol="mine", headers={"X-A": "entry", "X-B": "entry"}))
    start("it", "-H", "x-b: option", "--subprotocol", "theirs")
    got = p.accept().read_request()
    assert (got.all("X-A"), got.all("X-B")) == (["entry"], ["option"])
    assert got.get("Sec-WebSocket-Protocol") == "theirs"


def test_command_over_option_over_entry(files, start, peer):
    p = peer()
    files.put("own", it=entry(p, headers={"X-A": "entry", "X-B": "entry", "X-C": "entry"},
                              headersHelper="echo '{\"X-C\": \"command\"}'"))
    start("it", "-H", "X-B: option", "-H", "X-C: option")
    got = p.accept().read_request()
    assert [got.all("X-" + c) for c in "ABC"] == [["entry"], ["option"], ["command"]]


def test_header_command_option_replaces_the_entrys(files, start, peer, project):
    p = peer()
    files.put("own", it=entry(p, headersHelper="touch marker; echo '{}'"))
    start("it", "--header-command", "echo '{\"X-A\": \"option\"}'")
    assert p.accept().read_request().get("X-A") == "option"
    assert not (project / "marker").exists()


def test_header_command_knows_its_server(files, start, peer):
    p = peer()
    files.put("own", my__it=entry(p, headersHelper=(
        "printf '{\"X-A\": \"%s %s\"}' \"$CLAUDE_CODE_MCP_SERVER_NAME\""
        " \"$CLAUDE_CODE_MCP_SERVER_URL\"")))
    start("it")
    assert p.accept().read_request().get("X-A") == "my-it " + p.url()


def test_headers_from_variables(files, start, peer):
    p = peer()
    files.put("own", it=entry(p, headers={"Authorization": "entry", "X-A": "entry"}))
    start("it", "-H", "Authorization: option", "--bearer-env", "TOKEN", "--header-env", "x-a=KEY",
          "--header-env=X-B=KEY", env={"TOKEN": "t", "KEY": " k "})
    got = p.accept().read_request()
    assert got.all("Authorization") == ["Bearer t"]
    assert (got.all("X-A"), got.all("X-B")) == (["k"], ["k"])


@pytest.mark.parametrize("args, env, words", [
    (["--bearer-env", "TOKEN"], {}, ["TOKEN", "Authorization"]),
    (["--bearer-env", "TOKEN"], {"TOKEN": ""}, ["TOKEN"]),
    (["--header-env", "X-A=KEY"], {}, ["KEY", "X-A"]),
    (["--header-env", "X-A"], {}, ["NAME=VARIABLE"]),
    (["--header-env", "X-A=KEY"], {"KEY": "a\r\nX-Evil: 1"}, ["X-A", "line break"]),
    (["--bearer-env", "TOKEN"], {"TOKEN": "a\nb"}, ["Authorization", "line break"]),
    (["--header-env", "Sec-WebSocket-Key=KEY"], {"KEY": "x"}, ["Sec-WebSocket-Key"]),
    (["--header-env", "a secret=KEY"], {"KEY": "x"}, ["name"]),
])
def test_refused_header_of_a_variable(refused, peer, args, env, words):
    p = peer()
    said = refused(p, *args, p.url(), env=env)
    assert all(w in said for w in words) and "Evil" not in said and "a secret" not in said


def test_entry_with_tls(files, start, peer, authority):
    p = peer(tls=authority.context(client_ca=authority.ca))
    cert, key = authority.client
    files.put("own", it=entry(p, cacert="${CERTS}/ca.pem", cert=cert, key=key))
    start("it", env={"CERTS": os.path.dirname(authority.ca)})
    p.open()


def test_option_over_the_entrys_tls(files, start, peer, server_tls, authority):
    p = peer(tls=server_tls)
    files.put("own", it=entry(p, cacert="/no/such.pem"))
    start("it", "--cacert", authority.ca)
    p.open()


def test_entry_with_a_proxy(files, start, peer, cleanup):
    p = peer()
    proxy = ConnectProxy(target=("127.0.0.1", p.port))
    cleanup.append(proxy)
    files.put("own", it={"url": "ws://%s:%d/mcp" % (RESOLVED, p.port), "proxy": "${PROXY}"})
    start("it", env={"PROXY": proxy.url()})
    p.open()
    assert len(proxy.heads) == 1


def test_entry_with_a_timeout(files, start, peer):
    p = peer()
    files.put("own", it=entry(p, timeout=1200))
    b = start("it")
    b.send(request(1))
    p.open()
    b.error(1, -31003)


def test_option_over_the_entrys_timeout(files, start, peer):
    p = peer()
    files.put("own", it=entry(p, timeout=3600000))
    b = start("it", "--request-timeout", "0.3")
    b.send(request(1))
    p.open()
    b.error(1, -31003)


def test_no_subprotocol_in_the_entry(files, start, peer):
    p = peer()
    files.put("own", it=entry(p, subprotocol=""))
    start("it")
    assert p.accept().read_request().get("Sec-WebSocket-Protocol") is None


@pytest.mark.parametrize("url, env, target", [
    ("${URL}", {"URL": "{}/a"}, "/a"),
    ("{}/${A}", {"A": "b"}, "/b"),
    ("{}/${A:-b}", {}, "/b"),
    ("{}/${A:-b}", {"A": ""}, "/b"),
    ("{}/${A:-${B:-${C}}}", {"C": "c"}, "/c"),
    ("{}/${A:-${B}}", {"A": "a"}, "/a"),
    ("{}/?t=${T:-}", {}, "/?t="),
    ("{}/$A", {"A": "b"}, "/$A"),
    ("{}/${A}", {"A": "${B}", "B": "c"}, "/${B}"),
])
def test_variables(files, start, peer, url, env, target):
    p = peer()
    base = p.url("")
    files.put("own", it={"type": "ws", "url": url.replace("{}", base)})
    start("it", env={k: v.replace("{}", base) for k, v in env.items()})
    assert p.accept().read_request().target == target


@pytest.mark.parametrize("fields, field, word", [
    ({"url": "ws://127.0.0.1:9/${NOT_SET}"}, "url", "NOT_SET"),
    ({"url": "${NOT_SET}"}, "url", "NOT_SET"),
    ({"url": "ws://127.0.0.1:9/${A:-${NOT_SET}}"}, "url", "NOT_SET"),
    ({"url": "ws://127.0.0.1:9/${A"}, "url", "not closed"),
    ({"url": "ws://127.0.0.1:9/${A:-${B:-}"}, "url", "not closed"),
    ({"url": "ws://127.0.0.1:9/${}"}, "url", "name"),
    ({"headers": {"X-A": "${NOT_SET}"}}, "X-A", "NOT_SET"),
    ({"headers": {"X-A": "Bearer ${A"}}, "X-A", "not closed"),
    ({"cacert": "${NOT_SET}"}, "cacert", "NOT_SET"),
    ({"cert": "${NOT_SET}"}, "cert", "NOT_SET"),
    ({"key": "${NOT_SET}"}, "key", "NOT_SET"),
    ({"proxy": "${NOT_SET}"}, "proxy", "NOT_SET"),
])
def test_variable_that_is_not_set(files, refused, fields, field, word):
    path = files.put("own", it={"type": "ws", "url": "ws://127.0.0.1:9/", **fields})
    said = refused(None, "it")
    assert all(x in said for x in (str(path), "it", field, word)), said


# --- what is wrong --------------------------------------------------------------------------------

BROKEN = [  # text, line, column
    ('{', 1, 2),
    ('{"mcpServers": {}', 1, 18),
    ('{"mcpServers": {},}', 1, 19),
    ('{\n "a": 1,\n "b" 2\n}', 3, 6),
    ("{'a': 1}", 1, 2),
    ('{"ü": "ü", x}', 1, 12),
    ('// comment\n{}', 1, 1),
    ('\ufeff{"a" 1}', 1, 6),
    ('{"a": "b\n"}', 1, 9),
    ('{"a": tru}', 1, 10),
    ('{} {}', 1, 4),
    ("not json", 1, 2),
    ("[1, 2]", 1, 1),
]


@pytest.mark.parametrize("text, line, column", BROKEN)
def test_file_that_is_not_json(files, refused, peer, text, line, column):
    path = files.write("own", text)
    said = refused(None, "it")
    assert "%s, line %d, column %d" % (path, line, column) in said, said


def test_bytes_that_are_not_utf8(files, refused):
    path = files.write("own", b'{"a": "\xff"}')
    assert "%s, line 1, column 8" % path in refused(None, "it")


def test_later_broken_file_does_not_matter(files, start, peer):
    p = peer()
    files.put("own", it=entry(p))
    for place in PLACES[2:]:
        files.write(place, "{")
    b = start("it")
    p.accept().read_request()
    assert b.error_lines() == []


def test_earlier_broken_file_matters(files, refused, peer):
    p = peer()
    path = files.write("own", "{")
    files.put("claude", it=entry(p))
    said = refused(p, "it")
    assert str(path) in said and '"it"' in said


def test_broken_file_of_a_repository_does_not_matter_for_the_users_servers(files, start, peer):
    p = peer()
    files.put("settings_local", the__server=entry(p))
    for place in FOREIGN:
        files.write(place, "{")
    start("server")
    p.accept().read_request()


def test_broken_file_of_a_repository_matters_for_its_own(files, refused):
    path = files.write("directory", "{")
    files.write("repository", {"mcpServers": {"it": {"url": "ws://127.0.0.1:9/"}}})
    assert str(path) in refused(None, "it")


def test_unreadable_file(files, refused):
    path = files.put("own", it={"url": "ws://127.0.0.1:9/"})
    if os.geteuid() == 0:  # who may read everything that can be read
        path.unlink()
        path.symlink_to(path)
    else:
        path.chmod(0)
    assert str(path) in refused(None, "it")


def test_directory_in_place_of_a_file(files, refused):
    files.path("own").mkdir(parents=True)
    assert str(files.path("own")) in refused(None, "it")


def test_fifo_in_place_of_a_file(files, refused):
    files.path("own").parent.mkdir(parents=True)
    os.mkfifo(files.path("own"))
    assert str(files.path("own")) in refused(None, "it")


URL = '"url": "ws://127.0.0.1:9/"'


@pytest.mark.parametrize("fields, column, word", [
    ('"type": 1, ' + URL, 9, "type"),
    ('"ws_url": true', 11, "ws_url"),
    ('"type": "ws", "url": null', 22, "url"),
    ('"type": "ws", "url": "http://h/"', 22, "url"),
    ('"headers": [], ' + URL, 12, "headers"),
    ('"headers": {"X-A": 1}, ' + URL, 20, "X-A"),
    ('"headers": {"X-A": "a\\nb"}, ' + URL, 20, "X-A"),
    ('"headers": {"X-A": "a\\rb"}, ' + URL, 20, "X-A"),
    ('"headers": {"X-A": "a\\u0000b"}, ' + URL, 20, "X-A"),
    ('"headersHelper": ["x"], ' + URL, 18, "headersHelper"),
    ('"subprotocol": {}, ' + URL, 16, "subprotocol"),
    ('"cacert": 1, ' + URL, 11, "cacert"),
    ('"cert": 1, ' + URL, 9, "cert"),
    ('"key": false, ' + URL, 8, "key"),
    ('"proxy": 3128, ' + URL, 10, "proxy"),
    ('"timeout": "1000", ' + URL, 12, "timeout"),
    ('"timeout": true, ' + URL, 12, "timeout"),
])
def test_field_of_the_wrong_type(files, refused, fields, column, word):
    path = files.write("own", '{"mcpServers": {\n"it": {\n%s}}}' % fields)
    said = refused(None, "it")
    assert "%s, line 3, column %d: " % (path, column) in said, said
    assert word in said and '"it"' in said, said


@pytest.mark.parametrize("value", ['[]', '"ws://h"', 'null', '1'])
def test_entry_of_the_wrong_type(files, refused, value):
    path = files.write("own", '{"mcpServers": {"it": %s}}' % value)
    assert "%s, line 1, column 23" % path in refused(None, "it")


def test_servers_of_the_wrong_type(files, refused):
    path = files.write("own", '{"mcpServers": []}')
    assert "%s, line 1, column 16" % path in refused(None, "it")


def test_broken_entry_does_not_matter_for_others(files, start, peer):
    p = peer()
    files.put("own", broken={"ws_url": 1}, it=entry(p))
    b = start("it")
    p.accept().read_request()
    assert b.error_lines() == []


@pytest.mark.parametrize("headers, word", [
    ({"Upgrade": "x"}, "Upgrade"),
    ({"Sec-WebSocket-Protocol": "x"}, "Sec-WebSocket-Protocol"),
    ({"Content-Length": "1"}, "Content-Length"),
    ({"X A": "hidden"}, "name"),
    ({"X-A": "${EVIL}"}, "line break"),
])
def test_refused_header_of_an_entry(files, refused, peer, headers, word):
    p = peer()
    path = files.put("own", it=entry(p, headers=headers))
    said = refused(p, "it", env={"EVIL": "hidden\r\nX-B: 1"})
    assert word in said and str(path) in said and "hidden" not in said


def test_big_file(files, start, peer, report):
    """Claude Code's own file grows to many megabytes."""
    p = peer()
    history = [{"display": "x" * 1000, "n": i} for i in range(20000)]
    files.claude_json = {"projects": {"/p%d" % i: {"history": history[i * 100:][:100]}
                                      for i in range(200)}}
    path = files.put("claude", it=entry(p))
    assert path.stat().st_size > 20e6
    b = start("it")
    p.accept()
    taken = time.monotonic() - b.started
    report("start with a file of 20 MB, ms", taken * 1000)
    if VARIANT == "plain":
        assert taken < 3  # "well under a second", on a machine that does other things, too


# --- read again at each attempt -------------------------------------------------------------------


def again(b, p, code=1012):
    """A second connection after the first."""
    conn = p.open()
    b.send(INITIALIZE)
    conn.read_json()
    conn.send_result("init", {"protocolVersion": "2025-06-18", "capabilities": {},
                              "serverInfo": {"name": "x", "version": "1"}})
    b.answer("init")
    return conn


def test_renewed_token_of_the_configuration(files, start, peer):
    p = peer()
    files.put("own", it=entry(p, headers={"Authorization": "Bearer one"}))
    b = start("it", reconnect=True)
    conn = again(b, p)
    assert conn.request.get("Authorization") == "Bearer one"
    files.put("own", it=entry(p, headers={"Authorization": "Bearer two"}))
    conn.close()
    assert p.accept().read_request().get("Authorization") == "Bearer two"


def test_renewed_token_of_a_header_file(start, peer, tmp_path):
    p = peer()
    path = tmp_path / "headers"
    path.write_text("Authorization: Bearer one\n")
    b = start("-H", "@%s" % path, p.url(), reconnect=True)
    conn = again(b, p)
    assert conn.request.get("Authorization") == "Bearer one"
    path.write_text("Authorization: Bearer two\n")
    conn.close()
    assert p.accept().read_request().get("Authorization") == "Bearer two"


def test_renewed_token_mends_a_401(files, start, peer):
    p = peer()
    files.put("own", it=entry(p, headers={"Authorization": "Bearer one"}))
    b = start("it", "--retry-delay-max", "0.2", reconnect=True)
    again(b, p).close()
    refusing = p.accept()
    refusing.read_request()
    refusing.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
    b.wait_stderr("401")
    files.put("own", it=entry(p, headers={"Authorization": "Bearer two"}))
    conn = p.accept()
    while conn.read_request().get("Authorization") != "Bearer two":  # one attempt may have begun
        conn.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
        conn = p.accept()
    conn.open()
    assert conn.read_json()["method"] == "initialize"


def test_entry_that_breaks_and_is_mended(files, start, peer):
    """A file being written is no reason to leave."""
    p = peer()
    files.put("own", it=entry(p, "/one"))
    b = start("it", "--retry-delay-max", "0.2", "-v", reconnect=True)
    conn = again(b, p)
    files.write("own", '{"mcpServers": ')
    conn.close()
    b.wait_stderr(re.escape(str(files.path("own"))))
    files.put("own", it=entry(p, "/two"))
    assert p.accept().read_request().target == "/two"


def test_name_that_was_meant_stays_meant(files, start, peer):
    p = peer()
    files.put("own", my__server=entry(p, "/one"))
    b = start("server", reconnect=True)
    conn = again(b, p)
    files.put("own", another__server=entry(p, "/another"), server=entry(p, "/exact"),
              my__server=entry(p, "/two"))
    conn.close()
    assert p.accept().read_request().target == "/two"


# --- a repository that nobody trusts --------------------------------------------------------------

HELPER = "touch marker; echo '{\"X-A\": \"b\"}'"


@pytest.mark.parametrize("place", FOREIGN)
@pytest.mark.parametrize("fields", [
    {"headersHelper": HELPER},
    {"url": "ws://127.0.0.1:{}/${SECRET}"},
    {"url": "ws://127.0.0.1:{}/?t=${SECRET:-x}"},
    {"headers": {"X-A": "${SECRET}"}},
    {"headers": {"X-A": "${SECRET:-x}"}},
    {"proxy": "http://${SECRET}@127.0.0.1:{}"},
    {"cacert": "/tmp/${SECRET}"},
    {"cert": "/etc/ssl/cert.pem"},
    {"key": "/etc/ssl/key.pem"},
    {"subprotocol": "mcp.auth.${SECRET}"},
], ids=lambda f: "-".join("%s" % k for k in f))
def test_hostile_entry(files, refused, peer, project, place, fields):
    p = peer()
    fields = json.loads(json.dumps(fields).replace("{}", str(p.port)))
    files.put(place, it=entry(p, **{k: v for k, v in fields.items() if k != "url"}))
    if "url" in fields:
        files.put(place, it={"type": "ws", **fields})
    said = refused(p, "it", env={"SECRET": "hunter2"})
    assert str(files.path(place)) in said and "--trust-project" in said and "hunter2" not in said
    assert not (project / "marker").exists()


@pytest.mark.parametrize("place", FOREIGN)
@pytest.mark.parametrize("args", [
    ["-H", "Authorization: Bearer hunter2"],
    ["--bearer-env", "SECRET"],
    ["--header-env", "X-A=SECRET"],
    ["--header-command", HELPER],
    ["--cert", "/etc/ssl/cert.pem"],
    ["--key", "/etc/ssl/key.pem"],
    ["-x", "http://user:hunter2@127.0.0.1:9"],
    ["--subprotocol", "mcp, mcp.auth.hunter2"],
], ids=lambda a: a[0])
def test_what_the_user_has_is_not_for_foreign_servers(files, refused, peer, project, place, args):
    p = peer()
    files.put(place, it=entry(p))
    said = refused(p, *args, "it", env={"SECRET": "hunter2"})
    assert str(files.path(place)) in said and "--trust-project" in said and "hunter2" not in said
    assert not (project / "marker").exists()


def test_harmless_foreign_server_is_used(files, start, peer):
    p = peer()
    files.put("repository", it=entry(p, headers={"X-A": "b"}, subprotocol="mcp"))
    b = start("it", "--connect-timeout", "5", "-v")
    assert p.accept().read_request().get("X-A") == "b"
    assert "error" not in b.error_text()


@pytest.mark.parametrize("place", FOREIGN)
def test_foreign_server_by_its_whole_name_only(files, refused, peer, place):
    p = peer()
    files.put(place, my__server=entry(p))
    said = refused(p, "server")
    assert '"server"' in said and '"my-server"' in said


@pytest.mark.parametrize("place", FOREIGN)
def test_foreign_server_does_not_hide_the_users(files, start, refused, peer, place):
    p = peer()
    files.put("settings_local", it=entry(p, "/mine"), my__other=entry(p, "/other"))
    files.put(place, it=entry(p, "/theirs"), other=entry(p, "/theirs"))
    b = start("it")
    assert p.accept().read_request().target == "/mine"
    b.signal(15)
    b.wait()
    said = refused(p, "other")  # the name of theirs, and a part of the user's
    assert "my-other" in said and "--trust-project" in said


def test_foreign_server_does_not_stand_in_for_one_of_another_type(files, refused, peer):
    p = peer()
    files.put("claude", it={"type": "http", "url": "https://example.com/"})
    files.put("repository", it=entry(p))
    assert "--trust-project" in refused(p, "it")


@pytest.mark.parametrize("place", FOREIGN)
@pytest.mark.parametrize("how", ["itself", "parent", "link", "relative"])
def test_trusted_project(files, start, peer, project, tmp_path, place, how):
    p = peer()
    files.put(place, it=entry(p, headers={"X-B": "${SECRET}"}, headersHelper=HELPER))
    link = tmp_path / "link"
    link.symlink_to(project)
    directory = {"itself": project / ("" if place == "repository" else ".claude"),
                 "parent": project.parent, "link": link, "relative": "."}[how]
    start("it", "--trust-project", directory, "-H", "X-C: c", env={"SECRET": "hunter2"})
    got = p.accept().read_request()
    assert [got.get("X-" + c) for c in "ABC"] == ["b", "hunter2", "c"]
    assert (project / "marker").exists()


@pytest.mark.parametrize("directory", ["other", "/no/such", "{}/sub", "{}x"])
def test_another_trusted_directory_does_not_help(files, refused, peer, project, directory):
    (project / "sub").mkdir()
    p = peer()
    files.put("repository", it=entry(p, headersHelper=HELPER))
    refused(p, "it", "--trust-project", directory.replace("{}", str(project)))
    assert not (project / "marker").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("trusted", [False, True])
def test_file_of_another_user_in_a_parent_directory(files, refused, peer, project, trusted):
    p = peer()
    path = project.parent / ".mcp.json"
    path.write_text(json.dumps({"mcpServers": {"it": entry(p)}}))
    os.chown(path, 12345, 12345)
    said = refused(p, *(["--trust-project", project.parent] if trusted else []), "it")
    assert str(path) in said and "12345" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_file_of_another_user_does_not_stop_the_users_own(files, start, peer, project):
    p = peer()
    path = project.parent / ".mcp.json"
    path.write_text(json.dumps({"mcpServers": {"it": entry(p, "/theirs")}}))
    os.chown(path, 12345, 12345)
    files.put("own", it=entry(p, "/mine"))
    start("it")
    assert p.accept().read_request().target == "/mine"


@pytest.mark.parametrize("place", FOREIGN)
def test_file_that_everybody_may_write(files, refused, peer, place):
    p = peer()
    path = files.put(place, it=entry(p))
    path.chmod(0o666)
    assert str(path) in refused(p, "it")


def test_trust_is_asked_again_at_each_attempt(files, start, peer, project):
    """A repository that changes under a running bridge gets no further than before."""
    p = peer()
    files.put("repository", it=entry(p, "/one"))
    b = start("it", "--retry-delay-max", "0.2", "-v", reconnect=True, env={"SECRET": "hunter2"})
    conn = again(b, p)
    files.put("repository", it=entry(p, "/${SECRET}", headersHelper=HELPER))
    conn.close()
    b.wait_stderr("--trust-project")
    assert p.nobody_came() and not (project / "marker").exists()
    assert "hunter2" not in b.error_text()


# --- credentials that others could read -----------------------------------------------------------


def exposed(b):
    return [x for x in b.error_lines() if "credentials may be read" in x]


CREDENTIALS = [
    ({"headers": {"X-A": "b"}}, []),
    ({"headersHelper": "echo '{}'"}, []),
    ({"subprotocol": "mcp, mcp.auth.x"}, []),
    ({}, ["-H", "X-A: b"]),
    ({}, ["--bearer-env", "TOKEN"]),
    ({"url": "ws://u:p@{}/"}, []),
    ({"url": "ws://{}/?t=1"}, []),
]


@pytest.mark.parametrize("fields, args", CREDENTIALS)
def test_credentials_in_plaintext_warn_once(files, start, peer, fields, args):
    p = peer()
    host = "%s:%d" % (RESOLVED, p.port)
    fields = {"url": "ws://{}/", **fields}
    files.put("own", it={**fields, "url": fields["url"].replace("{}", host)})
    b = start(*args, "--resolve", host + ":127.0.0.1", "it", env={"TOKEN": "t"}, reconnect=True)
    again(b, p).close()
    p.open()
    assert len(exposed(b)) == 1 and "ws://" in exposed(b)[0]


@pytest.mark.parametrize("fields, args", [({}, []), ({"subprotocol": "x"}, [])])
def test_nothing_secret_is_no_warning(files, start, peer, fields, args):
    p = peer()
    host = "%s:%d" % (RESOLVED, p.port)
    files.put("own", it={"url": "ws://%s/" % host, **fields})
    b = start(*args, "--resolve", host + ":127.0.0.1", "it")
    p.open()
    assert exposed(b) == []


def test_loopback_is_no_warning(files, start, peer):
    p = peer()
    files.put("own", it=entry(p, headers={"Authorization": "x"}))
    b = start("it")
    p.open()
    assert exposed(b) == []


@pytest.mark.parametrize("insecure", [True, False])
def test_unchecked_certificate_warns_once(files, start, peer, server_tls, authority, insecure):
    p = peer(tls=server_tls)
    files.put("own", it=entry(p, headers={"Authorization": "x"}))
    b = start("it", *(["-k"] if insecure else ["--cacert", authority.ca]), reconnect=True)
    again(b, p).close()
    p.open()
    assert len(exposed(b)) == (1 if insecure else 0)
    if insecure:
        assert "-k" in exposed(b)[0]


# --- the list -------------------------------------------------------------------------------------


def test_list(files, run, peer):
    p = peer()
    files.put("own", first=entry(p, headers={"X-A": "hunter2"}))
    files.put("claude_project", first=entry(p), second=entry(p, "/${ROOM}?token=hunter2"))
    files.put("repository", second=entry(p), third={"command": "x"}, fourth=entry(p))
    got = run("servers")
    assert got.returncode == 0 and got.stderr == "" and "hunter2" not in got.stdout
    lines = got.stdout.splitlines()
    assert [x.split()[0] for x in lines] == ["NAME", "first", "first", "second", "second", "fourth"]
    assert len({x.index(p.url("")) for x in lines[1:]}) == 1  # columns
    assert "~/.config/wsmcp/servers.json (wsmcp)" in lines[1]
    assert "not used" in lines[2] and "~/.config/wsmcp/servers.json" in lines[2]
    assert p.url("/${ROOM}?...") in lines[3] and "not used" not in lines[3]
    assert "not trusted" in lines[4] and "not used" in lines[4] and "~/.claude.json" in lines[4]
    assert "not trusted" in lines[5] and "not used" not in lines[5]


def test_list_as_json(files, run, peer, project):
    p = peer()
    files.put("own", first=entry(p, headers={"X-A": "hunter2", "Authorization": "${T}"}))
    files.put("repository", first=entry(p), bücher={"url": "wss://u:hunter2@h/${A}?t=hunter2"})
    got = run("servers", "--json")
    assert got.returncode == 0 and got.stderr == "" and "hunter2" not in got.stdout
    own, theirs = str(files.path("own")), str(files.path("repository"))
    assert json.loads(got.stdout) == [
        {"name": "first", "url": p.url(), "source": own, "headers": ["X-A", "Authorization"],
         "trusted": True, "shadowed": False},
        {"name": "first", "url": p.url(), "source": theirs, "headers": [],
         "trusted": False, "shadowed": True},
        {"name": "bücher", "url": "wss://h/${A}?...", "source": theirs, "headers": [],
         "trusted": False, "shadowed": False},
    ]
    trusted = json.loads(run("servers", "--json", "--trust-project", project).stdout)
    assert [x["trusted"] for x in trusted] == [True] * 3


def test_list_by_name(files, run, peer):
    p = peer()
    files.put("own", first=entry(p), second=entry(p))
    assert [x["name"] for x in json.loads(run("servers", "--json", "SEC").stdout)] == ["second"]
    got = run("servers", "third")
    assert (got.returncode, got.stdout) == (0, "") and "third" in got.stderr
    assert run("servers", "a", "b").returncode == 2


def test_list_of_nothing(run, home):
    got = run("servers")
    assert got.returncode == 0 and got.stdout == "" and len(got.stderr.splitlines()) == 1
    for place in ("~/.config/wsmcp/servers.json", "~/.claude.json", "~/.claude/settings.json",
                  ".mcp.json"):
        assert place in got.stderr
    got = run("servers", env={"XDG_CONFIG_HOME": "/x", "CLAUDE_CONFIG_DIR": str(home / "c")})
    assert "/x/wsmcp/servers.json" in got.stderr and "~/c/.claude.json" in got.stderr
    got = run("servers", "--json")
    assert (got.returncode, json.loads(got.stdout)) == (0, [])


def test_list_with_faults(files, run, peer):
    p = peer()
    files.put("own", it=entry(p), bad={"ws_url": 1})
    files.write("repository", "{")
    got = run("servers")
    assert got.returncode == 3 and p.url() in got.stdout
    faults = got.stderr.splitlines()
    assert len(faults) == 2 and all("warning" in x and ", line " in x for x in faults)
    got = run("servers", "--config", "/no/such.json")
    assert got.returncode == 3 and "/no/such.json" in got.stderr


def test_narrow_list(files, home, run, peer, project):
    """In a terminal that a line of the table does not fit in."""
    p = peer()
    files.put("own", it=entry(p, "/a/rather/long/path/so/that/the/line/would/break/in/the/middle"))

    def in_terminal(columns):
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
        env = clean_environment(home)
        env.pop("COLUMNS", None)
        with os.fdopen(ours, "rb", buffering=0) as out:
            subprocess.run([*RUNNER, BINARY, "servers"], stdin=subprocess.DEVNULL, stdout=theirs,
                           env=env, cwd=str(project), timeout=DEADLINE, check=True)
            text = out.read(65536)
        os.close(theirs)
        return text.decode().replace("\r\n", "\n")

    wide = in_terminal(300)
    assert wide == run("servers").stdout and len(wide.splitlines()) == 2
    narrow = in_terminal(80).splitlines()
    assert narrow[0] == "it" and len(narrow) == 3 and all(len(x) <= 100 for x in narrow)
    assert all(x.startswith("    ") for x in narrow[1:])


def test_list_cannot_steer_a_terminal(files, run):
    name = "\x1b[31mred\x9b\u202e\n\x7f"
    files.write("repository", {"mcpServers": {name: {"url": "ws://h/\x1b\u202e/${A}"}}})
    for args in [], ["--json"]:
        got = run("servers", *args)
        assert got.returncode == 0, got.stderr
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", got.stdout)
    assert json.loads(got.stdout)[0]["name"] == name


def test_output_that_cannot_be_written(files, home, peer, project):
    files.put("own", it=entry(peer()))
    with open("/dev/full", "w") as full:
        got = subprocess.run([*RUNNER, BINARY, "servers"], stdout=full, stderr=subprocess.PIPE,
                             env=clean_environment(home), cwd=str(project), timeout=DEADLINE)
    assert got.returncode == 4 and b"stdout" in got.stderr
