"""The official SDKs' stdio clients as hosts of the bridge, before servers that others wrote.

Version 2 of the TypeScript SDK speaks MCP 2026-07-28, without `initialize`: it asks first.

Each host runs the same scenario twice, over stdio on the server itself and over the bridge, and has
to see the same. Not compared, because it cannot be the same:

- The time of day in server-everything's dynamic resources.
- How the server's process ends: over stdio it is the host's child and is terminated by it.
- Behind supergateway, the server's own requests: it sends them to all its clients and renames the
  id of the answer, so the server never learns of one. The host declares no capability there that
  would make server-everything ask. Nor is anything cancelled there, since the id inside a
  cancellation keeps the name that supergateway has changed elsewhere.
- Behind supergateway, string ids, which it turns into null: test_real_lines.py shows it. Both SDKs
  number their requests, but what version 2 of the TypeScript SDK asks first has a string id, so it
  meets server-everything behind another server.
"""

import pytest

from real_comparison import Comparison, assert_same, shown

PAIRS = [
    ("typescript-sdk", "supergateway"),
    ("typescript-sdk", "ws"),
    ("typescript-sdk", "python-sdk-server"),
    ("python-sdk", "supergateway"),
    ("python-sdk", "ws"),
    ("python-sdk", "python-sdk-server"),
    ("typescript-sdk-v2", "ws"),
    ("typescript-sdk-v2", "typescript-sdk-v2-server"),
]


@pytest.mark.parametrize("host, peer", PAIRS)
def test_host_sees_the_same(subtests, tmp_path, host, peer):
    both = Comparison(host, peer, tmp_path)

    def check(name, function):
        with subtests.test(name):
            function(both)

    check("handshake", handshake_is_the_same)
    for part in dict.fromkeys(step["part"] for step in both.steps):
        check(part, lambda both, part=part: results_are_the_same(both, part))
    check("progress in order", progress_comes_in_order)
    check("notifications in order", notifications_are_the_same)
    check("requests of the server", requests_of_the_server_are_the_same)
    check("end", bridge_ends_with_the_host_and_is_silent)
    if both.closed:
        check("wire", pings_are_answered_and_the_close_is_clean)


def handshake_is_the_same(both):
    assert both.bridged["handshake"] == both.direct["handshake"]
    assert both.bridged["handshake"]["serverInfo"]["name"]


def results_are_the_same(both, part):
    for step, direct, bridged in both.part(part):
        assert_same(shown(bridged), shown(direct))
        steps = step.get("together", [step])
        outcomes = bridged if "together" in step else [bridged]
        for wanted, outcome in zip(steps, outcomes, strict=True):
            found = wanted["has"] in shown(outcome)
            assert found, f"not as expected: {shown(wanted)[:500]} gave {shown(outcome)[:500]}"


def progress_comes_in_order(both):
    def progress(seen):
        return [n["params"] for n in seen["notifications"] if n["method"].endswith("/progress")]

    assert progress(both.bridged) == progress(both.direct)
    assert [params["progress"] for params in progress(both.bridged)][:6] == [1, 2, 3, 4, 5, 6]


def notifications_are_the_same(both):
    assert both.bridged["notifications"] == both.direct["notifications"]
    seen = {notification["method"] for notification in both.bridged["notifications"]}
    assert seen >= {step["wait"]["method"] for step in both.steps if "wait" in step}


def requests_of_the_server_are_the_same(both):
    assert both.bridged["requests"] == both.direct["requests"]
    assert {request["method"] for request in both.bridged["requests"]} == set(both.answers)


def bridge_ends_with_the_host_and_is_silent(both):
    # The TypeScript SDK takes the late answer to a call that it cancelled for a stray.
    assert both.bridged["strays"] == both.direct["strays"]
    assert both.stderr == ""
    assert both.status == 0


def pings_are_answered_and_the_close_is_clean(both):
    assert both.closed["code"] == 1000
    assert both.closed["received"] > 0 and both.closed["wrong"] == 0
    assert both.closed["messages"] > 0 and both.closed["binary"] == 0
