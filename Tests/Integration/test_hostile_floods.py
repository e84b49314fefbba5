"""Floods of frames, and peers that do not read: memory stays bounded, and a neighbour is not held up."""

import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from aftermath import MODES, Attacked, sides
from raw import BINARY, CONTINUATION, DEADLINE, PING, PONG, TEXT, Deflate
from sluice import PeakMemory

SIDES = ["client", "server"]
MIB = 1024 * 1024
MILLION = 1_000_000
GROWTH = 16 * MIB
# What the kernel and the gateway may hold of what nobody reads: both socket buffers of each leg grow to some MiB.
STUCK = 64 * MIB


@pytest.fixture(scope="module")
def flooded_gateway(tmp_path_factory):
    flooded = Attacked(tmp_path_factory.mktemp("flooded"), max_message_size="8MiB")
    yield flooded
    flooded.finish()


@pytest.fixture
def flooded(request, flooded_gateway, wire):
    request.node.gateways = [flooded_gateway.gateway]
    return lambda mode="off": flooded_gateway.pair(wire, mode)


class Sending(threading.Thread):
    """Sends all of `data` while the test reads."""

    def __init__(self, peer, data):
        super().__init__(daemon=True)
        self.peer, self.data, self.error = peer, data, None
        self.start()

    def run(self):
        try:
            self.peer.send(self.data)
        except OSError as error:
            self.error = error


def fill(peer, piece, limit=1024 * MIB, patience=0.5):
    """Sends `piece` again and again until nothing has been taken for `patience` seconds, or `limit` bytes have."""
    sent, view = 0, memoryview(piece)
    peer.sock.settimeout(patience)
    try:
        while sent < limit:
            sent += peer.sock.send(view[sent % len(view) :])
    except TimeoutError:
        pass
    finally:
        peer.sock.settimeout(DEADLINE)
    return sent


def fragments(peer, pieces, rsv=0):
    """One message of a fragment for each of `pieces`, which are bytes of at most 125."""
    first, rest = peer.frame(BINARY, pieces[0], fin=False, rsv=rsv), []
    masks = {}
    for piece in pieces[1:-1]:
        rest.append(masks.get(piece) or masks.setdefault(piece, peer.frame(CONTINUATION, piece, fin=False)))
    return b"".join([first, *rest, peer.frame(CONTINUATION, pieces[-1])])


@pytest.mark.parametrize("sender", SIDES)
@pytest.mark.parametrize("size", [0, 1])
def test_a_message_of_a_million_fragments(flooded_gateway, flooded, sender, size):
    one, other = sides(flooded(), sender)
    data = fragments(one, [bytes([number % 256])[:size] for number in range(MILLION)])
    with PeakMemory(flooded_gateway.gateway) as memory:
        sending = Sending(one, data)
        for start in range(0, len(data), MIB):
            expected = data[start : start + MIB]
            assert other.read_exactly(len(expected)) == expected, f"altered within {start}..{start + MIB}"
    sending.join(10)
    assert sending.error is None and not sending.is_alive()
    assert memory.growth < GROWTH, f"resident memory grew by {memory.growth / MIB:.1f} MiB"
    flooded_gateway.neighbour.check()


@pytest.mark.parametrize("sender", SIDES)
def test_a_rewritten_message_of_very_many_fragments(flooded_gateway, flooded, sender):
    one, other = sides(flooded("terminate"), sender)
    text = bytes(number * number % 251 for number in range(300_000))
    if sender == "client":
        wire_bytes = Deflate("permessage-deflate", "client").compress(text)
    else:
        wire_bytes = text
    data = fragments(one, [bytes([byte]) for byte in wire_bytes], rsv=4 if sender == "client" else 0)
    with PeakMemory(flooded_gateway.gateway) as memory:
        sending = Sending(one, data)
        _, payload, compressed = other.read_message()
    sending.join(10)
    assert (Deflate("permessage-deflate", "client").decompress(payload) if compressed else payload) == text
    assert compressed == (sender == "server")
    assert memory.growth < GROWTH, f"resident memory grew by {memory.growth / MIB:.1f} MiB"
    flooded_gateway.neighbour.check()


@pytest.mark.parametrize("sender", SIDES)
def test_a_message_of_very_many_fragments_that_is_inspected(flooded_gateway, flooded, sender):
    one, other = sides(flooded("passthrough"), sender)
    text = os.urandom(100_000)
    data = fragments(one, [bytes([byte]) for byte in Deflate("permessage-deflate", "client").compress(text)], rsv=4)
    with PeakMemory(flooded_gateway.gateway) as memory:
        sending = Sending(one, data)
        assert other.read_exactly(len(data)) == data, "expected the message as it was sent"
    sending.join(10)
    assert memory.growth < GROWTH, f"resident memory grew by {memory.growth / MIB:.1f} MiB"
    flooded_gateway.neighbour.check()


@pytest.mark.parametrize("sender", SIDES)
@pytest.mark.parametrize("payload", [b"", b"p" * 125], ids=["empty", "125 bytes"])
def test_pings_of_a_peer_that_reads_no_pongs(flooded_gateway, flooded, sender, payload):
    """The other side answers each of them; the pongs find no room, so at last the pings are no longer read."""
    one, other = sides(flooded(), sender)
    ping, pong = one.frame(PING, payload), other.frame(PONG, payload)
    batch = ping * (MIB // len(ping))
    answered = 0

    def answer():
        nonlocal answered
        rest = b""
        try:
            while data := rest + other.sock.recv(MIB // 2):
                count, left = divmod(len(data), len(ping))
                assert data == batch[: len(data)], "expected the pings as they were sent"
                other.send(pong * count)
                rest, answered = data[len(data) - left :], answered + count
        except OSError:
            pass

    with ThreadPoolExecutor(1) as beside, PeakMemory(flooded_gateway.gateway) as memory:
        answering = beside.submit(answer)
        sent = fill(one, batch)
        flooded_gateway.neighbour.check()
        other.sock.shutdown(socket.SHUT_RDWR)
        answering.result(10)
    one.reset()
    assert sent < STUCK, f"expected pings to be held back, {sent} bytes of them were taken"
    assert answered > 0 and memory.growth < GROWTH, f"resident memory grew by {memory.growth / MIB:.1f} MiB"


@pytest.mark.parametrize("sender", SIDES)
def test_pongs_nobody_asked_for(flooded_gateway, flooded, sender):
    one, other = sides(flooded(), sender)
    data = b"".join(one.frame(PONG, b"%d" % number) for number in range(100_000)) + one.frame(TEXT, "after")
    with PeakMemory(flooded_gateway.gateway) as memory:
        sending = Sending(one, data)
        for start in range(0, len(data), MIB):
            expected = data[start : start + MIB]
            assert other.read_exactly(len(expected)) == expected, f"altered within {start}..{start + MIB}"
        sending.join(10)
    assert memory.growth < GROWTH, f"resident memory grew by {memory.growth / MIB:.1f} MiB"
    flooded_gateway.neighbour.check()


@pytest.mark.parametrize("sender", SIDES)
@pytest.mark.parametrize("mode", MODES)
def test_a_peer_that_never_reads(flooded_gateway, flooded, mode, sender):
    """1 GiB of messages is offered; what nobody takes is not read, and so not sent."""
    one, other = sides(flooded(mode), sender)
    # Random bytes stay as large when they are compressed.
    piece = one.frame(BINARY, os.urandom(8 * MIB), mask=bytes(4) if one.role == "client" else None)
    with PeakMemory(flooded_gateway.gateway) as memory:
        sent = fill(one, piece)
        started = time.monotonic()
        flooded_gateway.neighbour.check()
        took = time.monotonic() - started
    assert MIB < sent < STUCK, f"expected the sender to be held back, {sent} bytes of it were taken"
    assert took < 2, f"the neighbour needed {took:.2f} s for two rounds"
    assert memory.growth < GROWTH, f"resident memory grew by {memory.growth / MIB:.1f} MiB"
    one.reset()
    other.reset()
    flooded_gateway.settled()


@pytest.mark.parametrize("sender", SIDES)
def test_a_reset_frees_the_other_side_that_could_not_send(flooded_gateway, flooded, sender):
    """Both sides send and read nothing, until neither can go on; then one is gone. What the other still sends has
    nowhere to go, and yet has to be taken: it may read only when it is through."""
    one, other = sides(flooded(), sender)
    for peer in (one, other):
        sent = fill(peer, peer.frame(BINARY, bytes(60_000)))
        assert sent < STUCK, f"expected both sides to be held back, {sent} bytes were taken"
    one.reset()
    rest = other.frame(BINARY, bytes(60_000))
    try:
        sent = fill(other, rest, limit=STUCK, patience=5.0)
    except OSError:
        sent = STUCK  # the connection was ended, which frees it just as well
    assert sent >= STUCK, f"expected the gateway to take what it can't hand on, it took {sent} bytes and no more"
    other.read_to_end()
    flooded_gateway.settled()
