"""Memory stays bounded whatever the peers send. Resident memory is sampled while the bytes flow."""

import os
import random
import threading
import time
import zlib

import pytest

from raw import BINARY, CONTINUATION, Deflate, Ended
from sluice import PeakMemory, proxied
from waiting import eventually

MIB = 1024 * 1024
LARGE = 100 * MIB
GROWTH = 16 * MIB
GIVEN_UP = 800
EXTENSIONS = "Sec-WebSocket-Extensions"


class Sink(threading.Thread):
    """Reads everything that comes to a peer and counts payload bytes, without keeping them."""

    def __init__(self, peer):
        super().__init__(daemon=True)
        self.peer, self.payload, self.frames, self.last, self.error = peer, 0, 0, None, None
        self.start()

    def run(self):
        try:
            while True:
                frame_head = self.peer.read_exactly(2)
                size = frame_head[1] & 0x7F
                if size >= 126:
                    size = int.from_bytes(self.peer.read_exactly(2 if size == 126 else 8), "big")
                if frame_head[1] & 0x80:
                    self.peer.read_exactly(4)
                opcode, fin = frame_head[0] & 0x0F, frame_head[0] & 0x80
                left = size
                while left:
                    step = min(left, MIB)
                    self.peer.read_exactly(step)
                    left -= step
                self.frames += 1
                if opcode in (BINARY, CONTINUATION):
                    self.payload += size
                    if fin:
                        self.last = "message"
                        return
                elif opcode == 0x8:
                    self.last = "close"
                    return
        except (Ended, AssertionError, OSError) as error:
            self.error = error


def warm(running, wire, server, **options):
    """One connection that carried something, so that what is measured is the message and not the first use."""
    client, peer = wire.pair(running, server, **options)
    for one, other in ((client, peer), (peer, client)):
        one.send_frame(BINARY, bytes(300_000))
        other.read_message()
    return client, peer


def large_message(sender, size, fragments):
    """The bytes of one message of zeros, frame by frame, in pieces of at most 1 MiB."""
    step = size // fragments
    for number in range(fragments):
        head = sender.frame(
            BINARY if number == 0 else CONTINUATION, b"", fin=number == fragments - 1,
            **({"mask": bytes(4)} if sender.role == "client" else {}))
        masked = head[1] & 0x80
        yield bytes([head[0], masked | 127]) + step.to_bytes(8, "big") + (bytes(4) if masked else b"")
        for _ in range(0, step, MIB):
            yield bytes(MIB)


@pytest.mark.parametrize("compression", ["off", "terminate"])
@pytest.mark.parametrize("direction", ["to the server", "to the client"])
@pytest.mark.parametrize("fragments", [1, 100])
def test_a_message_of_100_mib_streams_through(gateway, wire, compression, direction, fragments):
    server = wire.server()
    running = gateway(proxied(server.address, compression=compression, max_message_size="256MiB"))
    fields = [(EXTENSIONS, "permessage-deflate")] if compression == "terminate" else []
    client, peer = wire.pair(running, server, fields=fields)
    sender, receiver = (client, peer) if direction == "to the server" else (peer, client)
    sender.send_frame(BINARY, bytes(300_000))
    receiver.read_message()
    with PeakMemory(running) as memory:
        sink = Sink(receiver)
        for piece in large_message(sender, LARGE, fragments):
            sender.send(piece)
        sink.join(60)
    assert not sink.is_alive() and sink.error is None, f"the message did not arrive: {sink.error}"
    if compression == "off" or direction == "to the server":
        assert sink.payload == LARGE
    else:
        assert 0 < sink.payload < LARGE // 100, "compressible, and yet not compressed"
    assert memory.growth < GROWTH, f"resident memory grew by {memory.growth / MIB:.1f} MiB"


def test_a_compressed_message_of_100_mib_streams_through(gateway, wire):
    server = wire.server()
    running = gateway(proxied(
        server.address, max_message_size="256MiB", compression={"mode": "terminate", "max_ratio": 0}))
    client, peer = warm(running, wire, server, fields=[(EXTENSIONS, "permessage-deflate")])
    data = deflated_zeros(LARGE)
    with PeakMemory(running) as memory:
        sink = Sink(peer)
        client.send_frame(BINARY, data, rsv=4)
        sink.join(60)
    assert not sink.is_alive() and sink.error is None, f"the message did not arrive: {sink.error}"
    assert sink.payload == LARGE
    assert memory.growth < GROWTH, f"resident memory grew by {memory.growth / MIB:.1f} MiB"


def deflated_zeros(size):
    """Raw deflate data of `size` zeros, a multiple of 16 MiB, without the tail of RFC 7692 §7.2.1."""
    deflater = zlib.compressobj(9, wbits=-15)
    piece = deflater.compress(bytes(16 * MIB)) + deflater.flush(zlib.Z_FULL_FLUSH)
    # A full flush ends at a byte and forgets the window, so the piece may follow itself.
    count, rest = divmod(size, 16 * MIB)
    data = piece * count
    if rest:
        deflater = zlib.compressobj(9, wbits=-15)
        data += deflater.compress(bytes(rest)) + deflater.flush(zlib.Z_SYNC_FLUSH)
    return data[:-4]


@pytest.mark.parametrize("settings, bound", [
    (dict(max_message_size="16MiB", compression={"mode": "terminate", "max_ratio": 0}), 16 * MIB),
    # The ratio is that of the message as its frame announces it: 1 MiB, which may be 200 MiB.
    (dict(max_message_size="2GiB", compression={"mode": "terminate", "max_ratio": 200}), 210 * MIB),
    (dict(max_message_size="64KiB", compression={"mode": "terminate", "upstream": "on"}), 64 * 1024),
], ids=["size limit", "ratio limit", "both"])
def test_a_bomb_of_1_gib_closes_with_1009(gateway, wire, settings, bound):
    server = wire.server()
    running = gateway(proxied(server.address, **settings))
    client, peer = wire.pair(running, server, fields=[(EXTENSIONS, "permessage-deflate")])
    client.send_frame(BINARY, Deflate("permessage-deflate", "client").compress(b"warm" * 1000), rsv=4)
    peer.read_message()
    bomb = client.frame(BINARY, deflated_zeros(1024 * MIB), rsv=4)
    with PeakMemory(running) as memory:
        sink = Sink(peer)
        try:
            client.send(bomb)
        except OSError:
            pass  # it need not be read to its end
        assert client.expect_close()[0] == 1009
        sink.join(30)
    assert sink.payload <= bound
    assert memory.growth < GROWTH, f"resident memory grew by {memory.growth / MIB:.1f} MiB"


def test_memory_comes_back_when_connections_end(gateway, backend, wire):
    running = gateway(proxied(backend().address))

    def round_of_connections():
        clients = [wire.open(running, fields=[(EXTENSIONS, "permessage-deflate")]) for _ in range(100)]
        codecs = [Deflate(client.response.get(EXTENSIONS), "client") for client in clients]
        for client, codec in zip(clients, codecs):
            client.send_frame(BINARY, codec.compress(b"%08d" * 2500 % tuple(range(2500))), rsv=4)
        for client in clients:
            client.read_message()
            client.send_close()
            client.expect_close()
            client.close()
        running.eventually(lambda stats: stats["routes"]["all"]["active"] == 0, "no connection left")

    round_of_connections()
    before = running.resident_bytes()
    for _ in range(3):
        round_of_connections()
    # It is given back every two seconds, which may just have happened before, and not yet after.
    eventually(lambda: running.resident_bytes() - before < 8 * MIB, "no more than 8 MiB over what it was")
    assert running.route()["compression"]["memory_bytes"] < MIB


def test_memory_comes_back_when_handshakes_are_given_up(gateway, backend, wire):
    running = gateway(proxied(backend().address))
    wire.open(running)
    before = running.resident_bytes()
    # Each has sent a part of a request.
    clients = [wire.connect(running) for _ in range(GIVEN_UP)]
    for client in clients:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Padding: " + b"a" * 8000)
    running.eventually(lambda stats: stats["transports"]["handshaking"] >= GIVEN_UP, "all handshakes under way")
    grown = running.resident_bytes() - before
    for client in clients:
        client.close()
    # Nothing else happens: the admin endpoint is not asked either.
    eventually(
        lambda: running.resident_bytes() - before < max(grown / 2, 2 * MIB),
        f"half of {grown / MIB:.1f} MiB back", timeout=15)


@pytest.mark.skipif("SLUICE_SANITIZER" in os.environ, reason="a sanitizer keeps memory of its own")
def test_memory_of_idle_compressors_comes_back(gateway, backend, connect):
    running = gateway(proxied(backend().address))
    clients = [connect(running.url("/")) for _ in range(150)]
    before = running.resident_bytes()
    for client in clients:
        echo_words(client)
    grown = running.resident_bytes() - before
    assert grown > 2 * MIB, "compressors take memory while they are used"
    # They are given up after five idle seconds; what inflates messages stays with its client.
    eventually(
        lambda: running.resident_bytes() - before < grown * 0.7,
        f"a good part of {grown / MIB:.1f} MiB back", timeout=15)


def echo_words(client):
    message = " ".join(random.choice(("alpha", "beta", "gamma", "delta")) for _ in range(2500))
    client.send(message)
    assert client.recv() == message


@pytest.mark.skipif("SLUICE_SANITIZER" in os.environ, reason="a sanitizer keeps memory of its own")
def test_memory_of_a_few_idle_compressors_comes_back_soon(gateway, backend, connect):
    running = gateway(proxied(backend().address))
    clients = [connect(running.url("/")) for _ in range(50)]
    # What the first messages load is no compressor's.
    echo_words(clients.pop())
    running.eventually(lambda stats: stats["routes"]["all"]["compression"]["memory_bytes"] < 64 * 1024, "one idle")
    for client in clients:
        echo_words(client)
    last = time.monotonic()
    used = running.resident_bytes()
    compressors = running.route()["compression"]["memory_bytes"] - 11 * 1024 * len(clients)
    assert compressors > 1.5 * MIB, "each has one while it is used"
    # Some pages hold other things as well, and the pool keeps four.
    eventually(
        lambda: used - running.resident_bytes() > compressors / 2, f"half of {compressors / MIB:.1f} MiB back",
        timeout=15)
    # Five seconds until they are given up, and two until the system has the memory.
    assert time.monotonic() - last < 8
