"""Every tool of the reference server called by `wsmcp call`, and its progress bar on a terminal."""

import base64
import gzip
import json
import os
import re
import shlex
import shutil
import subprocess
import time

import pytest

from real_support import DEADLINE, environment, everything, run, supergateway, ws_gate, wsmcp

GATES = {
    "supergateway": lambda: supergateway(everything()),
    "ws": lambda: ws_gate(everything()),
}
HELLO = base64.b64encode(b"hello").decode()


@pytest.fixture(params=GATES)
def url(request, open_server):
    gate = GATES[request.param]
    return open_server(f"commands-{request.param}", gate).url


def call(url, tool, *words, status=0):
    """What `wsmcp call` printed for people and programs alike."""
    got, out, err = run(wsmcp("call", url, tool, *words))
    assert got == status, (out, err)
    answer = json.loads(out)
    assert answer["success"] == (status == 0), answer
    if status == 0:
        metadata = answer["metadata"]
        assert metadata["tool"] == tool and metadata["ws_url"] == url
        assert metadata["server"] == "mcp-servers/everything"
    return answer


def data(url, tool, *words):
    return call(url, tool, *words)["data"]


# --- each tool -------------------------------------------------------------------------------


def check_echo(url):
    assert data(url, "echo", "message=Zoë 你好\n17") == "Echo: Zoë 你好\n17"
    assert data(url, "echo", "message=9007199254740993") == "Echo: 9007199254740993"


def check_sum(url):
    assert data(url, "get-sum", "a=2", "b=40.5") == "The sum of 2 and 40.5 is 42.5."
    assert data(url, "get-sum", "--args", '{"a": 1e2, "b": -1}') == "The sum of 100 and -1 is 99."


def check_env(url):
    assert json.loads(data(url, "get-env"))["PATH"]


def check_image(url):
    before, image, after = data(url, "get-tiny-image")
    assert before["type"] == after["type"] == "text"
    assert image["mimeType"] == "image/png" and base64.b64decode(image["data"])[1:4] == b"PNG"


def check_structured(url):
    got = data(url, "get-structured-content", "location=Chicago")
    assert got == {"temperature": 36, "conditions": "Light rain / drizzle", "humidity": 82}


def check_annotated(url):
    text, image = data(url, "get-annotated-message", "messageType=error", "includeImage=true")
    assert text["annotations"] == {"priority": 1, "audience": ["user", "assistant"]}
    assert image["type"] == "image" and image["annotations"]["audience"] == ["user"]


def check_links(url):
    text, *links = data(url, "get-resource-links", "count=4")
    assert text["type"] == "text" and [each["type"] for each in links] == ["resource_link"] * 4
    assert all(each["uri"].startswith("demo://resource/") for each in links)


def check_reference(url):
    _, text, _ = data(url, "get-resource-reference", "resourceType=Text", "resourceId=7")
    assert text["resource"]["text"].startswith("Resource 7")
    _, blob, _ = data(url, "get-resource-reference", "resourceType=Blob", "resourceId=7")
    assert base64.b64decode(blob["resource"]["blob"]).startswith(b"Resource 7")


def check_gzip(url):
    words = "name=x.gz", f"data=data:text/plain;base64,{HELLO}", "outputType=resource"
    (item,) = data(url, "gzip-file-as-resource", *words)
    assert gzip.decompress(base64.b64decode(item["resource"]["blob"])) == b"hello"


def check_logging(url):
    assert data(url, "toggle-simulated-logging").startswith("Started simulated")


def check_updates(url):
    assert data(url, "toggle-subscriber-updates").startswith("Started simulated")


def check_long_running(url):
    got = data(url, "trigger-long-running-operation", "duration=0.3", "steps=3")
    assert got == "Long running operation completed. Duration: 0.3 seconds, Steps: 3."


def check_research(url):
    """This one must be run as a task."""
    got = data(url, "simulate-research-query", "topic=tides")
    assert got.startswith("# Research Report: tides")


TOOLS = {
    "echo": check_echo,
    "get-annotated-message": check_annotated,
    "get-env": check_env,
    "get-resource-links": check_links,
    "get-resource-reference": check_reference,
    "get-structured-content": check_structured,
    "get-sum": check_sum,
    "get-tiny-image": check_image,
    "gzip-file-as-resource": check_gzip,
    "simulate-research-query": check_research,
    "toggle-simulated-logging": check_logging,
    "toggle-subscriber-updates": check_updates,
    "trigger-long-running-operation": check_long_running,
}


def test_every_tool_is_called_here(url):
    status, out, err = run(wsmcp("tools", "--json", url))
    assert status == 0 and err == ""
    assert {tool["name"] for tool in json.loads(out)} == TOOLS.keys()


def test_tools_are_listed_in_80_columns(url):
    status, out, err = run(wsmcp("tools", url))
    assert status == 0 and err == ""
    lines = out.decode().splitlines()
    assert set(TOOLS) == {line for line in lines if line and not line.startswith(" ")}
    assert "    location  one of \"New York\", \"Chicago\", \"Los Angeles\", required" in lines
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("tool", TOOLS)
def test_tool(url, tool):
    TOOLS[tool](url)


def test_roots(open_server, tmp_path):
    """supergateway gives the answers to requests of the server other ids, so it cannot do this."""
    url = open_server("commands-ws", GATES["ws"]).url
    status, out, err = run(wsmcp("call", "--root", str(tmp_path), url, "get-roots-list"))
    assert status == 0, (out, err)
    assert tmp_path.as_uri() in json.loads(out)["data"]


def test_errors_of_the_tool_and_of_the_arguments(url):
    words = "name=x", "data=data:text/plain,hello", "outputType=zip"
    got = call(url, "gzip-file-as-resource", *words, status=1)
    assert 'expected one of "resourceLink", "resource", got "zip"' in got["error"]
    got = call(url, "gzip-file-as-resource", "name=x", "data=ftp://127.0.0.1/", status=1)
    assert got["error_type"] == "ToolError" and "ftp" in got["error"]
    got = call(url, "get-sum", "a=two", "b=3", status=1)
    assert got["error_type"] == "ToolError" and "expected number" in got["error"]
    got = call(url, "get-sums", "a=2", status=1)
    assert got["error"].startswith('the server has no tool "get-sums"; it has "get-sum", ')


def test_files(url, tmp_path):
    status, out, err = run(wsmcp("call", "--save", str(tmp_path), url, "get-tiny-image"))
    assert status == 0 and err == ""
    path = json.loads(out)["data"][1]["saved"]
    assert path == f"{tmp_path}/get-tiny-image-1.png"
    with open(path, "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"


def test_other_outputs(url):
    assert run(wsmcp("call", "--text", url, "echo", "message=x")) == (0, b"Echo: x\n", "")
    status, out, _ = run(wsmcp("call", "--raw", url, "echo", "message=x"))
    assert status == 0 and json.loads(out) == {"content": [{"type": "text", "text": "Echo: x"}]}


def test_requests(url):
    uri = json.dumps({"uri": "demo://resource/dynamic/text/5"})
    status, out, err = run(wsmcp("request", url, "resources/read", uri))
    assert status == 0 and "Resource 5" in json.loads(out)["contents"][0]["text"], err
    uri = b'{"uri": "demo://no/such"}'
    status, out, err = run(wsmcp("request", url, "resources/read", "-"), uri)
    assert status == 1 and out == b"" and "demo://no/such" in err


# --- on a terminal ---------------------------------------------------------------------------


class Screen:
    """A program in tmux; when it has ended, its exit status is shown."""

    def __init__(self, directory, command):
        self.socket = f"{directory}/tmux"
        script = f"trap : INT; {shlex.join(command)}; echo exit status $?; exec sleep {DEADLINE}"
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24",
                  shlex.join(["env", "NO_COLOR=1", "sh", "-c", script]))

    def tmux(self, *args):
        done = subprocess.run(["tmux", "-u", "-S", self.socket, *args], check=True, text=True,
                              capture_output=True, env=environment(TERM="xterm", LC_ALL="C.UTF-8"))
        return done.stdout

    def lines(self):
        return self.tmux("capture-pane", "-p").rstrip("\n").split("\n")

    def until(self, pattern):
        """The lines of the first screen on which this is found."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            lines = self.lines()
            if re.search(pattern, "\n".join(lines)):
                return lines
            time.sleep(0.02)
        raise AssertionError(f"no {pattern!r} on the screen: {lines}")

    def keys(self, *names):
        self.tmux("send-keys", *names)

    def close(self):
        if os.path.exists(self.socket):
            subprocess.run(["tmux", "-S", self.socket, "kill-server"], check=False)


@pytest.fixture
def screen(tmp_path):
    if not shutil.which("tmux"):
        pytest.skip("there is no tmux")
    opened = []

    def start(*args):
        opened.append(Screen(tmp_path, wsmcp(*args)))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def test_a_long_running_tool_shows_its_progress(url, screen):
    s = screen("call", url, "trigger-long-running-operation", "duration=4", "steps=4")
    assert "[#######-----------------------]  25%" in s.until(r"25%")
    assert "[######################--------]  75%" in s.until(r"75%")
    lines = s.until(r"exit status \d")
    assert lines[:3] == [
        "{",
        '  "success": true,',
        '  "data": "Long running operation completed. Duration: 4 seconds, Steps: 4.",',
    ]
    assert lines[-2:] == ["}", "exit status 0"]  # and the bar is gone


def test_control_c_ends_a_long_running_tool(url, screen):
    s = screen("call", url, "trigger-long-running-operation", "duration=600", "steps=6000")
    s.until(r"\[[#-]+\] +\d+%")
    s.keys("C-c")
    lines = s.until(r"exit status \d")
    assert lines[-1] == "exit status 130" and not any("%" in line for line in lines)
