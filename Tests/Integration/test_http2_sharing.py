"""WebSockets that share HTTP/2 connections to servers: how many there are, what the end of one takes with it, and how
the rest goes on."""

import json
import os
import signal

import pytest
from h2.settings import SettingCodes

from http2_peer import GOAWAY, NO_ERROR, PING
from http2_server import go_away, refuse
from raw import TEXT
from test_http2_back import Siblings, check_echo, over_http2
from test_refusals import check_refusal
from test_upstreams import who
from waiting import eventually

# The gateway has an event loop a core; each has its own connections to a server, and the kernel chooses who gets a
# client.
LOOPS = os.cpu_count()


def server_stats(running, server):
    return running.stats()["upstreams"]["backend"]["servers"][server.address]


def check_all(clients):
    for number, client in enumerate(clients):
        check_echo(client, b"client %d" % number)


def streams_by_link(server):
    return [len(link.open_streams) for link in server.links]


# How many

def test_many_websockets_share_a_connection(gateway, http2_backend, wire):
    server = http2_backend()
    running = gateway(over_http2(server))
    clients = [wire.open(running) for _ in range(20)]
    check_all(clients)
    assert len(server.links) <= LOOPS
    assert sum(streams_by_link(server)) == 20
    counted = server_stats(running, server)
    assert (counted["active"], counted["streams"]) == (20, 20)
    assert counted["connections"] == len(server.links)
    for client in clients:
        client.send_close()
        client.expect_close()
    running.eventually(
        lambda stats: stats["upstreams"]["backend"]["servers"][server.address]["streams"] == 0, "no stream left")
    assert len(server.open_links) == len(server.links), "a connection ended with its last WebSocket"


@pytest.mark.parametrize("whose", ["the gateway's", "the server's"])
@pytest.mark.parametrize("limit", [1, 3])
def test_another_connection_beyond_the_streams_of_one(gateway, http2_backend, http2_link, whose, limit):
    server = http2_backend(max_streams=limit if whose == "the server's" else None)
    running = gateway(over_http2(server, upstream={
        "h2": {"max_connections": 4, **({"max_streams": limit} if whose == "the gateway's" else {})}}))
    link = http2_link(running)
    clients = [link.stream().open() for _ in range(4 * limit)]
    check_all(clients)
    assert streams_by_link(server) == [limit] * 4
    refused = link.stream().send_upgrade().read_response()
    check_refusal(refused, 503, retry_after=True)
    assert running.stats()["connections"]["rejected_total"] == {"server_max_connections": 1}
    assert len(server.links) == 4
    clients[0].send_close()
    clients[0].expect_close()
    clients[0].finish_sending()
    server.wait(lambda: sum(streams_by_link(server)) == 4 * limit - 1, "a stream to be free")
    check_all([link.stream().open(), *clients[1:]])
    assert streams_by_link(server) == [limit] * 4


def test_all_loops_together_keep_to_the_limits(gateway, http2_backend, wire):
    server = http2_backend()
    running = gateway(over_http2(server, upstream={"h2": {"max_connections": 2, "max_streams": 2}}))
    answers = [wire.connect(running).send_upgrade("/") for _ in range(4 * LOOPS + 4)]
    statuses = [client.read_response().status for client in answers]
    assert set(statuses) == {101, 503}, statuses
    assert statuses.count(101) <= 4 * LOOPS
    assert len(server.links) <= 2 * LOOPS
    assert max(streams_by_link(server)) <= 2
    check_all([client for client, status in zip(answers, statuses) if status == 101])


def test_a_cap_of_the_server_counts_websockets(gateway, http2_backend, wire):
    server = http2_backend()
    config = over_http2(server)
    config["upstreams"][0]["servers"][0]["max_connections"] = 3
    running = gateway(config)
    clients = [wire.open(running) for _ in range(3)]
    check_refusal(wire.request(running), 503, retry_after=True)
    check_all(clients)


def test_a_server_that_takes_fewer_streams_later(gateway, http2_backend, http2_link):
    server = http2_backend(max_streams=100)
    running = gateway(over_http2(server))
    link = http2_link(running)
    clients = [link.stream().open() for _ in range(4)]
    server.links[0].update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 2})
    # The check of the echo is behind the SETTINGS on the same connection.
    check_all(clients)
    clients.append(link.stream().open())
    check_all(clients)
    assert streams_by_link(server) == [4, 1]


# Streams that the server did not want

@pytest.mark.parametrize("act", [refuse(), go_away], ids=["REFUSED_STREAM", "GOAWAY"])
def test_what_a_server_did_not_take_another_gets(gateway, http2_backend, wire, act):
    busy, free = http2_backend("busy"), http2_backend("free")
    busy.next(*[act] * 100)
    running = gateway(over_http2(busy, free))
    clients = [wire.open(running) for _ in range(6)]
    assert [who(client) for client in clients] == ["free"] * 6
    assert busy.requests, "the first server was not even asked"
    assert running.stats()["connections"]["rejected_total"] == {}


def test_a_refused_stream_does_not_end_the_connection(gateway, http2_backend, http2_link):
    busy, free = http2_backend("busy"), http2_backend("free")
    running = gateway(over_http2(busy, free))
    link = http2_link(running)
    first = link.stream().open()
    assert who(first) == "busy"
    busy.next(*[refuse()] * 10)
    assert [who(link.stream().open()) for _ in range(3)] == ["free"] * 3
    check_echo(first)
    assert len(busy.open_links) == 1


def test_refused_by_all_ends_in_an_answer(gateway, http2_backend, wire):
    server = http2_backend()
    server.next(*[refuse()] * 100)
    running = gateway(over_http2(server))
    response = wire.request(running)
    assert response.status in (502, 503)
    check_refusal(response, response.status)
    assert 1 <= len(server.requests) <= 4, "more tries than `retries` allows"


def test_goaway_lets_old_streams_live_and_leads_new_ones_elsewhere(gateway, http2_backend, http2_link):
    server = http2_backend()
    running = gateway(over_http2(server))
    link = http2_link(running)
    old = [link.stream().open() for _ in range(3)]
    server.links[0].send_goaway()
    check_all(old)  # the echoes are behind the GOAWAY
    new = [link.stream().open() for _ in range(3)]
    check_all(old + new)
    assert streams_by_link(server) == [3, 3]
    for client in old:
        client.send_close()
        client.expect_close()
        client.finish_sending()
    server.wait(lambda: server.links[0].ended, "the old connection to be closed once it is empty")
    check_all(new)


def test_goaway_below_a_stream_that_is_open_ends_that_one(gateway, http2_backend, http2_link):
    server = http2_backend()
    running = gateway(over_http2(server))
    link = http2_link(running)
    kept, lost = link.stream().open(), link.stream().open()
    server.links[0].send_goaway(last_stream=1)
    assert lost.expect_close()[0] == 1011
    check_echo(kept)


# Connections that end

ENDS = {
    "TCP reset": lambda link: link.reset(),
    "TCP end": lambda link: link.finish(),
    "GOAWAY with an error and the end": lambda link: (link.send_goaway(code=2), link.finish()),
}


@pytest.mark.parametrize("end", ENDS, ids=str)
def test_a_lost_connection_ends_its_own_sessions_alone(gateway, http2_backend, http2_link, end):
    one, two = http2_backend("one"), http2_backend("two")
    running = gateway(over_http2(one, two, upstream={"h2": {"max_streams": 2}}))
    link = http2_link(running)
    clients = [link.stream().open() for _ in range(8)]
    names = [who(client) for client in clients]
    assert sorted(names) == ["one"] * 4 + ["two"] * 4
    assert streams_by_link(one) == streams_by_link(two) == [2, 2]
    broken = [client for client, name in zip(clients, names) if name == "one"][:2]
    ENDS[end](one.links[0])
    for client in broken:
        assert client.expect_close()[0] == 1011
    check_all([client for client in clients if client not in broken])
    assert len(one.open_links) == 1 and len(two.open_links) == 2
    running.eventually(
        lambda stats: stats["routes"]["all"]["close_codes"]["server"] == {"1006": 2}, "both ends to be counted")


def test_a_lost_connection_inside_a_frame_leaves_no_room_for_a_close(gateway, http2_backend, wire):
    server = http2_backend(echo=False)
    running = gateway(over_http2(server, compression="off"))
    client, peer = wire.pair(running, server)
    frame = peer.frame(TEXT, b"z" * 1000)
    peer.send(frame[:100])
    assert client.read_exactly(100) == frame[:100]
    server.links[0].reset()
    assert client.read_to_end() == b"", "something was written inside another frame"


def test_after_a_lost_connection_comes_a_new_one(gateway, http2_backend, wire):
    server = http2_backend()
    running = gateway(over_http2(server))
    client = wire.open(running)
    server.links[0].reset()
    assert client.expect_close()[0] == 1011
    check_echo(wire.open(running))


def test_a_connection_that_is_lost_before_the_answer_is_tried_elsewhere(gateway, http2_backend, wire):
    rude, alive = http2_backend("rude"), http2_backend("alive")
    rude.next(*[lambda stream: stream.link.transport.abort()] * 10)
    running = gateway(over_http2(rude, alive))
    assert [who(wire.open(running)) for _ in range(4)] == ["alive"] * 4
    assert rude.requests


def test_an_unanswered_ping_ends_the_connection(gateway, http2_backend, http2_link):
    silent, alive = http2_backend("silent", unsent=[PING]), http2_backend("alive")
    running = gateway(over_http2(
        silent, alive, upstream={"h2": {"ping_interval": "200ms", "ping_timeout": "300ms"}}))
    link = http2_link(running)
    clients = [link.stream().open() for _ in range(4)]
    lost = [client for client in clients if who(client) == "silent"]
    assert len(lost) == 2
    for client in lost:
        assert client.expect_close()[0] == 1011
    silent.wait(lambda: not silent.open_links, "the connection to be given up")
    check_all([client for client in clients if client not in lost])
    alive.wait(lambda: alive.links[0].frames[PING] >= 3, "pings that are answered")
    assert len(alive.open_links) == 1


# Connections that nobody needs

def test_idle_connections_are_closed(gateway, http2_backend, http2_link):
    server = http2_backend()
    running = gateway(over_http2(
        server, upstream={"h2": {"max_connections": 4, "max_streams": 1, "idle_timeout": "300ms"}}))
    link = http2_link(running)
    clients = [link.stream().open() for _ in range(4)]
    check_all(clients)
    assert len(server.open_links) == 4
    for client in clients[1:]:
        client.send_close()
        client.expect_close()
        client.finish_sending()
    server.wait(lambda: len(server.open_links) == 1, "the three connections that nobody uses to be closed")
    assert [link.ended for link in server.links[1:]] == ["eof"] * 3
    assert all(code == NO_ERROR for link in server.links for _, code in link.goaways)
    check_echo(clients[0])
    check_echo(link.stream().open())
    assert len(server.open_links) == 2


def test_a_connection_with_a_silent_websocket_is_not_idle(gateway, http2_backend, http2_link):
    server = http2_backend()
    running = gateway(over_http2(
        server, upstream={"h2": {"max_streams": 1, "idle_timeout": "200ms"}}))
    link = http2_link(running)
    silent, other = link.stream().open(), link.stream().open()
    other.send_close()
    other.expect_close()
    other.finish_sending()
    server.wait(lambda: len(server.open_links) == 1, "the other's connection to be closed")
    silent.expect_silence(0.5)
    check_echo(silent)
    assert len(server.links) == 2


def test_a_drain_tells_each_stream_and_ends_the_connections(gateway, http2_backend, wire):
    server = http2_backend(echo=False)
    running = gateway(over_http2(server, sections={"drain": {"timeout": "10s", "spread": "0s"}}))
    pairs = [wire.pair(running, server) for _ in range(6)]
    running.signal(signal.SIGTERM)
    for client, peer in pairs:
        assert client.expect_close()[0] == 1012
        assert peer.expect_close()[0] == 1012
        client.send_close(1012)
        peer.send_close(1012)
        peer.finish_sending()
    assert running.wait() == 0
    server.wait(lambda: not server.open_links, "the connections to end")
    assert {link.ended for link in server.links} == {"eof"}
    assert not any(link.frames[GOAWAY] and link.goaways[-1][1] != NO_ERROR for link in server.links)


# Seen from outside

def test_the_list_of_connections_shows_who_shares(gateway, http2_backend, http2_link):
    server = http2_backend()
    running = gateway(over_http2(server, upstream={"h2": {"max_streams": 2}}))
    clients = Siblings(http2_link(running), server)
    more = [clients.link.stream().open() for _ in range(3)]
    check_all(more)
    listed = eventually(
        lambda: (found := json.loads(running.admin("/connections")[2])) and len(found) == 4 and found,
        "four connections in the list")
    assert {entry["protocol"]["server"] for entry in listed} == {"h2"}
    assert {entry["protocol"]["client"] for entry in listed} == {"h2"}
    shared = [entry["server_connection"]["id"] for entry in listed]
    assert sorted(shared.count(one) for one in set(shared)) == [2, 2]
    assert {entry["server_connection"]["streams"] for entry in listed} == {2}
    assert {entry["client_connection"]["streams"] for entry in listed} == {4}
    assert len({entry["client_connection"]["id"] for entry in listed}) == 1
    protocols = running.route()["protocols"]
    assert (protocols["client"]["h2"], protocols["server"]["h2"]) == (4, 4)
    assert protocols["client"].get("http/1.1", 0) == protocols["server"].get("http/1.1", 0) == 0
