"""Compressed messages (RFC 7692) that are not DEFLATE, or not what was agreed on, in every mode, from either side."""

import os
import random
import zlib

import pytest

from aftermath import (  # noqa: F401
    EXTENSIONS, attack, expect_broken, on_each_compressed_leg, shared_gateway, sides)
from deflate_bits import Bits
from delivery import DELIVERIES, whole
from raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Deflate


def compressed(text):
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(text) + deflater.flush(zlib.Z_SYNC_FLUSH)


SOME_TEXT = b"a text that is compressed, and compressed again: a text. " * 20
DOES_NOT_INFLATE = {
    "reserved block type": Bits().put(0b110, 3).bytes(),
    "reserved block type behind a block": Bits().fixed().literal(65).end().put(0b110, 3).bytes(),
    "stored block with a wrong complement": Bits().stored(b"stored", complement=0x1234).bytes(),
    "stored block without its data": Bits().stored(b"stored").bytes()[:-3],
    "stored block that announces 65535 bytes": Bits().stored(b"").bytes()[:1] + b"\xff\xff\x00\x00",
    "code for 286, which is no length": Bits().fixed().code(0b11000110, 8).bytes(),
    "code for 287, which is no length": Bits().fixed().code(0b11000111, 8).bytes(),
    "distance code 30": Bits().fixed().literal(65).match(257, 30).bytes(),
    "distance code 31": Bits().fixed().literal(65).match(257, 31).bytes(),
    "distance before the beginning": Bits().fixed().literal(65).match(257, 1).bytes(),
    "distance of 32768 in a short message": Bits().fixed().literal(65).match(257, 29, 0x1FFF, 13).bytes(),
    "match first of all": Bits().fixed().match(257, 0).bytes(),
    "too many length codes": Bits().put(0, 1).put(2, 2).put(30, 5).put(0, 5).put(0, 4).bytes(),
    "too many distance codes": Bits().put(0, 1).put(2, 2).put(0, 5).put(31, 5).put(0, 4).bytes(),
    "an incomplete code for code lengths": Bits().put(0, 1).put(2, 2).put(0, 14).put(0, 64).bytes(),
    "an over-subscribed code for code lengths": Bits().put(0, 1).put(2, 2).put(0, 14).put(0o1111, 64).bytes(),
    "a truncated fixed block": Bits().fixed().literal(65).literal(66).bytes(),
    "a truncated dynamic block": compressed(os.urandom(40).hex().encode() * 9)[:50],
    # Its receiver appends the tail to it (§7.2.2), which makes a block that is not whole.
    "the tail left in": compressed(SOME_TEXT),
    "a message without the end of its block": compressed(SOME_TEXT)[:-6],
    "rubbish behind the final block": Bits().fixed(final=True).literal(65).end().bytes() + b"\xff\xff",
    "random bytes": b"\xfe" + random.Random(7692).randbytes(200),
    "zlib's header": zlib.compress(SOME_TEXT),
    "gzip's header": b"\x1f\x8b\x08\x00" + bytes(6) + compressed(SOME_TEXT),
}


@on_each_compressed_leg
@pytest.mark.parametrize("name", DOES_NOT_INFLATE, ids=str)
def test_data_that_does_not_inflate(attack, mode, sender, name):  # noqa: F811
    for deliver in DELIVERIES:
        guilty, innocent = sides(attack(mode), sender)
        message = guilty.frame(BINARY, DOES_NOT_INFLATE[name], rsv=4)
        deliver(guilty, message)
        # What is passed on as it came may have been begun before the rest came.
        expect_broken(
            guilty, innocent, 1007, rest=message, may_be_cut=mode != "terminate" and deliver is not whole)


A = Bits().fixed().literal(65).end()
DOES_INFLATE = {
    "a block behind the final one": (Bits().fixed(final=True).literal(65).end().bytes() + A.bytes(), b"AA"),
    "ten final blocks": (Bits().fixed(final=True).literal(65).end().bytes() * 10, b"A" * 10),
    "a final block alone": (Bits().fixed(final=True).literal(65).end().bytes(), b"A"),
    "a final stored block": (Bits().stored(b"stored", final=True).bytes(), b"stored"),
    "a match across a final block": (
        Bits().fixed(final=True).literal(65).literal(66).literal(67).end().bytes()
        + Bits().fixed().match(257, 2).end().put(0, 3).bytes(), b"ABCABC"),
    "the tail left in, and an empty block": (compressed(SOME_TEXT) + b"\x00", SOME_TEXT),
    "the tail three times": (compressed(SOME_TEXT) + b"\x00\x00\x00\xff\xff" * 2 + b"\x00", SOME_TEXT),
    "nothing at all": (b"", b""),
    "an empty block": (b"\x00", b""),
    "empty blocks of each kind": (
        Bits().fixed().end().stored(b"").fixed().end().fixed().end().put(0, 3).bytes(), b""),
    "stored blocks of a byte": (b"".join(Bits().stored(b"%d" % n).bytes() for n in range(10)) + b"\0", b"0123456789"),
}


@on_each_compressed_leg
@pytest.mark.parametrize("name", DOES_INFLATE, ids=str)
def test_unusual_data_that_inflates(attack, mode, sender, name):  # noqa: F811
    data, text = DOES_INFLATE[name]
    for deliver in DELIVERIES:
        one, other = sides(attack(mode), sender)
        plain = one.frame(BINARY, "next")
        message = one.frame(BINARY, data, rsv=4)
        deliver(one, message + plain)
        if mode == "terminate":
            assert other.read_message() == (BINARY, text, False)
        elif mode == "passthrough" or sender == "client":
            got = other.read_exactly(len(message))
            assert got == message, f"expected the frame as it was sent, {message!r}, got {got!r}"
        else:
            _, payload, is_compressed = other.read_message()
            codec = Deflate(other.response.get(EXTENSIONS), "client")
            assert (codec.decompress(payload) if is_compressed else payload) == text
        assert other.read_message()[1] == b"next"
        one.close()
        other.close()


@on_each_compressed_leg
@pytest.mark.parametrize("opcode", [CONTINUATION, CLOSE, PING, PONG])
def test_rsv1_where_no_message_begins(attack, mode, sender, opcode):  # noqa: F811
    codec = Deflate("permessage-deflate", "client")
    data = codec.compress(SOME_TEXT)
    for deliver in DELIVERIES:
        for begins_compressed in (True, False):
            guilty, innocent = sides(attack(mode), sender)
            if begins_compressed:
                right = guilty.frame(TEXT, data[:20], fin=False, rsv=4)
            else:
                right = guilty.frame(TEXT, SOME_TEXT[:20], fin=False)
            deliver(guilty, right + guilty.frame(opcode, data[20:60], rsv=4))
            is_rewritten = begins_compressed and (mode == "terminate" or (mode, sender) == ("both", "server"))
            expect_broken(guilty, innocent, 1002, b"" if is_rewritten else right)


NARROW = "permessage-deflate; client_max_window_bits=9; server_max_window_bits=9"
FORGETFUL = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


def far_back(distance):
    """A message of a match of 3 bytes at a distance of 24577 to 32768 (RFC 1951 §3.2.5)."""
    return Bits().fixed().match(257, 29, distance - 24577, 13).end().put(0, 3).bytes()


def near(distance_code=0):
    return Bits().fixed().match(257, distance_code).end().put(0, 3).bytes()


@on_each_compressed_leg
def test_a_distance_beyond_the_agreed_window(attack, mode, sender):  # noqa: F811
    """zlib knows what it has just written besides its window, so what is told is a reference into earlier messages."""
    earlier = Bits().stored(os.urandom(30_000)).put(0, 3).bytes()
    for agreed, code in ((NARROW, 1007), ("permessage-deflate", None)):
        guilty, innocent = sides(attack(mode, offer=agreed, answer=agreed), sender)
        guilty.send_frame(BINARY, earlier, rsv=4)
        innocent.read_message()
        guilty.send_frame(BINARY, far_back(25_000), rsv=4)
        if code is None:
            innocent.read_message()
            guilty.close()
            innocent.close()
        else:
            expect_broken(guilty, innocent, code)


FORGETFUL_LEGS = [("forgetful", "client"), ("both", "server"), ("passthrough", "client"), ("passthrough", "server")]


@pytest.mark.parametrize("mode, sender", FORGETFUL_LEGS, ids=[" ".join(leg) for leg in FORGETFUL_LEGS])
def test_context_takeover_that_was_given_up(attack, mode, sender):  # noqa: F811
    guilty, innocent = sides(attack(mode, offer=FORGETFUL, answer=FORGETFUL), sender)
    for _ in range(3):
        guilty.send_frame(BINARY, compressed(SOME_TEXT)[:-4], rsv=4)
        innocent.read_message()
    guilty.send_frame(BINARY, near(), rsv=4)
    expect_broken(guilty, innocent, 1007)


def test_nobody_reads_what_another_connection_has_said(attack):  # noqa: F811
    """Connections without context takeover share zlib's streams: a reference back must not reach what another said."""
    for _ in range(10):
        victim, server = attack("forgetful", offer=FORGETFUL)
        victim.send_frame(BINARY, compressed(b"a secret " * 100)[:-4], rsv=4)
        assert server.read_message()[1] == b"a secret " * 100
        thief, accomplice = attack("forgetful", offer=FORGETFUL)
        thief.send_frame(BINARY, near(3), rsv=4)
        expect_broken(thief, accomplice, 1007)
        victim.close()
        server.close()
