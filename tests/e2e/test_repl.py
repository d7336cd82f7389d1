"""wsmcp repl: scripts on stdin, and people at a terminal (driven in tmux; the screens they see stand here)."""

import contextlib
import fcntl
import itertools
import json
import os
import re
import select
import shlex
import shutil
import signal
import stat
import struct
import subprocess
import tempfile
import termios
import textwrap
import threading
import time

import pytest

from bridge import BINARY, FAULT_STATUS, RUNNER, clean_environment
from peer import DEADLINE, SCALE, VARIANT, Gone

TMUX = shutil.which("tmux")
# For others ncurses keeps a few bytes to itself, which would be called a leak.
TERM = "screen" if VARIANT == "plain" else "linux"
at_terminal = pytest.mark.skipif(TMUX is None, reason="needs tmux")

TOOLS = [
    {"name": "echo", "description": "Says it again.", "inputSchema": {
        "type": "object", "required": ["message"], "properties": {
            "message": {"type": "string", "description": "What to say"},
            "mode": {"enum": ["slow", "fast"]}}}},
    {"name": "echo_all", "inputSchema": {"type": "object"}},
    {"name": "work", "inputSchema": {"type": "object"}},
    {"name": "odd name", "inputSchema": {"type": "object"}},
]
HOLD = object()  # a request that is not answered yet
# Whatever could move a cursor, hide text or turn it round.
HOSTILE = "a\x1b[2J\x1b]0;title\x07b\x7fc\x9b31md\u202ee\u2066f\rg\x08h"
HARMLESS = r"a\x1b[2J\x1b]0;title\x07b\x7fc\u009b31md\u202ee\u2066f"


class Refusal(Exception):
    """A JSON-RPC error."""


def text(*texts, **more):
    return {"content": [{"type": "text", "text": t} for t in texts], **more}


class Server:
    """An MCP server that answers as a test says, and remembers what it was told."""

    def __init__(self, make_peer):
        self.make_peer = make_peer
        self.directory = tempfile.mkdtemp(prefix="wsmcp-repl-")  # a socket's path must be short
        self.args = ("--unix-socket", self.directory + "/socket", "ws://demo/mcp")
        self.conn = None
        self.closing = False
        self.lock = threading.Lock()
        self.seen = []  # all messages, in order
        self.changed = threading.Condition()
        self.tools = {}  # name: function(arguments) -> result
        self.answers = {  # method: function(params) -> result
            "initialize": self.initialize,
            "ping": lambda params: {},
            "tools/list": lambda params: {"tools": TOOLS},
            "tools/call": lambda params: self.tools[params["name"]](params.get("arguments", {})),
        }
        self.capabilities = {"tools": {"listChanged": True}, "resources": {"subscribe": True}, "prompts": {}}
        self.tools["echo"] = lambda arguments: text(arguments["message"])
        self.tools["work"] = lambda arguments: HOLD
        self.start()

    def initialize(self, params):
        return {"protocolVersion": params["protocolVersion"], "capabilities": self.capabilities,
                "serverInfo": {"name": "demo", "version": "1.0"}}

    def start(self):
        self.peer = self.make_peer(unix_path=self.args[1])
        self.peer.run(self.serve, self.peer)

    def stop(self):
        """As when its process ends: nobody listens, and the connection is gone."""
        self.peer.listener.close()
        os.unlink(self.args[1])
        if self.conn:
            self.conn.close()

    def close(self):
        self.closing = True
        shutil.rmtree(self.directory, ignore_errors=True)

    def serve(self, peer):
        while not self.closing and peer is self.peer:
            try:
                conn = peer.accept(timeout=0.2)
            except TimeoutError:
                continue
            except (OSError, ValueError):
                return  # stopped
            with contextlib.suppress(Gone):
                conn.open()
                self.conn = conn
                self.talk(conn)

    def talk(self, conn):
        while not self.closing:
            try:
                message = conn.read_json(timeout=0.2)
            except TimeoutError:
                continue
            except Gone:
                if conn.close_seen:
                    conn.send_close(conn.close_seen[0])
                    conn.close()
                raise
            with self.changed:
                self.seen.append(message)
                self.changed.notify_all()
            if "method" in message and "id" in message:
                self.answer(message)

    def answer(self, message):
        reply = {"jsonrpc": "2.0", "id": message["id"]}
        try:
            if message["method"] not in self.answers:
                raise Refusal(-32601, "no such method")
            result = self.answers[message["method"]](message.get("params", {}))
            if result is HOLD:
                return
            reply["result"] = result
        except Refusal as refusal:
            reply["error"] = dict(zip(("code", "message", "data"), refusal.args))
        self.send(reply)

    def send(self, message):
        with self.lock:
            # With as few escapes as JSON allows, so that the rest is up to us.
            self.conn.send_text(json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False))

    def notify(self, method, **params):
        self.send({"method": method, "params": params})

    def find(self, method, count=1, timeout=None):
        """Waits for the message number count with this method."""
        return self.await_message(lambda m: m.get("method") == method, method, count, timeout)

    def find_answer(self, ident):
        return self.await_message(lambda m: "method" not in m and m.get("id") == ident, "answer %r" % ident)

    def await_message(self, wanted, what, count=1, timeout=None):
        end = time.monotonic() + (timeout or DEADLINE)
        with self.changed:
            while True:
                found = [m for m in self.seen if wanted(m)]
                if len(found) >= count:
                    return found[count - 1]
                if not self.changed.wait(end - time.monotonic()):
                    raise TimeoutError("no %s came; %r" % (what, self.seen))


@pytest.fixture
def server(peer):
    made = Server(peer)
    yield made
    made.close()


# ---------------------------------------------------------------------------------------------
# Scripts


class Run:
    """A REPL that reads a script."""

    def __init__(self, home, *args, env=None, stdout=subprocess.PIPE):
        self.process = subprocess.Popen(
            [*RUNNER, BINARY, "repl", *args], stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.PIPE,
            env=clean_environment(home, env), cwd=str(home))
        self.ended = False

    def say(self, *lines):
        self.process.stdin.write("".join(line + "\n" for line in lines).encode())
        self.process.stdin.flush()

    def finish(self, *lines):
        """Says the rest, and ends. Returns (status, stdout, stderr)."""
        data = "".join(line + "\n" for line in lines).encode()
        out, err = self.process.communicate(data, timeout=DEADLINE)
        self.ended = True
        err = "".join(x for x in err.decode().splitlines(True) if not re.match(r"==\d+==|--\d+--", x))
        assert self.process.returncode != FAULT_STATUS and "Sanitizer" not in err, err
        return self.process.returncode, (out or b"").decode(), err

    def close(self):
        if not self.ended:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def run(home, server, cleanup):
    def start(*args, **options):
        cleanup.append(Run(home, *args, *server.args, **options))
        return cleanup[-1]

    return start


def test_a_script_prints_results(run, server):
    server.answers["resources/list"] = lambda params: {"resources": [
        {"uri": "test://one", "name": "One", "mimeType": "text/plain", "description": "The first"}]}
    server.answers["resources/templates/list"] = lambda params: {"resourceTemplates": [
        {"uriTemplate": "test://{id}", "name": "Any"}]}
    server.answers["resources/read"] = lambda params: {"contents": [
        {"uri": params["uri"], "text": "two\nlines\n"},
        {"uri": params["uri"], "blob": "AAEC", "mimeType": "image/png"}]}
    server.answers["prompts/list"] = lambda params: {"prompts": [
        {"name": "review", "description": "Looks at code", "arguments": [
            {"name": "code", "required": True}, {"name": "style", "description": "How strict"}]}]}
    server.answers["prompts/get"] = lambda params: {"messages": [
        {"role": "user", "content": {"type": "text", "text": json.dumps(params["arguments"])}}]}
    server.answers["completion/complete"] = lambda params: {"completion": {
        "values": ["python", params["argument"]["value"]], "total": 7, "hasMore": True}}
    server.answers["logging/setLevel"] = lambda params: {}
    status, out, err = run().finish(
        "tools", "", "# a comment", "call echo message='two words'", 'call echo {"message": "it\'s"}', "resources",
        "read test://one", "prompts", 'prompt review code="a b" style=x=y',
        "complete prompt review style py code=x", "log debug",
        'send {"method": "ping"}', 'send {"method": "notifications/initialized"}', "help ping", "quit", "never")
    assert err == ""
    assert status == 0
    assert out == textwrap.dedent("""\
        echo
          Says it again.
            message  string, required
                     What to say
            mode     one of "slow", "fast"

        echo_all

        work

        odd name
        two words
        it's
        test://one  One (text/plain)
          The first
        test://{id}  Any
        two
        lines
        [image/png, 3 bytes]
        review
          Looks at code
            code  required
            style
              How strict
        user:
        {"code": "a b", "style": "x=y"}
        python
        py
        ... and more, 7 in all
        ok
        {}
          ping                  ask whether the server answers
        """)
    assert server.find("completion/complete")["params"] | {"_meta": 0} == {
        "ref": {"type": "ref/prompt", "name": "review"}, "argument": {"name": "style", "value": "py"},
        "context": {"arguments": {"code": "x"}}, "_meta": 0}
    assert server.find("logging/setLevel")["params"]["level"] == "debug"
    server.find("notifications/initialized", 2)


def test_what_a_tool_gives_is_shown(run, server):
    server.tools["echo"] = lambda arguments: {
        "structuredContent": {"big": 9007199254740993, "list": [1, {"x": None}]}, "content": [
            {"type": "text", "text": "the same as text"},
            {"type": "image", "data": "AAECAw==", "mimeType": "image/png"}]}
    server.tools["work"] = lambda arguments: {"content": [
        {"type": "text", "text": "one"}, {"type": "audio", "data": "AAEC", "mimeType": "audio/wav"},
        {"type": "resource", "resource": {"uri": "test://x", "text": "inside"}},
        {"type": "resource_link", "uri": "test://y", "name": "y"}]}
    server.tools["odd name"] = lambda arguments: text()
    status, out, err = run().finish("call echo message=x", "call work", "call 'odd name'", "tool echo_all")
    assert (status, err) == (0, "")
    assert out == textwrap.dedent("""\
        {
          "big": 9007199254740993,
          "list": [
            1,
            {
              "x": null
            }
          ]
        }
        [image/png, 4 bytes]
        one
        [audio/wav, 3 bytes]
        test://x
        inside
        {
          "type": "resource_link",
          "uri": "test://y",
          "name": "y"
        }
        (no content)
        echo_all
        inputSchema: {
          "type": "object"
        }
        """)


@pytest.mark.parametrize("lines,status,error", [
    (["nonsense"], 2, 'there is no command "nonsense"; "help" lists all'),
    (["tolls"], 2, 'there is no command "tolls"; tools is the nearest, "help" lists all'),
    (["tool"], 2, "usage: tool NAME"),
    (["ping x"], 2, "usage: ping"),
    (["call echo 'x"], 2, "the line ends within a word: its ' stands alone"),
    (["call nobody"], 1, 'the server has no tool "nobody"; it has '),
    (["call echo"], 1, 'missing for tool "echo": "message"'),
    (["call echo mesage=x"], 1, "mesage"),
    (["call echo {\"message\": 1}"], 1, "message"),
    (["call echo {x"], 1, "the arguments are not a JSON object in UTF-8"),
    (["call echo message=x mode=middle"], 1, "mode"),
    (["prompt x y"], 2, '"y" is not key=value'),
    (["complete tool x y"], 2, "usage: complete"),
    (["log loud"], 2, "the levels are debug, info"),
    (["trace maybe"], 2, "usage: trace on|off"),
    (["send x"], 2, "a JSON object is wanted"),
    (["send {}"], 2, "a JSON object is wanted"),
    (["help x"], 2, 'there is no command "x"'),
    (["read test://none"], 1, "no such method"),
    (["ping", "read test://none", "nonsense"], 1, "no such method"),
    (["nonsense", "read test://none", "ping"], 2, "nonsense"),
])
def test_the_status_is_that_of_the_first_command_that_failed(run, lines, status, error):
    got, out, err = run().finish(*lines)
    assert got == status
    assert err.startswith("wsmcp: error: ") and error in err.splitlines()[0]
    assert out.count("answered after") == lines.count("ping")  # others go on


def test_help_has_80_columns(run):
    status, out, err = run().finish("help")
    assert (status, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    assert re.findall(r"^  (\w+)", out, re.M) == [
        "tools", "tool", "call", "resources", "read", "subscribe", "unsubscribe", "prompts", "prompt", "complete",
        "log", "ping", "send", "trace", "help", "quit"]


def test_each_command_waits_for_its_answer(run, server):
    repl = run()
    repl.say("call work", "call echo message=after")
    call = server.find("tools/call")
    with pytest.raises(TimeoutError):
        server.find("tools/call", 2, timeout=0.3 * SCALE)
    server.send({"id": call["id"], "result": text("worked")})
    status, out, err = repl.finish()
    assert (status, out, err) == (0, "worked\nafter\n", "")


def test_the_last_line_needs_no_newline(run):
    repl = run()
    repl.process.stdin.write(b"tools\r\ncall echo message=last")
    status, out, err = repl.finish()
    assert (status, err) == (0, "")
    assert out.endswith("odd name\nlast\n")


def test_a_line_over_the_limit_is_skipped(run):
    status, out, err = run("--max-message", "200K").finish(
        "call echo message=" + "x" * 300000, "call echo message=y")
    assert (status, out) == (2, "y\n")
    assert "a line is over the limit" in err


def test_a_tool_that_fails(run, server):
    server.tools["work"] = lambda arguments: text("out of paper", isError=True)

    def refuse(arguments):
        raise Refusal(-32000, "no power", {"socket": 2})

    server.tools["echo_all"] = refuse
    status, out, err = run().finish("call work", "call echo_all")
    assert (status, out) == (1, "out of paper\n")
    assert err == 'wsmcp: error: the tool says that it failed\nwsmcp: error: no power\n{\n  "socket": 2\n}\n'


def test_what_the_server_says_unasked_is_no_result(run, server):
    def work(arguments):
        server.notify("notifications/message", level="warning", logger="db", data="disk is full")
        server.notify("notifications/message", level="info", data={"left": 3})
        server.notify("notifications/resources/updated", uri="test://one")
        server.notify("notifications/resources/list_changed")
        server.notify("notifications/own", x=HOSTILE)
        return text("done")

    server.tools["work"] = work
    status, out, err = run().finish("call work")
    assert (status, out) == (0, "done\n")
    assert err.splitlines() == [
        "* log warning (db): disk is full", '* log info: {"left": 3}', "* resource updated: test://one",
        "* the list of resources has changed",
        # JSON has escapes of its own; what it leaves is escaped here.
        '* notifications/own {"x": "a\\u001b[2J\\u001b]0;title\\u0007b\\x7fc\\u009b31md\\u202ee\\u2066f\\rg\\bh"}']


def test_text_of_the_server_steers_nothing(run, server):
    server.tools["work"] = lambda arguments: text(HOSTILE, structuredContent=None)
    server.tools["echo"] = lambda arguments: text(structuredContent={HOSTILE: HOSTILE})

    def refuse(params):
        raise Refusal(-32000, HOSTILE)

    server.answers["ping"] = refuse
    server.answers["tools/list"] = lambda params: {"tools": [*TOOLS, {
        "name": "evil" + HOSTILE, "description": HOSTILE, "inputSchema": {
            "type": "object", "properties": {HOSTILE: {"type": "string", "description": HOSTILE}}}}]}
    server.answers["resources/read"] = lambda params: {"contents": [{"uri": "x", "text": HOSTILE}]}
    server.answers["prompts/get"] = lambda params: {"messages": [
        {"role": HOSTILE, "content": {"type": "text", "text": HOSTILE}}]}
    server.answers["completion/complete"] = lambda params: {"completion": {"values": [HOSTILE]}}
    status, out, err = run().finish(
        "tools", "call work", "call echo message=x", "ping", "read x", "prompt x", "complete prompt x y",
        "trace on", "call work")
    assert status == 1
    for shown in (out, err):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]", shown)
        assert HARMLESS in shown
    assert len(re.findall("^-> |^<- ", err, re.M)) == 2


def test_trace_shows_messages_both_ways(run):
    status, out, err = run().finish("trace on", "ping", "trace off", "ping")
    assert status == 0 and out.count("answered") == 2
    sent, got = err.splitlines()
    assert sent.startswith("-> {") and json.loads(sent[3:])["method"] == "ping"
    assert got.startswith("<- {") and json.loads(got[3:])["result"] == {}


def test_nobody_is_there_to_be_asked(run, server):
    def work(arguments):
        server.send({"id": 77, "method": "elicitation/create", "params": {
            "message": "Who?", "requestedSchema": {"type": "object", "properties": {"x": {"type": "string"}}}}})
        return HOLD

    server.tools["work"] = work
    repl = run()
    repl.say("call work")
    assert server.find_answer(77)["result"] == {"action": "cancel"}
    server.send({"id": server.find("tools/call")["id"], "result": text("anyway")})
    status, out, err = repl.finish()
    assert (status, out) == (0, "anyway\n")
    assert err == "wsmcp: warning: the server asks for input, and there is nobody to ask: cancelled\n"


def test_a_script_outlives_a_server(run, server):
    repl = run()
    repl.say("call echo message=one")
    assert repl.process.stdout.readline() == b"one\n"
    server.stop()
    server.start()
    server.find("initialize", 2)
    repl.say("call echo message=two")
    server.find("tools/call", 2)
    status, out, err = repl.finish()
    assert (status, out) == (0, "two\n")
    assert "lost the connection" in err and "is back" in err


def test_no_reconnect_ends_it(run, server):
    repl = run("--no-reconnect")
    repl.say("call work")
    server.find("tools/call")
    server.stop()
    assert repl.process.wait(DEADLINE) == 4  # while its input is open
    status, out, err = repl.finish()
    assert (status, out) == (4, "")
    assert "lost the connection" in err


def test_a_server_that_is_not_there(home, server, cleanup):
    server.stop()
    cleanup.append(Run(home, "--offline-timeout", "0.3", *server.args))
    status, out, err = cleanup[-1].finish("ping")
    assert (status, out) == (4, "")
    assert "cannot connect" in err


@pytest.mark.parametrize("args,status", [
    ((), 2), (("ws://127.0.0.1:1/", "more"), 2), (("--linger", "3", "x"), 2), (("nobody",), 3),
    (("http://127.0.0.1/",), 2)])
def test_a_wrong_command_line(home, cleanup, args, status):
    cleanup.append(Run(home, *args))
    got, out, err = cleanup[-1].finish()
    assert (got, out) == (status, "")
    assert err.startswith("wsmcp: error: ") and err.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.prompt
def test_a_signal_cancels_and_ends(run, server, number):
    repl = run()
    repl.say("call work")
    call = server.find("tools/call")
    repl.process.send_signal(number)
    assert server.find("notifications/cancelled")["params"]["requestId"] == call["id"]
    status, out, err = repl.finish()
    assert (status, out) == (-number, "")


def test_nobody_reads_the_results(run, server, home, cleanup):
    read, write = os.pipe()
    os.close(read)
    cleanup.append(Run(home, *server.args, stdout=write))
    os.close(write)
    cleanup[-1].say("call echo message=x")
    assert cleanup[-1].process.wait(DEADLINE) == 0  # while its input is open


def test_what_2026_07_28_does_in_another_way(run, server):
    def discover(params):
        return {"resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": server.capabilities,
                "serverInfo": {"name": "modern", "version": "2"}}

    server.answers["server/discover"] = discover
    server.answers["subscriptions/listen"] = lambda params: HOLD
    repl = run("--protocol", "modern")
    repl.say("subscribe test://one", "subscribe test://two")
    first, second = server.find("subscriptions/listen"), server.find("subscriptions/listen", 2)
    repl.say("unsubscribe test://one", "unsubscribe test://none")
    assert first["params"]["notifications"] == {"resourceSubscriptions": ["test://one"]}
    assert server.find("notifications/cancelled")["params"]["requestId"] == first["id"]
    server.notify("notifications/resources/updated", uri="test://two")
    server.send({"id": second["id"], "result": {"resultType": "complete"}})
    server.answers["tools/list"] = lambda params: {"resultType": "complete", "tools": []}
    status, out, err = repl.finish("tools")
    assert (status, out) == (1, "the server has no tools\n")
    assert "there is no subscription to test://none" in err
    assert "* resource updated: test://two\n" in err
    assert "the subscription to test://two has ended" in err


# ---------------------------------------------------------------------------------------------
# A terminal


class Terminal:
    """A terminal of a fixed size in a tmux of its own."""

    numbers = itertools.count()

    def __init__(self, home, *args, size=(80, 24), env=None, before="", shell=False):
        self.directory = tempfile.mkdtemp(prefix="wsmcp-tmux-")
        self.name = "wsmcp-%d-%d" % (os.getpid(), next(self.numbers))
        self.env = {**clean_environment(home, env), "TMUX_TMPDIR": self.directory}
        self.home = home
        self.size = size
        self.command = shlex.join([*RUNNER, BINARY, "repl", *args])
        script = before + self.command + "; echo \"[ended with $?]\"; exec cat"
        self.tmux("start-server", ";", "set-option", "-g", "default-terminal", TERM, ";", "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]),
                  "PS1='$ ' exec sh -i" if shell else script)

    def tmux(self, *args):
        return subprocess.run(
            [TMUX, "-L", self.name, "-f", "/dev/null", "-u", *args], env=self.env, cwd=str(self.home),
            check=True, capture_output=True, timeout=DEADLINE).stdout.decode()

    def keys(self, *keys):
        """Presses keys; a text of several characters is typed."""
        self.tmux("send-keys", *keys)

    def type(self, line):
        self.tmux("send-keys", "-l", "--", line)

    def enter(self, line):
        self.type(line)
        self.keys("Enter")

    def resize(self, columns, rows):
        """Returns when the program can know it: tmux takes its time to tell."""
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))
        end = time.monotonic() + DEADLINE
        with open(self.tmux("display-message", "-p", "#{pane_tty}").strip(), "rb") as tty:
            while termios.tcgetwinsize(tty) != (rows, columns):
                assert time.monotonic() < end
                time.sleep(0.01)

    def screen(self, *flags):
        """What stands on the screen, without what differs from run to run."""
        shown = self.tmux("capture-pane", "-p", *flags)
        shown = "\n".join(line.rstrip() for line in shown.split("\n")).rstrip("\n")
        shown = re.sub(r"(answered|back) after \d+(\.\d+)? m?s", r"\1 after N s", shown)
        return re.sub(r"^==\d+==.*\n?", "", shown, flags=re.M)

    def wait_cursor(self, column, row):
        end = time.monotonic() + DEADLINE
        while self.tmux("display-message", "-p", "#{cursor_x} #{cursor_y}").split() != [str(column), str(row)]:
            assert time.monotonic() < end
            time.sleep(0.02)

    def wait_pressed(self, count):
        """Waits until so many keys wait for the program to read them."""
        end = time.monotonic() + DEADLINE
        tty = os.open(self.tmux("display-message", "-p", "#{pane_tty}").strip(), os.O_RDONLY | os.O_NOCTTY)
        while struct.unpack("i", fcntl.ioctl(tty, termios.FIONREAD, b"    "))[0] != count:
            assert time.monotonic() < end
            time.sleep(0.01)
        os.close(tty)

    def wait(self, good, what, *flags):
        end = time.monotonic() + DEADLINE
        while True:
            shown = self.screen(*flags)
            if good(shown):
                return shown
            if time.monotonic() > end:
                pytest.fail("the screen has not become\n%s\nbut is\n%s" % (what, shown), pytrace=False)
            time.sleep(0.02)  # between two looks

    def shows(self, expected):
        """Waits until this is the whole screen."""
        expected = textwrap.dedent(expected).strip("\n")
        self.wait(lambda shown: shown == expected, expected)

    def ends(self, expected):
        """Waits until this is the end of the screen: what a narrower window pushes out is up to tmux."""
        expected = textwrap.dedent(expected).strip("\n")
        self.wait(lambda shown: shown.endswith(expected), "...\n" + expected)

    def has(self, part, *flags):
        """Waits until this is somewhere on the screen."""
        return self.wait(lambda shown: part in shown, "..." + part, *flags)

    def close(self):
        with contextlib.suppress(subprocess.SubprocessError):
            self.tmux("kill-server")
        shutil.rmtree(self.directory, ignore_errors=True)


@pytest.fixture
def terminal(home, server, cleanup):
    def start(*args, ready=True, **options):
        cleanup.append(Terminal(home, *args, *server.args, **options))
        if ready:
            cleanup[-1].has("demo>")
        return cleanup[-1]

    return start


def test_tmux_is_there():
    """Without it the tests of what a person sees do not run: they count as failed in CI."""
    assert TMUX or os.environ.get("CI") != "true"


@at_terminal
def test_words_are_completed(terminal, server):
    server.answers["resources/list"] = lambda params: {"resources": [{"uri": "test://one"}, {"uri": "test://two"}]}
    server.answers["prompts/list"] = lambda params: {"prompts": [
        {"name": "review", "arguments": [{"name": "code"}]}]}
    t = terminal()
    server.find("prompts/list")
    t.keys("c", "a", "Tab", "e", "Tab")
    t.has("demo> call echo")
    t.keys("Tab")
    t.has("echo      echo_all")
    t.keys(" ", "m", "Tab")
    t.has("message=  mode=")
    t.keys("o", "Tab", "s", "Tab")
    t.keys("m", "e", "Tab", "'", "h", "i", "'", "Enter")
    t.enter("tool o\t")
    t.keys("r", "e", "a", "Tab", "t", "Tab", "o", "Tab")
    t.has("demo> read test://one")
    t.keys("C-u")
    t.type("prompt r\tc\t")
    t.shows("""
        connecting to ws://demo/mcp
        connected to demo 1.0, MCP 2025-11-25; "help" lists the commands
        echo      echo_all
        message=  mode=
        demo> call echo mode=slow message='hi'
        hi
        demo> tool "odd name"
        odd name
        inputSchema: {
          "type": "object"
        }
        demo> prompt review code=
        """)


@at_terminal
def test_earlier_lines_come_back(terminal, server, home):
    t = terminal()
    t.enter("call echo message=one")
    t.has("one\ndemo>")
    t.enter(" call echo message=secret")
    t.has("secret\ndemo>")
    t.enter("nonsense")
    t.has("lists all\ndemo>")
    t.keys("Up", "Up")
    t.has("demo> call echo message=one\none\ndemo>  call")
    t.has("lists all\ndemo> call echo message=one")
    t.keys("C-c", "C-d")
    t.has("[ended with 0]")
    t.shows("""
        connecting to ws://demo/mcp
        connected to demo 1.0, MCP 2025-11-25; "help" lists the commands
        demo> call echo message=one
        one
        demo>  call echo message=secret
        secret
        demo> nonsense
        error: there is no command "nonsense"; "help" lists all
        demo> call echo message=one^C
        demo> ^D
        [ended with 0]
        """)
    state = home / ".local/state/wsmcp"
    assert (state / "history").read_text() == "call echo message=one\nnonsense\n"
    assert stat.S_IMODE((state / "history").stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700

    t = terminal()
    t.keys("Up", "Up")
    t.has("demo> call echo message=one")
    t.keys("C-c", "C-r")
    t.type("nons")
    t.has("demo> nonsense\nbck:nons")
    t.keys("Enter")
    t.shows("""
        connecting to ws://demo/mcp
        connected to demo 1.0, MCP 2025-11-25; "help" lists the commands
        demo> call echo message=one^C
        demo> nonsense
        error: there is no command "nonsense"; "help" lists all
        demo>
        """)


@at_terminal
def test_the_history_is_where_xdg_says(terminal, home):
    state = home / "state"
    t = terminal(env={"XDG_STATE_HOME": str(state)})
    t.enter("ping")
    t.has("answered after N s\ndemo>")
    assert (state / "wsmcp/history").read_text() == "ping\n"


@at_terminal
def test_what_is_pushed_stands_above_the_line_being_typed(terminal, server):
    t = terminal(size=(60, 12))
    t.type("call echo message='a long line that goes on behind the edge")
    t.has("the\n edge")
    t.keys("Left", "Left", "Left", "Left")
    server.notify("notifications/message", level="warning", logger="db", data="the disk is full")
    t.shows("""
        connecting to ws://demo/mcp
        connected to demo 1.0, MCP 2025-11-25; "help" lists the comm
        ands
        * log warning (db): the disk is full
        demo> call echo message='a long line that goes on behind the
         edge
        """)
    t.wait_cursor(1, 5)
    t.type("other ")
    server.notify("notifications/resources/updated", uri="test://one")
    server.notify("notifications/tools/list_changed")
    t.keys("C-e", "'", "Enter")
    t.shows("""
        connected to demo 1.0, MCP 2025-11-25; "help" lists the comm
        ands
        * log warning (db): the disk is full
        * resource updated: test://one
        * the list of tools has changed
        demo> call echo message='a long line that goes on behind the
         other edge'
        a long line that goes on behind the other edge
        demo>
        """.replace("        connected", "        connecting to ws://demo/mcp\n        connected"))
    server.find("tools/list", 2)  # for the next Tab


@at_terminal
def test_a_server_restarts_while_one_types(terminal, server):
    t = terminal()
    t.type("call echo message=hal")
    t.has("message=hal")
    server.stop()
    t.has("trying again\ndemo> call echo message=hal")
    t.type("f way")
    t.keys("Left", "Left", "Left", "Left", "\\")
    t.has("message=half\\ way")
    server.start()
    t.has("is back")
    t.keys("Enter")
    t.shows("""
        connecting to ws://demo/mcp
        connected to demo 1.0, MCP 2025-11-25; "help" lists the commands
        warning: lost the connection to ws://demo/mcp: the connection ended without a cl
        ose frame; trying again
        warning: the connection to ws://demo/mcp is back after N s
        * the list of tools has changed
        demo> call echo message=half\\ way
        half way
        demo>
        """)


@at_terminal
def test_ctrl_c_cancels_the_running_call(terminal, server):
    t = terminal()
    t.enter("call work")
    call = server.find("tools/call")
    server.notify("notifications/progress", progressToken=call["params"]["_meta"]["progressToken"],
                  progress=3, total=10, message="three of ten")
    t.shows("""
        connecting to ws://demo/mcp
        connected to demo 1.0, MCP 2025-11-25; "help" lists the commands
        demo> call work
        [#########---------------------]  30%  three of ten
        """)
    server.notify("notifications/message", level="info", data="still there")
    t.has("* log info: still there")
    t.keys("C-c")
    cancelled = server.find("notifications/cancelled")
    assert cancelled["params"]["requestId"] == call["id"]
    t.shows("""
        connecting to ws://demo/mcp
        connected to demo 1.0, MCP 2025-11-25; "help" lists the commands
        demo> call work
        * log info: still there
        cancelled
        demo>
        """)
    t.enter("call echo message=next")
    t.has("next\ndemo>")
    t.keys("C-d")
    t.has("[ended with 0]")


@at_terminal
def test_ctrl_c_clears_the_line(terminal):
    t = terminal(size=(30, 10))
    t.type("a line that is longer than the terminal is wide")
    t.has("is wide")
    t.keys("C-a", "C-c")
    t.shows("""
        connecting to ws://demo/mcp
        connected to demo 1.0, MCP 202
        5-11-25; "help" lists the comm
        ands
        demo> a line that is longer th
        an the terminal is wide^C
        demo>
        """)


@at_terminal
def test_what_is_typed_while_a_call_runs_is_not_lost(terminal, server):
    t = terminal()
    t.enter("call work")
    call = server.find("tools/call")
    t.enter("call echo message=ahead")
    server.send({"id": call["id"], "result": text("worked")})
    t.shows("""
        connecting to ws://demo/mcp
        connected to demo 1.0, MCP 2025-11-25; "help" lists the commands
        demo> call work
        worked
        demo> call echo message=ahead
        ahead
        demo>
        """)


FORM = {"message": "Who are you?\nAnd why \x1b[31mhere\u202e?", "requestedSchema": {
    "type": "object", "required": ["name", "age", "tags"], "properties": {
        "name": {"type": "string", "title": "Your name", "description": "As in the passport", "minLength": 2},
        "age": {"type": "integer", "minimum": 18},
        "mail": {"type": "string", "format": "email"},
        "colour": {"type": "string", "oneOf": [{"const": "r", "title": "Red"}, {"const": "g", "title": "Green"}],
                   "default": "g"},
        "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b", "c"]}},
        "sure": {"type": "boolean", "default": True}}}}


def ask(server, params, ident=77):
    server.send({"id": ident, "method": "elicitation/create", "params": params})


@at_terminal
def test_the_server_asks_with_a_form(terminal, server):
    t = terminal(size=(70, 64))
    t.enter("call work")
    call = server.find("tools/call")
    ask(server, FORM)
    for answer in ("J", "Jo", "old", "17", "18", "nobody", "", "1", "a, 3", ""):
        t.has("answer:")
        t.enter(answer)
    t.has("accept, decline or cancel?")
    t.enter("what")
    t.enter("a")
    assert server.find_answer(77)["result"] == {"action": "accept", "content": {
        "name": "Jo", "age": 18, "colour": "r", "tags": ["a", "c"], "sure": True}}
    server.send({"id": call["id"], "result": text("thank you")})
    t.shows("""
        connecting to ws://demo/mcp
        connected to demo 1.0, MCP 2025-11-25; "help" lists the commands
        demo> call work

        The server asks you:
          Who are you?
          And why \\x1b[31mhere\\u202e?
        Ctrl-D declines, Ctrl-C cancels.

        Your name (text, at least 2 characters; required)
          As in the passport
        answer: J
        At least 2 characters are needed.
        answer: Jo

        age (integer, at least 18; required)
        answer: old
        An integer is needed, like 42.
        answer: 17
        The smallest is 18.
        answer: 18

        mail (e-mail address; may be left out)
        answer: nobody
        That is no e-mail address.
        answer:

        colour (one of these; may be left out)
            1  Red (r)
            2  Green (g)
          Enter takes: g
        answer: 1

        tags (some of these, with commas between; required)
            1  a
            2  b
            3  c
        answer: a, 3

        sure (yes or no; may be left out)
          Enter takes: yes
        answer:

        Your answers:
        {
          "name": "Jo",
          "age": 18,
          "colour": "r",
          "tags": [
            "a",
            "c"
          ],
          "sure": true
        }
        accept, decline or cancel? what
        accept, decline or cancel? a
        thank you
        demo>
        """)
    t.keys("Up")  # answers are no commands
    t.has("thank you\ndemo> call work")


@at_terminal
@pytest.mark.parametrize("keys,action", [
    (["C-d"], "decline"), (["C-c"], "cancel"), (["J", "o", "C-d"], None), (["J", "o", "C-c"], "cancel")])
def test_a_form_may_be_declined(terminal, server, keys, action):
    t = terminal()
    ask(server, {"message": "Who?", "requestedSchema": {"properties": {"x": {"type": "string"}}}})
    t.has("answer:")
    t.keys(*keys)
    if action is None:  # Ctrl-D behind a text is no end
        t.keys("C-u", "C-d")
        action = "decline"
    assert server.find_answer(77)["result"] == {"action": action}
    t.enter("ping")
    t.has("answered after N s\ndemo>")


@at_terminal
def test_a_question_interrupts_a_line_and_gives_it_back(terminal, server):
    t = terminal()
    t.type("call echo message=half")
    t.keys("Left", "Left")
    t.wait_cursor(len("demo> call echo message=ha"), 2)
    ask(server, {"message": "Which?", "requestedSchema": {"properties": {"x": {"type": "boolean"}}}})
    t.has("answer:")
    t.enter("y")
    t.enter("decline")
    assert server.find_answer(77)["result"] == {"action": "decline"}
    t.shows("""
        connecting to ws://demo/mcp
        connected to demo 1.0, MCP 2025-11-25; "help" lists the commands

        The server asks you:
          Which?
        Ctrl-D declines, Ctrl-C cancels.

        x (yes or no; may be left out)
        answer: y

        Your answers:
        {
          "x": true
        }
        accept, decline or cancel? decline
        demo> call echo message=half
        """)
    t.type("--")
    t.keys("Enter")
    t.has("demo> call echo message=ha--lf\nha--lf\ndemo>")


@at_terminal
def test_keys_pressed_before_a_question_do_not_answer_it(terminal, server):
    t = terminal()
    t.enter("call work")
    server.find("tools/call")
    t.enter("not an answer")
    t.wait_pressed(14)
    ask(server, {"message": "Who?", "requestedSchema": {"properties": {"x": {"type": "string"}}}})
    t.has("answer:")
    t.enter("me")
    t.has("answer: me\n")
    t.enter("accept")
    assert server.find_answer(77)["result"] == {"action": "accept", "content": {"x": "me"}}


@at_terminal
def test_a_question_that_is_withdrawn(terminal, server):
    t = terminal()
    t.type("pi")
    t.has("demo> pi")
    ask(server, {"message": "Quick?", "requestedSchema": {"properties": {"x": {"type": "string"}}}})
    t.has("answer:")
    t.type("slowly")
    t.has("answer: slowly")
    server.notify("notifications/cancelled", requestId=77)
    t.shows("""
        connecting to ws://demo/mcp
        connected to demo 1.0, MCP 2025-11-25; "help" lists the commands

        The server asks you:
          Quick?
        Ctrl-D declines, Ctrl-C cancels.

        x (text; may be left out)
        the server does not want an answer any more
        demo> pi
        """)
    t.enter("ng")
    t.has("answered after N s\ndemo>")
    assert not any(m.get("id") == 77 for m in server.seen)


@at_terminal
def test_a_url_is_shown_whole_and_not_opened(terminal, server, home):
    marker = home / "opened"
    opener = home / "bin"
    opener.mkdir()
    for name in ("xdg-open", "open", "sensible-browser", "x-www-browser", "www-browser"):
        (opener / name).write_text("#!/bin/sh\ntouch %s\n" % marker)
        (opener / name).chmod(0o755)
    t = terminal(env={"PATH": "%s:%s" % (opener, os.environ["PATH"]), "BROWSER": str(opener / "open")})
    ask(server, {"mode": "url", "elicitationId": "1", "message": "Log in",
                 "url": "https://bank.example@evil.example/login?to=\x1b[8m\u202ehidden"})
    t.has("accept, decline or cancel?")
    t.enter("accept")
    assert server.find_answer(77)["result"] == {"action": "accept"}
    t.shows("""
        connecting to ws://demo/mcp
        connected to demo 1.0, MCP 2025-11-25; "help" lists the commands

        The server asks you:
          Log in
        Ctrl-D declines, Ctrl-C cancels.

        It wants you to visit
          https://bank.example@evil.example/login?to=\\x1b[8m\\u202ehidden
          host: evil.example
        wsmcp does not open it. If you trust it, accept, and open it in a browser.
        accept, decline or cancel? accept
        Now open https://bank.example@evil.example/login?to=\\x1b[8m\\u202ehidden
        demo>
        """)
    assert not marker.exists()


@at_terminal
def test_hostile_text_is_harmless_on_a_screen(terminal, server):
    def refuse(params):
        raise Refusal(-32000, HOSTILE)

    server.answers["ping"] = refuse
    server.tools["work"] = lambda arguments: text("one\x1b[1A\x1b[2K" + HOSTILE)
    server.tools["echo"] = lambda arguments: text(structuredContent={"k": HOSTILE})
    server.answers["tools/list"] = lambda params: {"tools": [*TOOLS, {
        "name": "evil\x1b[2J\u202e", "inputSchema": {"type": "object"}}]}
    t = terminal()
    t.enter("call work")
    t.has("x08h\ndemo>")
    t.enter("call echo message=x")
    t.has("}\ndemo>")
    t.enter("ping")
    t.has("error: ")
    server.notify("notifications/message", level="error\x1b[2J", logger="\u202e", data=HOSTILE)
    t.has("* log error")
    t.enter("tool ev\t")
    t.shows(r"""
        connecting to ws://demo/mcp
        connected to demo 1.0, MCP 2025-11-25; "help" lists the commands
        demo> call work
        one\x1b[1A\x1b[2Ka\x1b[2J\x1b]0;title\x07b\x7fc\u009b31md\u202ee\u2066fg\x08h
        demo> call echo message=x
        {
          "k": "a\u001b[2J\u001b]0;title\u0007b\u007fc\u009b31md\u202ee\u2066f\rg\bh"
        }
        demo> ping
        error: a\x1b[2J\x1b]0;title\x07b\x7fc\u009b31md\u202ee\u2066f\x0dg\x08h
        * log error\x1b[2J (\u202e): a\x1b[2J\x1b]0;title\x07b\x7fc\u009b31md\u202ee\u20
        66f\x0dg\x08h
        demo> tool ev
        error: the server has no tool "ev"; it has "evil\x1b[2J\u202e", "echo", "work",
        "echo_all", "odd name"
        demo>
        """)


@at_terminal
def test_ctrl_d_leaves_and_says_goodbye_to_the_server(terminal, server):
    t = terminal(before="stty -a > before; ", )
    t.keys("C-d")
    t.shows("""
        connecting to ws://demo/mcp
        connected to demo 1.0, MCP 2025-11-25; "help" lists the commands
        demo> ^D
        [ended with 0]
        """)
    end = time.monotonic() + DEADLINE
    while not server.conn.close_seen and time.monotonic() < end:
        time.sleep(0.01)
    assert server.conn.close_seen == (1000, "")


def settings(fd):
    """The modes of a terminal, without its speed and size."""
    return termios.tcgetattr(fd)[:4] + termios.tcgetattr(fd)[6:]


class Pty:
    """A terminal without tmux, to look at its modes and take it away. Nothing reads what is not asked for."""

    def __init__(self, home, *args, env=None, nohup=False):
        self.master, self.slave = os.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = settings(self.slave)
        self.shown = b""

        def before():
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            if nohup:
                signal.signal(signal.SIGHUP, signal.SIG_IGN)

        self.process = subprocess.Popen(
            [*RUNNER, BINARY, "repl", *args], stdin=self.slave, stdout=self.slave, stderr=self.slave,
            env=clean_environment(home, {"TERM": TERM, **(env or {})}), cwd=str(home), start_new_session=True,
            preexec_fn=before)

    def wait(self, wanted):
        end = time.monotonic() + DEADLINE
        while wanted not in self.shown:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                pytest.fail("%r did not come: %r" % (wanted, self.shown), pytrace=False)
            self.shown += os.read(self.master, 65536)

    def type(self, keys):
        os.write(self.master, keys)

    def drain(self):
        """Lets the program write until it has ended."""
        end = time.monotonic() + DEADLINE
        while self.process.poll() is None and time.monotonic() < end:
            if select.select([self.master], [], [], 0.05)[0]:
                self.shown += os.read(self.master, 65536)
        return self.process.wait(1)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for fd in (self.master, self.slave):
            if fd is not None:
                os.close(fd)
        assert b"Sanitizer" not in self.shown and self.process.returncode != FAULT_STATUS, self.shown


@pytest.fixture
def pty(home, server, cleanup):
    def start(*args, **options):
        cleanup.append(Pty(home, *args, *server.args, **options))
        return cleanup[-1]

    return start


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
@pytest.mark.parametrize("running", [False, True])
@pytest.mark.prompt
def test_a_signal_gives_the_terminal_back(pty, server, number, running):
    t = pty()
    t.wait(b"demo>")
    assert settings(t.slave) != t.before
    if running:
        t.type(b"call work\r")
        server.find("tools/call")
    else:
        t.type(b"half")
        t.wait(b"half")
    t.process.send_signal(number)
    assert t.drain() == -number
    assert settings(t.slave) == t.before


def test_keys_end_it_and_give_the_terminal_back(pty):
    t = pty()
    t.wait(b"demo>")
    t.type(b"ping\r")
    t.wait(b"answered")
    t.type(b"\x04")
    assert t.drain() == 0
    assert settings(t.slave) == t.before


def test_ctrl_backslash_quits(pty):
    t = pty()
    t.wait(b"demo>")
    t.type(b"half\x1c")
    assert t.drain() == -signal.SIGQUIT
    assert settings(t.slave) == t.before


@pytest.mark.prompt
def test_a_signal_does_not_wait_for_a_terminal_that_takes_nothing(pty, server):
    t = pty()
    t.wait(b"demo>")
    server.peer.run(lambda: [server.notify("notifications/message", level="info", data="x" * 1000)
                             for i in range(3000)])

    def waiting():
        return struct.unpack("i", fcntl.ioctl(t.master, termios.FIONREAD, b"    "))[0]

    before = -1
    while waiting() != before or not before:  # it is stuck when no more comes
        before = waiting()
        time.sleep(0.2)
    t.process.send_signal(signal.SIGTERM)
    assert t.process.wait(DEADLINE) == -signal.SIGTERM
    assert settings(t.slave) == t.before


@pytest.mark.parametrize("nohup", [False, True])
@pytest.mark.parametrize("running", [False, True])
def test_a_terminal_that_goes_away_ends_it(pty, server, running, nohup):
    t = pty(nohup=nohup)
    t.wait(b"demo>")
    if running:
        t.type(b"call work\r")
        server.find("tools/call")
    os.close(t.master)
    os.close(t.slave)
    t.master = t.slave = None
    assert t.process.wait(DEADLINE) in ((0,) if nohup else (0, -signal.SIGHUP))


def test_ctrl_c_while_it_connects(home, cleanup, server):
    server.answers["initialize"] = lambda params: HOLD
    cleanup.append(Pty(home, *server.args))
    t = cleanup[-1]
    server.find("initialize")
    t.type(b"\x03")
    assert t.drain() == -signal.SIGINT
    assert settings(t.slave) == t.before


COLOURED = re.compile(rb"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("env,coloured", [
    ({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colour(pty, server, env, coloured):
    server.tools["work"] = lambda arguments: text(structuredContent={"key": "value"})
    t = pty(env=env)
    t.wait(b"demo>")
    t.type(b"call work\r")
    t.wait(b"}")
    t.type(b"nonsense\r")
    t.wait(b"lists all")
    t.type(b"quit\r")
    assert t.drain() == 0
    assert bool(COLOURED.search(t.shown)) == coloured
    if coloured:
        assert b'\x1b[1;34m"key"\x1b[0m: \x1b[32m"value"\x1b[0m' in t.shown
    if env.get("TERM") == "dumb":
        assert b"\x1b" not in t.shown


@at_terminal
def test_the_window_changes_its_size(terminal, server):
    t = terminal(size=(70, 12))
    t.type("call echo message='one two three four five six seven eight nine")
    t.has("nine")
    t.resize(40, 12)
    server.notify("notifications/resources/updated", uri="test://x")
    t.ends("""
        * resource updated: test://x
        demo> call echo message='one two three f
        our five six seven eight nine
        """)
    t.resize(100, 12)
    t.keys("C-a", "C-e")
    t.type(" ten'")
    server.notify("notifications/resources/updated", uri="test://y")
    t.ends("""
        * resource updated: test://x
        * resource updated: test://y
        demo> call echo message='one two three four five six seven eight nine ten'
        """)


@at_terminal
@pytest.mark.bare
def test_ctrl_z_and_fg(terminal, server):
    t = terminal(shell=True, ready=False)
    t.has("$")
    t.enter("stty -a | grep -v speed > before")
    t.enter("clear; " + t.command)
    t.has("demo>")
    t.type("call echo message=half")
    t.has("message=half")
    t.keys("C-z")
    t.has("Stopped")
    t.enter("clear; stty -a | grep -v speed | cmp - before && echo same; fg")
    t.has("demo> call echo message=half")
    assert t.screen().startswith("same\n")
    t.keys("Enter")
    t.has("\nhalf\ndemo>")
    t.enter("call work")
    server.find("tools/call", 2)
    t.keys("C-z")
    t.has("Stopped", "-S", "-")
    t.enter("clear; fg")
    t.has("repl")
    server.send({"id": server.find("tools/call", 2)["id"], "result": text("worked")})
    t.has("worked\ndemo>")


@at_terminal
def test_wide_characters(terminal, server):
    t = terminal(size=(30, 12), env={"LC_ALL": "C.UTF-8"})
    # The third one does not fit in the line, and the last letter is the last of the next line.
    t.type("call echo message='日本語" + "x" * 27 + "ü")
    t.has("xxü")
    server.notify("notifications/message", level="info", data="日本")
    t.has("* log info: 日本")
    t.keys("'", "Enter")
    t.shows("""
        connecting to ws://demo/mcp
        connected to demo 1.0, MCP 202
        5-11-25; "help" lists the comm
        ands
        * log info: 日本
        demo> call echo message='日本
        語xxxxxxxxxxxxxxxxxxxxxxxxxxxü
        '
        日本語xxxxxxxxxxxxxxxxxxxxxxxx
        xxxü
        demo>
        """)


def test_bytes_that_are_no_characters_are_dropped(pty):
    t = pty()
    t.wait(b"demo>")
    t.type(b"call echo message=\xff\xc3(\xe2\x82x\x00y\r")
    t.wait(b"\n(xy\r\n")
    t.type(b"\x04")
    assert t.drain() == 0


def test_a_flood_while_one_types(pty, server):
    t = pty()
    t.wait(b"demo>")
    t.type(b"call echo message=half")
    t.wait(b"half")
    server.peer.run(lambda: [server.notify("notifications/message", level="info", data="number %d" % i)
                             for i in range(1000)])
    t.wait(b"number 999")
    t.type(b"-way\r")
    t.wait(b"\nhalf-way\r\n")
    t.type(b"\x04")
    assert t.drain() == 0


@at_terminal
def test_the_first_connection_is_waited_for(terminal, server, home):
    server.stop()
    t = terminal(ready=False)
    t.has("trying")
    server.start()
    t.has("demo>")
    t.keys("C-d")
    t.has("[ended with 0]")


@at_terminal
def test_a_server_that_refuses_ends_it(terminal, server, home):
    def refuse(peer):
        conn = peer.accept()
        conn.read_request()
        conn.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")

    server.closing = True
    server.peer.join()
    server.peer.run(refuse, server.peer)
    t = terminal(ready=False)
    t.has("[ended with 4]")
    assert "401" in t.screen()
