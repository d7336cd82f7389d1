"""The commands that ask one thing and end: tools, call, request."""

import base64
import fcntl
import json
import os
import re
import resource
import select
import signal
import stat
import struct
import subprocess
import termios
import time
from datetime import datetime, timedelta, timezone

import pytest

from bridge import BINARY, FAULT_STATUS, RUNNER, clean_environment
from client import META, ask, notify, read_call, send_error, serve_discover, serve_initialize
from peer import DEADLINE, SCALE, Gone, encode, reserve

ECHO = {"name": "echo", "description": "Says it again.", "inputSchema": {
    "type": "object", "required": ["message"],
    "properties": {"message": {"type": "string", "description": "What to say"}, "times": {"type": "integer"}}}}
ANY = {"name": "any", "inputSchema": {"type": "object"}}
TOOLS = [ECHO, ANY]
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\nnot really").decode()


class Outcome:
    """How a run ended, and what it printed."""

    def __init__(self, status, out, err):
        self.status, self.out, self.raw_err = status, out, err
        # Lines that are not those of a runner such as valgrind.
        self.err = "".join(x for x in err.decode(errors="replace").splitlines(True)
                           if not re.match(r"==\d+==|--\d+--", x))
        assert status != FAULT_STATUS and b"Sanitizer" not in err and b"runtime error:" not in err, err

    @property
    def json(self):
        """stdout, which must be one line of JSON."""
        assert self.out.endswith(b"\n") and self.out.count(b"\n") == 1, (self.out, self.err)
        return json.loads(self.out)

    def data(self):
        """What a call that went well came to."""
        assert self.status == 0 and self.err == "", (self.status, self.out, self.err)
        assert list(self.json) == ["success", "data", "metadata"] and self.json["success"] is True
        return self.json["data"]

    def failure(self, status, error_type, warned=""):
        """The error of a call that failed so."""
        got = self.json
        assert self.status == status and re.fullmatch(warned, self.err), (self.status, self.out, self.err)
        assert got["success"] is False and got["error_type"] == error_type, got
        assert list(got)[:3] == ["success", "error", "error_type"] and "\n" not in got["error"]
        return got["error"]


@pytest.fixture
def start(home):
    """Starts the program; ends it with the test."""
    started = []

    def start(*args, env=None, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        words = [a if isinstance(a, bytes) else str(a) for a in args]
        child = subprocess.Popen([*RUNNER, BINARY, *words], cwd=home, env=clean_environment(home, env), **options)
        started.append(child)
        return child

    yield start
    for child in started:
        if child.poll() is None:
            child.kill()
        child.communicate()


@pytest.fixture
def run(start):
    """Runs the program to its end."""

    def run(*args, given=None, **options):
        if given is not None:
            options["stdin"] = subprocess.PIPE
        child = start(*args, **options)
        out, err = child.communicate(given, timeout=DEADLINE)
        return Outcome(child.returncode, out or b"", err or b"")

    return run


class Server:
    """An MCP server whose answers are given: by method, or by tool for tools/call.

    An answer is a result (anything that becomes JSON, or bytes as they are), or a function that is
    called with the connection and the message and answers itself.
    """

    def __init__(self, p, answers=None, tools=TOOLS, connections=1, modern=False, **initialize):
        self.peer, self.answers, self.tools, self.modern = p, answers or {}, tools, modern
        self.initialize = initialize
        self.messages = []  # bytes
        self.ended = 0
        p.run(self._serve, connections)

    def _serve(self, connections):
        for _ in range(connections):
            conn = self.peer.open()
            try:
                (serve_discover if self.modern else serve_initialize)(conn, **self.initialize)
                while True:
                    self._answer(conn, conn.read_message())
            except Gone as gone:
                assert not gone.reset
                if conn.close_seen:
                    assert conn.close_seen[0] == 1000
                    self.ended += 1
                    conn.answer_close()

    def _answer(self, conn, raw):
        self.messages.append(raw)
        message = json.loads(raw)
        method, params = message["method"], message.get("params", {})
        if "id" not in message:
            return
        answers = {"tools/list": {"tools": self.tools}, **self.answers}
        answer = answers.get(params.get("name") if method == "tools/call" else method)
        if callable(answer):
            answer(conn, message)
        elif answer is None:
            send_error(conn, message["id"])
        else:
            conn.send_text(b'{"jsonrpc":"2.0","id":%s,"result":%s}' % (
                json.dumps(message["id"]).encode(), encode(answer)))

    def calls(self):
        """The params of each tools/call that came."""
        found = [json.loads(m) for m in self.messages]
        return [m["params"] for m in found if m["method"] == "tools/call"]

    @property
    def url(self):
        return self.peer.url()


@pytest.fixture
def serve(peer):
    def make(answers=None, **options):
        return Server(peer(), answers, **options)

    return make


def text(*texts, **more):
    return {"content": [{"type": "text", "text": t} for t in texts], **more}


def says(word):
    """An answer to a tool that is a text."""
    return {"any": text(word), "echo": text(word)}


# --- what a call comes to --------------------------------------------------------------------


@pytest.mark.parametrize("result, data", [
    (text("hello"), "hello"),
    (text("a", "b"), text("a", "b")["content"]),
    (text("1", structuredContent={"n": 1}), {"n": 1}),
    (text("1", structuredContent=None), "1"),
    ({"content": []}, None),
    ({"content": [{"type": "resource_link", "uri": "x:y", "name": "z"}]},
     [{"type": "resource_link", "uri": "x:y", "name": "z"}]),
    ({"content": [{"type": "image", "data": PNG, "mimeType": "image/png"}]},
     [{"type": "image", "data": PNG, "mimeType": "image/png"}]),
    (text('"\\\n\u2028é\U0001f600'), '"\\\n\u2028é\U0001f600'),
], ids=["text", "texts", "structured", "null", "nothing", "link", "image", "escapes"])
def test_data(run, serve, result, data):
    server = serve({"any": result})
    assert run("call", server.url, "any").data() == data
    assert server.calls() == [{"name": "any", "arguments": {}}]  # nobody is there to see progress
    server.peer.join()
    assert server.ended == 1


def test_what_the_server_wrote_is_not_written_anew(run, serve):
    server = serve({"any": b'{"content":[],"structuredContent":{"n":9007199254740993, "x" :1.50,"e":1E400,'
                           b'"\\u0061":"\\/\\u00e9","n":2}}'})
    got = run("call", server.url, "any")
    assert b'"data":{"n":9007199254740993, "x" :1.50,"e":1E400,"\\u0061":"\\/\\u00e9","n":2},' in got.out


def test_a_pretty_server_makes_one_line(run, serve):
    server = serve({"any": json.dumps(text("x", structuredContent={"a": [1, {"b": 2}]}), indent=4).encode()})
    assert run("call", server.url, "any").data() == {"a": [1, {"b": 2}]}


def test_metadata(run, serve):
    before = datetime.now(timezone.utc)
    server = serve(says("x"), serverInfo={"name": 'ä "server"', "version": "1"})
    got = run("call", server.url.replace("ws://", "ws://user:secret@") + "?token=secret", "any").json
    assert list(got["metadata"]) == ["tool", "server", "ws_url", "timestamp"]
    assert got["metadata"]["tool"] == "any" and got["metadata"]["server"] == 'ä "server"'
    assert got["metadata"]["ws_url"].startswith(server.url) and "secret" not in json.dumps(got)
    stamp = got["metadata"]["timestamp"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00", stamp)
    slack = timedelta(seconds=1)
    assert before - slack <= datetime.fromisoformat(stamp) <= datetime.now(timezone.utc) + slack


def test_a_configured_name_is_the_name_of_the_server(run, serve, tmp_path):
    server = serve(says("x"))
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"mcpServers": {"My Server": {"type": "ws", "url": server.url}}}))
    got = run("call", "--config", config, "my serv", "any").json
    assert got["metadata"]["server"] == "My Server" and got["metadata"]["ws_url"] == server.url


def test_a_server_without_a_name(run, serve):
    server = serve(says("x"), serverInfo={})
    assert run("call", server.url, "any").json["metadata"]["server"] == ""


def test_a_modern_server(run, serve):
    server = serve(says("x"), modern=True)
    got = run("call", "--protocol", "modern", server.url, "any")
    assert got.data() == "x" and got.json["metadata"]["server"] == "m"
    assert server.calls()[0]["_meta"][META + "protocolVersion"] == "2026-07-28"


def test_roots(run, serve, tmp_path):
    def list_roots(conn, message):
        ask(conn, 0, "roots/list")
        conn.send_result(message["id"], text(json.dumps(conn.read_json()["result"])))

    server = serve({"any": list_roots})
    got = json.loads(run("call", "--root", tmp_path, server.url, "any").data())
    assert [r["uri"] for r in got["roots"]] == [tmp_path.as_uri()]


def test_all_pages_of_tools_are_looked_through(run, serve):
    def pages(conn, message):
        if "cursor" in message.get("params", {}):
            conn.send_result(message["id"], {"tools": [ANY]})
        else:
            conn.send_result(message["id"], {"tools": [ECHO], "nextCursor": "2"})

    server = serve({**says("x"), "tools/list": pages}, connections=2)
    assert run("call", server.url, "any").data() == "x"
    assert b"any" in run("tools", server.url).out


# --- arguments -------------------------------------------------------------------------------

TYPED = {"name": "typed", "inputSchema": {"type": "object", "properties": {
    "s": {"type": "string"}, "i": {"type": "integer"}, "b": {"type": "boolean"}, "n": {"type": "null"},
    "sn": {"type": ["integer", "string"]}, "l": {"type": "array"}, "o": {}, "c": {"$ref": "#/$defs/colour"}},
    "$defs": {"colour": {"enum": ["red", "green"]}}}}


@pytest.mark.parametrize("words, sent", [
    ([], b"{}"),
    (["s=a=b@c", "i=9007199254740993", "b=true", "n=null", "sn=17"],
     b'{"s":"a=b@c","i":9007199254740993,"b":true,"n":null,"sn":"17"}'),
    (["l:=[1.50, {}]", "o:=\"\\u00e9\"", "c=red"], b'{"l":[1.50, {}],"o":"\\u00e9","c":"red"}'),
    (["s@file"], '{"s":"from a file\\né"}'.encode()),
    (["--args", '{"i" : 1.0}'], b'{"i" : 1.0}'),
    (["--args", "@args.json"], b'{"i": 7}'),
    (["--args=-"], b'{"s":"stdin"}'),
], ids=["none", "literal", "JSON", "file", "whole", "whole from file", "whole from stdin"])
def test_arguments_as_they_are_sent(run, serve, home, words, sent):
    (home / "file").write_text("from a file\né")
    (home / "args.json").write_text('\ufeff {"i": 7} \n')
    server = serve({"typed": text("x")}, tools=[TYPED])
    got = run("call", server.url, "typed", *words, given=b'{"s":"stdin"}\n')
    assert got.data() == "x"
    call = next(m for m in server.messages if b"tools/call" in m)
    assert b'"arguments":' + sent in call


@pytest.mark.parametrize("words, said", [
    (["i=x"], ["i", "integer", '"x"', "its parameters", '"s" (string)']),
    (["i=1.5"], ["integer", "1.5"]),
    (["l=[]"], ["array", "NAME:=JSON"]),
    (["c=blue"], ['one of "red", "green"', "blue"]),
    (["x=1"], ["no parameter", '"x"', '"s"']),
    (["l:=7"], ["array", "7"]),
    (["--args", '{"i":"1"}'], ["integer"]),
    (["--args", '{"x":1}'], ["no parameter"]),
    (["i=\x1b[31m\u202e"], ["\\x1b[31m\\u202e"]),
], ids=" ".join)
def test_arguments_that_do_not_fit(run, serve, words, said):
    server = serve(tools=[TYPED])
    error = run("call", server.url, "typed", *words).failure(1, "ToolError")
    assert all(word in error for word in said), error
    assert server.calls() == []
    server.peer.join()
    assert server.ended == 1


def test_a_missing_argument(run, serve):
    server = serve()
    error = run("call", server.url, "echo", "times=1").failure(1, "ToolError")
    assert '"message"' in error and "missing" in error and server.calls() == []


@pytest.mark.parametrize("words, said", [
    (["word"], "word"),
    (["s:=text"], "JSON"),
    (["s=1", "s=2"], "twice"),
    (["s@no-such-file"], "no-such-file"),
    ([b"s=\xff"], "UTF-8"),
    (["--args", "{"], "--args"),
    (["--args", "[]"], "--args"),
    (["--args", "@no-such-file"], "no-such-file"),
    (["--args", "@large", "--max-message", "1K"], "--max-message"),
    (["s@large", "--max-message", "1K"], "--max-message"),
])
def test_arguments_that_are_wrong_before_anything_is_sent(run, peer, home, words, said):
    (home / "large").write_text('{"s": "%s"}' % ("x" * 1100))
    p = peer()
    assert said in run("call", p.url(), "typed", *words).failure(1, "ToolError")
    assert p.nobody_came()


# --- failures --------------------------------------------------------------------------------


class Situation:
    """What a row of the table needs to be made."""

    def __init__(self, peer, home, tmp_path, server_tls, shim):
        self.peer, self.home, self.path, self.tls, self.shim = peer, home, tmp_path, server_tls, shim
        self.env = {}

    def unknown_server(self):
        return ["no-such-server"]

    def bad_configuration(self):
        (self.path / "bad.json").write_text('{"mcpServers": {"x": }')
        return ["--config", self.path / "bad.json", "x"]

    def unset_variable(self):
        return ["ws://127.0.0.1:9/${WSMCP_NO_SUCH_VARIABLE}"]

    def refused_header(self):
        return ["-H", "Upgrade: x", "ws://127.0.0.1:9/"]

    def refused_connection(self):
        return ["ws://127.0.0.1:%d/" % reserve()]

    def bad_certificate(self):
        p = self.peer(tls=self.tls)

        def handshake():
            with pytest.raises(Exception):
                p.accept()

        p.run(handshake)
        return [p.url()]

    def unauthorized(self):
        p = self.peer()
        p.run(lambda: p.accept().open(status="HTTP/1.1 401 Unauthorized", extra=["Content-Length: 0"]))
        return [p.url()]

    def no_handshake(self):
        p = self.peer()
        p.run(lambda: p.accept().read_head())
        return ["--connect-timeout", 0.3 * SCALE, p.url()]

    def no_protocol(self):
        p = self.peer()

        def refuse():
            conn = p.open()
            for method in "initialize", "server/discover":
                send_error(conn, read_call(conn, method)["id"])
            conn.read_message()

        p.run(refuse)
        return [p.url()]

    def lost(self):
        return [Server(self.peer(), {"tools/list": lambda conn, message: conn.reset()}, connections=2).url]

    def server_error(self):
        def fail(conn, message):
            send_error(conn, message["id"], -32603, "out of\x1b order", data={"x": 1})

        return [Server(self.peer(), {"tools/list": fail}).url]

    def no_websocket(self):
        self.env = {"LD_PRELOAD": self.shim("other_curl.c", "-DOTHER_WITHOUT_WS")}
        return ["ws://127.0.0.1:9/"]

    def old_curl(self):
        self.env = {"LD_PRELOAD": self.shim(
            "other_curl.c", '-DOTHER_VERSION="8.13.0"', "-DOTHER_NUMBER=0x080d00")}
        return ["ws://127.0.0.1:9/"]


@pytest.fixture
def situation(peer, home, tmp_path, server_tls, shim):
    return Situation(peer, home, tmp_path, server_tls, shim)


FAILURES = [
    ("unknown_server", 3, "ConfigurationError", "no-such-server"),
    ("bad_configuration", 3, "ConfigurationError", "bad.json"),
    ("unset_variable", 3, "ConfigurationError", "WSMCP_NO_SUCH_VARIABLE"),
    ("refused_header", 3, "ConfigurationError", "Upgrade"),
    ("refused_connection", 4, "ConnectionError", "refused"),
    ("bad_certificate", 4, "ConnectionError", "certificate"),
    ("unauthorized", 4, "ConnectionError", "401"),
    ("no_handshake", 4, "ConnectionError", ""),
    ("no_protocol", 4, "ConnectionError", ""),
    ("lost", 4, "ConnectionError", "lost"),
    ("server_error", 1, "ToolError", "out of"),
    ("no_websocket", 5, "DependencyError", "WebSocket"),
    ("old_curl", 5, "DependencyError", "8.14"),
]


@pytest.mark.parametrize("name, status, error_type, said", FAILURES, ids=[row[0] for row in FAILURES])
@pytest.mark.parametrize("command", ["call", "tools", "request", "tools --json", "request --json", "call --text"])
def test_failures(run, situation, command, name, status, error_type, said):
    command, *more = command.split()
    operands = {"call": ["echo", "message=x"], "tools": [], "request": ["tools/list"]}[command]
    args = getattr(situation, name)()
    warned = "(wsmcp: warning: .*\n)*" if name == "lost" else ""
    got = run(command, *more, *args, *operands, env=situation.env)
    assert got.status == status, (got.out, got.err)
    if more == ["--json"] or (command == "call" and not more):
        error = got.failure(status, error_type, warned)
        code = {"server_error": -32603, "no_protocol": -32601}.get(name)
        assert got.json.get("code") == code
    else:
        error = re.fullmatch("%swsmcp: error: (?P<said>.*)\n" % warned, got.err)["said"]
        assert got.out == b""
    assert said.lower() in error.lower()


def test_no_answer_to_a_call(run, serve):
    cancelled = []

    def wait(conn, message):
        cancelled.append(conn.read_json())

    server = serve({"any": wait})
    got = run("call", "--request-timeout", 0.3 * SCALE, server.url, "any")
    got.failure(4, "ConnectionError")
    server.peer.join()
    assert cancelled[0]["method"] == "notifications/cancelled"


def test_a_call_that_is_lost_is_not_made_again(run, serve):
    server = serve({"any": lambda conn, message: conn.reset()})
    got = run("call", server.url, "any")
    assert "lost" in got.failure(4, "ConnectionError", "wsmcp: warning: lost the connection to .*; trying again\n")
    assert len(server.calls()) == 1


def test_an_unknown_tool(run, serve):
    server = serve()
    error = run("call", server.url, "ecko").failure(1, "ToolError")
    assert '"ecko"' in error and error.index('"echo"') < error.index('"any"')
    assert server.calls() == []


@pytest.mark.parametrize("result, said", [
    (text("it\nbroke\x07", isError=True), "it\nbroke\x07"),
    (text("one", "two", isError=True), "one\ntwo"),
    ({"content": [], "isError": True}, "the tool failed, and does not say why"),
    ({"content": [{"type": "image", "data": PNG, "mimeType": "image/png"}], "isError": True},
     "the tool failed, and does not say why"),
], ids=["text", "texts", "nothing", "image"])
def test_a_tool_that_fails(run, serve, result, said):
    server = serve({"any": result})
    got = run("call", server.url, "any")
    assert got.status == 1 and got.err == ""
    assert got.json == {"success": False, "error": said, "error_type": "ToolError"}


def test_an_error_of_the_server(run, serve):
    def fail(conn, message):
        send_error(conn, message["id"], -32602, "no such \x1bthing")

    server = serve({"any": fail})
    got = run("call", server.url, "any")
    error = got.failure(1, "ToolError")
    assert "no such" in error and "\x1b" not in error and got.json["code"] == -32602


def test_no_time_is_one_attempt(run, serve):
    assert run("call", "--offline-timeout", 0, serve(says("x")).url, "any").data() == "x"


def test_one_attempt_unless_told_otherwise(run, peer):
    p = peer()

    def refuse_once():
        p.accept().open(status="HTTP/1.1 503 Later", extra=["Content-Length: 0"])

    p.run(refuse_once)
    assert "503" in run("call", p.url(), "any").failure(4, "ConnectionError")
    assert p.nobody_came()


def test_it_waits_for_a_server_if_told_to(run, peer):
    p = peer()

    def refuse_once():
        p.accept().open(status="HTTP/1.1 503 Later", extra=["Content-Length: 0"])
        Server(p, says("x"))

    p.run(refuse_once)
    assert run("call", "--offline-timeout", 10 * SCALE, p.url(), "any").json["data"] == "x"


def test_secrets_are_not_told(run):
    url = "ws://user:hunter2@127.0.0.1:%d/x?token=hunter2" % reserve()
    for args in ["call", url, "any"], ["tools", url], ["request", "--json", url, "ping"]:
        got = run(*args, "-H", "X-Key: hunter2")
        assert got.status == 4 and b"hunter2" not in got.out + got.raw_err


@pytest.mark.parametrize("args", [
    ["call"], ["call", "ws://127.0.0.1:9/"], ["tools"], ["tools", "ws://127.0.0.1:9/", "more"],
    ["request", "ws://127.0.0.1:9/"], ["request", "ws://127.0.0.1:9/", "a", "{}", "more"],
    ["call", "http://127.0.0.1:9/", "any"], ["tools", "--json", "http://127.0.0.1:9/"],
    ["call", "ws://127.0.0.1:9/", "any", "a=1", "--args", "{}"],
    ["call", "ws://127.0.0.1:9/", "any", "--text", "--raw"],
    ["call", "ws://127.0.0.1:9/", "any", "--no-such-option"],
    ["call", "ws://127.0.0.1:9/", "any", "--protocol", "old"],
    ["tools", "--raw", "ws://127.0.0.1:9/"], ["call", "--linger", "1", "ws://127.0.0.1:9/", "any"],
], ids=lambda args: " ".join(args))
def test_wrong_usage(run, args):
    got = run(*args)
    assert got.status == 2 and got.out == b"" and len(got.err.splitlines()) == 1
    assert "see wsmcp %s --help" % args[0] in got.err


@pytest.mark.parametrize("command", ["tools", "call", "request"])
def test_help(run, command):
    got = run(command, "--help")
    assert got.status == 0 and got.err == ""
    out = got.out.decode()
    assert out.startswith("Usage: wsmcp %s [OPTION...] TARGET" % command)
    for option in "--json", "--protocol", "--config", "--cacert", "--request-timeout":
        assert option in out
    assert ("--save" in out) == (command == "call") and "--linger" not in out
    assert all(len(line) <= 100 for line in out.splitlines())


# --- other outputs ---------------------------------------------------------------------------


def test_raw(run, serve):
    raw = b'{"content" : [{"type":"text","text":"\\u00e9"}],"x":9007199254740993}'
    server = serve({"any": raw})
    got = run("call", "--raw", server.url, "any")
    assert got.status == 0 and got.out == raw + b"\n" and got.err == ""


def test_raw_of_a_tool_that_fails(run, serve):
    server = serve({"any": b'{"content":[{"type":"text","text":"no"}], "isError":true}'})
    got = run("call", "--raw", server.url, "any")
    assert got.status == 1 and got.out == b'{"content":[{"type":"text","text":"no"}], "isError":true}\n'
    assert got.err == ""


def test_text(run, serve):
    result = {"content": [{"type": "text", "text": "one\n\x1b[31mé\0"},
                          {"type": "image", "data": PNG, "mimeType": "image/png"}, {"type": "text", "text": "two"}],
              "structuredContent": {"a": 1}}
    server = serve({"any": result})
    got = run("call", "--text", server.url, "any")
    assert got.status == 0 and got.out == "one\n\x1b[31mé\0\ntwo\n".encode() and got.err == ""


def test_text_of_a_tool_that_fails(run, serve):
    server = serve({"any": text("it broke\x1b[31m", isError=True)})
    got = run("call", "--text", server.url, "any")
    assert got.status == 1 and got.out == b"" and got.err == "wsmcp: error: it broke\\x1b[31m\n"


# --- files -----------------------------------------------------------------------------------


def items(*more):
    return {"content": [
        {"type": "text", "text": "look:"},
        {"type": "image", "data": PNG, "mimeType": "image/png", "annotations": {"priority": 1}},
        {"type": "audio", "mimeType": "audio/wav", "data": base64.b64encode(b"\0" * 1000).decode()},
        {"type": "resource", "resource": {"uri": "file:///../../x.sh", "blob": "AAEC", "mimeType": "x/y"}},
        {"type": "resource", "resource": {"uri": "x:y", "text": "kept"}}, *more]}


def test_save(run, serve, tmp_path):
    server = serve({"any": items()})
    got = run("call", "--save", tmp_path, server.url, "any")
    names = ["any-1.png", "any-2.wav", "any-3.bin"]
    expected = items()["content"]
    for item, name in zip((expected[1], expected[2], expected[3]["resource"]), names):
        item.pop("data", item.pop("blob", None))
        item["saved"] = str(tmp_path / name)
    assert got.data() == expected
    assert sorted(os.listdir(tmp_path)) == [*names, "home"]  # that of the program
    assert (tmp_path / names[0]).read_bytes() == base64.b64decode(PNG)
    assert (tmp_path / names[1]).read_bytes() == b"\0" * 1000
    assert (tmp_path / names[2]).read_bytes() == b"\0\1\2"
    for name in names:
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_save_keeps_the_rest_as_it_was(run, serve, tmp_path):
    server = serve({"any": b'{"content":[{"type":"image" , "data":"AAAA", "n":1.50}],"x":1E5}'}, connections=2)
    got = run("call", "--save", tmp_path, server.url, "any")
    path = json.dumps(str(tmp_path / "any-1.bin")).encode()
    assert b'"data":[{"type":"image" , "saved":%s, "n":1.50}],' % path in got.out
    got = run("call", "--raw", "--save", tmp_path, server.url, "any")
    path = path.replace(b"-1.bin", b"-2.bin")  # never written over
    assert got.out == b'{"content":[{"type":"image" , "saved":%s, "n":1.50}],"x":1E5}\n' % path


def test_save_with_text_only(run, serve, tmp_path):
    server = serve({"any": items()})
    got = run("call", "--text", "--save", tmp_path, server.url, "any")
    assert got.status == 0 and got.out == b"look:\n" and (tmp_path / "any-1.png").exists()


def test_save_into_nothing(run, peer, tmp_path):
    p = peer()
    error = run("call", "--save", tmp_path / "none", p.url(), "any").failure(3, "ConfigurationError")
    assert str(tmp_path / "none") in error and p.nobody_came()


def test_what_cannot_be_saved_is_not_lost(run, serve, tmp_path):
    broken = {"type": "image", "data": "AAA", "mimeType": "image/png"}
    server = serve({"any": items(broken)})
    got = run("call", "--save", tmp_path, server.url, "any")
    assert got.status == 1 and got.err == ""
    assert list(got.json) == ["success", "error", "error_type", "data", "metadata"]
    assert got.json["success"] is False and got.json["error_type"] == "ToolError"
    assert "base64" in got.json["error"]
    assert got.json["data"][-1] == broken and got.json["data"][1]["saved"] == str(tmp_path / "any-1.png")


def test_a_full_disk_loses_nothing(run, serve, tmp_path):
    """A limit on the size of files stands for it."""
    big = {"type": "image", "data": base64.b64encode(b"x" * 100000).decode(), "mimeType": "image/png"}
    server = serve({"any": {"content": [big]}})
    got = run("call", "--save", tmp_path, server.url, "any",
              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50000, 50000)))
    assert got.status == 3 and got.json["error_type"] == "ConfigurationError"
    assert got.json["data"] == [big] and os.listdir(tmp_path) == ["home"]


# --- ends ------------------------------------------------------------------------------------


@pytest.mark.prompt
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cancels_the_call(start, peer, number):
    p = peer()
    child = start("call", p.url(), "any")
    conn = p.open()
    serve_initialize(conn)
    conn.send_result(read_call(conn, "tools/list")["id"], {"tools": TOOLS})
    call = read_call(conn, "tools/call")
    child.send_signal(number)
    cancelled = read_call(conn, "notifications/cancelled")
    assert cancelled["params"]["requestId"] == call["id"]
    before = time.monotonic()
    out, err = child.communicate(timeout=DEADLINE)
    assert child.returncode == -number and out == b"" and err == b""
    assert time.monotonic() - before < 0.5 * SCALE


@pytest.mark.prompt
@pytest.mark.parametrize("stage", ["connecting", "initialize", "tools"])
def test_a_signal_before_the_call(start, peer, stage):
    p = peer()
    child = start("call", p.url(), "any")
    conn = p.accept()
    conn.read_request()
    if stage != "connecting":
        conn.open()
        if stage == "tools":
            serve_initialize(conn)
        conn.read_message()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=DEADLINE)
    assert child.returncode == -signal.SIGINT and out == b"" and err == b""


def test_stdout_that_nobody_reads(start, serve):
    server = serve({"any": text("x" * 1000000)})
    child = start("call", server.url, "any")
    child.stdout.close()
    child.stdout = None
    _, err = child.communicate(timeout=DEADLINE)
    assert child.returncode == 4 and b"cannot write to stdout" in err


def test_stdout_that_is_full(run, serve):
    server = serve(says("x"), connections=3)
    for args in ["call", server.url, "any"], ["tools", server.url], ["request", server.url, "tools/list"]:
        with open("/dev/full", "wb") as full:
            got = run(*args, stdout=full)
        assert got.status == 4 and "cannot write to stdout: No space left" in got.err


def test_stdout_that_does_not_block(start, serve):
    """A host may have made a pipe that it shares with us so."""
    server = serve({"any": text("x" * 1000000)})
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    child = start("call", server.url, "any", stdout=theirs)
    os.close(theirs)
    server.peer.threads[0].join(0.3)
    with open(ours, "rb") as out:
        assert len(json.loads(out.read())["data"]) == 1000000
    assert child.wait(DEADLINE) == 0


def test_output_does_not_wait_for_the_goodbye(start, peer):
    p = peer()
    child = start("call", p.url(), "any")
    conn = p.open()
    serve_initialize(conn)
    conn.send_result(read_call(conn, "tools/list")["id"], {"tools": TOOLS})
    conn.send_result(read_call(conn, "tools/call")["id"], text("x"))
    assert json.loads(child.stdout.readline())["data"] == "x"
    (code, _), _ = conn.read_close()
    assert code == 1000 and child.poll() is None
    conn.answer_close()
    assert child.wait(DEADLINE) == 0


# --- tools -----------------------------------------------------------------------------------


def test_tools(run, serve):
    server = serve()
    got = run("tools", server.url)
    assert got.status == 0 and got.err == ""
    assert got.out.decode() == """echo
  Says it again.
    message  string, required
             What to say
    times    integer

any
"""


def test_tools_are_escaped_and_80_columns_wide(run, serve):
    long = {"name": "long\x1b[2J", "description": "word " * 100 + "\u202e", "inputSchema": {
        "properties": {"p\x9b": {"enum": ["value %d" % n for n in range(50)], "description": "x" * 300}}}}
    server = serve(tools=[long])
    out = run("tools", server.url).out.decode()
    assert all(len(line) <= 80 for line in out.splitlines())
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out) and "\\x1b[2J" in out and "\\u202e" in out


def test_tools_as_json(run, serve):
    server = serve({"tools/list": b'{"tools":[{"name":"a", "x":9007199254740993}]}'})
    got = run("tools", "--json", server.url)
    assert got.status == 0 and got.json == [{"name": "a", "x": 9007199254740993}]
    assert b'{"name":"a", "x":9007199254740993}' in got.out


def test_no_tools(run, serve):
    server = serve(tools=[])
    got = run("tools", server.url)
    assert got.status == 0 and got.out == b"" and "no tools" in got.err


# --- request ---------------------------------------------------------------------------------


@pytest.mark.parametrize("params, given, sent", [
    ([], None, None),
    (['{"a" : 1.0}'], None, b'{"a" : 1.0}'),
    (["[1,2]"], None, b"[1,2]"),
    (["@params"], None, b'{"file":1}'),
    (["-"], b' {"stdin":1}\n', b'{"stdin":1}'),
])
def test_request(run, serve, home, params, given, sent):
    (home / "params").write_text(' {"file":1}\n')
    server = serve({"x/y": b'{"r" : 9007199254740993}'})
    got = run("request", server.url, "x/y", *params, given=given)
    assert got.status == 0 and got.out == b'{"r" : 9007199254740993}\n' and got.err == ""
    message = server.messages[-1]
    assert (b'"params":' + sent in message) if sent else "params" not in json.loads(message), message


@pytest.mark.parametrize("params", ["{", "1", '"x"', "@no-such-file", "\x01"])
def test_params_that_are_wrong(run, peer, params):
    p = peer()
    got = run("request", p.url(), "x", params)
    assert got.status == 1 and got.out == b"" and len(got.err.splitlines()) == 1
    assert p.nobody_came()
    run("request", "--json", p.url(), "x", params).failure(1, "ToolError")


def test_a_request_that_the_server_refuses(run, serve):
    server = serve(connections=2)
    got = run("request", server.url, "x/y")
    assert got.status == 1 and got.out == b"" and "Method not found" in got.err
    got = run("request", "--json", server.url, "x/y")
    assert "Method not found" in got.failure(1, "ToolError") and got.json["code"] == -32601


# --- on a terminal ---------------------------------------------------------------------------


class Terminal:
    """A terminal; what is written to it is read all the time."""

    def __init__(self, columns=80):
        self.ours, self.theirs = os.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.bytes = b""

    def read(self, until=None):
        """Reads up to this, or to the end."""
        end = time.monotonic() + DEADLINE
        while until is None or until not in self.bytes:
            assert time.monotonic() < end, self.bytes
            if not select.select([self.ours], [], [], 0.1)[0]:
                continue
            try:
                piece = os.read(self.ours, 65536)
            except OSError:  # nobody has it open any more
                piece = b""
            if not piece:
                assert until is None, self.bytes
                break
            self.bytes += piece
        return self.bytes.decode()

    def release(self):
        """Only the program has it now."""
        os.close(self.theirs)
        self.theirs = None

    def close(self):
        os.close(self.ours)
        if self.theirs is not None:
            os.close(self.theirs)


@pytest.fixture
def terminal(cleanup):
    def make(**options):
        cleanup.append(Terminal(**options))
        return cleanup[-1]

    return make


def without_runner(text):
    return "".join(x for x in text.splitlines(True) if not re.match(r"==\d+==|--\d+--", x))


def on_terminal(start, terminal, *args, columns=80, **env):
    """Runs with stdout and stderr on a terminal; returns status and what was seen."""
    t = terminal(columns=columns)
    child = start(*args, stdout=t.theirs, stderr=t.theirs, env={"TERM": "xterm", "NO_COLOR": "", **env})
    t.release()
    seen = t.read().replace("\r\n", "\n")
    return child.wait(DEADLINE), without_runner(seen)


def test_json_is_pretty_on_a_terminal(start, terminal, serve):
    raw = '{"content":[],"structuredContent":{"a":[1,"\u202e\x7f"],"b":{}}}'.encode()
    server = serve({"any": raw}, connections=4)
    status, seen = on_terminal(start, terminal, "call", server.url, "any", NO_COLOR="1")
    assert status == 0 and "\x1b" not in seen and json.loads(seen)["data"] == {"a": [1, "\u202e\x7f"], "b": {}}
    assert '  "data": {\n    "a": [\n      1,\n      "\\u202e\\u007f"\n    ],\n    "b": {}\n  },' in seen
    status, seen = on_terminal(start, terminal, "call", server.url, "any")
    assert '\x1b[1;34m"data"\x1b[0m: {' in seen and json.loads(re.sub("\x1b\\[[0-9;]*m", "", seen))["success"]
    status, seen = on_terminal(start, terminal, "call", server.url, "any", TERM="dumb")
    assert "\x1b" not in seen and '  "data": {\n' in seen
    status, seen = on_terminal(start, terminal, "call", "--json", server.url, "any")
    assert seen.count("\n") == 1 and '"data":{"a":[1,"' in seen


@pytest.mark.parametrize("error", [False, True])
def test_what_is_printed_as_it_came_is_safe_on_a_terminal(run, start, terminal, serve, error):
    bad = "\u009b2J\x7f\u202e"
    tool = {"name": "any", "description": bad, "inputSchema": {"type": "object"}}
    result = json.dumps(text(bad, isError=error), ensure_ascii=False).encode()
    server = serve({"any": result, "tools/list": json.dumps({"tools": [tool]}, ensure_ascii=False).encode()},
                   connections=5)
    for words, value in [(["call", "--raw", server.url, "any"], json.loads(result)),
                         (["tools", "--json", server.url], [tool])]:
        status, seen = on_terminal(start, terminal, *words, NO_COLOR="1")
        assert status == (error and words[0] == "call") and json.loads(seen) == value
        assert "\\u009b2J\\u007f\\u202e" in seen and not set(bad) - set("2J") & set(seen)
        assert bad.encode() in run(*words).out
    status, seen = on_terminal(start, terminal, "call", "--json", server.url, "any")
    assert status == error and json.loads(seen)["error" if error else "data"] and seen.count("\n") == 1
    assert not set(bad) - set("2J") & set(seen)


def test_very_many_items_and_parameters(run, serve):
    names = ["p%d" % i for i in range(20000)]
    schema = {"type": "object", "properties": {n: {"type": "string"} for n in names}, "required": names[::-1]}
    server = serve({"any": text(*["a"] * 100000)}, connections=3,
                   tools=[ANY, {"name": "wide", "inputSchema": schema}])
    got = run("tools", server.url)
    assert got.status == 0 and got.out.count(b"string, required\n") == len(names)
    assert "missing" in run("call", server.url, "wide", "p1=x").failure(1, "ToolError")
    got = run("call", "--text", server.url, "any")
    assert got.status == 0 and got.out == b"a\n" * 100000


def test_a_failure_on_a_terminal(start, terminal):
    status, seen = on_terminal(start, terminal, "call", "ws://127.0.0.1:%d/" % reserve(), "any", NO_COLOR="1")
    assert status == 4 and json.loads(seen)["error_type"] == "ConnectionError"
    assert seen.startswith('{\n  "success": false,\n')


def test_an_image_is_mentioned_on_a_terminal(start, terminal, serve, tmp_path):
    server = serve({"any": items()}, connections=3)
    status, seen = on_terminal(start, terminal, "call", server.url, "any", NO_COLOR="1")
    assert "wsmcp: image: image/png, 18 bytes\n" in seen and "wsmcp: audio: audio/wav, 1000 bytes\n" in seen
    assert '"omitted": "image/png, 18 bytes"' in seen and PNG not in seen
    status, seen = on_terminal(start, terminal, "call", "--json", server.url, "any")
    assert PNG in seen
    status, seen = on_terminal(start, terminal, "call", "--save", tmp_path, server.url, "any", NO_COLOR="1")
    assert "wsmcp: image: image/png, 18 bytes, saved as %s/any-1.png\n" % tmp_path in seen
    assert '"saved": "%s/any-1.png"' % tmp_path in seen


def test_text_on_a_terminal_is_escaped(start, terminal, serve):
    server = serve({"any": text("a\tb\r\n\x1b[2J\u202e\0é")})
    status, seen = on_terminal(start, terminal, "call", "--text", server.url, "any")
    assert status == 0 and "\\x1b[2J\\u202e\\x00é\n" in seen and "\x1b" not in seen


def test_tools_fit_the_terminal(start, terminal, serve):
    tool = {"name": "t", "description": "word " * 50}
    server = serve(tools=[tool], connections=2)
    status, seen = on_terminal(start, terminal, "tools", server.url, columns=50)
    lines = seen.split("\n")
    assert lines[0] == "\x1b[1mt\x1b[0m" and max(map(len, lines)) in range(45, 51)
    status, seen = on_terminal(start, terminal, "tools", server.url, NO_COLOR="1", columns=60)
    assert seen.split("\n")[0] == "t" and max(map(len, seen.split("\n"))) in range(55, 61)


def progressing(conn, message, *steps):
    for done, total, word in steps:
        params = {"progressToken": message["params"]["_meta"]["progressToken"], "progress": done}
        if total:
            params["total"] = total
        if word:
            params["message"] = word
        notify(conn, "notifications/progress", **params)


def test_a_progress_bar(start, terminal, peer):
    p, t = peer(), terminal(columns=60)
    child = start("call", p.url(), "any", stderr=t.theirs, env={"TERM": "xterm"})
    conn = p.open()
    serve_initialize(conn)
    conn.send_result(read_call(conn, "tools/list")["id"], {"tools": TOOLS})
    call = read_call(conn, "tools/call")
    progressing(conn, call, (1, 4, "one\x1b[2J"))
    t.read(until=b" 25%  one\\x1b[2J\x1b[K\r")
    progressing(conn, call, (2, 4, None), (3, 4, "\u4f60" * 60))
    seen = t.read(until=b" 75%")  # which is shown in the end, though it came too early
    conn.send_result(call["id"], text("x"))
    out = child.stdout.readline()
    conn.answer_close()
    assert child.wait(DEADLINE) == 0
    t.release()
    seen = without_runner(t.read())
    assert seen.endswith("\x1b[K\r") and seen[:-4].endswith("\x1b[K\r"), seen  # erased
    assert json.loads(out)["data"] == "x"
    assert "[##--------]  25%" in seen and "\x1b[2J" not in seen


def test_progress_without_a_total_counts(start, terminal, peer):
    p, t = peer(), terminal(columns=60)
    child = start("call", p.url(), "any", stderr=t.theirs, env={"TERM": "xterm"})
    conn = p.open()
    serve_initialize(conn)
    conn.send_result(read_call(conn, "tools/list")["id"], {"tools": TOOLS})
    call = read_call(conn, "tools/call")
    progressing(conn, call, (17, None, "files"))
    t.read(until=b"17  files\x1b[K\r")
    conn.send_result(call["id"], text("x"))
    conn.answer_close()
    assert child.wait(DEADLINE) == 0


@pytest.mark.parametrize("env, args", [({"TERM": "dumb"}, []), ({"TERM": "xterm"}, ["-q"])], ids=["dumb", "quiet"])
def test_no_progress_bar(start, terminal, serve, env, args):
    server, t = serve(says("x")), terminal()
    child = start("call", *args, server.url, "any", stderr=t.theirs, env=env)
    t.release()
    assert without_runner(t.read()) == "" and child.wait(DEADLINE) == 0
    assert "_meta" not in server.calls()[0]  # no progress is asked for


def test_progress_is_not_drawn_too_often(start, terminal, peer):
    p, t = peer(), terminal()
    child = start("call", p.url(), "any", stderr=t.theirs, env={"TERM": "xterm"})
    conn = p.open()
    serve_initialize(conn)
    conn.send_result(read_call(conn, "tools/list")["id"], {"tools": TOOLS})
    call = read_call(conn, "tools/call")
    before = time.monotonic()
    progressing(conn, call, *[(n, 1000, "") for n in range(1000)])
    conn.send_result(call["id"], text("x"))
    child.stdout.readline()
    seconds = time.monotonic() - before
    conn.answer_close()
    assert child.wait(DEADLINE) == 0
    t.release()
    assert 1 <= t.read().count("%") <= 2 + seconds * 10
