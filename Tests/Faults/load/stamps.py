"""Stamped messages: each says whose it is, which way it goes, its number, its length and its checksum.

The stamp is 16 bytes: connection, direction (the top bit) and sequence number, length, CRC-32 of all the rest. In a
text message it is written as 32 hexadecimal digits, so 16 bytes is the smallest binary message and 32 the smallest
text.
"""

import random
import struct
import zlib

TO_SERVER, TO_CLIENT = 0, 1
_STAMP = struct.Struct("!IIII")
_HEAD = struct.Struct("!III")
SMALLEST_BINARY, SMALLEST_TEXT = 16, 32
_POOL = 1 << 18


class Bodies:
    """What stands behind the stamps: cuts of one pool, made from a seed. Text compresses well, binary hardly."""

    def __init__(self, seed):
        source = random.Random(seed)
        words = [bytes(source.choices(b"abcdefghijklmnopqrstuvwxyz", k=source.randrange(2, 10))) for _ in range(900)]
        self._text = b" ".join(source.choices(words, k=_POOL // 5))[:_POOL]
        self._binary = source.randbytes(_POOL)
        self._source = source

    def cut(self, length, text):
        start = self._source.randrange(_POOL - length)
        return (self._text if text else self._binary)[start : start + length]


def stamped(connection, direction, sequence, body, text):
    """A message of a stamp and `body`."""
    length = len(body) + (SMALLEST_TEXT if text else SMALLEST_BINARY)
    head = _HEAD.pack(connection, direction << 31 | sequence, length)
    stamp = head + struct.pack("!I", zlib.crc32(body, zlib.crc32(head)))
    return (stamp.hex().encode() if text else stamp) + body


def body_of(payload, text):
    return payload[SMALLEST_TEXT if text else SMALLEST_BINARY :]


def judged(payload, text, connection, direction, sequence):
    """The number to expect after this message, and None when it is the one that was expected now; otherwise (kind,
    what was expected and what arrived). Kinds: `corrupt`, `stray` (of another connection or direction), `duplicate`,
    `lost` (one or more are missing before it)."""
    fault, number = _compared(payload, text, connection, direction, sequence)
    return (sequence if fault and fault[0] == "duplicate" else number + 1), fault


def _compared(payload, text, connection, direction, sequence):
    """The fault, and the number that the message has or should have had."""
    size = SMALLEST_TEXT if text else SMALLEST_BINARY
    try:
        stamp = bytes.fromhex(payload[:size].decode("ascii")) if text else payload[:size]
        found, numbered, length, checksum = _STAMP.unpack(stamp)
    except (ValueError, struct.error):
        return ("corrupt", f"expected a stamp, got {len(payload)} bytes: {payload[:40]!r}"), sequence
    if length != len(payload):
        return ("corrupt", f"expected {length} bytes as the stamp says, got {len(payload)}"), sequence
    actual = zlib.crc32(payload[size:], zlib.crc32(stamp[:12]))
    if checksum != actual:
        return ("corrupt", f"expected checksum {checksum:08x} over {length} bytes, got {actual:08x}"), sequence
    if found != connection or numbered >> 31 != direction:
        return ("stray", f"expected connection {connection}, direction {direction}, "
                         f"got {found}, direction {numbered >> 31}"), sequence
    number = numbered & 0x7FFFFFFF
    if number != sequence:
        kind = "duplicate" if number < sequence else "lost"
        return (kind, f"connection {connection}, direction {direction}: expected message {sequence}, "
                      f"got {number}"), number
    return None, number
