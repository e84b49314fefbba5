"""Servers that misbehave in the opening handshake: what the client is told, and what it costs nobody else."""

import threading

import pytest

from hostile import PAIRS, Neighbour, beside
from raw import TEXT, RawServer, accept_for, encode_frame
from sluice import Gateway, PeakMemory, proxied
from test_refusals import check_refusal

DEFLATE = ("Sec-WebSocket-Extensions", "permessage-deflate")


def one_server(server, upstream=(), **options):
    return proxied(server.address, upstream={"retries": 0, **dict(upstream)}, **options)


def handshake(running, wire, server, fields=(), path="/"):
    """(client, server's end) with the upgrade sent and read, and not yet answered."""
    client = wire.connect(running).send_upgrade(path, fields)
    peer = wire.accept(server)
    peer.read_upgrade()
    return client, peer


def switching(peer, *lines, status=b"HTTP/1.1 101 Switching Protocols", behind=b""):
    """The bytes of a 101 that is in order but for these lines."""
    accept = accept_for(peer.request.get("sec-websocket-key")).encode()
    head = [status, b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Accept: " + accept, *lines]
    return b"\r\n".join([*head, b"", b""]) + behind


def gone(running):
    """Waits until nothing is left of the attacked route: no connection, no permit, at no server."""
    running.eventually(
        lambda stats: stats["connections"]["active"] == PAIRS
        and all(server["active"] == 0 for server in stats["upstreams"]["backend"]["servers"].values()),
        "only the neighbour's connections")


class Endured:
    """A gateway before one server that misbehaves, for all the cases that need no other."""

    MODES = {"terminate": {"mode": "terminate", "upstream": "on"}, "passthrough": {"mode": "passthrough"}}

    def __init__(self, directory):
        self.server, neighbours = RawServer(), RawServer()
        config = one_server(self.server)
        for name, mode in self.MODES.items():
            route = {"name": name, "match": {"path": f"/{name}"}, "upstream": "backend", "compression": mode}
            config["routes"].append(route)
        self.gateway = Gateway(beside(config, neighbours.address), directory).start()
        self.neighbour = Neighbour(self.gateway, neighbours)

    def end(self):
        try:
            self.neighbour.finish()
            assert self.gateway.stop() == 0
        finally:
            self.gateway.kill()
            self.server.close()


@pytest.fixture(scope="module")
def one_endured(tmp_path_factory):
    endured = Endured(tmp_path_factory.mktemp("endured"))
    yield endured
    endured.end()


@pytest.fixture
def endured(one_endured, request):
    request.node.gateways = [one_endured.gateway]
    yield one_endured
    one_endured.neighbour.check(rounds=0)


def line(text):
    return lambda peer: switching(peer, text)


def changed(old, new):
    return lambda peer: switching(peer).replace(old, new, 1)


def spoiled_accept(spoil):
    def answer(peer):
        accept = accept_for(peer.request.get("sec-websocket-key"))
        return switching(peer).replace(accept.encode(), spoil(accept).encode())
    return answer


BAD_101 = {
    "the Accept twice": lambda peer: switching(
        peer, b"Sec-WebSocket-Accept: " + accept_for(peer.request.get("sec-websocket-key")).encode()),
    "the Accept and another": line(b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    "the Accept in a list": spoiled_accept(lambda accept: accept + ", " + accept),
    "the Accept in lower case": spoiled_accept(str.lower),
    "the Accept without its padding": spoiled_accept(lambda accept: accept.rstrip("=")),
    "the Accept in quotes": spoiled_accept(lambda accept: f'"{accept}"'),
    "the Accept of another key": spoiled_accept(lambda accept: accept_for("AAAAAAAAAAAAAAAAAAAAAA==")),
    "the key for the Accept": lambda peer: switching(peer).replace(
        accept_for(peer.request.get("sec-websocket-key")).encode(),
        peer.request.get("sec-websocket-key").encode()),
    "no field at all": lambda peer: b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "no field, then a 101 in order": lambda peer: b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + switching(peer),
    "Upgrade to a version of TLS": changed(b"websocket", b"TLS/1.3"),
    "Connection: close": changed(b"Connection: Upgrade", b"Connection: close"),
    "permessage-deflate": line(b"Sec-WebSocket-Extensions: permessage-deflate"),
    "deflate-stream": line(b"Sec-WebSocket-Extensions: deflate-stream"),
    "x-webkit-deflate-frame": line(b"Sec-WebSocket-Extensions: x-webkit-deflate-frame"),
    "an unknown extension": line(b"Sec-WebSocket-Extensions: x-unknown; a=1"),
    "an extension list that can't be read": line(b"Sec-WebSocket-Extensions: a; =b"),
    "65 extensions": line(b"Sec-WebSocket-Extensions: " + b", ".join([b"a"] * 65)),
    "a subprotocol": line(b"Sec-WebSocket-Protocol: chat"),
    "an empty subprotocol": line(b"Sec-WebSocket-Protocol:"),
    "HTTP/2.0": changed(b"HTTP/1.1", b"HTTP/2.0"),
    "a status of two digits": changed(b"101 ", b"10 "),
    "a status of four digits": changed(b"101 ", b"1010 "),
    "a folded line": line(b"X-A: a\r\n b"),
    "a space before the colon": line(b"X-A : a"),
    "no colon": line(b"X-A"),
    "CR in a value": line(b"X-A: a\rb"),
    "LF for a line end": line(b"X-A: a\nX-B: b"),
    "LF for every line end": lambda peer: switching(peer).replace(b"\r\n", b"\n"),
    "NUL in a value": line(b"X-A: a\0b"),
    "NUL in a name": line(b"X\0A: b"),
    "a control character in a value": line(b"X-A: a\x01b"),
    "a field of 100 kB": line(b"X-A: " + b"a" * 100_000),
    "fields of 4 MB": lambda peer: switching(peer, *[b"X-A: " + b"a" * 1000] * 4000),
    "257 fields": lambda peer: switching(peer, *[b"X: a"] * 254),
    "a TLS alert": lambda peer: b"\x15\x03\x03\x00\x02\x02\x28",
    "a frame of HTTP/2": lambda peer: b"\0\0\0\4\0\0\0\0\0",
    "SSH": lambda peer: b"SSH-2.0-OpenSSH_9.0\r\n",
    "a frame": lambda peer: encode_frame(TEXT, "too early"),
    "zeros": lambda peer: bytes(1000),
    "two lengths on a refusal": lambda peer: b"HTTP/1.1 403 No\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    "a length beside chunked on a refusal": lambda peer:
        b"HTTP/1.1 403 No\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    "a status below 100": lambda peer: b"HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n",
    "the status 000": lambda peer: b"HTTP/1.1 000 No\r\nContent-Length: 0\r\n\r\n",
}


def send_all(peer, data):
    try:
        peer.send(data)
    except OSError:
        pass  # the gateway has seen enough of it and hung up, as it may


@pytest.mark.parametrize("answer", BAD_101, ids=str)
def test_an_answer_that_is_no_handshake_gives_502(endured, wire, answer):
    client, peer = handshake(endured.gateway, wire, endured.server)
    send_all(peer, BAD_101[answer](peer))
    check_refusal(client.read_response(), 502)
    assert client.expect_end() == "eof"
    peer.read_to_end()
    gone(endured.gateway)


OFFERED = {
    "twice": "permessage-deflate, permessage-deflate",
    "beside another": "permessage-deflate, x-unknown",
    "a parameter nobody knows": "permessage-deflate; x=1",
    "a parameter twice": "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
    "a window of 7 bits": "permessage-deflate; server_max_window_bits=7",
    "a window of 16 bits": "permessage-deflate; server_max_window_bits=16",
    "a window of 010 bits": "permessage-deflate; server_max_window_bits=010",
    "a window without bits": "permessage-deflate; server_max_window_bits",
}


@pytest.mark.parametrize("mode", Endured.MODES)
@pytest.mark.parametrize("answer", OFFERED, ids=str)
def test_an_answer_to_the_offer_of_compression_that_breaks_rfc_7692_gives_502(endured, wire, answer, mode):
    client, peer = handshake(endured.gateway, wire, endured.server, [DEFLATE], f"/{mode}")
    assert "permessage-deflate" in peer.request.get("sec-websocket-extensions")
    peer.accept_upgrade([("Sec-WebSocket-Extensions", OFFERED[answer])])
    check_refusal(client.read_response(), 502)
    gone(endured.gateway)


BEFORE_A_101 = {
    "100": b"HTTP/1.1 100 Continue\r\n\r\n",
    "103 with fields": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nSec-WebSocket-Accept: no\r\n\r\n",
    "1000 of 102": b"HTTP/1.1 102 Processing\r\n\r\n" * 1000,
}


@pytest.mark.parametrize("before", BEFORE_A_101, ids=str)
def test_interim_responses_are_passed_over(attacked, wire, before):
    server = wire.server()
    running = attacked(one_server(server))
    client, peer = handshake(running, wire, server)
    peer.send(BEFORE_A_101[before] + switching(peer, behind=encode_frame(TEXT, "behind it")))
    response = client.read_response()
    assert (response.status, response.get("link")) == (101, None)
    assert client.read_message()[1] == b"behind it"


def test_interim_responses_without_end_give_504_and_take_no_memory(attacked, wire):
    server = wire.server()
    running = attacked(one_server(server, {"response_timeout": "500ms"}))
    client, peer = handshake(running, wire, server)
    with PeakMemory(running) as memory, pytest.raises(OSError):
        while True:
            peer.send(b"HTTP/1.1 100 Continue\r\nX-A: a\r\n\r\n" * 500)
    check_refusal(client.read_response(), 504)
    assert memory.growth < 16 * 1024 * 1024, f"memory grew by {memory.growth} bytes"
    gone(running)


@pytest.mark.parametrize("start", [
    b"", b"H", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: webs", b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n",
], ids=["nothing", "a letter", "half a head", "an interim response", "a line"])
def test_an_answer_that_never_comes_whole_gives_504(attacked, wire, start):
    server = wire.server()
    running = attacked(one_server(server, {"response_timeout": "300ms"}))
    client, peer = handshake(running, wire, server)
    peer.send(start)
    check_refusal(client.read_response(), 504)
    peer.expect_end()
    gone(running)


def test_a_head_that_drips_in_gives_504(attacked, wire):
    server = wire.server()
    running = attacked(one_server(server, {"response_timeout": "500ms"}))
    client, peer = handshake(running, wire, server)
    answered = threading.Event()

    def drip():
        try:
            peer.send(b"HTTP/1.1 101 Switching Protocols\r\nX-A: ")
            while not answered.wait(0.02):
                peer.send(b"a")
        except OSError:
            pass

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        check_refusal(client.read_response(), 504)
    finally:
        answered.set()
        thread.join(10)
    gone(running)


@pytest.mark.parametrize("end", ["close", "reset", "finish_sending"])
@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 101 Switching Proto", b"HTTP/1.1 100 Continue\r\n\r\n"],
                         ids=["before its answer", "inside its answer", "after an interim response"])
def test_each_server_that_goes_is_tried_once_then_502(attacked, wire, start, end):
    servers = [wire.server() for _ in range(4)]
    running = attacked(proxied(
        *(server.address for server in servers), upstream={"retries": 2, "balance": "round_robin"}))
    client = wire.connect(running).send_upgrade("/")
    for server in servers[:3]:
        peer = wire.accept(server)
        peer.read_upgrade()
        peer.send(start)
        getattr(peer, end)()
    check_refusal(client.read_response(), 502)
    servers[3].sock.settimeout(0)
    with pytest.raises(BlockingIOError):
        servers[3].sock.accept()
    gone(running)
