"""Which server a WebSocket goes to: by a part of its request, by chance, in groups, and little by little."""

import pytest

from changes import check_closed, edited
from raw import DEADLINE
from sluice import proxied
from test_drain_server import Pairs, active, server_path, shed
from waiting import eventually

ROOMS = [f"/?room={number}" for number in range(12)]


def hashed(on, *addresses):
    return proxied(*addresses, upstream={"balance": {"hash": {"on": on}}})


def home(pairs, path="/", fields=(), **options):
    """The server that this request goes to while nothing is open."""
    eventually(lambda: all(not active(pairs.running, address) for address in pairs.servers), "no socket to be open")
    client = pairs.wire.connect(pairs.running) if not options else pairs._from(**options)
    client.send_upgrade(path, fields)
    address, peer = eventually(pairs._asked, "a server to be asked", DEADLINE)
    peer.read_upgrade()
    peer.accept_upgrade()
    assert client.read_response().status == 101, client.response
    client.reset()
    peer.reset()
    return address


def test_a_key_has_one_server_on_every_gateway(gateway, wire):
    servers = [wire.server() for _ in range(3)]
    addresses = [server.address for server in servers]
    one = Pairs(wire, gateway(hashed("query:room", *addresses)), *servers)
    other = Pairs(wire, gateway(hashed("query:room", *reversed(addresses))), *servers)
    homes = [home(one, room) for room in ROOMS]
    assert len(set(homes)) > 1, f"expected several servers, got {homes}"
    assert [home(other, room) for room in ROOMS] == homes


@pytest.mark.parametrize("on, path, fields", [
    ("path", "/rooms/{}", ()),
    ("header:X-Room", "/", [("X-Room", "{}")]),
    ("cookie:room", "/", [("Cookie", "a=1; room={}")]),
])
def test_what_a_key_is_made_of(gateway, wire, on, path, fields):
    servers = [wire.server() for _ in range(3)]
    pairs = Pairs(wire, gateway(hashed(on, *(server.address for server in servers))), *servers)

    def homes():
        return [home(pairs, path.format(number), [(name, value.format(number)) for name, value in fields])
                for number in range(12)]

    first = homes()
    assert len(set(first)) > 1, f"expected several servers, got {first}"
    assert homes() == first


@pytest.mark.parametrize("on", ["ip", "header:X-Room"])
def test_a_client_is_known_by_its_address(gateway, wire, on):
    servers = [wire.server() for _ in range(3)]
    pairs = Pairs(wire, gateway(hashed(on, *(server.address for server in servers))), *servers)
    homes = [home(pairs, source=f"127.0.0.{number}") for number in range(2, 14)]
    assert len(set(homes)) > 1, f"expected several servers, got {homes}"
    assert [home(pairs, source=f"127.0.0.{number}") for number in range(2, 14)] == homes


def test_the_keys_of_a_server_that_is_drained_go_elsewhere_and_come_back(gateway, wire):
    servers = [wire.server() for _ in range(3)]
    running = gateway(hashed("query:room", *(server.address for server in servers)))
    pairs = Pairs(wire, running, *servers)
    homes = [home(pairs, room) for room in ROOMS]
    going = homes[0]
    shed(running, server_path(going, "drain"))
    meanwhile = [home(pairs, room) for room in ROOMS]
    assert going not in meanwhile
    stayed = [(before, after) for before, after in zip(homes, meanwhile, strict=True) if before != going]
    assert all(before == after for before, after in stayed), f"keys of other servers moved: {stayed}"
    shed(running, server_path(going, "undrain"))
    assert [home(pairs, room) for room in ROOMS] == homes


def test_a_key_that_everyone_has_does_not_overload_its_server(gateway, wire):
    servers = [wire.server() for _ in range(4)]
    running = gateway(hashed("path", *(server.address for server in servers)))
    pairs = Pairs(wire, running, *servers)
    for _ in range(16):
        pairs.open(path="/all")
    most = max(active(running, server.address) for server in servers)
    assert most == 5, f"expected 1.25 × 16 / 4, got {most}"


def test_two_by_chance(gateway, wire):
    first, second = wire.server(), wire.server()
    running = gateway(proxied(first.address, second.address, upstream={"balance": "random_two"}))
    pairs = Pairs(wire, running, first, second)
    for _ in range(6):
        pairs.open()
    assert [active(running, server.address) for server in (first, second)] == [3, 3]


def test_a_later_group_stands_in_and_is_left_again(gateway, wire):
    first, second = wire.server(), wire.server()
    config = proxied(first.address, second.address)
    config["upstreams"][0]["servers"][1]["priority"] = 1
    running = gateway(config)
    pairs = Pairs(wire, running, first, second)
    assert {pairs.open()[0] for _ in range(3)} == {first.address}
    first_socket = pairs.open()
    shed(running, server_path(first.address, "drain", "1/m"))
    address, *moved = pairs.open()
    assert address == second.address
    shed(running, server_path(first.address, "undrain"))
    assert pairs.open()[0] == first.address
    assert first_socket[0] == first.address
    # It has no share as long as the first group takes connections.
    assert shed(running, "/upstreams/backend/rebalance?rate=20/s") == {"sockets": 1}
    check_closed(*moved)


def test_a_group_that_is_full_or_cannot_be_reached_gives_way_at_once(gateway, wire):
    first, second, third = wire.server(), wire.server(), wire.server()
    config = proxied(first.address, second.address, third.address)
    servers = config["upstreams"][0]["servers"]
    servers[0]["max_connections"] = 1
    servers[1]["priority"], servers[2]["priority"] = 1, 2
    running = gateway(config)
    pairs = Pairs(wire, running, first, second, third)
    assert [pairs.open()[0] for _ in range(2)] == [first.address, second.address]
    second.close()
    pairs.servers.pop(second.address)
    # The same handshake goes on to the next group.
    assert pairs.open()[0] == third.address


@pytest.mark.parametrize("slow_start, fresh", [("1h", 3), ("0s", 5)])
def test_a_server_that_a_reload_adds_begins_slowly(gateway, wire, slow_start, fresh):
    old, new = wire.server(), wire.server()
    config = proxied(old.address, upstream={"slow_start": slow_start})
    running = gateway(config)
    pairs = Pairs(wire, running, old, new)
    for _ in range(25):
        pairs.open()

    def add(config):
        config["upstreams"][0]["servers"].append({"address": new.address})

    running.reload(edited(config, add))
    # A tenth of the weight of the other, which has 25: three are more.
    chosen = [pairs.open()[0] for _ in range(5)]
    assert chosen.count(new.address) == fresh, chosen


def sticky(running, pairs, cookie=None):
    """Opens a WebSocket; (server, its Set-Cookie or None)."""
    fields = [("Cookie", f"a=1; at={cookie}")] if cookie else []
    client = pairs.wire.connect(running)
    client.send_upgrade("/", fields)
    address, peer = eventually(pairs._asked, "a server to be asked", DEADLINE)
    peer.read_upgrade()
    peer.accept_upgrade()
    response = client.read_response()
    assert response.status == 101, response
    return address, response.get("Set-Cookie")


def value_of(cookie):
    return cookie.partition(";")[0].removeprefix("at=")


@pytest.mark.parametrize("secret", ["hunter2", ""], ids=["keyed", "by name"])
def test_a_client_comes_back_to_the_server_it_had(gateway, wire, secret):
    servers = [wire.server() for _ in range(3)]
    settings = {"cookie": "at", "secret": secret, "same_site": "lax", "path": "/"}
    config = proxied(*(server.address for server in servers), upstream={"sticky": settings})
    running = gateway(config)
    pairs = Pairs(wire, running, *servers)
    first, cookie = sticky(running, pairs)
    assert cookie.split("; ")[1:] == ["Path=/", "HttpOnly", "SameSite=Lax"], cookie
    assert first not in cookie
    value = value_of(cookie)
    assert [sticky(running, pairs, value) for _ in range(4)] == [(first, None)] * 4
    # Another instance, as good as one after a restart.
    other = gateway(config)
    assert [sticky(other, pairs, value) for _ in range(2)] == [(first, None)] * 2
    shed(running, server_path(first, "drain"))
    second, moved = sticky(running, pairs, value)
    assert second != first
    assert sticky(running, pairs, value_of(moved)) == (second, None)
    # One that no server has is as none.
    address, fresh = sticky(running, pairs, "x" * 24)
    assert address != first and fresh


def test_over_http2_the_cookie_comes_with_the_200(gateway, backend, wire):
    config = proxied(*(backend().address for _ in range(3)), upstream={"sticky": {"cookie": "at"}})
    link = wire.http2(gateway(config))
    cookie = link.open("/").response.get("set-cookie")
    for _ in range(3):
        stream = link.open("/", [("cookie", "a=1"), ("cookie", cookie.partition(";")[0])])
        assert stream.response.get("set-cookie") is None
