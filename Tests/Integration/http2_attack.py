"""A gateway to attack over HTTP/2 beside healthy neighbours, over HTTP/1.1 and over HTTP/2: the fixture `attack`.

Each attack begins on a connection of its own with a WebSocket open on stream 1, so that it can be seen what becomes of
the other streams of a connection on which one breaks a rule.
"""

import pytest

from hostile import PAIRS, PATH, Neighbour, beside
from http2_client import HTTP2Client, alpn
from http2_raw import RawHTTP2, data
from raw import TEXT, Ended, RawServer, Response
from sluice import Gateway, configuration

LARGE_BODY = 50_000


def attacked_configuration(address, listeners, **sections):
    """/ws leads to the server at this address; /page and /large answer by themselves."""
    return configuration(
        {"name": "ws", "match": {"path_prefix": "/ws"}, "upstream": "target", "compression": "off",
         "close_timeout": "300ms", "ping_interval": "0s"},
        {"name": "page", "match": {"path": "/page"}, "respond": {"status": 200, "body": "hello"}},
        {"name": "large", "match": {"path": "/large"}, "respond": {"status": 200, "body": "x" * LARGE_BODY}},
        upstreams=[{"name": "target", "servers": [{"address": address}], "retries": 0}],
        listeners=listeners, **sections)


class HTTP2Neighbour(Neighbour):
    """A healthy neighbour whose WebSockets share one HTTP/2 connection."""

    def __init__(self, gateway, server):
        self._client = HTTP2Client.connect(gateway)
        super().__init__(gateway, server)

    def _open(self, gateway):
        stream = self._client.ask(PATH)
        server = self._server.accept()
        server.accept_upgrade()
        self._client.expect_open(stream)
        return self._client.peer_on(stream), server

    def finish(self):
        try:
            super().finish()
        finally:
            self._client.close()


class AttackedHTTP2:
    """One gateway for many attacks. `target`: where /ws leads, when not to its own `server`."""

    def __init__(self, directory, listeners, target=None, **sections):
        self.server, beside_server = RawServer(), RawServer()
        config = beside(
            attacked_configuration(target or self.server.address, listeners, **sections), beside_server.address)
        self.gateway = Gateway(config, directory).start()
        self.neighbours = [kind(self.gateway, beside_server) for kind in (Neighbour, HTTP2Neighbour)]

    def check(self, rounds=2):
        for neighbour in self.neighbours:
            neighbour.check(rounds)

    def settled(self):
        """Of the attacks nothing is left, and the neighbours noticed nothing."""
        def only_neighbours(stats):
            http2 = stats["http2"]["client"]
            return (stats["connections"]["active"] == 2 * PAIRS and http2["connections"] == 1
                    and http2["streams"] == PAIRS)

        self.gateway.eventually(only_neighbours, "nothing but the neighbours' WebSockets and connections")
        self.check(rounds=0)

    def finish(self):
        try:
            for neighbour in self.neighbours:
                neighbour.finish()
            assert self.gateway.stop() == 0, f"expected exit 0 after SIGTERM, got {self.gateway.process.returncode}"
        finally:
            self.gateway.kill()
            self.server.close()


class Attack:
    """One connection with a WebSocket on stream 1. `peer`: its server's end."""

    def __init__(self, attacked, wire, listener="plain", tls=None):
        self.attacked, self.wire = attacked, wire
        self.errors_before = self._errors()
        self.client = RawHTTP2(wire.connect(attacked.gateway, listener, tls=tls and alpn(tls, "h2")))
        self.stream, self.peer = self.open()

    def open(self):
        """(stream, the server's end) of one more WebSocket."""
        stream = self.client.ask("/ws")
        peer = self.wire.accept(self.attacked.server)
        peer.accept_upgrade()
        self.client.expect_open(stream)
        return stream, peer

    def send(self, sent):
        self.client.send(sent)

    def _errors(self):
        return self.attacked.gateway.stats()["http2"]["client"]["errors_total"]

    def expect_connection_error(self, *codes):
        """GOAWAY with one of these codes, the end of the connection, and a word to the server of the WebSocket."""
        code = self.client.expect_goaway(*codes).code
        try:
            assert self.peer.expect_close()[0] == 1001
        except Ended as end:
            raise AssertionError(f"expected Close 1001 to the server, the connection ended ({end.how})") from None
        before = self.errors_before.get(code, 0)
        self.attacked.gateway.eventually(
            lambda stats: stats["http2"]["client"]["errors_total"].get(code, 0) > before, f"{code} to be counted")

    def expect_stream_error(self, stream, *codes):
        self.client.expect_reset(stream, *codes)
        self.expect_unharmed()

    def expect_unharmed(self):
        """The WebSocket on stream 1 and the connection go on."""
        client, peer = self.client, self.peer
        sent = client.peer.frame(TEXT, "from the client")
        client.send(data(self.stream, sent))
        assert peer.read_message()[1] == b"from the client"
        answer = peer.frame(TEXT, "from the server")
        peer.send(answer)
        assert client.read_data(self.stream, len(answer)) == answer
        client.round_trip()

    def expect_refused(self, stream):
        """Status 400 or RST_STREAM PROTOCOL_ERROR on a stream, and nothing on others."""
        answer = self.client.answer_or_reset(stream)
        if isinstance(answer, Response):
            assert answer.status == 400, f"expected 400, got {answer}"
        else:
            assert answer == "PROTOCOL_ERROR", f"expected 400 or RST_STREAM PROTOCOL_ERROR, got {answer}"
        self.expect_unharmed()


@pytest.fixture(scope="module")
def attacked_http2(tmp_path_factory, both_listeners):
    few = {"name": "few", "address": "127.0.0.1:0", "h2": {"max_streams": 3}}
    attacked = AttackedHTTP2(tmp_path_factory.mktemp("attacked"), [*both_listeners, few])
    yield attacked
    attacked.finish()


@pytest.fixture
def attack(request, attacked_http2, wire):
    """`attack()` begins one on the module's gateway. At the end nothing may be left of it."""
    request.node.gateways = [attacked_http2.gateway]
    yield lambda **options: Attack(attacked_http2, wire, **options)
    wire.close()
    attacked_http2.settled()
