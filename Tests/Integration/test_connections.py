"""GET and DELETE /connections: the open WebSockets, and the end of one."""

import json

import pytest

from raw import TEXT
from sluice import configuration
from waiting import eventually


@pytest.fixture
def two_routes(gateway, wire):
    server = wire.server()
    running = gateway(configuration(
        {"name": "one", "match": {"path": "/one"}, "upstream": "backend"}, {"name": "two", "upstream": "backend"},
        upstreams=[{"name": "backend", "servers": [{"address": server.address}]}]))
    return running, server


def listed(running, query=""):
    status, fields, body = running.admin(f"/connections{query}")
    assert (status, fields["content-type"]) == (200, "application/json")
    return json.loads(body)


def test_open_websockets_are_listed_and_closed(two_routes, wire):
    running, server = two_routes
    assert listed(running) == []
    pairs = [wire.pair(running, server, path) for path in ("/one", "/two", "/one")]
    entries = listed(running)
    assert sorted(entry["route"] for entry in entries) == ["one", "one", "two"]
    assert [entry["age_seconds"] for entry in entries] == \
        sorted((entry["age_seconds"] for entry in entries), reverse=True)
    assert {entry["client"] for entry in entries} == {"127.0.0.1"}
    assert {entry["protocol"]["client"] for entry in entries} == {"http/1.1"}
    assert [entry["route"] for entry in listed(running, "?route=two")] == ["two"]
    assert len(listed(running, "?limit=2")) == 2
    assert listed(running, "?ip=192.0.2.1") == listed(running, "?route=none") == listed(running, "?ip=x") == []

    client, peer = pairs[1]
    client.send(client.frame(TEXT, b"seven b"))
    assert peer.read_message()[1] == b"seven b"
    [entry] = eventually(
        lambda: [e for e in listed(running, "?route=two") if e["messages"]["from_client"] == 1], "it to be counted")
    assert entry["bytes"] == {"from_client": 7, "to_client": 0}
    assert entry["queue"] == {"to_client": 0, "to_server": 0}

    status, _, _ = running.admin(f"/connections/{entry['id']}?code=4001&reason=too%20loud", method="DELETE")
    assert status == 202
    assert client.expect_close() == (4001, "too loud")
    assert peer.expect_close() == (4001, "too loud")
    for one in (client, peer):
        one.send_close(4001)
    running.eventually(lambda stats: stats["connections"]["active"] == 2, "only that one to end")
    assert running.admin(f"/connections/{entry['id']}", method="DELETE")[0] == 404
