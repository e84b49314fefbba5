"""Connections that were asked for together, and what became of them. `is_done` when nothing is left to wait for."""

from collections import Counter


class Opening:
    """Connections that are to open and to stay."""

    def __init__(self, loop, count):
        self.loop, self.left = loop, count
        self.numbers = []
        self.servers, self.failures = Counter(), Counter()
        self.without_retry_after = 0

    @property
    def is_done(self):
        return self.left == 0

    def opened(self, connection):
        self.left -= 1
        self.numbers.append(connection.number)
        self.servers[connection.server] += 1

    def ended(self, connection, was_open):
        if was_open:
            self.loop.note_end(connection)
            return
        self.left -= 1
        self.failures[connection.how] += 1
        if connection.how == "refused 503" and not connection.retry_after:
            self.without_retry_after += 1

    def result(self):
        return {"opened": len(self.numbers), "servers": self.servers, "failures": self.failures,
                "without_retry_after": self.without_retry_after, "numbers": self.numbers}


class Ending:
    """Connections that this side ends; done when the last one is gone."""

    def __init__(self, connections):
        self.left = list(connections)
        self.hows = Counter()

    @property
    def is_done(self):
        self.left = [connection for connection in self.left if not self._count(connection)]
        return not self.left

    def _count(self, connection):
        if connection.state != "ended":
            return False
        self.hows[connection.how] += 1
        return True

    def result(self):
        return {"hows": self.hows}
