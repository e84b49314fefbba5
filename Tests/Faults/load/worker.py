"""A process of the load generator. Commands come as lines of JSON on standard input, each gets one line as its answer
when it is done; the load goes on meanwhile."""

import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from load.batches import Ending, Opening  # noqa: E402
from load.connection import Connection  # noqa: E402
from load.loop import Loop  # noqa: E402
from load.storm import Fleeting, Storm  # noqa: E402
from load.visitors import Visitor, Visitors  # noqa: E402


class Quiet:
    """Until every message that was sent has been answered, or time is over."""

    def __init__(self, loop, seconds, without):
        self.loop, self.deadline, self.without = loop, time.monotonic() + seconds, without
        loop.rate = 0.0

    @property
    def is_done(self):
        return self.loop.outstanding(self.without) == 0 or time.monotonic() > self.deadline

    def result(self):
        return {"unanswered": self.loop.outstanding(self.without)}


class Worker:
    def __init__(self, index, workers, seed, authority):
        self.loop = Loop(f"{seed}/{index}", authority)
        self.index, self.workers = index, workers
        self.pending = []            # (id of the command, what it waits for)
        self._numbers = index        # connection numbers of all workers differ
        self._input = b""

    def run(self):
        os.set_blocking(0, False)
        self.loop.watch_descriptor(0)
        while True:
            if self.loop.turn(more=(0,)) and not self._read_commands():
                return
            for entry in list(self.pending):
                if entry[1].is_done:
                    self.pending.remove(entry)
                    self._answer(entry[0], entry[1].result())

    def _read_commands(self):
        data = os.read(0, 1 << 16)
        self._input += data
        while b"\n" in self._input:
            line, _, self._input = self._input.partition(b"\n")
            command = json.loads(line)
            waits = getattr(self, "do_" + command.pop("do"))(**command["with"])
            if hasattr(waits, "is_done"):
                self.pending.append((command["id"], waits))
            else:
                self._answer(command["id"], waits)
        return bool(data)

    @staticmethod
    def _answer(number, result):
        sys.stdout.write(json.dumps({"id": number, "result": result}) + "\n")
        sys.stdout.flush()

    def _make(self, batch, kind, ports, tls_share, deflate_share, path=None, sources=None, http2_share=0):
        """One client, as chance has it."""
        source = self.loop.source
        self._numbers += self.workers
        tls, deflate = source.random() < tls_share, path is None and source.random() < deflate_share
        if http2_share and kind is Connection and source.random() < http2_share:
            from load.http2 import StreamConnection as kind  # its libraries are wanted for it alone
        # Many addresses, so that ports of connections that are gone do not run out.
        number = self._numbers // self.workers
        address = sources[number % len(sources)] if sources else (
            f"127.{self.index + 10}.{self._numbers // 200 % 200}.{1 + self._numbers % 200}")
        plan = {"tls": tls, "deflate": deflate, "port": ports["tls" if tls else "plain"], "source": address,
                "path": path or ("/deflate" if deflate else "/plain"), "batch": batch}
        return kind(self.loop, self._numbers, plan)

    def _start(self, count, batch, kind, **options):
        self.loop.waiting.extend(self._make(batch, kind, **options) for _ in range(count))
        return batch

    def do_open(self, count, **options):
        return self._start(count, Opening(self.loop, count), Connection, **options)

    def do_storm(self, count, **options):
        return self._start(count, Storm(count), Fleeting, **options)

    def do_visit(self, rate, **options):
        visitors = Visitors(self.loop, rate, lambda batch: self._make(batch, Visitor, **options))
        self.loop.comings.append(visitors)
        return visitors

    def do_leave(self):
        """No more visitors come; `visit` answers when the last one has gone."""
        for visitors in self.loop.comings:
            visitors.stop()
        self.loop.comings = []
        return {}

    def do_rate(self, messages, longest):
        self.loop.rate = messages
        self.loop.choose_lengths(longest)
        return {}

    def do_quiet(self, seconds, without):
        return Quiet(self.loop, seconds, without)

    def do_status(self):
        loop = self.loop
        return {"open": loop.open_now(), "closing": loop.closing_now(), "servers": loop.by_server,
                "checked": loop.checked, "sent": loop.sent, "faults": loop.faults, "samples": loop.samples}

    def do_ends(self):
        ends, self.loop.ends = self.loop.ends, []
        return {"ends": ends}

    def do_end(self, how, count=None, share=None, numbers=None):
        """Ends so many, this share, or these of the open connections: `close` or `abort`."""
        chosen = list(self.loop.open.values())
        if numbers is not None:
            wanted = set(numbers)
            chosen = [connection for connection in chosen if connection.number in wanted]
        elif count is not None or share is not None:
            chosen = self.loop.source.sample(chosen, count if count is not None else int(len(chosen) * share))
        for connection in chosen:
            if connection.state == "open":
                self.loop.closing(connection)
                connection.close() if how == "close" else connection.abort()
        return Ending(chosen)


if __name__ == "__main__":
    try:
        Worker(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]).run()
    except KeyboardInterrupt:
        sys.exit(130)
