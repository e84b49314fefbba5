"""Clients that come at a pace: each opens a WebSocket, says one stamped message, hears its answer and closes."""

from collections import Counter

from .connection import OPEN, Connection

LENGTH = 100


class Visitor(Connection):
    comes_to_go = True

    def _message(self, opcode, payload, compressed):
        super()._message(opcode, payload, compressed)
        if self.state == OPEN:
            self.loop.closing(self)
            self.close()


class Visitors:
    """So many a second until `stop`; done when the last one has gone. `make` gives the next, not yet started."""

    def __init__(self, loop, rate, make):
        self.loop, self._rate, self._make = loop, rate, make
        self._last, self._due = loop.now, 0.0
        self._here = self._came = 0
        self._stopped = False
        self.hows = Counter()

    def turn(self, now):
        # A pause is not caught up with beyond a tenth of a second.
        self._due = min(self._due + (now - self._last) * self._rate, self._rate / 10 + 1)
        self._last = now
        while self._due >= 1:
            self._due -= 1
            self._here += 1
            self._came += 1
            self._make(self).start()

    def stop(self):
        self._stopped = True

    @property
    def is_done(self):
        return self._stopped and self._here == 0

    def opened(self, connection):
        connection.send_message(LENGTH, self.loop.bodies.cut)

    def ended(self, connection, was_open):
        self._here -= 1
        self.hows[connection.how] += 1

    def result(self):
        return {"came": self._came, "hows": self.hows}
