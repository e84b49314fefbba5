"""Frames that break RFC 6455, from either side, whole, byte by byte and split at random: what each side sees."""

import socket

import pytest

from aftermath import LIMIT, attack, expect_broken, shared_gateway, sides  # noqa: F401
from delivery import DELIVERIES, unread, wait_until_read
from raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Peer, close_payload

KEY = b"\x5a\x00\xff\x81"


def frame(opcode, payload=b"", **options):
    return opcode, payload, options


def announced(opcode, length, **options):
    """A header alone, whose payload never comes."""
    return opcode, None, dict(options, length=length)


def encode(peer, frames):
    return b"".join(_encode(peer, *one) for one in frames)


def _encode(peer, opcode, payload, options):
    options = dict(options)
    masks = (peer.role == "client") != options.pop("wrong_mask", False)
    key = KEY if masks else None
    if payload is not None:
        return peer.frame(opcode, payload, mask=key, **options)
    length = options.pop("length")
    head = peer.frame(opcode, b"", mask=key, **options)
    return bytes([head[0], head[1] & 0x80 | 127]) + length.to_bytes(8, "big") + (key or b"")


BEGUN = frame(TEXT, "begun ", fin=False)
WHOLE = frame(TEXT, "whole")
# name → (frames that are right and have to arrive, frames that are not, code). The rule is broken by a header or by
# a control frame, none of which goes on: so the other side always stands between two frames.
BROKEN_FRAMES = {
    "RSV1 without an extension": ([WHOLE], [frame(TEXT, "x", rsv=4)], 1002),
    "RSV2": ([], [frame(TEXT, "x", rsv=2)], 1002),
    "RSV3": ([], [frame(BINARY, "x", rsv=1)], 1002),
    "all reserved bits": ([], [frame(BINARY, "x", rsv=7)], 1002),
    "RSV1 on a ping": ([], [frame(PING, "x", rsv=4)], 1002),
    "RSV2 on a pong": ([], [frame(PONG, "x", rsv=2)], 1002),
    "RSV3 on a Close": ([], [frame(CLOSE, close_payload(1000), rsv=1)], 1002),
    "RSV1 on a continuation": ([BEGUN], [frame(CONTINUATION, "x", rsv=4)], 1002),
    "RSV2 on a continuation": ([BEGUN], [frame(CONTINUATION, "x", rsv=2)], 1002),
    **{f"reserved opcode {opcode:#x}": ([WHOLE], [frame(opcode, "x")], 1002)
       for opcode in (0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF)},
    "reserved opcode inside a message": ([BEGUN], [frame(0x3, "x", fin=False)], 1002),
    "data with the mask of the other role": ([WHOLE], [frame(TEXT, "x", wrong_mask=True)], 1002),
    "empty data with the mask of the other role": ([], [frame(BINARY, wrong_mask=True)], 1002),
    "continuation with the mask of the other role": ([BEGUN], [frame(CONTINUATION, "x", wrong_mask=True)], 1002),
    "ping with the mask of the other role": ([], [frame(PING, wrong_mask=True)], 1002),
    "Close with the mask of the other role": ([], [frame(CLOSE, close_payload(1000), wrong_mask=True)], 1002),
    **{f"{name} of {size} bytes": ([WHOLE], [frame(opcode, close_payload(1000) + b"r" * (size - 2))], 1002)
       for name, opcode in (("ping", PING), ("pong", PONG), ("Close", CLOSE)) for size in (126, 300)},
    "ping that announces 2^62 bytes": ([], [announced(PING, 1 << 62)], 1002),
    "ping of 5 bytes, 16-bit length": ([], [frame(PING, "hello", length_form=16)], 1002),
    "fragmented ping": ([WHOLE], [frame(PING, "x", fin=False)], 1002),
    "fragmented pong": ([WHOLE], [frame(PONG, "", fin=False)], 1002),
    "fragmented Close": ([WHOLE], [frame(CLOSE, close_payload(1000), fin=False)], 1002),
    "fragmented ping inside a message": ([BEGUN], [frame(PING, "x", fin=False)], 1002),
    "continuation without a start": ([], [frame(CONTINUATION, "x")], 1002),
    "unfinished continuation without a start": ([], [frame(CONTINUATION, "x", fin=False)], 1002),
    "continuation behind a whole message": ([WHOLE], [frame(CONTINUATION, "x")], 1002),
    "continuation behind the last fragment": ([BEGUN, frame(CONTINUATION, "end")], [frame(CONTINUATION, "x")], 1002),
    "text inside a message": ([BEGUN], [frame(TEXT, "x")], 1002),
    "binary inside a message": ([BEGUN, frame(CONTINUATION, "on", fin=False)], [frame(BINARY, "x", fin=False)], 1002),
    "empty text inside an empty message": ([frame(TEXT, fin=False)], [frame(TEXT)], 1002),
    "text inside a message, a ping between": ([BEGUN, frame(PING, "p")], [frame(TEXT, "x")], 1002),
    **{f"{form}-bit length for {size} bytes": ([WHOLE], [frame(BINARY, b"l" * size, length_form=form)], 1002)
       for form, size in ((16, 0), (16, 1), (16, 125), (64, 0), (64, 125), (64, 126), (64, 1000))},
    "64-bit length for 65535 bytes": ([], [announced(BINARY, 65535)], 1002),
    "length 2^63": ([WHOLE], [announced(BINARY, 1 << 63)], 1002),
    "length 2^64-1": ([], [announced(BINARY, (1 << 64) - 1)], 1002),
    "length 2^63 of a continuation": ([BEGUN], [announced(CONTINUATION, 1 << 63, fin=False)], 1002),
    "length 2^63-1": ([WHOLE], [announced(BINARY, (1 << 63) - 1)], 1009),
    "length 2^63-1 behind a fragment": ([BEGUN], [announced(CONTINUATION, (1 << 63) - 1, fin=False)], 1009),
    "a byte over the limit announced": ([WHOLE], [announced(BINARY, LIMIT + 1)], 1009),
    "a text a byte over the limit announced": ([], [announced(TEXT, LIMIT + 1, fin=False)], 1009),
    "a byte over the limit with the last fragment": (
        [BEGUN, frame(PING, "p"), frame(CONTINUATION, fin=False)], [announced(CONTINUATION, LIMIT + 1 - 6)], 1009),
    "fragments that pass the limit together": (
        [frame(BINARY, b"f" * 400, fin=False), frame(CONTINUATION, b"f" * 400, fin=False)],
        [announced(CONTINUATION, LIMIT - 799, fin=False)], 1009),
    "Close of 1 byte": ([WHOLE], [frame(CLOSE, b"\x03")], 1002),
    "Close of 1 byte inside a message": ([BEGUN], [frame(CLOSE, b"\x03")], 1002),
    **{f"Close code {code}": ([WHOLE], [frame(CLOSE, close_payload(code, "why"))], 1002)
       for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1017, 1100, 1999, 2000, 2500, 2999, 5000, 10000, 65535)},
    **{f"Close with a reason {name}": ([WHOLE], [frame(CLOSE, close_payload(1000) + reason)], 1007)
       for name, reason in {
           "of Latin-1": b"caf\xe9", "overlong": b"\xc0\xaf", "with a surrogate": b"\xed\xa0\x80",
           "past U+10FFFF": b"\xf4\x90\x80\x80", "cut off": "r".encode() * 121 + b"\xe2\x82"}.items()},
    "Close with a bad code and a bad reason": ([], [frame(CLOSE, close_payload(1006) + b"\xff")], 1002),
}


@pytest.mark.parametrize("sender", ["client", "server"])
@pytest.mark.parametrize("name", BROKEN_FRAMES, ids=str)
def test_a_broken_frame(attack, sender, name):  # noqa: F811
    right, wrong, code = BROKEN_FRAMES[name]
    for deliver in DELIVERIES:
        guilty, innocent = sides(attack(), sender)
        expected, broken = encode(guilty, right), encode(guilty, wrong)
        deliver(guilty, expected + broken + encode(guilty, [WHOLE]))
        expect_broken(guilty, innocent, code, expected)


def test_byte_by_byte_means_that_each_is_a_read_of_its_own(wire):
    listening = wire.server()
    sender = wire._keep(Peer(socket.create_connection(("127.0.0.1", listening.port)), "client"))
    reader = wire.accept(listening)
    sender.send(b"five!")
    assert unread(sender.sock) == 5
    reader.sock.recv(2)
    assert unread(sender.sock) == 3
    reader.sock.recv(3)
    wait_until_read(sender)
    reader.reset()
    assert unread(sender.sock) == 0
