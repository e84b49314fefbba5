"""What both peers of a WebSocket must see when one of them broke a rule, and a gateway to see it on.

It has a route for each way to compress: the fixture `attack` opens connections on them.
"""

import pytest

from hostile import Neighbour, beside
from raw import CLOSE, Ended, Peer, RawServer
from sluice import Gateway, configuration

EXTENSIONS = "Sec-WebSocket-Extensions"
LIMIT = 100_000
MODES = {
    "off": {"mode": "off"},
    "terminate": {"mode": "terminate", "threshold": 0},
    "both": {"mode": "terminate", "threshold": 0, "upstream": "on"},
    "passthrough": {"mode": "passthrough"},
}
ROUTES = {**MODES, "forgetful": {"mode": "terminate", "threshold": 0, "context_takeover": False}}
# Where compressed messages may come from: the mode of the route, and who sends.
COMPRESSED = [("terminate", "client"), ("both", "client"), ("both", "server"), ("passthrough", "client"),
              ("passthrough", "server")]
on_each_compressed_leg = pytest.mark.parametrize("mode, sender", COMPRESSED, ids=[" ".join(leg) for leg in COMPRESSED])


def hostile_configuration(address, compression=(), limits=None, **settings):
    """A route for each of `ROUTES`, all to one server; `compression` is added to that of each."""
    common = {"max_message_size": LIMIT, "close_timeout": "300ms", "ping_interval": "0s", **settings}
    return configuration(
        *({"name": name, "match": {"path": f"/{name}"}, "upstream": "target",
           "compression": {**mode, **dict(compression)}, **common} for name, mode in ROUTES.items()),
        **({"limits": limits} if limits else {}),
        upstreams=[{"name": "target", "servers": [{"address": address}]}])


def sides(pair, sender):
    """(who attacks, the other side) of (client, server)."""
    return pair if sender == "client" else pair[::-1]


class Attacked:
    """One gateway for many attacks, with a healthy neighbour beside them."""

    def __init__(self, directory, **settings):
        self.server, beside_server = RawServer(), RawServer()
        config = beside(hostile_configuration(self.server.address, **settings), beside_server.address)
        self.gateway = Gateway(config, directory).start()
        self.neighbour = Neighbour(self.gateway, beside_server)

    def pair(self, wire, mode="off", offer="permessage-deflate", answer="permessage-deflate"):
        """(client, server), both raw, that agreed on permessage-deflate on the legs that `mode` compresses."""
        return wire.pair(
            self.gateway, self.server, f"/{mode}", fields=[(EXTENSIONS, offer)] if mode != "off" else [],
            answer=[(EXTENSIONS, answer)] if mode in ("both", "passthrough") else [])

    def settled(self):
        """Every attacked connection is gone, and the neighbour noticed nothing."""
        self.gateway.eventually(
            lambda stats: not any(stats["routes"][name]["active"] for name in ROUTES), "no attacked connection left")
        self.neighbour.check()

    def finish(self):
        try:
            self.neighbour.finish()
            assert self.gateway.stop() == 0, f"expected exit 0 after SIGTERM, got {self.gateway.process.returncode}"
        finally:
            self.gateway.kill()
            self.server.close()


@pytest.fixture(scope="module")
def shared_gateway(tmp_path_factory):
    attacked = Attacked(tmp_path_factory.mktemp("attacked"))
    yield attacked
    attacked.finish()


@pytest.fixture
def attack(request, shared_gateway, wire):
    """The module's gateway: `attack(mode)` gives (client, server). At the end both must be gone."""
    request.node.gateways = [shared_gateway.gateway]
    yield lambda mode="off", **options: shared_gateway.pair(wire, mode, **options)
    shared_gateway.settled()


def _frame_end(data, start):
    """Where the frame that begins at `start` ends; None when it is not whole."""
    if len(data) < start + 2:
        return None
    size, position = data[start + 1] & 0x7F, start + 2
    if size >= 126:
        width = 2 if size == 126 else 8
        size, position = int.from_bytes(data[position : position + width], "big"), position + width
    end = position + (4 if data[start + 1] & 0x80 else 0) + size
    return end if end <= len(data) else None


def read_until_close(peer: Peer):
    """(what came before, the Close as (code, reason)), or (all that came, None) when the connection ended without
    one. What came before is bytes as on the wire; where there is no Close, it may end inside a frame."""
    seen = bytearray()
    try:
        while True:
            position = 0
            while (end := _frame_end(peer.buffer, position)) is not None:
                if peer.buffer[position] & 0x0F == CLOSE:
                    seen += peer.read_exactly(position)
                    return bytes(seen), peer.read_frame().close
                position = end
            seen += peer.read_exactly(position)
            peer._more()
    except Ended:
        seen += peer.buffer
        peer.buffer.clear()
        return bytes(seen), None


def is_frame_boundary(data):
    position = 0
    while position < len(data):
        position = _frame_end(data, position)
        if position is None:
            return False
    return True


def expect_refused(guilty, code):
    """Its Close has this code and a reason; then the gateway ends its half, and listens no more."""
    before, close = read_until_close(guilty)
    assert close is not None, f"expected Close {code} to who broke the rule, the connection ended without one"
    assert close[0] == code, f"expected Close {code} to who broke the rule, got {close}"
    assert close[1], f"expected a reason with Close {code}, got none"
    how = guilty.expect_end()
    assert how == "eof", f"expected the connection to end in order behind Close {code}, got {how}"
    assert not before, f"expected nothing before Close {code}, got {before[:80]!r}"
    guilty.close()


def expect_farewell(innocent, expected, rest=b"", may_be_cut=False):
    """It gets `expected` and Close 1001; or, where it may be, a part of `rest` that ends inside a frame."""
    before, close = read_until_close(innocent)
    if close is None:
        assert may_be_cut, f"expected Close 1001 to the other side, the connection ended after {before[-80:]!r}"
        assert (expected + rest).startswith(before) and len(before) > len(expected), (
            f"expected what was sent, as it was sent, got {before[-80:]!r}")
        assert not is_frame_boundary(before), "the other side was left between two frames without a Close"
    else:
        assert before == expected, f"expected {expected[-80:]!r} before the Close, got {before[-80:]!r}"
        assert close[0] == 1001, f"expected Close 1001 to the other side, got {close}"
        try:
            innocent.send_close(1001)
            innocent.finish_sending()
            innocent.expect_end()
        except OSError:
            pass  # close_timeout was over before it came to answering
    innocent.close()


def expect_broken(guilty, innocent, code, expected=b"", rest=b"", may_be_cut=False):
    """`guilty` broke a rule, and gets `code`; the other side is told as `expect_farewell` says. It comes first: the
    gateway gives it a moment to answer before it ends the connection of the one who broke the rule."""
    expect_farewell(innocent, expected, rest, may_be_cut)
    expect_refused(guilty, code)
