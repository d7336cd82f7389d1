"""The MCP Inspector's command line as the host: what it prints has to be the same on both ways.

It starts the server of a configuration file, as hosts do, calls one method and prints the result.
It does not print progress and notifications; test_real_hosts.py compares those. Not compared: the
time of day in server-everything's dynamic resources.
"""

import concurrent.futures
import json

import real_support as support
from real_scenarios import TEXT

CALL = ["--method", "tools/call", "--tool-name"]
# What is asked for, the Inspector's exit status, and what has to be in its output.
ASKED = {
    "tools-list": (["--method", "tools/list"], 0, "trigger-long-running-operation"),
    "echo": ([*CALL, "echo", "--tool-args-json", json.dumps({"message": TEXT})], 0, "Zoë said"),
    "image": ([*CALL, "get-tiny-image"], 0, "image/png"),
    "failure": ([*CALL, "get-structured-content", "--tool-arg", "location=Oslo"], 5, "isError"),
    "resources-read": (["--method", "resources/read", "--uri", "demo://resource/dynamic/text/3"],
                       0, "Resource 3"),
    "prompts-get": (["--method", "prompts/get", "--prompt-name", "args-prompt",
                     "--prompt-args", "city=Åre"], 0, "Åre"),
}


def inspect(directory, command, asked):
    config = directory / "config.json"
    server = {"command": command[0], "args": command[1:]}
    config.write_text(json.dumps({"mcpServers": {"tested": server}}))
    inspector = [support.node(), support.INSPECTOR, "--cli"]
    status, out, err = support.run(
        [*inspector, "--config", str(config), "--server", "tested", *asked],
        HOME=str(directory), MCP_INSPECTOR_SECRET_STORE="memory",
    )
    return status, support.without_clock(out.decode()), err


def inspect_bridge(directory, command, asked):
    watched = support.Watched(command, directory)
    return *inspect(directory, watched.command, asked), watched.status(), watched.stderr()


def test_inspector_prints_the_same(subtests, tmp_path):
    with (
        support.supergateway(support.everything()) as gateway,
        concurrent.futures.ThreadPoolExecutor(4) as pool,
    ):

        def start(way, function, name, command):
            directory = tmp_path / f"{name}-{way}"
            directory.mkdir()
            return pool.submit(function, directory, command, ASKED[name][0])

        started = {
            name: (
                start("direct", inspect, name, support.everything()),
                start("bridged", inspect_bridge, name, support.wsmcp(gateway.url)),
            )
            for name in ASKED
        }
        for name, both in started.items():
            with subtests.test(name):
                check(*(answer.result() for answer in both), *ASKED[name][1:])


def check(directly, through_the_bridge, wanted_status, wanted):
    status, out, _ = directly
    status_bridged, out_bridged, err, bridge_status, stderr = through_the_bridge
    assert status_bridged == status == wanted_status, err
    assert out_bridged == out
    assert wanted in out_bridged
    assert (bridge_status, stderr) == (0, "")
