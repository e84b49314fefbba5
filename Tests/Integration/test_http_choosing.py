"""Which server a plain request goes to: the choice, the caps and the cookies are those of WebSockets."""

import pytest

from changes import free_address
from http_pairs import Reply, exchanges, in_flight, origin  # noqa: F401
from raw import Ended
from recording import plain
from sluice import configuration, proxied
from strict_http1 import StrictReader
from test_refusals import check_refusal

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
each_front = pytest.mark.parametrize("front", ["h1", "h2"])


def two(first, second, **upstream):
    return configuration(
        {"name": "all", "upstream": "backend"},
        upstreams=[{"name": "backend", "servers": [first, second], **upstream}])


@each_front
def test_requests_with_the_cookie_stay_on_their_server(gateway, origin, exchanges, front):  # noqa: F811
    servers = [origin("h1", lambda request: Reply(b"first")), origin("h1", lambda request: Reply(b"second"))]
    running = gateway(two(
        {"address": servers[0].address}, {"address": servers[1].address}, balance="round_robin",
        sticky={"cookie": "sluice_server", "secret": "0123456789abcdef0123456789abcdef"}))
    client = exchanges(front, running)
    names = set()
    for _ in range(4):
        answer = client.exchange()
        cookie = answer.get("set-cookie").split(";")[0]
        names.add(answer.body)
        for _ in range(3):
            again = client.exchange(fields=[("Cookie", f"a=b; {cookie}")])
            assert (again.body, again.get("set-cookie")) == (answer.body, None)
    assert names == {b"first", b"second"}


def test_a_cap_of_a_server_counts_its_requests_and_no_idle_connections(gateway, wire):
    server = wire.server()
    running = gateway(configuration(
        {"name": "all", "upstream": "backend"},
        upstreams=[{"name": "backend", "servers": [{"address": server.address, "max_connections": 1}]}]))
    client, other = wire.connect(running), wire.connect(running)
    reader = StrictReader(client)
    peer = None
    for _ in range(2):
        client.send(GET)
        peer = peer or wire.accept(server)
        StrictReader(peer).read_request()
        other.send(GET)
        check_refusal(StrictReader(other).read_final(), 503, retry_after=True)
        peer.send(plain(b"hello"))
        assert reader.read_final().body == b"hello"
        in_flight(running, 0)


def test_least_connections_counts_requests(gateway, wire):
    busy, free = wire.server(), wire.server()
    running = gateway(two(
        {"address": busy.address, "weight": 1}, {"address": free.address, "weight": 1}, balance="least_connections"))
    clients, peers = [], []
    for _ in range(6):
        clients.append(wire.connect(running))
        clients[-1].send(GET)
        in_flight(running, len(clients))
    for server in (busy, free):
        while (peer := server.accept_now()) is not None:
            StrictReader(peer).read_request()
            peers.append((server, peer))
    assert sum(server is busy for server, _ in peers) == 3, "requests were not spread evenly"
    for _, peer in peers:
        peer.send(plain(b"hello"))
    for client in clients:
        assert StrictReader(client).read_final().body == b"hello"
    in_flight(running, 0)


def test_no_server_up_gives_502(gateway, wire):
    running = gateway(proxied(free_address(), upstream={"retries": 0}))
    client = wire.connect(running)
    reader = StrictReader(client)
    for _ in range(2):
        client.send(GET)
        check_refusal(reader.read_final(), 502)


def test_a_server_that_is_drained_gets_no_more_requests(gateway, wire):
    first, second = wire.server(), wire.server()
    running = gateway(two({"address": first.address, "priority": 0}, {"address": second.address, "priority": 1}))
    client = wire.connect(running)
    reader = StrictReader(client)
    client.send(GET)
    peer = wire.accept(first)
    StrictReader(peer).read_request()
    peer.send(plain(b"first"))
    assert reader.read_final().body == b"first"
    status, _, _ = running.admin(f"/upstreams/backend/servers/{first.address}/drain", "POST")
    assert status in (200, 202), status
    client.send(GET)
    peer = wire.accept(second)
    StrictReader(peer).read_request()
    peer.send(plain(b"second"))
    assert reader.read_final().body == b"second"


# Who waits for 100-continue and is told no (RFC 9110 §10.1.1): what follows may be the body, and is no request.

@pytest.mark.parametrize("who", ["gateway", "server"])
def test_what_follows_a_refusal_instead_of_100_continue_is_no_request(gateway, wire, who):
    server = wire.server()
    running = gateway(proxied(server.address, match={"path": "/up"}, upstream={"retries": 0}))
    client = wire.connect(running)
    smuggled = b"GET /up HTTP/1.1\r\nHost: localhost\r\nX-Smuggled: 1\r\n\r\n"
    path = b"/nothing" if who == "gateway" else b"/up"
    client.send(b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                b"Content-Length: %d\r\n\r\n" % len(smuggled))
    reader = StrictReader(client)
    if who == "server":
        peer = wire.accept(server)
        assert peer.read_head().get("content-length") == str(len(smuggled))
        peer.send(plain(b"no", b"401 Unauthorized"))
    answer = reader.read_response()
    while answer.status == 100:
        answer = reader.read_response()
    assert answer.status == (404 if who == "gateway" else 401)
    try:
        client.send(smuggled + GET)
    except OSError:
        pass
    if (answer.get("connection") or "").lower() == "close":
        client.finish_sending()
        assert client.read_to_end() == b""
    else:
        try:
            assert reader.read_response().status == 404, "the body was taken for a request"
        except Ended:
            pass
    if who == "server":
        assert b"X-Smuggled" not in peer.read_to_end()
    assert server.accept_now() is None
