"""Plain HTTP through a gateway in each pairing of the two versions: clients and servers that are used alike.

A client's `exchange` is one request and its whole answer. An origin answers each request that came whole with the
`Reply` that `reply(request)` gives, and keeps the requests.
"""

import threading
from dataclasses import dataclass, field

import pytest

from http2_server import HTTP2Server
from raw import DEADLINE
from recording import RecordingServer
from sluice import proxied
from strict_http1 import Message, StrictReader
from waiting import eventually

PAIRS = [("h1", "h1"), ("h1", "h2"), ("h2", "h1"), ("h2", "h2")]
REASONS = {200: "OK", 204: "No Content", 304: "Not Modified", 413: "Content Too Large"}
PIECE = 20_000


@dataclass(frozen=True)
class Reply:
    """`framing`, over HTTP/1.1: "length", "chunked", or "end" for the end of the connection. `interim`: (status,
    fields) of what comes before. `trailers` need "chunked"."""

    body: bytes = b""
    status: int = 200
    fields: tuple = ()
    framing: str = "length"
    trailers: tuple = ()
    interim: tuple = ()

    def head(self, status, fields):
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Fine')}"]
        lines += [*(f"{name}: {value}" for name, value in fields), "", ""]
        return "\r\n".join(lines).encode("latin-1")

    def over_http1(self, method):
        pieces = [self.head(status, fields) for status, fields in self.interim]
        fields = list(self.fields)
        if self.framing == "chunked":
            fields.append(("Transfer-Encoding", "chunked"))
        elif self.framing == "length" and self.status != 204 and not has_length(fields):
            fields.append(("Content-Length", len(self.body)))
        elif self.framing == "end":
            fields.append(("Connection", "close"))
        pieces.append(self.head(self.status, fields))
        if method != "HEAD" and self.status not in (204, 304):
            pieces.append(chunked(self.body, self.trailers) if self.framing == "chunked" else self.body)
        return b"".join(pieces)


def has_length(fields):
    return any(name.lower() == "content-length" for name, _ in fields)


def chunked(body, trailers=()):
    pieces = [body[start : start + PIECE] for start in range(0, len(body), PIECE)]
    lines = b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in trailers)
    return b"".join(b"%x\r\n" % len(piece) + piece + b"\r\n" for piece in pieces) + b"0\r\n" + lines + b"\r\n"


def echo(request):
    return Reply(request.body, fields=(("x-method", request.method),))


class HTTP1Origin:
    def __init__(self, reply=echo):
        self.reply = reply
        self._server = RecordingServer(self._answer)
        self.address = self._server.address

    def _answer(self, request):
        reply = self.reply(request)
        if isinstance(reply, bytes):
            return reply
        data = reply.over_http1(request.method)
        if reply.framing != "end":
            return data

        def send_and_end(connection, _):
            connection.send(data)
            connection.sock.shutdown(1)
        return send_and_end

    @property
    def requests(self):
        return self._server.requests

    @property
    def connections(self):
        return self._server.connections

    def stop(self):
        self._server.close()
        assert not self._server.failures, self._server.failures


class HTTP2Origin:
    def __init__(self, stage, reply=echo):
        self.reply = reply
        self.requests = []
        self._stage = stage
        self._server = HTTP2Server("origin", stage, echo=False, header_encoding="latin-1")
        self._server._take = self._take
        stage.run(self._server.start())
        self.address = self._server.address

    def _take(self, stream):
        stream.echo = Gathering(self, stream)
        if (stream.request.get("expect") or "").lower() == "100-continue":
            stream.send_interim(100)

    def whole(self, stream, body):
        method, target = stream.pseudo.get(":method"), stream.pseudo.get(":path")
        fields = [("host", stream.pseudo[":authority"])] if ":authority" in stream.pseudo else []
        request = Message(
            f"{method} {target} HTTP/2", fields + stream.request.fields, body, list(stream.trailers))
        self.requests.append(request)
        reply = self.reply(request)
        for status, fields in reply.interim:
            stream.send_interim(status, [(name.lower(), value) for name, value in fields])
        fields = list(reply.fields)
        if reply.framing == "length" and reply.status != 204 and not has_length(fields):
            fields.append(("content-length", str(len(reply.body))))
        has_body = method != "HEAD" and reply.status not in (204, 304)
        stream.answer(reply.status, fields, ends=False)
        if has_body and reply.body:
            stream.queue(reply.body)
        if reply.trailers and has_body:
            stream.finish_with_trailers(reply.trailers)
        else:
            stream.queue(ends=True)

    @property
    def connections(self):
        return self._server.links

    def stop(self):
        self._stage.run(self._server.stop())
        assert not self._server.failures, self._server.failures


class Gathering:
    """The content of one stream, up to its end."""

    def __init__(self, origin, stream):
        self._origin, self._stream = origin, stream
        self._pieces = []
        self._is_whole = False

    def data_received(self, data):
        self._pieces.append(data)

    def input_ended(self):
        # A stream that is reset behind its end tells of both.
        if self._stream._input == "eof" and not self._is_whole:
            self._is_whole = True
            self._origin.whole(self._stream, b"".join(self._pieces))


@dataclass(frozen=True)
class Answer(Message):
    interim: list = field(default_factory=list)


class HTTP1Exchanges:
    """A client's connection, kept alive."""

    version = "1.1"

    def __init__(self, peer):
        self.peer = peer
        self.reader = StrictReader(peer)

    def request(self, method="GET", path="/", fields=(), body=None, framing="length", trailers=()):
        fields = [("Host", self.peer.authority), *fields]
        if body is None:
            content = b""
        elif framing == "chunked":
            fields.append(("Transfer-Encoding", "chunked"))
            content = chunked(body, trailers)
        else:
            fields.append(("Content-Length", len(body)))
            content = body
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), "", ""]
        return "\r\n".join(lines).encode("latin-1") + content

    def exchange(self, method="GET", path="/", fields=(), body=None, framing="length", trailers=()):
        data = self.request(method, path, fields, body, framing, trailers)
        # A server that echoes a long body answers before it is through.
        sender = threading.Thread(target=self._send, args=[data], daemon=True)
        sender.start()
        interim = []
        while (response := self.reader.read_response(method)).status < 200:
            interim.append(response)
        sender.join(DEADLINE)
        return Answer(
            response.start_line, response.fields, response.body, response.trailers, response.framing, interim=interim)

    def _send(self, data):
        try:
            self.peer.send(data)
        except OSError:
            pass  # the answer tells why


class HTTP2Exchanges:
    version = "2.0"

    def __init__(self, client):
        self.client = client

    def exchange(self, method="GET", path="/", fields=(), body=None, framing="length", trailers=()):
        client = self.client
        fields = [(name.lower(), value) for name, value in fields]
        if body is not None and framing == "length":
            fields.append(("content-length", str(len(body))))
        stream = client.start([*client.pseudo(method, path), *fields], end=body is None)
        stream.may_have_trailers = True
        try:
            if body is not None:
                client.send(stream, body, end=not trailers)
                if trailers:
                    client.finish_with_trailers(stream, list(trailers))
        except ConnectionResetError:
            pass  # the answer tells why
        response = client.whole(stream)
        interim = [Answer(f"HTTP/2 {dict(one)[':status']}", [pair for pair in one if pair[0] != ":status"])
                   for one in stream.interim]
        return Answer(response.start_line, response.fields, response.body, list(stream.trailers or []), interim=interim)


@pytest.fixture
def origin(stage):
    """`origin("h1", reply)` starts a server."""
    started = []

    def start(version, reply=echo):
        started.append(HTTP1Origin(reply) if version == "h1" else HTTP2Origin(stage, reply))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def exchanges(wire):
    """`exchanges("h2", gateway)` is a client."""
    def connect(version, gateway, listener="plain"):
        if version == "h1":
            return HTTP1Exchanges(wire.connect(gateway, listener))
        return HTTP2Exchanges(wire.http2(gateway, listener))

    return connect


@pytest.fixture
def pair(gateway, origin, exchanges):
    """`pair(("h1", "h2"), reply, …)`: (client, gateway, origin), by the versions of its two sides. What else is given
    is the route's."""
    def start(versions, reply=echo, *, upstream=None, sections=None, **route):
        front, back = versions
        server = origin(back, reply)
        protocol = {"protocol": "h2"} if back == "h2" else {}
        running = gateway(proxied(
            server.address, upstream={**protocol, "retries": 0, **(upstream or {})}, sections=sections, **route))
        return exchanges(front, running), running, server

    return start


def in_flight(running, count, name="all"):
    """Waits until so many requests of a route are in flight."""
    eventually(lambda: running.route(name)["requests"]["active"] == count, f"{count} requests in flight")


each_pair = pytest.mark.parametrize("versions", PAIRS, ids="-".join)
