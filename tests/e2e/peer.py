"""WebSocket servers for the tests.

Peer is a listener whose connections a test drives by hand, byte by byte: it can send every wrong
thing at every wrong moment, and it checks every byte the bridge sends (masked frames, shortest
length form, fragments of at most 256 KiB, nothing after CLOSE). EchoServer is a well-behaved
server on a well-kept library. ConnectProxy, Throttle and Blackhole stand between or in the way.

Nothing here waits for a fixed time: everything waits for an event, up to a deadline.
"""

import asyncio
import base64
import contextlib
import errno
import hashlib
import itertools
import json
import os
import queue
import random
import re
import select
import socket
import ssl
import struct
import subprocess
import threading
import time
from typing import NamedTuple

import websockets
from websockets.asyncio.server import serve

VARIANT = os.environ.get("WSMCP_VARIANT", "plain")
SCALE = {"plain": 1, "asan": 4, "valgrind": 15}[VARIANT]
DEADLINE = 10 * SCALE
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
FRAGMENT_MAX = 256 * 1024
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
RESOLVED = "mcp.test"  # a host name that only --resolve and the proxy know


class Gone(Exception):
    """The bridge closed the connection: EOF (reset False) or RST (reset True)."""

    def __init__(self, reset=False):
        super().__init__("reset" if reset else "end of stream")
        self.reset = reset


class Violation(AssertionError):
    """The bridge sent something that RFC 6455 or the contract forbids."""


class Frame(NamedTuple):
    opcode: int
    fin: bool
    payload: bytes
    at: float  # when its last byte was read


# ---------------------------------------------------------------------------------------------
# Bytes


def mask_bytes(data, mask):
    """XORs data with a repeated 4-byte mask; a big integer does it at about half a GB/s."""
    n = len(data)
    if not n:
        return b""
    key = (mask * (n // 4 + 1))[:n]
    return (int.from_bytes(data, "little") ^ int.from_bytes(key, "little")).to_bytes(n, "little")


def frame(opcode, payload=b"", fin=True, rsv=0, mask=None, form=None, length=None):
    """One frame. form: 7, 16 or 64 bits of length (None: the shortest); length: what it claims."""
    if isinstance(payload, str):
        payload = payload.encode()
    n = len(payload) if length is None else length
    if form is None:
        form = 7 if n < 126 else 16 if n < 65536 else 64
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    flag = 0x80 if mask is not None else 0
    if form == 7:
        head += bytes([flag | n])
    elif form == 16:
        head += bytes([flag | 126]) + struct.pack(">H", n)
    else:
        head += bytes([flag | 127]) + struct.pack(">Q", n)
    if mask is not None:
        return head + mask + mask_bytes(payload, mask)
    return head + payload


def close_frame(code=1000, reason=""):
    if code is None:
        return frame(CLOSE)
    if isinstance(reason, str):
        reason = reason.encode()
    return frame(CLOSE, struct.pack(">H", code) + reason)


def encode(message):
    """A message as bytes: given as bytes, text, or anything that becomes compact JSON."""
    if isinstance(message, bytes):
        return message
    if isinstance(message, str):
        return message.encode()
    return json.dumps(message, separators=(",", ":")).encode()


def accept_key(key):
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


class Filler:
    """A JSON string body of any size, made piece by piece, in which no two pieces are alike."""

    PIECE = 1 << 20
    BLOCK = base64.b64encode(random.Random(1).randbytes(PIECE * 3 // 4))

    def __init__(self, size):
        self.size = size

    def __iter__(self):
        left = self.size
        for i in itertools.count():
            if left <= 0:
                return
            piece = (b"%012d" % i + self.BLOCK[12:])[: min(left, self.PIECE)]
            left -= len(piece)
            yield piece


class Huge:
    """A message of exactly size bytes: prefix, filler, suffix; never held in one piece."""

    def __init__(self, size, prefix, suffix):
        self.prefix, self.suffix, self.size = prefix, suffix, size
        self.filler = Filler(size - len(prefix) - len(suffix))

    def __iter__(self):
        yield self.prefix
        yield from self.filler
        yield self.suffix

    def sha256(self):
        digest = hashlib.sha256()
        for piece in self:
            digest.update(piece)
        return digest.hexdigest()


def huge_request(size, ident=1, method="huge"):
    return Huge(
        size, b'{"jsonrpc":"2.0","id":%s,"method":"%s","params":{"data":"' %
        (json.dumps(ident).encode(), method.encode()), b'"}}')


def huge_notification(size):
    return Huge(size, b'{"jsonrpc":"2.0","method":"huge","params":{"data":"', b'"}}')


def huge_response(size, ident=1):
    return Huge(size, b'{"jsonrpc":"2.0","id":%s,"result":{"data":"' % json.dumps(ident).encode(), b'"}}')


# ---------------------------------------------------------------------------------------------
# One connection


def unread_by(sock):
    """How many bytes the process at the other end of a TCP connection has not read yet."""
    ours, theirs = sock.getsockname(), sock.getpeername()
    addresses = b"".join(socket.inet_pton(sock.family, a[0]).ljust(16, b"\0") for a in (theirs, ours))
    # struct inet_diag_req_v2 asks for one socket by its addresses.
    query = struct.pack("=BBBxI", sock.family, socket.IPPROTO_TCP, 0, 0xffffffff) + \
        struct.pack(">HH", theirs[1], ours[1]) + addresses + struct.pack("=III", 0, 0xffffffff, 0xffffffff)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as diag:  # NETLINK_SOCK_DIAG
        diag.send(struct.pack("=IHHII", 16 + len(query), 20, 1, 0, 0) + query)
        reply = diag.recv(8192)
    if struct.unpack_from("=H", reply, 4)[0] == 20:
        return struct.unpack_from("=I", reply, 16 + 4 + 48 + 4)[0]  # idiag_rqueue
    if struct.unpack_from("=i", reply, 16)[0] == -errno.ENOENT:
        raise Gone()
    raise OSError("this system does not tell about its sockets (sock_diag)")


class Wire:
    """A connected socket, plain or TLS, that one thread may read while another writes."""

    def __init__(self, sock):
        self.sock = sock
        self.tls = False
        self.lock = threading.Lock()
        self.rate = None  # bytes per second that recv takes at most
        self.rate_from = None
        self.rate_taken = 0
        sock.setblocking(False)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start_tls(self, context, timeout=None):
        # The lock stands for the one OpenSSL object, which two threads may not enter at once.
        self.sock = context.wrap_socket(self.sock, server_side=True, do_handshake_on_connect=False)
        self.tls = True
        self._repeat(self.sock.do_handshake, select.POLLIN, timeout)

    def _repeat(self, operation, events, timeout):
        end = time.monotonic() + (DEADLINE if timeout is None else timeout)
        while True:
            try:
                with self.lock:
                    return operation()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as want:
                events = select.POLLIN if isinstance(want, ssl.SSLWantReadError) else select.POLLOUT
            except (BlockingIOError, InterruptedError):
                pass
            except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError) as gone:
                raise Gone(not isinstance(gone, ssl.SSLEOFError)) from None
            except ssl.SSLZeroReturnError:
                raise Gone() from None
            except ssl.SSLError as error:
                # Without a close_notify from us, OpenSSL's last word may be an alert.
                if re.search("EOF|ALERT_DECODE_ERROR", str(error)):
                    raise Gone() from None
                raise
            except OSError as error:
                if error.errno in (errno.EBADF, errno.ECONNABORTED):
                    raise Gone() from None
                raise
            except ValueError:  # closed by another thread
                raise Gone() from None
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("the bridge did not %s in time" %
                                   ("send" if events == select.POLLIN else "read"))
            poll = select.poll()
            try:
                poll.register(self.sock, events)
            except ValueError:
                raise Gone() from None
            poll.poll(min(left, 0.5) * 1000)

    def recv(self, timeout=None, limit=1 << 18):
        if self.rate:
            now = time.monotonic()
            if self.rate_from is None:
                self.rate_from, self.rate_taken = now, 0
            limit = min(limit, max(1, self.rate // 20))
            ahead = self.rate_taken / self.rate - (now - self.rate_from)
            if ahead > 0:
                time.sleep(ahead)
        data = self._repeat(lambda: self.sock.recv(limit), select.POLLIN, timeout)
        self.rate_taken += len(data)
        if not data:
            raise Gone()
        return data

    def send(self, data, timeout=None):
        view = memoryview(data)
        while view:
            view = view[self._repeat(lambda: self.sock.send(view), select.POLLOUT, timeout):]

    def send_some(self, data):
        """Sends what is taken at once; returns how much that was."""
        try:
            with self.lock:
                return self.sock.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            return 0

    def wait_drained(self):
        """Waits until the other side has read all that was sent (TCP on loopback, Linux)."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            if unread_by(self.sock) == 0:
                return
            time.sleep(0.0002)
        raise TimeoutError("the bridge did not read what was sent")

    def close_gently(self):
        """Ends our direction and waits for the end of the other, so that no RST overtakes what was sent."""
        with contextlib.suppress(OSError):  # the other side has reset the connection already
            socket.socket.shutdown(self.sock, socket.SHUT_WR)
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            select.select([self.sock], [], [], 0.5)
            try:
                if not os.read(self.sock.fileno(), 65536):  # the bytes, not what TLS makes of them
                    break
            except BlockingIOError:
                continue
            except OSError:
                break
        self.sock.close()

    def reset(self):
        """Closes with RST, dropping what was not delivered."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()

    def shut_write(self):
        with self.lock:
            if self.tls:
                socket.socket.shutdown(self.sock, socket.SHUT_WR)  # no close_notify
            else:
                self.sock.shutdown(socket.SHUT_WR)


class Request:
    """The GET of an opening handshake."""

    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, self.version = lines[0].split(" ")
        self.headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or name != name.strip():
                raise Violation("not a header: %r" % line)
            self.headers.append((name, value.strip()))

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def get(self, name):
        values = self.all(name)
        if len(values) > 1:
            raise Violation("header %s stands more than once" % name)
        return values[0] if values else None


KEEP = object()


def upgrade_answer(request, status="HTTP/1.1 101 Switching Protocols", upgrade="websocket",
                   connection="Upgrade", accept=KEEP, protocol=KEEP, extra=()):
    """The answer to an opening handshake; None leaves a header out."""
    if accept is KEEP:
        accept = accept_key(request.get("Sec-WebSocket-Key") or "")
    if protocol is KEEP:
        offered = request.get("Sec-WebSocket-Protocol")
        protocol = offered.split(",")[0].strip() if offered else None
    headers = [("Upgrade", upgrade), ("Connection", connection), ("Sec-WebSocket-Accept", accept),
               ("Sec-WebSocket-Protocol", protocol)]
    lines = [status] + ["%s: %s" % h for h in headers if h[1] is not None] + list(extra)
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


class Conn:
    """One connection of the bridge, seen from the server."""

    def __init__(self, sock, peer=None):
        self.wire = Wire(sock)
        self.peer = peer
        self.buffer = bytearray()
        self.request = None
        self.opened_at = None
        self.frames = []  # control frames, in order
        self.pongs = []
        self.pings = []
        self.messages_read = 0
        self.close_seen = None  # (code, reason) of the bridge's CLOSE
        self.masks = set()
        self.data_frames = 0
        self.auto_pong = True
        self.sending = threading.RLock()  # no PONG of the thread that reads falls into a frame of another
        self.in_message = False
        self.fragment_sizes = []

    # the handshake

    def read_head(self, timeout=None):
        while b"\r\n\r\n" not in self.buffer:
            if len(self.buffer) > 1 << 20:
                raise Violation("a request head without end")
            self.buffer += self.wire.recv(timeout)
        at = self.buffer.index(b"\r\n\r\n")
        head = bytes(self.buffer[:at])
        del self.buffer[:at + 4]
        return head

    def read_request(self, timeout=None):
        self.request = Request(self.read_head(timeout))
        return self.request

    def open(self, glue=b"", timeout=None, **answer):
        """Does its half of the handshake; glue is sent in the same write as the 101."""
        if self.request is None:
            self.read_request(timeout)
        if self.buffer:
            raise Violation("bytes before the handshake was answered: %r" % bytes(self.buffer[:40]))
        self.wire.send(upgrade_answer(self.request, **answer) + glue)
        self.opened_at = time.monotonic()
        return self

    # sending

    def send(self, data, timeout=None):
        with self.sending:
            self.wire.send(data, timeout)

    def send_each(self, pieces):
        """Sends pieces so that the bridge has read each before the next is sent."""
        with self.sending:
            for piece in pieces:
                self.wire.send(piece)
                self.wire.wait_drained()

    def send_text(self, message):
        self.send(frame(TEXT, encode(message)))

    def send_result(self, ident, result=None):
        self.send_text({"jsonrpc": "2.0", "id": ident, "result": {} if result is None else result})

    def send_ping(self, payload=b""):
        self.send(frame(PING, payload))

    def wait_up(self):
        """Waits until the bridge has read the answer to its handshake."""
        self.send_ping(b"up")
        self.read_pong()
        return self

    def send_close(self, code=1000, reason=""):
        self.send(close_frame(code, reason))

    def send_huge(self, huge, opcode=TEXT, timeout=None):
        """One frame, without ever holding it."""
        with self.sending:
            self.send(b"".join([bytes([0x80 | opcode, 127]), struct.pack(">Q", huge.size)]), timeout)
            for piece in huge:
                self.send(piece, timeout)

    # receiving

    def _need(self, n, timeout=None):
        while len(self.buffer) < n:
            self.buffer += self.wire.recv(timeout)

    def wait_begun(self):
        """Waits until a message has begun to arrive; what comes before it is read."""
        self._need(1)
        while self.buffer[0] & 15 >= 8:
            self.read_frame()
            self._need(1)

    def _take(self, n):
        data = bytes(self.buffer[:n])
        del self.buffer[:n]
        return data

    def read_frame(self, timeout=None):
        """The next frame, checked and unmasked."""
        if self.close_seen is not None:
            if not self.buffer:
                self.buffer += self.wire.recv(timeout)
            raise Violation("bytes after CLOSE: %r" % bytes(self.buffer[:40]))
        self._need(2, timeout)
        first, second = self.buffer[0], self.buffer[1]
        fin, opcode, length = bool(first & 0x80), first & 15, second & 127
        if first & 0x70:
            raise Violation("reserved bits are set: %#x" % first)
        if not second & 0x80:
            raise Violation("a frame of the client is not masked: %r" % bytes(self.buffer[:40]))
        head = 2
        if length == 126:
            self._need(4, timeout)
            length, head = struct.unpack(">H", self.buffer[2:4])[0], 4
            if length < 126:
                raise Violation("length %d in 16 bits" % length)
        elif length == 127:
            self._need(10, timeout)
            length, head = struct.unpack(">Q", self.buffer[2:10])[0], 10
            if length < 65536:
                raise Violation("length %d in 64 bits" % length)
        self._check_place(opcode, fin, length)
        self._need(head + 4 + length, timeout)
        self._take(head)
        mask = self._take(4)
        self.masks.add(mask)
        self.data_frames += 1
        got = Frame(opcode, fin, mask_bytes(self._take(length), mask), time.monotonic())
        self._note(got)
        return got

    def _check_place(self, opcode, fin, length):
        if opcode >= 8:
            if opcode > 10 or not fin or length > 125:
                raise Violation("control frame: opcode %d fin %d length %d" % (opcode, fin, length))
            return
        if opcode not in (CONT, TEXT):
            raise Violation("opcode %d; messages are sent as text" % opcode)
        if (opcode == CONT) != self.in_message:
            raise Violation("opcode %d %s a message" %
                            (opcode, "inside" if self.in_message else "outside"))
        if length > FRAGMENT_MAX:
            raise Violation("a fragment of %d bytes" % length)
        self.in_message = not fin

    def _note(self, got):
        if got.opcode == CLOSE:
            if len(got.payload) == 1:
                raise Violation("CLOSE with one byte")
            code = struct.unpack(">H", got.payload[:2])[0] if got.payload else None
            self.close_seen = (code, got.payload[2:].decode())
            if self.in_message:
                # A message cut off by CLOSE is legal; it must end at a frame boundary, and it does.
                self.in_message = False
        elif got.opcode == PING:
            self.pings.append(got)
            if self.auto_pong:
                self.send(frame(PONG, got.payload))
        elif got.opcode == PONG:
            self.pongs.append(got)

    def read_pieces(self, timeout=None):
        """Yields the fragments of the next message; control frames between are noted."""
        started = False
        while True:
            got = self.read_frame(timeout)
            if got.opcode == CLOSE:
                raise Gone()
            if got.opcode >= 8:
                continue
            if not started:
                started, self.fragment_sizes = True, []
            self.fragment_sizes.append(len(got.payload))
            yield got.payload
            if got.fin:
                self.messages_read += 1
                return

    def read_message(self, timeout=None):
        return b"".join(self.read_pieces(timeout))

    def read_json(self, timeout=None):
        return json.loads(self.read_message(timeout))

    def read_sha256(self, timeout=None):
        """(size, SHA-256) of the next message, held in pieces only."""
        digest, size = hashlib.sha256(), 0
        for piece in self.read_pieces(timeout):
            digest.update(piece)
            size += len(piece)
        return size, digest.hexdigest()

    def read_pong(self, timeout=None):
        """The next PONG; other control frames are noted, a message is an error."""
        while True:
            got = self.read_frame(timeout)
            if got.opcode == PONG:
                return got
            if got.opcode < 8:
                raise Violation("a message where a PONG was expected: %r" % got.payload[:80])
            if got.opcode == CLOSE:
                raise Gone()

    def read_ping(self, timeout=None):
        while True:
            got = self.read_frame(timeout)
            if got.opcode == PING:
                return got
            if got.opcode < 8:
                raise Violation("a message where a PING was expected: %r" % got.payload[:80])
            if got.opcode == CLOSE:
                raise Gone()

    def read_close(self, timeout=None):
        """Reads up to the bridge's CLOSE. Returns (code, reason) and the messages before it."""
        messages, parts = [], []
        while True:
            got = self.read_frame(timeout)
            if got.opcode == CLOSE:
                return self.close_seen, messages
            if got.opcode < 8:
                parts.append(got.payload)
                if got.fin:
                    messages.append(b"".join(parts))
                    parts = []

    def read_eof(self, timeout=None):
        """Reads up to the end of the stream; it must come without a frame and without RST."""
        try:
            while True:
                got = self.read_frame(timeout)
                if got.opcode < 8:
                    raise Violation("a message where the end was expected: %r" % got.payload[:80])
        except Gone as gone:
            if gone.reset:
                raise Violation("the bridge reset the connection") from None
            if self.buffer:
                raise Violation("the stream ended inside a frame") from None

    def answer_close(self, code=KEEP):
        """Answers the CLOSE that was read, closes first as a server does, and waits for the end."""
        if self.close_seen is None:
            self.read_close()
        self.send(close_frame(self.close_seen[0] if code is KEEP else code))
        try:
            if not self.wire.tls:
                self.wire.shut_write()
            self.read_eof()
        except (Gone, OSError):
            pass
        self.close()

    def close(self):
        self.wire.close()

    def reset(self):
        self.wire.reset()


# ---------------------------------------------------------------------------------------------
# Listeners

reserved = []


def reserve():
    """A free port, ours to the end of the test whether somebody listens on it or not.

    A port that was given up could be given to the peer of another test, while a bridge of this one
    still tries to reach it. The socket that holds the number listens nowhere, so that whoever
    connects is refused; listeners of ours bind beside it (SO_REUSEADDR). The kernel gives the
    number to nobody else, on no address, nor takes it for an outgoing connection.
    """
    holder = socket.socket(socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET)
    if holder.family == socket.AF_INET6:
        holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("", 0))
    reserved.append(holder)
    return holder.getsockname()[1]


def release_ports():
    """The end of a test, when none of its bridges runs any more."""
    while reserved:
        reserved.pop().close()


def bind_reserved(listener, host, port=0):
    """Binds to a port that was reserved, now or before; returns it."""
    port = port or reserve()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    return port


class Peer:
    """A listener whose connections the test drives."""

    def __init__(self, tls=None, host="127.0.0.1", unix_path=None, rcvbuf=None, sndbuf=None, port=0):
        self.tls = tls
        self.unix_path = unix_path
        self.conns = []
        self.threads = []
        self.errors = []
        self.host = host
        if unix_path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(unix_path)
        else:
            self.listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            if rcvbuf:  # before listen(): the window is negotiated from it
                self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
            if sndbuf:
                self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
            self.port = bind_reserved(self.listener, host, port)
        self.listener.listen(128)
        self.listener.setblocking(False)

    def url(self, path="/mcp", host=None, userinfo=""):
        host = host or ("[%s]" % self.host if ":" in self.host else self.host)
        return "%s://%s%s:%d%s" % ("wss" if self.tls else "ws", userinfo, host, self.port, path)

    def accept(self, timeout=None, tls=True):
        """The next connection, its TLS handshake done (unless tls is False)."""
        end = time.monotonic() + (DEADLINE if timeout is None else timeout)
        while True:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("the bridge did not connect")
            if not select.select([self.listener], [], [], left)[0]:
                continue
            try:
                sock, _ = self.listener.accept()
                break
            except BlockingIOError:
                continue
        conn = Conn(sock, self)
        self.conns.append(conn)
        if self.tls and tls:
            conn.wire.start_tls(self.tls, timeout)
        return conn

    def open(self, **answer):
        return self.accept().open(**answer)

    def nobody_came(self):
        """Whether no further connection is waiting."""
        return not select.select([self.listener], [], [], 0)[0]

    def run(self, function, *args):
        """Runs a part of the server's script in a thread; its failure fails the test."""

        def body():
            try:
                function(*args)
            except Gone:
                pass
            except BaseException as error:  # noqa: B902 - told to the test
                self.errors.append(error)

        thread = threading.Thread(target=body, daemon=True)
        thread.start()
        self.threads.append(thread)
        return thread

    def join(self, timeout=None):
        for thread in self.threads:
            thread.join(DEADLINE if timeout is None else timeout)
            if thread.is_alive():
                raise TimeoutError("the server's script did not end")
        self.check()

    def check(self):
        if self.errors:
            raise self.errors[0]

    def close(self):
        self.listener.close()
        for conn in self.conns:
            try:
                socket.socket.shutdown(conn.wire.sock, socket.SHUT_RDWR)
            except (OSError, ValueError):
                pass
        for thread in self.threads:
            thread.join(DEADLINE)
        for conn in self.conns:
            conn.wire.close()


class Blackhole:
    """A port where a SYN is never answered: a listener whose queue is full."""

    def __init__(self):
        self.listener = socket.socket()
        self.port = bind_reserved(self.listener, "127.0.0.1")
        self.listener.listen(0)
        self.fill = []
        for _ in range(16):
            s = socket.socket()
            s.setblocking(False)
            self.fill.append(s)
            try:
                s.connect(self.listener.getsockname())
            except BlockingIOError:
                pass
            if not select.select([], [s], [], 0.2)[1]:
                return
        raise AssertionError("this system answers a SYN although the queue is full")

    def url(self):
        return "ws://127.0.0.1:%d/mcp" % self.port

    def close(self):
        for s in self.fill + [self.listener]:
            s.close()


def relay(source, sink, rate=None):
    """Copies one direction, at most rate bytes per second, until it ends."""
    started, moved = time.monotonic(), 0
    try:
        while True:
            data = source.recv(max(1, rate // 50) if rate else 65536)
            if not data:
                break
            sink.sendall(data)
            moved += len(data)
            if rate:
                time.sleep(max(0, moved / rate - (time.monotonic() - started)))
    except OSError:
        pass
    for s, how in ((sink, socket.SHUT_WR), (source, socket.SHUT_RD)):
        try:
            s.shutdown(how)
        except OSError:
            pass


class Forwarder:
    """What those in the middle share: threads that accept and serve, and sockets to clean up."""

    def __init__(self, rcvbuf=None):
        self.listener = socket.socket()
        if rcvbuf:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.port = bind_reserved(self.listener, "127.0.0.1")
        self.listener.listen(16)
        self.sockets = [self.listener]
        self.threads = []
        self._start(self._accept)

    def _start(self, function, *args):
        thread = threading.Thread(target=function, args=args, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.sockets.append(sock)
            self._start(self._serve_quietly, sock)

    def _serve_quietly(self, client):
        try:
            self._serve(client)
        except OSError:
            client.close()  # one side is gone; the other sees it

    def _connect(self, client, target, sndbuf=None):
        """The other half of a connection."""
        server = socket.socket()
        if sndbuf:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
        self.sockets.append(server)
        server.connect(target)
        for s in (client, server):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return server

    def _relay(self, client, server, rate=None):
        self._start(relay, client, server, rate)
        self._start(relay, server, client)

    def close(self):
        """Ends when no thread is left that could still connect to somewhere."""
        end = time.monotonic() + DEADLINE
        while any(t.is_alive() for t in list(self.threads)) and time.monotonic() < end:
            for s in list(self.sockets):
                try:
                    s.shutdown(socket.SHUT_RDWR)  # wakes a thread, which close() does not
                except OSError:
                    pass
            for thread in list(self.threads):
                thread.join(0.02)
        for s in self.sockets:
            s.close()


class Throttle(Forwarder):
    """A slow uplink in front of a server: rate bytes per second towards it."""

    def __init__(self, port, rate):
        self.target, self.rate = ("127.0.0.1", port), rate
        super().__init__(rcvbuf=16384)

    def _serve(self, client):
        self._relay(client, self._connect(client, self.target, sndbuf=16384), self.rate)


class ConnectProxy(Forwarder):
    """An HTTP proxy that knows CONNECT only. mode: "ok", "mute", "close", or a status line."""

    def __init__(self, mode="ok", target=None):
        self.mode = mode
        self.target = target  # where every CONNECT really leads; None: where it says
        self.heads = []  # the requests as they came
        self.seen = queue.Queue()
        super().__init__()

    def url(self, userinfo=""):
        return "http://%s127.0.0.1:%d" % (userinfo, self.port)

    def _serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(65536)
            if not data:
                return
            head += data
        request = Request(head[:head.index(b"\r\n\r\n")])
        self.heads.append(request)
        self.seen.put(request)
        if self.mode == "mute":
            return
        if self.mode == "close":
            client.close()
            return
        if request.method != "CONNECT":
            client.sendall(b"HTTP/1.1 405 Only CONNECT\r\nContent-Length: 0\r\n\r\n")
            return
        if self.mode != "ok":
            client.sendall(b"HTTP/1.1 " + self.mode.encode() + b"\r\nContent-Length: 0\r\n\r\n")
            return
        host, _, port = request.target.rpartition(":")
        try:
            server = self._connect(client, self.target or (host.strip("[]"), int(port)))
        except OSError:
            client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._relay(client, server)


# ---------------------------------------------------------------------------------------------
# A well-behaved server


class EchoServer:
    """A JSON-RPC server that does what it is asked, on the `websockets` library.

    Methods: "initialize"; "echo" returns its params; "big" returns params.size bytes of text;
    "notify" sends params.count notifications first; "close" closes with params.code; "ask" sends
    a request of its own and returns the answer to it; "never" is not answered.
    """

    def __init__(self, tls=None, **options):
        options.setdefault("subprotocols", ["mcp"])
        options.setdefault("max_size", None)
        options.setdefault("compression", None)
        self.tls, self.options = tls, options
        self.port = reserve()
        self.received = []
        self.closed = queue.Queue()  # (code, reason) of links that ended
        self.opened = queue.Queue()
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        if not self.ready.wait(DEADLINE):
            raise TimeoutError("the echo server did not start")

    def url(self, path="/mcp"):
        return "%s://127.0.0.1:%d%s" % ("wss" if self.tls else "ws", self.port, path)

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.stop = self.loop.create_future()

        async def main():
            async with serve(self._handle, "127.0.0.1", self.port, ssl=self.tls, **self.options):
                self.ready.set()
                await self.stop

        self.loop.run_until_complete(main())

    async def _handle(self, ws):
        self.opened.put(ws)
        try:
            async for text in ws:
                if len(text) < 1 << 16:
                    self.received.append(text)
                message = json.loads(text)
                if isinstance(message, dict) and "method" in message and "id" in message:
                    await self._answer(ws, message)
        except websockets.ConnectionClosed:
            pass
        self.closed.put((ws.close_code, ws.close_reason))

    async def _answer(self, ws, message):
        params = message.get("params") or {}
        method, result = message["method"], params
        if method == "never":
            return
        if method == "initialize":
            result = {"protocolVersion": "2025-06-18", "capabilities": {},
                      "serverInfo": {"name": "echo", "version": "1"}}
        elif method == "big":
            result = {"data": "x" * params["size"]}
        elif method == "size":
            result = {"size": len(params["data"])}
        elif method == "notify":
            for i in range(params["count"]):
                await ws.send(json.dumps({"jsonrpc": "2.0", "method": "note", "params": {"n": i}}))
        elif method == "close":
            await ws.close(params["code"], params.get("reason", ""))
            return
        elif method == "ask":
            await ws.send(json.dumps({"jsonrpc": "2.0", "id": 7, "method": "roots/list"}))
            result = json.loads(await ws.recv())
        await ws.send(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}))

    def close(self):
        self.loop.call_soon_threadsafe(lambda: self.stop.done() or self.stop.set_result(None))
        self.thread.join(DEADLINE)


# ---------------------------------------------------------------------------------------------
# Certificates


class Authority:
    """A test certificate authority and what it signed, made with the openssl command."""

    def __init__(self, directory):
        self.dir = str(directory)
        self.ca = self._ca("ca", "Test authority")
        self.other_ca = self._ca("other-ca", "Nobody's authority")
        names = "DNS:localhost,DNS:%s,IP:127.0.0.1,IP:::1" % RESOLVED
        self.server = self._leaf("server", "ca", names)
        self.wrong_host = self._leaf("wrong-host", "ca", "DNS:elsewhere.test")
        self.client = self._leaf("client", "ca", "DNS:client.test")
        self.stranger = self._leaf("stranger", "other-ca", "DNS:client.test")

    def _path(self, name):
        return os.path.join(self.dir, name)

    def _openssl(self, *args):
        subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=self.dir)

    def _key(self, name):
        self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", name + ".key")

    def _ca(self, name, subject):
        self._key(name)
        self._openssl("req", "-x509", "-new", "-key", name + ".key", "-subj", "/CN=" + subject,
                      "-days", "30", "-out", name + ".pem", "-addext",
                      "keyUsage=critical,keyCertSign,cRLSign")
        return self._path(name + ".pem")

    def _leaf(self, name, ca, names):
        self._key(name)
        self._openssl("req", "-new", "-key", name + ".key", "-subj", "/CN=" + name, "-out",
                      name + ".csr")
        with open(self._path(name + ".ext"), "w") as ext:
            ext.write("subjectAltName=%s\nbasicConstraints=CA:FALSE\n" % names)
        self._openssl("x509", "-req", "-in", name + ".csr", "-CA", ca + ".pem", "-CAkey",
                      ca + ".key", "-set_serial", str(random.getrandbits(60) + 1), "-days", "30",
                      "-extfile", name + ".ext", "-out", name + ".pem")
        return self._path(name + ".pem"), self._path(name + ".key")

    def context(self, leaf=None, client_ca=None, version=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*(leaf or self.server))
        if client_ca:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        if version:
            context.minimum_version = context.maximum_version = version
        return context
