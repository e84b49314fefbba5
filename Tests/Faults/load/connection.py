"""One client connection on an epoll loop: TCP, TLS, the upgrade, stamped messages, and how it ended."""

import base64
import os
import random
import select
import socket
import ssl
import struct

from . import stamps
from .frames import (
    BINARY, CLOSE, CONTINUATION, PING, TEXT, BadFrame, Deflate, MessageReader, accept_for, close_payload, encode_frame)

CONNECTING, SECURING, UPGRADING = "connecting", "securing", "upgrading"
OPEN, CLOSING, ENDED = "open", "closing", "ended"
_BIND_ADDRESS_NO_PORT = 24
_READ = select.EPOLLIN | select.EPOLLRDHUP
EXTENSIONS = "Sec-WebSocket-Extensions"


def reset_on_close(sock):
    """Closing this socket sends a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Connection:
    """A client. `loop` is told of what happens: `opened(self)` and `ended(self)`.

    `how` says how it ended: `refused STATUS`, `close CODE` (the other side's; `, nothing heard` where no message came
    before one of 4000 or more, which says why), `eof`, `reset`, both perhaps with
    ` inside a frame`, `failed: …` before it was open; `closed` and `aborted` are ends of this side's own making.
    """

    comes_to_go = False  # whether it is none of the steady load

    def __init__(self, loop, number, plan):
        self.loop, self.number, self.plan = loop, number, plan
        self.state, self.how, self.server, self.retry_after = CONNECTING, None, None, False
        self.sent = self.received = 0
        self.text = number % 2 == 0
        self.deadline = None
        self._out = bytearray()
        self._interest = 0
        self._head = bytearray()
        self._reader = None
        self._deflate = None
        self._wanted = None
        self._is_answered = False

    @property
    def outstanding(self):
        return self.sent - self.received

    @property
    def is_writing(self):
        return bool(self._out)

    # The way to an open WebSocket

    def start(self):
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.plan.get("source"):
            self.sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
            self.sock.bind((self.plan["source"], 0))
        self.fd = self.sock.fileno()
        self.loop.register(self)
        self.loop.begun(self)
        self._watch(select.EPOLLOUT)
        try:
            self.sock.connect(("127.0.0.1", self.plan["port"]))
        except BlockingIOError:
            pass
        except OSError as error:
            self._end(f"failed: connect: {error.strerror}")

    def _connected(self):
        error = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            return self._end(f"failed: connect: {os.strerror(error)}")
        if self.plan["tls"]:
            self.sock = self.loop.tls.wrap_socket(
                self.sock, server_hostname="localhost", do_handshake_on_connect=False)
            self.state = SECURING
            return self._secure()
        self.upgrade()

    def _secure(self):
        try:
            self.sock.do_handshake()
        except ssl.SSLWantReadError:
            return self._watch(_READ)
        except ssl.SSLWantWriteError:
            return self._watch(select.EPOLLOUT)
        self.upgrade()

    def request(self):
        """The opening handshake."""
        key = base64.b64encode(os.urandom(16)).decode()
        self._wanted = accept_for(key)
        lines = [f"GET {self.plan['path']}?c={self.number} HTTP/1.1", f"Host: localhost:{self.plan['port']}",
                 "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
        if self.plan["deflate"]:
            lines.append(f"{EXTENSIONS}: permessage-deflate; client_max_window_bits")
        return "\r\n".join([*lines, "", ""]).encode()

    def upgrade(self):
        self.state = UPGRADING
        self._write(self.request())

    def _read_head(self, data):
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            return
        lines = self._head[:end].decode("latin-1").split("\r\n")
        rest, self._head = bytes(self._head[end + 4 :]), b""
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        status = lines[0].split(" ")[1]
        if status != "101":
            self.retry_after = "retry-after" in fields
            return self._end(f"refused {status}")
        if fields.get("sec-websocket-accept") != self._wanted:
            return self._end("failed: expected another Sec-WebSocket-Accept")
        self._opened(fields)
        if rest and self.state == OPEN:
            self._read_frames(rest)

    def _opened(self, fields):
        """The answer says yes."""
        extensions = fields.get(EXTENSIONS.lower())
        if bool(extensions) != self.plan["deflate"]:
            return self._end(f"failed: expected deflate {self.plan['deflate']}, got {extensions}")
        if extensions:
            self._deflate = Deflate(extensions, "client")
        self.server = fields.get("x-server")
        self._reader = MessageReader(from_client=False)
        self.state = OPEN
        self.loop.opened(self)

    # Events

    def handle(self, events):
        try:
            if self.state == CONNECTING:
                return self._connected()
            if self.state == SECURING:
                return self._secure()
            if events & select.EPOLLOUT:
                self._flush()
            if events & ~select.EPOLLOUT and self.state != ENDED:
                self._read()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            return
        except BadFrame as error:
            self.loop.fault("corrupt", f"connection {self.number}: {error}")
            self._end("failed: bad frame")
        except (ConnectionResetError, BrokenPipeError):
            self._lost("reset")
        except ssl.SSLEOFError:
            self._lost("eof")
        except (ssl.SSLError, OSError) as error:
            self._lost("reset" if getattr(error, "errno", None) == 104 else f"failed: {error}")

    def _read(self):
        while True:
            data = self.sock.recv(1 << 16)
            if not data:
                return self._lost("eof")
            if self.state == UPGRADING:
                self._read_head(data)
            else:
                self._read_frames(data)
            if self.state == ENDED or not self.plan["tls"]:
                return

    def _read_frames(self, data):
        for opcode, payload, compressed in self._reader.feed(data):
            if self.state == ENDED:
                return
            if opcode == PING:
                self._write(encode_frame(0xA, payload, mask=b"\0\1\2\3"))
            elif opcode == CLOSE:
                self._closed_by_peer(int.from_bytes(payload[:2], "big") if payload else 1005)
            elif opcode in (TEXT, BINARY):
                self._message(opcode, payload, compressed)

    def _message(self, opcode, payload, compressed):
        if compressed:
            payload = self._deflate.decompress(payload)
        self.received, fault = stamps.judged(payload, self.text, self.number, stamps.TO_CLIENT, self.received)
        if fault is None and (opcode == TEXT) != self.text:
            fault = "corrupt", f"connection {self.number}: opcode {opcode}"
        if fault is not None:
            self.loop.fault(*fault)
        self.loop.checked += 1

    # Sending

    def send_message(self, length, body_of):
        """The next stamped message, now and then as two fragments."""
        body = body_of(max(0, length - (stamps.SMALLEST_TEXT if self.text else stamps.SMALLEST_BINARY)), self.text)
        payload = stamps.stamped(self.number, stamps.TO_SERVER, self.sent, body, self.text)
        rsv = 0
        if self._deflate is not None and length >= 64:
            payload, rsv = self._deflate.compress(payload), 4
        opcode = TEXT if self.text else BINARY
        mask = random.randbytes(4)
        self.sent += 1
        if self.sent % 11 == 0 and len(payload) > 200:
            half = len(payload) // 2
            self._write(encode_frame(opcode, payload[:half], fin=False, rsv=rsv, mask=mask)
                        + encode_frame(CONTINUATION, payload[half:], mask=mask))
        else:
            self._write(encode_frame(opcode, payload, rsv=rsv, mask=mask))

    def _write(self, data):
        self._out += data
        try:
            self._flush()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            self._watch(_READ | select.EPOLLOUT)
        except (ConnectionResetError, BrokenPipeError):
            self._lost("reset")
        except (ssl.SSLError, OSError) as error:
            self._lost(f"failed: {error}")

    def _flush(self):
        while self._out:
            piece = bytes(self._out[: 1 << 18])
            # TLS wants the same bytes again after a refused write, so they leave the buffer only when sent.
            sent = self.sock.send(piece)
            del self._out[:sent]
        self._watch(_READ)

    def _watch(self, interest):
        if interest != self._interest and self.state != ENDED:
            self._interest = interest
            self.loop.watch(self, interest)

    # Ends

    def close(self):
        """A Close of this side's own, 1000; it has ended when the other side's has come and TCP is over."""
        self.how, self.state = "closed", CLOSING
        self._write(encode_frame(CLOSE, close_payload(1000), mask=b"\0\0\0\0"))

    def abort(self):
        """A RST."""
        reset_on_close(self.sock)
        self._end("aborted")

    def give_up(self, how):
        self._end(how)

    def _closed_by_peer(self, code):
        if self.state == CLOSING:
            self._is_answered = True
            if self.how == "closed" and code != 1000:
                self.how = f"close {code}"
            return
        self.how, self.state = f"close {code}", CLOSING
        if code >= 4000 and not self.received:
            self.how += ", nothing heard"
        self.loop.closing(self)
        self._write(encode_frame(CLOSE, close_payload(code) if code != 1005 else b"", mask=b"\0\0\0\0"))

    def _lost(self, how):
        if self.state == ENDED:
            return
        if self.how is not None:
            return self._end("closed without an answer" if self.how == "closed" and not self._is_answered else self.how)
        if self.state in (SECURING, UPGRADING):
            return self._end(f"failed: {how} while {self.state}")
        inside = self._reader is not None and self._reader.is_inside_frame
        self._end(how + (" inside a frame" if inside else ""))

    def _end(self, how):
        if self.state == ENDED:
            return
        self.how, self.state = how, ENDED
        self._release()
        self._out.clear()
        self.loop.ended(self)

    def _release(self):
        self.loop.unregister(self)
        self.sock.close()
