"""DEFLATE data (RFC 1951) of any kind, right or wrong, made block by block."""


class Bits:
    """Raw DEFLATE data (RFC 1951), written bit by bit."""

    def __init__(self):
        self.value, self.count = 0, 0

    def put(self, value, count):
        """`count` bits, the lowest first."""
        self.value |= value << self.count
        self.count += count
        return self

    def code(self, value, count):
        """A Huffman code: its highest bit first."""
        return self.put(int(f"{value:0{count}b}"[::-1], 2), count)

    def literal(self, byte):
        """A byte below 144 in the fixed code."""
        return self.code(0x30 + byte, 8)

    def fixed(self, final=False):
        return self.put(int(final), 1).put(1, 2)

    def end(self):
        return self.code(0, 7)

    def stored(self, data, final=False, complement=None):
        self.put(int(final), 1).put(0, 2).put(0, -self.count % 8)
        size = len(data)
        self.put(size, 16).put(size ^ 0xFFFF if complement is None else complement, 16)
        for byte in data:
            self.put(byte, 8)
        return self

    def match(self, length_code, distance_code, extra=0, extra_bits=0):
        """A match of 3 to 10 bytes (length codes 257 to 264) in the fixed codes."""
        return self.code(length_code - 256, 7).code(distance_code, 5).put(extra, extra_bits)

    def bytes(self):
        return self.value.to_bytes((self.count + 7) // 8, "little")
