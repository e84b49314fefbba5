"""A healthy neighbour: WebSockets on the same gateway that must not notice what a hostile peer does beside them.

The fixture `attacked` starts a gateway with one; `Neighbour` is for tests that start their gateway otherwise.
"""

import threading

from raw import BINARY, DEADLINE, TEXT, Ended
from waiting import eventually

PATH = "/healthy-neighbour"
# The gateway has an event loop a core, and the kernel spreads connections over them: with several, one that an
# attack holds up is hardly missed.
PAIRS = 4
PACE = 0.01


def beside(config, address):
    """`config` with a route of its own, `neighbour`, for the neighbour's WebSockets to the server at `address`."""
    route = {"name": "neighbour", "match": {"path": PATH}, "upstream": "neighbour", "compression": "off"}
    upstream = {"name": "neighbour", "servers": [{"address": address}]}
    return {**config, "routes": [*config["routes"], route], "upstreams": [*config["upstreams"], upstream]}


class Neighbour:
    """Clients and their servers that exchange numbered messages, both ways, until `finish`.

    Every message has to arrive once, whole and in order; nothing else may come, and no connection may end. The
    configuration of `gateway` has to come from `beside(config, server.address)`; `server` is a `RawServer`.
    """

    def __init__(self, gateway, server):
        self.rounds = 0
        self._server = server
        self._pairs = [self._open(gateway) for _ in range(PAIRS)]
        self._failure = None
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._talk, name="neighbour", daemon=True)
        self._thread.start()
        self.check()

    def _open(self, gateway):
        client = gateway.connect().send_upgrade(PATH)
        server = self._server.accept()
        server.accept_upgrade()
        response = client.read_response()
        assert response.status == 101, f"neighbour: expected 101, got {response.start_line!r} {response.body!r}"
        return client, server

    def _talk(self):
        try:
            while not self._finished.wait(PACE):
                for number, (client, server) in enumerate(self._pairs):
                    self._exchange(client, server, f"client {number}")
                    self._exchange(server, client, f"server {number}")
                self.rounds += 1
        except (AssertionError, Ended, OSError) as error:
            self._failure = error

    def _exchange(self, sender, receiver, name):
        text = f"{name} says {self.rounds}".encode()
        data = (text + b"\x00\xff") * (self.rounds % 50)
        sender.send(sender.frame(TEXT, text) + sender.frame(BINARY, data))
        for sent in ((TEXT, text), (BINARY, data)):
            frame = receiver.read_frame()
            assert (frame.opcode, frame.payload, frame.fin) == (*sent, True), (
                f"round {self.rounds}: expected {sent[0]} {sent[1][:80]!r} of {name}, got {frame!r:.200}")
        assert not receiver.buffer, f"round {self.rounds}: more than {name} sent: {bytes(receiver.buffer[:80])!r}"

    def check(self):
        """Waits until every pair has exchanged messages that were sent after this call."""
        until = self.rounds + 2
        eventually(
            lambda: self._failure or self.rounds >= until, f"the neighbour to reach round {until}", 2 * DEADLINE)
        if self._failure:
            raise AssertionError(f"the neighbour noticed in round {self.rounds}: {self._failure}") from self._failure

    def finish(self):
        """Checks a last time, then takes the connections down."""
        try:
            self.check()
        finally:
            self._finished.set()
            self._thread.join(2 * DEADLINE)
            for pair in self._pairs:
                for peer in pair:
                    peer.close()
            self._server.close()
