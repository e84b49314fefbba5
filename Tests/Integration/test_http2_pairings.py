"""A WebSocket over HTTP/1.1 or HTTP/2 on either side is the same WebSocket: all four pairings, both ends raw."""

import threading

import pytest

from http2_peer import HTTP2Stream, connect
from http2_server import HTTP2Server
from raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Deflate, RawServer, close_payload, encode_frame
from sluice import Gateway, configuration
from waiting import eventually

H1, H2 = "h1", "h2"
PAIRINGS = [(client, server) for client in (H1, H2) for server in (H1, H2)]
COMPRESSION = {
    "plain": "off",
    "terminate": {"mode": "terminate", "threshold": 0},
    "both": {"mode": "terminate", "threshold": 0, "upstream": "on"},
    "passthrough": "passthrough",
}
EXTENSIONS = "Sec-WebSocket-Extensions"


class Bridge:
    """A gateway with a route for each protocol of a server and each way to compress, and these servers."""

    def __init__(self, directory, stage):
        self.stage = stage
        self.servers = {H1: RawServer(), H2: stage.run(HTTP2Server(H2, stage, echo=False).start())}
        protocols = {H1: "http/1.1", H2: "h2"}
        self.gateway = Gateway(configuration(
            *({"name": f"{server}-{mode}", "match": {"path_prefix": f"/{server}/{mode}"}, "upstream": server,
               "compression": compression, "close_timeout": "60s", "max_message_size": "8MiB"}
              for server in self.servers for mode, compression in COMPRESSION.items()),
            upstreams=[{"name": name, "protocol": protocols[name], "servers": [{"address": server.address}]}
                       for name, server in self.servers.items()]), directory).start()
        self._open = []

    def pair(self, client, server, path="", fields=(), answer=(), mode="plain"):
        """(client, server) of one WebSocket, both raw and open."""
        one = self._keep(self.client(client))
        one.send_upgrade(f"/{server}/{mode}{path}", fields)
        other = self._keep(self.servers[server].accept())
        other.read_upgrade()
        other.accept_upgrade(answer)
        response = one.read_response()
        expected = 101 if client == H1 else 200
        assert response.status == expected, f"expected {expected}, got {response.start_line!r} {response.body!r}"
        return one, other

    def client(self, protocol):
        """A client that has sent nothing yet."""
        if protocol == H1:
            return self.gateway.connect()
        return self._keep(connect(self.stage, self.gateway.addresses["plain"])).stream()

    def _keep(self, item):
        self._open.append(item)
        return item

    def settle(self):
        """Ends what a test has left open, and waits until the gateway knows of no WebSocket any more."""
        for item in reversed(self._open):
            item.close()
        self._open.clear()
        self.gateway.eventually(lambda stats: stats["connections"]["active"] == 0, "no WebSocket left")
        server = self.servers[H2]
        server.wait(lambda: not server.open_streams, "no stream left at the server")
        assert not server.failures, f"expected HTTP/2 in order, got {server.failures!r}"

    def end(self):
        try:
            assert self.gateway.stop() == 0, self.gateway.tail()
        finally:
            self.gateway.kill()
            self.servers[H1].close()
            self.stage.run(self.servers[H2].stop())


@pytest.fixture(scope="module")
def one_bridge(tmp_path_factory, stage):
    bridge = Bridge(tmp_path_factory.mktemp("bridge"), stage)
    yield bridge
    bridge.end()


@pytest.fixture(params=PAIRINGS, ids=["-".join(pairing) for pairing in PAIRINGS])
def pair(request, one_bridge):
    """`pair(…)` opens a WebSocket of the pairing; `.client` and `.server` name its protocols."""
    request.node.gateways = [one_bridge.gateway]

    def open_pair(*arguments, **options):
        return one_bridge.pair(*request.param, *arguments, **options)

    open_pair.client, open_pair.server = request.param
    open_pair.bridge = one_bridge
    yield open_pair
    one_bridge.settle()


def sides(pair_of_peers, sender):
    return pair_of_peers if sender == "client" else pair_of_peers[::-1]


from_each_side = pytest.mark.parametrize("sender", ["client", "server"])


# The opening handshake

def test_the_request_arrives_whole(pair):
    client, server = pair("/a%20b/..%2F?c=d&e=%C3%A9", [
        ("Origin", "https://example.com"), ("Cookie", "a=1; b=2; c=\"3 4\""), ("X-Tenant", "blue"), ("X-Tenant", "red"),
        ("Authorization", "Bearer t")])
    request = server.request
    assert request.target == f"/{pair.server}/plain/a%20b/..%2F?c=d&e=%C3%A9"
    assert request.get("origin") == "https://example.com"
    assert "; ".join(request.all("cookie")) == "a=1; b=2; c=\"3 4\""
    assert request.get("x-tenant").replace(" ", "") == "blue,red"
    assert request.get("authorization") == "Bearer t"
    assert request.get("sec-websocket-version") == "13"
    authority = server.pseudo[":authority"] if pair.server == H2 else request.get("host")
    assert authority == client.authority
    assert (request.get("sec-websocket-key") is None) == (pair.server == H2)


def test_cookies_that_come_in_several_fields(pair):
    _, server = pair(fields=[("Cookie", "a=1"), ("Cookie", "b=2")] if pair.client == H2 else [("Cookie", "a=1; b=2")])
    if pair.server == H1:
        assert server.request.all("cookie") == ["a=1; b=2"]
    else:
        assert "; ".join(server.request.all("cookie")) == "a=1; b=2"


def test_the_answer_arrives_whole(pair):
    client, _ = pair(
        fields=[("Sec-WebSocket-Protocol", "chat, superchat")],
        answer=[("Sec-WebSocket-Protocol", "superchat"), ("Set-Cookie", "s=1"), ("Set-Cookie", "t=2"), ("X-A", "b")])
    response = client.response
    assert response.get("sec-websocket-protocol") == "superchat"
    assert response.all("set-cookie") == ["s=1", "t=2"]
    assert response.get("x-a") == "b"
    assert response.get(EXTENSIONS) is None
    present = {"upgrade", "connection", "sec-websocket-accept"}
    names = {name.lower() for name, _ in response.fields}
    assert present & names == (present if pair.client == H1 else set())


def test_a_refusal_of_the_server(pair):
    client = pair.bridge.client(pair.client)
    client.send_upgrade(f"/{pair.server}/plain")
    server = pair.bridge.servers[pair.server].accept()
    server.read_upgrade()
    if pair.server == H1:
        server.send(b"HTTP/1.1 403 Forbidden\r\nX-A: b\r\nContent-Length: 3\r\nKeep-Alive: timeout=5\r\n\r\nno\n")
    else:
        server.answer(403, [("x-a", "b")], b"no\n")
    response = client.read_response()
    assert (response.status, response.get("x-a"), response.body) == (403, "b", b"no\n")
    assert response.get("keep-alive") is None
    client.close()
    server.close()


# Compression

def test_compression_with_the_client_alone(pair):
    client, server = pair(fields=[(EXTENSIONS, "permessage-deflate")], mode="terminate")
    assert server.request.get(EXTENSIONS) is None
    deflate = Deflate(client.response.get(EXTENSIONS), "client")
    for text in (b"Hello" * 1000, b"", b"again " * 5000):
        client.send_frame(TEXT, deflate.compress(text), rsv=4)
        assert server.read_message() == (TEXT, text, False)
        server.send_frame(TEXT, text)
        opcode, payload, rsv1 = client.read_message()
        assert (opcode, deflate.decompress(payload) if rsv1 else payload) == (TEXT, text)
        assert rsv1 or not text


@pytest.mark.parametrize("mode", ["both", "passthrough"])
def test_compression_with_both(pair, mode):
    client, server = pair(
        fields=[(EXTENSIONS, "permessage-deflate")], answer=[(EXTENSIONS, "permessage-deflate")], mode=mode)
    assert server.request.get(EXTENSIONS).startswith("permessage-deflate")
    ends = {client: Deflate(client.response.get(EXTENSIONS), "client"),
            server: Deflate("permessage-deflate", "server")}
    for text in (b"Hello" * 1000, b"again " * 20_000):
        for sender, receiver in ((client, server), (server, client)):
            sender.send_frame(TEXT, ends[sender].compress(text), rsv=4)
            opcode, payload, rsv1 = receiver.read_message()
            assert (opcode, rsv1, ends[receiver].decompress(payload)) == (TEXT, True, text)


# Messages

@from_each_side
def test_frames_pass_as_they_are(pair, sender):
    one, other = sides(pair(), sender)
    sent = [
        (TEXT, b"", True), (TEXT, "κόσμε 🜁".encode(), True), (BINARY, bytes(range(256)), True),
        (TEXT, b"in ", False), (PING, b"between", True), (CONTINUATION, b"three ", False), (CONTINUATION, b"", True),
        (PONG, b"unasked", True), (BINARY, b"x" * 65_535, True), (BINARY, b"y" * 65_536, True)]
    one.send(b"".join(one.frame(opcode, payload, fin=fin) for opcode, payload, fin in sent))
    for expected in sent:
        frame = other.read_frame()
        assert (frame.opcode, frame.payload, frame.fin) == expected
        assert frame.masked == (sender == "client")


@from_each_side
def test_a_message_byte_by_byte(pair, sender):
    one, other = sides(pair(), sender)
    for byte in one.frame(TEXT, b"slowly"):
        one.send(bytes([byte]))
    assert other.read_message()[1] == b"slowly"


def sending(peer, data):
    thread = threading.Thread(target=peer.send, args=(data,))
    thread.start()
    return thread


@from_each_side
def test_one_mebibyte(pair, sender):
    one, other = sides(pair(), sender)
    payload = bytes(range(256)) * 4096
    thread = sending(one, one.frame(BINARY, payload))
    assert other.read_message()[:2] == (BINARY, payload)
    thread.join(10)


def test_two_thousand_messages_in_order_both_ways(pair):
    client, server = pair()
    count = 2000
    texts = {peer: [b"%s %d " % (name, number) + b"." * (number % 300) for number in range(count)]
             for peer, name in ((client, b"client"), (server, b"server"))}
    threads = [sending(peer, b"".join(peer.frame(TEXT, text) for text in texts[peer])) for peer in texts]
    for sender, receiver in ((client, server), (server, client)):
        for expected in texts[sender]:
            assert receiver.read_frame().payload == expected
    for thread in threads:
        thread.join(10)


# Ends

@from_each_side
@pytest.mark.parametrize("code, reason", [(1000, ""), (1001, "going"), (1011, "κόσμε"), (3000, ""), (4999, "x" * 123)])
def test_a_close_passes_with_code_and_reason(pair, sender, code, reason):
    one, other = sides(pair(), sender)
    one.send_close(code, reason)
    assert other.expect_close() == (code, reason)
    other.send_close(code)
    assert one.expect_close()[0] == code
    client, server = sides((one, other), sender)
    server.finish_sending()
    assert client.expect_end() == "eof"
    assert server.expect_end() == "eof"


@from_each_side
def test_a_close_without_a_code(pair, sender):
    one, other = sides(pair(), sender)
    one.send_frame(CLOSE)
    assert other.expect_close() == (1005, "")
    other.send_frame(CLOSE)
    assert one.expect_close() == (1005, "")


def test_a_client_that_ends_its_side_behind_its_close_gets_the_answer(pair):
    # Chromium does so on HTTP/2, and takes a Close that is not answered for a connection that was lost.
    client, server = pair()
    client.send_close(4001, "enough")
    client.finish_sending()
    assert server.expect_close() == (4001, "enough")
    server.send_close(4001, "so be it")
    server.finish_sending()
    assert client.expect_close() == (4001, "so be it")
    assert client.expect_end() == "eof"


@from_each_side
def test_an_end_in_order_between_messages_is_passed_on(pair, sender):
    one, other = sides(pair(), sender)
    one.send_frame(TEXT, b"last words")
    one.finish_sending()
    assert other.read_message()[1] == b"last words"
    assert other.expect_end() == "eof"


@from_each_side
def test_a_reset_is_told_with_a_close(pair, sender):
    one, other = sides(pair(), sender)
    one.send_frame(TEXT, b"last words")
    assert other.read_message()[1] == b"last words"
    one.reset()
    assert other.expect_close()[0] == (1001 if sender == "client" else 1011)
    other.finish_sending()
    assert other.read_to_end() == b""


@from_each_side
@pytest.mark.parametrize("how", ["reset", "finish_sending"])
def test_breaking_off_inside_a_frame(pair, sender, how):
    one, other = sides(pair(), sender)
    frame = one.frame(BINARY, b"z" * 100_000)
    thread = sending(one, frame[:50_000])
    received = other.read_exactly(14)
    thread.join(10)
    getattr(one, how)()
    received += other.read_to_end()
    assert frame.startswith(received), "something was written inside another frame"
    if isinstance(other, HTTP2Stream):
        assert other.expect_end() == "reset", "a frame that broke off looks like an end in order"


@from_each_side
def test_breaking_off_between_fragments(pair, sender):
    one, other = sides(pair(), sender)
    one.send_frame(TEXT, b"one", fin=False)
    assert other.read_frame().payload == b"one"
    one.finish_sending()
    assert other.expect_close()[0] == (1001 if sender == "client" else 1011)


@from_each_side
def test_a_broken_rule(pair, sender):
    one, other = sides(pair(), sender)
    mask = None if sender == "client" else b"1234"
    one.send(encode_frame(TEXT, b"wrongly masked", mask=mask))
    assert one.expect_close()[0] == 1002
    assert other.expect_close()[0] == 1001


def test_both_close_at_once(pair):
    client, server = pair()
    client.send(client.frame(CLOSE, close_payload(4001)))
    server.send(server.frame(CLOSE, close_payload(4002)))
    assert server.expect_close()[0] == 4001
    assert client.expect_close()[0] == 4002


def test_a_server_that_drops_its_side_right_after_its_close(pair):
    client, server = pair()
    server.send_close(1000, "bye")
    server.close()
    assert client.expect_close() == (1000, "bye")
    client.send_close(1000)
    client.read_to_end()


# Who is seen

def test_the_protocols_in_statistics_and_log(pair):
    names = {H1: "http/1.1", H2: "h2"}
    client, server = pair()
    gateway = pair.bridge.gateway
    route = f"{pair.server}-plain"
    protocols = gateway.eventually(
        lambda stats: stats["routes"][route]["active"] == 1 and stats["routes"][route]["protocols"],
        "one WebSocket on the route")
    assert {side: {name: count for name, count in counts.items() if count} for side, counts in protocols.items()} \
        == {"client": {names[pair.client]: 1}, "server": {names[pair.server]: 1}}
    reason = f"{pair.client} to {pair.server}"
    client.send_close(4321, reason)
    assert server.expect_close() == (4321, reason)
    server.send_close(4321)
    server.finish_sending()
    client.expect_close()
    client.finish_sending()
    entry = eventually(
        lambda: next((entry for entry in gateway.log() if entry.get("reason") == reason), None),
        "its line in the log")
    assert (entry["client_protocol"], entry["server_protocol"]) == (names[pair.client], names[pair.server])
    assert entry["closed_by"] == "client"
