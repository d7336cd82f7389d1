"""The same host in the same scenario, before the same server, over stdio and over the bridge."""

import concurrent.futures
import json

import pytest

import real_scenarios as scenarios
import real_support as support

# What stands on the other side of the bridge: how the server is started behind a WebSocket, how the
# same server is started over stdio, and what a host does with it.
PEERS = {
    "supergateway": (
        lambda: support.supergateway(support.everything()),
        support.everything,
        scenarios.EVERYTHING,
    ),
    "ws": (
        lambda: support.ws_gate(support.everything()),
        support.everything,
        scenarios.EVERYTHING_ASKING,
    ),
    "python-sdk-server": (
        lambda: support.server(support.py_sdk_server("websocket"), "/mcp"),
        lambda: support.py_sdk_server("stdio"),
        scenarios.PY_SDK,
    ),
    "typescript-sdk-v2-server": (
        lambda: support.ws_gate(support.ts_sdk_v2_server()),
        support.ts_sdk_v2_server,
        scenarios.TS_SDK_V2,
    ),
}


def shown(value):
    """As text, without what must differ."""
    return support.without_clock(json.dumps(value, ensure_ascii=False))


def assert_same(bridged, direct):
    """Texts or bytes may be megabytes long: only the place where they part is shown."""
    if bridged == direct:
        return
    shorter = min(len(bridged), len(direct))
    at = next((n for n in range(shorter) if bridged[n] != direct[n]), shorter)
    around = slice(max(0, at - 200), at + 200)
    pytest.fail(
        f"differs at {at} ({len(bridged)} and {len(direct)} long)\n"
        f"through the bridge: {bridged[around]!r}\ndirectly: {direct[around]!r}"
    )


class Comparison:
    """One scenario, run by the same host over stdio and through the bridge, at the same time."""

    def __init__(self, host, peer, directory):
        make, direct, scenario = PEERS[peer]
        self.steps = scenario["steps"]
        self.answers = scenario["answers"]
        # A server of its own: some keep what their first client could do, and has subscribed to.
        with make() as server, concurrent.futures.ThreadPoolExecutor() as pool:
            watched = support.Watched(support.wsmcp(server.url), directory)
            bridged = pool.submit(support.record, host, watched.command, scenario)
            self.direct = support.record(host, direct(), scenario)
            try:
                self.bridged = bridged.result()
            except AssertionError as error:
                raise AssertionError(f"{error}\nthe bridge said: {watched.stderr()}") from None
            self.status = watched.status()
            self.stderr = watched.stderr()
            # What the gate has counted on the wire, unless the host connected more than once.
            count = peer == "ws" and host != "typescript-sdk-v2"
            self.closed = server.event("closed") if count else None

    def part(self, name):
        """(step, what came of it directly, what came of it through the bridge)"""
        outcomes = zip(self.steps, self.direct["steps"], self.bridged["steps"], strict=True)
        return [outcome for outcome in outcomes if outcome[0]["part"] == name]
