"""The command line: help, version, wrong usage, verbosity, log file, trace, dependencies."""

import json
import os
import re
import stat
import subprocess

import pytest

from bridge import BINARY, INITIALIZE, RUNNER, clean_environment, notification, request
from peer import DEADLINE, TEXT, encode, frame

UTC = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"


@pytest.fixture
def run(home):
    def run(*args, env=None):
        return subprocess.run([*RUNNER, BINARY, *args], stdin=subprocess.DEVNULL, capture_output=True,
                              env=clean_environment(home, env), timeout=DEADLINE, text=True)

    return run


OPTIONS = ["--header", "--subprotocol", "--no-subprotocol", "--cacert", "--cert", "--key", "--insecure", "--proxy",
           "--noproxy", "--unix-socket", "--resolve", "--connect-timeout", "--ping-interval", "--ping-timeout",
           "--linger", "--max-message", "--max-reply", "--trace", "--log-file", "--verbose", "--quiet"]


def test_help(run):
    got = run("--help")
    assert got.returncode == 0 and got.stderr == ""
    for option in OPTIONS:
        assert option in got.stdout
    for n in "0", "1", "2", "3", "4", "5", "128":
        assert re.search(r"^\s+%s\b" % n, got.stdout, re.M), "exit status %s is not explained" % n
    assert all(len(line) <= 100 for line in got.stdout.splitlines())


def test_version(run):
    got = run("--version")
    assert got.returncode == 0 and got.stderr == ""
    assert re.match(r"wsmcp \d+\.\d+", got.stdout) and "libcurl" in got.stdout


@pytest.mark.parametrize("args, word", [
    ([], None),
    (["--no-such-option", "ws://127.0.0.1:9/"], "no-such-option"),
    (["-Z", "ws://127.0.0.1:9/"], "Z"),
    (["ws://127.0.0.1:9/", "more"], None),
    (["ws://127.0.0.1:9/", "-H"], "header"),
    (["--linger", "x", "ws://127.0.0.1:9/"], "linger"),
    (["--linger", "-1", "ws://127.0.0.1:9/"], "linger"),
    (["--linger", "", "ws://127.0.0.1:9/"], "linger"),
    (["--max-message", "10X", "ws://127.0.0.1:9/"], "max-message"),
    (["--max-message", "0", "ws://127.0.0.1:9/"], "max-message"),
    (["--quiet=yes", "ws://127.0.0.1:9/"], "quiet"),
    (["--connect-timeout", "99999999999999999999", "ws://127.0.0.1:9/"], "connect-timeout"),
])
def test_wrong_usage(run, args, word):
    got = run(*args)
    assert got.returncode == 2 and got.stdout == "" and got.stderr
    if word:
        assert word in got.stderr
    assert len(got.stderr.splitlines()) <= 4


@pytest.mark.parametrize("target", ["http://127.0.0.1:9/", "ws://", "ws:///x", "ws://127.0.0.1:99999/", "ftp://x",
                                    "ws://a b/", "ws://h\x01/", "WSS//x", "ws://[::1/"])
def test_not_a_target(run, target):
    got = run(target)
    assert got.returncode in (2, 3) and got.stdout == "" and got.stderr
    assert "\x01" not in got.stderr


@pytest.mark.parametrize("args", [["bridge"], ["--"], ["bridge", "--"]], ids=" ".join)
def test_command_and_end_of_options(peer, bridge, args):
    p = peer()
    b = bridge(*args, p.url(), reconnect=True)  # a command stands first, with no option before it
    b.send(request(1))
    assert p.open().read_json() == request(1)


def test_options_behind_the_target(peer, bridge):
    p = peer()
    bridge(p.url(), "-H", "X-A: 1")
    assert p.accept().read_request().get("X-A") == "1"


def test_scheme_in_capitals(peer, bridge):
    p = peer()
    bridge(p.url().replace("ws://", "WS://"))
    assert p.accept().read_request().method == "GET"


# what it says


def lose(b, conn):
    """Runs a short session that ends with a lost link."""
    b.send(request(1))
    conn.read_json()
    conn.send_text(b"oops")
    conn.send_close(1011, "died")
    conn.read_close()
    conn.close()
    b.answer(1)
    b.finish_lost()


def test_quiet_by_default(connected):
    b, conn = connected()
    lose(b, conn)
    assert 1 <= len(b.error_lines()) <= 4
    assert "1011" in b.error_text()


def test_quiet(connected):
    b, conn = connected("-q")
    lose(b, conn)
    assert len(b.error_lines()) <= 1  # errors only, no warnings


def test_verbose(connected):
    b, conn = connected()
    lose(b, conn)
    once, conn = connected("-v")
    lose(once, conn)
    twice, conn = connected("-v", "--verbose")
    lose(twice, conn)
    assert len(b.error_lines()) < len(once.error_lines()) <= len(twice.error_lines())


def test_text_of_the_server_is_escaped(connected):
    b, conn = connected("-v", "-v")
    conn.send_text(b'"\x1b[31mred\xc2\x9b \xe2\x80\xae"'.replace(b"\x1b", b"\\u001b"))
    conn.send(frame(TEXT, b"\x1b[31m oops \xc2\x9b\xe2\x80\xae\x7f"))
    b.send(request(1))
    conn.read_json()
    conn.send_result(1)
    b.answer(1)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", b.error_text())


def test_log_file(connected, tmp_path):
    path = tmp_path / "log"
    b, conn = connected("--log-file", path, "-v")
    lose(b, conn)
    lines = path.read_text().splitlines()
    assert len(lines) == len(b.error_lines())
    for line, said in zip(lines, b.error_lines()):
        assert re.match(UTC, line) and line.endswith(said.partition(": ")[2])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_log_file_is_appended_to(connected, tmp_path):
    path = tmp_path / "log"
    path.write_text("before\n")
    b, conn = connected("--log-file=%s" % path)
    lose(b, conn)
    assert path.read_text().startswith("before\n") and "1011" in path.read_text()


@pytest.mark.parametrize("option", ["--log-file", "--trace"])
def test_file_that_cannot_be_opened(peer, bridge, option):
    p = peer()
    b = bridge(option, "/no/such/directory/file", p.url())
    b.finish(3)
    assert "/no/such/directory/file" in b.error_text()
    assert p.nobody_came()


# the trace


def trace_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_trace(connected, tmp_path):
    path = tmp_path / "trace"
    b, conn = connected("--trace", path, "-H", "X-Secret: hunter2", url="/mcp?token=hunter2")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    odd = b'{ "jsonrpc":"2.0", "id":1, "method":"caf\xc3\xa9 \\"x\\" \\u00e9" }'
    b.send(odd)
    assert conn.read_message() == odd
    reply = '{"jsonrpc":"2.0",\n"id":1,"result":"\u20ac"}'
    conn.send_text(reply)
    b.answer(1)
    b.send_raw(b"oops\n")
    b.wait_lines(2)
    b.close_stdin()
    conn.answer_close()
    b.finish(0)
    got = trace_of(path)
    assert [(t["direction"], t["size"]) for t in got] == [
        ("to-server", len(odd)), ("to-host", len(reply.encode())), (got[2]["direction"], len(b.lines[1]))]
    assert got[0]["text"] == odd.decode()
    assert got[1]["text"].replace("\n", " ") == reply.replace("\n", " ")
    assert json.loads(got[2]["text"])["error"]["code"] == -32700
    for t in got:
        assert set(t) == {"time", "direction", "size", "text"} and re.fullmatch(UTC, t["time"])
    assert "hunter2" not in path.read_text()


def test_trace_of_what_was_not_kept(connected, tmp_path):
    path = tmp_path / "trace"
    b, conn = connected("--trace", path, "--max-message", "1K")
    b.send(request(1, x="y" * 5000))
    b.error(1, -31004)
    conn.send_text(notification("n", x="y" * 5000))
    b.send(request(2))
    conn.read_json()
    conn.send_result(2)
    b.answer(2)
    got = trace_of(path)
    assert [t["text"] is None for t in got if t["size"] > 5000] in ([True], [True, True])
    assert "yyyy" not in path.read_text()


def test_trace_has_the_pid(connected, tmp_path):
    b, conn = connected("--trace", tmp_path / "trace-%p")
    b.send(request(1))
    conn.read_json()
    assert len(trace_of(tmp_path / ("trace-%d" % b.pid))) == 1


def test_trace_is_appended_to(connected, tmp_path):
    path = tmp_path / "trace"
    path.touch(0o600)
    path.write_text('{"old":1}\n')
    b, conn = connected("--trace", path)
    b.send(request(1))
    conn.read_json()
    assert trace_of(path)[0] == {"old": 1} and len(trace_of(path)) == 2


@pytest.mark.parametrize("problem", ["symlink", "dangling symlink", "readable by others", "directory", "fifo"])
def test_trace_refused(peer, bridge, tmp_path, problem):
    path, other = tmp_path / "trace", tmp_path / "other"
    if "symlink" in problem:
        path.symlink_to(other)
        if problem == "symlink":
            other.touch(0o600)
    elif problem == "directory":
        path.mkdir()
    elif problem == "fifo":
        os.mkfifo(path, 0o600)
    else:
        path.touch()
        path.chmod(0o644)
    p = peer()
    b = bridge("--trace", path, p.url())
    b.finish(3)
    assert "trace" in b.error_text() and p.nobody_came()
    assert problem != "dangling symlink" or not other.exists()


# dependencies


@pytest.mark.parametrize("flags, words", [
    (["-DOTHER_WITHOUT_WS"], ["libcurl", "WebSocket"]),
    (['-DOTHER_VERSION="8.13.0"', "-DOTHER_NUMBER=0x080d00"], ["libcurl", "8.14"]),
    (['-DOTHER_VERSION="7.88.1"', "-DOTHER_NUMBER=0x075801", "-DOTHER_WITHOUT_WS"], ["libcurl", "8.14"]),
], ids=["no WebSocket", "8.13", "7.88.1"])
def test_t28_libcurl_that_will_not_do(peer, bridge, shim, flags, words):
    p = peer()
    b = bridge(p.url(), env={"LD_PRELOAD": shim("other_curl.c", *flags)})
    b.finish(5)
    for word in words:
        assert word in b.error_text()
    assert b.lines == [] and p.nobody_came()


def test_t28_help_and_version_work_without_it(run, shim):
    env = {"LD_PRELOAD": shim("other_curl.c", "-DOTHER_WITHOUT_WS")}
    assert run("--help", env=env).returncode == 0
    assert run("--version", env=env).returncode == 0
