"""What a fault's run has shown: the checks that were made, and a row of the table."""

import sys
from collections import Counter
from dataclasses import dataclass, field

MIB = 1 << 20


def say(text):
    print(text, file=sys.stderr, flush=True)


@dataclass
class Account:
    fault: str
    connections: int = 0
    checked: int = 0
    faults: Counter = field(default_factory=Counter)
    others_lost: int = 0
    ends: Counter = field(default_factory=Counter)
    recovery: float | None = None
    memory: dict = field(default_factory=dict)   # before, peak, after: bytes
    seconds: float = 0.0
    failed: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def check(self, condition, expected, got):
        """Notes and says a check that failed; gives whether it held."""
        if not condition:
            text = f"expected {expected}; got {got}"
            self.failed.append(text)
            say(f"  FAILED: {text}")
        return bool(condition)

    def note(self, text):
        self.notes.append(text)
        say(f"  {text}")

    @property
    def verdict(self):
        return "ok" if not self.failed else f"{len(self.failed)} failed"

    def cells(self):
        memory = "/".join(f"{self.memory[name] / MIB:.0f}" if name in self.memory else "–"
                          for name in ("before", "peak", "after"))
        faults = "/".join(str(sum(self.faults[kind] for kind in kinds))
                          for kinds in (("lost", "unanswered"), ("duplicate",), ("corrupt", "stray")))
        ends = ", ".join(f"{how} ×{count}" for how, count in sorted(self.ends.items())) or "–"
        recovery = "–" if self.recovery is None else f"{self.recovery:.1f}"
        return [self.fault, f"{self.connections:,}", f"{self.checked:,}", faults, str(self.others_lost), ends, recovery,
                memory, self.verdict]


HEADINGS = ["fault", "connections", "messages checked", "lost/dup/corrupt", "others lost", "ends", "recovery s",
            "MiB before/peak/after", "verdict"]


def table(accounts):
    """The summary as Markdown."""
    lines = [HEADINGS, *(account.cells() for account in accounts)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]

    def row(line):
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"
    return "\n".join([row(lines[0]), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(row, lines[1:])])
