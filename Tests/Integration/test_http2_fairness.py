"""Streams of one connection share it: who does not read, or is not read, stops nobody else (RFC 9113 §5.2)."""

import hashlib
import os
import threading
import time

import pytest

from http2_client import INITIAL_WINDOW
from http2_raw import PADDED, WINDOW_UPDATE, RawHTTP2, data
from raw import BINARY, DEADLINE, TEXT
from sluice import PeakMemory, proxied
from test_hostile_floods import GROWTH, MIB, STUCK, Sending, fill
from test_http2_endings import Relay, stream_of
from test_http2_front import secured
from waiting import SLOWDOWN

FIRST_WINDOW = 65_535
LARGEST_WINDOW = 4 * MIB
BULK = 64 * MIB


@pytest.fixture
def relay(gateway, wire):
    server = wire.server()
    config = proxied(
        server.address, compression="off", max_message_size="256MiB", ping_interval="0s", close_timeout="300ms")
    return Relay(gateway, wire, config, server)


class Reading(threading.Thread):
    """Reads so many bytes from a socket, and keeps their number and digest alone."""

    def __init__(self, peer, size):
        super().__init__(daemon=True)
        self.peer, self.size, self.digest, self.count, self.error = peer, size, hashlib.sha256(), 0, None
        self.start()

    def run(self):
        self.peer.sock.settimeout(3 * DEADLINE)
        try:
            while self.count < self.size:
                data = self.peer.sock.recv(min(1 << 18, self.size - self.count))
                if not data:
                    return
                self.count += len(data)
                self.digest.update(data)
        except OSError as error:
            self.error = error

    def whole(self):
        self.join(3 * DEADLINE)
        assert self.count == self.size, f"expected {self.size} bytes, got {self.count}; {self.error}"
        return self.digest.hexdigest()


def bulk(sender, size, key=bytes(4)):
    """(header, payload) of one message of so many bytes that differ everywhere; the mask changes nothing."""
    options = {"mask": key} if sender.role == "client" else {}
    piece = os.urandom(MIB - 1)
    payload = (piece * (size // len(piece) + 1))[:size]
    header = sender.frame(BINARY, b"", length_form=64, **options)
    return header[:2] + size.to_bytes(8, "big") + header[10:], payload


def exchange(pairs, rounds=20, size=1000):
    """Messages both ways on each pair, each of which has to arrive."""
    for number in range(rounds):
        for client, peer in pairs:
            text = f"{number}".encode() * size
            client.send_frame(TEXT, text)
            assert peer.read_message()[1] == text
            peer.send_frame(TEXT, text)
            assert client.read_message()[1] == text


def content(sent, piece):
    """What was sent by repeating a piece, cut anywhere."""
    return (piece * (sent // len(piece) + 1))[:sent]


# A client that gives no window


def test_a_stream_without_window_stops_its_own_sender_and_nobody_else(relay):
    pairs = [relay.pair() for _ in range(4)]
    (client, peer), others = pairs[0], pairs[1:]
    stream = stream_of(client)
    stream.held = True
    piece = peer.frame(BINARY, os.urandom(100_000))
    exchange(others, 2)
    with PeakMemory(relay.running) as memory:
        sent = fill(peer, piece)
        exchange(others)
    assert FIRST_WINDOW < sent < STUCK, f"expected the sender to be paused, {sent} bytes of it were taken"
    assert stream.received == FIRST_WINDOW, f"expected the window to be used up, {stream.received} bytes came"
    assert memory.growth < GROWTH, f"resident memory grew by {memory.growth / MIB:.1f} MiB"
    relay.client.release(stream)
    relay.client.wait(lambda: stream.received == sent, f"all of {sent} bytes")
    assert stream.data == content(sent, piece), "expected what was sent, as it was sent"


@pytest.mark.parametrize("withheld", ["streams", "connection"])
def test_many_streams_without_window_hold_little(relay, withheld):
    """Behind the connection's window they wait as well as behind their own."""
    relay.client.gives_connection_window = withheld == "streams"
    pairs = [relay.pair() for _ in range(12)]
    for client, _ in pairs:
        stream_of(client).held = True
    neighbours = [relay.pair(client=relay.wire.http2(relay.running))]
    if withheld == "streams":
        neighbours.append(relay.pair())
    exchange(neighbours, 2)
    with PeakMemory(relay.running) as memory:
        sent = [fill(peer, peer.frame(BINARY, bytes(60_000)), patience=0.05) for _, peer in pairs]
        exchange(neighbours)
    assert all(0 < count < STUCK for count in sent), sent
    relay.client.read_what_comes(0.05)
    received = [stream_of(client).received for client, _ in pairs]
    if withheld == "streams":
        assert set(received) == {FIRST_WINDOW}, received
    else:
        assert sum(received) <= FIRST_WINDOW, received
    assert memory.growth < GROWTH, f"resident memory grew by {memory.growth / MIB:.1f} MiB"
    relay.client.reset()
    relay.running.eventually(lambda stats: stats["connections"]["active"] == 1, "the neighbour alone to be left")


def test_a_connection_without_window_goes_on_when_it_gets_some(relay):
    client, peer = relay.pair()
    stream = stream_of(client)
    stream.held, relay.client.gives_connection_window = True, False
    header, payload = bulk(peer, 200_000)
    sending = Sending(peer, header + payload)
    relay.client.wait(lambda: stream.received == FIRST_WINDOW, "the window to be used up")
    relay.client.grant(1000, stream)
    relay.client.ping()
    assert stream.received == FIRST_WINDOW, "expected the connection's window to be a limit too"
    relay.client.grant(500)
    relay.client.wait(lambda: stream.received == FIRST_WINDOW + 500, "what the connection's window allows")
    relay.client.grant(MIB)
    relay.client.wait(lambda: stream.received == FIRST_WINDOW + 1000, "what the stream's window allows")
    relay.client.grant(MIB, stream)
    relay.client.wait(lambda: stream.received == len(header + payload), "all of it")
    assert stream.data == header + payload
    sending.join(DEADLINE)


def test_windows_of_ten_bytes(gateway, wire):
    server = wire.server()
    relay = Relay(gateway, wire, proxied(server.address, compression="off"), server)
    client, peer = relay.pair(client=wire.http2(relay.running, settings={INITIAL_WINDOW: 10}))
    peer.send_frame(TEXT, "w" * 2000)
    assert client.read_message()[1] == b"w" * 2000


def test_no_window_at_first(gateway, wire):
    server = wire.server()
    relay = Relay(gateway, wire, proxied(server.address, compression="off"), server)
    http2 = wire.http2(relay.running, settings={INITIAL_WINDOW: 0})
    client, peer = relay.pair(client=http2)
    stream = stream_of(client)
    stream.held = True
    peer.send_frame(TEXT, "x" * 98)
    for allowed in (1, 50, 100):
        http2.ping()
        before = stream.received
        http2.grant(allowed - before, stream)
        http2.wait(lambda: stream.received == allowed, f"{allowed} bytes")
    assert stream.data == peer.frame(TEXT, "x" * 98)


def test_a_window_that_is_made_smaller_than_what_is_used_of_it(relay):
    client, peer = relay.pair()
    http2, stream = relay.client, stream_of(client)
    stream.held = True
    peer.send(peer.frame(BINARY, bytes(40_000 - 4)))
    http2.wait(lambda: stream.received == 40_000, "40,000 bytes")
    acknowledged = http2.settings_acknowledged
    http2.connection.update_settings({INITIAL_WINDOW: 10_000})
    http2.wait(lambda: http2.settings_acknowledged > acknowledged, "the acknowledgement of SETTINGS")
    peer.send(peer.frame(BINARY, bytes(20_000)))
    http2.grant(30_000, stream)
    http2.ping()
    assert stream.received == 40_000, "expected nothing, the window is 0"
    http2.grant(1, stream)
    http2.wait(lambda: stream.received == 40_001, "a byte")
    http2.grant(MIB, stream)
    http2.wait(lambda: stream.received == 60_004, "the rest")


# A server that does not read


def test_a_slow_server_stops_its_own_stream_and_nobody_else(relay):
    pairs = [relay.pair() for _ in range(4)]
    (client, peer), others = pairs[0], pairs[1:]
    http2, stream = relay.client, stream_of(client)
    piece = client.frame(BINARY, os.urandom(100_000), mask=bytes(4))
    exchange(others, 2)
    with PeakMemory(relay.running) as memory:
        sent = http2.fill(stream, piece, STUCK)
        assert FIRST_WINDOW <= sent < STUCK, f"expected the stream to be held back, {sent} bytes of it were taken"
        assert http2.window(stream) == 0
        told = len(stream.window_updates)
        exchange(others, 20, 40_000)
    assert len(stream.window_updates) == told, "expected no window for who is not read"
    for other, _ in others:
        assert stream_of(other).window_updates, "expected windows for who is read"
    assert http2.connection.outbound_flow_control_window >= MIB, "expected the connection to have room for others"
    assert memory.growth < GROWTH, f"resident memory grew by {memory.growth / MIB:.1f} MiB"
    assert peer.read_exactly(sent) == content(sent, piece), "expected what was sent, as it was sent"
    http2.wait(lambda: http2.window(stream) >= FIRST_WINDOW, "window again")


def test_many_slow_servers_hold_little(relay):
    pairs = [relay.pair() for _ in range(12)]
    neighbour = relay.pair()
    exchange([neighbour], 2)
    with PeakMemory(relay.running) as memory:
        for client, _ in pairs:
            sent = relay.client.fill(stream_of(client), client.frame(BINARY, bytes(60_000), mask=bytes(4)), STUCK, 0.05)
            assert sent < STUCK, f"expected the stream to be held back, {sent} bytes of it were taken"
        exchange([neighbour])
    assert memory.growth < 2 * GROWTH, f"resident memory grew by {memory.growth / MIB:.1f} MiB"
    relay.client.reset()
    relay.running.eventually(lambda stats: stats["connections"]["active"] == 0, "nothing left")


def test_a_reset_frees_a_stream_whose_server_does_not_read(relay):
    client, peer = relay.pair()
    relay.client.fill(stream_of(client), client.frame(BINARY, bytes(60_000), mask=bytes(4)), STUCK, 0.1)
    relay.client.cancel(stream_of(client))
    relay.client.ping()
    peer.close()
    relay.settled()


# Windows are given back


def test_window_used_before_the_200_comes_back(relay):
    http2 = relay.client
    stream = http2.ask()
    peer = relay.wire.accept(relay.server)
    client = http2.peer_on(stream)
    first = client.frame(BINARY, bytes(FIRST_WINDOW - 8))
    client.send(first)
    assert len(first) == FIRST_WINDOW and http2.window(stream) == 0
    peer.accept_upgrade()
    http2.expect_open(stream)
    assert peer.read_message()[1] == bytes(FIRST_WINDOW - 8)
    Reading(peer, 300_000)
    client.send_frame(BINARY, bytes(300_000))


def test_window_used_by_padding_comes_back(relay):
    client = RawHTTP2(relay.wire.connect(relay.running))
    stream = client.ask()
    peer = relay.wire.accept(relay.server)
    peer.accept_upgrade()
    client.expect_open(stream)
    sent = client.peer.frame(BINARY, os.urandom(3000))
    window = FIRST_WINDOW
    for start in range(0, len(sent), 100):
        piece = b"".join(data(stream, bytes([255, byte]) + bytes(255), PADDED) for byte in sent[start : start + 100])
        while window < len(piece):
            window += int.from_bytes(client.frame_of(WINDOW_UPDATE, stream=stream).payload)
        client.send(piece)
        window -= 257 * len(sent[start : start + 100])
    assert peer.read_exactly(len(sent)) == sent


def test_streams_that_are_dropped_leave_the_connection_its_window(relay):
    """More than it has, on streams whose content goes nowhere."""
    http2 = relay.client
    client, peer = relay.pair()
    for number in range(400):
        stream = http2.ask() if number % 2 else http2.start(http2.pseudo("POST", "/"))
        try:
            http2.send(stream, bytes(60_000))
        except ConnectionResetError:
            continue  # the answer is there, and nothing more is wanted
        if stream.reset is None:
            http2.cancel(stream)
    exchange([(client, peer)], 5, 100_000)


# Bulk


@pytest.mark.parametrize("listener, direction", [("tls", "to the server"), ("plain", "to the client")])
def test_64_mib_arrive_whole(gateway, wire, both_listeners, trusting, listener, direction):
    server = wire.server()
    relay = Relay(gateway, wire, proxied(
        server.address, compression="off", max_message_size="256MiB", sections={"listeners": both_listeners}), server)
    http2 = wire.http2(relay.running, **secured(listener, trusting), settings={INITIAL_WINDOW: MIB})
    client, peer = relay.pair(client=http2)
    exchange([(client, peer)], 2)
    stream = stream_of(client)
    sender = client if direction == "to the server" else peer
    header, payload = bulk(sender, BULK)
    expected = hashlib.sha256(header + payload).hexdigest()
    with PeakMemory(relay.running) as memory:
        if sender is client:
            reading = Reading(peer, len(header) + BULK)
            client.send(header)
            client.send(payload)
            assert reading.whole() == expected
        else:
            digest = hashlib.sha256()
            stream.sink, start = digest.update, stream.received
            http2.grant(8 * MIB)
            sending = Sending(peer, header + payload)
            http2.wait(
                lambda: stream.received - start == len(header) + BULK, "all of it", 3 * DEADLINE)
            sending.join(DEADLINE)
            assert digest.hexdigest() == expected
            stream.sink = None
    assert memory.growth < GROWTH, f"resident memory grew by {memory.growth / MIB:.1f} MiB"
    exchange([(client, peer)], 2)


def test_the_window_of_a_fast_stream_grows_to_its_limit_and_no_further(relay):
    client, peer = relay.pair()
    http2, stream = relay.client, stream_of(client)
    header, payload = bulk(client, 32 * MIB)
    reading = Reading(peer, len(header) + len(payload))
    client.send(header)
    largest = 0
    for start in range(0, len(payload), MIB // 4):
        http2.send(stream, payload[start : start + MIB // 4])
        while http2.read_within(0):
            pass
        largest = max(largest, http2.window(stream))
    reading.whole()
    http2.ping()
    largest = max(largest, http2.window(stream))
    assert FIRST_WINDOW < largest <= LARGEST_WINDOW, f"expected more than the first window, got {largest}"
    other, _ = relay.pair()
    assert http2.window(stream_of(other)) == FIRST_WINDOW, "expected each stream to begin small"


def test_small_messages_beside_bulk(relay):
    """While megabytes flow on two streams, one up and one down, messages on a third are only a little late."""
    (bulk_up, up_peer), (bulk_down, down_peer), (client, peer) = (relay.pair() for _ in range(3))
    http2 = relay.client
    header, payload = bulk(down_peer, 24 * MIB)
    stream_of(bulk_down).sink = lambda data: None
    sending = Sending(down_peer, header + payload)
    reading = Reading(up_peer, 24 * MIB)
    up = bulk_up.frame(BINARY, bytes(60_000), mask=bytes(4))
    latencies, sent = [], 0
    while stream_of(bulk_down).received < len(payload):
        sent += http2.fill(stream_of(bulk_up), up, min(MIB // 2, 24 * MIB - sent), 0.001)
        started = time.monotonic()
        client.send_frame(TEXT, "small")
        assert peer.read_message()[1] == b"small"
        peer.send_frame(TEXT, "small too")
        assert client.read_message()[1] == b"small too"
        latencies.append(time.monotonic() - started)
        http2.read_within(0)
    sending.join(DEADLINE)
    latencies.sort()
    print(f"{len(latencies)} round trips, median {latencies[len(latencies) // 2]:.3f} s, {sent} bytes up meanwhile")
    assert len(latencies) >= 5, "expected some round trips while the bulk went on"
    assert latencies[-1] < 2 * SLOWDOWN, f"expected all within {2 * SLOWDOWN} s, got {latencies[-5:]}"
    assert reading.error is None


def test_bulk_streams_share_the_connection(relay):
    """Four that send as fast as they can: none waits until another is through."""
    pairs = [relay.pair() for _ in range(4)]
    size = 8 * MIB
    for client, _ in pairs:
        stream_of(client).sink = lambda data: None
    sending = []
    for _, peer in pairs:
        header, payload = bulk(peer, size)
        sending.append(Sending(peer, header + payload))
    streams = [stream_of(client) for client, _ in pairs]
    relay.client.wait(lambda: any(stream.received > size for stream in streams), "one of them to be through")
    least = min(stream.received for stream in streams)
    assert least > size // 10, f"expected all to come forward, got {[stream.received for stream in streams]}"
    relay.client.wait(lambda: all(stream.received > size for stream in streams), "all of them")
    for one in sending:
        one.join(DEADLINE)


def test_ends_overtake_nothing(relay):
    """A Close stands behind all that was sent before it, however slowly that is read."""
    client, peer = relay.pair()
    stream = stream_of(client)
    stream.held = True
    for number in range(10):
        peer.send_frame(BINARY, bytes([number]) * 50_000)
    peer.send_close(1000, "done")
    relay.client.wait(lambda: stream.received == FIRST_WINDOW, "the window to be used up")
    relay.client.release(stream)
    for number in range(10):
        assert client.read_message()[1] == bytes([number]) * 50_000
    assert client.expect_close() == (1000, "done")
