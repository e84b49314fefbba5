"""Opening handshakes that are malformed, ambiguous, oversized or no HTTP at all.

Each case has one status, then the connection ends, nothing of it reaches the server, and a healthy neighbour on the
same gateway notices nothing. Every case is sent whole, one byte at a time, and over TLS: where a read ends must not
change what is read.
"""

import random
import re
import socket
import threading

import pytest

from bad_requests import CASES, KEY, SMUGGLED, request
from hostile import PAIRS, Neighbour, beside
from raw import CLOSE, Ended, RawServer, accept_for
from sluice import Gateway, proxied
from test_refusals import check_refusal
from waiting import SLOWDOWN

# One byte a segment takes too long for the oversized ones, and shows nothing more.
BYTEWISE_LIMIT = 4096


class Besieged:
    """A gateway before a server that nobody may reach, and its healthy neighbour."""

    def __init__(self, listeners, directory):
        self.trap = RawServer()
        self.trap.sock.settimeout(0)
        server = RawServer()
        config = proxied(self.trap.address, http="off", sections={"listeners": listeners})
        self.gateway = Gateway(beside(config, server.address), directory).start()
        self.neighbour = Neighbour(self.gateway, server)

    def check(self):
        assert self._trapped() == 0, "expected that no connection is made to the server"
        self.neighbour.check(rounds=0)

    def _trapped(self):
        """How many connections to the server there were since the last call."""
        count = 0
        while True:
            try:
                self.trap.sock.accept()[0].close()
                count += 1
            except BlockingIOError:
                return count

    def end(self):
        try:
            self.neighbour.finish()
            self.gateway.eventually(lambda stats: stats["connections"]["active"] == 0, "no connection left")
            assert self.gateway.stats()["connections"]["accepted_total"] == PAIRS
            assert self.gateway.stop() == 0
        finally:
            self.gateway.kill()
            self.trap.close()


@pytest.fixture(scope="module")
def one_besieged(both_listeners, tmp_path_factory):
    besieged = Besieged(both_listeners, tmp_path_factory.mktemp("besieged"))
    yield besieged
    besieged.end()


@pytest.fixture
def besieged(one_besieged, request):
    request.node.gateways = [one_besieged.gateway]
    yield one_besieged
    one_besieged.check()


def send_whole(client, data):
    client.send(data)


def send_bytewise(client, data):
    for index in range(len(data)):
        client.send(data[index : index + 1])


ATTEMPTS = [
    pytest.param(name, way, id=f"{name}, {way}")
    for name, (data, _, _) in CASES.items() for way in ("whole", "bytewise", "tls")
    if way != "bytewise" or len(data) <= BYTEWISE_LIMIT
]


@pytest.mark.parametrize("case, way", ATTEMPTS)
def test_a_bad_handshake_gets_its_status_and_the_connection_ends(besieged, wire, trusting, case, way):
    data, status, fields = CASES[case]
    client = wire.connect(besieged.gateway, **({"listener": "tls", "tls": trusting} if way == "tls" else {}))
    try:
        (send_bytewise if way == "bytewise" else send_whole)(client, data)
    except OSError:
        pass  # answered, and the connection ended, before all of it was sent
    response = client.read_response()
    check_refusal(response, status, **fields)
    assert "close" in re.split(r",\s*", response.get("connection")), response.fields
    assert client.expect_end() == "eof"


def test_the_handshake_that_the_cases_spoil_is_in_order(attacked, wire):
    """And what follows it is no second request, but frames: G is RSV1 and a reserved opcode."""
    server = wire.server()
    running = attacked(proxied(server.address))
    client = wire.connect(running)
    client.send(request(b"X: a\r\n" * 251))  # 256 fields, the most there may be
    peer = wire.accept(server)
    assert peer.read_upgrade().target == "/"
    assert not peer.buffer, f"expected nothing behind the request, got {bytes(peer.buffer)!r}"
    peer.accept_upgrade()
    response = client.read_response()
    assert (response.status, response.get("sec-websocket-accept")) == (101, accept_for(KEY.decode()))
    assert client.expect_close()[0] == 1002
    frame = peer.read_frame()
    assert (frame.opcode, frame.close[0]) == (CLOSE, 1001)


@pytest.mark.parametrize("data", [
    b"\r\n" * 4, b"\x16\x03\x01\x00\x05hello", b"\x80\x2e\x01\x00\x02", bytes(2000),
    b"\x15\x03\x03\x00\x02\x02\x28", b"\x17\x03\x03\x00\x05hello",
], ids=["empty lines", "a broken hello", "SSL 2", "zeros", "an alert", "data before the hello"])
def test_what_is_no_tls_on_a_tls_listener_ends_the_connection(besieged, wire, data):
    client = wire.connect(besieged.gateway, "tls")
    client.send(data)
    answer = client.read_to_end()
    # An alert record (RFC 8446 §6) or nothing: HTTP would be a word in a language that was not agreed on.
    assert answer == b"" or answer[0] == 0x15, f"expected a TLS alert or nothing, got {answer[:80]!r}"


@pytest.mark.parametrize("data", [request(), b"GET / HTTP/1.1\r\n"], ids=["a handshake", "its first line"])
def test_http_in_cleartext_on_a_tls_listener_is_answered_with_400(besieged, wire, data):
    client = wire.connect(besieged.gateway, "tls")
    client.send(data)
    answer = client.read_to_end()
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n"), f"expected 400, got {answer[:80]!r}"


STATUSES = {400, 404, 408, 426, 431, 503}


class Judge:
    """A server that takes no WebSocket, and looks whether every request it gets is a handshake in order."""

    LINE = re.compile(rb"GET /[!-~]* HTTP/1\.1")
    FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?[ \t!-~\x80-\xff]*")
    ONCE = [b"host", b"upgrade", b"connection", b"sec-websocket-key", b"sec-websocket-version"]

    def __init__(self, server):
        self.server = server
        self.heads = []

    def serve(self):
        while True:
            try:
                sock, _ = self.server.sock.accept()
            except OSError:
                return
            with sock:
                sock.settimeout(10)
                data = b""
                while b"\r\n\r\n" not in data and (more := sock.recv(1 << 16)):
                    data += more
                self.heads.append(data)
                sock.sendall(b"HTTP/1.1 503 Not Here\r\nContent-Length: 0\r\n\r\n")

    def verdict(self, data):
        """None, or what is wrong with the bytes that came for one request."""
        if not data:
            return None  # the client left while its server was being connected to
        head, _, rest = data.partition(b"\r\n\r\n")
        line, *fields = head.split(b"\r\n")
        if rest or not self.LINE.fullmatch(line) or not all(map(self.FIELD.fullmatch, fields)):
            return f"no handshake in order: {data!r}"
        names = [field.split(b":")[0].lower() for field in fields]
        if any(names.count(name) != 1 for name in self.ONCE) or {b"content-length", b"transfer-encoding"} & {*names}:
            return f"fields missing, repeated or of a body: {data!r}"
        return None


def garbage(chance):
    """Bytes by chance, or a handshake in order with some bytes changed, lost, doubled or put in by chance."""
    if chance.random() < 0.25:
        return chance.randbytes(chance.randrange(1, 2000))
    data = bytearray(request(b"Origin: http://localhost\r\nSec-WebSocket-Protocol: chat\r\n")[:-len(SMUGGLED)])
    for _ in range(chance.randrange(1, 4)):
        index = chance.randrange(len(data))
        piece = chance.choice([b"\0", b"\r", b"\n", b" ", b"\t", b":", b",", b"\x80", b"\xff", chance.randbytes(1)])
        match chance.randrange(4):
            case 0:
                data[index : index + 1] = piece
            case 1:
                del data[index : index + chance.randrange(1, 30)]
            case 2:
                data[index:index] = piece
            case 3:
                data[index:index] = data[index : index + chance.randrange(1, 60)]
    return bytes(data)


@pytest.mark.parametrize("seed", range(4))
def test_garbage_is_answered_and_only_handshakes_in_order_reach_the_server(attacked, wire, seed):
    server = wire.server()
    server.sock.settimeout(None)
    judge = Judge(server)
    thread = threading.Thread(target=judge.serve, daemon=True)
    thread.start()
    running = attacked(proxied(server.address, http="off", sections={"limits": {"handshake_timeout": f"{SLOWDOWN}s"}}))
    chance = random.Random(seed)
    pieces = [garbage(chance) for _ in range(150)]
    clients = []
    for data in pieces:
        client = wire.connect(running)
        client.send(data)
        clients.append(client)
    for client, data in zip(clients, pieces):
        try:
            response = client.read_response()
        except Ended as end:
            raise AssertionError(f"expected a status for {data!r}: {end}") from None
        assert response.status in STATUSES, f"{response.start_line} for {data!r}"
        assert response.start_line.startswith("HTTP/1.1 "), response.start_line
        if response.status in (400, 408, 431):
            client.expect_end()
        client.close()
    running.eventually(lambda stats: stats["connections"]["active"] == PAIRS, "none but the neighbour's connections")
    server.sock.shutdown(socket.SHUT_RDWR)
    thread.join(10)
    assert judge.heads, "expected some of the garbage to be a handshake in order"
    assert [wrong for head in judge.heads if (wrong := judge.verdict(head))] == []
