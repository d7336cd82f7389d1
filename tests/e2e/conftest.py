"""Fixtures of the end-to-end tests.

WSMCP          the binary under test (default: wsmcp in the top directory)
WSMCP_RUNNER   a command put in front of it, e.g. valgrind with its options
WSMCP_VARIANT  plain, asan or valgrind: how long things may take, and whether memory is measured
"""

import os
import signal
import statistics
import subprocess

import pytest

import bridge as bridge_module
import peer as peer_module
from peer import SCALE, VARIANT

TABLE_STEP = 4  # under valgrind, which takes a second to start, each fourth row of a table is run
HERE = os.path.dirname(os.path.abspath(__file__))


def pytest_configure(config):
    if not os.access(bridge_module.BINARY, os.X_OK):
        pytest.exit("there is no program %s: build it first" % bridge_module.BINARY, 2)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        # Of nohup: bridges would inherit it, and rightly stay when told to go. A handler is not inherited.
        signal.signal(signal.SIGHUP, lambda number, frame: None)
    config.addinivalue_line("markers", "huge: needs hundreds of MB; left out under valgrind")
    config.addinivalue_line("markers", "prompt: must be done before the 80 ms that a signal leaves")
    config.addinivalue_line("markers", "bare: valgrind itself would not stand what is done to it")
    config.addinivalue_line("markers", "every_row: has no row that may be left out under valgrind")
    config.addinivalue_line("markers", "installed: of what is installed, which is never built with sanitizers")
    config.addinivalue_line("markers", "plain_only: measures memory, time or instructions; plain build only")
    config.addinivalue_line("markers", "offline(seconds=0.5): how long a message may wait for a link; "
                            "for what does not make the bridge give up")


def pytest_collection_modifyitems(config, items):
    left_out, cases = [], {}
    for item in items:
        item.add_marker(pytest.mark.timeout(60 * SCALE))
        nth = cases[item.function] = cases.get(item.function, -1) + 1
        if VARIANT == "valgrind" and (
                any(map(item.get_closest_marker, ("huge", "prompt", "bare"))) or
                nth % TABLE_STEP and not item.get_closest_marker("every_row")) or \
                VARIANT == "asan" and item.get_closest_marker("installed") or \
                VARIANT != "plain" and item.get_closest_marker("plain_only"):
            left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [i for i in items if i not in left_out]
        whole = {i.function for i in left_out} - {i.function for i in items}
        names = sorted({i.originalname for i in left_out if i.function in whole})
        if VARIANT == "valgrind":
            names.append("three of four rows of each table")
        if hasattr(config, "workeroutput"):
            config.workeroutput["left_out"] = names
        config.left_out = names


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Each worker of pytest-xdist tells what it left out; it is the same for all."""
    node.config.left_out = getattr(node, "workeroutput", {}).get("left_out")


def pytest_terminal_summary(terminalreporter, config):
    times = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) != "call":
                continue
            for name, value in getattr(report, "user_properties", ()):
                times.setdefault(name, []).append(value)
    for name, values in sorted(times.items()):
        terminalreporter.write_line("%-44s median %8.1f  max %8.1f  (%d)" % (
            name, statistics.median(values), max(values), len(values)))
    left_out = getattr(config, "left_out", None)
    if left_out:
        terminalreporter.write_line("left out in the %s variant: %s" % (
            VARIANT, ", ".join(left_out)))


@pytest.fixture
def home(tmp_path):
    path = tmp_path / "home"
    path.mkdir()
    return path


@pytest.fixture(autouse=True)
def ports():
    """Set up before every other fixture of a test, hence torn down when its bridges are gone."""
    yield
    peer_module.release_ports()


@pytest.fixture
def bridge(home, request):
    """Starts bridges; all are ended and checked at the end of the test."""
    started = []

    def start(*args, **options):
        marker = request.node.get_closest_marker("offline")
        if marker:
            options.setdefault("offline", (marker.args or (0.5,))[0] * min(SCALE, 4))
        started.append(bridge_module.Bridge(*args, home=home, **options))
        return started[-1]

    yield start
    alive = [not b.ended() for b in started]
    for b in started:
        b.close()
    for b, killed in zip(started, alive):
        b.check(killed or (b.process.returncode or 0) < 0 or b.process.returncode > 128)


@pytest.fixture
def cleanup():
    """A list of things to close() at the end of the test."""
    things = []
    yield things
    for thing in reversed(things):
        thing.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return peer_module.Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def server_tls(authority):
    return authority.context()


@pytest.fixture
def peer(request):
    """Makes scripted servers; what failed in their threads fails the test."""
    made = []

    def make(**options):
        made.append(peer_module.Peer(**options))
        return made[-1]

    yield make
    for p in made:
        p.close()
    for p in made:
        p.check()


@pytest.fixture(params=["ws", "wss"])
def scheme(request):
    return request.param


@pytest.fixture
def link(scheme, peer, bridge, authority, server_tls):
    """Makes (peer, args): a server of the scheme and the arguments that reach it."""

    def make(**options):
        if scheme == "wss":
            return peer(tls=server_tls, **options), ("--cacert", authority.ca)
        return peer(**options), ()

    return make


@pytest.fixture
def connected(peer, bridge):
    """Makes (bridge, connection) over an open plaintext link."""

    def make(*args, url="/mcp", peer_options=None, answer=None, **options):
        p = peer(**(peer_options or {}))
        b = bridge(*args, p.url(url), **options)
        return b, p.open(**(answer or {}))

    return make


@pytest.fixture
def connected_over(link, bridge):
    """Makes (bridge, connection) over an open link, once over ws and once over wss."""

    def make(*args, peer_options=None, **options):
        p, extra = link(**(peer_options or {}))
        b = bridge(*args, *extra, p.url(), **options)
        return b, p.open()

    return make


@pytest.fixture
def echo(cleanup):
    def make(**options):
        cleanup.append(peer_module.EchoServer(**options))
        return cleanup[-1]

    return make


@pytest.fixture
def report(request):
    """report(name, value): shown as a median at the end of the run."""
    return lambda name, value: request.node.user_properties.append((name, value))


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    """Builds a library to preload from a C file of this directory."""
    built = {}
    directory = tmp_path_factory.mktemp("shims")

    def build(source, *flags):
        key = (source, flags)
        if key not in built:
            out = str(directory / ("%s-%d.so" % (source.replace(".c", ""), len(built))))
            subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-o", out,
                            *flags, os.path.join(HERE, source), "-ldl"], check=True)
            built[key] = out
        return built[key]

    return build
