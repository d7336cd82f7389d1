"""What `wsmcp entry` prints, pasted into the configuration of a host that others wrote: the MCP Inspector's."""

import contextlib
import json
import queue
import re
import socket
import threading

import pytest
import real_support as support

TOKEN = "a token that nobody guesses"
HOSTS = ["claude-desktop", "cursor"]


def pump(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class Gate:
    """Lets through to a server whoever has the token."""

    def __init__(self, port):
        self.port = port
        self.answers = queue.Queue()
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, path):
        return "ws://127.0.0.1:%d%s" % (self.listener.getsockname()[1], path)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head and (data := client.recv(65536)):
            head += data
        wanted = rb"^Authorization: Bearer %s\r$" % re.escape(TOKEN.encode())
        allowed = re.search(wanted, head, re.M)
        self.answers.put(bool(allowed))
        if not allowed:
            client.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
            client.close()
            return
        server = socket.create_connection(("127.0.0.1", self.port))
        server.sendall(head)
        threading.Thread(target=pump, args=(server, client), daemon=True).start()
        pump(client, server)


@pytest.fixture(scope="module")
def url():
    with support.supergateway(support.everything()) as gateway:
        yield gateway.url


@pytest.fixture
def gate(url):
    made = Gate(int(re.search(r":(\d+)/", url)[1]))
    yield made
    made.listener.close()


def entry(directory, host, *arguments):
    """The configuration for a host, and the name of the server in it."""
    status, out, err = support.run(
        support.wsmcp("entry", "--host", host, *arguments), HOME=str(directory)
    )
    assert status == 0, err
    assert TOKEN not in out.decode() + err
    config = json.loads(out)
    (name,) = config["mcpServers"]
    return config, name


def inspect(directory, config, name):
    path = directory / "config.json"
    path.write_text(json.dumps(config))
    return support.run(
        [support.node(), support.INSPECTOR, "--cli", "--config", str(path), "--server", name,
         "--method", "tools/list"],
        HOME=str(directory),
        MCP_INSPECTOR_SECRET_STORE="memory",
    )


def check_tools(result):
    status, out, err = result
    assert status == 0, err
    assert "echo" in [tool["name"] for tool in json.loads(out)["tools"]]


@pytest.mark.parametrize("host", HOSTS)
def test_entry_for_a_url(tmp_path, url, host):
    config, name = entry(tmp_path, host, url)
    assert "env" not in config["mcpServers"][name]
    check_tools(inspect(tmp_path, config, name))


@pytest.mark.parametrize("host", HOSTS)
def test_entry_with_a_token(tmp_path, gate, host):
    """The user writes the token in the place that is left for it."""
    header = "Authorization: Bearer " + TOKEN
    config, name = entry(tmp_path, host, "-H", header, gate.url("/message"))
    env = config["mcpServers"][name]["env"]
    assert env == {"WSMCP_TOKEN": "<the bearer token>"}
    env["WSMCP_TOKEN"] = TOKEN
    check_tools(inspect(tmp_path, config, name))
    assert gate.answers.get_nowait() is True


def test_entry_whose_token_was_not_written(tmp_path, gate):
    config, name = entry(tmp_path, "cursor", "--bearer-env", "MY_TOKEN", gate.url("/message"))
    assert config["mcpServers"][name]["env"] == {"MY_TOKEN": "<the bearer token>"}
    status, _, err = inspect(tmp_path, config, name)
    assert status != 0 and "401" in err
    assert gate.answers.get_nowait() is False


@pytest.mark.parametrize("host", HOSTS)
def test_entry_with_a_secret_in_the_url(tmp_path, url, host):
    config, name = entry(tmp_path, host, url + "?token=" + TOKEN.replace(" ", "-"))
    server = config["mcpServers"][name]
    assert server["args"][-1] == "${WSMCP_URL}"
    assert server["env"] == {"WSMCP_URL": url + "?<the query>"}
    server["env"]["WSMCP_URL"] = url + "?token=x"
    check_tools(inspect(tmp_path, config, name))


@pytest.mark.parametrize("host", HOSTS)
def test_entry_for_a_name(tmp_path, gate, host):
    """The token is in the user's own file and nowhere else."""
    own = tmp_path / ".config/wsmcp/servers.json"
    own.parent.mkdir(parents=True)
    headers = {"Authorization": "Bearer " + TOKEN}
    servers = {"everything": {"url": gate.url("/message"), "headers": headers}}
    own.write_text(json.dumps({"mcpServers": servers}))
    config, name = entry(tmp_path, host, "every")
    assert name == "everything" and config["mcpServers"][name]["args"][-1] == "everything"
    check_tools(inspect(tmp_path, config, name))
