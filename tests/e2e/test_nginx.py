"""nginx in front of the server, with a short timeout for idle connections."""

import os
import shutil
import socket
import subprocess
import time

import pytest

from bridge import request
from peer import DEADLINE, SCALE, Gone, reserve

from test_reconnect import initialize, resume, works

IDLE = 5  # seconds without a byte after which nginx cuts a connection
HERE = os.path.dirname(os.path.abspath(__file__))

# One process in the foreground, as whoever runs the tests, with all it writes in one directory.
CONFIGURATION = """
daemon off;
master_process off;
pid %(directory)s/nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path %(directory)s/body;
    proxy_temp_path %(directory)s/proxy;
    fastcgi_temp_path %(directory)s/fastcgi;
    uwsgi_temp_path %(directory)s/uwsgi;
    scgi_temp_path %(directory)s/scgi;
    server {
        listen 127.0.0.1:%(port)d;
        location / {
            proxy_pass http://127.0.0.1:%(target)d;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_read_timeout %(idle)ds;
            proxy_send_timeout %(idle)ds;
        }
    }
}
"""


def find_nginx():
    """The system's, or the one that ./setup.sh test has put beside the tests."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin",
                            os.path.join(HERE, "../.nginx/usr/sbin")])
    return shutil.which("nginx", path=path)


class Nginx:
    def __init__(self, directory, target):
        self.port = reserve()
        program = find_nginx()
        assert program, "there is no nginx: ./setup.sh test brings one"
        directory.mkdir()
        configuration = directory / "nginx.conf"
        configuration.write_text(CONFIGURATION % dict(directory=directory, port=self.port, target=target, idle=IDLE))
        # What is said before the configuration was read goes to stderr, too, and to no file of the system.
        self.process = subprocess.Popen(
            [program, "-p", directory, "-c", configuration, "-e", "stderr"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self._wait_up()

    def _wait_up(self):
        deadline = time.monotonic() + DEADLINE
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                ended = self.process.poll() is not None
                assert not ended, "nginx: %s" % self.process.stderr.read().decode(errors="replace")
                assert time.monotonic() < deadline, "nginx does not listen"
                time.sleep(0.01)

    def url(self):
        return "ws://127.0.0.1:%d/mcp" % self.port

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()


@pytest.fixture
def through_nginx(peer, bridge, cleanup, tmp_path):
    """Makes (bridge, peer, connection) in the middle of a session."""

    def make(*args):
        p = peer()
        nginx = Nginx(tmp_path / "nginx", p.port)
        cleanup.append(nginx)
        b = bridge("--retry-delay-max", "0.2", *args, nginx.url(), reconnect=True)
        return b, p, initialize(b, p.open())

    return make


def test_pings_keep_an_idle_link(through_nginx):
    b, p, conn = through_nginx("--ping-interval", "2")
    until = time.monotonic() + 2.2 * IDLE
    while time.monotonic() < until:
        conn.read_ping(2 + DEADLINE / 4)
    works(b, conn)
    assert p.nobody_came() and b.error_lines() == []


@pytest.mark.timeout(60 * SCALE)
def test_without_pings_it_is_cut_and_mended(through_nginx):
    b, p, conn = through_nginx("--ping-interval", "0")
    b.send(request(1))
    assert conn.read_json() == request(1)
    conn.send_result(1)
    b.answer(1)
    idle = time.monotonic()
    with pytest.raises(Gone):
        conn.read_frame(IDLE + DEADLINE)
    assert time.monotonic() - idle > IDLE * 0.9
    works(b, resume(p))
    lost, back = b.error_lines()
    assert "lost the connection" in lost and "back after" in back, b.error_text()
