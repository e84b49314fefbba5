"""HTTP/1.1 by the letter of RFC 9112, for what a gateway has written: anything that two readers could take for two
things is `Malformed`.

`StrictReader` reads from whatever has the `read_exactly` and `read_through` of a `raw.Peer`. `as_h11_reads` is what an
independent reader makes of the same bytes.
"""

import re
from dataclasses import dataclass, field

import h11

from raw import Ended, Head

MAXIMUM_LINE = 1 << 18
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e]+) HTTP/1\.1")
_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-9][0-9][0-9]) ([\t \x21-\x7e\x80-\xff]*)")
_VISIBLE, _VALUE = rb"[\x21-\x7e\x80-\xff]", rb"[\t \x21-\x7e\x80-\xff]"
_FIELD_LINE = re.compile(
    rb"(" + _TOKEN + rb"):[ \t]*((?:" + _VISIBLE + rb"(?:" + _VALUE + rb"*" + _VISIBLE + rb")?)?)[ \t]*")
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]{1,15}")
# RFC 9110 §6.5.1: what frames, routes or authenticates a message has no place behind it.
NO_TRAILERS = {"content-length", "transfer-encoding", "host", "connection", "trailer", "te", "upgrade", "authorization",
               "content-encoding", "content-type", "content-range", "set-cookie", "cookie", "expect"}


class Malformed(Exception):
    """Not what RFC 9112 allows a sender to write."""


@dataclass(frozen=True)
class Message(Head):
    """A request or a response. `framing`: "none", "length", "chunked", or "end", that of the connection; `wire`: the
    bytes it was read from."""

    body: bytes = b""
    trailers: list = field(default_factory=list)
    framing: str = "none"
    chunks: int = 0
    wire: bytes = field(default=b"", repr=False)

    @property
    def method(self):
        return self.start_line.split(" ")[0]

    @property
    def trailer(self):
        return dict(self.trailers)


class StrictReader:
    """Reads the messages of one direction of a connection."""

    def __init__(self, source):
        self._source = source
        self._wire = bytearray()

    @property
    def wire(self):
        """What has been read of a message that is not whole yet."""
        return bytes(self._wire)

    def read_request(self, on_head=None):
        """The next request, whole; `on_head` is told of its head. Raises `raw.Ended` when the connection ends first."""
        self._wire.clear()
        line = self._line()
        match = _REQUEST_LINE.fullmatch(line)
        if match is None:
            raise Malformed(f"request line {line!r}")
        method, target = (part.decode() for part in match.groups())
        fields = self._fields()
        hosts = [value for name, value in fields if name.lower() == "host"]
        if len(hosts) != 1:
            raise Malformed(f"expected one Host, got {hosts}")
        framing, length = self._framing(fields)
        start_line = f"{method} {target} HTTP/1.1"
        if on_head:
            on_head(Head(start_line, fields))
        body, trailers, chunks = self._content(framing, length)
        return Message(start_line, fields, body, trailers, framing, chunks, bytes(self._wire))

    def read_response(self, method="GET"):
        """The next response to a request with this method; interim ones (1xx) count as responses without content."""
        self._wire.clear()
        head = self.read_response_head()
        status = head.status
        framing, length = self._framing(head.fields)
        if status < 200 or status == 204:
            if framing != "none":
                raise Malformed(f"{status} with {framing} content")
            framing = "none"
        elif method == "HEAD" or status == 304:
            framing = "none"
        elif framing == "none":
            framing = "end"
        body, trailers, chunks = self._content(framing, length)
        return Message(head.start_line, head.fields, body, trailers, framing, chunks, bytes(self._wire))

    def read_final(self, method="GET"):
        """The next response that is not an interim one."""
        while (response := self.read_response(method)).status < 200:
            pass
        return response

    def read_response_head(self):
        line = self._line()
        match = _STATUS_LINE.fullmatch(line)
        if match is None:
            raise Malformed(f"status line {line!r}")
        return Head(line.decode("latin-1"), self._fields())

    def read_chunk(self):
        """The next chunk of a body; empty at its end, the line that ends the trailers is still to come."""
        size = self._line()
        if _CHUNK_SIZE.fullmatch(size) is None:
            raise Malformed(f"chunk size {size!r}")
        data = self._exactly(int(size, 16))
        if data and self._exactly(2) != b"\r\n":
            raise Malformed("a chunk without its CR LF")
        return data

    def read_trailers(self):
        trailers = self._fields()
        forbidden = [name for name, _ in trailers if name.lower() in NO_TRAILERS]
        if forbidden:
            raise Malformed(f"{forbidden} as trailers")
        return trailers

    def _exactly(self, count):
        data = self._source.read_exactly(count)
        self._wire += data
        return data

    def _line(self):
        data = self._source.read_through(b"\n")
        self._wire += data
        if not data.endswith(b"\r\n") or len(data) > MAXIMUM_LINE:
            raise Malformed(f"line {data[-80:]!r}")
        return data[:-2]

    def _fields(self):
        fields = []
        while line := self._line():
            match = _FIELD_LINE.fullmatch(line)
            if match is None:
                raise Malformed(f"field line {line!r}")
            fields.append(tuple(part.decode("latin-1") for part in match.groups()))
        return fields

    def _framing(self, fields):
        codings = [value for name, value in fields if name.lower() == "transfer-encoding"]
        lengths = [value for name, value in fields if name.lower() == "content-length"]
        if len(codings) + len(lengths) > 1:
            raise Malformed(f"Transfer-Encoding {codings} and Content-Length {lengths}")
        if codings:
            if codings[0].lower() != "chunked":
                raise Malformed(f"Transfer-Encoding {codings[0]!r}")
            return "chunked", None
        if lengths:
            if _LENGTH.fullmatch(lengths[0]) is None:
                raise Malformed(f"Content-Length {lengths[0]!r}")
            return "length", int(lengths[0])
        return "none", None

    def _content(self, framing, length):
        """(body, trailers, number of chunks)"""
        match framing:
            case "length":
                return self._exactly(length), [], 0
            case "chunked":
                pieces = []
                while piece := self.read_chunk():
                    pieces.append(piece)
                return b"".join(pieces), self.read_trailers(), len(pieces)
            case "end":
                return self._to_end(), [], 0
        return b"", [], 0

    def _to_end(self):
        pieces = []
        while True:
            try:
                pieces.append(self._exactly(1 << 16))
            except Ended as end:
                if end.how != "eof":
                    raise
                pieces.append(self._exactly(len(end.unread)))
                return b"".join(pieces)


class Bytes:
    """Bytes that are there already, to read from."""

    def __init__(self, data):
        self._rest = data

    def read_exactly(self, count):
        if len(self._rest) < count:
            raise Ended("eof", self._rest)
        data, self._rest = self._rest[:count], self._rest[count:]
        return data

    def read_through(self, delimiter):
        end = self._rest.find(delimiter)
        if end < 0:
            raise Ended("eof", self._rest)
        return self.read_exactly(end + len(delimiter))


def as_h11_reads(wire):
    """(method, target, fields, body, trailers) of the one request in `wire`, read by h11; names in lower case."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(wire)
    request, body, end = connection.next_event(), b"", None
    assert isinstance(request, h11.Request), f"expected a request, got {request}"
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        assert isinstance(event, h11.Data), f"expected the body's end, got {event}"
        body += event.data
    rest, _ = connection.trailing_data
    assert not rest, f"expected one request, {rest!r} is behind it"
    texts = [[(name.decode(), value.decode("latin-1")) for name, value in fields]
             for fields in (request.headers, event.headers)]
    return request.method.decode(), request.target.decode(), texts[0], bytes(body), texts[1]


def expect_one_reading(request):
    """Whether h11 and `StrictReader` read the same request in the same bytes."""
    read = (request.method, request.target, [(name.lower(), value) for name, value in request.fields], request.body,
            [(name.lower(), value) for name, value in request.trailers])
    other = as_h11_reads(request.wire)
    assert read == other, f"read as {read}, and by h11 as {other}"
