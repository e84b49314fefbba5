"""What bounds a plain request: size, number, and time; and what the client gets where a bound is reached."""

import time

import pytest

from http_pairs import exchanges, in_flight, origin, pair  # noqa: F401
from raw import Ended
from recording import plain
from sluice import configuration, proxied
from strict_http1 import StrictReader
from test_refusals import check_refusal

each_front = pytest.mark.parametrize("front", ["h1", "h2"])
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def event(number):
    data = b"data: %d\n\n" % number
    return b"%x\r\n" % len(data) + data + b"\r\n"


# max_body_size

@each_front
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_of_max_body_size_passes_and_a_byte_more_does_not(pair, exchanges, front, framing):  # noqa: F811
    client, running, server = pair((front, "h1"), max_body_size=100_000)
    assert client.exchange("POST", body=b"x" * 100_000, framing=framing).body == b"x" * 100_000
    check_refusal(client.exchange("POST", body=b"x" * 100_001, framing=framing), 413)
    assert exchanges(front, running).exchange("POST", body=b"x", framing=framing).body == b"x"
    assert [len(request.body) for request in server.requests] == [100_000, 1]


@each_front
def test_a_body_that_only_says_it_is_too_long_reaches_no_server(gateway, wire, front):
    server = wire.server()
    running = gateway(proxied(server.address, max_body_size=1000))
    if front == "h1":
        client = wire.connect(running)
        client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n")
        check_refusal(StrictReader(client).read_response(), 413)
    else:
        client = wire.http2(running)
        stream = client.start([*client.pseudo("POST"), ("content-length", "1001")])
        client.wait(lambda: stream.fields, "an answer")
        client.wait(lambda: stream.is_over, "its end")
        check_refusal(stream.response, 413)
    assert server.accept_now() is None


def test_who_waits_for_100_continue_with_too_long_a_body_is_told_at_once(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, max_body_size=1000))
    client = wire.connect(running)
    client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n")
    check_refusal(StrictReader(client).read_response(), 413)


def test_too_long_a_body_in_chunks_ends_the_connections_of_both_sides(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, max_body_size=1000))
    client = wire.connect(running)
    client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"3e8\r\n" + b"x" * 1000 + b"\r\n")
    peer = wire.accept(server)
    peer.read_through(b"x" * 1000)
    client.send(b"1\r\nx\r\n")
    answer = StrictReader(client).read_response()
    check_refusal(answer, 413)
    assert answer.get("connection") == "close"
    assert b"0\r\n\r\n" not in peer.read_to_end()


# max_requests

@each_front
def test_no_more_than_max_requests_are_in_flight(gateway, wire, exchanges, front):  # noqa: F811
    server = wire.server()
    running = gateway(proxied(server.address, max_requests=2))
    waiting = [wire.connect(running) for _ in range(2)]
    peers = []
    for client in waiting:
        client.send(GET)
        peers.append(wire.accept(server))
        StrictReader(peers[-1]).read_request()
    other = exchanges(front, running)
    check_refusal(other.exchange(), 503, retry_after=True)
    assert running.route()["requests"]["active"] == 2
    assert running.route()["requests"]["max_requests"] == 2
    peers[0].send(plain(b"hello"))
    assert StrictReader(waiting[0]).read_final().body == b"hello"
    in_flight(running, 1)
    waiting[0].send(GET)
    StrictReader(peers[0]).read_request()
    peers[0].send(plain(b"again"))
    assert StrictReader(waiting[0]).read_final().body == b"again"


def test_a_request_whose_client_has_gone_makes_room(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, max_requests=1))
    client = wire.connect(running)
    client.send(GET)
    peer = wire.accept(server)
    StrictReader(peer).read_request()
    client.close()
    peer.expect_end()
    in_flight(running, 0)
    client = wire.connect(running)
    client.send(GET)
    peer = wire.accept(server)
    StrictReader(peer).read_request()
    peer.send(plain(b"hello"))
    assert StrictReader(client).read_final().body == b"hello"


def test_max_connections_counts_websockets_and_max_requests_requests(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, max_requests=1, max_connections=1))
    wire.pair(running, server)
    client = wire.connect(running)
    client.send(GET)
    peer = wire.accept(server)
    StrictReader(peer).read_request()
    check_refusal(wire.request(running), 503, retry_after=True)
    peer.send(plain(b"hello"))
    assert StrictReader(client).read_final().body == b"hello"


# Time

@each_front
def test_a_server_that_does_not_answer_in_time_gives_504(gateway, wire, exchanges, front):  # noqa: F811
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"retries": 0, "response_timeout": "300ms"}))
    client = exchanges(front, running)
    check_refusal(client.exchange(), 504)
    peer = wire.accept(server)
    StrictReader(peer).read_request()
    peer.expect_end()
    check_refusal(client.exchange("POST", body=b"hello"), 504)


@each_front
def test_response_timeout_is_over_once_there_is_a_head(gateway, wire, front):
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"response_timeout": "300ms"}))
    if front == "h1":
        client = wire.connect(running)
        client.send(GET)
    else:
        client = wire.http2(running)
        stream = client.start(client.pseudo(), end=True)
    peer = wire.accept(server)
    StrictReader(peer).read_request()
    peer.send(EVENTS + event(1))
    if front == "h1":
        reader = StrictReader(client)
        reader.read_response_head()
        assert reader.read_chunk() == b"data: 1\n\n"
        client.expect_silence(0.8)
        peer.send(event(2))
        assert reader.read_chunk() == b"data: 2\n\n"
        peer.send(b"0\r\n\r\n")
        assert reader.read_chunk() == b""
    else:
        client.wait(lambda: stream.data == b"data: 1\n\n", "the first event")
        client.read_what_comes(0.8)
        assert not stream.is_over
        peer.send(event(2) + b"0\r\n\r\n")
        assert client.whole(stream).body == b"data: 1\n\ndata: 2\n\n"


def test_response_timeout_begins_when_the_request_is_through(gateway, wire):
    """An upload takes as long as it takes."""
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"retries": 0, "response_timeout": "300ms"}))
    client = wire.connect(running)
    client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello")
    peer = wire.accept(server)
    peer.read_through(b"hello")
    client.expect_silence(0.8)
    client.send(b"world")
    assert peer.read_exactly(5) == b"world"
    peer.send(plain(b"done"))
    assert StrictReader(client).read_final().body == b"done"


def test_an_upload_that_stops_is_ended_after_idle_timeout(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, idle_timeout="400ms"))
    client = wire.connect(running)
    client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello")
    peer = wire.accept(server)
    peer.read_through(b"hello")
    started = time.monotonic()
    peer.expect_end()
    assert 0.3 <= time.monotonic() - started <= 4
    answer = client.read_to_end()
    assert not answer or answer.split(b" ")[1] in (b"408", b"504"), answer


@each_front
def test_an_answer_that_stops_is_cut_after_idle_timeout(gateway, wire, front):
    server = wire.server()
    running = gateway(proxied(server.address, idle_timeout="400ms"))
    if front == "h1":
        client = wire.connect(running)
        client.send(GET)
    else:
        client = wire.http2(running)
        stream = client.start(client.pseudo(), end=True)
    peer = wire.accept(server)
    StrictReader(peer).read_request()
    peer.send(EVENTS + event(1))
    started = time.monotonic()
    peer.expect_end()
    assert 0.3 <= time.monotonic() - started <= 4
    if front == "h1":
        with pytest.raises(Ended):
            StrictReader(client).read_response()
    else:
        client.wait(lambda: stream.is_over, "the end of the stream")
        assert stream.reset is not None and stream.data == b"data: 1\n\n"


def test_an_answer_without_end_is_cut_after_max_lifetime(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, max_lifetime="600ms", idle_timeout="10s"))
    client = wire.connect(running)
    client.send(GET)
    peer = wire.accept(server)
    StrictReader(peer).read_request()
    peer.send(EVENTS)
    number = 0
    started = time.monotonic()
    try:
        while time.monotonic() - started < 5:
            number += 1
            peer.send(event(number))
            peer.expect_silence(0.05)
    except (Ended, OSError, AssertionError):
        pass
    assert 0.4 <= time.monotonic() - started <= 4
    with pytest.raises(Ended):
        StrictReader(client).read_response()


def test_handshake_timeout_is_for_heads_and_not_for_bodies(gateway, wire):
    server = wire.server()
    running = gateway(proxied(
        server.address, sections={"limits": {"handshake_timeout": "400ms", "keep_alive_timeout": "200ms"}}))
    client = wire.connect(running)
    client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello")
    peer = wire.accept(server)
    peer.read_through(b"hello")
    client.expect_silence(1.0)
    client.send(b"world")
    peer.send(plain(b"done"))
    reader = StrictReader(client)
    assert reader.read_final().body == b"done"
    # The next head has the same time, from when the connection may not be idle any more.
    client.send(b"GET / HTTP/1.1\r\nHos")
    check_refusal(reader.read_response(), 408)
    assert client.expect_end() == "eof"


@pytest.mark.parametrize("line", [b"GET /" + b"a" * 20_000 + b" HTTP/1.1", b"GET / HTTP/1.1\r\nX-A: " + b"a" * 20_000])
def test_a_head_over_max_header_size_gives_431(pair, line):  # noqa: F811
    client, _, server = pair(("h1", "h1"))
    client.exchange()
    client.peer.send(line + b"\r\nHost: localhost\r\n\r\n")
    check_refusal(client.reader.read_response(), 431)
    assert client.peer.read_to_end() == b""
    assert len(server.requests) == 1


# http: off

@each_front
def test_a_route_for_websockets_alone_gives_426(gateway, backend, exchanges, wire, front):  # noqa: F811
    echo = backend()
    running = gateway(proxied(echo.address, http="off"))
    client = exchanges(front, running)
    for method in ("GET", "POST", "HEAD", "OPTIONS"):
        answer = client.exchange(method, body=b"hello" if method == "POST" else None)
        assert answer.status == 426
        if front == "h1":
            assert answer.get("upgrade") == "websocket"
        if answer.get("connection") and "close" in answer.get("connection"):
            client = exchanges(front, running)
    assert not echo.requests
    wire.open(running)


# Routes that answer by themselves

@each_front
def test_routes_that_answer_by_themselves_read_over_bodies(gateway, exchanges, front):  # noqa: F811
    running = gateway(configuration(
        {"name": "page", "match": {"path": "/page"}, "respond": {"status": 200, "body": "hello"}},
        {"name": "moved", "match": {"path": "/moved"}, "redirect": {"to": "https://example.com/"}}))
    client = exchanges(front, running)
    for _ in range(2):
        assert client.exchange(path="/page").body == b"hello"
        answer = client.exchange("HEAD", "/page")
        assert (answer.status, answer.body, answer.get("content-length")) == (200, b"", "5")
        assert client.exchange(path="/moved").status == 302
        assert client.exchange(path="/nothing").status == 404
    for framing in ("length", "chunked"):
        answer = client.exchange("POST", "/moved", body=b"x" * 10_000, framing=framing)
        assert answer.status in (302, 405)
        if "close" in (answer.get("connection") or ""):
            client = exchanges(front, running)
        assert client.exchange(path="/page").body == b"hello"
