"""Connections that come to go: connect and close at once, half a handshake, a reset when open, a Close when open."""

from collections import Counter

from .connection import Connection

MANNERS = ("at once", "half a handshake", "reset", "close")


class Fleeting(Connection):
    """Ends itself the way its number says."""

    def __init__(self, loop, number, plan):
        super().__init__(loop, number, plan)
        self.manner = MANNERS[number % len(MANNERS)]

    def handle(self, events):
        if self.state == "connecting" and self.manner == "at once":
            return self.give_up("as planned")
        if self.state == "securing" and self.manner == "half a handshake" and self.number % 8 < 4:
            # Inside the TLS handshake; the others go inside the request.
            return self.abort()
        super().handle(events)

    def upgrade(self):
        if self.manner != "half a handshake":
            return super().upgrade()
        self.state = "upgrading"
        request = self.request()
        self._write(request[: len(request) // 2])
        if self.state != "ended":
            self.abort() if self.number % 16 < 8 else self.give_up("as planned")


class Storm:
    """So many of them, a few at a time."""

    def __init__(self, count):
        self.left = count
        self.reached = Counter()     # by manner: connections that got as far as an open WebSocket
        self.failures = Counter()

    @property
    def is_done(self):
        return self.left == 0

    def opened(self, connection):
        self.reached[connection.manner] += 1
        if connection.manner == "reset":
            connection.abort()
        else:
            connection.loop.closing(connection)
            connection.close()

    def ended(self, connection, was_open):
        self.left -= 1
        if connection.how not in ("as planned", "aborted", "closed"):
            self.failures[f"{connection.manner}: {connection.how}"] += 1

    def result(self):
        return {"reached": self.reached, "failures": self.failures}
