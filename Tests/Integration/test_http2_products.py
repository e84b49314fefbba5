"""Products that speak WebSockets over HTTP/2, in front of the gateway and behind it."""

import json
import os

import pytest
import websockets.exceptions

import http2_peer
from conversation import check_close, check_gone, over, talk
from products import haproxy, hypercorn
from sluice import proxied
from test_http2_back import check_echo, over_http2

LOOPS = os.cpu_count()
FORWARDING = {"listeners": [{"name": "plain", "address": "127.0.0.1:0", "trusted_proxies": ["127.0.0.1"]}]}


# Hypercorn

@pytest.mark.parametrize("over_tls", [False, True], ids=["cleartext", "TLS"])
def test_hypercorn_behind(gateway, product, connect, site, authority, over_tls):
    server = product(hypercorn, site if over_tls else None)
    trust = {"server_name": "localhost", "ca": str(authority.file)}
    running = gateway(over_http2(server, upstream={"tls": trust} if over_tls else {}))
    with connect(running.url("/a%20b?c=d"), subprotocols=["chat"], origin="https://example.com") as client:
        assert client.subprotocol == "chat"
        talk(client)
        client.send("request")
        seen = json.loads(client.recv(timeout=10))
        assert (seen["http_version"], seen["path"], seen["query"]) == ("2", "/a b", "c=d")
        assert ["origin", "https://example.com"] in seen["fields"]
        others = [connect(running.url("/")) for _ in range(5)]
        for other in others:
            talk(other)
        stats = running.stats()["http2"]["server"]
        assert stats["streams"] == 6
        assert stats["connections"] <= LOOPS
        assert stats["errors_total"] == {}


# Hypercorn 0.18 gives a connection up when data, be it none but END_STREAM, comes for a stream whose application has
# ended: each WebSocket that closes is alone on its connection here.

def test_a_close_of_hypercorn(gateway, product, connect):
    running = gateway(over_http2(product(hypercorn)))
    with connect(running.url("/")) as client:
        check_close(client, 4001, "enough")
    over(running)
    assert running.route()["close_codes"]["server"] == {"4001": 1}


def test_a_close_of_a_client_of_hypercorn(gateway, product, connect):
    running = gateway(over_http2(product(hypercorn)))
    with connect(running.url("/")) as client:
        client.send("Hello")
        assert client.recv(timeout=10) == "Hello"
        client.close(4003, "over")
    over(running)
    assert running.route()["close_codes"]["client"] == {"4003": 1}


def test_sockets_that_close_leave_their_neighbours_at_hypercorn(gateway, product, connect):
    # It forgets a stream once the Close was answered, and gives up all of the connection when DATA comes for it.
    running = gateway(over_http2(product(hypercorn)))
    with connect(running.url("/neighbour")) as neighbour:
        for number in range(10):
            with connect(running.url("/")) as client:
                client.send("Hello")
                assert client.recv(timeout=10) == "Hello"
                client.close(4003, "over")
            neighbour.send(str(number))
            assert neighbour.recv(timeout=10) == str(number)
    over(running)


def test_the_refusal_of_hypercorn(gateway, product, connect):
    running = gateway(over_http2(product(hypercorn)))
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        connect(running.url("/refused"))
    assert refused.value.response.status_code == 403
    with connect(running.url("/")) as client:
        talk(client)


def test_auto_finds_out_that_hypercorn_has_http2(gateway, product, connect):
    running = gateway(proxied(product(hypercorn).address, upstream={"protocol": "auto"}))
    for _ in range(4):
        with connect(running.url("/")) as client:
            talk(client)
    assert running.stats()["http2"]["server"]["streams_total"] == 4


def test_hypercorn_that_dies(gateway, product, connect):
    server = product(hypercorn)
    running = gateway(over_http2(server))
    clients = [connect(running.url("/")) for _ in range(3)]
    for client in clients:
        talk(client)
    server.kill()
    for client in clients:
        check_gone(client, 1011)


# HAProxy

@pytest.mark.parametrize("over_tls", [False, True], ids=["cleartext", "TLS"])
def test_haproxy_in_front(gateway, backend, product, connect, tmp_path, both_listeners, over_tls):
    server = backend()
    running = gateway(proxied(server.address, sections={"listeners": both_listeners}))
    target = f"127.0.0.1:{running.port('tls' if over_tls else 'plain')}"
    proxy = product(haproxy, tmp_path, target, server="ssl verify none alpn h2" if over_tls else "proto h2")
    with connect(f"ws://{proxy.address}/a?b=%20c", subprotocols=["chat"]) as client:
        assert [extension.name for extension in client.protocol.extensions] == ["permessage-deflate"]
        talk(client)
        assert server.requests[-1][0] == "/a?b=%20c"
        assert server.last_fields["sec-websocket-protocol"] == "chat"
        assert server.last_fields["host"] == proxy.address
        with connect(f"ws://{proxy.address}/") as other:
            talk(other)
            stats = running.stats()
            assert stats["http2"]["client"]["streams"] == 2
            assert stats["routes"]["all"]["protocols"]["client"]["h2"] == 2
            check_close(other, 4002, "enough")
        client.close(4001)
    over(running)
    stats = running.stats()
    assert stats["http2"]["client"]["errors_total"] == {}
    assert stats["routes"]["all"]["close_codes"] == {"client": {"4001": 1}, "server": {"4002": 1}, "gateway": {}}


def test_haproxy_in_front_with_http2_on_both_its_sides(gateway, http2_backend, product, tmp_path, stage):
    server = http2_backend()
    running = gateway(over_http2(server, sections=FORWARDING))
    proxy = product(haproxy, tmp_path, f"127.0.0.1:{running.port()}", bind="proto h2", server="proto h2")
    link = http2_peer.connect(stage, proxy.address)
    try:
        clients = [link.stream().open(f"/{number}") for number in range(10)]
        for number, client in enumerate(clients):
            check_echo(client, b"%d" % number * 50_000)
        assert running.stats()["http2"]["client"]["streams"] == 10
        assert sorted(stream.pseudo[":path"] for stream in server.streams) == [f"/{number}" for number in range(10)]
        clients[0].reset()
        clients[1].send_close(4001)
        assert clients[1].expect_close()[0] == 4001
        server.wait(lambda: len(server.open_streams) == 8, "two streams to be over")
        for client in clients[2:]:
            check_echo(client)
    finally:
        link.close()
    over(running)


def test_a_refusal_through_haproxy_in_front(gateway, backend, product, connect, tmp_path):
    running = gateway(proxied(backend().address, origins=["https://example.com"]))
    proxy = product(haproxy, tmp_path, f"127.0.0.1:{running.port()}", server="proto h2")
    for _ in range(3):
        with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
            connect(f"ws://{proxy.address}/", origin="https://other.example")
        assert refused.value.response.status_code == 403
        assert len(refused.value.response.body.splitlines()) == 1
        assert refused.value.response.headers["x-request-id"]
    with connect(f"ws://{proxy.address}/", origin="https://example.com") as client:
        talk(client)


def test_haproxy_behind(gateway, backend, product, connect, tmp_path):
    server = backend(subprotocols=["chat"])
    proxy = product(haproxy, tmp_path, server.address, bind="proto h2")
    running = gateway(over_http2(proxy))
    with connect(running.url("/a?b=%20c"), subprotocols=["chat"]) as client:
        assert client.subprotocol == "chat"
        talk(client)
        assert server.requests[-1][0] == "/a?b=%20c"
        check_close(client, 4001, "enough")
    with connect(running.url("/")) as client:
        client.send("Hello")
        assert client.recv(timeout=10) == "Hello"
        client.close(4002)
    over(running)
    assert running.route()["close_codes"] == {"client": {"4002": 1}, "server": {"4001": 1}, "gateway": {}}
    assert running.stats()["http2"]["server"]["streams_total"] == 2


def test_the_503_of_haproxy_behind_passes_whole(gateway, wire, product, tmp_path):
    dead = wire.server()
    proxy = product(haproxy, tmp_path, dead.address, bind="proto h2")
    dead.close()
    running = gateway(over_http2(proxy))
    response = wire.request(running)
    assert response.status == 503
    assert b"No server is available" in response.body


def test_haproxy_behind_that_dies(gateway, backend, product, connect, tmp_path):
    proxy = product(haproxy, tmp_path, backend().address, bind="proto h2")
    running = gateway(over_http2(proxy))
    with connect(running.url("/")) as client:
        talk(client)
        proxy.kill()
        check_gone(client, 1011)
