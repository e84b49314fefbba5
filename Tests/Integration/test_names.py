"""Servers by name: one of each family, names that resolve later, move, or never resolve. Names that stand for several
servers are in test_named_servers.py."""

import contextlib
import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from backends import WebsocketsEcho
from names import BlackHole, Names, SilentNameServer
from raw import TEXT
from sluice import configuration, proxied
from test_drain_server import Pairs
from test_refusals import check_refusal
from waiting import eventually

FEW_PORTS = str(Path(__file__).parent / "few_ports.py")


@pytest.fixture
def names(tmp_path):
    return Names(tmp_path)


@pytest.fixture
def addresses():
    """Three addresses of the loopback interface that nobody else uses."""
    net = f"127.{random.randrange(1, 255)}.{random.randrange(256)}"
    return [f"{net}.{number}" for number in (1, 2, 3)]


def named(port, **upstream):
    return proxied(f"server.test:{port}", upstream={"retries": 0, "dns_refresh": "1h", **upstream})


def echoes(peer):
    peer.send_frame(TEXT, "hello")
    assert peer.read_message()[1] == b"hello"
    peer.close()


@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
def test_an_address_that_swallows_syn_is_passed_by(
        gateway, backend, http2_backend, wire, names, protocol):
    server = backend() if protocol == "http/1.1" else http2_backend()
    hole = BlackHole("::1", server.port)
    names.set({"server.test": ["::1", "127.0.0.1"]})
    with contextlib.closing(hole):
        running = gateway(
            named(server.port, connect_timeout="30s", protocol=protocol), prefix=names.prefix)
        for _ in range(3):
            echoes(wire.open(running))
        # What worked is remembered: those behind the first one don't ask the hole at all.
        first = hole.wake()
        assert len(first) <= 1, f"{len(first)} connections led to the address that did not answer"
        for _ in range(3):
            echoes(wire.open(running))
        assert hole.wake() == []


def test_an_address_that_refuses_is_passed_by(gateway, backend, wire, names):
    server = backend()
    names.set({"server.test": ["::1", "127.0.0.1"]})
    running = gateway(named(server.port), prefix=names.prefix)
    for _ in range(3):
        echoes(wire.open(running))
    servers = running.stats()["upstreams"]["backend"]["servers"]
    assert list(servers) == [f"server.test:{server.port}"]
    assert servers[f"server.test:{server.port}"]["failures_total"] == 0
    assert "name" not in servers[f"server.test:{server.port}"]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_server_on_localhost_may_listen_on_one_family(gateway, wire, names, address):
    server = wire.server(address=(address, 0))
    names.set({"localhost": ["::1"]})  # and 127.0.0.1, as always
    running = gateway(
        proxied(f"localhost:{server.port}", upstream={"retries": 0, "dns_refresh": "1s"}), prefix=names.prefix)
    pairs = Pairs(wire, running, server)
    for _ in range(3):
        pairs.open()
    running.eventually(
        lambda stats: stats["uptime_seconds"] > 2.5, "the name to be looked up again")
    pairs.open()
    servers = running.stats()["upstreams"]["backend"]["servers"]
    assert list(servers) == [f"localhost:{server.port}"]
    found = servers[f"localhost:{server.port}"]
    assert (found["healthy"], found["active"], found["failures_total"]) == (True, 4, 0), found


def test_ports_that_are_used_up_towards_one_address_leave_the_next(gateway, wire, names, addresses, tmp_path):
    if subprocess.run([*names.prefix, "unshare", "--net", "true"], capture_output=True).returncode != 0:
        pytest.skip("only root can give a process a network of its own (unshare --net)")
    names.set({"server.test": addresses[:2]})
    running = gateway(
        configuration(
            {"name": "all", "upstream": "backend"},
            upstreams=[{"name": "backend", "servers": [{"address": "server.test:9001"}]}],
            listeners=[{"name": "plain", "address": f"unix:{tmp_path}/gateway.sock"}],
            admin={"address": f"unix:{tmp_path}/admin.sock"}),
        prefix=[*names.prefix, "unshare", "--net", sys.executable, FEW_PORTS, "9001"])
    # Two ports towards each server, one of which the gateway may have used up as it looked at it.
    answers = [wire.request(running)]
    while answers[-1].status == 101 and len(answers) < 6:
        answers.append(wire.request(running))
    assert len(answers) - 1 in (2, 3, 4)
    admin = wire.connect(running, "admin")
    admin.send(b"GET /stats HTTP/1.1\r\nHost: localhost\r\n\r\n")
    found = json.loads(admin.read_response().body)["upstreams"]["backend"]["servers"]
    led = {key: (server["active"] > 0, server["failures_total"]) for key, server in found.items()}
    assert led == {f"{address}:9001": (True, 0) for address in addresses[:2]}, "one address alone has two ports"
    check_refusal(answers[-1], 503, retry_after=True)
    running.wait_for_output(lambda line: '"refusal":"out_of_resources"' in line, "the refusal in the log")


def test_connect_timeout_bounds_all_addresses_together(gateway, backend, wire, names, addresses):
    server = backend()
    with contextlib.ExitStack() as stack:
        for address in addresses:
            stack.enter_context(contextlib.closing(BlackHole(address, server.port)))
        names.set({"server.test": addresses})
        running = gateway(named(server.port, connect_timeout="600ms"), prefix=names.prefix)
        check_refusal(wire.request(running), 502)
        assert running.stats()["connections"]["rejected_total"] == {"connect_failed": 1}


def test_a_name_that_resolves_later_is_found_without_waiting_for_dns_refresh(gateway, backend, wire, names):
    server = backend()
    running = gateway(named(server.port), prefix=names.prefix)
    check_refusal(wire.request(running), 502)
    names.set({"server.test": ["127.0.0.1"]})
    # The server rests after its failure, and a name is looked up once a second at most.
    eventually(lambda: wire.request(running).status == 101, "the name to be found")


def test_a_server_that_moved_is_found_in_one_handshake(gateway, stage, wire, names, addresses):
    old = stage.run(WebsocketsEcho("old").start(host=addresses[0]))
    names.set({"server.test": [addresses[0]]})
    running = gateway(named(old.port), prefix=names.prefix)
    echoes(wire.open(running))
    # On the same port elsewhere, as a scheduler moves it.
    new = wire.server(address=(addresses[1], old.port))
    stage.run(old.stop())
    names.set({"server.test": [addresses[1]]})
    # A name is looked up once a second at most, and was when the gateway started.
    running.eventually(lambda stats: stats["uptime_seconds"] > 1.2 and stats["connections"]["active"] == 0,
                       "the old server's WebSocket to be over")
    client = wire.connect(running).send_upgrade()
    peer = wire.accept(new)
    peer.read_upgrade()
    peer.accept_upgrade()
    assert client.read_response().status == 101


def silent(address):
    """A configuration with three routes whose servers' names nobody resolves, and one that needs no name."""
    routes = [{"name": f"r{number}", "match": {"path": f"/r{number}"}, "upstream": f"u{number}"} for number in range(3)]
    upstreams = [{"name": f"u{number}", "connect_timeout": "300ms", "retries": 0,
                  "servers": [{"address": f"silent-{number}.test:80"}]} for number in range(3)]
    return configuration(
        {"name": "all", "upstream": "backend"}, *routes,
        upstreams=[{"name": "backend", "servers": [{"address": address}]}, *upstreams])


def test_listeners_don_t_wait_for_names_and_signals_are_heard(gateway, backend, wire, names):
    silence = SilentNameServer()
    with contextlib.closing(silence):
        names.resolve_by(silence.address)
        running = gateway(silent(backend().address), prefix=names.prefix)
        assert silence.asked.wait(10), "nobody asked the name server"
        assert running.admin("/readyz")[0] == 200
        echoes(wire.open(running))
        check_refusal(wire.request(running, "/r0"), 502)
        # No lookup has ended: the resolver would take 30 seconds to give one up.
        assert not [entry for entry in running.log() if entry.get("message") == "name lookup failed"]
        running.signal(signal.SIGTERM)
        assert running.wait(10) == 0


def test_a_handshake_waits_for_the_name_of_its_server(gateway, backend, wire, names):
    server, silence = backend(), SilentNameServer()
    with contextlib.closing(silence):
        names.resolve_by(silence.address)
        running = gateway(named(server.port, connect_timeout="9s"), prefix=names.prefix)
        clients = [wire.connect(running).send_upgrade() for _ in range(3)]
        assert silence.asked.wait(10), "nobody asked the name server"
        silence.answer()
        assert [client.read_response().status for client in clients] == [101, 101, 101]
