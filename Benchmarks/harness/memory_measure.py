"""The memory of WebSockets that are silent, before and after they have spoken."""

import contextlib
import time

from . import tools
from .process_tree import memory
from .rows import Row, unmet_offer

COMPRESSOR_SECONDS = 8  # Sluice gives up a compressor that has had nothing to do for five, its pages within two more
SPOKEN_SIZES = (16_000, 60_000, 1 << 20)  # bytes of the message that each echoes, one after the other


def _settled_memory(proxy, seconds=6):
    """Memory once it has stopped to move: for half a second by less than 64 KiB."""
    limit = time.monotonic() + seconds
    last = memory(proxy.child.pid)
    while time.monotonic() < limit:
        time.sleep(0.5)
        now = memory(proxy.child.pid)
        if abs(now["pss"] - last["pss"]) < 65536:
            return now
        last = now
    return last


def _nothing_more(_subject, _proxy):
    return {}, 0


def idle(folder, make_proxy, subject, transport, count, sizes, say, inspect=_nothing_more):
    """Bytes for each idle connection, in a proxy started for this one entry.

    `fresh`: nothing was said yet. `after N`: each connection has echoed one message of N bytes, after those of the
    sizes before, and is silent again. `left`: what stays with the process after all have closed, also divided by their
    number. `inspect` looks at the proxy while the connections are held: it gives more figures, and a number of errors.
    """
    with make_proxy(subject.proxy).running() as proxy, contextlib.ExitStack() as stack:
        url = proxy.url(transport, subject.path)
        # The first connections load code and tables, which are no connection's own.
        tools.run_load(folder, url, connections=20, messages=2000, **subject.load_options)
        before = _settled_memory(proxy)
        child = stack.enter_context(tools.held_connections(
            folder, url, connections=count, size=sizes[0], **subject.load_options))
        readings = {"fresh": _settled_memory(proxy)}
        missing = 0
        for size in sizes:
            missing += count - tools.touch(child, size)
            if subject.offer_deflate:
                time.sleep(COMPRESSOR_SECONDS)
            readings[f"after {size}"] = _settled_memory(proxy)
        more, faults = inspect(subject, proxy)
        result = tools.finish(child, folder)
        readings["left"] = _settled_memory(proxy)
        faults += result["errors_total"] + missing + unmet_offer(subject, result)
        entry = {"connections": count, "errors": faults, "before_bytes": before, "extensions": result["extensions"],
                 **more}
        for name, reading in readings.items():
            entry[name] = (reading["pss"] - before["pss"]) / count
            entry[name + " rss"] = (reading["rss"] - before["rss"]) / count
        entry["summary"] = ", ".join(f"{name} {entry[name] / 1024:.1f}" for name in readings) + " KiB"
        say(f"  {subject.label}, {transport}: {entry['summary']}, {faults} errors")
        return entry


def rows_of(subjects, transports, rounds, measure):
    """A row for each proxy and transport it has; `measure(subject, transport)` gives an entry."""
    rows = [Row(subject, transport) for transport in transports for subject in subjects(transport)]
    for _ in range(rounds):
        for row in rows:
            row.rounds.append(measure(row.subject, row.transport))
    return rows
