"""Names that stand for several servers: each has a state of its own, and they come and go with lookups."""

import contextlib
import random
import socket
import ssl

import pytest

from backends import WebsocketsEcho
from changes import check_closed, check_kept, edited
from http2_server import HTTP2Server
from names import BlackHole, Names, NameServer
from raw import DEADLINE, TEXT
from sluice import proxied
from test_choosing_servers import sticky, value_of
from test_drain_server import Pairs, server_path, shed
from test_health_checks import QUICK, HealthServer
from test_http2_back import check_echo
from waiting import eventually


@pytest.fixture
def names(tmp_path):
    return Names(tmp_path)


@pytest.fixture
def addresses():
    """Four addresses of the loopback interface that nobody else uses."""
    net = f"127.{random.randrange(1, 255)}.{random.randrange(256)}"
    return [f"{net}.{number}" for number in (2, 3, 4, 5)]


@pytest.fixture
def servers(wire, addresses):
    """One on each of these addresses, all on one port."""
    first = wire.server(address=(addresses[0], 0))
    return [first, *(wire.server(address=(address, first.port)) for address in addresses[1:])]


def named(port, *others, name="server.test", **upstream):
    return proxied(f"{name}:{port}", *others, upstream={"balance": "round_robin", "dns_refresh": "100ms", **upstream})


def known(running):
    return running.stats()["upstreams"]["backend"]["servers"]


def wait_for_servers(running, *expected):
    """Until these, by what they are called, are those that connections are made to."""
    eventually(lambda: {key for key, server in known(running).items() if server["state"] != "removed"} == set(expected),
               f"the servers to be {expected}")


def open_many(pairs, count):
    """By what they were led to, how many."""
    led = [pairs.open()[0] for _ in range(count)]
    return {address: led.count(address) for address in led}


def test_each_address_is_a_server(gateway, wire, names, addresses, servers):
    names.set({"server.test": addresses[:3]})
    running = gateway(named(servers[0].port), prefix=names.prefix)
    pairs = Pairs(wire, running, *servers)
    wait_for_servers(running, *(server.address for server in servers[:3]))
    assert open_many(pairs, 9) == {server.address: 3 for server in servers[:3]}
    for server in known(running).values():
        assert (server["name"], server["state"], server["active"]) == (f"server.test:{servers[0].port}", "active", 3)
    assert f'server="{servers[2].address}"' in running.admin("/metrics")[2].decode()
    status, _, body = running.admin(f"/connections?server={servers[1].address}")
    assert (status, body.count(b'"request_id"')) == (200, 3)
    assert running.admin(f"/connections?server=server.test:{servers[0].port}")[2].count(b'"request_id"') == 9


def test_those_who_wait_for_the_first_lookup_are_spread(gateway, wire, names, addresses, servers):
    name_server = NameServer({"server.test": addresses[:2]})
    with contextlib.closing(name_server):
        name_server.may_answer.clear()
        names.resolve_by(name_server.address)
        running = gateway(named(servers[0].port, retries=0, connect_timeout="9s"), prefix=names.prefix)
        clients = [wire.connect(running).send_upgrade() for _ in range(4)]
        assert name_server.asked.wait(DEADLINE), "nobody asked the name server"
        eventually(lambda: known(running)[f"server.test:{servers[0].port}"]["active"] == 4, "all to wait")
        name_server.may_answer.set()
        for server in servers[:2]:
            for _ in range(2):
                peer = wire.accept(server)
                peer.read_upgrade()
                peer.accept_upgrade()
        assert [client.read_response().status for client in clients] == [101] * 4
        assert {key: (server["active"], server["failures_total"]) for key, server in known(running).items()} == {
            server.address: (2, 0) for server in servers[:2]}


def test_one_that_dies_is_left_alone_by_itself(gateway, wire, names, addresses, servers):
    names.set({"server.test": addresses[:3]})
    running = gateway(named(servers[0].port), prefix=names.prefix)
    pairs = Pairs(wire, running, *servers)
    wait_for_servers(running, *(server.address for server in servers[:3]))
    dead = servers[1]
    dead.close()
    del pairs.servers[dead.address]
    assert open_many(pairs, 8) == {servers[0].address: 4, servers[2].address: 4}
    eventually(lambda: not known(running)[dead.address]["healthy"], "the dead one to be known")
    assert all(known(running)[server.address]["failures_total"] == 0 for server in (servers[0], servers[2]))
    assert known(running)[dead.address]["failures_total"] <= 1


def test_one_that_dns_drops_keeps_its_sockets_and_gets_no_more(gateway, wire, names, addresses, servers):
    names.set({"server.test": addresses[:3]})
    running = gateway(named(servers[0].port), prefix=names.prefix)
    pairs = Pairs(wire, running, *servers)
    wait_for_servers(running, *(server.address for server in servers[:3]))
    opened = {address: pair for address, *pair in (pairs.open() for _ in range(3))}
    gone = servers[1]
    names.set({"server.test": [addresses[0], addresses[2]]})
    wait_for_servers(running, servers[0].address, servers[2].address)
    assert (known(running)[gone.address]["state"], known(running)[gone.address]["active"]) == ("removed", 1)
    assert gone.address not in open_many(pairs, 6)
    for pair in opened.values():
        check_kept(*pair)
    assert [entry["server"] for entry in running.log() if entry.get("message") == "server left"] == [gone.address]
    # Back again: it is the same server, with its socket.
    names.set({"server.test": addresses[:3]})
    wait_for_servers(running, *(server.address for server in servers[:3]))
    assert known(running)[gone.address]["active"] == 1
    assert gone.address in open_many(pairs, 9)
    names.set({"server.test": [addresses[0]]})
    wait_for_servers(running, f"server.test:{gone.port}")
    check_kept(*opened[gone.address])


def test_a_server_that_has_left_is_forgotten_with_its_last_socket(gateway, wire, names, addresses, servers):
    names.set({"server.test": addresses[:2]})
    running = gateway(named(servers[0].port), prefix=names.prefix)
    pairs = Pairs(wire, running, *servers)
    wait_for_servers(running, *(server.address for server in servers[:2]))
    opened = {address: pair for address, *pair in (pairs.open() for _ in range(2))}
    names.set({"server.test": addresses[1:3]})
    wait_for_servers(running, *(server.address for server in servers[1:3]))
    for side in opened[servers[0].address]:
        side.send_close()
    eventually(lambda: servers[0].address not in known(running), "it to be forgotten")


def test_one_that_comes_is_used_and_the_state_of_the_rest_stays(gateway, wire, names, addresses, servers):
    names.set({"server.test": addresses[:1]})
    running = gateway(named(servers[0].port, balance="least_connections"), prefix=names.prefix)
    pairs = Pairs(wire, running, *servers)
    for _ in range(3):
        pairs.open()
    only = f"server.test:{servers[0].port}"
    assert list(known(running)) == [only]
    names.set({"server.test": addresses[:2]})
    wait_for_servers(running, *(server.address for server in servers[:2]))
    assert known(running)[servers[0].address]["active"] == 3, "its sockets are counted on"
    assert open_many(pairs, 3) == {servers[1].address: 3}
    assert [entry["server"] for entry in running.log() if entry.get("message") == "server joined"] == [
        servers[1].address]
    names.set({"server.test": addresses[1:2]})
    wait_for_servers(running, only)
    assert (known(running)[only]["active"], known(running)[servers[0].address]["active"]) == (3, 3)


def test_one_that_comes_begins_slowly(gateway, wire, names, addresses, servers):
    names.set({"server.test": addresses[:2]})
    running = gateway(named(servers[0].port, slow_start="1h"), prefix=names.prefix)
    pairs = Pairs(wire, running, *servers)
    wait_for_servers(running, *(server.address for server in servers[:2]))
    names.set({"server.test": addresses[:3]})
    wait_for_servers(running, *(server.address for server in servers[:3]))
    led = open_many(pairs, 21)
    assert led == {servers[0].address: 10, servers[1].address: 10, servers[2].address: 1}, led


def test_a_lookup_that_fails_keeps_what_was_known(gateway, wire, names, addresses, servers):
    names.set({"server.test": addresses[:2]})
    running = gateway(named(servers[0].port), prefix=names.prefix)
    pairs = Pairs(wire, running, *servers)
    wait_for_servers(running, *(server.address for server in servers[:2]))
    names.set({})
    running.wait_for_output(lambda line: "name lookup failed" in line, "the lookup to fail")
    assert open_many(pairs, 4) == {server.address: 2 for server in servers[:2]}


def test_a_name_server_s_answers_are_followed(gateway, wire, names, addresses, servers):
    name_server = NameServer({"server.test": addresses[:2]})
    with contextlib.closing(name_server):
        names.resolve_by(name_server.address)
        running = gateway(named(servers[0].port), prefix=names.prefix)
        pairs = Pairs(wire, running, *servers)
        wait_for_servers(running, *(server.address for server in servers[:2]))
        name_server.names = {"server.test": [*addresses[1:4], "2001:db8::1"]}
        wait_for_servers(running, *(server.address for server in servers[1:4]))
        assert open_many(pairs, 6) == {server.address: 2 for server in servers[1:4]}


def test_when_all_have_moved_one_handshake_finds_out(gateway, wire, names, addresses, servers):
    """As after a rollout that was faster than dns_refresh."""
    names.set({"server.test": addresses[:2]})
    running = gateway(named(servers[0].port, dns_refresh="1h", retries=1), prefix=names.prefix)
    pairs = Pairs(wire, running, *servers)
    wait_for_servers(running, *(server.address for server in servers[:2]))
    for server in servers[:2]:
        server.close()
        del pairs.servers[server.address]
    names.set({"server.test": addresses[2:]})
    # A name is looked up once a second at most, and was when the gateway started.
    running.eventually(lambda stats: stats["uptime_seconds"] > 1.5, "the first lookup to be old enough")
    assert pairs.open()[0] in [server.address for server in servers[2:]]
    wait_for_servers(running, *(server.address for server in servers[2:]))


def test_shared_connections_end_with_their_last_socket(gateway, stage, wire, names, addresses):
    first = stage.run(HTTP2Server("first", stage).start(addresses[0]))
    second = stage.run(HTTP2Server("second", stage).start(addresses[1], first.port))
    names.set({"server.test": addresses[:2]})
    running = gateway(named(first.port, protocol="h2"), prefix=names.prefix)
    wait_for_servers(running, first.address, second.address)
    clients = [wire.open(running) for _ in range(4)]
    assert (len(first.streams), len(second.streams)) == (2, 2)
    names.set({"server.test": addresses[:1]})
    wait_for_servers(running, f"server.test:{first.port}")
    clients += [wire.open(running) for _ in range(2)]
    assert (len(first.streams), len(second.streams)) == (4, 2)
    for client in clients:
        check_echo(client, b"hello")
    for client in clients:
        client.send_close()
        client.expect_close()
    eventually(lambda: not second.open_links, "the connections to the one that left to end")
    assert first.open_links
    for server in (first, second):
        stage.run(server.stop())
        assert not server.failures


# The other family

def test_a_family_that_leads_nowhere_is_left_over_http2_too(gateway, http2_backend, wire, names):
    server = http2_backend()
    names.set({"server.test": [*(f"2001:db8::{number}" for number in range(1, 4)), "127.0.0.1"]})
    running = gateway(named(server.port, protocol="h2", retries=0, connect_timeout="9s"), prefix=names.prefix)
    check_echo(wire.open(running), b"hello")
    assert known(running)[f"server.test:{server.port}"]["failures_total"] == 0


def test_a_family_that_leads_nowhere_is_left_at_once(gateway, wire, names, addresses, servers):
    """Nobody has a route to documentation addresses, or they swallow what is sent."""
    names.set({"server.test": [*(f"2001:db8::{number}" for number in range(1, 6)), *addresses[:2]]})
    running = gateway(named(servers[0].port, retries=0, connect_timeout="9s"), prefix=names.prefix)
    pairs = Pairs(wire, running, *servers)
    assert open_many(pairs, 4) == {server.address: 2 for server in servers[:2]}
    wait_for_servers(running, *(server.address for server in servers[:2]))
    assert all(server["failures_total"] == 0 for server in known(running).values())
    assert [entry["family"] for entry in running.log() if entry.get("message") == "address family changed"] == ["IPv4"]
    # Lookups say again that there is more of the other one.
    running.eventually(lambda stats: stats["uptime_seconds"] > 2.5, "the name to be looked up again")
    assert open_many(pairs, 4) == {server.address: 2 for server in servers[:2]}


def test_many_dead_addresses_don_t_add_up(gateway, stage, wire, names, addresses):
    server = stage.run(WebsocketsEcho("living").start(host="::1"))
    with contextlib.ExitStack() as holes:
        for address in addresses:
            holes.enter_context(contextlib.closing(BlackHole(address, server.port)))
        names.set({"server.test": [*addresses, "::1"]})
        running = gateway(named(server.port, connect_timeout="9s", retries=0), prefix=names.prefix)
        client = wire.open(running)
        client.send_frame(TEXT, "hello")
        assert client.read_message()[1] == b"hello"
        client.close()
        stage.run(server.stop())


def test_one_of_several_that_refuses_does_not_change_the_family(gateway, wire, names, addresses, servers):
    with contextlib.closing(socket.create_server(("::1", servers[0].port), family=socket.AF_INET6)):
        names.set({"server.test": [*addresses[:3], "::1"]})
        servers[1].close()
        running = gateway(named(servers[0].port), prefix=names.prefix)
        pairs = Pairs(wire, running, servers[0], servers[2])
        eventually(lambda: not known(running).get(servers[1].address, {"healthy": True})["healthy"],
                   "the dead one to be known")
        assert open_many(pairs, 6) == {servers[0].address: 3, servers[2].address: 3}
        wait_for_servers(running, *(server.address for server in servers[:3]))


# What is done with servers by name


def test_one_is_drained_by_its_address_and_all_by_their_name(gateway, wire, names, addresses, servers):
    names.set({"server.test": addresses[:3]})
    running = gateway(named(servers[0].port), prefix=names.prefix)
    pairs = Pairs(wire, running, *servers)
    name = f"server.test:{servers[0].port}"
    wait_for_servers(running, *(server.address for server in servers[:3]))
    opened = {address: pair for address, *pair in (pairs.open() for _ in range(3))}
    going = servers[0].address
    assert shed(running, server_path(going, "drain", "50/s")) == {"sockets": 1}
    check_closed(*opened.pop(going))
    assert {server["state"] for key, server in known(running).items() if key != going} == {"active"}
    assert going not in open_many(pairs, 4)
    assert shed(running, server_path(name, "drain", "50/s")) == {"sockets": 6}
    for pair in opened.values():
        check_closed(*pair)
    assert {server["state"] for server in known(running).values()} == {"draining"}
    # One that comes meanwhile is drained as well.
    names.set({"server.test": addresses})
    eventually(lambda: known(running).get(servers[3].address, {}).get("state") == "draining", "it to be drained")
    assert wire.request(running).status == 502
    shed(running, server_path(name, "undrain"))
    assert {server["state"] for server in known(running).values()} == {"active"}
    shed(running, server_path("127.0.0.1:9", "drain"), status=404)


def test_a_reload_keeps_what_is_known_of_each(gateway, wire, names, addresses, servers):
    names.set({"server.test": addresses[:3]})
    config = named(servers[0].port, dns_refresh="1h")
    running = gateway(config, prefix=names.prefix)
    pairs = Pairs(wire, running, *servers)
    wait_for_servers(running, *(server.address for server in servers[:3]))
    opened = {address: pair for address, *pair in (pairs.open() for _ in range(3))}
    shed(running, server_path(servers[0].address, "drain", "1/m"))
    check_closed(*opened.pop(servers[0].address))

    def heavier(config):
        config["upstreams"][0]["servers"][0]["weight"] = 2

    eventually(lambda: known(running)[servers[0].address]["active"] == 0, "its socket to be over")
    running.reload(edited(config, heavier))
    assert {key: (server["state"], server["active"]) for key, server in known(running).items()} == {
        servers[0].address: ("draining", 0), servers[1].address: ("active", 1), servers[2].address: ("active", 1)}
    for pair in opened.values():
        check_kept(*pair)

    def without(config):
        config["upstreams"][0]["servers"] = [{"address": servers[3].address}]

    running.reload(edited(config, without))
    for pair in opened.values():
        check_closed(*pair)


def test_an_address_in_the_configuration_is_not_one_more(gateway, wire, names, addresses, servers):
    names.set({"server.test": addresses[:3]})
    config = named(servers[0].port, servers[1].address)
    config["upstreams"][0]["servers"][1]["state"] = "down"
    running = gateway(config, prefix=names.prefix)
    pairs = Pairs(wire, running, *servers)
    wait_for_servers(running, *(server.address for server in servers[:3]))
    assert open_many(pairs, 4) == {servers[0].address: 2, servers[2].address: 2}
    assert known(running)[servers[1].address]["state"] == "down"
    assert "name" not in known(running)[servers[1].address]


def test_a_cookie_leads_back_to_one_of_several(gateway, wire, names, addresses, servers):
    names.set({"server.test": addresses[:3]})
    config = named(servers[0].port, sticky={"cookie": "at", "secret": "s3cret"})
    running = gateway(config, prefix=names.prefix)
    pairs = Pairs(wire, running, *servers)
    wait_for_servers(running, *(server.address for server in servers[:3]))
    first, cookie = sticky(running, pairs)
    assert {sticky(running, pairs, value_of(cookie)) for _ in range(4)} == {(first, None)}
    other = next(address for address in addresses[:3] if not first.startswith(f"{address}:"))
    names.set({"server.test": [address for address in addresses if address != other]})
    eventually(lambda: known(running).get(servers[3].address, {}).get("state") == "active", "the new one to be known")
    assert {sticky(running, pairs, value_of(cookie)) for _ in range(4)} == {(first, None)}
    names.set({"server.test": [address for address in addresses if not first.startswith(f"{address}:")]})
    eventually(lambda: known(running).get(first, {}).get("state") != "active", "the client's to be gone")
    assert sticky(running, pairs, value_of(cookie))[1] is not None


def test_each_is_checked(gateway, names, addresses):
    with contextlib.ExitStack() as stack:
        first = HealthServer((addresses[0], 0))
        port = first.server.server_port
        servers = [first, *(HealthServer((address, port)) for address in addresses[1:3])]
        for server in servers:
            stack.callback(server.stop)
        servers[1].status = 500
        names.set({"server.test": addresses[:3]})
        running = gateway(named(port, health_check={**QUICK, "path": "/health"}), prefix=names.prefix)
        wait_for_servers(running, *(f"{address}:{port}" for address in addresses[:3]))

        def standing():
            return {key: server["check"]["state"] for key, server in known(running).items() if "check" in server}

        eventually(lambda: standing() == {
            f"{addresses[0]}:{port}": "healthy", f"{addresses[1]}:{port}": "unhealthy",
            f"{addresses[2]}:{port}": "healthy"}, "one of three to be unhealthy")
        assert all(dict(fields)["Host"] == f"server.test:{port}" for _, fields in servers[2].asked)
        names.set({"server.test": addresses[:2]})
        eventually(lambda: len(standing()) == 2, "the one that left to be checked no more")

        def go_on():
            before = len(first.asked)
            eventually(lambda: len(first.asked) > before + 5, "others to be checked on")
            return len(servers[2].asked)

        assert go_on() == go_on(), "the one that left is checked all the same"


def test_a_server_is_told_the_name(gateway, stage, wire, names, addresses, authority):
    """In `Host`, and by TLS, whose certificate has the name alone."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate = authority.issue("named", ["server.test"])
    context.load_cert_chain(certificate.certificate, certificate.private_key)
    server = stage.run(WebsocketsEcho("tls").start(host=addresses[0], tls=context))
    names.set({"server.test": [addresses[0], addresses[1]]})
    running = gateway(
        named(server.port, host="upstream", tls={"ca": str(authority.file)}), prefix=names.prefix)
    client = wire.open(running)
    assert server.last_fields["host"] == f"server.test:{server.port}"
    client.close()
    stage.run(server.stop())
