"""HTTP/2 frame by frame, for what no library would send: bytes built by hand, answers read with nothing assumed.

`RawHTTP2` is the client's end of a connection. Header blocks are made and read by `hpack`, or by the test.
"""

import struct
from dataclasses import dataclass

import hpack

from raw import Ended, Response

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
NAMES = ["DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE",
         "CONTINUATION"]
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITIZED = 0x1, 0x1, 0x4, 0x8, 0x20
CODES = ["NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
         "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
         "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"]
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, payload=b"", *, stream=0, flags=0, length=None):
    """One frame; `length` is what its header says, where that is not the truth."""
    size = len(payload) if length is None else length
    return struct.pack("!BHBBI", size >> 16, size & 0xFFFF, kind, flags, stream) + payload


def settings(*values):
    """SETTINGS of (identifier, value) pairs."""
    return frame(SETTINGS, b"".join(struct.pack("!HI", *value) for value in values))


def window_update(stream, increment):
    return frame(WINDOW_UPDATE, struct.pack("!I", increment), stream=stream)


def rst_stream(stream, code=CODES.index("CANCEL")):
    return frame(RST_STREAM, struct.pack("!I", code), stream=stream)


def data(stream, payload=b"", flags=0):
    return frame(DATA, payload, stream=stream, flags=flags)


def literal(name, value, prefix=0x00):
    """A field without Huffman code (RFC 7541 §6.2); `prefix` 0x40 puts it into the table, others leave the table."""
    return bytes([prefix]) + b"".join(integer(len(text), 7) + text for text in (name, value))


def literals(fields):
    """A header block that leaves the tables of both sides as they are."""
    return b"".join(literal(name.encode(), value.encode()) for name, value in fields)


def integer(value, bits):
    """An integer with a prefix of so many bits, the others 0 (RFC 7541 §5.1)."""
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([value])
    value -= limit
    encoded = [limit]
    while value >= 128:
        encoded.append(value % 128 + 128)
        value //= 128
    return bytes([*encoded, value])


def code_name(code):
    return CODES[code] if code < len(CODES) else f"{code:#x}"


@dataclass(frozen=True)
class RawFrame:
    kind: int
    flags: int
    stream: int
    payload: bytes

    def __repr__(self):
        name = NAMES[self.kind] if self.kind < len(NAMES) else f"type {self.kind:#x}"
        code = ""
        if self.kind in (RST_STREAM, GOAWAY):
            code = f" {self.code}"
        return f"{name}{code} on {self.stream}, flags {self.flags:#x}, {self.payload[:60]!r}"

    @property
    def code(self):
        """The error code of RST_STREAM or GOAWAY, by name."""
        return code_name(struct.unpack_from("!I", self.payload, 4 if self.kind == GOAWAY else 0)[0])


class RawHTTP2:
    """On a `raw.Peer` that has sent nothing yet. `greet` sends preface and SETTINGS, and acknowledges the gateway's."""

    def __init__(self, peer, greet=True):
        self.peer = peer
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.seen = []
        self.next_stream = 1
        self.buffered = {}
        self.answers = {}
        if greet:
            self.send(PREFACE + settings())
            self.frame_of(SETTINGS)
            self.send(frame(SETTINGS, flags=ACK))

    def send(self, data):
        self.peer.send(data)

    def try_send(self, data):
        """Sends what the gateway need not hear to its end."""
        try:
            self.peer.send(data)
        except OSError:
            pass

    # What arrives

    def read_frame(self):
        head = self.peer.read_exactly(9)
        high, low, kind, flags, stream = struct.unpack("!BHBBI", head)
        size = high << 16 | low
        assert size <= 16_384, f"a frame of {size} bytes came, none over 16384 was allowed"
        got = RawFrame(kind, flags, stream, self.peer.read_exactly(size))
        self.seen = [*self.seen[-20:], got]
        if kind == HEADERS:
            assert flags & END_HEADERS, f"expected a header block in one frame, got {got}"
            self.answers.setdefault(stream, []).append(self.decoder.decode(got.payload))
        elif kind == DATA:
            self.buffered[stream] = self.buffered.get(stream, b"") + got.payload
        return got

    def frame_of(self, *kinds, stream=None):
        """The next frame of one of these types; others are passed over."""
        names = " or ".join(NAMES[kind] for kind in kinds) + (f" on stream {stream}" if stream is not None else "")
        try:
            while True:
                got = self.read_frame()
                if got.kind in kinds and stream in (None, got.stream):
                    return got
                assert got.kind != GOAWAY, f"expected {names}, got {got}"
        except Ended as end:
            raise AssertionError(f"expected {names}, the connection ended ({end.how}) behind {self.seen}") from None

    def expect_goaway(self, *codes, ends=True):
        """GOAWAY with one of these codes; then the connection ends."""
        got = self.frame_of(GOAWAY)
        assert got.code in codes, f"expected GOAWAY {' or '.join(codes)}, got {got}"
        if ends:
            self.peer.read_to_end()
        return got

    def expect_reset(self, stream, *codes):
        got = self.frame_of(RST_STREAM, stream=stream)
        assert got.code in codes, f"expected RST_STREAM {' or '.join(codes)} on stream {stream}, got {got}"

    def answer_or_reset(self, stream):
        """The whole answer on a stream, or the name of the code that it was reset with."""
        while True:
            got = self.frame_of(HEADERS, DATA, RST_STREAM, stream=stream)
            if got.kind == RST_STREAM:
                return got.code
            if got.flags & END_STREAM:
                return self.response(stream)

    def answers_to(self, stream):
        """As `answer_or_reset`, of a stream whose frames may have come already, and that may have been reset behind its
        answer."""
        while not any(one.stream == stream and (one.kind == RST_STREAM or one.flags & END_STREAM and one.kind in (HEADERS, DATA))
                      for one in self.seen):
            self.frame_of(HEADERS, DATA, RST_STREAM, stream=stream)
        if any(one.stream == stream and one.flags & END_STREAM for one in self.seen if one.kind in (HEADERS, DATA)):
            return self.response(stream)
        return next(one.code for one in self.seen if one.stream == stream and one.kind == RST_STREAM)

    def response(self, stream):
        fields = next(fields for fields in self.answers[stream] if not dict(fields)[":status"].startswith("1"))
        status = dict(fields)[":status"]
        return Response(f"HTTP/2 {status}", fields, self.buffered.get(stream, b""))

    def round_trip(self):
        """Everything that was sent has been understood, and the connection goes on."""
        self.send(frame(PING, b"are you?"))
        while (got := self.frame_of(PING)).payload != b"are you?":
            pass
        assert got.flags & ACK, f"expected the answer to a PING, got {got}"

    # What is sent

    def new_stream(self):
        number = self.next_stream
        self.next_stream += 2
        return number

    def block(self, fields):
        return self.encoder.encode(fields, huffman=False)

    def headers(self, fields, flags=END_HEADERS, stream=None):
        """(stream, the HEADERS frame)."""
        stream = stream or self.new_stream()
        return stream, frame(HEADERS, self.block(fields), stream=stream, flags=flags)

    def fragmented(self, stream, block, flags=END_STREAM, size=16_384):
        """A header block in HEADERS and CONTINUATION frames of so many bytes."""
        pieces = [block[start : start + size] for start in range(0, len(block), size)]
        last = len(pieces) - 1
        return b"".join(
            frame(CONTINUATION if number else HEADERS, piece, stream=stream,
                  flags=(0 if number else flags) | (END_HEADERS if number == last else 0))
            for number, piece in enumerate(pieces))

    def connect_fields(self, path="/", *fields):
        return [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", path),
                (":authority", self.peer.authority), ("sec-websocket-version", "13"), *fields]

    def get_fields(self, path="/", *fields):
        return [(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", self.peer.authority), *fields]

    def ask(self, path="/", *fields):
        """Sends an extended CONNECT; its stream."""
        stream, sent = self.headers(self.connect_fields(path, *fields))
        self.send(sent)
        return stream

    def get(self, path="/", *fields):
        """The whole answer to a GET."""
        stream, sent = self.headers(self.get_fields(path, *fields), END_HEADERS | END_STREAM)
        self.send(sent)
        answer = self.answer_or_reset(stream)
        assert isinstance(answer, Response), f"expected an answer, got RST_STREAM {answer}"
        return answer

    def expect_open(self, stream):
        got = self.frame_of(HEADERS, RST_STREAM, stream=stream)
        assert got.kind == HEADERS and self.response(stream).status == 200, (
            f"expected 200, got {got if got.kind == RST_STREAM else self.response(stream)}")

    def read_data(self, stream, count):
        """The next bytes of a stream's content; windows are given back."""
        while len(self.buffered.get(stream, b"")) < count:
            got = self.frame_of(DATA, RST_STREAM, stream=stream)
            assert got.kind == DATA, f"expected DATA, got {got}"
            if got.payload:
                self.send(window_update(stream, len(got.payload)) + window_update(0, len(got.payload)))
        content, self.buffered[stream] = self.buffered[stream][:count], self.buffered[stream][count:]
        return content
