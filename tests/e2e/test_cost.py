"""What a message costs, counted and never timed: allocations, and instructions.

Once the bridge has warmed up, no message makes it allocate memory; and a message costs no more
instructions than is written down here.
"""

import fcntl
import mmap
import os
import platform
import random
import re
import select
import shutil
import subprocess
import threading
from collections import Counter

import pytest

import bridge as bridge_module
from peer import DEADLINE, TEXT, frame

pytestmark = pytest.mark.plain_only

SMALL = 200
LARGE = 65536
ANY_SIZE = random.Random(1).choices(range(120, 2000), k=1009)
PIPE_SIZE = 65536  # what fits without a reader
PIPE_WIDE = 1 << 20  # the most that the system allows
CHUNK = 1 << 20


# --- messages --------------------------------------------------------------------------------


def padded(size, head, tail):
    return head + b"x" * (size - len(head) - len(tail)) + tail


def note(size, number):
    return padded(size, b'{"jsonrpc":"2.0","method":"notifications/note","params":{"n":%d,"text":"' %
                  (10000000 + number), b'"}}')


def ask(size, name, method):
    return padded(size, b'{"jsonrpc":"2.0","id":%s,"method":"%s","params":{"text":"' % (name, method), b'"}}')


def answer(size, name):
    return padded(size, b'{"jsonrpc":"2.0","id":%s,"result":{"text":"' % name, b'"}}')


def plain_id(number):
    return b"%d" % (10000000 + number)


def any_id(number):
    """Of 3 to 109 bytes."""
    return b'"%d%s"' % (number, b"i" * (number * 37 % 101))


def lines(messages):
    return b"".join([m + b"\n" for m in messages])


def frames(messages):
    return b"".join([frame(TEXT, m) for m in messages])


def frame_size(size):
    """Of a frame of the bridge: header, mask, text."""
    return size + 4 + (2 if size < 126 else 4 if size < 65536 else 10)


# --- traffic ---------------------------------------------------------------------------------


class Traffic:
    """A host and a server that keep the bridge busy with blocks of messages."""

    def __init__(self, bridge, conn):
        self.bridge, self.conn = bridge, conn
        self.numbers = 0
        conn.wait_up()
        assert not conn.buffer

    def take(self, count):
        first, self.numbers = self.numbers, self.numbers + count
        return range(first, self.numbers)

    def read_server(self, left):
        while left > 0:
            left -= len(self.conn.wire.recv(limit=min(left, CHUNK)))

    def read_host(self, left):
        while left > 0:
            assert select.select([self.bridge.stdout], [], [], DEADLINE)[0], "the bridge is silent"
            got = len(os.read(self.bridge.stdout, min(left, CHUNK)))
            assert got, "the bridge has ended: " + self.bridge.error_text()
            left -= got

    def flow(self, write, data, read, size):
        """Writes, and reads at the same time unless it is so little that it fits in between."""
        if len(data) <= PIPE_SIZE:
            write(data)
            read(size)
            return
        thread = threading.Thread(target=write, args=(data,), daemon=True)
        thread.start()
        read(size)
        thread.join(DEADLINE)

    def to_server(self, messages):
        self.flow(self.bridge.send_raw, lines(messages), self.read_server,
                  sum(frame_size(len(m)) for m in messages))

    def to_host(self, messages):
        self.flow(self.conn.wire.send, frames(messages), self.read_host,
                  sum(len(m) + 1 for m in messages))

    def notes(self, to, count, sizes=(SMALL,)):
        to([note(sizes[n % len(sizes)], n) for n in self.take(count)])

    def rounds(self, count, window):
        numbers = self.take(count)
        return [numbers[i:i + window] for i in range(0, count, window)]

    def asks_of_host(self, count, size=SMALL, window=1, methods=(b"tools/call", b"resources/read"), name=plain_id):
        """Requests of the host, so many at once, and then their answers."""
        for numbers in self.rounds(count, window):
            self.to_server([ask(size, name(n), methods[n % len(methods)]) for n in numbers])
            self.to_host([answer(size, name(n)) for n in numbers])

    def asks_of_server(self, count, size=SMALL, window=1):
        for numbers in self.rounds(count, window):
            self.to_host([ask(size, plain_id(n), b"sampling/createMessage") for n in numbers])
            self.to_server([answer(size, plain_id(n)) for n in numbers])


# --- allocations -----------------------------------------------------------------------------

# What the program does itself, and what it has others do; libcurl and what that uses is not ours.
OURS = re.compile(r"(%s|libcjson.*|libc\.so.*|libc-.*|ld-musl-.*)$" %
                  re.escape(os.path.basename(bridge_module.BINARY)))
SOME = 20000
PHASES = 10


class Allocations:
    """The counts that allocations.c keeps in a file."""

    def __init__(self, path):
        self.path = path
        self.path.touch()

    def counts(self):
        with open(self.path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as view:
            pairs = memoryview(bytes(view)).cast("Q").tolist()
        return Counter({a: n for a, n in zip(pairs[::2], pairs[1::2]) if a})


def only_ours(counts, pid):
    """Of the counts those that are ours: (file, address in it) -> count."""
    files = []
    with open("/proc/%d/maps" % pid) as maps:
        for line in maps:
            fields = line.rstrip("\n").split(None, 5)
            if len(fields) == 6:
                files.append((*(int(x, 16) for x in fields[0].split("-")), fields[5]))
    found = Counter()
    for address, count in counts.items():
        name = next((n for start, end, n in files if start <= address < end), "")
        if OURS.match(os.path.basename(name)):
            found[name, address - min(start for start, end, n in files if n == name)] += count
    return found


def described(file, at):
    """A place in position-independent code, for a person; just the address if there are no symbols."""
    try:
        told = subprocess.run(["addr2line", "-fipse", file, "%#x" % (at - 1)],
                              capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        told = ""
    return "%s+%#x %s" % (os.path.basename(file), at, " ".join(told.split()))


FLOWS = {
    "notes to the server": lambda t: t.notes(t.to_server, SOME),
    "notes to the host": lambda t: t.notes(t.to_host, SOME),
    "large notes to the server": lambda t: t.notes(t.to_server, 500, [LARGE]),
    "large notes to the host": lambda t: t.notes(t.to_host, 500, [LARGE]),
    "notes of any size to the server": lambda t: t.notes(t.to_server, SOME, ANY_SIZE),
    "notes of any size to the host": lambda t: t.notes(t.to_host, SOME, ANY_SIZE),
    "requests one at a time": lambda t: t.asks_of_host(SOME // 4),
    "50 requests at a time": lambda t: t.asks_of_host(SOME, window=50),
    "50 requests with ids of any length at a time": lambda t: t.asks_of_host(SOME, window=50, name=any_id),
    "50 large requests at a time": lambda t: t.asks_of_host(500, LARGE, window=50),
    "requests of the server": lambda t: t.asks_of_server(SOME, window=50),
}


@pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS.keys())
def test_messages_allocate_nothing(connected_over, shim, tmp_path, flow):
    allocations = Allocations(tmp_path / "allocations")
    b, conn = connected_over("--ping-interval", 0, read=False, env={
        "LD_PRELOAD": shim("allocations.c"), "ALLOCATIONS": str(allocations.path)})
    traffic = Traffic(b, conn)
    flow(traffic)
    before = allocations.counts()
    assert only_ours(before, b.pid), "no allocation was counted, not even when it started"
    # What is kept for later messages grows when more of them wait at once than ever before. That
    # becomes rare: one of a few phases must be without. An allocation a message is in each of them.
    for _ in range(PHASES):
        flow(traffic)
        after = allocations.counts()
        found = only_ours(after - before, b.pid)
        if not found:
            return
        before = after
    pytest.fail("allocations in the steady state:\n" + "\n".join(
        "%8d  %s" % (count, described(*place)) for place, count in found.most_common()), pytrace=False)


# --- instructions ----------------------------------------------------------------------------


def functions(path):
    """From a file of callgrind the instructions of each (file, function), without what it calls."""
    spent = Counter()
    names = {}  # a name is written once, with a number that stands for it from then on

    def named(kind, text):
        number, _, name = text.partition(" ")
        return names.setdefault((kind, number), name)

    module = function = total = None
    called = False
    with open(path) as file:
        for line in file:
            if match := re.match(r"c?(ob|fn)=(.*)", line):
                name = named(match[1], match[2])
                if match[0].startswith("ob="):
                    module = os.path.basename(name)
                elif match[0].startswith("fn="):
                    function = name
            elif line.startswith("calls="):
                called = True  # the next line is of what is called
            elif match := re.match(r"[-+*\d]\S* (\d+)$", line):
                if not called:
                    spent[module, function] += int(match[1])
                called = False
            elif match := re.match(r"totals: (\d+)", line):
                total = int(match[1])
    assert spent.total() == total, "misread: %s" % path
    return spent


# What is reached, of one message, or of one request with its answer: all of the process.
INSTRUCTIONS = {
    "note to the server": 3338,
    "note to the host": 4149,
    "request, 50 at a time": 10775,
    "request, one at a time": 17349,
}
COUNTED = {  # how it is made to flow, and how often
    "note to the server": (lambda t, n: t.notes(t.to_server, n), 10000),
    "note to the host": (lambda t, n: t.notes(t.to_host, n), 10000),
    "request, 50 at a time": (lambda t, n: t.asks_of_host(n, window=50, methods=[b"tools/call"]), 4000),
    "request, one at a time": (lambda t, n: t.asks_of_host(n, methods=[b"tools/call"]), 1000),
}


def allowance():
    """How far above the figures is still well, and why."""
    with open(bridge_module.BINARY, "rb") as file:
        built = re.search(rb"GNU C11 [^\0]*", file.read())  # of the debugging information
    compiler = built[0].decode() if built else "another compiler"
    version = subprocess.run([bridge_module.BINARY, "--version"], capture_output=True, text=True).stdout
    known = re.match(r"GNU C11 12\..* -march=x86-64( .*)? -O2( |$)", compiler) and "libcurl/8.14." in version
    what = "gcc 12 -O2 for x86-64 and libcurl 8.14"
    if known:
        return 1.1, "the bound for " + what
    return 1.3, "the figure is for %s; this is %s on %s, %s" % (
        what, compiler, platform.machine(), version.strip())


def without_debugging(program, to):
    """valgrind does not understand the debugging information of every compiler, and gives up."""
    subprocess.run(["strip", "--strip-debug", "-o", str(to), program], check=True)
    return str(to)


@pytest.mark.skipif(not shutil.which("valgrind"), reason="needs valgrind")
@pytest.mark.parametrize("what", INSTRUCTIONS)
def test_instructions_of_a_message(connected, monkeypatch, tmp_path, report, what):
    """Of two runs, one with twice as many messages, the difference.

    The bridge is fifty times slower than usual: it always finds all that it can read at once, and
    room for all that it writes, so that it does the same in each run.
    """
    flow, count = COUNTED[what]
    factor, compared = allowance()
    monkeypatch.setattr(bridge_module, "BINARY", without_debugging(bridge_module.BINARY, tmp_path / "wsmcp"))
    profiles = []
    for n in (count, 2 * count):
        out = tmp_path / ("callgrind.%d" % n)
        b, conn = connected("--ping-interval", 0, read=False, launcher=(
            "valgrind", "--tool=callgrind", "--callgrind-out-file=%s" % out))
        for fd in (b.stdin, b.stdout):
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_WIDE)
        flow(Traffic(b, conn), n)
        b.close_stdin()
        conn.answer_close()
        b.finish(0)
        profiles.append(functions(out))
    spent = Counter({f: n / count for f, n in (profiles[1] - profiles[0]).items()})
    report("instructions, " + what, spent.total())
    bound = factor * INSTRUCTIONS[what]
    if not 0 < spent.total() <= bound:
        pytest.fail("%s: %.0f instructions instead of %d, at most %.0f (%s)\n%s" % (
            what, spent.total(), INSTRUCTIONS[what], bound, compared, "\n".join(
                "%8.0f  %s %s" % (n, *function) for function, n in spent.most_common(15))),
            pytrace=False)
