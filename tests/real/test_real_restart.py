"""A server that is killed and started again while a host goes on calling: the host must not notice."""

import json
import os
import random
import signal
import subprocess

import real_support as support

RESTARTS = 20


class Gateway:
    """supergateway on one port, killed and started again with everything behind it."""

    def __init__(self):
        self.port = support.free_port()
        self.url = f"ws://127.0.0.1:{self.port}/message"
        self.child = None

    def start(self):
        command = [support.node(), support.SUPERGATEWAY, "--stdio",
                   " ".join(support.everything()), "--outputTransport", "ws",
                   "--port", str(self.port), "--messagePath", "/message"]
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                      env=support.environment(), start_new_session=True)
        assert support.Lines(self.child.stdout).until(lambda line: b"Listening on port" in line)

    def kill(self):
        if self.child is not None:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()
            self.child = None


def test_the_client_never_notices_restarts():
    gateway = Gateway()
    gateway.start()
    command = [support.node(), f"{support.HERE}/hosts/ts_sdk_caller.mjs",
               *support.wsmcp("--retry-delay-max", "0.2", "--offline-timeout",
                              str(support.DEADLINE), gateway.url)]
    try:
        with support.process(command, stdout=subprocess.PIPE) as host:
            lines = support.Lines(host.stdout)
            assert lines.until(lambda line: b"ready" in line)
            chance = random.Random(1)
            for _ in range(RESTARTS):
                # At a random moment: so many answers after the last restart.
                for _ in range(chance.randrange(1, 40)):
                    assert lines.until(lambda line: b"answer" in line)
                gateway.kill()
                gateway.start()
            assert lines.until(lambda line: b"answer" in line)
            host.stdin.close()
            end = lines.until(lambda line: json.loads(line).get("end"))
            assert host.wait(support.DEADLINE) == 0
    finally:
        gateway.kill()
    assert end["calls"] == end["answers"] >= RESTARTS, end
    assert end["wrong"] == 0 and end["closedBefore"] == 0 and end["sameTools"], end
    assert set(end["errors"]) <= {"-31001"}, end
    # Ours after each restart, and those that the server itself sends once it is initialized.
    assert end["listChanged"] >= RESTARTS, end
