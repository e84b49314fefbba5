"""Requests that one side gives up, answers that come before their time, and peers that take theirs: what the other side
sees."""

import contextlib
import threading

import pytest
from h2.exceptions import StreamClosedError

from http2_peer import CANCEL
from http_pairs import each_pair, in_flight
from raw import Ended
from recording import plain
from sluice import PeakMemory, proxied
from strict_http1 import StrictReader
from waiting import eventually

each_front = pytest.mark.parametrize("front", ["h1", "h2"])
MIB = 1 << 20


class Back:
    """A server that the test plays, over either version."""

    def __init__(self, wire, http2_backend, version):
        self.version = version
        self._wire = wire
        self._server = wire.server() if version == "h1" else http2_backend(echo=False)
        self.address = self._server.address
        self.upstream = {"retries": 0, **({"protocol": "h2"} if version == "h2" else {})}

    def accept(self):
        """The next request, its head read."""
        if self.version == "h2":
            return self._server.accept()
        peer = self._wire.accept(self._server)
        peer.request = peer.read_head()
        return peer

    def send_head(self, peer, length=None):
        if self.version == "h2":
            peer.answer(200, [("content-length", str(length))] if length else [], ends=False)
        else:
            framing = b"Content-Length: %d" % length if length else b"Transfer-Encoding: chunked"
            peer.send(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n")


@pytest.fixture
def back(wire, http2_backend):
    return lambda version: Back(wire, http2_backend, version)


class Client:
    """A client that the test plays, over either version, with one request."""

    def __init__(self, wire, running, version, method="GET", length=None):
        self.version = version
        if version == "h1":
            self.peer = wire.connect(running)
            length = f"Content-Length: {length}\r\n" if length else ""
            self.peer.send(f"{method} / HTTP/1.1\r\nHost: localhost\r\n{length}\r\n".encode())
        else:
            self.http2 = wire.http2(running)
            fields = [("content-length", str(length))] if length else []
            self.stream = self.http2.start([*self.http2.pseudo(method), *fields], end=not length)

    def send(self, data):
        if self.version == "h1":
            self.peer.send(data)
        else:
            self.http2.send(self.stream, data)

    def abort(self):
        if self.version == "h1":
            self.peer.close()
        else:
            self.http2.cancel(self.stream)

    def read(self, count):
        """So many bytes of the body, from its beginning."""
        if self.version == "h1":
            self.peer.read_head()
            return self.peer.read_exactly(count)
        self.http2.wait(lambda: len(self.stream.data) >= count, f"{count} bytes")
        return bytes(self.stream.data[:count])

    def expect_cut(self):
        if self.version == "h1":
            with pytest.raises(Ended):
                StrictReader(self.peer).read_response()
        else:
            self.http2.wait(lambda: self.stream.is_over, "the end of the stream")
            assert self.stream.reset is not None, f"expected RST_STREAM, got {self.stream}"

    def final(self):
        if self.version == "h1":
            return StrictReader(self.peer).read_final()
        self.http2.wait(lambda: self.stream.fields and self.stream.is_over, "an answer")
        return self.stream.response


# Clients that give up

@each_pair
@pytest.mark.parametrize("phase", ["before the answer", "inside the request", "inside the answer"])
def test_a_client_that_gives_up_is_seen_at_the_server(gateway, wire, back, versions, phase):
    front, version = versions
    server = back(version)
    running = gateway(proxied(server.address, upstream=server.upstream))
    client = Client(wire, running, front, "POST" if phase == "inside the request" else "GET",
                    1000 if phase == "inside the request" else None)
    if phase == "inside the request":
        client.send(b"hello")
    peer = server.accept()
    if phase == "inside the request":
        assert peer.read_exactly(5) == b"hello"
    elif phase == "inside the answer":
        server.send_head(peer, 1000)
        peer.send(b"hello")
        assert client.read(5) == b"hello"
    client.abort()
    if version == "h2":
        peer.link.wait(lambda: peer.reset_code is not None, "RST_STREAM at the server")
        assert peer.reset_code == CANCEL, peer.reset_code
    else:
        peer.read_to_end()
    in_flight(running, 0)
    if front == "h2":
        client.http2.ping()


# Servers that give up

@pytest.mark.parametrize("front", ["h1", "h2"])
@pytest.mark.parametrize("length", [None, 1000], ids=["no length", "a length"])
@pytest.mark.parametrize("how", ["stream", "connection"])
def test_an_answer_over_http2_that_breaks_off_never_looks_whole(gateway, wire, http2_backend, front, length, how):
    server = http2_backend(echo=False)
    running = gateway(proxied(server.address, upstream={"protocol": "h2", "retries": 0}))
    client = Client(wire, running, front)
    stream = server.accept()
    stream.answer(200, [("content-length", str(length))] if length else [], ends=False)
    stream.send(b"hello")
    if how == "stream":
        stream.reset(0x2)
    else:
        stream.link.reset()
    client.expect_cut()
    in_flight(running, 0)


@each_front
def test_no_error_behind_a_whole_answer_is_none(gateway, wire, http2_backend, front):
    """RFC 9113 §8.1: a server may answer before the request is through, and ask for no more of it."""
    server = http2_backend(echo=False)
    running = gateway(proxied(server.address, upstream={"protocol": "h2", "retries": 0}))
    client = Client(wire, running, front, "POST", 100_000)
    client.send(b"hello")
    stream = server.accept()
    assert stream.read_exactly(5) == b"hello"
    stream.answer(413, [("content-length", "5")], b"large")
    eventually(lambda: stream._output, "the answer to be sent")
    with contextlib.suppress(StreamClosedError):  # the gateway may have ended it first
        stream.link.run(lambda: stream.link.h2.reset_stream(stream.number, 0))
    answer = client.final()
    assert (answer.status, answer.body) == (413, b"large")


# Answers before the request is through

@each_front
def test_an_early_answer_reaches_a_client_that_is_still_sending(gateway, wire, front):
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"retries": 0}))
    client = Client(wire, running, front, "POST", 50 * MIB)
    client.send(b"x" * 30_000)
    peer = wire.accept(server)
    peer.read_head()
    peer.send(plain(b"large", b"413 Content Too Large", b"Connection: close\r\n"))
    peer.finish_sending()
    answer = client.final()
    assert (answer.status, answer.body) == (413, b"large")
    in_flight(running, 0)


@each_front
def test_a_request_and_its_answer_may_overlap(gateway, wire, front):
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"retries": 0}))
    client = Client(wire, running, front, "POST", 10)
    client.send(b"hello")
    peer = wire.accept(server)
    peer.read_through(b"hello")
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nHELLO")
    assert client.read(5) == b"HELLO"
    if front == "h1":
        client.send(b"world")
    else:
        client.http2.send(client.stream, b"world", end=True)
    assert peer.read_exactly(5) == b"world"
    peer.send(b"WORLD")
    if front == "h1":
        assert client.peer.read_exactly(5) == b"WORLD"
    else:
        assert client.http2.whole(client.stream).body == b"HELLOWORLD"


# Peers that take their time

@each_pair
def test_a_client_that_does_not_read_takes_no_memory(gateway, wire, back, versions):
    front, version = versions
    server = back(version)
    running = gateway(proxied(server.address, upstream=server.upstream))
    client = Client(wire, running, front)
    if front == "h2":
        client.stream.held = True
    peer = server.accept()
    server.send_head(peer, 64 * MIB)
    sent = filled(peer, version, 64 * MIB)
    assert sent < 32 * MIB, f"{sent} bytes went to a client that reads nothing"
    with PeakMemory(running) as memory:
        more = filled(peer, version, 64 * MIB - sent, patience=0.2)
    assert more < 8 * MIB
    assert memory.growth < 16 * MIB, f"{memory.growth >> 20} MiB"
    # What was held back arrives when it reads.
    if front == "h1":
        client.peer.read_head()
        assert client.peer.read_exactly(sent) == b"x" * sent
    client.abort()


@pytest.mark.parametrize("versions", [("h1", "h1"), ("h2", "h1")], ids="-".join)
def test_a_server_that_does_not_read_takes_no_memory(gateway, wire, versions):
    front, _ = versions
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"retries": 0}))
    client = Client(wire, running, front, "POST", 64 * MIB)
    wire.accept(server)
    with PeakMemory(running) as memory:
        if front == "h1":
            sent = filled(client.peer, "h1", 64 * MIB)
        else:
            sent = client.http2.fill(client.stream, b"x" * 16_384, 64 * MIB)
    assert sent < 32 * MIB, f"{sent} bytes went to a server that reads nothing"
    assert memory.growth < 16 * MIB, f"{memory.growth >> 20} MiB"


def filled(peer, version, limit, patience=0.5):
    """Sends until nothing more is taken for `patience` seconds."""
    piece = b"x" * 65_536
    sent = 0
    if version == "h2":
        while sent < limit:
            if peer.unsent:
                try:
                    eventually(lambda: not peer.unsent, "a window", patience)
                except AssertionError:
                    break
            peer.send_soon(piece)
            sent += len(piece)
        return sent - peer.unsent
    peer.sock.settimeout(patience)
    try:
        while sent < limit:
            sent += peer.sock.send(piece)
    except TimeoutError:
        pass
    finally:
        peer.sock.settimeout(10)
    return sent


@each_front
def test_a_long_answer_at_the_pace_of_its_reader(gateway, wire, front):
    size = 20 * MIB
    server = wire.server()
    running = gateway(proxied(server.address))
    client = Client(wire, running, front)
    peer = wire.accept(server)
    peer.read_head()
    sender = threading.Thread(
        target=peer.send, args=[b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"y" * size], daemon=True)
    sender.start()
    with PeakMemory(running) as memory:
        assert client.read(size) == b"y" * size
    sender.join(10)
    assert memory.growth < 24 * MIB, f"{memory.growth >> 20} MiB"
