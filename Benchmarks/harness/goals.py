"""The goals, and which rows they are about."""

from .figures import KIB, Goal, against_best, figure
from .sizes import size_name

INSTRUCTIONS = {"tls": 19_000, "plain": 12_000}
IDLE_KIB = {"tls": 10, "plain": 5}
GROWTH_KIB = 1
NAMES = {"tls": "TLS", "plain": "cleartext"}


def echo(rows, transport, size):
    most = 0.6 if size >= 16 * KIB else 0.95
    return [*against_best(f"CPU of an echo, {NAMES[transport]}", size_name(size), "µs", rows, "cpu_us", Goal(most)),
            *against_best(f"99th percentile of an echo's latency, {NAMES[transport]}", size_name(size), "µs", rows,
                          "p99_us", Goal(1.0))]


def handshakes(rows, transport):
    found = []
    for resume, name in ((False, "full"), (True, "resumed")):
        mine = [row for row in rows if row.subject.resume == resume]
        row = next((row for row in mine if row.subject.proxy == "sluice"), None)
        nginx = next((row for row in mine if row.subject.proxy == "nginx"), None)
        name = name if transport == "tls" else "upgrade alone"
        found += figure(f"CPU of a connection, {NAMES[transport]}", name, "µs", row, "cpu_us", Goal(1.0), nginx)
    return found


def memory(rows, sizes):
    """Each reading beside the best peer's; after traffic, no more than a KiB above what was there before."""
    found = []
    for transport in ("tls", "plain"):
        for deflate in (False, True):
            group = [row for row in rows if row.transport == transport and row.subject.offer_deflate == deflate]
            peers = [row for row in rows if row.transport == transport and row.subject.proxy != "sluice"]
            found += _memory_of(group, peers, transport, deflate, sizes)
    return found


def _memory_of(group, peers, transport, deflate, sizes):
    rows = [*(row for row in group if row.subject.proxy == "sluice"), *peers]
    if not rows or rows[0].subject.proxy != "sluice":
        return []
    title = f"Memory of an idle WebSocket, {NAMES[transport]}{', compressed' if deflate else ''}"
    goal = None if deflate else Goal(IDLE_KIB[transport], "value")
    found = against_best(title, "fresh", "KiB", rows, "fresh", goal, KIB)
    # What counts is what the traffic left: the goal moves with the figure before it.
    most = rows[0].median("fresh") / KIB + GROWTH_KIB
    for size in sizes:
        found += against_best(title, f"after {size_name(size)}", "KiB", rows, f"after {size}", Goal(most, "value"),
                              KIB)
    return found


def fanout(rows, transport):
    """Compressed beside uncompressed of the same proxy, and uncompressed beside the best peer."""
    plain = [row for row in rows if not row.subject.offer_deflate]
    compressed = next((row for row in rows if row.subject.offer_deflate), None)
    own = next((row for row in plain if row.subject.proxy == "sluice"), None)
    title = f"CPU of a message to many, for each that it reaches, {NAMES[transport]}"
    return [*against_best(title, "uncompressed", "µs", plain, "cpu_us"),
            *figure(title, "compressed", "µs", compressed, "cpu_us", Goal(1.3), own)]


def crowd(rows, options):
    found = []
    by_count = {count: [row for row in rows if row.subject.connections == count]
                for count in (options.connections, options.crowd)}
    few, many = (next((row for row in group if row.subject.proxy == "sluice"), None) for group in by_count.values())
    title = f"CPU of an echo of 100 B over TLS among {options.crowd:,} WebSockets"
    found += figure(title, f"beside {options.connections}", "µs", many, "cpu_us", Goal(1.3), few)
    found += against_best(title, "beside the best peer", "µs", by_count[options.crowd], "cpu_us")
    return found


def deflate(rows, size):
    return against_best("CPU of a compressed echo, beside Node's ws", size_name(size), "µs", rows, "cpu_us", Goal(0.7))


def http2(rows, transport, size):
    group = [row for row in rows if row.subject.pairing == "h2"]
    return against_best(f"CPU of an echo over HTTP/2, {NAMES[transport]}", size_name(size), "µs", group, "cpu_us",
                        Goal(1.0))


def instructions(rows, transport, size):
    return against_best("Instructions of an echo, without the kernel's", f"{size_name(size)}, {NAMES[transport]}", "",
                        rows, "instructions", Goal(INSTRUCTIONS[transport], "value"))
