"""Which server gets a connection, and what happens when it does not want it."""

import json
import ssl
from collections import Counter

import pytest
import websockets.sync.client

from certificates import Authority
from changes import free_address
from raw import TEXT
from sluice import configuration, proxied
from test_refusals import check_refusal


def who(client):
    """The name of the echo server behind an open connection."""
    client.send_frame(TEXT, "request")
    return json.loads(client.read_message()[1])["server"]


def servers(*pairs):
    return [{"address": address, **settings} for address, settings in pairs]


def balanced(balance, *pairs):
    return configuration(
        {"name": "all", "upstream": "backend"},
        upstreams=[{"name": "backend", "balance": balance, "servers": servers(*pairs)}])


def test_round_robin_follows_the_weights(gateway, backend, wire):
    a, b = backend(name="a"), backend(name="b")
    running = gateway(balanced("round_robin", (a.address, {"weight": 3}), (b.address, {"weight": 1})))
    names = [who(wire.open(running)) for _ in range(12)]
    assert Counter(names) == {"a": 9, "b": 3}
    for start in (0, 4, 8):
        assert Counter(names[start : start + 4]) == {"a": 3, "b": 1}, names


def test_least_connections_fills_the_emptier_server(gateway, backend, wire):
    a, b = backend(name="a"), backend(name="b")
    running = gateway(balanced("least_connections", (a.address, {}), (b.address, {})))
    clients = [wire.open(running) for _ in range(6)]
    names = [who(client) for client in clients]
    assert Counter(names) == {"a": 3, "b": 3}
    for client, name in zip(clients, names):
        if name == "b":
            client.send_close()
            client.expect_close()
            client.close()
    server_of_b = b.address
    running.eventually(
        lambda stats: stats["upstreams"]["backend"]["servers"][server_of_b]["active"] == 0, "b to be empty")
    assert [who(wire.open(running)) for _ in range(3)] == ["b", "b", "b"]


def test_a_server_at_its_cap_is_passed_over(gateway, backend, wire):
    a, b = backend(name="a"), backend(name="b")
    running = gateway(balanced("round_robin", (a.address, {"max_connections": 1}), (b.address, {})))
    names = Counter(who(wire.open(running)) for _ in range(5))
    assert names == {"a": 1, "b": 4}


def test_a_server_on_a_unix_socket(gateway, backend, tmp_path):
    server = backend(name="unix", unix=tmp_path / "backend.sock")
    running = gateway(proxied(server.address))
    with websockets.sync.client.connect(running.url("/a?b"), proxy=None) as client:
        client.send("request")
        assert json.loads(client.recv(timeout=10))["path"] == "/a?b"


def test_a_named_server(gateway, backend, wire):
    server = backend(name="named")
    running = gateway(proxied(f"localhost:{server.port}"))
    assert who(wire.open(running)) == "named"


def test_a_name_that_resolves_to_nothing_gives_502(gateway, wire):
    running = gateway(proxied("no-such-name.invalid:80"))
    check_refusal(wire.request(running), 502)


def test_a_refused_connection_is_tried_on_another_server(gateway, backend, wire):
    alive = backend(name="alive")
    running = gateway(balanced("round_robin", (free_address(), {}), (alive.address, {})))
    assert [who(wire.open(running)) for _ in range(4)] == ["alive"] * 4


def test_a_server_that_hangs_up_without_an_answer_is_tried_on_another(gateway, backend, wire):
    rude = wire.server()
    alive = backend(name="alive")
    running = gateway(balanced("round_robin", (rude.address, {}), (alive.address, {})))
    client = wire.connect(running).send_upgrade("/")
    peer = wire.accept(rude)
    peer.read_upgrade()
    peer.close()
    assert client.read_response().status == 101
    assert who(client) == "alive"


def test_without_retries_the_first_failure_is_the_answer(gateway, backend, wire):
    rude = wire.server()
    running = gateway(proxied(rude.address, backend().address, upstream={"retries": 0, "balance": "round_robin"}))
    client = wire.connect(running).send_upgrade("/")
    peer = wire.accept(rude)
    peer.read_upgrade()
    peer.close()
    check_refusal(client.read_response(), 502)


def test_the_servers_own_refusal_is_not_retried(gateway, backend, wire):
    refusing, alive = wire.server(), backend()
    running = gateway(proxied(refusing.address, alive.address, upstream={"balance": "round_robin"}))
    client = wire.connect(running).send_upgrade("/")
    peer = wire.accept(refusing)
    peer.read_upgrade()
    peer.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
    assert client.read_response().status == 401
    assert alive.requests == []


def test_every_server_down_gives_502_and_counts_failures(gateway, wire):
    one, two = free_address(), free_address()
    running = gateway(proxied(one, two))
    check_refusal(wire.request(running), 502)
    counted = running.stats()["upstreams"]["backend"]["servers"]
    assert counted.keys() == {one, two}
    assert all(server["failures_total"] >= 1 for server in counted.values()), counted


def test_a_silent_server_is_given_up_at_connect_timeout_or_response_timeout(gateway, wire):
    server = wire.server()
    running = gateway(proxied(
        server.address, upstream={"connect_timeout": "200ms", "response_timeout": "200ms", "retries": 0}))
    check_refusal(wire.request(running), 504)


def serving(files):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.private_key)
    return context


def test_a_server_over_tls_is_verified(gateway, backend, wire, authority):
    server = backend(name="secure", tls=serving(authority.issue("backend", ["backend.internal"])))
    good = gateway(proxied(
        server.address, upstream={"tls": {"server_name": "backend.internal", "ca": str(authority.file)}}))
    assert who(wire.open(good)) == "secure"
    wrong_name = gateway(proxied(
        server.address, upstream={"tls": {"server_name": "other.example", "ca": str(authority.file)}}))
    check_refusal(wire.request(wrong_name), 502)
    unverified = gateway(proxied(
        server.address, upstream={"tls": {"server_name": "other.example", "verify": False}}))
    assert who(wire.open(unverified)) == "secure"


def test_an_untrusted_server_gives_502(gateway, backend, wire, site, tmp_path):
    server = backend(tls=serving(site))
    stranger = Authority(tmp_path / "stranger", "Stranger")
    running = gateway(proxied(
        server.address, upstream={"tls": {"server_name": "localhost", "ca": str(stranger.file)}}))
    check_refusal(wire.request(running), 502)


ROUTES = [
    ("exact path", {"path": "/chat"}, "/chat", []),
    ("longer prefix", {"path_prefix": "/chat/room"}, "/chat/room/1", []),
    ("prefix", {"path_prefix": "/chat"}, "/chat/lobby", []),
    ("regex", {"path_regex": "/user/[0-9]+"}, "/user/42", []),
    ("host", {"hosts": ["chat.example.com"]}, "/x", [("Host", "chat.example.com:8080")]),
    ("wildcard host", {"hosts": ["*.example.com"]}, "/x", [("Host", "a.b.Example.COM")]),
    ("header", {"headers": {"x-tenant": "blue"}}, "/x", [("X-Tenant", "blue")]),
    ("query", {"query": {"room": "lobby"}}, "/x?a=b&room=lobby", []),
    ("subprotocol", {"subprotocols": ["graphql-transport-ws"]}, "/x",
     [("Sec-WebSocket-Protocol", "graphql-transport-ws")]),
]


def test_the_most_specific_route_wins(gateway, backend, wire):
    echo = backend(subprotocols=["graphql-transport-ws"])
    routes = [
        {"name": name.replace(" ", "-"), "match": match, "upstream": "backend",
         "request_headers": {"set": {"X-Route": name.replace(" ", "-")}}}
        for name, match, _, _ in reversed(ROUTES)
    ]
    running = gateway(configuration(
        *routes, upstreams=[{"name": "backend", "servers": [{"address": echo.address}]}]))
    for name, _, target, fields in ROUTES:
        wire.open(running, target, fields)
        assert echo.last_fields["x-route"] == name.replace(" ", "-")
    assert wire.request(running, "/chats").status == 404
    assert wire.request(running, "/user/42x").status == 404
    assert wire.request(running, "/x?room=lobbyist").status == 404


@pytest.mark.parametrize("count", [300])
def test_every_permit_is_given_back(gateway, backend, wire, count):
    running = gateway(proxied(backend().address, max_connections=10))
    for _ in range(count):
        client = wire.open(running)
        client.send_close()
        client.expect_close()
        client.close()
        running_now = running.route()["active"]
        assert running_now <= 10
    running.eventually(lambda stats: stats["routes"]["all"]["active"] == 0, "no connection left")
    stats = running.stats()
    assert stats["routes"]["all"]["accepted_total"] == count
    assert stats["connections"]["closed_total"] == count
