"""The session outlives the link: what the host and the server see of a reconnect."""

import itertools
import json
import re
import signal
import time

import pytest

from bridge import INITIALIZE, check_error, notification, request, response
from peer import DEADLINE, PONG, SCALE, TEXT, Gone, encode, frame

FAST = ("--retry-delay-max", "0.2")
AGREED = "2025-03-26"  # not the version that the host asks for
RESULT = {"protocolVersion": AGREED, "serverInfo": {"name": "s", "version": "1"},
          "capabilities": {"tools": {"listChanged": True}, "prompts": {"listChanged": True},
                           "resources": {"listChanged": False, "subscribe": True}, "logging": {}}}
INITIALIZED = notification("notifications/initialized")
CALL = request("call", "tools/call", name="t")
LIST = request("list", "tools/list")
PROBES = itertools.count()
UNAUTHORIZED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def initialize(b, conn):
    """The host's handshake on its first link."""
    b.send(INITIALIZE)
    assert conn.read_json() == INITIALIZE
    conn.send_result("init", RESULT)
    assert b.answer("init") == {"jsonrpc": "2.0", "id": "init", "result": RESULT}
    b.send(INITIALIZED)
    assert conn.read_json() == INITIALIZED
    return conn


def expect_replay(conn, result=RESULT):
    """Reads and answers the replayed initialize; returns it."""
    got = conn.read_json()
    wanted = {**INITIALIZE, "id": got["id"], "params": {**INITIALIZE["params"], "protocolVersion": AGREED}}
    assert got == wanted and type(got["id"]) is int, got
    conn.send_result(got["id"], result)
    return got


def resume(p):
    """The next link, its handshakes done."""
    conn = p.open()
    expect_replay(conn)
    assert conn.read_json() == INITIALIZED
    return conn


def works(b, conn):
    """Nothing else waits for the server, and an answer of it reaches the host."""
    ident = "probe %d" % next(PROBES)
    b.send(request(ident))
    assert conn.read_json() == request(ident)
    conn.send_result(ident, {"by": ident})
    assert b.answer(ident)["result"] == {"by": ident}


def refuse(p, answer):
    conn = p.accept()
    conn.read_request()
    conn.send(answer)
    return conn


@pytest.fixture
def started(link, bridge):
    """Makes (bridge, peer, connection) in the middle of a session, over ws and wss."""

    def make(*args, **options):
        p, extra = link()
        b = bridge(*FAST, *args, *extra, p.url(), reconnect=True, **options)
        return b, p, initialize(b, p.open())

    return make


@pytest.fixture
def started_plain(peer, bridge):
    def make(*args, **options):
        p = peer()
        b = bridge(*FAST, *args, p.url(), reconnect=True, **options)
        return b, p, initialize(b, p.open())

    return make


# Before the first link


def test_server_down_at_start(peer, bridge):
    p = peer()
    p.listener.close()
    offline = 0.5 * min(SCALE, 4)
    b = bridge(*FAST, p.url(), reconnect=True, offline=offline)
    asked = time.monotonic()
    b.send(INITIALIZE)
    error = b.error("init", -31002)
    assert offline * 0.9 < time.monotonic() - asked < offline + DEADLINE / 2
    assert error["data"]["delivered"] == "no" and "refused" in error["data"]["reason"].lower(), error
    assert not b.ended()
    p = peer(port=p.port)
    b.send(request("again"))
    conn = p.open()
    assert conn.read_json() == request("again")  # the initialize was answered, and is over
    conn.send_result("again")
    b.answer("again")
    initialize_again = {**INITIALIZE, "id": "init2"}
    b.send(initialize_again)
    assert conn.read_json() == initialize_again
    conn.send_result("init2", RESULT)
    assert b.answer("init2")["result"] == RESULT
    b.wait_stderr("is back")
    lost, back = b.error_lines()
    assert "cannot connect" in lost and re.search(r"back after \d+\.\d s", back), b.error_text()


def test_messages_wait_for_a_server_that_is_late(peer, bridge):
    p = peer()
    p.listener.close()
    b = bridge(*FAST, p.url(), reconnect=True)
    b.wait_stderr("trying again")
    b.send(INITIALIZE, request(1), notification("n"))
    p = peer(port=p.port)
    conn = p.open()
    assert [conn.read_json() for _ in range(3)] == [INITIALIZE, request(1), notification("n")]
    assert b.lines == []


@pytest.mark.parametrize("command", [False, True], ids=["", "header command"])
def test_401_at_start(peer, bridge, command):
    """One attempt; two with a header command, which may have a better token by now."""
    p = peer()
    args = ["--header-command", "echo {}"] if command else []
    b = bridge(*FAST, *args, p.url(), reconnect=True)
    b.send(INITIALIZE)
    for _ in range(1 + command):
        refuse(p, UNAUTHORIZED)
    error = b.error("init", -31002)
    assert "401" in error["data"]["reason"]
    b.finish(4)
    assert p.nobody_came() and len(b.lines) == 1
    assert "401" in b.error_lines()[-1]


def test_no_reconnect(peer, bridge):
    p = peer()
    b = bridge(*FAST, p.url())  # with --no-reconnect
    p.accept().close()
    conn = initialize(b, p.open())  # what fails before the first link is tried again all the same
    b.send(CALL)
    conn.read_json()
    conn.close()
    assert b.error("call", -31001)["data"]["delivered"] == "unknown"
    b.finish(4)
    assert p.nobody_came()


# After it


@pytest.mark.parametrize("why", ["401", "404", "certificate", "other host", "version"])
def test_refused_after_a_link(peer, bridge, authority, server_tls, why):
    """Requests are answered at once with the reason, the process stays, and works when the server does."""
    bad = {"certificate": authority.stranger, "other host": authority.wrong_host}
    word = "certificate" if why in bad else why
    p = peer(tls=server_tls)
    b = bridge(*FAST, "--cacert", authority.ca, p.url(), reconnect=True)
    conn = initialize(b, p.open())
    b.send(LIST)
    conn.read_json()
    conn.close()
    for attempt in range(2):
        if why in bad:
            p.tls = authority.context(bad[why])
            with pytest.raises(Exception):
                p.accept().read_request()
            p.conns[-1].close()
        elif why == "version":
            conn = p.open()
            expect_replay(conn, {**RESULT, "protocolVersion": "2024-11-05"})
            conn.answer_close()
        else:
            refuse(p, UNAUTHORIZED if why == "401" else NOT_FOUND).close()
        if attempt == 0:
            # It was sent again, but not begun on the new link.
            reason = b.error("list", -31001)["data"]["reason"]
            assert word in reason, reason
        asked = time.monotonic()
        error = check_error(b.ask(request(attempt, "tools/call")), -31002)
        assert time.monotonic() - asked < DEADLINE / 4
        assert error["data"]["delivered"] == "no" and word in error["data"]["reason"], error
    p.tls = server_tls
    works(b, resume(p))
    b.wait_stderr("is back")
    text = b.error_lines()
    assert sum(word in x for x in text) == 1 and "back after" in text[-1] and len(text) == 3, text


def test_replay(started):
    b, p, conn = started()
    level = request("level", "logging/setLevel", level="info")
    subscribe = request("sub", "resources/subscribe", uri="file:///a")
    gone = request("sub2", "resources/subscribe", uri="file:///b")
    leave = request("unsub", "resources/unsubscribe", uri="file:///b")
    for each in (level, subscribe, gone, leave, LIST, request("r", "resources/list")):
        b.send(each)
        assert conn.read_json() == each
        conn.send_result(each["id"])
        b.answer(each["id"])
    for _ in range(2):
        before = len(b.lines)
        conn.reset()
        conn = p.open()
        first = expect_replay(conn)
        assert conn.read_json() == INITIALIZED
        ids = {first["id"]}
        for each in (level, subscribe):
            got = conn.read_json()
            assert type(got["id"]) is int and got["id"] not in ids
            assert got == {**each, "id": got["id"]}
            ids.add(got["id"])
            conn.send_result(got["id"])
        works(b, conn)
        # tools was declared and asked for, prompts not asked for, resources not declared.
        told = [json.loads(x) for x in b.lines[before:]]
        assert [x for x in told if "method" in x] == [
            notification("notifications/tools/list_changed"),
            notification("notifications/resources/updated", uri="file:///a")]
        assert len(told) == 3  # the answers to the replay were swallowed
        before = len(b.lines)


def test_unanswered_initialize_is_sent_again(peer, bridge):
    p = peer()
    b = bridge(*FAST, p.url(), reconnect=True)
    b.send(INITIALIZE)
    conn = p.open()
    assert conn.read_json() == INITIALIZE
    conn.close()
    initialize_conn = p.open()
    assert initialize_conn.read_json() == INITIALIZE
    initialize_conn.send_result("init", RESULT)
    assert b.answer("init")["result"] == RESULT
    b.send(INITIALIZED)
    assert initialize_conn.read_json() == INITIALIZED
    assert len(b.lines) == 1


@pytest.mark.parametrize("how", ["close", "reset", "close frame"])
def test_in_flight(started, how):
    """A call is answered with an error, once, and never sent again; a list is sent again."""
    b, p, conn = started()
    b.send(CALL, LIST)
    assert [conn.read_json(), conn.read_json()] == [CALL, LIST]
    if how == "close frame":
        conn.send_close(1012, "restart")
        conn.read_close()
    (conn.reset if how == "reset" else conn.close)()
    data = b.error("call", -31001)["data"]
    assert data["delivered"] == "unknown" and data["reason"]
    conn = resume(p)
    assert conn.read_message() == encode(LIST)
    conn.send_result("list", {"tools": []})
    assert b.answer("list")["result"] == {"tools": []}
    works(b, conn)
    answers = [x for x in map(json.loads, b.lines) if x.get("id") == "call"]
    assert len(answers) == 1 and "error" in answers[0], answers
    lines = [x for x in map(json.loads, b.lines) if x.get("method") == "notifications/tools/list_changed"]
    assert len(lines) == 1


def test_resend_none(started_plain):
    b, p, conn = started_plain("--resend", "none")
    b.send(LIST)
    conn.read_json()
    conn.close()
    assert b.error("list", -31001)["data"]["delivered"] == "unknown"
    works(b, resume(p))


def test_a_safe_request_takes_part_in_two_links_at_most(started_plain):
    b, p, conn = started_plain()
    b.send(LIST)
    assert conn.read_json() == LIST
    conn.close()
    conn = resume(p)
    assert conn.read_json() == LIST
    conn.close()
    b.error("list", -31001)
    works(b, resume(p))


def test_not_sent_is_sent(started):
    """What the host says while no link is up waits, in order, behind the replay."""
    b, p, conn = started()
    conn.close()
    b.wait_stderr("lost the connection")
    sent = [CALL, notification("n"), request(2, "tools/call")]
    b.send(*sent)
    conn = p.open()
    got = conn.read_json()
    assert got["method"] == "initialize"
    b.send(request(3))
    conn.send_result(got["id"], RESULT)
    assert [conn.read_json() for _ in range(5)] == [INITIALIZED, *sent, request(3)]
    conn.send_result("call", {"ran": 1})
    assert b.answer("call")["result"] == {"ran": 1}


def test_host_ping_without_a_link(started_plain):
    b, p, conn = started_plain()
    conn.close()
    b.wait_stderr("lost the connection")
    assert b.ask(request("p", "ping"))["result"] == {}
    works(b, resume(p))


def test_requests_of_the_server(started):
    b, p, conn = started()
    seen = len(b.lines)
    conn.send_text(request(0, "roots/list"))
    b.wait_lines(seen + 1)
    conn.close()
    b.wait_lines(seen + 2)
    cancelled = b.message(seen + 1)
    assert cancelled["method"] == "notifications/cancelled" and cancelled["params"]["requestId"] == 0
    conn = resume(p)
    conn.send_text(request(0, "sampling/createMessage"))
    b.wait_lines(seen + 3)
    asked = b.message(seen + 2)
    assert asked["method"] == "sampling/createMessage" and isinstance(asked["id"], str)
    b.send(response(0, late=True), response(asked["id"], fresh=True))
    assert conn.read_json() == response(0, fresh=True)
    works(b, conn)
    conn.send_text(request(0, "roots/list"))  # nobody owes the old one any more
    b.wait_lines(seen + 5)
    assert b.message(seen + 4) == request(0, "roots/list")


def test_server_cancels_a_renamed_request(started_plain):
    b, p, conn = started_plain()
    seen = len(b.lines)
    conn.send_text(request(0, "roots/list"))
    b.wait_lines(seen + 1)
    conn.close()
    conn = resume(p)
    conn.send_text(request(0, "roots/list"))
    conn.send_text(notification("notifications/cancelled", requestId=0))
    b.wait_lines(seen + 4)
    assert b.message(seen + 3)["params"]["requestId"] == b.message(seen + 2)["id"] != 0


def test_one_line_when_lost_and_one_when_back(started_plain):
    b, p, conn = started_plain()
    conn.close()
    for _ in range(3):
        p.accept().close()
    conn = resume(p)
    works(b, conn)
    b.wait_stderr("is back")
    lost, back = b.error_lines()
    assert "lost the connection" in lost and re.search(r"back after \d+\.\d s", back), b.error_text()


def test_request_timeout(started_plain):
    timeout = 0.3 * min(SCALE, 4)
    b, p, conn = started_plain("--request-timeout", str(timeout))
    asked = time.monotonic()
    b.send(CALL)
    assert conn.read_json() == CALL
    assert b.error("call", -31003)["data"]["delivered"] == "unknown"
    assert time.monotonic() - asked > timeout * 0.9
    got = conn.read_json()
    assert got["method"] == "notifications/cancelled" and got["params"]["requestId"] == "call"
    conn.send_result("call", {"late": True})
    works(b, conn)
    assert len(b.lines) == 3


def test_ping_timeout_replaces_a_silent_link(started):
    interval, timeout = (0.3, 0.4) if SCALE == 1 else (2, 4)
    b, p, conn = started("--ping-interval", str(interval), "--ping-timeout", str(timeout))
    b.send(CALL)
    conn.read_json()
    last = time.monotonic()
    new = p.accept()
    assert (interval + timeout) * 0.8 < time.monotonic() - last < interval + timeout + DEADLINE / 4
    new.open()
    b.error("call", -31001)
    expect_replay(new)
    assert new.read_json() == INITIALIZED
    works(b, new)


NAP = 1.0 * min(SCALE, 4)  # --ping-interval of those that are put to sleep


def put_to_sleep(b, *messages):
    """Stops a bridge for longer than a PING could have been late; messages come meanwhile."""
    b.signal(signal.SIGSTOP)
    b.send(*messages)
    time.sleep(2.5 * NAP)  # the span is what is tested
    b.signal(signal.SIGCONT)


def test_after_a_sleep_messages_wait_for_a_pong(started):
    b, p, conn = started("--ping-interval", str(NAP), "--ping-timeout", "60")
    works(b, conn)
    conn.auto_pong = False
    put_to_sleep(b, CALL)
    ping = conn.read_ping()
    with pytest.raises(TimeoutError):
        while True:
            conn.read_ping(0.5)  # whatever is not a PING would be an error
    conn.send(frame(PONG, ping.payload))
    assert conn.read_json() == CALL
    assert p.nobody_came()


@pytest.mark.parametrize("when", ["asleep", "awake"])
def test_a_pong_that_is_late_because_of_a_sleep(started_plain, when):
    """A PING had left, and its time was over when the bridge awoke; but the link is well."""
    b, p, conn = started_plain("--ping-interval", str(NAP), "--ping-timeout", str(NAP))
    conn.auto_pong = False
    ping = conn.read_ping()
    b.signal(signal.SIGSTOP)
    if when == "asleep":  # shortly, and it had come
        conn.send(frame(PONG, ping.payload))
        time.sleep(1.2 * NAP)
    else:  # for long: a new PING has 2 s
        time.sleep(2.5 * NAP)
    conn.auto_pong = True
    b.signal(signal.SIGCONT)
    works(b, conn)
    assert p.nobody_came()


def test_after_a_sleep_a_dead_link_is_replaced(started_plain):
    """No PONG within 2 s, whatever --ping-timeout says; what had waited was never sent."""
    b, p, conn = started_plain("--ping-interval", str(NAP), "--ping-timeout", "60")
    works(b, conn)
    conn.auto_pong = False
    b.send(LIST)
    assert conn.read_json() == LIST
    put_to_sleep(b, CALL)
    awake = time.monotonic()
    new = p.accept()
    assert 1.9 < time.monotonic() - awake < 2 + DEADLINE / 4
    new.open()
    expect_replay(new)
    assert [new.read_json() for _ in range(3)] == [INITIALIZED, LIST, CALL]
    new.send_result("call", {"ran": 1})
    assert b.answer("call")["result"] == {"ran": 1}
    with pytest.raises(Gone):
        while True:
            conn.read_ping()


def test_after_a_sleep_a_host_that_does_not_read_costs_no_link(peer, bridge):
    """While the bridge does not read it hears no PONG, and that proves nothing."""
    p = peer()
    b = bridge("--ping-interval", str(NAP), "--request-timeout", str(2 * NAP), p.url(), reconnect=True, read=False)
    conn = p.open()
    b.send(CALL)  # its timeout is what the loop waits for when it is put to sleep
    assert conn.read_json() == CALL
    pieces = [frame(TEXT, encode(notification("n", i=i, x="y" * 100000))) for i in range(100)]
    p.run(lambda: [conn.send(piece, 6 * DEADLINE) for piece in pieces])
    b.assert_idle(0.3, share=2)
    b.signal(signal.SIGSTOP)
    time.sleep(3.5 * NAP)
    b.signal(signal.SIGCONT)
    time.sleep(2.5)  # the spans are what is tested
    assert b.error_lines() == []
    b.read_on()
    b.wait_lines(len(pieces) + 1)
    b.error("call", -31003)
    assert p.nobody_came()


# The header command


def test_header_command_at_each_attempt(peer, bridge, tmp_path):
    counter = tmp_path / "count"
    counter.write_text("0")
    script = ("n=$(($(cat %s) + 1)); echo $n >%s; echo to-stderr-$n >&2; "
              "printf '{\"X-Token\":\"hunter%%s\",\"X-Name\":\"%%s\"}' $n \"$CLAUDE_CODE_MCP_SERVER_URL\"" %
              (counter, counter))
    p = peer()
    b = bridge(*FAST, "-H", "X-Token: old", "--header-command", script, p.url(), reconnect=True)
    conn = p.accept()
    head = conn.read_request()
    assert head.all("X-Token") == ["hunter1"] and head.get("X-Name") == p.url()
    initialize(b, conn.open())
    conn.close()
    refuse(p, UNAUTHORIZED)
    conn = p.accept()
    assert conn.read_request().all("X-Token") == ["hunter3"]
    conn.open()
    expect_replay(conn)
    assert conn.read_json() == INITIALIZED
    works(b, conn)
    b.wait_stderr("to-stderr-3")
    assert "hunter" not in b.error_text() + repr(b.lines)


@pytest.mark.parametrize("command, word", [
    ("echo hunter2; exit 3", "3"), ("echo hunter2", "JSON"), ("echo '[\"hunter2\"]'", "JSON"),
    ("echo '{\"X\":2,\"hunter2\":{}}'", "string"), ("kill -9 $$", "signal"),
    ("printf '{\"X\":\"hunter2\\\\nY\"}'", "header"), ("echo '{\"Upgrade\":\"hunter2\"}'", "header"),
    ("head -c 70000 /dev/zero", "64 KiB")])
def test_header_command_that_fails(peer, bridge, tmp_path, command, word):
    """A failed attempt that is retried; the reason is named, the output never."""
    good = tmp_path / "good"
    p = peer()
    b = bridge(*FAST, "--header-command", "if [ -e %s ]; then echo {}; else %s; fi" % (good, command), p.url(),
               reconnect=True, offline=0.5 * min(SCALE, 4))
    b.send(INITIALIZE)
    error = b.error("init", -31002)
    assert word in error["data"]["reason"], error
    assert p.nobody_came() and not b.ended()
    good.touch()
    works(b, p.open())
    assert "hunter2" not in b.error_text() + repr(b.lines)


def is_gone(pid):
    try:
        with open("/proc/%d/stat" % pid) as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture
def sleeper(tmp_path):
    """A header command that sleeps, with a child that does so, too; the second time it is quick."""
    return Sleeper(tmp_path / "pids")


class Sleeper:
    def __init__(self, path):
        self.path = path
        self.command = ("if [ -e {0} ]; then echo {{}}; else sleep 1000 & echo $$ $! >{0}.new; mv {0}.new {0}; "
                        "wait; fi").format(path)

    def wait_running(self):
        deadline = time.monotonic() + DEADLINE
        while not self.path.exists():
            assert time.monotonic() < deadline, "the command was not run"
            time.sleep(0.01)

    def wait_gone(self):
        deadline = time.monotonic() + DEADLINE
        for pid in map(int, self.path.read_text().split()):
            while not is_gone(pid):
                assert time.monotonic() < deadline, "%d still runs" % pid
                time.sleep(0.01)


@pytest.mark.parametrize("end", ["SIGTERM", "end of stdin"])
def test_header_command_dies_with_us(peer, bridge, sleeper, end):
    p = peer()
    b = bridge(*FAST, "--header-command", sleeper.command, p.url(), reconnect=True)
    sleeper.wait_running()
    if end == "SIGTERM":
        b.signal(signal.SIGTERM)
        assert b.wait() in (-signal.SIGTERM, 128 + signal.SIGTERM)
    else:
        b.close_stdin()
        b.finish(0)
    sleeper.wait_gone()
    assert p.nobody_came()


def test_header_command_dies_with_a_stuck_loop(peer, bridge, sleeper, shim, tmp_path, report):
    """The loop cannot react; the timer that a signal arms ends us, and the command's group first."""
    stuck = tmp_path / "stuck"
    p = peer()
    b = bridge(*FAST, "--header-command", sleeper.command, p.url(), reconnect=True,
               env={"LD_PRELOAD": shim("stuck.c"), "STUCK": str(stuck)})
    sleeper.wait_running()
    stuck.touch()
    b.send(INITIALIZE)
    b.wait_stderr("stuck: now")
    started = time.monotonic()
    b.signal(signal.SIGTERM)
    assert b.wait() in (-signal.SIGTERM, 128 + signal.SIGTERM)
    took = b.ended_at - started
    report("SIGTERM, stuck, ms", took * 1000)
    assert 0.07 < took < SCALE
    sleeper.wait_gone()


def test_header_command_that_takes_too_long(peer, bridge, sleeper):
    """After 10 s its group is killed, the attempt has failed, and the next one runs it again."""
    p = peer()
    b = bridge(*FAST, "--header-command", sleeper.command, p.url(), reconnect=True, offline=120)
    b.send(INITIALIZE)
    sleeper.wait_running()
    started = time.monotonic()
    b.wait_stderr("cannot connect to [^\n]*: the header command took longer than 10 s", 10 + DEADLINE)
    assert 9 < time.monotonic() - started < 10 + DEADLINE / 4
    sleeper.wait_gone()
    conn = p.open()
    assert conn.read_json() == INITIALIZE
    assert not b.ended() and b.lines == [] and p.nobody_came()
