"""Accounts of live allocations, as `malloc-counter` writes them: reading them, and finding who owns each."""

import bisect
import re
import subprocess
from dataclasses import dataclass

from .children import Failure

# Whose memory it is, by the innermost function that belongs to one of these. The order counts where several match one
# name. What only passes memory on (the Swift runtime and library, buffers, the allocator itself) is in none of them.
OWNERS = (
    ("TLS library", r"^(CNIOBoringSSL_|BSSL_|_ZN?K?4bssl|bssl::)"),
    ("receive buffers", r"RecvBufferAllocator|ReceiveBuffer|RecvByteBuffer|BaseStreamSocketChannelC08readFrom"),
    ("TLS connection", r"GatewayTLS|TLSConnection"),
    ("session", r"^\$s14GatewaySession"),
    ("permits, routes, counters", r"^\$s(13GatewayPolicy|16GatewayTelemetry|13GatewayConfig)"),
    ("HTTP handshake", r"^\$s(9NIOHTTP1|8NIOHTTP2)|HTTP1Front|HTTP1Handshake|c_nio_http_parser|HTTP1Request"),
    ("HTTP/2", r"^\$s9HTTP2Core|HTTP2(Handler|Front|RequestStream|Upstream|Pool|Pings|Leg)"),
    ("pipelines", r"ChannelPipeline|ChannelHandlerContext|ChannelCore|\$s7NIOCore14ChannelOptions"),
    ("sockets and event loops", r"^\$s(15SocketTransport|8NIOPosix|7NIOCore(?!10ByteBuffer))"),
    ("handlers and drivers", r"^\$s10GatewayNIO"),
    ("zlib", r"^(deflate|inflate)|^\$s17PerMessageDeflate"),
    ("the rest of the gateway", r"^\$s(7Gateway|12GatewayAdmin|6sluice)"),
)
OTHER = "anything else"
_PATTERNS = [(owner, re.compile(pattern)) for owner, pattern in OWNERS]


@dataclass
class Use:
    """What one owner holds."""

    asked: int = 0  # bytes
    taken: int = 0  # bytes, with what malloc adds
    count: int = 0  # allocations

    def add(self, other, sign=1):
        self.asked += sign * other.asked
        self.taken += sign * other.taken
        self.count += sign * other.count


class Symbols:
    """Names of functions by address, from the symbol tables of the files that a process has mapped."""

    def __init__(self):
        self._tables = {}
        self._names = {}

    def _table(self, file):
        if file not in self._tables:
            found = {}
            for words in (["nm", "--defined-only", file], ["nm", "--dynamic", "--defined-only", file]):
                text = subprocess.run(words, capture_output=True, text=True).stdout
                for line in text.splitlines():
                    fields = line.split()
                    if len(fields) == 3 and fields[1] in "tTwWiu":
                        found[int(fields[0], 16)] = fields[2]
            starts = sorted(found)
            self._tables[file] = starts, [found[start] for start in starts]
        return self._tables[file]

    def name(self, address, segments):
        if address not in self._names:
            self._names[address] = self._look_up(address, segments)
        return self._names[address]

    def _look_up(self, address, segments):
        index = bisect.bisect_right(segments, (address, float("inf"))) - 1
        if index < 0 or address >= segments[index][1]:
            return ""
        _, _, base, file = segments[index]
        if not file.startswith("/"):
            return ""
        starts, names = self._table(file)
        # A return address is behind the call, which may be the last instruction of its function.
        place = bisect.bisect_right(starts, address - base - 1) - 1
        return names[place] if place >= 0 else ""


def _segments(lines):
    """Beginning, end, load address and file of each mapped segment, sorted."""
    bases, found = {}, []
    for line in lines:
        fields = line.split(maxsplit=5)
        begin, end = (int(word, 16) for word in fields[0].split("-"))
        file = fields[5].strip() if len(fields) > 5 else ""
        if file.startswith("/"):
            # The first segment of a file is mapped from its beginning, where addresses count from 0.
            bases.setdefault(file, begin - int(fields[2], 16))
        found.append((begin, end, bases.get(file, 0), file))
    return sorted(found)


def owner_of(names):
    """Who owns what was allocated by these functions, innermost first."""
    for name in names:
        for owner, pattern in _PATTERNS:
            if pattern.search(name):
                return owner
    return OTHER


def read(path, symbols):
    """The account in a file: by the names of the functions, innermost first, what is in use."""
    maps, _, lines = path.read_text().partition("\n\n")
    segments = _segments(maps.splitlines())
    found = {}
    for line in lines.splitlines():
        if line == "full":
            raise Failure(f"{path}: there were more allocations than the counter has room for")
        asked, taken, count, *addresses = line.split()
        names = tuple(symbols.name(int(address, 16), segments) for address in addresses)
        found.setdefault(names, Use()).add(Use(int(asked), int(taken), int(count)))
    return found


def difference(before, after):
    """What came between two accounts, by the names of the functions."""
    found = {}
    for names in {*before, *after}:
        use = Use()
        use.add(after.get(names, Use()))
        use.add(before.get(names, Use()), -1)
        if use.asked or use.count:
            found[names] = use
    return found


def by_owner(uses):
    found = {owner: Use() for owner, _ in OWNERS} | {OTHER: Use()}
    for names, use in uses.items():
        found[owner_of(names)].add(use)
    return found
