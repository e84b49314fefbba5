"""The load generator as a whole: several workers, asked at the same time."""

import json
import sys
import time
from collections import Counter
from pathlib import Path

from .conversation import Conversation

PROGRAM = Path(__file__).resolve().parents[1] / "load" / "worker.py"
ANSWER_SECONDS = 90


class Asked:
    """A command under way in every worker."""

    def __init__(self, fleet, number):
        self.fleet, self.number = fleet, number

    def results(self):
        return [self.fleet.result(worker, self.number) for worker in self.fleet.workers]

    def merged(self):
        """The workers' answers in one: numbers and counters added, lists joined."""
        total = {}
        for result in self.results():
            for name, value in result.items():
                if isinstance(value, dict):
                    total[name] = Counter(total.get(name, {})) + Counter(value)
                elif name in total:
                    total[name] += value
                else:
                    total[name] = value
        return total


class Fleet:
    def __init__(self, folder, workers, seed, authority):
        self._commands = 0
        self._results = {}
        self.workers = []
        self._folder, self._count, self._seed, self._authority = folder, workers, seed, authority
        self.profile = {}

    def start(self):
        for index in range(self._count):
            name = f"worker-{index}"
            self.workers.append(Conversation(
                [sys.executable, PROGRAM, index, self._count, self._seed, self._authority],
                self._folder / f"{name}.log", name))
        return self

    def stop(self):
        for worker in self.workers:
            worker.stop()

    # Commands

    def ask(self, do, each=None, **options):
        """Sends a command to every worker; `each` gives some of its options by the worker's index."""
        self._commands += 1
        for index, worker in enumerate(self.workers):
            more = each(index) if each else {}
            worker.say(json.dumps({"id": self._commands, "do": do, "with": {**options, **more}}))
        return Asked(self, self._commands)

    def result(self, worker, number):
        key = (worker.name, number)
        deadline = time.monotonic() + ANSWER_SECONDS
        while key not in self._results:
            answer = worker.hear_json(max(0.1, deadline - time.monotonic()))
            self._results[worker.name, answer["id"]] = answer["result"]
        return self._results.pop(key)

    def _shares(self, count):
        return lambda index: {"count": count // self._count + (index < count % self._count)}

    def opening(self, count, **options):
        """Begins to open so many connections."""
        return self.ask("open", self._shares(count), **{**self.profile, **options})

    def open(self, count, **options):
        return self.opening(count, **options).merged()

    def storming(self, count):
        return self.ask("storm", self._shares(count), **self.profile)

    def visiting(self, rate, **options):
        """From now until `leave`, so many clients a second come, say and hear a word, and go."""
        return self.ask("visit", rate=rate / self._count, **{**self.profile, **options})

    def leave(self):
        self.ask("leave").results()

    def rate(self, messages, longest=None):
        """Messages a second, of all workers together; `longest`: none has more bytes."""
        self.ask("rate", messages=messages / self._count, longest=longest).results()

    def quiet(self, seconds, without=()):
        """Stops sending; waits until all is answered, and gives the number of messages that are not."""
        return self.ask("quiet", seconds=seconds, without=list(without)).merged()["unanswered"]

    def end(self, how, **which):
        return self.ask("end", how=how, **which).merged()["hows"]

    def end_some(self, how, count):
        return self.ask("end", self._shares(count), how=how).merged()["hows"]

    def status(self):
        return self.ask("status").merged()

    def on(self, server):
        """Open connections to a server."""
        return self.status()["servers"].get(server, 0)

    def ends(self):
        """Connections that ended and that this side did not end, since this was last asked."""
        return self.ask("ends").merged()["ends"]
