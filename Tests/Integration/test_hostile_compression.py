"""Compression as a weapon: bombs, messages that inflate to nothing, and connections by the thousand for whose zlib
state there is no room."""

import os
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from aftermath import (
    EXTENSIONS, LIMIT, Attacked, is_frame_boundary, on_each_compressed_leg, read_until_close, sides)
from delivery import wait_until_read
from raw import BINARY, CLOSE, CONTINUATION, TEXT, Deflate
from sluice import PeakMemory
from test_hostile_floods import GROWTH, MIB, STUCK, Sending, fill
from test_memory import deflated_zeros

GIB = 1024 * MIB
# Of zlib's, for all connections of `little_memory`.
MEMORY = 2 * MIB
MANY = 2000
GROWTH_OF_MANY = 64 * MIB


def expect_too_big(guilty, innocent):
    """1009 to who sent the bomb; what the other side got of it. Both read at once, as neither may hold the other up."""
    def read_and_answer():
        answer = read_until_close(innocent)
        if answer[1]:
            innocent.send_close(1001)
        return answer

    with ThreadPoolExecutor(1) as beside:
        reading = beside.submit(read_and_answer)
        before, close = read_until_close(guilty)
        seen, farewell = reading.result(10)
    assert close and close[0] == 1009 and not before, f"expected Close 1009 to who sent a bomb, got {close}"
    if farewell is None:
        assert not is_frame_boundary(seen), "the other side was left between two frames without a Close"
    else:
        assert farewell[0] == 1001, f"expected Close 1001 to the other side, got {farewell}"
    guilty.close()
    innocent.close()
    return seen


@pytest.fixture(scope="module")
def size_limit(tmp_path_factory):
    attacked = Attacked(tmp_path_factory.mktemp("size"))
    yield attacked
    attacked.finish()


@pytest.fixture(scope="module")
def ratio_limit(tmp_path_factory):
    attacked = Attacked(tmp_path_factory.mktemp("ratio"), compression={"max_ratio": 100}, max_message_size="2GiB")
    yield attacked
    attacked.finish()


@pytest.fixture(scope="module")
def no_limit(tmp_path_factory):
    attacked = Attacked(tmp_path_factory.mktemp("none"), max_message_size="2GiB")
    yield attacked
    attacked.finish()


@pytest.fixture(scope="module")
def bomb():
    """1 GiB of zeros in about 1 MiB."""
    return deflated_zeros(GIB)


def in_fragments(peer, data, size):
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    last = len(pieces) - 1
    return b"".join(
        peer.frame(CONTINUATION if n else BINARY, piece, fin=n == last, rsv=0 if n else 4)
        for n, piece in enumerate(pieces))


@on_each_compressed_leg
@pytest.mark.parametrize("fragments", [False, True], ids=["one frame", "fragments"])
def test_a_bomb_by_size(size_limit, wire, bomb, mode, sender, fragments):
    guilty, innocent = sides(size_limit.pair(wire, mode), sender)
    data = in_fragments(guilty, bomb, 1000) if fragments else guilty.frame(BINARY, bomb, rsv=4)
    with PeakMemory(size_limit.gateway) as memory:
        sending = Sending(guilty, data)
        seen = expect_too_big(guilty, innocent)
        sending.join(10)
    # What is rewritten is checked before it goes on; of what goes on as it came, one read may have gone.
    bound = LIMIT if mode == "terminate" else 2 * 64 * 1024
    assert len(seen) <= bound, f"expected at most {bound} bytes of it to be passed on, got {len(seen)}"
    assert memory.growth < GROWTH, f"resident memory grew by {memory.growth / MIB:.1f} MiB"
    size_limit.settled()


@on_each_compressed_leg
def test_a_byte_over_the_limit_when_inflated(size_limit, wire, mode, sender):
    for size, passes in ((LIMIT, True), (LIMIT + 1, False)):
        guilty, innocent = sides(size_limit.pair(wire, mode), sender)
        message = Deflate("permessage-deflate", "client").compress(bytes(range(250)) * 400 + bytes(size - LIMIT))
        guilty.send_frame(BINARY, message, rsv=4)
        if passes:
            innocent.read_message()
            guilty.close()
            innocent.close()
        else:
            expect_too_big(guilty, innocent)
    size_limit.settled()


@on_each_compressed_leg
@pytest.mark.parametrize("begins_plain", [False, True], ids=["all bomb", "behind random bytes"])
def test_a_bomb_by_ratio(ratio_limit, wire, bomb, mode, sender, begins_plain):
    """Random bytes in front make the ratio small for as long as they weigh."""
    deflater = zlib.compressobj(wbits=-15)
    front = deflater.compress(os.urandom(20_000)) + deflater.flush(zlib.Z_FULL_FLUSH) if begins_plain else b""
    guilty, innocent = sides(ratio_limit.pair(wire, mode), sender)
    with PeakMemory(ratio_limit.gateway) as memory:
        sending = Sending(guilty, guilty.frame(BINARY, front + bomb, rsv=4))
        seen = expect_too_big(guilty, innocent)
        sending.join(10)
    assert len(seen) < 100 * (len(front) + 64 * 1024), f"{len(seen)} bytes of it were passed on"
    assert memory.growth < GROWTH, f"resident memory grew by {memory.growth / MIB:.1f} MiB"
    ratio_limit.settled()


def test_a_bomb_for_a_server_that_never_reads(no_limit, wire, bomb):
    """1 MiB that is 1 GiB, and is allowed: it is inflated at the pace of its receiver."""
    one, other = no_limit.pair(wire, "terminate")
    with PeakMemory(no_limit.gateway) as memory:
        one.send_frame(BINARY, bomb, rsv=4)
        sent = fill(one, one.frame(BINARY, bomb, rsv=4))
        started = time.monotonic()
        no_limit.neighbour.check()
        took = time.monotonic() - started
    assert sent < STUCK, f"expected the sender to be held back, {sent} bytes more were taken"
    assert took < 2, f"the neighbour needed {took:.2f} s for two rounds"
    assert memory.growth < GROWTH, f"resident memory grew by {memory.growth / MIB:.1f} MiB"
    one.reset()
    other.reset()
    no_limit.settled()


def read_to_last_message(peer):
    """Reads over everything up to a message of 3 bytes that is not compressed."""
    while (frame := peer.read_frame()).payload[:4] != b"end":
        assert frame.opcode != CLOSE, f"expected messages, got Close {frame.close}"


@on_each_compressed_leg
def test_bombs_that_are_allowed_do_not_hold_up_the_neighbour(no_limit, wire, mode, sender):
    """64 messages of 16 MiB, the default limit, in 1 MiB; whoever they are for reads as fast as it can."""
    one, other = sides(no_limit.pair(wire, mode), sender)
    data = one.frame(BINARY, deflated_zeros(16 * MIB), rsv=4) * 64 + one.frame(BINARY, "end")
    longest, began = 0.0, time.monotonic()
    with ThreadPoolExecutor(1) as beside:
        reading = beside.submit(read_to_last_message, other)
        sending = Sending(one, data)
        while not reading.done():
            started = time.monotonic()
            no_limit.neighbour.check()
            longest = max(longest, time.monotonic() - started)
        reading.result()
    took = time.monotonic() - began
    sending.join(10)
    # Held up, the neighbour waits as long as the bombs take.
    assert longest < max(1, took / 4), f"two rounds of the neighbour took {longest:.2f} s of the bombs' {took:.2f} s"
    one.close()
    other.close()
    no_limit.settled()


EMPTY = {
    "stored blocks": b"\x00\x00\x00\xff\xff",
    # 10 bits each: 3 of the header, 7 of the end; four fit into 5 bytes.
    "fixed blocks": sum((0b10 << (10 * n)) for n in range(4)).to_bytes(5, "little"),
    "final blocks": b"\x03\x00",
}


@on_each_compressed_leg
@pytest.mark.parametrize("kind", EMPTY, ids=str)
def test_blocks_that_inflate_to_nothing(size_limit, wire, mode, sender, kind):
    """MiBs of them are one empty message: nothing is gathered, the neighbour is not held up, and it may end."""
    one, other = sides(size_limit.pair(wire, mode), sender)
    # zlib stops at each final block, which makes them the slow ones.
    blocks = EMPTY[kind] * ((2 if kind == "final blocks" else 20) * MIB // len(EMPTY[kind]))
    frames = [one.frame(BINARY, fin=False, rsv=4)]
    frames += [one.frame(CONTINUATION, blocks[at : at + 70_000], fin=False) for at in range(0, len(blocks), 70_000)]
    data = b"".join([*frames, one.frame(CONTINUATION, b"\x00")])
    with PeakMemory(size_limit.gateway) as memory:
        sending = Sending(one, data + one.frame(TEXT, "next"))
        size_limit.neighbour.check()
        if mode == "passthrough" or sender == "client" and mode == "both":
            for start in range(0, len(data), MIB):
                expected = data[start : start + MIB]
                assert other.read_exactly(len(expected)) == expected, f"altered within {start}..{start + MIB}"
        else:
            _, payload, compressed = other.read_message()
            codec = Deflate(other.response.get(EXTENSIONS), "client") if compressed else None
            assert (codec.decompress(payload) if codec else payload) == b""
        assert other.read_message()[1] == b"next"
        sending.join(10)
    assert memory.growth < GROWTH, f"resident memory grew by {memory.growth / MIB:.1f} MiB"
    one.close()
    other.close()
    size_limit.settled()


@pytest.fixture(scope="module")
def little_memory(tmp_path_factory):
    attacked = Attacked(
        tmp_path_factory.mktemp("memory"), limits={"compression_memory": MEMORY, "max_connections": 10_000})
    yield attacked
    attacked.finish()


def zlib_memory(gateway):
    return sum(route["compression"]["memory_bytes"] for route in gateway.stats()["routes"].values())


def test_thousands_of_compressed_connections(little_memory, wire):
    """The first get all they ask for, later ones no context takeover, the last no compression; all of them work, and
    what they held comes back."""
    gateway, text = little_memory.gateway, b"some text, " * 30
    resident = gateway.resident_bytes()
    agreed, pairs, most = {"takeover": 0, "no takeover": 0, "none": 0}, [], 0
    for number in range(MANY):
        client, server = little_memory.pair(wire, "terminate")
        pairs.append((client, server))
        answer = client.response.get(EXTENSIONS)
        kind = "none" if answer is None else "no takeover" if "server_no_context_takeover" in answer else "takeover"
        agreed[kind] += 1
        codec = Deflate(answer, "client") if answer else None
        client.send_frame(TEXT, codec.compress(text) if codec else text, rsv=4 if codec else 0)
        assert server.read_message() == (TEXT, text, False)
        server.send_frame(TEXT, text)
        _, payload, compressed = client.read_message()
        assert (codec.decompress(payload) if compressed else payload) == text
        if number % 100 == 0:
            most = max(most, zlib_memory(gateway))
    most = max(most, zlib_memory(gateway))
    assert agreed["takeover"] and agreed["no takeover"], f"expected all kinds, got {agreed}"
    assert sum(agreed.values()) == MANY == gateway.route("terminate")["active"]
    # Were there room for all of it, zlib's state alone would be 150 MiB.
    grown = gateway.resident_bytes() - resident
    assert grown < GROWTH_OF_MANY, f"resident memory grew by {grown / MIB:.1f} MiB for {MANY} connections"
    assert 0 < most <= MEMORY, f"expected at most {MEMORY} bytes of zlib state, /stats said {most}"
    little_memory.neighbour.check()
    for client, server in pairs:
        client.close()
        server.close()
    little_memory.settled()
    gateway.eventually(lambda _: zlib_memory(gateway) == 0, "no zlib state left")
    client, server = little_memory.pair(wire, "terminate")
    assert "server_no_context_takeover" not in client.response.get(EXTENSIONS), "expected the room to be back"
    client.close()
    server.close()
    little_memory.settled()


def test_unfinished_messages_that_hold_all_of_the_memory(little_memory, wire):
    """Connections without context takeover need zlib only while a message passes. Those that find no room are refused
    with 1013; those that hold some keep it, and what they give back can be had again."""
    gateway, text = little_memory.gateway, os.urandom(100)
    # 2 MiB are room for 52 windows of 32 KiB.
    pairs = [little_memory.pair(wire, "forgetful") for _ in range(70)]
    data = Deflate("permessage-deflate", "client").compress(text)
    for client, _ in pairs:
        client.send_frame(BINARY, data[:50], rsv=4, fin=False)
        wait_until_read(client)
    gateway.eventually(lambda _: zlib_memory(gateway) > MEMORY // 2, "most of the memory to be held")
    assert zlib_memory(gateway) <= MEMORY
    refused = 0
    for client, server in pairs:
        client.send_frame(CONTINUATION, data[50:])
        frame = server.read_frame()
        if frame.opcode == CLOSE:
            refused += 1
            assert frame.close[0] == 1001, f"expected Close 1001 to the other side, got {frame.close}"
            server.send_close(1001)
            close = client.expect_close()
            assert close[0] == 1013, f"expected Close 1013 to who found no room, got {close}"
        else:
            assert (frame.opcode, frame.payload) == (BINARY, text), f"expected the message, got {frame}"
    assert 10 <= refused <= 30, f"expected about 18 of 70 to find no room, {refused} did"
    for client, server in pairs:
        client.close()
        server.close()
    little_memory.settled()
    assert zlib_memory(gateway) == 0, "expected no zlib state to be left"
    client, server = little_memory.pair(wire, "forgetful")
    client.send_frame(BINARY, data, rsv=4)
    assert server.read_message() == (BINARY, text, False)
    client.close()
    server.close()
    little_memory.settled()
