"""The bridge on bare lines, without a host's library, before servers that others wrote."""

import contextlib
import json
import subprocess

import pytest

from real_comparison import PEERS, assert_same
from real_scenarios import TEXT
from real_support import Lines, everything, process, run, supergateway, wsmcp

# Ends with the last reply: on a slow machine too that is sooner than the next ping, after 20 s.
AT_ONCE = 15
VERSION = "2025-06-18"
INITIALIZE = (
    '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",'
    '"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}'
)
INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}'
TOOLS_LIST = '{"jsonrpc":"2.0","id":2,"method":"tools/list"}'


def request(ident, method, **params):
    return {"jsonrpc": "2.0", "id": ident, "method": method, "params": params}


def initialize(ident):
    info = {"name": "test", "version": "1"}
    return request(
        ident, "initialize", protocolVersion=VERSION, capabilities={}, clientInfo=info
    )


class Conversation:
    """A host by hand: writes a line, reads the lines up to the answer."""

    def __init__(self, child):
        self.child = child
        self.output = Lines(child.stdout)
        self.lines = []

    def say(self, message):
        self.child.stdin.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")
        self.child.stdin.flush()

    def hear(self, wanted):
        """Reads up to the first answer for which wanted(answer) is true."""
        while (line := self.output.next()) is not None:
            self.lines.append(line)
            answer = json.loads(line)
            if "method" not in answer and wanted(answer):
                return answer
        raise AssertionError(f"no answer, only {self.lines}")

    def ask(self, message):
        self.say(message)
        return self.hear(lambda answer: answer["id"] == message["id"])


@contextlib.contextmanager
def conversation(command):
    """Talks to a program; ends it if that is needed (server-everything outlives its stdin)."""
    with process(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        try:
            yield Conversation(child)
        finally:
            child.terminate()


def test_pipe_prints_both_replies_and_ends_with_status_0(open_server):
    url = open_server("supergateway", lambda: supergateway(everything())).url
    pipe = 'printf "%s\\n" "$0" "$1" "$2" | { shift 2; "$@"; }'
    messages = (INITIALIZE, INITIALIZED, TOOLS_LIST)
    status, out, err = run(["/bin/sh", "-c", pipe, *messages, *wsmcp(url)], seconds=AT_ONCE)
    assert (status, err) == (0, "")

    heard = [json.loads(line) for line in out.splitlines()]
    replies = {message["id"]: message["result"] for message in heard if "id" in message}
    assert list(replies) == [1, 2]
    assert replies[1]["serverInfo"]["name"] == "mcp-servers/everything"
    assert "echo" in [tool["name"] for tool in replies[2]["tools"]]


# Ids of every kind, and one that servers are known to confuse with its number.
DIALOGUES = {
    "ws": [
        initialize("start"),
        request(1, "tools/list"),
        request("1", "tools/call", name="echo", arguments={"message": TEXT}),
        request("é\n", "tools/call", name="no-such-tool", arguments={}),
        request(-7, "tools/call", name="trigger-long-running-operation",
                arguments={"duration": 0.1, "steps": 3}, _meta={"progressToken": "ö"}),
        request("r", "resources/read", uri="demo://resource/static/document/structure.md"),
        request("p", "prompts/get", name="simple-prompt"),
        request("u", "no/such/method"),
        request("", "ping"),
    ],
    "python-sdk-server": [
        initialize("start"),
        request(1, "tools/list"),
        request("1", "tools/call", name="echo", arguments={"message": TEXT}),
        request("é\n", "tools/call", name="fail", arguments={"reason": TEXT}),
        request(-7, "tools/call", name="slow", arguments={"steps": 3},
                _meta={"progressToken": "ö"}),
        request("i", "tools/call", name="image", arguments={}),
        request("r", "resources/read", uri="note://greeting"),
        request("p", "prompts/get", name="greet", arguments={"who": "Zoë"}),
        request("", "ping"),
    ],
}


@pytest.mark.parametrize("peer", DIALOGUES)
def test_lines_are_the_servers_own_byte_for_byte(open_server, peer):
    make, direct, _ = PEERS[peer]
    url = open_server(peer, make).url
    heard = []
    for command in direct(), wsmcp(url):
        with conversation(command) as host:
            for message in DIALOGUES[peer]:
                host.ask(message)
                if message["method"] == "initialize":
                    host.say(json.loads(INITIALIZED))
            heard.append(host.lines)
    assert_same(b"\n".join(heard[1]), b"\n".join(heard[0]))
    assert len(heard[1]) > len(DIALOGUES[peer])  # notifications came too


def test_supergateway_turns_string_ids_into_null_and_the_bridge_leaves_them_so():
    """Why nothing with string ids is compared behind supergateway: the bridge repairs no server."""
    with supergateway(everything()) as server, conversation(wsmcp(server.url)) as host:
        host.say(initialize("a"))
        answer = host.hear(lambda answer: True)
        assert answer["id"] is None
        assert answer["result"]["serverInfo"]["name"] == "mcp-servers/everything"
