"""Connections that carry more than one request: clients' that are kept alive and pipelined, servers' that are used
again."""

import os
import signal
import threading
import time

import pytest

from http_pairs import Reply, exchanges, origin, pair  # noqa: F401
from recording import plain
from sluice import proxied
from strict_http1 import StrictReader
from waiting import eventually

# Each event loop keeps server connections of its own.
LOOPS = os.cpu_count()
GET = b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n"
each_front = pytest.mark.parametrize("front", ["h1", "h2"])
each_back = pytest.mark.parametrize("back", ["h1", "h2"])


def named(request):
    return Reply(request.target.encode())


# Kept alive

@each_front
@each_back
def test_requests_of_one_client_use_one_connection_to_the_server(pair, front, back):  # noqa: F811
    client, running, server = pair((front, back), named)
    for number in range(30):
        assert client.exchange(path=f"/{number}").body == b"/%d" % number
    assert len(server.connections) == 1
    assert running.stats()["connections"]["accepted_total"] <= 1


def test_requests_of_many_clients_use_the_same_connections_to_the_server(pair, exchanges):  # noqa: F811
    _, running, server = pair(("h1", "h1"), named)
    for number in range(20):
        client = exchanges(["h1", "h2"][number % 2], running)
        assert client.exchange(path=f"/{number}").body == b"/%d" % number
    assert len(server.connections) <= LOOPS


def test_a_connection_in_use_is_nobody_else_s(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address))
    clients, peers = [], []
    for number in range(3):
        clients.append(wire.connect(running))
        clients[-1].send(GET % b"%d" % number)
        peers.append(StrictReader(wire.accept(server)))
        assert peers[-1].read_request().target == f"/{number}"
    for number in (2, 0, 1):
        peers[number]._source.send(plain(b"%d" % number))
        assert StrictReader(clients[number]).read_final().body == b"%d" % number


@pytest.mark.parametrize("fields", [
    b"Connection: close\r\n", b"Connection: Close, x-a\r\n", b"Connection: x\r\nConnection: close\r\n"])
def test_a_client_that_asks_for_the_end_gets_it(pair, fields):  # noqa: F811
    client, _, server = pair(("h1", "h1"), named)
    client.peer.send(b"GET /x HTTP/1.1\r\nHost: localhost\r\n" + fields + b"\r\n" + GET % b"behind")
    answer = client.reader.read_response()
    assert (answer.status, answer.body, answer.get("connection")) == (200, b"/x", "close")
    assert client.peer.read_to_end() == b""
    assert [request.target for request in server.requests] == ["/x"]


def test_an_idle_connection_ends_after_keep_alive_timeout(pair):  # noqa: F811
    client, _, _ = pair(("h1", "h1"), named, sections={"limits": {"keep_alive_timeout": "400ms"}})
    for _ in range(2):
        client.exchange()
    started = time.monotonic()
    assert client.peer.expect_end() == "eof"
    assert 0.3 <= time.monotonic() - started <= 3


def test_keep_alive_timeout_is_for_idle_connections_alone(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, sections={"limits": {"keep_alive_timeout": "200ms"}}))
    client = wire.connect(running)
    client.send(GET % b"x")
    peer = wire.accept(server)
    StrictReader(peer).read_request()
    client.expect_silence(0.8)
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
    client.read_through(b"\r\n\r\nhe")
    client.expect_silence(0.8)
    peer.send(b"llo")
    assert client.read_exactly(3) == b"llo"
    assert client.expect_end() == "eof"


def test_an_idle_client_goes_at_once_when_the_gateway_drains_and_a_request_ends_first(gateway, wire):
    server = wire.server()
    # With one event loop, both connections hear of the drain before anything else goes on.
    running = gateway(proxied(server.address, sections={"limits": {"event_loops": 1}}))
    idle, busy = wire.connect(running), wire.connect(running)
    for client in (idle, busy):
        client.send(GET % b"x")
        peer = wire.accept(server)
        StrictReader(peer).read_request()
        if client is idle:
            peer.send(plain(b"idle", fields=b"Connection: close\r\n"))
            assert StrictReader(idle).read_final().body == b"idle"
    running.signal(signal.SIGTERM)
    assert idle.expect_end() == "eof"
    peer.send(plain(b"busy"))
    answer = StrictReader(busy).read_final()
    assert (answer.body, answer.get("connection")) == (b"busy", "close")
    assert busy.expect_end() == "eof"
    assert running.wait() == 0


# Pipelined (RFC 9112 §9.3.2)

def test_pipelined_requests_are_answered_in_order(pair):  # noqa: F811
    may_answer = threading.Event()

    def reply(request):
        if request.target == "/0":
            assert may_answer.wait(10)
        return named(request)

    client, running, server = pair(("h1", "h1"), reply)
    client.peer.send(b"".join(GET % b"%d" % number for number in range(20)))
    eventually(lambda: running.route()["requests"]["active"] >= 1, "a request in flight")
    client.peer.expect_silence(0.2)
    may_answer.set()
    for number in range(20):
        assert client.reader.read_response().body == b"/%d" % number
    assert [request.target for request in server.requests] == [f"/{number}" for number in range(20)]


def test_pipelined_requests_with_bodies_and_refusals_in_between(pair):  # noqa: F811
    client, _, server = pair(("h1", "h1"), lambda request: Reply(request.body), match={"path_prefix": "/a"})
    chunked = b"POST /a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    client.peer.send(b"POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n11111"
                     + GET % b"nothing" + chunked + b"HEAD /a HTTP/1.1\r\nHost: localhost\r\n\r\n" + GET % b"a")
    read = client.reader.read_response
    assert read().body == b"11111"
    assert read().status == 404
    assert read().body == b"hello"
    assert read("HEAD").status == 200
    assert read().status == 200
    assert [request.method for request in server.requests] == ["POST", "POST", "HEAD", "GET"]


def test_a_websocket_behind_plain_requests(gateway, backend, wire):
    running = gateway(proxied(backend().address))
    client = wire.connect(running)
    for _ in range(2):
        client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert StrictReader(client).read_final().status in (400, 426)  # the server serves WebSockets alone
    client.open()
    client.send_frame(0x1, "hello")
    assert client.read_message()[1] == b"hello"


# HTTP/1.0

@pytest.mark.parametrize("framing", ["length", "chunked", "end"])
def test_http_1_0_gets_no_chunks_and_the_end(pair, framing):  # noqa: F811
    client, _, server = pair(("h1", "h1"), lambda request: Reply(b"x" * 70_000, framing=framing))
    client.peer.send(b"GET / HTTP/1.0\r\n\r\n")
    answer = client.reader.read_response()
    assert (answer.status, answer.body, answer.get("transfer-encoding")) == (200, b"x" * 70_000, None)
    assert client.peer.read_to_end() == b""
    assert len(server.requests[0].all("host")) == 1


def test_http_1_0_is_kept_alive_when_it_asks_and_the_length_is_known(pair):  # noqa: F811
    client, _, _ = pair(("h1", "h1"), lambda request: Reply(
        b"hello", framing="chunked" if request.target == "/chunked" else "length"))
    for _ in range(2):
        client.peer.send(b"GET / HTTP/1.0\r\nHost: localhost\r\nConnection: Keep-Alive\r\n\r\n")
        answer = client.reader.read_response()
        assert (answer.body, answer.framing) == (b"hello", "length")
        assert (answer.get("connection") or "").lower() == "keep-alive"
    client.peer.send(b"GET /chunked HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n")
    answer = client.reader.read_response()
    assert (answer.body, answer.framing) == (b"hello", "end")
    assert (answer.get("connection") or "close").lower() == "close"


def test_a_body_of_http_1_0(pair):  # noqa: F811
    client, _, server = pair(("h1", "h1"))
    client.peer.send(b"POST / HTTP/1.0\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello")
    assert client.reader.read_response().body == b"hello"
    assert client.peer.read_to_end() == b""
    assert server.requests[0].start_line == "POST / HTTP/1.1"


# The pool of idle connections

def answered_at_once(running, wire, server, count):
    """The server's ends of `count` connections, each of which has carried one request."""
    clients = [wire.connect(running) for _ in range(count)]
    for client in clients:
        client.send(GET % b"x")
    peers = [wire.accept(server) for _ in clients]
    for peer in peers:
        StrictReader(peer).read_request()
    for peer in peers:
        peer.send(plain(b"x"))
    for client in clients:
        StrictReader(client).read_final()
    return peers


def has_ended(peer):
    peer.sock.settimeout(0.01)
    try:
        return peer.sock.recv(1) == b""
    except (TimeoutError, BlockingIOError):
        return False
    except OSError:
        return True


def test_no_more_than_max_idle_connections_are_kept(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"http1": {"max_idle": 1}}))
    peers = answered_at_once(running, wire, server, 6)
    ended = eventually(
        lambda: (ended := [has_ended(peer) for peer in peers]).count(False) <= LOOPS and ended,
        f"no more than {LOOPS} idle connections")
    assert False in ended


def test_idle_connections_end_after_idle_timeout(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"http1": {"idle_timeout": "400ms"}}))
    started = time.monotonic()
    peers = answered_at_once(running, wire, server, 3)
    for peer in peers:
        assert peer.expect_end() == "eof"
    assert 0.3 <= time.monotonic() - started <= 4


def test_a_server_that_says_how_long_it_keeps_a_connection_is_believed(gateway, wire):
    """Keep-Alive: timeout=1, as many servers send it: a request that came later would meet the connection's end."""
    server = wire.server()
    running = gateway(proxied(server.address))
    client = wire.connect(running)
    client.send(GET % b"x")
    peer = wire.accept(server)
    StrictReader(peer).read_request()
    peer.send(plain(b"x", fields=b"Connection: keep-alive\r\nKeep-Alive: timeout=1, max=100\r\n"))
    answer = StrictReader(client).read_final()
    assert answer.get("keep-alive") is None
    assert peer.expect_end() == "eof"


def test_an_idle_connection_that_its_server_ends_is_not_used(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"retries": 0}))
    client = StrictReader(wire.connect(running))
    for number in range(4):
        client._source.send(b"POST /%d HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n" % number)
        peer = wire.accept(server)
        assert StrictReader(peer).read_request().target == f"/{number}"
        peer.send(plain(b"%d" % number))
        assert client.read_final().body == b"%d" % number
        peer.finish_sending()
        assert peer.expect_end() == "eof"  # so the gateway has seen it


# Configurations and the end of the process

def test_streams_under_way_are_answered_when_the_gateway_drains(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address))
    client = wire.http2(running)
    stream = client.start(client.pseudo(), end=True)
    peer = wire.accept(server)
    StrictReader(peer).read_request()
    running.signal(signal.SIGTERM)
    client.wait(lambda: client.goaways, "GOAWAY")
    peer.send(plain(b"hello"))
    assert client.whole(stream).body == b"hello"
    client.expect_end()
    assert running.wait() == 0


def test_a_request_under_way_keeps_its_configuration_and_the_next_has_the_new_one(gateway, wire):
    first, second = wire.server(), wire.server()
    running = gateway(proxied(first.address))
    client = wire.connect(running)
    client.send(GET % b"1")
    peer = wire.accept(first)
    StrictReader(peer).read_request()
    running.reload({**running.config, **{
        key: proxied(second.address)[key] for key in ("routes", "upstreams")}})
    peer.send(plain(b"first"))
    reader = StrictReader(client)
    assert reader.read_final().body == b"first"
    peer.expect_end()  # its upstream has that server no more
    client.send(GET % b"2")
    peer = wire.accept(second)
    assert StrictReader(peer).read_request().target == "/2"
    peer.send(plain(b"second"))
    assert reader.read_final().body == b"second"


@each_front
def test_a_server_over_http2_without_extended_connect_will_do(gateway, http2_backend, exchanges, front):  # noqa: F811
    server = http2_backend(extended_connect=False, echo=False)
    server.next(*[lambda stream: stream.answer(200, [("content-length", "5")], b"hello")] * 3)
    running = gateway(proxied(server.address, upstream={"protocol": "h2"}))
    client = exchanges(front, running)
    for _ in range(3):
        assert client.exchange().body == b"hello"
    assert len(server.links) == 1
