"""What becomes of open sockets when a reload changes what they belong to: `on_change`, settings that were in force when
they began, and connections that WebSockets share."""

import pytest

from changes import FATES, begin_message, check_closed, check_fate, check_kept, edited
from http2_server import secured
from raw import BINARY
from sluice import proxied
from test_http2_back import check_echo, over_http2
from waiting import eventually


def route_changed(config, other):
    config["routes"][0]["max_message_size"] = "2MiB"


def route_removed(config, other):
    config["routes"][0]["name"] = "another"


def server_removed(config, other):
    config["upstreams"][0]["servers"] = [{"address": other.address}]


def leads_elsewhere(config, other):
    config["routes"][0]["upstream"] = "other"


def tls_changed(config, other):
    config["upstreams"][0]["tls"] = {"verify": False}


def upstream_h2_changed(config, other):
    config["upstreams"][0]["protocol"] = "h2"


CHANGES = {
    "changed": [route_changed, leads_elsewhere, tls_changed, upstream_h2_changed],
    "removed": [route_removed, server_removed],
}


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("kind, change", [(kind, change) for kind, changes in CHANGES.items() for change in changes])
def test_on_change_decides(gateway, wire, kind, change, fate):
    server, other = wire.server(), wire.server()
    # The other word says something else: it must not be the one that is heard.
    opposite = "keep" if fate == "close" else "close"
    config = proxied(server.address, on_change={
        kind: fate, ({"changed", "removed"} - {kind}).pop(): opposite})
    config["upstreams"].append({"name": "other", "servers": [{"address": other.address}]})
    running = gateway(config)
    client, peer = wire.pair(running, server)
    begin_message(client, peer)
    answer = running.reload(edited(config, lambda new: change(new, other)))
    assert answer["sockets"] == {
        "kept": 0, "drained": 0, "closed": 0, **{{"keep": "kept", "drain": "drained", "close": "closed"}[fate]: 1}}
    check_fate(fate, client, peer)


@pytest.mark.parametrize("kind, change", [("keep", route_changed), ("drain", route_removed), ("drain", server_removed)])
def test_what_is_not_said_keeps_what_changed_and_drains_what_went(gateway, wire, kind, change):
    server, other = wire.server(), wire.server()
    config = proxied(server.address)
    running = gateway(config)
    client, peer = wire.pair(running, server)
    begin_message(client, peer)
    running.reload(edited(config, lambda new: change(new, other)))
    check_fate(kind, client, peer)


def test_defaults_say_it_for_every_route(gateway, wire):
    server = wire.server()
    config = proxied(server.address, sections={"defaults": {"on_change": {"changed": "drain"}}})
    running = gateway(config)
    pair = wire.pair(running, server)
    running.reload(edited(config, lambda new: route_changed(new, None)))
    check_closed(*pair)


@pytest.mark.parametrize("change", [
    lambda new: new["routes"][0].update(max_connections=50),
    lambda new: new["routes"][0].update(max_connections_per_ip=50),
    lambda new: new["upstreams"][0]["servers"][0].update(weight=7),
    lambda new: new["upstreams"][0]["servers"][0].update(max_connections=70),
    lambda new: new["upstreams"][0]["servers"].append({"address": "127.0.0.1:1"}),
    lambda new: new["listeners"].append({"name": "more", "address": "127.0.0.1:0"}),
    lambda new: new.update(limits={"max_connections": 50}),
], ids=["max_connections", "max_connections_per_ip", "weight", "the server's cap", "one more server", "a listener",
        "limits"])
def test_what_a_socket_can_not_notice_changes_none(gateway, wire, change):
    server = wire.server()
    config = proxied(server.address, on_change={"changed": "close", "removed": "close"})
    running = gateway(config)
    pair = wire.pair(running, server)
    answer = running.reload(edited(config, change))
    assert answer["sockets"] == {"kept": 1, "drained": 0, "closed": 0}
    check_kept(*pair)


def test_a_kept_socket_has_the_settings_it_began_with(gateway, wire):
    server = wire.server()
    config = proxied(server.address, max_message_size="1MiB")
    running = gateway(config)
    client, peer = wire.pair(running, server)
    running.reload(edited(config, lambda new: new["routes"][0].update(max_message_size="1KiB")))
    for source, target in ((client, peer), (peer, client)):
        source.send_frame(BINARY, b"x" * 100_000)
        assert target.read_message()[1] == b"x" * 100_000
    later, its_peer = wire.pair(running, server)
    later.send_frame(BINARY, b"x" * 100_000)
    assert later.expect_close()[0] == 1009
    assert its_peer.expect_close()[0] == 1001
    check_kept(client, peer)


def test_the_next_reload_judges_by_what_the_one_before_left(gateway, wire):
    server = wire.server()
    config = proxied(server.address, on_change={"changed": "keep"})
    running = gateway(config)
    pair = wire.pair(running, server)
    changed = edited(config, lambda new: new["routes"][0].update(max_message_size="1KiB"))
    running.reload(changed)
    check_kept(*pair)
    drains = edited(changed, lambda new: new["routes"][0].update(on_change={"changed": "drain"}))
    assert running.reload(drains)["sockets"]["kept"] == 1, "on_change itself is no change that a socket notices"
    check_kept(*pair)
    running.reload(edited(drains, lambda new: new["routes"][0].update(max_message_size="2KiB")))
    check_closed(*pair)


def test_the_closes_are_counted_and_logged_as_the_gateways(gateway, wire):
    server = wire.server()
    config = proxied(server.address, on_change={"changed": "drain"})
    running = gateway(config)
    pair = wire.pair(running, server)
    running.reload(edited(config, lambda new: route_changed(new, None)))
    check_closed(*pair)
    running.eventually(
        lambda stats: stats["routes"]["all"]["close_codes"]["gateway"].get("1012") == 1, "1012 to be counted")
    entry = eventually(
        lambda: next((e for e in running.log() if e.get("message") == "connection closed"), None), "its line")
    assert (entry["closed_by"], entry["code"]) == ("gateway", 1012)


# Over HTTP/2

@pytest.mark.parametrize("fate", ["drain", "close"])
def test_streams_of_a_client_end_and_its_connection_goes_on(gateway, backend, http2_link, fate):
    server = backend()
    config = proxied(server.address)
    config["routes"].insert(0, {"name": "going", "match": {"path": "/going"}, "upstream": "backend",
                                "on_change": {"removed": fate}})
    running = gateway(config)
    link = http2_link(running)
    going, staying = link.stream().open("/going"), link.stream().open("/")
    answer = running.reload(edited(config, lambda new: new["routes"].pop(0)))
    assert answer["sockets"]["kept"] == 1
    assert going.expect_close()[0] == 1012
    going.send_close(1012)
    link.wait(lambda: going.is_over or going._input, "the end of the stream")
    check_echo(staying)
    check_echo(link.stream().open("/"), b"a new one on the same connection")
    assert not link.ended and not link.goaways


def test_a_kept_servers_connections_are_used_again_and_a_removed_ones_end(gateway, http2_backend, http2_link):
    kept, removed = http2_backend("kept"), http2_backend("removed")
    config = over_http2(kept, removed, on_change={"removed": "keep"})
    running = gateway(config)
    link = http2_link(running)
    clients = [link.stream().open() for _ in range(4)]
    assert [len(server.requests) for server in (kept, removed)] == [2, 2]

    def scale_in(new):
        new["upstreams"][0]["servers"].pop()

    answer = running.reload(edited(config, scale_in))
    assert answer["servers"]["backend"]["removed"] == [removed.address]
    assert answer["sockets"] == {"kept": 4, "drained": 0, "closed": 0}
    later = [link.stream().open() for _ in range(4)]
    for number, client in enumerate([*clients, *later]):
        check_echo(client, b"%d" % number)
    assert [len(server.requests) for server in (kept, removed)] == [6, 2]
    assert (len(kept.links), len(removed.links)) == (1, 1), "the shared connection is the one from before"
    for client in clients:
        client.send_close(1000)
        assert client.expect_close()[0] == 1000
        client.finish_sending()
    removed.wait(lambda: removed.links[0].ended, "the removed server's connection to end with its last stream")
    for client in later:
        check_echo(client)
    assert not kept.links[0].ended
    running.eventually(
        lambda stats: set(stats["upstreams"]["backend"]["servers"]) == {kept.address}, "one server in /stats")


def test_a_changed_tls_makes_new_shared_connections(gateway, http2_backend, http2_link, authority, site):
    context, trust = secured(authority, site)
    server = http2_backend(tls=context)
    config = over_http2(server, upstream={"tls": {"verify": False}})
    running = gateway(config)
    link = http2_link(running)
    before = link.stream().open()
    running.reload(edited(config, lambda new: new["upstreams"][0].update(tls=trust)))
    after = link.stream().open()
    check_echo(before)
    check_echo(after)
    assert len(server.links) == 2, "a connection that was not verified may not be shared by who asks for it"
    before.send_close(1000)
    before.expect_close()
    before.finish_sending()
    server.wait(lambda: server.links[0].ended, "the connection of before to end with its last stream")
    check_echo(after)
