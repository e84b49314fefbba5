"""Rows of figures: who is measured, the rounds, and what they say together."""

from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Subject:
    """What one row of a table measures: a proxy, and what is asked of it."""

    proxy: str
    path: str = "/off/echo"
    offer_deflate: bool = False
    compress: bool = False  # messages go out compressed, too
    resume: bool = False  # TLS sessions are resumed
    connections: int = 0  # where rows of a table differ in it
    pairing: str = ""  # what is spoken on both sides of the proxy, where that is compared
    client_connections: int = 0  # HTTP/2 connections that the WebSockets share; 0: HTTP/1.1, each has its own

    @property
    def label(self):
        words = [self.pairing, "resumed" if self.resume else "", f"{self.connections:,}" if self.connections else ""]
        name = f"{self.proxy} deflate" if self.offer_deflate or self.compress else self.proxy
        return ", ".join([name, *filter(None, words)])

    @property
    def load_options(self):
        """What `load` has to be told to ask for it."""
        shared = {"h2": True, "client_connections": self.client_connections} if self.client_connections else {}
        return {"offer_deflate": self.offer_deflate, "compress": self.compress, "resume": self.resume, **shared}


@dataclass
class Row:
    """A subject's results, one entry a round."""

    subject: Subject
    transport: str
    rounds: list = field(default_factory=list)

    def values(self, name):
        return [entry[name] for entry in self.rounds if entry and entry.get(name) is not None]

    def median(self, name):
        values = self.values(name)
        return median(values) if values else None

    def ratios_to(self, other, name):
        """The ratios within each round: what disturbs a round disturbs both of its sides."""
        return [mine[name] / theirs[name] for mine, theirs in zip(self.rounds, other.rounds)
                if mine and theirs and mine.get(name) and theirs.get(name)]

    def ratio_to(self, other, name):
        ratios = self.ratios_to(other, name)
        return median(ratios) if ratios else None


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
    return rows


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


def unmet_offer(subject, result):
    """1 when a row that is named after compression was measured without it."""
    wanted = subject.offer_deflate or subject.compress
    return int(wanted and not result["extensions"].startswith("permessage-deflate"))
