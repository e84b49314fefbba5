"""Answers over HTTP/1.1 that mean one thing to one reader and another to the next: the client gets one answer, with one
reading, 502, or one that it sees was cut; and nobody gets what was behind it."""

import contextlib
import random

import pytest

from http2_raw import END_HEADERS, END_STREAM, RST_STREAM, RawHTTP2
from raw import Ended
from recording import RecordingServer, name_of, plain
from sluice import Gateway, proxied
from smuggled_answers import CASES, EVIL, Case
from strict_http1 import StrictReader
from waiting import eventually

OTHERS = 3


class Scripted(RecordingServer):
    """Answers /case with the `case` of the time, everything else as usual."""

    case = None

    def __init__(self):
        super().__init__(lambda request: self._misbehave if request.target == "/case" else plain(name_of(request)))

    def _misbehave(self, connection, request):
        case = self.case
        connection.send(case.data)
        if case.ends == "reset":
            connection.reset()
        if case.ends:
            raise Ended(case.ends)


@pytest.fixture(scope="module")
def scripted(tmp_path_factory):
    """(gateway, server)"""
    server = Scripted()
    gateway = Gateway(
        proxied(server.address, upstream={"retries": 0, "response_timeout": "3s"}),
        tmp_path_factory.mktemp("answers")).start()
    yield gateway, server
    try:
        assert gateway.stop() == 0
    finally:
        gateway.kill()
        server.close()


class Broken:
    """An answer that its client sees was cut."""


def over_http1(client, case):
    client.send(f"{case.method} /case HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    reader = StrictReader(client)
    try:
        answer = reader.read_final(case.method)
    except Ended as end:
        assert reader.wire or end.unread, "the connection ended without a word"
        return Broken
    if answer.framing == "end" or (answer.get("connection") or "").lower() == "close":
        assert client.read_to_end() == b""
    else:
        # Nothing is behind the answer that its end does not show.
        client.send(b"GET /behind HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert reader.read_final().body == b"GET /behind 0"
    return answer


def over_http2(client, case):
    client = RawHTTP2(client)
    fields = [(":method", case.method), *client.get_fields("/case")[1:]]
    stream, sent = client.headers(fields, END_HEADERS | END_STREAM)
    client.send(sent)
    while True:
        got = client.read_frame()
        if got.stream == stream and got.kind == RST_STREAM:
            return Broken
        if got.stream == stream and got.flags & END_STREAM:
            break
    client.round_trip()
    return client.response(stream)


@pytest.mark.parametrize("speak", [over_http1, over_http2])
@pytest.mark.parametrize("name", CASES)
def test_the_client_gets_one_answer_with_one_reading(request, scripted, wire, name, speak):
    gateway, server = scripted
    request.node.gateways = [gateway]
    case = server.case = CASES[name]
    answer = speak(wire.connect(gateway), case)
    if answer is Broken:
        # A head that was never written is 502, or in HTTP/2 nothing else.
        assert case.broken, f"expected {case}, got an answer that was cut"
    elif answer.status == 502:
        assert case.bad, f"expected {case}, got {answer}"
    else:
        assert (answer.status, answer.body) == case.served, f"expected {case}, got {answer}"
        names = [name.lower() for name, _ in answer.fields]
        assert not [one for one in [*case.gone, "x-evil"] if one in names], answer.fields
    # Whatever the server has said more is for nobody.
    for number in range(OTHERS):
        client = wire.connect(gateway)
        client.send(b"GET /other%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % number)
        assert StrictReader(client).read_final().body == b"GET /other%d 0" % number
    assert not server.failures, server.failures
    assert gateway.process.poll() is None


def ask(client, path=b"/"):
    client.send(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")


@pytest.mark.parametrize("unsolicited", [
    EVIL, b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", b"x", b"\r\n", b"\0"])
def test_what_comes_on_an_idle_connection_is_no_answer(gateway, wire, unsolicited):
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"retries": 0}))
    client = wire.connect(running)
    ask(client)
    peer = wire.accept(server)
    StrictReader(peer).read_request()
    peer.send(plain(b"first"))
    assert StrictReader(client).read_final().body == b"first"
    peer.send(unsolicited)
    # Such a server has lost count: the connection is given up before anybody else is sent there.
    peer.expect_end()
    ask(client, b"/second")
    peer = wire.accept(server)
    assert StrictReader(peer).read_request().target == "/second"
    peer.send(plain(b"second"))
    assert StrictReader(client).read_final().body == b"second"


@pytest.mark.parametrize("answer", [
    plain(b"hello", fields=b"Connection: close\r\n"), b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    plain(b"hello") + EVIL, b"HTTP/1.1 204 No Content\r\n\r\nhello"],
    ids=["close", "HTTP/1.0", "more", "204 with a body"])
def test_a_connection_is_not_used_again_behind_such_an_answer(gateway, wire, answer):
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"retries": 0}))
    client = wire.connect(running)
    ask(client)
    peer = wire.accept(server)
    StrictReader(peer).read_request()
    peer.send(answer)
    assert StrictReader(client).read_final().status in (200, 204)
    peer.expect_end()
    ask(client, b"/second")
    peer = wire.accept(server)
    assert StrictReader(peer).read_request().target == "/second"
    peer.send(plain(b"second"))
    assert StrictReader(client).read_final().body == b"second"


def test_an_answer_before_the_end_of_its_request_gives_the_connection_to_nobody(gateway, wire):
    """What is still to come of the body would be the next request's head."""
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"retries": 0}))
    client = wire.connect(running)
    client.send(b"POST /early HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhello")
    peer = wire.accept(server)
    peer.read_through(b"hello")
    peer.send(plain(b"early", b"413 Content Too Large"))
    answer = StrictReader(client).read_final()
    assert (answer.status, answer.body) == (413, b"early")
    other = wire.connect(running)
    ask(other, b"/other")
    second = wire.accept(server)
    assert StrictReader(second).read_request().target == "/other"
    second.send(plain(b"other"))
    assert StrictReader(other).read_final().body == b"other"
    try:
        client.send(b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n".ljust(95))
    except OSError:
        pass  # it may have been told by the end of its connection
    rest = peer.read_to_end()
    assert b"GET /smuggled" not in rest or len(rest) <= 95, rest
    eventually(lambda: running.route()["requests"]["active"] == 0, "no request in flight")


LETTERS = b"\r\n\0 \t:;,=05aA\x0b\x7f\x80\xff"
SEEDS = [
    plain(b"hello", fields=b"X-A: b\r\n"), b"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + plain(b"hello"),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-A: b\r\n\r\n",
]
ROUNDS = 150


def test_what_chance_makes_of_answers_is_for_nobody_else(request, scripted, wire):
    gateway, server = scripted
    request.node.gateways = [gateway]
    chance = random.Random(11)
    for number in range(ROUNDS):
        data = bytearray(chance.choice(SEEDS) + chance.choice([b"", EVIL]))
        for _ in range(chance.choice([1, 1, 2, 3])):
            place = chance.randrange(len(data))
            new = bytes([chance.choice(LETTERS)]) if chance.random() < 0.7 else b""
            data[place : place + chance.choice([0, 1])] = new
        server.case = Case(bytes(data))
        client = wire.connect(gateway)
        ask(client, b"/case")
        # An answer that is not whole is waited for no longer than this.
        client.sock.settimeout(0.03)
        with contextlib.suppress(AssertionError, Ended):
            client.read_through(b"\r\n\r\n")
        other = wire.connect(gateway)
        for _ in range(2):
            ask(other, b"/other%d" % number)
            assert StrictReader(other).read_final().body == b"GET /other%d 0" % number, bytes(data)
        client.close()
        other.close()
    assert not server.failures, server.failures
