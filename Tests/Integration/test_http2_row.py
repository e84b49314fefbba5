"""Two gateways in a row: an edge that speaks HTTP/2 to an inner one."""

import os
import signal

import pytest
import websockets.exceptions

from conversation import check_close, check_gone, closings, over, talk
from http2_server import secured
from raw import TEXT
from sluice import proxied
from test_http2_back import check_echo
from waiting import eventually

LOOPS = os.cpu_count()


class Row:
    """An edge that speaks HTTP/2 to an inner gateway, and an echo server behind that."""

    def __init__(self, gateway, connect, server, site, authority, *, over_tls, protocol="h2", compression=None,
                 **inner_route):
        self._connect = connect
        listener = {"name": "inner", "address": "127.0.0.1:0", "trusted_proxies": ["127.0.0.1"]}
        if over_tls:
            listener["tls"] = {"certificates": [site.setting]}
        route = {"compression": compression, **inner_route} if compression else inner_route
        self.inner = gateway(proxied(
            server.address, sections={"listeners": [listener], "drain": {"timeout": "5s", "spread": "0s"}}, **route))
        _, trust = secured(authority, site)
        self.edge = gateway(proxied(
            f"127.0.0.1:{self.inner.port('inner')}",
            upstream={"protocol": protocol, **({"tls": trust} if over_tls else {})},
            **({"compression": compression} if compression else {})))

    def connect(self, path="/", **options):
        return self._connect(self.edge.url(path), **options)


@pytest.fixture
def row(gateway, backend, connect, site, authority):
    """`row(…)` starts two gateways before an echo server, `.server`."""
    def start(over_tls=False, compressed=False, **options):
        server = backend(compression=compressed, subprotocols=["chat"])
        found = Row(gateway, connect, server, site, authority, over_tls=over_tls, **options)
        found.server = server
        return found

    return start


@pytest.mark.parametrize("over_tls", [False, True], ids=["cleartext", "TLS"])
def test_two_in_a_row(row, over_tls):
    gateways = row(over_tls)
    with gateways.connect("/a?b=%20c", subprotocols=["chat"]) as client:
        assert client.subprotocol == "chat"
        talk(client)
        assert gateways.server.requests[-1][0] == "/a?b=%20c"
        hops = [hop.strip() for hop in gateways.server.last_fields["x-forwarded-for"].split(",")]
        assert hops == ["127.0.0.1", "127.0.0.1"]
        others = [gateways.connect() for _ in range(9)]
        for other in others:
            talk(other)
        edge, inner = gateways.edge.stats(), gateways.inner.stats()
        assert (edge["http2"]["server"]["streams"], inner["http2"]["client"]["streams"]) == (10, 10)
        assert edge["http2"]["server"]["connections"] == inner["http2"]["client"]["connections"] <= LOOPS
        assert edge["routes"]["all"]["protocols"]["server"]["h2"] == 10
        assert inner["routes"]["all"]["protocols"]["client"]["h2"] == 10
        check_close(client, 4001, "enough")
        for other in others:
            other.close(4002, "done")
    for running in (gateways.edge, gateways.inner):
        over(running)
        assert running.route()["close_codes"] == {"client": {"4002": 9}, "server": {"4001": 1}, "gateway": {}}
        assert all(not side["errors_total"] for side in running.stats()["http2"].values())
    for running, protocols in ((gateways.edge, ("http/1.1", "h2")), (gateways.inner, ("h2", "http/1.1"))):
        assert {(entry["client_protocol"], entry["server_protocol"]) for entry in closings(running, 10)} == {protocols}


def test_compression_through_both(row):
    gateways = row(compressed=True, compression={"mode": "terminate", "upstream": "on", "threshold": 0})
    with gateways.connect() as client:
        talk(client)
    over(gateways.inner)
    for running in (gateways.edge, gateways.inner):
        assert running.route()["bytes"]["from_client"] > 1_000_000
    assert gateways.server.last_fields["sec-websocket-extensions"].startswith("permessage-deflate")


def test_auto_between_the_two(row):
    gateways = row(protocol="auto")
    for _ in range(4):
        with gateways.connect() as client:
            talk(client)
    assert gateways.inner.stats()["http2"]["client"]["streams_total"] == 4


def test_a_drain_of_the_inner_one(row):
    gateways = row()
    clients = [gateways.connect() for _ in range(6)]
    for client in clients:
        talk(client)
    gateways.inner.signal(signal.SIGTERM)
    for client in clients:
        check_gone(client, 1012)
    assert gateways.inner.wait() == 0
    eventually(lambda: len(gateways.server.closes) == 6, "the server to see six ends")
    assert {code for code, _ in gateways.server.closes} == {1012}
    over(gateways.edge)
    assert gateways.edge.route()["close_codes"]["server"] == {"1012": 6}
    gateways.edge.eventually(lambda stats: stats["http2"]["server"]["connections"] == 0, "no connection left")


def test_a_drain_of_the_edge(row):
    gateways = row()
    clients = [gateways.connect() for _ in range(6)]
    for client in clients:
        talk(client)
    gateways.edge.signal(signal.SIGTERM)
    for client in clients:
        check_gone(client, 1012)
    assert gateways.edge.wait() == 0
    over(gateways.inner)
    assert gateways.inner.route()["close_codes"]["client"] == {"1012": 6}
    gateways.inner.eventually(lambda stats: stats["http2"]["client"]["connections"] == 0, "no connection left")


def test_the_inner_one_killed(row):
    gateways = row()
    clients = [gateways.connect() for _ in range(3)]
    for client in clients:
        talk(client)
    gateways.inner.kill()
    for client in clients:
        check_gone(client, 1011)


def test_the_edge_killed(row):
    gateways = row()
    clients = [gateways.connect() for _ in range(3)]
    for client in clients:
        talk(client)
    gateways.edge.kill()
    eventually(lambda: len(gateways.server.closes) == 3, "the server to see three ends")
    assert {code for code, _ in gateways.server.closes} == {1001}
    over(gateways.inner)


def test_what_the_inner_one_refuses(row):
    gateways = row(origins=["https://example.com"], max_connections=1)
    for options, status in (({"origin": "https://other.example"}, 403), ({"origin": "https://example.com"}, None),
                            ({"origin": "https://example.com"}, 503)):
        if status is None:
            first = gateways.connect(**options)
            continue
        with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
            gateways.connect(**options)
        assert refused.value.response.status_code == status
        assert len(refused.value.response.body.splitlines()) == 1
    talk(first)
    first.close()


def test_a_row_from_http2_to_http2(row, http2_link):
    gateways = row(over_tls=True)
    link = http2_link(gateways.edge)
    clients = [link.stream().open() for _ in range(20)]
    for number, client in enumerate(clients):
        check_echo(client, b"%d" % number * 5000)
    assert gateways.edge.stats()["http2"]["client"]["connections"] == 1
    assert gateways.edge.stats()["http2"]["server"]["connections"] == 1
    clients[0].reset()
    clients[1].send_frame(TEXT, b"close 4007 why")
    assert clients[1].expect_close() == (4007, "why")
    gateways.inner.eventually(lambda stats: stats["http2"]["client"]["streams"] <= 19, "the reset stream to be gone")
    for client in clients[2:]:
        check_echo(client)
