"""Plain requests and answers that are meant to use up memory or time, beside a healthy neighbour that must not
notice."""

import contextlib
import select
import threading
import time
from pathlib import Path

import pytest

from http2_raw import (
    END_HEADERS, END_STREAM, HEADERS, RawHTTP2, data, frame, literals, rst_stream, settings)
from http_pairs import in_flight
from raw import Ended
from recording import RecordingServer, name_of, plain
from sluice import PeakMemory, proxied
from strict_http1 import StrictReader

MIB = 1 << 20
GROWTH = 16 * MIB
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def recording():
    server = RecordingServer()
    yield server
    server.close()


@pytest.fixture
def running(attacked, recording):
    return attacked(proxied(recording.address, upstream={"retries": 0, "response_timeout": "2s"}))


def cpu_seconds(running):
    fields = Path(f"/proc/{running.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def send_without_end(peer, piece, limit=40 * MIB, until_answered=False):
    """Sends until the other side takes no more, or `until_answered`; how many bytes went."""
    sent = 0
    with contextlib.suppress(OSError):
        while sent < limit and not (until_answered and select.select([peer.sock], [], [], 0)[0]):
            peer.send(piece)
            sent += len(piece)
    return sent


# Clients

ENDLESS = {
    "an extension": (CHUNKED + b"5;", b"a" * 65_536),
    "extensions": (CHUNKED + b"5", b";a=b" * 16_384),
    "a size": (CHUNKED, b"0" * 65_536),
    "an extension of the last chunk": (CHUNKED + b"5\r\nhello\r\n0;", b"a" * 65_536),
    "a trailer's name": (CHUNKED + b"0\r\n", b"a" * 65_536),
    "a trailer's value": (CHUNKED + b"0\r\nX-A: ", b"a" * 65_536),
    "trailers": (CHUNKED + b"0\r\n", b"X-A: a\r\n" * 8192),
    "empty lines before a head": (b"", b"\r\n" * 32_768),
    "a second head": (b"GET /", b"a" * 65_536),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_has_no_end_is_refused(running, recording, wire, name):
    begin, piece = ENDLESS[name]
    client = wire.connect(running)
    reader = StrictReader(client)
    if name == "a second head":
        client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert reader.read_final().status == 200
    with PeakMemory(running) as memory:
        client.send(begin)
        sent = send_without_end(client, piece, until_answered=True)
        assert reader.read_final().status in (400, 413, 431)
    # Most of it is what the sockets between hold.
    assert sent < 20 * MIB, f"{sent >> 20} MiB were taken"
    assert memory.growth < GROWTH, f"{memory.growth >> 20} MiB"
    client.finish_sending()
    assert client.read_to_end() == b""
    in_flight(running, 0)
    assert all(request.method == "GET" for request in recording.requests)
    running.neighbour.check()


def test_extensions_of_many_chunks_are_read_over(running, recording, wire):
    """Each is short enough; together they are a hundred times the content."""
    client = wire.connect(running)
    with PeakMemory(running) as memory:
        client.send(CHUNKED + (b"1;" + b"a" * 100 + b"\r\nx\r\n") * 20_000 + b"0\r\n\r\n")
        answer = StrictReader(client).read_final()
    assert answer.status in (200, 400)
    if answer.status == 200:
        assert recording.requests[0].body == b"x" * 20_000
    assert memory.growth < GROWTH
    running.neighbour.check()


@pytest.mark.parametrize("direction", ["to the server", "to the client"])
def test_chunks_of_one_byte_cost_little(running, recording, wire, direction):
    count = 10_000
    chunks = b"1\r\nx\r\n" * count + b"0\r\n\r\n"
    client = wire.connect(running)
    reader = StrictReader(client)
    before = cpu_seconds(running)
    with PeakMemory(running) as memory:
        if direction == "to the server":
            client.send(CHUNKED + chunks)
            assert reader.read_final().status == 200
            assert recording.requests[0].body == b"x" * count
        else:
            recording.answer = lambda request: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
            client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert reader.read_final().body == b"x" * count
    used = cpu_seconds(running) - before
    # A debug build is ten times slower than what is deployed.
    assert used < 10, f"{used:.1f} s for {count} chunks"
    assert memory.growth < GROWTH
    running.neighbour.check()


def test_thousands_of_pipelined_requests_are_answered_one_by_one(running, recording, wire):
    count = 500
    client = wire.connect(running)
    reader = StrictReader(client)
    pieces = b"".join(b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % number for number in range(count))
    sender = threading.Thread(target=client.send, args=[pieces], daemon=True)
    with PeakMemory(running) as memory:
        sender.start()
        for number in range(count):
            assert reader.read_final().body == b"GET /%d 0" % number
    sender.join(10)
    assert memory.growth < GROWTH
    assert len(recording.requests) == count
    running.neighbour.check()


def test_pipelined_requests_without_end_wait_at_a_client_that_reads_nothing(running, recording, wire):
    recording.answer = lambda request: plain(b"x" * 65_536)
    client = wire.connect(running)
    client.sock.settimeout(1)
    with PeakMemory(running) as memory:
        sent = send_without_end(client, b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: %s\r\n\r\n" % (b"a" * 4000))
    assert sent < 30 * MIB
    assert memory.growth < GROWTH
    assert running.route()["requests"]["active"] <= 2
    running.neighbour.check()


def test_pipelined_requests_wait_for_a_server_that_does_not_answer(attacked, wire):
    server = wire.server()
    running = attacked(proxied(server.address, upstream={"response_timeout": "30s"}))
    client = wire.connect(running)
    client.sock.settimeout(1)
    with PeakMemory(running) as memory:
        send_without_end(client, b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: %s\r\n\r\n" % (b"a" * 4000))
    assert memory.growth < GROWTH
    assert running.route()["requests"]["active"] == 1
    running.neighbour.check()


def test_many_bodies_that_drip(running, recording, wire):
    clients = [wire.connect(running) for _ in range(100)]
    for client in clients:
        client.send(HEAD + b"Content-Length: 1000000\r\n\r\n")
    in_flight(running, len(clients))
    until = time.monotonic() + 1
    while time.monotonic() < until:
        for client in clients:
            client.send(b"x")
    running.neighbour.check()
    # None of them is in the way of one that is whole.
    whole = wire.connect(running)
    whole.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert StrictReader(whole).read_final().status == 200
    for client in clients:
        client.close()
    in_flight(running, 0)
    assert [request.method for request in recording.requests] == ["GET"]


# Clients over HTTP/2

def get_block(path="/"):
    return literals([(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "localhost")])


def post_block():
    return literals([(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "localhost")])


def test_requests_that_are_reset_as_fast_as_they_come(running, recording, wire):
    """Rapid reset: each costs its sender nothing, and must not cost a server much."""
    client = RawHTTP2(wire.connect(running))
    block, sent = get_block(), 0
    with contextlib.suppress(OSError), PeakMemory(running) as memory:
        for _ in range(100):
            client.send(b"".join(
                frame(HEADERS, block, stream=stream, flags=END_HEADERS | END_STREAM) + rst_stream(stream)
                for stream in (client.new_stream() for _ in range(100))))
            sent += 100
    with contextlib.suppress(AssertionError, Ended):
        client.expect_goaway("ENHANCE_YOUR_CALM")
    assert len(recording.requests) < 2000, f"{len(recording.requests)} requests reached the server"
    assert memory.growth < GROWTH
    in_flight(running, 0)
    running.neighbour.check()


def test_content_in_frames_of_a_byte_and_of_nothing(running, recording, wire):
    client = RawHTTP2(wire.connect(running))
    stream = client.new_stream()
    client.send(frame(HEADERS, post_block(), stream=stream, flags=END_HEADERS))
    before = cpu_seconds(running)
    with PeakMemory(running) as memory:
        client.try_send(b"".join(data(stream, b"x") for _ in range(5000)))
        client.try_send(data(stream, b"", END_STREAM))
        with contextlib.suppress(Ended):
            answer = client.answer_or_reset(stream)
            assert answer.body == b"POST / 5000"
    assert cpu_seconds(running) - before < 15
    assert memory.growth < GROWTH
    running.neighbour.check()


def test_content_of_refused_requests_gives_its_window_back(running, wire):
    """Else a client could not go on behind a hundred of them."""
    http2 = wire.http2(running)
    for _ in range(20):
        answer = http2.request("/", [("host", "other.example")], "POST", body=b"x" * 60_000)
        assert answer.status == 400
    assert http2.request("/", (), "POST", body=b"x" * 60_000).status == 200


def test_a_long_answer_on_a_window_of_nothing(attacked, wire):
    server = wire.server()
    running = attacked(proxied(server.address))
    client = RawHTTP2(wire.connect(running))
    client.send(settings((0x4, 0)))
    streams = []
    for _ in range(10):
        stream = client.new_stream()
        client.send(frame(HEADERS, get_block(), stream=stream, flags=END_HEADERS | END_STREAM))
        streams.append(wire.accept(server))
        StrictReader(streams[-1]).read_request()
    taken = 0
    with PeakMemory(running) as memory:
        for peer in streams:
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
            peer.sock.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                while taken < 200 * MIB:
                    taken += peer.sock.send(b"x" * 65_536)
    assert memory.growth < 20 * MIB, f"{memory.growth >> 20} MiB"
    client.round_trip()
    running.neighbour.check()
    client.send(b"".join(rst_stream(stream) for stream in range(1, 20, 2)))
    in_flight(running, 0)
    for peer in streams:
        peer.read_to_end()


# Servers

SERVERS = {
    "interim answers": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 500, (504, 502)),
    "fields": (b"HTTP/1.1 200 OK\r\n", b"X-A: a\r\n" * 5000, (502,)),
    "a field": (b"HTTP/1.1 200 OK\r\nX-A: ", b"a" * 65_536, (502,)),
    "a status line": (b"HTTP/1.1 200 ", b"a" * 65_536, (502, 504)),
    "empty lines": (b"", b"\r\n" * 30_000, (502, 504)),
    "an extension": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;", b"a" * 65_536, (502,)),
    "a size": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0" * 65_536, (502,)),
    "trailers": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: a\r\n" * 5000, (502,)),
    "a trailer": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: ", b"a" * 65_536, (502,)),
}


@pytest.mark.parametrize("name", SERVERS)
def test_an_answer_that_has_no_end_is_given_up(running, recording, wire, name):
    begin, piece, statuses = SERVERS[name]
    sent = []

    def misbehave(connection, request):
        connection.send(begin)
        sent.append(send_without_end(connection, piece, 200 * MIB))
        raise Ended("eof")

    recording.answer = lambda request: misbehave if request.target == "/endless" else plain(name_of(request))
    client = wire.connect(running)
    reader = StrictReader(client)
    with PeakMemory(running) as memory:
        client.send(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with contextlib.suppress(Ended):  # its head may have gone on
            while (answer := reader.read_response()).status < 200:
                pass
            assert answer.status in statuses, answer
        in_flight(running, 0)
    assert memory.growth < GROWTH, f"{memory.growth >> 20} MiB"
    other = wire.connect(running)
    other.send(b"GET /other HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert StrictReader(other).read_final().body == b"GET /other 0"
    running.neighbour.check()


def test_interim_answers_without_end_over_http2_are_given_up(attacked, wire, http2_backend):
    server = http2_backend(echo=False)
    running = attacked(proxied(server.address, upstream={"protocol": "h2", "retries": 0, "response_timeout": "1s"}))
    client = wire.connect(running)
    client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    stream = server.accept()
    until = time.monotonic() + 5
    with contextlib.suppress(Exception):
        while not stream.is_over and time.monotonic() < until:
            stream.send_interim(103, [("link", "</a>")])
    assert time.monotonic() < until, "it went on for 5 s"
    answer = StrictReader(client).read_final()
    assert answer.status in (502, 504)
    running.neighbour.check()
