"""WebSocket peers that send exactly the bytes a test names and show exactly what came back.

`Peer` is either end of a connection. `RawServer` only accepts sockets: a test plays both ends in its own thread,
so the order of events is the order of the lines.
"""

import base64
import hashlib
import os
import socket
import ssl
import struct
import zlib
from dataclasses import dataclass, field

from waiting import SLOWDOWN

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
DEADLINE = 10.0 * SLOWDOWN
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Ended(Exception):
    """The other side ended the connection: `how` is "eof" (in order) or "reset"."""

    def __init__(self, how, unread=b""):
        super().__init__(f"connection ended ({how}) with {len(unread)} bytes unread: {bytes(unread[:80])!r}")
        self.how = how
        self.unread = bytes(unread)


@dataclass(frozen=True)
class Frame:
    opcode: int
    payload: bytes
    fin: bool = True
    rsv1: bool = False
    masked: bool = False
    wire: bytes = field(default=b"", repr=False, compare=False)

    @property
    def close(self):
        """(code, reason) of a Close frame; code 1005 when its payload is empty (RFC 6455 §7.1.5)."""
        assert self.opcode == CLOSE, f"expected a Close frame, got {self}"
        if not self.payload:
            return 1005, ""
        return struct.unpack("!H", self.payload[:2])[0], self.payload[2:].decode()


@dataclass(frozen=True)
class Head:
    """A request or response head; field names as sent."""

    start_line: str
    fields: list

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name, default=None):
        values = self.all(name)
        return ", ".join(values) if values else default

    @property
    def status(self):
        return int(self.start_line.split(" ", 2)[1])

    @property
    def target(self):
        return self.start_line.split(" ")[1]


@dataclass(frozen=True)
class Response(Head):
    body: bytes = b""


def accept_for(key):
    """Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 §4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.strip().encode() + _GUID).digest()).decode()


def masked(payload, key):
    """`payload` XORed with the repeated 4-byte key (RFC 6455 §5.3)."""
    pieces = []
    step = 1 << 20
    for start in range(0, len(payload), step):
        piece = payload[start : start + step]
        pad = (key * (len(piece) // 4 + 1))[: len(piece)]
        pieces.append((int.from_bytes(piece, "big") ^ int.from_bytes(pad, "big")).to_bytes(len(piece), "big"))
    return b"".join(pieces)


def encode_frame(opcode, payload=b"", *, fin=True, rsv=0, mask=None, length_form=None):
    """One frame. `rsv` is 3 bits (RSV1 = 4); `length_form` forces the 7, 16 or 64 bit length."""
    if isinstance(payload, str):
        payload = payload.encode()
    size = len(payload)
    form = length_form or (7 if size < 126 else 16 if size < 65536 else 64)
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit = 0x80 if mask is not None else 0
    if form == 7:
        head += bytes([bit | size])
    elif form == 16:
        head += struct.pack("!BH", bit | 126, size)
    else:
        head += struct.pack("!BQ", bit | 127, size)
    return head + (payload if mask is None else mask + masked(payload, mask))


def close_payload(code, reason=""):
    return struct.pack("!H", code) + reason.encode()


class Peer:
    """One end of a connection. `role` is "client" (masks its frames) or "server"."""

    def __init__(self, sock, role, authority="localhost"):
        self.sock = sock
        self.role = role
        self.authority = authority
        self.buffer = bytearray()
        self.request = None
        self.response = None
        sock.settimeout(DEADLINE)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # Bytes

    def send(self, data):
        self.sock.sendall(data)

    def _more(self):
        try:
            data = self.sock.recv(1 << 16)
        except (ConnectionResetError, BrokenPipeError):
            raise Ended("reset", self.buffer) from None
        except ssl.SSLError as error:
            raise Ended(f"TLS: {error}", self.buffer) from None
        except (TimeoutError, socket.timeout):
            raise AssertionError(
                f"nothing came within {self.sock.gettimeout():g} s; unread so far: {bytes(self.buffer[:80])!r}"
            ) from None
        if not data:
            raise Ended("eof", self.buffer)
        self.buffer += data

    def read_exactly(self, count):
        while len(self.buffer) < count:
            self._more()
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def read_through(self, delimiter):
        while (end := self.buffer.find(delimiter)) < 0:
            self._more()
        return self.read_exactly(end + len(delimiter))

    def read_to_end(self):
        try:
            while True:
                self._more()
        except Ended:
            data = bytes(self.buffer)
            self.buffer.clear()
            return data

    def expect_end(self):
        """Waits until the other side ends the connection; frames are not expected. Returns "eof" or "reset"."""
        try:
            while True:
                assert not self.buffer, f"expected the end of the connection, got {bytes(self.buffer[:80])!r}"
                self._more()
        except Ended as end:
            return end.how

    def expect_silence(self, seconds):
        """Nothing may arrive for this long: the one place where time itself is the condition."""
        assert not self.buffer, f"expected silence, {bytes(self.buffer[:80])!r} is there"
        self.sock.settimeout(seconds)
        try:
            data = self.sock.recv(1 << 16)
            raise AssertionError(f"expected silence for {seconds} s, got {data[:80]!r}")
        except (TimeoutError, socket.timeout):
            pass
        finally:
            self.sock.settimeout(DEADLINE)

    def finish_sending(self):
        """Ends this side's direction in order (a TCP FIN; over TLS a close_notify first)."""
        if isinstance(self.sock, ssl.SSLSocket):
            try:
                self.sock = self.sock.unwrap()
            except (OSError, ssl.SSLError):
                pass
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """Ends the connection with a TCP RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass

    # HTTP

    def read_head(self):
        lines = self.read_through(b"\r\n\r\n").decode("latin-1").split("\r\n")[:-2]
        fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
        return Head(lines[0], fields)

    def read_response(self):
        """A whole response, its body by Content-Length, chunked or up to the end of the connection."""
        head = self.read_head()
        if head.status == 101 or head.status in (204, 304):
            body = b""
        elif (head.get("transfer-encoding") or "").lower() == "chunked":
            body = b""
            while size := int(self.read_through(b"\r\n").split(b";")[0], 16):
                body += self.read_exactly(size)
                assert self.read_exactly(2) == b"\r\n"
            while self.read_through(b"\r\n") != b"\r\n":
                pass
        elif (length := head.get("content-length")) is not None:
            body = self.read_exactly(int(length))
        else:
            body = self.read_to_end()
        self.response = Response(head.start_line, head.fields, body)
        return self.response

    # The opening handshake

    def send_upgrade(self, path="/", fields=(), *, method="GET", version="HTTP/1.1", omit=(), key=None, extra=b""):
        """Sends an opening handshake. `fields` are added, or replace a default of the same name; `omit` leaves
        defaults out; `extra` follows the head in the same segment."""
        self.key = key or base64.b64encode(os.urandom(16)).decode()
        given = {name.lower() for name, _ in fields}
        defaults = [
            ("Host", self.authority), ("Connection", "Upgrade"), ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", self.key),
        ]
        left_out = given | {name.lower() for name in omit}
        lines = [f"{method} {path} {version}"]
        lines += [f"{name}: {value}" for name, value in defaults if name.lower() not in left_out]
        lines += [f"{name}: {value}" for name, value in fields]
        self.send("\r\n".join(lines + ["", ""]).encode("latin-1") + extra)
        return self

    def open(self, path="/", fields=(), **options):
        """An opening handshake that must succeed."""
        self.send_upgrade(path, fields, **options)
        response = self.read_response()
        assert response.status == 101, f"expected 101, got {response.start_line!r} {response.body!r}"
        assert response.get("sec-websocket-accept") == accept_for(self.key)
        return self

    def read_upgrade(self):
        self.request = self.read_head()
        return self.request

    def accept_upgrade(self, fields=(), *, accept=None, extra=b"", omit=()):
        """Answers the request that `read_upgrade` read with a 101."""
        if self.request is None:
            self.read_upgrade()
        defaults = [
            ("Upgrade", "websocket"), ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", accept or accept_for(self.request.get("sec-websocket-key"))),
        ]
        left_out = {name.lower() for name, _ in fields} | {name.lower() for name in omit}
        lines = ["HTTP/1.1 101 Switching Protocols"]
        lines += [f"{name}: {value}" for name, value in defaults if name.lower() not in left_out]
        lines += [f"{name}: {value}" for name, value in fields]
        self.send("\r\n".join(lines + ["", ""]).encode("latin-1") + extra)
        return self

    # Frames

    def frame(self, opcode, payload=b"", **options):
        if self.role == "client":
            options.setdefault("mask", b"\x37\xfa\x21\x3d")
        return encode_frame(opcode, payload, **options)

    def send_frame(self, opcode, payload=b"", **options):
        self.send(self.frame(opcode, payload, **options))

    def send_close(self, code=1000, reason=""):
        self.send_frame(CLOSE, close_payload(code, reason))

    def read_frame(self):
        wire = self.read_exactly(2)
        masked_bit, size = wire[1] & 0x80, wire[1] & 0x7F
        if size >= 126:
            more = self.read_exactly(2 if size == 126 else 8)
            size = int.from_bytes(more, "big")
            wire += more
        key = self.read_exactly(4) if masked_bit else b""
        body = self.read_exactly(size)
        wire += key + body
        assert wire[0] & 0x30 == 0, f"RSV2 or RSV3 is set in {wire[:2].hex()}"
        return Frame(
            wire[0] & 0x0F, masked(body, key) if key else body, bool(wire[0] & 0x80), bool(wire[0] & 0x40),
            bool(masked_bit), wire)

    def read_message(self):
        """(opcode, payload, RSV1 of its first frame) of the next data message; control frames are passed over,
        apart from Close."""
        opcode, parts, rsv1 = None, [], False
        while True:
            frame = self.read_frame()
            if frame.opcode in (PING, PONG):
                continue
            assert frame.opcode != CLOSE, f"expected a message, got Close {frame.close}"
            assert (frame.opcode == CONTINUATION) == (opcode is not None), f"bad fragmentation at {frame.opcode}"
            if opcode is None:
                opcode, rsv1 = frame.opcode, frame.rsv1
            parts.append(frame.payload)
            if frame.fin:
                return opcode, b"".join(parts), rsv1

    def expect_close(self):
        """(code, reason) of the next Close; pings and pongs before it are passed over."""
        while (frame := self.read_frame()).opcode in (PING, PONG):
            pass
        return frame.close


class Listening(socket.socket):
    """Accepts those who have something to say: a gateway that only looks whether the server is there connects, and
    ends the connection without a byte."""

    PATIENCE = 2.0  # for the first byte; who says nothing for longer is no look

    @classmethod
    def on(cls, address, backlog=128):
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        return cls(fileno=socket.create_server(address, family=family, backlog=backlog).detach())

    def accept(self):
        while True:
            connection, peer = super().accept()
            if not self._is_look(connection):
                return connection, peer
            connection.close()

    @classmethod
    def _is_look(cls, connection):
        timeout = connection.gettimeout()
        connection.settimeout(cls.PATIENCE)
        try:
            return connection.recv(1, socket.MSG_PEEK) == b""
        except OSError:  # silent, or reset
            return False
        finally:
            connection.settimeout(timeout)


class RawServer:
    """A listening socket on a free loopback port, at an address, or on a unix path."""

    def __init__(self, path=None, address=("127.0.0.1", 0)):
        if path is None:
            self.sock = Listening.on(address)
            self.port = self.sock.getsockname()[1]
            self.address = f"[{address[0]}]:{self.port}" if ":" in address[0] else f"{address[0]}:{self.port}"
        else:
            self.sock = Listening(socket.AF_UNIX)
            self.sock.bind(str(path))
            self.sock.listen()
            self.address = f"unix:{path}"
        self.sock.settimeout(DEADLINE)

    def accept_now(self):
        """As `accept`, of a connection that is there; None: nobody has anything to say."""
        self.sock.settimeout(0)
        try:
            return Peer(self.sock.accept()[0], "server")
        except BlockingIOError:
            return None
        finally:
            self.sock.settimeout(DEADLINE)

    def accept(self):
        """The next connection as a `Peer`."""
        try:
            connection, _ = self.sock.accept()
        except (TimeoutError, socket.timeout):
            raise AssertionError(f"nobody connected to {self.address} within {DEADLINE:g} s") from None
        return Peer(connection, "server")

    def close(self):
        self.sock.close()


class Deflate:
    """permessage-deflate (RFC 7692) of one end, made of Python's zlib: independent of what it tests."""

    def __init__(self, answer, role):
        self.parameters = dict(
            (part.strip().split("=", 1) + [""])[:2] for part in answer.split(";")[1:]
        )
        other = "server" if role == "client" else "client"
        self.send_bits = int(self.parameters.get(f"{role}_max_window_bits") or 15)
        self.receive_bits = int(self.parameters.get(f"{other}_max_window_bits") or 15)
        self.send_takeover = f"{role}_no_context_takeover" not in self.parameters
        self.receive_takeover = f"{other}_no_context_takeover" not in self.parameters
        self._deflater = self._inflater = None

    def compress(self, payload):
        if self._deflater is None or not self.send_takeover:
            # zlib has no raw deflate with 8 window bits, but with 9 its matches reach back 250 bytes at most.
            self._deflater = zlib.compressobj(wbits=-max(self.send_bits, 9))
        data = self._deflater.compress(payload) + self._deflater.flush(zlib.Z_SYNC_FLUSH)
        assert data.endswith(b"\x00\x00\xff\xff")
        return data[:-4]

    def decompress(self, payload):
        if self._inflater is None or not self.receive_takeover:
            self._inflater = zlib.decompressobj(wbits=-self.receive_bits)
        return self._inflater.decompress(payload + b"\x00\x00\xff\xff")
