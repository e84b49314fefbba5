"""An echo server that verifies every stamped message and answers with one of its own. Runs as a process of its own:
`backend.py NAME ADDRESS PORT [SABOTAGE]`; prints `listening PORT`, then answers each line with its status, a line of
JSON. From the line `farewell` to the line `welcome` it accepts a WebSocket only to say why it will not have it: the 101,
a message and Close 4001 leave in one packet, and TCP ends with it."""

import ctypes
import json
import os
import select
import signal
import socket
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from load import stamps  # noqa: E402
from load.frames import (  # noqa: E402
    BINARY, CLOSE, PING, TEXT, BadFrame, MessageReader, accept_for, encode_frame)

_PR_SET_PDEATHSIG = 1
_SABOTAGED = 500  # one message of so many
_OUT_LIMIT = 1 << 18  # unsent bytes above which a session is not read


class Session:
    """One WebSocket."""

    def __init__(self, server, sock):
        self.server, self.sock, self.fd = server, sock, sock.fileno()
        self.number, self.reader = None, MessageReader(from_client=True)
        self.head, self.out = bytearray(), bytearray()
        self.received = self.sent = 0
        self.how, self.is_closing, self.interest = None, False, select.EPOLLIN

    def handle(self, events):
        try:
            if events & select.EPOLLOUT:
                self.flush()
            if events & ~select.EPOLLOUT:
                data = self.sock.recv(1 << 16)
                if not data:
                    return self.lost("eof")
                self.read_head(data) if self.number is None else self.read_frames(data)
        except BlockingIOError:
            return
        except OSError:
            self.lost("reset")

    def read_head(self, data):
        self.head += data
        end = self.head.find(b"\r\n\r\n")
        if end < 0:
            return
        lines = self.head[:end].decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        self.number = int(lines[0].split(" ")[1].partition("?c=")[2])
        self.server.opened_total += 1
        head = ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {accept_for(fields['sec-websocket-key'])}\r\n"
                f"X-Server: {self.server.name}\r\n\r\n").encode()
        if self.server.bids_farewell:
            text = self.number % 2 == 0  # as this client's own messages
            message = stamps.stamped(self.number, stamps.TO_CLIENT, 0, b"x" * 100, text)
            self.is_closing, self.how = True, "farewell"
            return self.send(head + encode_frame(TEXT if text else BINARY, message)
                             + encode_frame(CLOSE, (4001).to_bytes(2, "big") + b"session expired"))
        self.send(head)
        if rest := bytes(self.head[end + 4 :]):
            self.read_frames(rest)

    def read_frames(self, data):
        try:
            for opcode, payload, _ in self.reader.feed(data):
                if opcode in (TEXT, BINARY):
                    self.answer(payload, opcode == TEXT)
                elif opcode == PING:
                    self.send(encode_frame(0xA, payload))
                elif opcode == CLOSE and not self.is_closing:
                    self.how = f"close {int.from_bytes(payload[:2], 'big') if payload else 1005}"
                    self.is_closing = True
                    self.send(encode_frame(CLOSE, payload))
        except BadFrame as error:
            self.server.fault("corrupt", f"connection {self.number}: {error}")
            self.end("bad frame")

    def answer(self, payload, text):
        self.received, fault = stamps.judged(payload, text, self.number, stamps.TO_SERVER, self.received)
        if fault is not None:
            self.server.fault(*fault)
        self.server.checked += 1
        body = stamps.body_of(payload, text)
        message = stamps.stamped(self.number, stamps.TO_CLIENT, self.sent, body, text)
        self.sent += 1
        frame = encode_frame(TEXT if text else BINARY, message)
        if self.server.sabotage and self.server.checked % _SABOTAGED == 0:
            frame = self.sabotaged(frame)
        self.send(frame)

    def sabotaged(self, frame):
        """What one answer of many becomes, to see that the clients notice."""
        kind = self.server.sabotage
        if kind == "corrupt":
            return frame[:-1] + bytes([frame[-1] ^ 1])
        if kind == "end":
            self.is_closing, self.how = True, "sabotage"
            return b""
        return {"duplicate": frame * 2, "lose": b""}[kind]

    def send(self, data):
        self.out += data
        try:
            self.flush()
        except BlockingIOError:
            self.watch()
        except OSError:
            self.lost("reset")

    def flush(self):
        while self.out:
            sent = self.sock.send(self.out)
            del self.out[:sent]
        if self.is_closing:
            return self.end(self.how)  # the server ends TCP first (RFC 6455 §7.1.1)
        self.watch()

    def watch(self):
        interest = (select.EPOLLOUT if self.out else 0) | (select.EPOLLIN if len(self.out) < _OUT_LIMIT else 0)
        if self.fd in self.server.sessions and interest != self.interest:
            self.interest = interest
            self.server.epoll.modify(self.fd, interest)

    def lost(self, how):
        self.end(how + (" inside a frame" if self.reader.is_inside_frame else ""))

    def end(self, how):
        if self.server.sessions.pop(self.fd, None) is not None:
            self.server.epoll.unregister(self.fd)
            self.sock.close()
            self.server.ends[how if self.number is not None else "no request"] += 1


class Server:
    def __init__(self, name, address, port, sabotage=None):
        self.name, self.sabotage = name, sabotage
        self.listening = socket.create_server((address, port), backlog=4096)
        self.listening.setblocking(False)
        self.epoll = select.epoll()
        self.sessions = {}
        self.bids_farewell = False
        self.checked = self.opened_total = 0
        self.faults, self.ends, self.samples = Counter(), Counter(), []

    def fault(self, kind, text):
        self.faults[kind] += 1
        if len(self.samples) < 5:
            self.samples.append(f"{kind}: {text}")

    def run(self):
        self.epoll.register(self.listening.fileno(), select.EPOLLIN)
        self.epoll.register(0, select.EPOLLIN)
        print("listening", self.listening.getsockname()[1], flush=True)
        while True:
            for fd, events in self.epoll.poll():
                session = self.sessions.get(fd)
                if session is not None:
                    session.handle(events)
                elif fd == 0:
                    words = os.read(0, 4096).split()
                    if not words:
                        return
                    if words[-1] in (b"farewell", b"welcome"):
                        self.bids_farewell = words[-1] == b"farewell"
                    self.report()
                elif fd == self.listening.fileno():
                    self.accept()

    def accept(self):
        for _ in range(64):
            try:
                sock, _ = self.listening.accept()
            except OSError:
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sessions[sock.fileno()] = Session(self, sock)
            self.epoll.register(sock.fileno(), select.EPOLLIN)

    def report(self):
        print(json.dumps({"open": len(self.sessions), "opened_total": self.opened_total, "checked": self.checked,
                          "faults": self.faults, "ends": self.ends, "samples": self.samples}), flush=True)


if __name__ == "__main__":
    # A stopped process heeds no SIGTERM: when the script is killed, this one must go in any state.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    Server(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:]).run()
