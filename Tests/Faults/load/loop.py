"""The epoll loop that a worker's connections live on: opening them at a pace, sending at a rate, noting the ends."""

import random
import select
import ssl
import time
from collections import Counter, deque

from .connection import CLOSING, OPEN
from .stamps import Bodies

# Payload lengths, and how many of a hundred messages have them.
LENGTHS = {16: 30, 100: 22, 1024: 30, 4096: 11, 16384: 5, 65536: 2}
AT_ONCE = 60            # handshakes under way in one worker
WINDOW = 4              # messages of one connection that wait for their answers
HANDSHAKE_SECONDS = 15  # longer than any of the gateway's own timeouts
CLOSE_SECONDS = 10
SAMPLES = 5


class Loop:
    """Owns the connections; `now` is read once a turn."""

    def __init__(self, seed, authority):
        self.tls = ssl.create_default_context(cafile=authority)
        self.source = random.Random(seed)
        self.bodies = Bodies(seed)
        self.now = time.monotonic()
        self.connections = {}        # by descriptor, those in handshakes included
        self.open = {}               # by number
        self.by_server = Counter()
        self.waiting = deque()       # connections to start
        self.opening = 0             # handshakes under way, but those of clients that come at a pace of their own
        self.deadlines = {}          # by number: when a handshake or Close is given up
        self.ends = []
        self.links = {}              # HTTP/2 connections with room for streams, by what they were made for
        self.comings = []            # clients that come at a pace
        self.faults = Counter()
        self.samples = []
        self.checked = self.sent = 0
        self.rate = 0.0
        self._due = 0.0
        self._ring = deque()
        self._lengths, self._longest = deque(), max(LENGTHS)
        self._epoll = select.epoll()
        self._next_look = 0.0

    # What connections call

    def register(self, connection):
        """It has a descriptor, and wants to hear of it."""
        self._epoll.register(connection.fd, 0)
        self.connections[connection.fd] = connection

    def begun(self, connection):
        """Its handshake is under way."""
        self.opening += not connection.comes_to_go
        self.deadlines[connection.number] = (self.now + HANDSHAKE_SECONDS, connection)

    def watch(self, connection, interest):
        self._epoll.modify(connection.fd, interest)

    def unregister(self, connection):
        if self.connections.pop(connection.fd, None) is not None:
            self._epoll.unregister(connection.fd)

    def opened(self, connection):
        self.opening -= not connection.comes_to_go
        self.deadlines.pop(connection.number, None)
        self.open[connection.number] = connection
        self.by_server[connection.server] += 1
        self._ring.append(connection)
        connection.plan["batch"].opened(connection)

    def closing(self, connection):
        """A Close came, or is about to be sent: it is no longer one of the open ones."""
        if self.open.pop(connection.number, None) is not None:
            self.by_server[connection.server] -= 1
            self.deadlines[connection.number] = (self.now + CLOSE_SECONDS, connection)

    def ended(self, connection):
        was_open = connection.server is not None
        self.closing(connection)
        self.deadlines.pop(connection.number, None)
        if not was_open:
            self.opening -= not connection.comes_to_go
        connection.plan["batch"].ended(connection, was_open)

    def note_end(self, connection):
        """An end for the record: of a connection that was open, and that this side did not end."""
        if connection.how in ("closed", "aborted"):
            return
        self.ends.append({"number": connection.number, "server": connection.server, "how": connection.how,
                          "outstanding": connection.outstanding, "tls": connection.plan["tls"], "at": self.now})

    def fault(self, kind, text):
        self.faults[kind] += 1
        if len(self.samples) < SAMPLES:
            self.samples.append(f"{kind}: {text}")

    # Turns

    def turn(self, more=()):
        """One round: events, new connections, messages that are due. `more`: descriptors to look at as well; those
        that are ready are given back."""
        busy = self.rate > 0 or self.waiting or self.comings
        ready = []
        for fd, events in self._epoll.poll(0.004 if busy else 0.02, 512):
            connection = self.connections.get(fd)
            if connection is not None:
                connection.handle(events)
            elif fd in more:
                ready.append(fd)
        before, self.now = self.now, time.monotonic()
        for coming in self.comings:
            coming.turn(self.now)
        while self.waiting and self.opening < AT_ONCE:
            self.waiting.popleft().start()
        if self.rate > 0:
            self._send(self.now - before)
        if self.now >= self._next_look:
            self._next_look = self.now + 0.25
            self._look_at_deadlines()
        return ready

    def watch_descriptor(self, fd):
        self._epoll.register(fd, select.EPOLLIN)

    def _send(self, elapsed):
        # What could not be sent in time is not caught up with beyond a tenth of a second.
        self._due = min(self._due + elapsed * self.rate, self.rate / 10 + 1)
        passed = 0
        while self._due >= 1 and passed < len(self._ring):
            connection = self._ring.popleft()
            if connection.state != OPEN or connection.comes_to_go:
                continue
            self._ring.append(connection)
            if connection.outstanding >= WINDOW or connection.is_writing:
                passed += 1
                continue
            passed = 0
            self._due -= 1
            self.sent += 1
            connection.send_message(self._next_length(), self.bodies.cut)

    def _next_length(self):
        if not self._lengths:
            deck = [length for length, count in LENGTHS.items() for _ in range(count) if length <= self._longest]
            self.source.shuffle(deck)
            self._lengths.extend(deck)
        return self._lengths.popleft()

    def _look_at_deadlines(self):
        for deadline, connection in list(self.deadlines.values()):
            if self.now > deadline:
                state = connection.state
                suffix = " without the end of TCP" if state == CLOSING else ""
                connection.give_up(f"{connection.how}{suffix}" if connection.how else f"failed: timeout while {state}")

    # For commands

    def choose_lengths(self, longest):
        """From now on, no message is longer than this; None: as the deck has them."""
        self._longest = longest or max(LENGTHS)
        self._lengths.clear()

    def closing_now(self):
        """Connections that have seen or sent a Close and wait for the end of TCP."""
        return sum(connection.state == CLOSING and not connection.comes_to_go
                   for _, connection in self.deadlines.values())

    def open_now(self):
        return sum(not connection.comes_to_go for connection in self.open.values())

    def outstanding(self, without=()):
        """Messages that wait for their answers, apart from those to some servers."""
        return sum(c.outstanding for c in self.open.values() if c.server not in without)
