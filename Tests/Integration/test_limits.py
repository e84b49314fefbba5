"""Caps, sizes and times. Durations are short, and what is waited for is the event, not the clock."""

import select
import time

import pytest

from raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Deflate
from sluice import proxied
from test_refusals import check_refusal
from waiting import eventually


def over_the_cap(response):
    check_refusal(response, 503, retry_after=True)


CAPS = {
    "process": dict(sections={"limits": {"max_connections": 2}}),
    "process, per address": dict(sections={"limits": {"max_connections_per_ip": 2}}),
    "route": dict(max_connections=2),
    "route, per address": dict(max_connections_per_ip=2),
}


@pytest.mark.parametrize("cap", CAPS, ids=str)
def test_a_cap_of_two_lets_two_in_and_a_third_when_one_has_left(gateway, backend, wire, cap):
    running = gateway(proxied(backend().address, **CAPS[cap]))
    first, _ = wire.open(running), wire.open(running)
    over_the_cap(wire.request(running))
    over_the_cap(wire.request(running))
    assert running.route()["active"] == 2
    assert sum(running.stats()["connections"]["rejected_total"].values()) == 2
    first.send_close()
    first.expect_close()
    first.close()
    running.eventually(lambda stats: stats["routes"]["all"]["active"] == 1, "one connection left")
    wire.open(running)


def test_the_cap_of_a_server(gateway, backend, wire):
    config = proxied(backend().address)
    config["upstreams"][0]["servers"][0]["max_connections"] = 1
    running = gateway(config)
    wire.open(running)
    over_the_cap(wire.request(running))


def test_a_refused_handshake_gives_its_place_back(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, max_connections=1, upstream={"retries": 0}))
    for _ in range(3):
        client = wire.connect(running).send_upgrade("/")
        peer = wire.accept(server)
        peer.read_upgrade()
        peer.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        assert client.read_response().status == 403
        assert client.expect_end() == "eof"


def test_a_client_that_leaves_during_the_handshake_gives_its_place_back(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, max_connections=1))

    def admitted():
        """A client and the server's end of it, or nothing when the one before still has its place."""
        client = wire.connect(running).send_upgrade("/")
        readable, _, _ = select.select([server.sock, client.sock], [], [], 10)
        return server.sock in readable and (client, wire.accept(server))

    for _ in range(3):
        client, peer = eventually(admitted, "a place to be free")
        peer.read_upgrade()
        client.reset()
        peer.expect_end()


def test_the_handshake_rate(gateway, backend, wire):
    running = gateway(proxied(backend().address, sections={"limits": {"max_handshakes_per_second": 2}}))
    responses = [wire.request(running) for _ in range(12)]
    statuses = {response.status for response in responses}
    assert statuses == {101, 429}, statuses
    check_refusal(next(r for r in responses if r.status == 429), 429, retry_after=True)


@pytest.mark.parametrize("fragments", [1, 3])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_of_the_limit_passes_and_one_byte_more_closes_with_1009(gateway, wire, opcode, fragments):
    server = wire.server()
    running = gateway(proxied(server.address, max_message_size="3000"))

    def send(client, size):
        step = size // fragments
        for number in range(fragments):
            last = number == fragments - 1
            piece = b"m" * (size - step * number if last else step)
            client.send_frame(opcode if number == 0 else CONTINUATION, piece, fin=last)

    client, peer = wire.pair(running, server)
    send(client, 3000)
    assert peer.read_message()[1] == b"m" * 3000
    send(peer, 3000)
    assert client.read_message()[1] == b"m" * 3000
    send(client, 3001)
    assert client.expect_close()[0] == 1009

    client, peer = wire.pair(running, server)
    send(peer, 3001)
    assert peer.expect_close()[0] == 1009


def test_the_limit_is_about_the_decompressed_message(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, max_message_size="3000"))
    for size, passes in ((3000, True), (3001, False)):
        client, peer = wire.pair(
            running, server, fields=[("Sec-WebSocket-Extensions", "permessage-deflate")])
        codec = Deflate("permessage-deflate", "client")
        client.send_frame(TEXT, codec.compress(b"ab" * (size // 2) + b"c" * (size % 2)), rsv=4)
        if passes:
            assert len(peer.read_message()[1]) == size
        else:
            assert client.expect_close()[0] == 1009


def test_a_frame_that_only_announces_too_much_is_refused_at_its_header(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, max_message_size="1MiB"))
    client, peer = wire.pair(running, server)
    client.send(b"\x82\xff" + (1 << 40).to_bytes(8, "big") + b"\x00\x00\x00\x00")
    assert client.expect_close()[0] == 1009
    assert peer.expect_close()[0] == 1001


def test_idle_timeout_closes_both_sides_with_1001(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, idle_timeout="300ms", ping_interval="0s"))
    client, peer = wire.pair(running, server)
    started = time.monotonic()
    assert client.expect_close()[0] == 1001
    assert peer.expect_close()[0] == 1001
    assert time.monotonic() - started >= 0.25


def test_frames_put_the_idle_timeout_off(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, idle_timeout="800ms", ping_interval="0s"))
    client, peer = wire.pair(running, server)
    until = time.monotonic() + 1.6
    while time.monotonic() < until:
        client.send_frame(TEXT, "tick")
        assert peer.read_message()[1] == b"tick"
        peer.expect_silence(0.2)
    assert client.expect_close()[0] == 1001


def test_max_lifetime_closes_with_1001_however_busy(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, max_lifetime="500ms"))
    client, peer = wire.pair(running, server)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        client.send_frame(TEXT, "busy")
        frame = peer.read_frame()
        if frame.opcode == CLOSE:
            assert frame.close[0] == 1001
            break
    else:
        raise AssertionError("max_lifetime of 500ms did not end the connection within 5 s")
    assert client.expect_close()[0] == 1001


def test_the_gateways_pings_carry_a_payload_and_their_pongs_stay_here(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, ping_interval="150ms", pong_timeout="5s"))
    client, peer = wire.pair(running, server)
    for one, other in ((client, peer), (peer, client)):
        ping = one.read_frame()
        assert ping.opcode == PING and ping.payload
        assert ping.masked == (one is peer)
        one.send_frame(PONG, ping.payload)
    client.send_frame(TEXT, "after")
    frames = [peer.read_frame()]
    while frames[-1].opcode != TEXT:
        frames.append(peer.read_frame())
    assert all(frame.opcode in (PING, TEXT) for frame in frames), frames


def test_a_client_that_misses_its_pong_is_dropped(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, ping_interval="100ms", pong_timeout="200ms", close_timeout="200ms"))
    client, peer = wire.pair(running, server)
    assert client.read_frame().opcode == PING
    frame = peer.read_frame()
    while frame.opcode == PING:
        peer.send_frame(PONG, frame.payload)
        frame = peer.read_frame()
    assert frame.close[0] in (1001, 1011)
    running.eventually(lambda stats: stats["routes"]["all"]["active"] == 0, "the connection to be gone")


def test_a_server_that_misses_its_pong_gives_the_client_1011(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, ping_interval="100ms", pong_timeout="200ms", close_timeout="200ms"))
    client, peer = wire.pair(running, server)
    frame = client.read_frame()
    while frame.opcode == PING:
        client.send_frame(PONG, frame.payload)
        frame = client.read_frame()
    assert frame.close[0] == 1011


def test_other_traffic_is_a_sign_of_life_too(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, ping_interval="100ms", pong_timeout="300ms"))
    client, peer = wire.pair(running, server)
    until = time.monotonic() + 1.2
    while time.monotonic() < until:
        client.send_frame(TEXT, "no pong, but alive")
        assert peer.read_message()[1] == b"no pong, but alive"
        peer.send_frame(TEXT, "the same")
        assert client.read_message()[1] == b"the same"
    assert running.route()["active"] == 1


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ", b"GET"])
def test_a_handshake_that_does_not_end_in_time_gives_408(gateway, wire, sent):
    server = wire.server()
    running = gateway(proxied(server.address, sections={"limits": {"handshake_timeout": "300ms"}}))
    client = wire.connect(running)
    client.send(sent)
    check_refusal(client.read_response(), 408)
    client.expect_end()


def test_handshake_timeout_covers_tls(gateway, wire, both_listeners):
    server = wire.server()
    running = gateway(proxied(
        server.address, sections={"listeners": both_listeners, "limits": {"handshake_timeout": "300ms"}}))
    client = wire.connect(running, "tls")
    client.send(b"\x16\x03\x01")
    client.read_to_end()  # no word is possible without TLS: the end is the answer


@pytest.mark.parametrize("fields", [
    [("X-Long", "x" * 5000)],
    [(f"X-{n}", "y" * 50) for n in range(100)],
    [("Cookie", "c" * 100_000)],
])
def test_a_head_over_max_header_size_gives_431(gateway, wire, fields):
    server = wire.server()
    running = gateway(proxied(server.address, sections={"limits": {"max_header_size": "4KiB"}}))
    client = wire.connect(running)
    try:
        client.send_upgrade("/", fields)
    except OSError:
        pass
    check_refusal(client.read_response(), 431)
    client.expect_end()


def test_a_head_below_max_header_size_passes(gateway, backend, wire):
    running = gateway(proxied(backend().address, sections={"limits": {"max_header_size": "4KiB"}}))
    wire.open(running, fields=[("X-Long", "x" * 3000)])


def test_a_request_target_that_never_ends_gives_431(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, sections={"limits": {"max_header_size": "4KiB"}}))
    client = wire.connect(running)
    client.send(b"GET /" + b"a" * 8000)
    assert client.read_response().status in (414, 431)


def test_close_timeout_ends_a_connection_whose_close_is_not_answered(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, max_message_size="10", close_timeout="300ms"))
    client, peer = wire.pair(running, server)
    client.send_frame(BINARY, b"x" * 11)
    assert client.expect_close()[0] == 1009
    assert peer.expect_close()[0] == 1001
    # Neither side answers.
    client.read_to_end()
    peer.read_to_end()
    running.eventually(lambda stats: stats["routes"]["all"]["active"] == 0, "the connection to be gone")


def test_a_reader_that_stops_holds_the_writer_back(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, compression="off", ping_interval="0s"))
    client, peer = wire.pair(running, server)
    piece = peer.frame(BINARY, bytes(64 * 1024))
    peer.sock.settimeout(1)
    sent = 0
    before = running.resident_bytes()
    try:
        while sent < 256 * 1024 * 1024:
            peer.send(piece)
            sent += len(piece)
    except TimeoutError:
        pass
    assert sent < 64 * 1024 * 1024, f"the server could send {sent} bytes to a client that reads none"
    assert running.resident_bytes() - before < 16 * 1024 * 1024
