"""A process that has to live as long as the run that needs it."""

import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from harness.children import Failure, tail

TAIL_LINES = 20


def ending(status):
    """How a process ended, in words: `with status 1`, `by SIGSEGV`."""
    if status >= 0:
        return f"with status {status}"
    try:
        return f"by {signal.Signals(-status).name}"
    except ValueError:
        return f"by signal {-status}"


def ended(what, status, log, case=None):
    """The failure that a process ended when it should not have."""
    during = f" during case {case}" if case else ""
    return Failure(f"{what} ended {ending(status)}{during}; the end of {log}:\n{tail(log, TAIL_LINES).rstrip()}")


@dataclass(frozen=True)
class Peer:
    """`what` names it in failures; `ports` are those it listens on, by listener (`ws`, `wss`)."""

    what: str
    child: subprocess.Popen
    log: Path
    ports: dict = field(default_factory=dict)

    def check(self, case=None):
        """Fails when the process has ended."""
        status = self.child.poll()
        if status is not None:
            raise ended(self.what, status, self.log, case)
