"""The C library with servers of the official SDKs, of both generations."""

import json
import os
import sys

import pytest

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))

from client import AUTO, LEGACY, MODERN, OK, TOOL, Driver  # noqa: E402
from real_support import HERE, everything, node, ws_gate  # noqa: E402

ANSWER = '{"action":"accept","content":{"name":"Ann","interpretation":"a"}}'
SAMPLE = '{"role":"assistant","model":"m","content":{"type":"text","text":"sampled"}}'
TIMEOUT = 60000


@pytest.fixture
def client(tmp_path):
    made = []

    def make(url, protocol):
        d = Driver(tmp_path)
        made.append(d)
        d.open(url, "elicit", "sample", "progress", "notification", roots=[str(tmp_path)], protocol=protocol)
        d.on("elicit", {"do": "answer", "result": ANSWER})
        d.on("sample", {"do": "answer", "result": SAMPLE})
        done = d.do("connect", timeout=TIMEOUT)
        assert done["status"] == OK, done
        return d

    yield make
    for d in made:
        d.close()
    for d in made:
        d.check()


def call(d, tool, **arguments):
    return d.do("call", tool=tool, arguments=json.dumps(arguments), timeout=TIMEOUT)


def text(done):
    assert done["status"] == OK, done
    return json.loads(done["result"])["content"][0]["text"]


def test_the_reference_server(client, tmp_path):
    with ws_gate(everything()) as server:
        d = client(server.url, AUTO)
        assert d.do("info")["version"] == "2025-11-25"
        tools = json.loads(d.do("list", timeout=TIMEOUT)["result"])
        assert [t["name"] for t in tools if t.get("execution", {}).get("taskSupport") == "required"] == [
            "simulate-research-query"]
        # A task that asks a question on its way.
        assert "cats" in text(call(d, "simulate-research-query", topic="cats", ambiguous=True))
        assert d.event("elicit")
        assert "sampled" in text(call(d, "trigger-sampling-request", prompt="p"))
        assert os.path.realpath(tmp_path) in text(call(d, "get-roots-list"))
        assert "completed" in text(call(d, "trigger-long-running-operation", duration=1, steps=2))
        assert d.event("progress")["total"] == 2


@pytest.mark.parametrize("protocol,version", [(LEGACY, "2025-11-25"), (MODERN, "2026-07-28")])
def test_a_server_of_both_generations(client, protocol, version):
    with ws_gate([node(), f"{HERE}/servers/ts_sdk_v2_server.mjs"]) as server:
        d = client(server.url, protocol)
        info = d.do("info")
        assert info["version"] == version
        assert json.loads(info["server"])["serverInfo"]["name"] == "ts-sdk-v2-server"
        assert json.loads(d.do("list", timeout=TIMEOUT)["result"])[0]["name"] == "echo"
        assert text(call(d, "echo", message="Zoë")) == "Zoë"
        assert text(call(d, "greet")) == "Hello Ann"  # by asking back
        failed = call(d, "fail", message="it broke")
        assert failed["status"] == TOOL and failed["error"] == "it broke"
        assert text(call(d, "slow", steps=3)) == "3 steps done"
        assert [d.event("progress")["progress"] for _ in range(3)] == [1, 2, 3]
