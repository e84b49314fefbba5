"""Sockets that are shed on request: those of one server, the surplus of the fuller ones, those that a filter names; and
the delay before a drain begins."""

import json
import select
import signal
import socket
import time
from urllib.parse import quote

import pytest

from changes import begin_message, check_closed, check_kept, edited, end_message, entries_with
from raw import DEADLINE, Ended, Peer
from sluice import proxied
from test_refusals import check_refusal
from waiting import eventually


class Pairs:
    """Sockets through a gateway whose servers are the test's own; `open(server)` expects to be led to that one."""

    def __init__(self, wire, running, *servers):
        self.wire, self.running = wire, running
        self.servers = {server.address: server for server in servers}

    def open(self, *, path="/", source=None):
        """One more; gives (server's address, client, peer)."""
        client = self._from(source) if source else self.wire.connect(self.running)
        client.send_upgrade(path)
        address, peer = eventually(self._asked, "a server to be asked", DEADLINE)
        peer.read_upgrade()
        peer.accept_upgrade()
        assert client.read_response().status == 101, client.response
        return address, client, peer

    def _asked(self):
        for address, server in self.servers.items():
            peer = server.accept_now()
            if peer:
                return address, self.wire._keep(peer)
        return None

    def _from(self, source):
        sock = socket.create_connection(
            ("127.0.0.1", self.running.port()), timeout=DEADLINE, source_address=(source, 0))
        return self.wire._keep(Peer(sock, "client"))


def active(running, address):
    return running.stats()["upstreams"]["backend"]["servers"][address]["active"]


def shed(running, path, status=202, method="POST"):
    got, _, body = running.admin(path, method)
    assert got == status, f"{method} {path}: expected {status}, got {got} {body!r}"
    return json.loads(body) if status < 300 else body.decode()


def server_path(address, action, rate=None, encoded=False, upstream="backend"):
    address = quote(address, safe="") if encoded else address
    return f"/upstreams/{upstream}/servers/{address}/{action}" + (f"?rate={quote(rate)}" if rate else "")


def closes_over_time(pairs, code=1012, patience=15):
    """Answers the Closes as they come; seconds from now of each."""
    started, times = time.monotonic(), []
    waiting = {client.sock: (client, peer) for client, peer in pairs}
    while waiting:
        ready, _, _ = select.select(list(waiting), [], [], patience)
        assert ready, f"{len(waiting)} of {len(pairs)} sockets got no Close within {patience} s"
        for sock in ready:
            check_closed(*waiting.pop(sock), code)
            times.append(time.monotonic() - started)
    return times


@pytest.fixture
def two_servers(gateway, wire):
    """A gateway before two servers in turn, and five sockets to each."""
    first, second = wire.server(), wire.server()
    running = gateway(proxied(first.address, second.address, upstream={"balance": "round_robin"}))
    pairs = Pairs(wire, running, first, second)
    opened = {first.address: [], second.address: []}
    for _ in range(10):
        address, *pair = pairs.open()
        opened[address].append(pair)
    assert [len(some) for some in opened.values()] == [5, 5]
    return running, pairs, opened, first.address, second.address


@pytest.mark.parametrize("encoded", [False, True], ids=["as it is", "percent-encoded"])
def test_a_server_is_drained_at_a_pace_and_comes_back(two_servers, encoded):
    running, pairs, opened, going, staying = two_servers
    assert shed(running, server_path(going, "drain", "5/s", encoded)) == {"sockets": 5}
    times = closes_over_time(opened[going])
    # Five at five a second: four spaces of 200 ms between the first and the last.
    assert 0.5 < max(times) - min(times) < 4, f"expected a pace of 5 a second, got {times}"
    for pair in opened[staying]:
        check_kept(*pair)
    assert {pairs.open()[0] for _ in range(6)} == {staying}
    eventually(lambda: active(running, going) == 0, "no socket to be left")
    assert "sockets" in shed(running, server_path(going, "undrain", encoded=encoded))
    assert {pairs.open()[0] for _ in range(8)} == {going, staying}


def test_without_a_rate_all_go_at_once(two_servers):
    running, _, opened, going, _ = two_servers
    assert shed(running, server_path(going, "drain"))["sockets"] == 5
    assert max(closes_over_time(opened[going])) < 5


def test_a_message_in_flight_is_delivered_first(two_servers):
    running, _, opened, going, _ = two_servers
    for client, peer in opened[going]:
        begin_message(client, peer)
    shed(running, server_path(going, "drain"))
    eventually(lambda: entries_with(running, 0, going, "5"), "the drain to have begun")
    for client, peer in opened[going]:
        end_message(client, peer)
        check_closed(client, peer)


def test_undrain_stops_what_is_not_shed_yet(two_servers):
    running, _, opened, going, _ = two_servers
    shed(running, server_path(going, "drain", "6/m"))  # one every ten seconds
    shed(running, server_path(going, "undrain"))
    ready, _, _ = select.select([client.sock for client, _ in opened[going]], [], [], 0.3)
    assert len(ready) <= 1, "the first may have been told, the rest may not"
    for client, peer in opened[going]:
        if client.sock not in ready:
            check_kept(client, peer)


def test_a_drained_server_stays_so_through_a_reload(two_servers):
    running, pairs, opened, going, staying = two_servers
    shed(running, server_path(going, "drain"))
    closes_over_time(opened[going])
    running.reload(edited(running.config, lambda new: new["routes"][0].update(max_connections=100)))
    assert {pairs.open()[0] for _ in range(4)} == {staying}


def test_who_has_no_server_left_is_told_so(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address))
    pair = wire.pair(running, server)
    shed(running, server_path(server.address, "drain"))
    check_closed(*pair)
    assert wire.request(running).status in (502, 503)
    assert running.admin("/readyz")[0] == 503


@pytest.mark.parametrize("path, status, words", [
    (server_path("127.0.0.1:1", "drain"), 404, "127.0.0.1:1"),
    (server_path("127.0.0.1:1", "drain", upstream="nowhere"), 404, "nowhere"),
    ("/upstreams/nowhere/rebalance", 404, "nowhere"),
    ("/upstreams/backend/rebalance?rate=fast", 400, "50/s"),
    ("/upstreams/backend/rebalance?rate=0/s", 400, "50/s"),
])
def test_what_does_not_exist_is_named(two_servers, path, status, words):
    running, _, opened, first, _ = two_servers
    assert words in shed(running, path, status)
    for some in opened.values():
        for pair in some:
            check_kept(*pair)


# `state` in the file

@pytest.mark.parametrize("state", ["draining", "down"])
def test_the_state_in_the_file(two_servers, state):
    running, pairs, opened, going, staying = two_servers
    client, peer = opened[going][0]
    begin_message(client, peer)
    config = edited(running.config, lambda new: next(
        server for server in new["upstreams"][0]["servers"] if server["address"] == going).update(state=state))
    active_config = running.config
    answer = running.reload(config)
    assert answer["servers"]["backend"]["changed"] == [going]
    assert answer["sockets"] == {"kept": 5, "drained": 0, "closed": 0,
                                 **({"drained": 5} if state == "draining" else {"closed": 5})}
    if state == "draining":
        end_message(client, peer)
    for pair in opened[going]:
        check_closed(*pair)
    for pair in opened[staying]:
        check_kept(*pair)
    assert {pairs.open()[0] for _ in range(6)} == {staying}
    assert running.reload(active_config)["sockets"]["kept"] == 11
    assert {pairs.open()[0] for _ in range(8)} == {going, staying}


@pytest.mark.parametrize("state", ["draining", "down"])
def test_a_start_with_a_server_that_is_not_active(gateway, wire, state):
    first, second = wire.server(), wire.server()
    config = proxied(first.address, second.address, upstream={"balance": "round_robin"})
    config["upstreams"][0]["servers"][0]["state"] = state
    running = gateway(config)
    pairs = Pairs(wire, running, first, second)
    assert {pairs.open()[0] for _ in range(4)} == {second.address}
    assert running.admin("/readyz")[0] == 200


# Rebalancing

@pytest.mark.parametrize("weights, surplus", [((1, 1), 6), ((1, 2), 8), ((3, 1), 3)])
def test_a_rebalance_sheds_the_surplus_of_the_fuller_server(gateway, wire, weights, surplus):
    full, fresh = wire.server(), wire.server()
    config = proxied(full.address, upstream={"balance": "least_connections"})
    config["upstreams"][0]["servers"][0]["weight"] = weights[0]
    running = gateway(config)
    pairs = Pairs(wire, running, full, fresh)
    opened = [pairs.open()[1:] for _ in range(12)]
    running.reload(edited(config, lambda new: new["upstreams"][0]["servers"].append(
        {"address": fresh.address, "weight": weights[1]})))
    assert active(running, full.address) == 12, "a server that is added moves nobody by itself"
    assert shed(running, "/upstreams/backend/rebalance?rate=20/s") == {"sockets": surplus}
    waiting, closed = {client.sock: (client, peer) for client, peer in opened}, 0
    while closed < surplus:
        ready, _, _ = select.select(list(waiting), [], [], 10)
        assert ready, f"expected {surplus} Closes, got {closed}"
        for sock in ready:
            check_closed(*waiting.pop(sock))
            closed += 1
    assert closed == surplus
    running.eventually(lambda stats: stats["connections"]["active"] == 12 - surplus, "the rest to be what is left")
    assert {pairs.open()[0] for _ in range(surplus)} == {fresh.address}, "who comes back goes to the emptier server"
    for pair in waiting.values():
        check_kept(*pair)
    assert shed(running, "/upstreams/backend/rebalance")["sockets"] <= 1, "it is balanced now"


# Closing by a filter

def test_many_are_closed_by_route_server_or_address(gateway, wire):
    first, second = wire.server(), wire.server()
    config = proxied(first.address, second.address, upstream={"balance": "round_robin"})
    config["routes"].insert(0, {"name": "rooms", "match": {"path": "/rooms"}, "upstream": "backend"})
    running = gateway(config)
    pairs = Pairs(wire, running, first, second)
    every = []
    for path, route in (("/rooms", "rooms"), ("/", "all")):
        for source in ("127.0.0.1", "127.0.0.2"):
            for _ in range(2):
                address, *pair = pairs.open(path=path, source=source)
                every.append(({"route": route, "server": address, "ip": source}, pair))

    def chosen(**filters):
        return [pair for facts, pair in every if all(facts[name] == value for name, value in filters.items())]

    for query in ("", "?rate=5/s", "?route=all&code=999", "?route=all&rate=fast"):
        shed(running, f"/connections{query}", 400, "DELETE")
    assert shed(running, "/connections?route=none", 200, "DELETE") == {"closing": 0}
    for pair in chosen():
        check_kept(*pair)
    for filters in ({"route": "rooms", "ip": "127.0.0.2"}, {"server": second.address}, {"ip": "127.0.0.1"},
                    {"route": "all"}):
        going = chosen(**filters)
        query = "&".join(f"{name}={quote(value)}" for name, value in filters.items())
        answer = shed(running, f"/connections?{query}&code=4009&reason=maintenance", 200, "DELETE")
        assert answer == {"closing": len(going)}, filters
        for client, peer in going:
            assert client.expect_close() == (4009, "maintenance")
            assert peer.expect_close()[0] == 4009
            client.send_close(4009)
            peer.send_close(4009)
            peer.close()
        every = [(facts, pair) for facts, pair in every if pair not in going]
        for pair in chosen():
            check_kept(*pair)
    assert not every


def test_many_are_closed_at_a_pace(two_servers):
    running, _, opened, going, staying = two_servers
    answer = shed(running, f"/connections?server={quote(going)}&rate=5/s&code=4000", 200, "DELETE")
    assert answer == {"closing": 5}
    times = closes_over_time(opened[going], 4000)
    assert 0.5 < max(times) - min(times) < 4, f"expected a pace of 5 a second, got {times}"
    for pair in opened[staying]:
        check_kept(*pair)


def test_each_of_it_leaves_one_line_that_says_who_what_and_how_many(two_servers):
    running, _, opened, going, staying = two_servers
    for path, status, method, values in (
        (server_path(going, "drain"), 202, "POST", ("backend", going, "5")),
        (server_path(going, "undrain"), 202, "POST", ("backend", going)),
        ("/upstreams/backend/rebalance", 202, "POST", ("backend",)),
        (f"/connections?server={quote(staying)}&code=1012", 200, "DELETE", (staying,)),
    ):
        since = len(running.log())
        shed(running, path, status, method)

        def said():
            return [entry for entry in entries_with(running, since, "127.0.0.1", *values)
                    if entry.get("message") not in ("connection closed", "request refused")]

        eventually(said, f"a line with {values} about {path}")
        assert len(said()) == 1, said()
    for some in opened.values():
        for pair in some:
            check_closed(*pair)


# The delay before a drain

@pytest.mark.parametrize("number", [signal.SIGTERM, None], ids=["SIGTERM", "POST /drain"])
def test_during_the_delay_it_is_not_ready_and_serves_on(gateway, wire, number):
    server = wire.server()
    running = gateway(proxied(server.address, sections={
        "drain": {"delay": "2s", "timeout": "10s", "spread": "0s"}}))
    before = wire.pair(running, server)
    began = time.monotonic()
    if number:
        running.signal(number)
    else:
        assert running.admin("/drain", "POST")[0] == 202
    eventually(lambda: running.admin("/readyz")[0] == 503, "/readyz to say 503 at once", 1.5)
    during = wire.pair(running, server)
    for pair in (before, during):
        check_kept(*pair)
    assert time.monotonic() - began < 2, "the machine is too slow for a delay of 2 s"
    for pair in (before, during):
        assert pair[0].expect_close()[0] == 1012
    assert time.monotonic() - began > 1.9, "the Closes came before the delay had passed"
    try:
        response = wire.request(running)
    except (OSError, Ended):
        pass  # it no longer listens
    else:
        check_refusal(response, 503, retry_after=True)
    for client, peer in (before, during):
        client.send_close(1012)
        assert peer.expect_close()[0] == 1012
        peer.send_close(1012)
        peer.close()
    assert running.wait() == 0


def test_a_second_signal_ends_the_delay(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, sections={"drain": {"delay": "60s", "timeout": "60s", "spread": "0s"}}))
    wire.pair(running, server)
    running.signal(signal.SIGTERM)
    eventually(lambda: running.admin("/readyz")[0] == 503, "the delay to begin")

    def ended():
        running.signal(signal.SIGTERM)
        return running.process.poll() is not None

    eventually(ended, "the end", timeout=5)
    assert running.wait() == 0
