"""Messages and closing handshakes at the edge of RFC 6455: broken UTF-8 in every place and mode, Closes that cross,
repeat or go unanswered, and connections that break off at every point of a frame."""

import pytest

from aftermath import (  # noqa: F401
    EXTENSIONS, MODES, attack, expect_refused, read_until_close, shared_gateway, sides)
from delivery import DELIVERIES, byte_by_byte, split_at_random, whole
from raw import CLOSE, CONTINUATION, PING, PONG, TEXT, Deflate, close_payload

SIDES = ["client", "server"]
BROKEN_UTF8 = {
    "a lone continuation byte": b"\x80",
    "a continuation byte too many": b"\xc3\xa9\xa9",
    "overlong 2 bytes": b"\xc0\x80",
    "overlong 2 bytes, upper end": b"\xc1\xbf",
    "overlong 3 bytes": b"\xe0\x9f\xbf",
    "overlong 4 bytes": b"\xf0\x8f\xbf\xbf",
    "the first surrogate": b"\xed\xa0\x80",
    "the last surrogate": b"\xed\xbf\xbf",
    "a surrogate pair": b"\xed\xa0\xbd\xed\xb8\x80",
    "U+110000": b"\xf4\x90\x80\x80",
    "5 bytes": b"\xf8\x88\x80\x80\x80",
    "6 bytes": b"\xfc\x84\x80\x80\x80\x80",
    "FE": b"\xfe",
    "FF": b"\xff",
    "2 bytes cut by ASCII": b"\xc3a",
    "3 bytes cut by ASCII": b"\xe2\x82a",
    "4 bytes cut by ASCII": b"\xf0\x9f\x98a",
    "4 bytes cut by 2": b"\xf0\x9f\xc3\xa9",
    "2 bytes cut off at the end": b"\xc3",
    "3 bytes cut off at the end": b"\xe2\x82",
    "4 bytes cut off at the end": b"\xf0\x9f\x98",
}
# A word of the fast path for ASCII, and characters of every length in front.
FRONTS = [b"", b"0123456789abcdef", "aé€😀".encode()]
RIGHT_UTF8 = "\0 ~ \x7f\x80 ߿ࠀ \ud7ff\ue000 �￿ 𐀀 \U0010ffff κόσμε 😀".encode()


def compresses(mode, role):
    return mode in ("both", "passthrough") or mode == "terminate" and role == "client"


def codec(mode, guilty):
    """The permessage-deflate that `guilty` agreed on; None when it agreed on none."""
    answer = guilty.response if guilty.role == "client" else None
    if not compresses(mode, guilty.role):
        return None
    return Deflate(answer.get(EXTENSIONS) if answer else "permessage-deflate", guilty.role)


def text_frames(guilty, deflate, text, cut):
    """`text` as one message: of one frame, or of two that part at byte `cut` of what is on the wire."""
    data, rsv = (deflate.compress(text), 4) if deflate else (text, 0)
    if cut is None:
        return guilty.frame(TEXT, data, rsv=rsv)
    cut = min(cut, len(data))
    return guilty.frame(TEXT, data[:cut], rsv=rsv, fin=False) + guilty.frame(CONTINUATION, data[cut:])


@pytest.mark.parametrize("sender", SIDES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", BROKEN_UTF8, ids=str)
def test_text_that_is_not_utf8(attack, mode, sender, name):  # noqa: F811
    broken = BROKEN_UTF8[name]
    for number, front in enumerate(FRONTS):
        text = front + broken + (b"" if "end" in name else b" and on")
        for cut in (None, len(front) + 1):
            deliver = DELIVERIES[(number + (cut is None)) % 3]
            guilty, innocent = sides(attack(mode), sender)
            deliver(guilty, text_frames(guilty, codec(mode, guilty), text, cut))
            before, close = read_until_close(innocent)
            if close is None:
                # Part of the frame had gone on before the rest of it came, so there is no place for a Close.
                assert before and not (deliver is whole and cut is None), "expected Close 1001 to the other side"
            else:
                assert close[0] == 1001, f"expected Close 1001 to the other side, got {close}"
                innocent.send_close(1001)
            innocent.close()
            expect_refused(guilty, 1007)


def read_plain(receiver, deflate):
    opcode, payload, compressed = receiver.read_message()
    assert deflate or not compressed, "RSV1 is set though no extension was agreed on"
    return opcode, deflate.decompress(payload) if compressed else payload


@pytest.mark.parametrize("sender", SIDES)
@pytest.mark.parametrize("mode", MODES)
def test_text_that_is_utf8_only_as_a_whole(attack, mode, sender):  # noqa: F811
    one, other = sides(attack(mode), sender)
    compressing, inflating = codec(mode, one), codec(mode, other)
    for cut in [None, *range(len(RIGHT_UTF8) + 1)]:
        deliver = byte_by_byte if cut is None else split_at_random
        deliver(one, text_frames(one, compressing, RIGHT_UTF8, cut))
        got = read_plain(other, inflating)
        assert got == (TEXT, RIGHT_UTF8), f"cut at {cut}: expected {RIGHT_UTF8!r}, got {got!r}"
    one.close()
    other.close()


@pytest.mark.parametrize("sender", SIDES)
def test_what_follows_a_close_is_ignored(attack, sender):  # noqa: F811
    for deliver in DELIVERIES:
        one, other = sides(attack(), sender)
        rest = [one.frame(TEXT, "late"), one.frame(CLOSE, close_payload(4002)), one.frame(0xF, "?"), b"\xff" * 20]
        deliver(one, one.frame(CLOSE, close_payload(4001, "first")) + b"".join(rest))
        assert other.expect_close() == (4001, "first")
        other.send_close(4001, "answer")
        assert one.expect_close() == (4001, "answer")
        one.close()
        assert other.read_to_end() == b"", "something that followed the Close went on"
        other.close()


@pytest.mark.parametrize("sender", SIDES)
def test_a_close_inside_a_fragmented_message(attack, sender):  # noqa: F811
    for deliver in DELIVERIES:
        one, other = sides(attack(), sender)
        begun = one.frame(TEXT, "begun", fin=False)
        deliver(one, begun + one.frame(CLOSE, close_payload(1000, "enough")) + one.frame(CONTINUATION, "late"))
        assert read_until_close(other) == (begun, (1000, "enough"))
        other.send_close(1000)
        assert one.expect_close()[0] == 1000
        one.close()
        assert other.read_to_end() == b""
        other.close()


@pytest.mark.parametrize("sender", SIDES)
def test_closes_that_cross(attack, sender):  # noqa: F811
    one, other = sides(attack(), sender)
    one.send_frame(TEXT, "begun", fin=False)
    assert other.read_frame().payload == b"begun"
    one.send_close(4001, "one")
    other.send_close(4002, "other")
    assert other.expect_close() == (4001, "one")
    assert one.expect_close() == (4002, "other")
    for peer in (one, other):
        peer.finish_sending()
    for peer in (one, other):
        assert peer.read_to_end() == b"", "something came behind the Close"
        peer.close()


@pytest.mark.parametrize("sender", SIDES)
@pytest.mark.parametrize("mode", MODES)
def test_pings_between_fragments(attack, mode, sender):  # noqa: F811
    for deliver in DELIVERIES:
        one, other = sides(attack(mode), sender)
        frames, controls = [one.frame(TEXT, fin=False)], []
        for number in range(20):
            controls.append((PING if number % 2 else PONG, b"%d" % number))
            frames += [one.frame(*controls[-1]), one.frame(CONTINUATION, b"%d " % number, fin=number == 19)]
        deliver(one, b"".join(frames))
        if not compresses(mode, other.role) or compresses(mode, one.role):
            # Nothing of it needs a change, so it arrives as it was sent.
            for frame in frames:
                got = other.read_exactly(len(frame))
                assert got == frame, f"expected {frame!r}, got {got!r}"
        else:
            got, data = [], []
            while not data or not data[-1].fin:
                frame = other.read_frame()
                if frame.opcode in (PING, PONG):
                    got.append((frame.opcode, frame.payload))
                else:
                    data.append(frame)
            assert got == controls, f"expected {controls}, got {got}"
            text = codec(mode, other).decompress(b"".join(frame.payload for frame in data))
            assert text == b"".join(b"%d " % number for number in range(20)), text
        one.close()
        other.close()
