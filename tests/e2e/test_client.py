"""The C library: what a program says through wsmcp.h, and what the server hears of it."""

import json
import os
import re
import socket
import time

import pytest

from client import (
    CANCELLED, CONFIGURATION, CONNECTION, LEGACY, META, MODERN, OK, TOOL, USAGE, Driver, ask, notify,
    read_call, send_error, serve_discover, serve_initialize)
from peer import SCALE, TEXT, frame

FORM = {"mode": "form", "message": "Who?", "requestedSchema": {"type": "object"}}


@pytest.fixture
def driver(home):
    made = []

    def make(**options):
        made.append(Driver(home, **options))
        return made[-1]

    yield make
    for d in made:
        d.close()
    for d in made:
        d.check()


@pytest.fixture
def client(driver, peer):
    """Makes (driver, connection): a client that has connected to a legacy server."""

    def make(*callbacks, version="2025-11-25", capabilities=None, modern=False, **options):
        d, p = driver(), peer()
        d.open(p.url(), *callbacks, protocol=MODERN if modern else LEGACY, **options)
        d.begin("connect")
        conn = p.open()
        conn.params = (serve_discover(conn) if modern else
                       serve_initialize(conn, version, capabilities=capabilities or {}))
        done = d.did("connect")
        assert done["status"] == OK, done
        return d, conn

    return make


def finish(d, conn):
    """Closes the client in an orderly way."""
    d.begin("close")
    (code, _), messages = conn.read_close()
    assert code == 1000
    conn.answer_close()
    d.did("close")
    return [json.loads(m) for m in messages]


# --- connecting ------------------------------------------------------------------------------


def test_connecting(driver, peer):
    d, p = driver(), peer()
    d.open(p.url("/mcp?token=secret"))
    assert d.do("info").get("version") is None
    d.begin("connect")
    conn = p.open()
    asked = read_call(conn, "initialize")
    assert asked["params"] == {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "wsmcp", "version": asked["params"]["clientInfo"]["version"]}}
    result = b'{"protocolVersion": "2025-11-25", "capabilities": {"x": 1.50}, "serverInfo": {"name":"s"}}'
    conn.send_text(b'{"jsonrpc":"2.0","id":%d,"result":%s}' % (asked["id"], result))
    read_call(conn, "notifications/initialized")
    assert d.did("connect")["status"] == OK
    info = d.do("info")
    assert info["version"] == "2025-11-25" and info["server"].encode() == result
    assert info["name"] == "" and "secret" not in info["url"] and "/mcp" in info["url"]
    assert d.do("connect")["status"] == OK  # does nothing
    assert finish(d, conn) == []


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18"])
def test_older_versions(client, version):
    d, conn = client(version=version)
    assert d.do("info")["version"] == version
    assert finish(d, conn) == []


def test_only_what_is_handled_is_declared(client, tmp_path):
    _, conn = client("elicit", "sample", roots=[str(tmp_path)])
    assert conn.params["capabilities"] == {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}}
    _, conn = client("notification", "progress", "withdrawn", "event")
    assert conn.params["capabilities"] == {}
    _, conn = client("elicit", modern=True)
    assert conn.params["_meta"][META + "clientCapabilities"] == {
        "elicitation": {"form": {}, "url": {}}, "extensions": {META + "tasks": {}}}


def test_a_version_nobody_speaks(driver, peer):
    d, p = driver(), peer()
    d.open(p.url())
    d.begin("connect")
    conn = p.open()
    asked = read_call(conn, "initialize")
    conn.send_result(asked["id"], {"protocolVersion": "1999-01-01\x1b[m", "capabilities": {}})
    done = d.did("connect")
    assert done["status"] == CONNECTION and done["type"] == "ConnectionError"
    assert "1999-01-01\\x1b" in done["error"] and "2025-11-25" in done["error"]
    assert conn.read_close()[0][0] == 1000
    conn.answer_close()


def test_discover_after_an_error(driver, peer):
    d, p = driver(), peer()
    d.open(p.url())
    d.begin("connect")
    conn = p.open()
    send_error(conn, read_call(conn, "initialize")["id"], -32602, "Missing _meta")
    params = serve_discover(conn)
    assert params == {"_meta": {
        META + "protocolVersion": "2026-07-28", META + "clientCapabilities": {"extensions": {META + "tasks": {}}},
        META + "clientInfo": params["_meta"][META + "clientInfo"]}}
    assert params["_meta"][META + "clientInfo"]["name"] == "wsmcp"
    assert d.did("connect")["status"] == OK
    info = d.do("info")
    assert info["version"] == "2026-07-28"
    assert json.loads(info["server"]) == {"protocolVersion": "2026-07-28", "capabilities": {"tools": {}},
                                          "serverInfo": {"name": "m", "version": "2"}}
    d.begin("call", tool="t")
    asked = read_call(conn, "tools/call")
    assert asked["params"]["_meta"] == params["_meta"] and asked["params"]["name"] == "t"
    conn.send_result(asked["id"], {"content": []})
    assert d.did("call")["status"] == OK
    assert finish(d, conn) == []


@pytest.mark.parametrize("code,times", [(1002, 1), (1000, 2), (1011, 2), (None, 2)])
def test_discover_after_a_close(driver, peer, code, times):
    """A server that closes at what it does not know; most closes say nothing for sure, so it is asked twice."""
    d, p = driver(), peer()
    d.open(p.url())
    d.begin("connect")
    for _ in range(times):
        conn = p.open()
        read_call(conn, "initialize")
        if code is None:
            conn.reset()
            continue
        conn.send_close(code)
        conn.answer_close()
    conn = p.open()
    serve_discover(conn)
    assert d.did("connect")["status"] == OK
    assert finish(d, conn) == []


def test_discover_fails_too(driver, peer):
    d, p = driver(), peer()
    d.open(p.url())
    d.begin("connect")
    conn = p.open()
    send_error(conn, read_call(conn, "initialize")["id"], -32000, "out of order", data={"n": 1})
    send_error(conn, read_call(conn, "server/discover")["id"])
    done = d.did("connect")
    assert done["status"] == CONNECTION
    assert done["error"] == "initialize: out of order; server/discover: Method not found"
    assert json.loads(done["object"]) == {"code": -32000, "message": "out of order", "data": {"n": 1}}


def test_legacy_does_not_discover(driver, peer):
    d, p = driver(), peer()
    d.open(p.url(), protocol=LEGACY)
    d.begin("connect")
    conn = p.open()
    send_error(conn, read_call(conn, "initialize")["id"])
    assert d.did("connect")["error"] == "Method not found"
    assert conn.read_close()[1] == []


@pytest.mark.parametrize("answer", [
    {"supportedVersions": ["2027-01-01"]}, {"supportedVersions": "2026-07-28"}, {"supportedVersions": []}, {}])
def test_discover_without_our_version(driver, peer, answer):
    d, p = driver(), peer()
    d.open(p.url(), protocol=MODERN)
    d.begin("connect")
    conn = p.open()
    conn.send_result(read_call(conn, "server/discover")["id"], {"capabilities": {}, **answer})
    done = d.did("connect")
    assert done["status"] == CONNECTION and ("2026-07-28" in done["error"] or "supportedVersions" in done["error"])


def test_refused(driver):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        d = driver()
        d.open("ws://127.0.0.1:%d/" % s.getsockname()[1], "event", offline_timeout=-1)
        started = time.monotonic()
        done = d.do("connect")
        assert done["status"] == CONNECTION and "refused" in done["error"].lower()
        assert time.monotonic() - started < 5 * SCALE
        assert len(d.events("log")) == 1
        assert d.do("connect")["status"] == CONNECTION  # anew
        assert d.do("call", tool="t")["status"] == CONNECTION


def test_refused_with_patience(driver, peer):
    """Without -1 a server that comes late is waited for."""
    d, p = driver(), peer()
    d.open(p.url(), "event")
    p.listener.listen(0)
    d.begin("connect")
    p.accept().reset()
    conn = p.open()
    serve_initialize(conn)
    assert d.did("connect")["status"] == OK
    assert "cannot connect" in d.event("log")["text"]
    assert finish(d, conn) == []


def test_not_allowed(driver, peer):
    d, p = driver(), peer()
    d.open(p.url())
    d.begin("connect")
    conn = p.accept()
    conn.read_request()
    conn.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
    done = d.did("connect")
    assert done["status"] == CONNECTION and "401" in done["error"] and "credentials" in done["error"]
    assert "server/discover" not in done["error"]
    assert p.nobody_came()


def test_closed_for_policy(driver, peer):
    """A close that refuses us is no reason to try another protocol."""
    d, p = driver(), peer()
    d.open(p.url())
    d.begin("connect")
    conn = p.open()
    read_call(conn, "initialize")
    conn.send_close(1008, "not you")
    conn.answer_close()
    done = d.did("connect")
    assert done["status"] == CONNECTION and "1008" in done["error"] and "not you" in done["error"]
    assert "server/discover" not in done["error"]
    assert p.nobody_came()


def test_no_answer(driver, peer):
    d, p = driver(), peer()
    d.open(p.url())
    d.begin("connect", timeout=300)
    conn = p.open()
    read_call(conn, "initialize")
    done = d.did("connect")
    assert done["status"] == CONNECTION and "did not answer in time" in done["error"]
    assert conn.read_close() == ((1000, ""), [])  # initialize is not cancelled
    conn.answer_close()
    d.begin("connect")
    conn = p.open()
    serve_initialize(conn)
    assert d.did("connect")["status"] == OK


def test_a_target_that_is_none(driver):
    d = driver()
    opened = d.do("open", target="no-such-server")
    assert opened["status"] == CONFIGURATION and opened["type"] == "ConfigurationError" and opened["error"]
    for what, details in (("connect", {}), ("call", {"tool": "t"}), ("notify", {"method": "m"}),
                          ("start_connect", {}), ("list", {})):
        done = d.do(what, **details)
        assert done.get("status", CONFIGURATION) == CONFIGURATION and done["error"] == opened["error"]
    info = d.do("info")
    assert info["name"] == "" and info["url"] == ""
    d.do("disconnect")
    d.do("close")


# --- results and errors ----------------------------------------------------------------------


def test_the_bytes_of_a_result(client):
    d, conn = client()
    raw = '{"content": [ ], "big":9007199254740993, "n":1.50, "e":1E2,"s":"\\u00e9\\/\\ud800","": {"a":1,"a":2}}'
    d.begin("call", tool='a"b\\c\n\u00e9', arguments='{"x": 9007199254740993, "y":1.0}')
    message = conn.read_message().decode()
    assert '"arguments":{"x": 9007199254740993, "y":1.0}' in message
    asked = json.loads(message)
    assert asked["method"] == "tools/call" and asked["params"]["name"] == 'a"b\\c\n\u00e9'
    assert "_meta" not in asked["params"]
    conn.send_text('{"jsonrpc":"2.0", "id":%d ,"result": %s }' % (asked["id"], raw))
    done = d.did("call")
    assert done["status"] == OK and done["result"] == raw and done["error"] == ""
    assert finish(d, conn) == []


@pytest.mark.parametrize("content,text", [
    ([{"type": "text", "text": "no \x1b[2Jluck"}], "no \\x1b[2Jluck"),
    ([{"type": "image", "data": "", "mimeType": "image/png"}, {"type": "text", "text": "it broke"}], "it broke"),
    ([], "the tool failed and does not say why"),
])
def test_a_tool_that_fails(client, content, text):
    d, conn = client()
    d.begin("call", tool="t")
    result = {"content": content, "isError": True}
    conn.send_result(read_call(conn, "tools/call")["id"], result)
    done = d.did("call")
    assert done["status"] == TOOL and done["type"] == "ToolError" and done["error"] == text
    assert json.loads(done["result"]) == result and "object" not in done


@pytest.mark.parametrize("error,text", [
    ('{"code":-32602, "message":"Unknown tool: t", "data":{"n":9007199254740993}}', "Unknown tool: t"),
    ('{"code":-32603}', "the server answered with an error without a message (code -32603)"),
    # One that says it was made here is the server's all the same.
    ('{"code":-31001,"message":"lost","data":{"source":"wsmcp"}}', "lost"),
])
def test_an_error_of_the_server(client, error, text):
    d, conn = client()
    d.begin("call", tool="t")
    ident = read_call(conn, "tools/call")["id"]
    conn.send_text('{"jsonrpc":"2.0","id":%d,"error":%s}' % (ident, error))
    done = d.did("call")
    assert done["status"] == TOOL and done["error"] == text
    assert done["object"] == error and "result" not in done
    d.begin("request", method="m")
    conn.send_result(read_call(conn, "m")["id"])
    done = d.did("request")
    assert done["error"] == "" and done["type"] == "" and "object" not in done


def test_any_request(client):
    d, conn = client()
    for params in (None, "{}", '{"a": [1, 2]}', "[1, 2.0]"):
        d.begin("request", method="x/y", params=params)
        asked = read_call(conn, "x/y")
        assert asked.get("params") == (None if params is None else json.loads(params))
        conn.send_text('{"jsonrpc":"2.0","id":%d,"result":[17]}' % asked["id"])
        assert d.did("request")["result"] == "[17]"
    assert finish(d, conn) == []


@pytest.mark.parametrize("what,details", [
    ("call", {"tool": "t", "arguments": "[1]"}), ("call", {"tool": "t", "arguments": "{'a':1}"}),
    ("call", {"tool": "t", "arguments": ""}), ("request", {"method": "m", "params": '"x"'}),
    ("request", {"method": "m", "params": '{"a":1}}'}), ("request", {"method": "m", "params": "\ufeff{}"}),
    ("request", {"method": "m", "params": "[" * 10000 + "]" * 10000}),
    ("notify", {"method": "m", "params": "1"}), ("start_request", {"method": "m", "params": "x"}),
])
def test_wrong_usage(client, what, details):
    d, conn = client()
    done = d.do(what, **details)
    assert done.get("status", USAGE) == USAGE and done["error"] and done["type"] == "UsageError"
    assert finish(d, conn) == []


def test_newlines_in_json_are_of_no_harm(client):
    d, conn = client()
    d.begin("request", method="m", params='{\n"a":\r\n1}')
    message = conn.read_message()
    assert b"\n" not in message and b"\r" not in message and json.loads(message)["params"] == {"a": 1}
    conn.send_result(json.loads(message)["id"])
    assert d.did("request")["status"] == OK


def test_notify(client):
    d, conn = client()
    assert d.do("notify", method="a/b", params='{"x":1}')["status"] == OK
    assert conn.read_json() == {"jsonrpc": "2.0", "method": "a/b", "params": {"x": 1}}
    d.do("notify", method="c")
    assert conn.read_json() == {"jsonrpc": "2.0", "method": "c"}


def test_sizes(client):
    d, conn = client(max_message=2000, max_reply=4000)
    done = d.do("request", method="m", params='{"a":"%s"}' % ("x" * 2000))
    assert done["status"] == CONNECTION and "2000" in done["error"]
    d.begin("request", method="m")
    conn.send_result(read_call(conn, "m")["id"], {"a": "x" * 4000})
    done = d.did("request")
    assert done["status"] == CONNECTION and "over the size limit" in done["error"] and "object" not in done
    assert finish(d, conn) == []


@pytest.mark.parametrize("ident", ["1.0", "10e-1", '"1"', "null", "2", "999999999999999999999", "-1", "[]"])
def test_ids_of_answers(client, ident):
    """The id of the next request is 2: only that is an answer to it."""
    d, conn = client()
    d.begin("request", method="m")
    asked = read_call(conn, "m")["id"]
    value = json.dumps(asked) if ident == "2" else ident
    conn.send_text('{"jsonrpc":"2.0","id":%s,"result":{"wrong":true}}' % value)
    conn.send_text('{"jsonrpc":"2.0","id":%d.0,"result":{"wrong":false}}' % asked)
    result = json.loads(d.did("request")["result"])
    assert result == {"wrong": ident == "2" or (ident in ("1.0", "10e-1") and asked == 1)}


def test_batches_of_the_server(client):
    d, conn = client("notification", version="2025-03-26")
    d.begin("request", method="m")
    asked = read_call(conn, "m")["id"]
    conn.send_text([{"jsonrpc": "2.0", "method": "n", "params": {"a": 1}},
                    {"jsonrpc": "2.0", "id": "p", "method": "ping"},
                    {"jsonrpc": "2.0", "id": asked, "result": {"ok": 1}}])
    assert json.loads(d.did("request")["result"]) == {"ok": 1}
    assert d.event("notification")["params"] == '{"a":1}'
    assert conn.read_json() == {"jsonrpc": "2.0", "id": "p", "result": {}}


# --- lists -----------------------------------------------------------------------------------


def test_all_pages(client):
    d, conn = client()
    d.begin("list")
    pages = ['[ {"name":"a","n":1.50} ]', "[]", '[{"name":"b"},{"name":"c"}]', "[\n]"]
    cursors = [None, '"\\u0031"', '"two"', '"3\\n"']
    for page, cursor, following in zip(pages, cursors, [*cursors[1:], "null"]):
        message = conn.read_message().decode()
        asked = json.loads(message)
        assert asked["method"] == "tools/list"
        assert "params" not in asked if cursor is None else '"params":{"cursor":%s}' % cursor in message
        conn.send_text('{"jsonrpc":"2.0","id":%d,"result":{"tools":%s,"nextCursor":%s}}' % (
            asked["id"], page, following))
    done = d.did("list")
    assert done["status"] == OK
    assert done["result"] == '[{"name":"a","n":1.50},{"name":"b"},{"name":"c"}]'
    d.begin("list", method="resources/templates/list", member="resourceTemplates")
    asked = read_call(conn, "resources/templates/list")
    conn.send_result(asked["id"], {"resourceTemplates": [1], "nextCursor": ""})
    assert d.did("list")["result"] == "[1]"
    assert finish(d, conn) == []


@pytest.mark.parametrize("results,text", [
    ([{"tools": [], "nextCursor": "a"}, {"tools": [], "nextCursor": "b"}, {"tools": [], "nextCursor": "a"}], "never end"),
    ([{"tools": {}}], 'no array "tools"'),
    ([{}], 'no array "tools"'),
    ([{"tools": [], "nextCursor": 7}], "no string"),
    ([[]], "no object"),
])
def test_what_is_no_list(client, results, text):
    d, conn = client()
    d.begin("list")
    for result in results:
        conn.send_text({"jsonrpc": "2.0", "id": read_call(conn, "tools/list")["id"], "result": result})
    done = d.did("list")
    assert done["status"] == TOOL and text in done["error"] and "result" not in done


def test_a_list_without_end(client):
    d, conn = client()
    d.begin("list", timeout=60000 * SCALE)
    for i in range(1000):
        conn.send_result(read_call(conn, "tools/list")["id"], {"tools": [i], "nextCursor": "c%d" % i})
    done = d.did("list")
    assert done["status"] == TOOL and "more pages" in done["error"]
    assert finish(d, conn) == []


# --- progress and notifications --------------------------------------------------------------


def test_progress(client):
    d, conn = client("progress", "notification")
    d.begin("call", tool="t", arguments='{"_meta":1}')
    asked = read_call(conn, "tools/call")
    token = asked["params"]["_meta"]["progressToken"]
    assert asked["params"]["arguments"] == {"_meta": 1}
    notify(conn, "notifications/progress", progressToken=token, progress=0.5, total=2, message="half \ud800\x00")
    notify(conn, "notifications/progress", progressToken=token, progress=1e3)
    notify(conn, "notifications/progress", progressToken="other", progress=1)
    conn.send_result(asked["id"], {"content": []})
    assert d.did("call")["status"] == OK
    first, second = d.event("progress"), d.event("progress")
    assert (first["call"], first["progress"], first["total"]) == (0, 0.5, 2)
    assert first["message"] == "half \ufffd\ufffd"
    assert second["progress"] == 1000 and second["total"] == -1 and "message" not in second
    other = d.event("notification")
    assert other["method"] == "notifications/progress" and json.loads(other["params"])["progressToken"] == "other"
    notify(conn, "notifications/progress", progressToken=token, progress=2)
    assert d.event("notification")["method"] == "notifications/progress"  # of a call that has ended


def test_progress_of_several(client):
    d, conn = client("progress")
    calls = {}
    for tool in "ab":
        number = d.do("start_call", tool=tool)["call"]
        calls[tool] = (number, read_call(conn, "tools/call"))
    assert calls["a"][0] != calls["b"][0] and calls["a"][0] > 0
    for tool in "ba":
        number, asked = calls[tool]
        token = asked["params"]["_meta"]["progressToken"]
        notify(conn, "notifications/progress", progressToken=token, progress=1)
        assert d.event("progress")["call"] == number
    for tool in "ba":
        conn.send_result(calls[tool][1]["id"], {"tool": tool})
        assert json.loads(d.event("done")["result"]) == {"tool": tool}


def test_a_token_of_the_program_stays(client):
    d, conn = client("progress", "notification")
    d.begin("request", method="m", params='{"_meta":{"progressToken":"mine","x":1.0}}')
    message = conn.read_message()
    assert b'"_meta":{"progressToken":"mine","x":1.0}' in message
    notify(conn, "notifications/progress", progressToken="mine", progress=1)
    conn.send_result(json.loads(message)["id"])
    assert d.did("request")["status"] == OK
    assert d.event("notification")


def test_every_message_is_shown(driver, peer):
    d, p = driver(), peer()
    d.open(p.url(), "message", protocol=LEGACY)
    d.begin("connect")
    conn = p.open()
    serve_initialize(conn)
    d.did("connect")
    assert json.loads(d.event("to_server")["text"])["method"] == "initialize"
    assert json.loads(d.event("from_server")["text"])["result"]["protocolVersion"] == "2025-11-25"
    assert json.loads(d.event("to_server")["text"])["method"] == "notifications/initialized"
    # What is said from within, and what a new connection hears.
    d.on("from_server", {"do": "notify", "method": "inner"})
    notify(conn, "outer")
    assert read_call(conn, "inner")
    d.on("from_server")
    conn.close()
    conn = p.open()
    d.event("to_server")
    read_call(conn, "initialize")
    assert json.loads(d.event("to_server")["text"])["method"] == "initialize"


# --- time ------------------------------------------------------------------------------------


def test_several_that_take_too_long(client):
    d, conn = client()
    started = time.monotonic()
    for wait in (600, 200, 400):
        d.do("start_request", method="m%d" % wait, timeout=wait)
    for wait in (200, 400, 600):
        assert d.event("done")["status"] == CONNECTION
        assert time.monotonic() - started >= wait / 1000
    asked = {m["method"]: m for m in (conn.read_json() for _ in range(3))}
    for wait in (200, 400, 600):
        assert read_call(conn, "notifications/cancelled")["params"]["requestId"] == asked["m%d" % wait]["id"]


def test_one_end_that_brings_another(client):
    """Calls that time out at once, and a callback that ends the others meanwhile."""
    d, conn = client("elicit", "withdrawn", modern=True)
    calls = [d.do("start_call", tool="t%d" % i, timeout=400)["call"] for i in range(3)]
    d.on("withdrawn", *({"do": "cancel", "call": c} for c in calls))
    for _ in calls:
        conn.send_result(read_call(conn, "tools/call")["id"], {"resultType": "input_required", "inputRequests": {
            "a": {"method": "elicitation/create", "params": FORM}}})
        d.event("elicit")
    ends = sorted(d.event("done")["status"] for _ in calls)
    assert ends == [CONNECTION, CANCELLED, CANCELLED]
    assert finish(d, conn) == []


@pytest.mark.parametrize("how", ["argument", "option"])
def test_a_request_that_takes_too_long(client, how):
    d, conn = client(**({"request_timeout": 300} if how == "option" else {"request_timeout": 60000}))
    started = time.monotonic()
    d.begin("call", tool="t", **({"timeout": 300} if how == "argument" else {}))
    asked = read_call(conn, "tools/call")
    done = d.did("call")
    assert 0.3 <= time.monotonic() - started < 5 * SCALE
    assert done["status"] == CONNECTION and "did not answer in time" in done["error"]
    d.begin("request", method="m", timeout=-1)
    cancelled = read_call(conn, "notifications/cancelled")
    assert cancelled["params"]["requestId"] == asked["id"]
    conn.send_result(asked["id"], {"late": True})
    conn.send_result(read_call(conn, "m")["id"], {"late": False})
    assert json.loads(d.did("request")["result"]) == {"late": False}
    assert finish(d, conn) == []


def test_waiting_costs_nothing(client, peer, cleanup):
    """Nobody spins: not while a blocking call waits, nor a loop, nor while there is no connection."""
    d, conn = client()
    before = d.do("info")
    d.begin("call", tool="t", timeout=1000)
    d.did("call")
    d.do("start_call", tool="t", timeout=1000)
    d.event("done")
    conn.close()
    d.do("start_request", method="m", timeout=1000)
    d.event("done")
    after = d.do("info")
    assert after["turns"] - before["turns"] < 60
    assert after["cpu"] - before["cpu"] < 0.2 * SCALE


def test_cancelling(client):
    d, conn = client("withdrawn", "elicit")
    number = d.do("start_call", tool="t")["call"]
    asked = read_call(conn, "tools/call")
    d.do("cancel", call=number)
    done = d.event("done")
    assert done["status"] == CANCELLED and done["type"] == "Cancelled" and "result" not in done
    assert read_call(conn, "notifications/cancelled")["params"]["requestId"] == asked["id"]
    d.do("cancel", call=number)  # has ended
    d.do("cancel", call=12345)
    d.do("cancel", call=0)  # nothing blocks
    assert finish(d, conn) == []


def test_cancelling_what_blocks(client):
    d, conn = client("notification")
    d.on("notification", {"do": "cancel", "call": 0}, {"do": "call", "tool": "inner"})
    d.begin("call", tool="t")
    asked = read_call(conn, "tools/call")
    notify(conn, "now")
    # A callback must not block.
    assert d.did("call")["status"] == USAGE
    assert d.did("call")["status"] == CANCELLED
    assert read_call(conn, "notifications/cancelled")["params"]["requestId"] == asked["id"]


def test_beginning_more_in_a_callback(client):
    d, conn = client("notification")
    d.on("done", {"do": "start_request", "method": "second"})
    d.do("start_request", method="first")
    conn.send_result(read_call(conn, "first")["id"])
    asked = read_call(conn, "second")
    d.on("done")
    conn.send_result(asked["id"], {"n": 2})
    d.event("done")
    assert json.loads(d.event("done")["result"]) == {"n": 2}


def test_cancelling_to_connect(driver, peer):
    d, p = driver(), peer()
    d.open(p.url())
    number = d.do("start_connect")["call"]
    conn = p.open()
    read_call(conn, "initialize")
    assert d.do("start_connect")["call"] == 0  # one is enough
    d.do("cancel", call=number)
    assert d.event("done")["status"] == CANCELLED
    assert conn.read_close() == ((1000, ""), [])
    conn.answer_close()
    d.do("start_connect")
    conn = p.open()
    serve_initialize(conn)
    assert d.event("done")["status"] == OK


# --- lost connections ------------------------------------------------------------------------


def test_a_lost_connection(client):
    d, conn = client("event", "notification")
    d.do("start_call", tool="t")
    d.do("start_request", method="resources/read", params='{"uri":"a"}')
    read_call(conn, "tools/call")
    read_call(conn, "resources/read")
    peer = conn.peer
    conn.close()
    lost = d.event("lost")
    assert lost["text"]
    done = d.event("done")
    assert done["status"] == CONNECTION and "was lost after the request was sent" in done["error"]
    conn = peer.open()
    serve_initialize(conn)
    asked = read_call(conn, "resources/read")  # safe to repeat
    d.event("back")
    conn.send_result(asked["id"], {"contents": []})
    assert d.event("done")["status"] == OK
    d.begin("call", tool="t")
    conn.send_result(read_call(conn, "tools/call")["id"], {"content": []})
    assert d.did("call")["status"] == OK
    assert finish(d, conn) == []


def test_a_connection_that_is_not_made_again(client):
    d, conn = client("event", no_reconnect=1)
    d.do("start_call", tool="t")
    read_call(conn, "tools/call")
    conn.close()
    assert d.event("done")["status"] == CONNECTION
    done = d.do("call", tool="t")
    assert done["status"] == CONNECTION and "No connection" in done["error"]
    d.begin("connect")
    conn = conn.peer.open()
    serve_initialize(conn)
    assert d.did("connect")["status"] == OK


def test_no_connection_for_too_long(client):
    d, conn = client("event", offline_timeout=300)
    conn.peer.listener.close()
    conn.close()
    d.event("lost")
    done = d.do("call", tool="t")
    assert done["status"] == CONNECTION and "No connection" in done["error"] and "refused" in done["error"].lower()
    assert d.do("notify", method="m")["status"] == OK
    d.do("disconnect")


# --- what the server asks --------------------------------------------------------------------


def test_ping_and_what_is_not_known(client):
    d, conn = client()
    ask(conn, "p", "ping")
    assert conn.read_json() == {"jsonrpc": "2.0", "id": "p", "result": {}}
    for method in ("roots/list", "sampling/createMessage", "elicitation/create", "x/y", "tasks/get"):
        ask(conn, 7.50, method)
        message = conn.read_message()
        assert b'"id":7.5,' in message and json.loads(message)["error"]["code"] == -32601
    assert finish(d, conn) == []


def test_roots(client, tmp_path):
    odd = tmp_path / "a b%#?\u00e9\n"
    odd.mkdir()
    d, conn = client(roots=[str(odd), "/", "."])
    ask(conn, 1, "roots/list")
    roots = conn.read_json()["result"]["roots"]
    assert roots[0]["uri"] == "file://%s/a%%20b%%25%%23%%3F%%C3%%A9%%0A" % os.path.realpath(tmp_path)
    assert roots[0]["name"] == "a b%#?\u00e9\n"
    assert roots[1] == {"uri": "file:///", "name": "/"}
    assert roots[2]["uri"].startswith("file:///") and not roots[2]["uri"].endswith(".")
    assert finish(d, conn) == []


def test_a_root_that_is_not_there(driver):
    done = driver().do("open", target="ws://127.0.0.1:1/", roots=["/no/such"])
    assert done["status"] == CONFIGURATION and "/no/such" in done["error"]


def test_elicitation(client):
    d, conn = client("elicit", "withdrawn")
    d.begin("call", tool="t")
    asked = read_call(conn, "tools/call")
    ask(conn, "\u00e9", "elicitation/create", **FORM)
    told = d.event("elicit")
    assert json.loads(told["params"]) == FORM
    d.process.stdout.flush()
    conn.send_result(asked["id"], {"content": []})
    assert d.did("call")["status"] == OK  # it does not wait for us
    assert d.do("answer", ticket=told["ticket"], result="[]")["status"] == USAGE
    assert d.do("answer", ticket=told["ticket"], result='{"action":"accept", "content":{"n":1.0}}')["status"] == OK
    assert b'"result":{"action":"accept", "content":{"n":1.0}}' in conn.read_message()
    assert d.do("answer", ticket=told["ticket"], result="{}")["status"] == OK  # void by now
    assert d.do("refuse", ticket=99, message="no")["status"] == OK
    ask(conn, 1, "elicitation/create", mode="telepathy")
    assert conn.read_json()["error"]["code"] == -32602
    assert finish(d, conn) == []


def test_answering_in_the_callback(client):
    d, conn = client("elicit", "sample")
    d.on("elicit", {"do": "answer", "result": '{"action":"decline"}'})
    d.on("sample", {"do": "refuse", "code": -1, "message": 'User "rejected" it'})
    d.begin("call", tool="t")
    asked = read_call(conn, "tools/call")
    ask(conn, 1, "elicitation/create", **FORM)
    assert conn.read_json() == {"jsonrpc": "2.0", "id": 1, "result": {"action": "decline"}}
    ask(conn, 1, "sampling/createMessage", messages=[])
    assert conn.read_json()["error"] == {"code": -1, "message": 'User "rejected" it'}
    conn.send_result(asked["id"], {"content": []})
    assert d.did("call")["status"] == OK


def test_a_question_that_is_withdrawn(client):
    d, conn = client("elicit", "withdrawn", "event")
    ask(conn, 1, "elicitation/create", **FORM)
    ask(conn, 2, "elicitation/create", **FORM)
    first, second = d.event("elicit")["ticket"], d.event("elicit")["ticket"]
    notify(conn, "notifications/cancelled", requestId=1)
    assert d.event("withdrawn")["ticket"] == first
    d.do("answer", ticket=first, result="{}")
    conn.close()  # and the other one with its connection
    assert d.event("withdrawn")["ticket"] == second
    conn = conn.peer.open()
    serve_initialize(conn)
    d.do("answer", ticket=second, result="{}")
    assert finish(d, conn) == []


def test_too_many_questions(client):
    d, conn = client("elicit")
    for i in range(1001):
        ask(conn, i, "elicitation/create", **FORM)
    assert conn.read_json()["error"]["code"] == -32603


@pytest.mark.plain_only
def test_a_server_that_asks_and_does_not_read(driver, peer):
    """What it wants to know is not answered into our own memory."""
    d, p = driver(), peer(rcvbuf=65536)
    d.open(p.url())
    d.begin("connect")
    conn = p.open()
    serve_initialize(conn)
    d.did("connect")
    pings = b"".join(frame(TEXT, b'{"jsonrpc":"2.0","id":%d,"method":"ping"}' % i) for i in range(1000))
    with pytest.raises(TimeoutError):
        for _ in range(2000):
            conn.send(pings, timeout=2)
    with open("/proc/%d/status" % d.process.pid) as status:
        assert int(re.search(r"VmHWM:\s+(\d+)", status.read())[1]) < 60 << 10
    assert d.do("info")["version"]
    # It goes on once it reads.
    for _ in range(5000):
        assert conn.read_json()["result"] == {}


# --- 2026-07-28 ------------------------------------------------------------------------------


def test_input_that_does_not_come(client):
    d, conn = client("elicit", "withdrawn", modern=True)
    d.begin("call", tool="t", timeout=300)
    conn.send_result(read_call(conn, "tools/call")["id"], {"resultType": "input_required", "inputRequests": {
        "a": {"method": "elicitation/create"}}})
    told = d.event("elicit")
    assert told["params"] == "{}"
    assert d.did("call")["status"] == CONNECTION
    assert d.event("withdrawn")["ticket"] == told["ticket"]
    assert finish(d, conn) == []


def test_input_is_given(client, tmp_path):
    d, conn = client("elicit", "sample", modern=True, roots=[str(tmp_path)])
    d.on("elicit", {"do": "answer", "result": '{"action":"accept","content":{"n":1.50}}'})
    d.do("start_call", tool="t", arguments='{"a":1.0}')
    first = read_call(conn, "tools/call")
    conn.send_text(
        '{"jsonrpc":"2.0","id":%d,"result":{"resultType":"input_required","requestState":"\\u0061\\/b",'
        '"inputRequests":{"who":{"method":"elicitation/create","params":%s},'
        '"wh\\u0065re":{"method":"roots/list"},'
        '"what":{"method":"sampling/createMessage","params":{"messages":[]}}}}}' % (first["id"], json.dumps(FORM)))
    d.do("answer", ticket=d.event("sample")["ticket"], result='{"role":"assistant"}')
    message = conn.read_message().decode()
    again = json.loads(message)
    assert again["id"] != first["id"] and again["params"]["_meta"] == first["params"]["_meta"]
    assert '"requestState":"\\u0061\\/b"' in message and '"wh\\u0065re":' in message
    assert '"arguments":{"a":1.0}' in message and '{"n":1.50}' in message
    given = again["params"]["inputResponses"]
    assert given["who"] == {"action": "accept", "content": {"n": 1.5}}
    assert given["what"] == {"role": "assistant"}
    assert given["where"]["roots"][0]["uri"] == "file://" + os.path.realpath(tmp_path)
    # Once more, and now without a state: none may be in the next request.
    conn.send_result(again["id"], {"resultType": "input_required", "inputRequests": {
        "who": {"method": "elicitation/create", "params": FORM}}})
    third = read_call(conn, "tools/call")
    assert "requestState" not in third["params"] and list(third["params"]["inputResponses"]) == ["who"]
    # And then a state only.
    conn.send_result(third["id"], {"resultType": "input_required", "requestState": "s"})
    fourth = read_call(conn, "tools/call")
    assert fourth["params"]["requestState"] == "s" and "inputResponses" not in fourth["params"]
    result = {"resultType": "complete", "content": []}
    conn.send_result(fourth["id"], result)
    done = d.event("done")
    assert done["status"] == OK and json.loads(done["result"]) == result
    assert finish(d, conn) == []


@pytest.mark.parametrize("result,text", [
    ({"resultType": "task", "x": 1}, "task"),
    ({"resultType": "novel\x1b"}, "novel\\x1b"),
    ({"resultType": 5}, "not known"),
    ({"resultType": "input_required"}, "which"),
    ({"resultType": "input_required", "inputRequests": {"a": {"method": "sampling/createMessage"}}}, "sampling/createMessage"),
    ({"resultType": "input_required", "inputRequests": {"a": {"method": "roots/list"}}}, "roots/list"),
    ({"resultType": "input_required", "inputRequests": {"a": 5}}, "asks for"),
    ({"resultType": "input_required", "inputRequests": {"a": {"method": "elicitation/create", "params": {"mode": "x"}}}}, "elicit"),
    ({"resultType": "input_required", "inputRequests": {str(i): {"method": "elicitation/create"} for i in range(101)}}, "too much"),
])
def test_results_that_are_none(client, result, text):
    d, conn = client("elicit", modern=True)
    d.begin("request", method="resources/read", params="{}")
    conn.send_result(read_call(conn, "resources/read")["id"], result)
    done = d.did("request")
    assert done["status"] == TOOL and text in done["error"]
    d.begin("list")
    conn.send_result(read_call(conn, "tools/list")["id"], {"tools": [], **result})
    assert d.did("list")["status"] == TOOL
    assert finish(d, conn) == []


def test_asked_again_and_again(client):
    d, conn = client("elicit", modern=True)
    d.on("elicit", {"do": "answer", "result": '{"action":"decline"}'})
    d.begin("call", tool="t")
    for _ in range(33):
        conn.send_result(read_call(conn, "tools/call")["id"], {"resultType": "input_required", "inputRequests": {
            "a": {"method": "elicitation/create", "params": FORM}}})
    done = d.did("call")
    assert done["status"] == TOOL and "again and again" in done["error"]
    assert finish(d, conn) == []


def test_input_is_refused(client):
    d, conn = client("elicit", "withdrawn", modern=True)
    d.do("start_call", tool="t")
    inputs = {k: {"method": "elicitation/create", "params": FORM} for k in "ab"}
    conn.send_result(read_call(conn, "tools/call")["id"], {"resultType": "input_required", "inputRequests": inputs})
    first, second = d.event("elicit")["ticket"], d.event("elicit")["ticket"]
    d.do("refuse", ticket=first, message="not today")
    done = d.event("done")
    assert done["status"] == TOOL and "not today" in done["error"]
    assert d.event("withdrawn")["ticket"] == second
    assert d.do("answer", ticket=second, result="{}")["status"] == OK
    assert finish(d, conn) == []


def test_cancelling_while_asked(client):
    d, conn = client("elicit", "withdrawn", modern=True)
    number = d.do("start_call", tool="t")["call"]
    conn.send_result(read_call(conn, "tools/call")["id"], {"resultType": "input_required", "inputRequests": {
        "a": {"method": "elicitation/create", "params": FORM}}})
    ticket = d.event("elicit")["ticket"]
    d.do("cancel", call=number)
    assert d.event("withdrawn")["ticket"] == ticket
    assert d.event("done")["status"] == CANCELLED
    assert finish(d, conn) == []  # nothing was in flight


def test_a_legacy_result_is_not_judged(client):
    d, conn = client()
    d.begin("call", tool="t")
    conn.send_result(read_call(conn, "tools/call")["id"], {"resultType": "input_required"})
    assert d.did("call")["status"] == OK


def test_a_subscription(client):
    """It has no timeout, and comes again with a new connection."""
    d, conn = client("notification", modern=True, request_timeout=100)
    number = d.do("start_request", method="subscriptions/listen",
                  params='{"notifications":{"toolsListChanged":true}}')["call"]
    ident = read_call(conn, "subscriptions/listen")["id"]
    notify(conn, "notifications/subscriptions/acknowledged",
           _meta={META + "subscriptionId": ident}, notifications={"toolsListChanged": True})
    d.event("notification")
    time.sleep(0.3)  # past the request timeout: the span is what is tested
    conn.close()
    conn = conn.peer.open()
    again = read_call(conn, "subscriptions/listen")
    assert again["params"]["_meta"][META + "protocolVersion"] == "2026-07-28"
    d.do("cancel", call=number)
    assert d.event("done")["status"] == CANCELLED
    assert read_call(conn, "notifications/cancelled")["params"]["requestId"] == again["id"]
    assert finish(d, conn) == []


def test_a_subscription_that_the_server_ends(client):
    d, conn = client("notification", modern=True)
    ids = []
    for method in ("subscriptions/listen", "subscriptions/listen", "tools/call"):
        d.do("start_request", method=method)
        ids.append(read_call(conn, method)["id"])
    notify(conn, "notifications/cancelled", requestId=ids[2])  # not the server's to say
    notify(conn, "notifications/cancelled", requestId=ids[0])
    done = d.event("done")
    assert done["status"] == TOOL and "subscription" in done["error"]
    conn.send_result(ids[1], {"resultType": "complete"})
    assert d.event("done")["status"] == OK
    conn.send_result(ids[2], {"resultType": "complete"})
    assert d.event("done")["status"] == OK
    assert finish(d, conn) == []


# --- tasks -----------------------------------------------------------------------------------

TASKS = {"tasks": {"cancel": {}, "requests": {"tools": {"call": {}}}}, "tools": {"listChanged": True}}
SLOW = {"name": "slow", "inputSchema": {}, "execution": {"taskSupport": "required"}}
QUICK = {"name": "quick", "inputSchema": {}, "execution": {"taskSupport": "optional"}}


def serve_tools(conn):
    asked = read_call(conn, "tools/list")
    conn.send_result(asked["id"], {"tools": [QUICK], "nextCursor": "2"})
    conn.send_result(read_call(conn, "tools/list")["id"], {"tools": [SLOW]})


def create_task(conn, **more):
    asked = read_call(conn, "tools/call")
    assert asked["params"]["task"] == {}
    conn.send_result(asked["id"], {"task": {"taskId": "T\u00e9", "status": "working", "pollInterval": 100, **more}})
    return asked


def serve_poll(conn, status, **more):
    asked = read_call(conn, "tasks/get")
    assert asked["params"]["taskId"] == "T\u00e9"
    conn.send_result(asked["id"], {"taskId": "T\u00e9", "status": status, **more})
    return asked


def test_a_tool_that_must_be_a_task(client):
    d, conn = client("progress", capabilities=TASKS)
    d.begin("call", tool="slow", arguments='{"n":1.0}')
    serve_tools(conn)
    asked = create_task(conn)
    assert asked["params"]["arguments"] == {"n": 1}
    token = asked["params"]["_meta"]["progressToken"]
    started = time.monotonic()
    serve_poll(conn, "working", pollInterval=300)
    notify(conn, "notifications/progress", progressToken=token, progress=1)
    serve_poll(conn, "completed")
    assert time.monotonic() - started >= 0.4
    fetched = read_call(conn, "tasks/result")
    conn.send_result(fetched["id"], {"content": [], "isError": False})
    done = d.did("call")
    assert done["status"] == OK and json.loads(done["result"]) == {"content": [], "isError": False}
    assert d.event("progress")["progress"] == 1
    # The list is known by now, until it changes.
    d.begin("call", tool="quick")
    asked = read_call(conn, "tools/call")
    assert "task" not in asked["params"]
    conn.send_result(asked["id"], {"content": []})
    d.did("call")
    notify(conn, "notifications/tools/list_changed")
    d.begin("call", tool="quick")
    serve_tools(conn)
    conn.send_result(read_call(conn, "tools/call")["id"], {"content": []})
    assert d.did("call")["status"] == OK
    assert finish(d, conn) == []


def test_no_tasks_no_list(client):
    d, conn = client(capabilities={"tasks": {}})
    d.begin("call", tool="slow")
    conn.send_result(read_call(conn, "tools/call")["id"], {"content": []})
    assert d.did("call")["status"] == OK


def test_a_task_that_asks(client):
    d, conn = client("elicit", capabilities=TASKS)
    d.on("elicit", {"do": "answer", "result": '{"action":"accept","content":{}}'})
    d.begin("call", tool="slow")
    serve_tools(conn)
    create_task(conn)
    serve_poll(conn, "input_required")
    fetched = read_call(conn, "tasks/result")
    ask(conn, 5, "elicitation/create", **FORM, _meta={META + "related-task": {"taskId": "T\u00e9"}})
    assert conn.read_json()["result"]["action"] == "accept"
    conn.send_result(fetched["id"], {"content": [{"type": "text", "text": "bad"}], "isError": True})
    done = d.did("call")
    assert done["status"] == TOOL and done["error"] == "bad"


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_task_that_fails(client, status):
    d, conn = client(capabilities=TASKS)
    d.begin("call", tool="slow")
    serve_tools(conn)
    create_task(conn, status=status)
    send_error(conn, read_call(conn, "tasks/result")["id"], -32603, "it broke")
    done = d.did("call")
    assert done["status"] == TOOL and done["error"] == "it broke" and done["object"]


def test_a_task_of_unknown_status(client):
    d, conn = client(capabilities=TASKS)
    d.begin("call", tool="slow")
    serve_tools(conn)
    create_task(conn, status="dreaming")
    assert "dreaming" in d.did("call")["error"]


def test_cancelling_a_task(client):
    d, conn = client(capabilities=TASKS)
    number = d.do("start_call", tool="slow")["call"]
    serve_tools(conn)
    create_task(conn)
    serve_poll(conn, "working")
    d.do("cancel", call=number)
    assert d.event("done")["status"] == CANCELLED
    message = conn.read_json()
    if message["method"] == "tasks/get":  # the next look was on its way
        message = conn.read_json()
    assert message["method"] == "tasks/cancel" and message["params"] == {"taskId": "T\u00e9"}
    conn.send_result(message["id"], {"taskId": "T\u00e9", "status": "cancelled"})
    assert finish(d, conn) == []


def test_cancelling_a_task_that_is_being_made(client):
    d, conn = client(capabilities=TASKS)
    d.begin("call", tool="slow", timeout=400 * SCALE)
    serve_tools(conn)
    asked = read_call(conn, "tools/call")
    assert d.did("call")["status"] == CONNECTION
    conn.send_result(asked["id"], {"task": {"taskId": "T\u00e9", "status": "working"}})
    asked = read_call(conn, "tasks/cancel")
    assert asked["params"] == {"taskId": "T\u00e9"}
    conn.send_result(asked["id"], {})
    conn.wait_up()
    assert finish(d, conn) == []


def test_a_modern_task(client):
    d, conn = client("elicit", modern=True)
    d.on("elicit", {"do": "answer", "result": '{"action":"accept","content":{}}'})
    d.begin("call", tool="t")
    asked = read_call(conn, "tools/call")
    assert "task" not in asked["params"]
    conn.send_result(asked["id"], {"resultType": "task", "taskId": "T\u00e9", "status": "working", "pollIntervalMs": 100})
    poll = serve_poll(conn, "working", pollIntervalMs=100)
    assert poll["params"]["_meta"] == asked["params"]["_meta"]
    inputs = {"a": {"method": "elicitation/create", "params": FORM}}
    serve_poll(conn, "input_required", inputRequests=inputs, pollIntervalMs=100)
    update = read_call(conn, "tasks/update")
    assert update["params"]["taskId"] == "T\u00e9"
    assert update["params"]["inputResponses"] == {"a": {"action": "accept", "content": {}}}
    conn.send_result(update["id"], {"resultType": "complete"})
    # What was answered is not asked again.
    serve_poll(conn, "input_required", inputRequests=inputs, pollIntervalMs=100)
    serve_poll(conn, "completed", result={"content": [], "n": 1})
    done = d.did("call")
    assert done["status"] == OK and json.loads(done["result"]) == {"content": [], "n": 1}
    assert len(d.events("elicit")) == 1
    assert finish(d, conn) == []


@pytest.mark.parametrize("status,more,text", [
    ("failed", {"error": {"code": -32603, "message": "it broke"}}, "it broke"),
    ("failed", {}, "without a result"),
    ("cancelled", {"statusMessage": "by \x07somebody"}, "was cancelled: by \\x07somebody"),
    ("completed", {"result": {"content": [{"type": "text", "text": "bad"}], "isError": True}}, "bad"),
])
def test_a_modern_task_that_fails(client, status, more, text):
    d, conn = client(modern=True)
    d.begin("call", tool="t")
    conn.send_result(read_call(conn, "tools/call")["id"], {"resultType": "task", "taskId": "T\u00e9", "status": "working"})
    serve_poll(conn, status, **more)
    done = d.did("call")
    assert done["status"] == TOOL and text in done["error"]


def test_cancelling_a_modern_task(client):
    d, conn = client(modern=True)
    number = d.do("start_call", tool="t")["call"]
    conn.send_result(read_call(conn, "tools/call")["id"], {
        "resultType": "task", "taskId": "T\u00e9", "status": "working", "pollIntervalMs": 60000})
    conn.wait_up()
    d.do("cancel", call=number)
    asked = read_call(conn, "tasks/cancel")
    assert asked["params"]["taskId"] == "T\u00e9" and META + "protocolVersion" in asked["params"]["_meta"]


# --- leaving ---------------------------------------------------------------------------------


def test_leaving_cancels(client):
    d, conn = client("elicit", "withdrawn")
    ids = []
    for _ in range(3):
        d.do("start_call", tool="t")
        ids.append(read_call(conn, "tools/call")["id"])
    ask(conn, 1, "elicitation/create", **FORM)
    ticket = d.event("elicit")["ticket"]
    cancelled = finish(d, conn)
    assert sorted(m["params"]["requestId"] for m in cancelled) == ids
    assert all(m["method"] == "notifications/cancelled" for m in cancelled)
    assert [d.event("done")["status"] for _ in ids] == [CANCELLED] * 3
    assert d.event("withdrawn")["ticket"] == ticket


def test_leaving_a_server_that_does_not_answer(client):
    d, conn = client()
    started = time.monotonic()
    d.do("disconnect")
    assert 0.5 < time.monotonic() - started < 1.5 * SCALE
    assert conn.read_close()[0] == (1000, "")
    d.begin("connect")
    conn = conn.peer.open()
    serve_initialize(conn)
    assert d.did("connect")["status"] == OK
    assert finish(d, conn) == []


@pytest.mark.parametrize("stage", ["idle", "connecting", "handshake", "initialize"])
def test_leaving_at_any_time(driver, peer, stage):
    d, p = driver(), peer()
    d.open(p.url())
    if stage != "idle":
        d.do("start_connect")
        conn = p.accept()
    if stage in ("handshake", "initialize"):
        conn.read_request()
    if stage == "initialize":
        conn.open()
        read_call(conn, "initialize")
        p.run(conn.answer_close)
    started = time.monotonic()
    d.do("disconnect")
    assert time.monotonic() - started < 1.5 * SCALE
    if stage != "idle":
        assert d.event("done")["status"] == CANCELLED
    d.do("disconnect")
    d.do("close")


def test_leaving_sends_what_waits(client):
    d, conn = client()
    for i in range(50):
        d.begin("notify", method="n%d" % i, params='{"x":"%s"}' % ("y" * 10000))
    d.begin("disconnect")
    (code, _), messages = conn.read_close()
    assert code == 1000 and len(messages) == 50
    conn.answer_close()
    d.did("disconnect")


def test_two_clients(driver, peer):
    d, peers = driver(), [peer(), peer()]
    conns = []
    for i, p in enumerate(peers):
        d.open(p.url(), "notification", client=i)
        d.do("start_connect", client=i)
    for i, p in enumerate(peers):
        conns.append(p.open())
        serve_initialize(conns[i], "2025-06-18" if i else "2025-11-25")
        assert d.event("done", client=i)["status"] == OK
    for i in (1, 0):
        d.do("start_call", tool="t%d" % i, client=i)
        asked = read_call(conns[i], "tools/call")
        assert asked["params"]["name"] == "t%d" % i
        conns[i].send_result(asked["id"], {"n": i})
        assert json.loads(d.event("done", client=i)["result"]) == {"n": i}
    d.begin("close", client=0)
    conns[0].answer_close()
    d.did("close", client=0)
    notify(conns[1], "still")
    assert d.event("notification", client=1)["method"] == "still"
    assert d.do("info", client=1)["version"] == "2025-06-18"


# --- configured servers ----------------------------------------------------------------------


def test_find_server(driver, peer, tmp_path):
    p = peer()
    config = tmp_path / "servers.json"
    config.write_text(json.dumps({"mcpServers": {"my-server": {
        "type": "ws", "url": p.url("/mcp?key=secret"), "headers": {"X-A": "hidden", "X-B": "${NOT_SET:-b}"}, "timeout": 1000}}}))
    d = driver()
    found = d.do("find", pattern="MY-S", config=str(config))
    assert found["status"] == OK and found["name"] == "my-server" and found["file"] == str(config)
    assert found["headers"] == ["X-A", "X-B"] and "secret" not in json.dumps(found) and "hidden" not in json.dumps(found)
    missing = d.do("find", pattern="other", config=str(config))
    assert missing["status"] == CONFIGURATION and "my-server" in missing["error"] and "name" not in missing
    d.open("my-s", config=str(config))
    d.begin("connect")
    conn = p.accept()
    assert conn.read_request().get("X-A") == "hidden"
    conn.open()
    serve_initialize(conn)
    assert d.did("connect")["status"] == OK
    info = d.do("info")
    assert info["name"] == "my-server" and "secret" not in info["url"]
    d.begin("call", tool="t")  # the configured timeout counts
    read_call(conn, "tools/call")
    assert "in time" in d.did("call")["error"]


def test_many_calls_at_once(client):
    """Many calls in flight, answered in another order."""
    d, conn = client()
    count = 200
    asked = []
    for i in range(count):
        d.begin("start_request", method="m%d" % i)
        asked.append(conn.read_json())
    for message in reversed(asked):
        conn.send_result(message["id"], {"m": message["method"]})
    for i in reversed(range(count)):
        assert json.loads(d.event("done")["result"]) == {"m": "m%d" % i}
