"""The servers behind the gateway, each a process that can be killed, stopped and started again on its port."""

import os
import signal
import sys
from pathlib import Path

from harness.children import Failure

from .conversation import Conversation

PROGRAM = Path(__file__).resolve().parent / "backend.py"


class Server:
    """One echo server. `prefix`: a command to run it by, such as one that gives it a network of its own."""

    sabotage = None  # what servers do to some of their answers, to see that it is noticed

    def __init__(self, folder, name, address="127.0.0.1", prefix=()):
        self.name, self.address = name, address
        self._log, self._prefix = folder / f"{name}.log", list(prefix)
        self._port = 0
        self._before = []          # last reports of processes that were killed
        self.talk = None

    def start(self, listen=None):
        self.talk = Conversation(
            [*self._prefix, sys.executable, PROGRAM, self.name, listen or self.address, self._port,
             *([self.sabotage] if self.sabotage else [])], self._log, self.name)
        word, _, port = self.talk.hear(15).partition(" ")
        if word != "listening":
            raise Failure(f"{self.name}: expected `listening PORT`, got {word!r}")
        self._port = int(port)
        return self

    @property
    def authority(self):
        return f"{self.address}:{self._port}"

    @property
    def port(self):
        return self._port

    @property
    def pid(self):
        return self.talk.child.pid

    def report(self):
        """Counts of every process that had this name; `open` of the present one."""
        self.talk.say("status")
        reports = [*self._before, self.talk.hear_json(20)]
        total = {"open": reports[-1]["open"], "checked": 0, "faults": {}, "ends": {}, "samples": []}
        for report in reports:
            total["checked"] += report["checked"]
            total["samples"] += report["samples"]
            for kind in ("faults", "ends"):
                for key, count in report[kind].items():
                    total[kind][key] = total[kind].get(key, 0) + count
        return total

    def bid_farewell(self, to_all):
        """Whether it accepts WebSockets only to say why it will not have them."""
        self.talk.say("farewell" if to_all else "welcome")
        self.talk.hear_json(20)

    def kill(self):
        """SIGKILL, in the middle of whatever it does. What it had checked a moment before is kept."""
        self.talk.say("status")
        self._before.append(self.talk.hear_json(20))
        self.talk.child.kill()
        self.talk.child.wait()

    def freeze(self):
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.pid, signal.SIGCONT)

    def stop(self):
        if self.talk is not None:
            if self.talk.child.poll() is None:
                self.talk.child.kill()  # it may be stopped, and heed nothing else
            self.talk.stop()
