"""Clients of the drafts before RFC 6455, written from the drafts' own text: hixie-76
(draft-ietf-hybi-thewebsocketprotocol-00 §4.1 and §4.2), and versions 7 and 8 (-07 and -08 §5.1)."""

import hashlib
import os
import random
import struct

NOISE = [chr(c) for c in [*range(0x21, 0x30), *range(0x3A, 0x7F)]]
TERMINATOR = b"\xff"
CLOSING = b"\xff\x00"


def make_key(chance):
    """Steps 16 to 23 of §4.1: (key, number)."""
    spaces = chance.randint(1, 12)
    number = chance.randint(0, 4294967295 // spaces)
    key = list(str(number * spaces))
    for _ in range(chance.randint(1, 12)):
        key.insert(chance.randint(0, len(key)), chance.choice(NOISE))
    for _ in range(spaces):
        key.insert(chance.randint(1, len(key) - 1), " ")
    return "".join(key), number


class HixieClient:
    """A client of hixie-76 on a connection, a `raw.Peer`, whose bytes it reads and writes."""

    def __init__(self, peer, *, origin="http://localhost", scheme="ws", seed=None):
        self.peer = peer
        self.origin = origin
        self.scheme = scheme
        self.chance = random.Random(seed)
        self.response = None

    # The opening handshake

    def request(self, path="/", protocol=None, fields=(), keys=None, nonce=None, omit=()):
        """The head of the request and the eight bytes behind it."""
        (key1, self.number1), (key2, self.number2) = keys or (make_key(self.chance), make_key(self.chance))
        self.path, self.protocol = path, protocol
        self.nonce = nonce if nonce is not None else os.urandom(8)
        lines = [
            ("Upgrade", "WebSocket"), ("Connection", "Upgrade"), ("Host", self.peer.authority),
            ("Sec-WebSocket-Key1", key1), ("Sec-WebSocket-Key2", key2), *fields,
        ]
        if self.origin is not None:
            lines.append(("Origin", self.origin))
        if protocol:
            lines.append(("Sec-WebSocket-Protocol", protocol))
        lines = [line for line in lines if line[0] not in omit]
        self.chance.shuffle(lines)
        head = f"GET {path} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in lines) + "\r\n"
        return head.encode() + self.nonce

    def open(self, path="/", early=b"", **options):
        self.peer.send(self.request(path, **options) + early)
        return self.read_answer()

    def read_answer(self):
        """Steps 28 to 45 of §4.1."""
        self.response = answer = self.peer.read_head()
        assert answer.start_line == "HTTP/1.1 101 WebSocket Protocol Handshake", answer.start_line
        assert answer.all("upgrade") == ["WebSocket"], answer.fields
        assert [v.lower() for v in answer.all("connection")] == ["upgrade"], answer.fields
        assert answer.all("sec-websocket-origin") == [self.origin], answer.fields
        location = f"{self.scheme}://{self.peer.authority}{self.path}"
        assert answer.all("sec-websocket-location") == [location], answer.fields
        if self.protocol and " " not in self.protocol:
            assert answer.all("sec-websocket-protocol") == [self.protocol], answer.fields
        expected = hashlib.md5(struct.pack(">II", self.number1, self.number2) + self.nonce).digest()
        assert self.peer.read_exactly(16) == expected
        return self

    # Data framing

    @staticmethod
    def frame(text):
        data = text.encode() if isinstance(text, str) else text
        return b"\x00" + data + TERMINATOR

    def send(self, text):
        self.peer.send(self.frame(text))

    def close(self):
        self.peer.send(CLOSING)

    def read(self):
        """The next message, or None for the closing handshake. There are no other frames that a server may send."""
        kind = self.peer.read_exactly(1)
        if kind == b"\x00":
            return self.peer.read_through(TERMINATOR)[:-1].decode()
        assert kind == b"\xff", f"frame type {kind!r}"
        assert self.peer.read_exactly(1) == b"\x00"
        return None

    def expect_close(self):
        assert self.read() is None
        return self


def versioned(version, origin="http://localhost"):
    """The fields that versions 7 and 8 have in place of RFC 6455's."""
    fields = [("Sec-WebSocket-Version", str(version))]
    return fields + ([("Sec-WebSocket-Origin", origin)] if origin is not None else [])
