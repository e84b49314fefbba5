"""Routes that are tied to listeners, and origins that are no plain ones: over both HTTP versions."""

import pytest

from sluice import configuration, proxied

LISTENERS = [{"name": "public", "address": "127.0.0.1:0"}, {"name": "internal", "address": "127.0.0.1:0"}]


def test_a_route_of_one_listener_is_not_there_on_another(gateway, wire):
    running = gateway(configuration(
        {"name": "metrics", "match": {"listeners": ["internal"], "path_prefix": "/a"}, "respond": 299},
        {"name": "rest", "match": {"path_prefix": "/a"}, "respond": 298}, listeners=LISTENERS))
    assert wire.request(running, "/a", listener="internal").status == 299
    assert wire.request(running, "/a", listener="public").status == 298
    assert wire.request(running, "/b", listener="internal").status == 404
    for listener, status in (("internal", 299), ("public", 298)):
        stream = wire.http2(running, listener).request("/a")
        assert stream.status == status


@pytest.mark.parametrize("origin, opens", [
    ("null", True), ("file://", True), ("https://a.example.com", True), ("https://a.b.example.com:443", True),
    ("", True), ("https://example.com", False), ("http://a.example.com", False),
    ("https://evil.test/.example.com", False), ("https://evil.test", False),
])
def test_origins_without_a_host_and_wildcards(gateway, wire, origin, opens):
    server = wire.server()
    running = gateway(proxied(server.address, origins=["null", "file://", "https://*.example.com"]))
    client = wire.connect(running).send_upgrade("/", [("Origin", origin)])
    if opens:
        wire.accept(server).accept_upgrade()
    assert client.read_response().status == (101 if opens else 403)


def test_an_empty_origin_is_a_missing_one(gateway, wire):
    running = gateway(proxied(wire.server().address, origins=["*"], missing_origin="deny"))
    assert wire.request(running, "/", [("Origin", "")]).status == 403
