"""Reading frames from whatever pieces they arrive in. Writing them, masks and compression are those of the
integration tests' raw.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "Integration"))

from raw import (  # noqa: E402
    BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Deflate, accept_for, close_payload, encode_frame, masked)

__all__ = ["BINARY", "CLOSE", "CONTINUATION", "PING", "PONG", "TEXT", "BadFrame", "Deflate", "MessageReader",
           "accept_for", "close_payload", "encode_frame", "masked"]


class BadFrame(Exception):
    """What arrived is no frame that may arrive here."""


class MessageReader:
    """Puts frames and messages together again."""

    def __init__(self, from_client):
        self._from_client = from_client
        self._buffer = bytearray()
        self._opcode = None
        self._compressed = False
        self._parts = []

    @property
    def is_inside_frame(self):
        """Whether a frame has begun and not ended."""
        return bool(self._buffer)

    def feed(self, data):
        """The messages and control frames that are whole now: (opcode, payload, RSV1) of each."""
        buffer = self._buffer
        buffer += data
        position, available, found = 0, len(buffer), []
        while available - position >= 2:
            first, second = buffer[position], buffer[position + 1]
            size, start = second & 0x7F, position + 2
            if size == 126:
                if available < start + 2:
                    break
                size = int.from_bytes(buffer[start : start + 2], "big")
                start += 2
            elif size == 127:
                if available < start + 8:
                    break
                size = int.from_bytes(buffer[start : start + 8], "big")
                start += 8
            key = None
            if second & 0x80:
                key = bytes(buffer[start : start + 4])
                start += 4
            if available < start + size:
                break
            if (key is not None) != self._from_client:
                raise BadFrame(f"expected a frame {'with' if self._from_client else 'without'} a mask: "
                               f"{bytes(buffer[position:position + 2]).hex()}")
            payload = bytes(buffer[start : start + size])
            position = start + size
            self._frame(first, masked(payload, key) if key else payload, found)
        if position:
            del buffer[:position]
        return found

    def _frame(self, first, payload, found):
        opcode, fin, rsv1 = first & 0x0F, first & 0x80, bool(first & 0x40)
        if first & 0x30:
            raise BadFrame(f"RSV2 or RSV3 is set: {first:02x}")
        if opcode >= CLOSE:
            found.append((opcode, payload, False))
            return
        if (opcode == CONTINUATION) != (self._opcode is not None):
            raise BadFrame(f"opcode {opcode} while {'a' if self._opcode is not None else 'no'} message is begun")
        if opcode != CONTINUATION:
            if fin:
                found.append((opcode, payload, rsv1))
                return
            self._opcode, self._compressed = opcode, rsv1
        self._parts.append(payload)
        if fin:
            found.append((self._opcode, b"".join(self._parts), self._compressed))
            self._opcode, self._parts = None, []
