"""The three measurements: echoes, idle connections, handshakes."""

import contextlib
import os
import time
from dataclasses import dataclass, field
from statistics import median

from . import tools
from .process_tree import memory


@dataclass(frozen=True)
class Subject:
    """What one row of a table measures: a proxy, and what is asked of it."""

    proxy: str
    path: str = "/off/echo"
    offer_deflate: bool = False
    pairing: str = ""  # what is spoken on both sides of the proxy, where that is compared
    client_connections: int = 0  # HTTP/2 connections that the WebSockets share; 0: HTTP/1.1, each has its own

    @property
    def label(self):
        if self.pairing:
            return f"{self.proxy}, {self.pairing}"
        return f"{self.proxy} deflate" if self.offer_deflate else self.proxy

    @property
    def load_options(self):
        """What `load` has to be told to ask for it."""
        shared = {"h2": True, "client_connections": self.client_connections} if self.client_connections else {}
        return {"offer_deflate": self.offer_deflate, **shared}


@dataclass
class Row:
    """A subject's results, one entry a round."""

    subject: Subject
    transport: str
    rounds: list = field(default_factory=list)

    def values(self, name):
        return [entry[name] for entry in self.rounds if entry and name in entry]

    def median(self, name):
        values = self.values(name)
        return median(values) if values else None

    def ratio_to(self, other, name):
        """The median of the ratios within each round: what disturbs a round disturbs both of its sides."""
        ratios = [mine[name] / theirs[name] for mine, theirs in zip(self.rounds, other.rounds)
                  if mine and theirs and mine.get(name) and theirs.get(name)]
        return median(ratios) if ratios else None


def subjects_of(proxies):
    """A row each, and for Sluice another one with compression: the others relay what they don't understand."""
    for name in proxies:
        yield Subject(name)
        if name == "sluice":
            yield Subject(name, "/deflate/echo", True)


def interleaved(rows, rounds, measure, say):
    """Measures every row once a round, beginning with another one each time."""
    for number in range(rounds):
        for offset in range(len(rows)):
            row = rows[(number + offset) % len(rows)]
            entry = measure(row)
            while len(row.rounds) < number:
                row.rounds.append(None)
            row.rounds.append(entry)
            say(f"  round {number + 1}: {row.subject.label}: {entry['summary']}")


def per_event(result, count, processes):
    """CPU time of the proxy for each event, in microseconds; without one, there is none to count."""
    entry = {"rate": result["rate"], "p50_us": result["latency_us"]["p50"], "p99_us": result["latency_us"]["p99"],
             "errors": result["errors_total"], "processes": len(processes), "load": result}
    if not processes:
        return entry
    spent = result["cpu_seconds"]
    ticks = spent["user"] + spent["system"]
    share = spent["user"] / ticks if ticks > 0 else 0
    total = spent["total"] / count * 1e6 if count else 0
    return {**entry, "cpu_us": total, "user_us": total * share, "system_us": total * (1 - share)}


def process_list(processes):
    """Process ids as `load --cpu-of` wants them; None when there are none."""
    return ",".join(map(str, processes)) or None


def _unmet_offer(subject, result):
    """1 when a row that is named after compression was measured without it."""
    return int(subject.offer_deflate and not result["extensions"].startswith("permessage-deflate"))


def echo(folder, running, subjects, transport, size, options, say):
    """CPU of each proxy for each echo, that is for two relayed messages."""
    def measure(row):
        proxy = running[row.subject.proxy]
        processes = proxy.processes()
        result = tools.run_load(
            folder, proxy.url(transport, row.subject.path), connections=options.connections, size=size,
            duration=options.seconds, warmup=options.warmup, rate=options.rate, inflight=options.inflight,
            binary=options.binary, cpu_of=process_list(processes), **row.subject.load_options)
        entry = per_event(result, result["messages"], processes)
        entry["extensions"] = result["extensions"]
        entry["errors"] += _unmet_offer(row.subject, result)
        entry["summary"] = f"{entry['cpu_us']:.2f} µs, {entry['rate']:.0f}/s, {entry['errors']} errors"
        return entry

    rows = [Row(subject, transport) for subject in subjects]
    interleaved(rows, options.rounds, measure, say)
    return rows


def churn(folder, running, subjects, transport, options, say):
    """CPU of each proxy for one connection: TCP, TLS, upgrade, Close, both legs."""
    def measure(row):
        proxy = running[row.subject.proxy]
        processes = proxy.processes()
        result = tools.run_load(
            folder, proxy.url(transport, row.subject.path), churn=True, connections=32, duration=options.seconds,
            warmup=options.warmup, cpu_of=process_list(processes), **row.subject.load_options)
        entry = per_event(result, result["handshakes"], processes)
        entry["errors"] += _unmet_offer(row.subject, result)
        entry["summary"] = f"{entry['cpu_us']:.0f} µs, {entry['rate']:.0f}/s, {entry['errors']} errors"
        return entry

    rows = [Row(subject, transport) for subject in subjects]
    interleaved(rows, options.rounds, measure, say)
    return rows


def _settled_memory(proxy, seconds=5):
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


def idle(folder, make_proxy, subject, transport, options, say, inspect=lambda subject, proxy: ({}, 0)):
    """Memory for each idle connection, in a proxy started for this row alone.

    `fresh`: nothing was said yet. `spoken`: each connection has echoed one message and is silent again.
    `left`: what stays with the process after all have closed, also divided by their number.
    `inspect` looks at the proxy while the connections are held: it gives more figures, and a number of errors.
    """
    count = options.idle_connections
    with make_proxy(subject.proxy).running() as proxy, contextlib.ExitStack() as stack:
        url = proxy.url(transport, subject.path)
        # The first connections load code and tables, which are no connection's own.
        tools.run_load(folder, url, connections=20, messages=2000, **subject.load_options)
        before = _settled_memory(proxy)
        child = stack.enter_context(tools.held_connections(
            folder, url, connections=count, size=1024, **subject.load_options))
        fresh = _settled_memory(proxy)
        echoed = tools.touch(child)
        spoken = _settled_memory(proxy)
        more, faults = inspect(subject, proxy)
        result = tools.finish(child, folder)
        left = _settled_memory(proxy)
        faults += result["errors_total"] + count - echoed + _unmet_offer(subject, result)
        entry = {"connections": count, "errors": faults, "before_bytes": before, "extensions": result["extensions"],
                 **more}
        for name, value in (("fresh", fresh), ("spoken", spoken), ("left", left)):
            entry[name] = (value["pss"] - before["pss"]) / count
            entry[name + "_rss"] = (value["rss"] - before["rss"]) / count
        say(f"  {subject.label}, {transport}: {entry['fresh'] / 1024:.1f} KiB fresh, "
            f"{entry['spoken'] / 1024:.1f} KiB spoken, {entry['errors']} errors")
        return Row(subject, transport, [entry])


def machine():
    """Where the figures come from."""
    model = ""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "")
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)), "kernel": os.uname().release,
            "load_average": os.getloadavg()}
