"""Browsers of before RFC 6455, on routes that take them."""

import hashlib
import json
import random
import socket

import pytest

from hixie import HixieClient, versioned
from raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, accept_for
from sluice import proxied
from test_http2_refusals import check_h2_refusal
from test_refusals import check_refusal
from waiting import eventually

ALL = ["8", "7", "hixie-76"]


def legacy(*addresses, versions=ALL, **route):
    return proxied(*addresses, legacy_versions=versions, **route)


@pytest.fixture
def hixie_pair(wire):
    """A hixie-76 client whose WebSocket is open, and its server's raw end."""

    def open_pair(running, server, path="/", answer=(), early=b"", listener="plain", tls=None, **options):
        peer = wire.connect(running, listener, tls=tls)
        client = HixieClient(peer, scheme="wss" if tls else "ws")
        peer.send(client.request(path, **options) + early)
        backend = wire.accept(server)
        backend.read_upgrade()
        backend.accept_upgrade(answer)
        return client.read_answer(), backend

    return open_pair


# The opening handshake


def test_the_examples_of_the_draft(gateway, wire, backend):
    running = gateway(legacy(backend().address))
    for keys, nonce, answer in (
        ((("4 @1  46546xW%0l 1 5", 829309203), ("12998 5 Y3 1  .P00", 259970620)), b"^n:ds[4U", b"8jKS'y:G*Co,Wxa-"),
        ((("18x 6]8vM;54 *(5:  {   U1]8  z [  8", 155712099), ("1_ tx7X d  <  nw  334J702) 7]o}` 0", 173347027)),
         b"Tm[K T2u", b"fQJ,fN/4F4!~K~MH"),
    ):
        client = HixieClient(wire.connect(running), origin="http://example.com")
        client.open("/demo?a=b", keys=keys, nonce=nonce)
        assert hashlib.md5(
            client.number1.to_bytes(4, "big") + client.number2.to_bytes(4, "big") + nonce).digest() == answer
        client.send("héllo")
        assert client.read() == "héllo"
        client.close()
        client.expect_close()
        assert client.peer.expect_end() == "eof"


def test_what_the_server_of_a_hixie_client_sees(gateway, hixie_pair, wire):
    server = wire.server()
    running = gateway(legacy(server.address))
    client, backend = hixie_pair(
        running, server, "/chat", protocol="sample", answer=[("Sec-WebSocket-Protocol", "sample")],
        fields=[("Cookie", "a=b")])
    request = backend.request
    assert request.get("origin") == "http://localhost"
    assert request.get("cookie") == "a=b"
    assert request.get("sec-websocket-version") == "13"
    assert request.all("sec-websocket-protocol") == ["sample"]
    for name in ("sec-websocket-key1", "sec-websocket-key2", "sec-websocket-extensions", "content-length"):
        assert request.get(name) is None, request.fields
    client.send("hi")
    frame = backend.read_frame()
    assert (frame.opcode, frame.payload, frame.fin, frame.masked) == (TEXT, b"hi", True, True)
    [connection] = json.loads(running.admin("/connections")[2])
    assert connection["legacy_version"] == "hixie-76"
    assert running.route()["legacy_total"] == {"hixie-76": 1}


def test_the_answer_waits_for_the_eight_bytes(gateway, wire):
    server = wire.server()
    running = gateway(legacy(server.address, sections={"limits": {"handshake_timeout": "1s"}}))
    client = HixieClient(wire.connect(running))
    request = client.request()
    for byte in request[:-3]:
        client.peer.send(bytes([byte]))
    assert server.accept_now() is None
    client.peer.send(request[-3:] + client.frame("early"))
    backend = wire.accept(server)
    backend.read_upgrade()
    backend.accept_upgrade()
    client.read_answer()
    assert backend.read_message()[1] == b"early"

    late = HixieClient(wire.connect(running))
    late.peer.send(late.request()[:-1])
    check_refusal(late.peer.read_response(), 408)


@pytest.mark.parametrize("change", [
    dict(keys=(("12", 0), ("1 2", 0))), dict(keys=(("3  ", 0), ("1 2", 0))), dict(omit=["Sec-WebSocket-Key2"]),
    dict(fields=[("Sec-WebSocket-Version", "8")]), dict(fields=[("Content-Length", "8")]),
], ids=["no space", "not divisible", "one key", "a version", "a body"])
def test_a_handshake_that_breaks_the_draft(gateway, wire, backend, change):
    client = HixieClient(wire.connect(gateway(legacy(backend().address))))
    client.peer.send(client.request(**change))
    check_refusal(client.peer.read_response(), 400)


def test_without_the_setting_nobody_is_let_in(gateway, wire, backend):
    running = gateway(legacy(backend().address, versions=["7"]))
    client = HixieClient(wire.connect(running))
    client.peer.send(client.request())
    check_refusal(client.peer.read_response(), 426, sec_websocket_version="13")
    check_refusal(wire.request(running, fields=versioned(8)), 426, sec_websocket_version="13")
    assert wire.request(running, fields=versioned(7)).status == 101


@pytest.mark.parametrize("speak", ["hixie-76", "8"])
def test_origins_are_checked(gateway, wire, backend, speak):
    running = gateway(legacy(backend().address, origins=["http://good.example"], missing_origin="deny"))
    for origin, status in (("http://good.example", 101), ("http://evil.example", 403), (None, 403)):
        peer = wire.connect(running)
        if speak == "8":
            peer.send_upgrade(fields=versioned(8, origin))
        else:
            peer.send(HixieClient(peer, origin=origin).request())
        assert peer.read_head().status == status, (speak, origin)


def test_over_tls(gateway, wire, both_listeners, trusting, hixie_pair):
    server = wire.server()
    running = gateway(legacy(server.address, sections={"listeners": both_listeners}))
    client, backend = hixie_pair(running, server, "/x", listener="tls", tls=trusting)
    client.send("a" * 100_000)
    assert backend.read_message()[1] == b"a" * 100_000
    backend.send_frame(TEXT, b"b" * 100_000)
    assert client.read() == "b" * 100_000


# Messages


def test_messages_in_any_pieces(gateway, wire, hixie_pair):
    server = wire.server()
    running = gateway(legacy(server.address))
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    client, backend = hixie_pair(running, server)
    texts = ["".join(chance.choices("aé€😀\0", k=chance.randrange(200))) for _ in range(60)]
    stream = b"".join(
        client.frame(text) + (b"\x80\x03\x00\xff\x00" if chance.random() < 0.2 else b"") for text in texts)
    while stream:
        count = 1 if len(stream) < 200 else chance.randrange(1, 3000)
        client.peer.send(stream[:count])
        stream = stream[count:]
    for text in texts:
        assert backend.read_message()[:2] == (TEXT, text.encode())
    for text in texts:
        data, first = text.encode(), True
        while first or data:
            count = chance.randrange(0, 60)
            piece, data = data[:count], data[count:]
            backend.send_frame(TEXT if first else CONTINUATION, piece, fin=not data)
            first = False
            if chance.random() < 0.2:
                backend.send_frame(PONG, b"x")
    for text in texts:
        assert client.read() == text
    route = running.eventually(
        lambda stats: stats["routes"]["all"]["messages"]["to_client"]["text"] == 60 and stats, "60 messages")
    assert running.route()["messages"]["from_client"] == {"text": 60, "binary": 0}
    assert running.route()["bytes"]["from_client"] == sum(len(text.encode()) for text in texts), route


def test_pings_end_at_the_gateway(gateway, wire, hixie_pair):
    server = wire.server()
    running = gateway(legacy(server.address, ping_interval="200ms", pong_timeout="200ms"))
    client, backend = hixie_pair(running, server)
    for number in range(3):
        # Whatever the gateway asks on its own, its pings to a client that says nothing do not end it.
        backend.send_frame(PING, b"mine %d" % number)
        while (frame := backend.read_frame()).opcode == PING:
            backend.send_frame(PONG, frame.payload)
        assert (frame.opcode, frame.payload) == (PONG, b"mine %d" % number)
        while (frame := backend.read_frame()).opcode != PING:
            pass
        backend.send_frame(PONG, frame.payload)
    backend.send_frame(TEXT, b"still here")
    assert client.read() == "still here"


def test_pings_of_a_server_that_reads_no_pongs(gateway, wire, hixie_pair):
    server = wire.server()
    server.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)  # before its connections: a window never shrinks
    running = gateway(legacy(server.address))
    client, backend = hixie_pair(running, server)
    count = 60_000  # 8 MB of pongs: more than the gateway's socket holds
    for start in range(0, count, 1000):
        backend.send(b"".join(
            backend.frame(PING, b"%0125d" % number) for number in range(start, start + 1000)))
    backend.send_frame(TEXT, b"through")
    assert client.read() == "through"
    assert running.resident_bytes() < 100 << 20
    pongs = 0
    while (frame := backend.read_frame()).payload != b"%0125d" % (count - 1):
        assert frame.opcode == PONG
        pongs += 1
    assert pongs < count - 1


def test_tcp_asks_where_pings_can_not(gateway, wire, hixie_pair):
    """The kernel's timer of the gateway's socket: 2 is keepalive (Documentation/networking/proc_net_tcp.rst)."""
    server = wire.server()
    running = gateway(legacy(server.address, ping_interval="20s"))

    def timer(peer):
        ports = [f":{port:04X}" for port in (running.port(), peer.sock.getsockname()[1])]
        for line in open("/proc/net/tcp").readlines()[1:]:
            columns = line.split()
            if columns[1].endswith(ports[0]) and columns[2].endswith(ports[1]):
                return columns[5][:2]

    client, backend = hixie_pair(running, server)
    eventually(lambda: timer(client.peer) == "02", "keepalive of the hixie client's connection")
    modern, _ = wire.pair(running, server)
    eventually(lambda: timer(modern) == "00", "none of another one's")


def test_binary_can_not_be_told(gateway, wire, hixie_pair):
    server = wire.server()
    client, backend = hixie_pair(gateway(legacy(server.address)), server)
    backend.send_frame(TEXT, b"one")
    backend.send_frame(BINARY, b"two")
    assert backend.expect_close()[0] == 1003
    backend.send_close(1003)
    assert client.read() == "one"
    client.expect_close()
    assert client.peer.expect_end() == "eof"


# Limits


def test_a_message_over_the_limit(gateway, wire, hixie_pair):
    server = wire.server()
    running = gateway(legacy(server.address, max_message_size="3000"))
    client, backend = hixie_pair(running, server)
    client.send("m" * 3000)
    assert backend.read_message()[1] == b"m" * 3000
    client.send("m" * 3001)
    backend.expect_close()
    backend.send_close(1001)
    client.expect_close()
    client.peer.close()
    backend.close()
    running.eventually(
        lambda stats: stats["routes"]["all"]["close_codes"]["gateway"] == {"1009": 1}, "1009 counted")


def test_a_frame_to_be_dropped_has_the_same_limit(gateway, wire, hixie_pair):
    server = wire.server()
    running = gateway(legacy(server.address, max_message_size="3000"))
    client, backend = hixie_pair(running, server)
    client.peer.send(b"\x80" + b"\xff" * 9 + b"\x00")
    assert backend.expect_close()[0] == 1009
    backend.send_close(1009)
    client.expect_close()


def test_text_that_is_not_utf8(gateway, wire, hixie_pair):
    server = wire.server()
    running = gateway(legacy(server.address))
    client, backend = hixie_pair(running, server)
    client.send(b"\xc0\x80")
    backend.expect_close()
    backend.send_close(1001)
    client.expect_close()
    client.peer.close()
    backend.close()
    running.eventually(
        lambda stats: stats["routes"]["all"]["close_codes"]["gateway"] == {"1007": 1}, "1007 counted")


def test_unchecked_text_can_not_smuggle_frames(gateway, wire, hixie_pair):
    server = wire.server()
    client, backend = hixie_pair(gateway(legacy(server.address, validate_utf8=False)), server)
    backend.send_frame(TEXT, b"a\xff\x00forged\xff")
    assert backend.expect_close()[0] == 1007
    backend.send_close(1007)
    assert b"forged" not in client.peer.read_to_end()


# Ends


@pytest.mark.parametrize("closer", ["client", "server"])
def test_the_closing_handshake(gateway, wire, hixie_pair, closer):
    server = wire.server()
    running = gateway(legacy(server.address))
    client, backend = hixie_pair(running, server)
    if closer == "client":
        client.close()
        assert backend.expect_close()[0] in (None, 1005)
        backend.send_frame(CLOSE)
        client.expect_close()
    else:
        backend.send_close(4000, "bye")
        client.expect_close()
        client.close()
        assert backend.expect_close()[0] in (None, 1005)
    assert client.peer.expect_end() == "eof"
    client.peer.close()
    code = "1005" if closer == "client" else "4000"
    running.eventually(
        lambda stats: stats["routes"]["all"]["close_codes"][closer] == {code: 1}, "the end counted")


def test_a_close_inside_a_message_is_no_text(gateway, wire, hixie_pair):
    server = wire.server()
    client, backend = hixie_pair(gateway(legacy(server.address)), server)
    backend.send_frame(TEXT, b"half", fin=False)
    backend.send_close(1011)
    assert client.peer.read_to_end() == b"\x00half"


def test_a_client_that_leaves_inside_a_message(gateway, wire, hixie_pair):
    server = wire.server()
    client, backend = hixie_pair(gateway(legacy(server.address)), server)
    client.peer.send(b"\x00")
    client.peer.finish_sending()
    frame = backend.read_frame()
    assert (frame.opcode, frame.payload, frame.fin) == (TEXT, b"", False)
    assert backend.expect_close()[0] == 1001


def test_a_drain_closes_it(gateway, wire, hixie_pair):
    server = wire.server()
    running = gateway(legacy(server.address))
    client, backend = hixie_pair(running, server)
    running.signal(15)
    client.expect_close()
    client.close()
    assert backend.expect_close()[0] == 1012
    backend.send_close(1012)
    backend.close()
    client.peer.close()
    assert running.wait() == 0


# Versions 7 and 8


@pytest.mark.parametrize("version", [7, 8])
def test_a_numbered_version(gateway, wire, version):
    server = wire.server()
    running = gateway(legacy(server.address))
    offers = [("Sec-WebSocket-Extensions", "permessage-deflate, deflate-stream")]
    client, backend = wire.pair(running, server, fields=versioned(version) + offers)
    assert client.response.get("sec-websocket-accept") == accept_for(client.key)
    assert client.response.get("sec-websocket-extensions") is None
    assert backend.request.get("origin") == "http://localhost"
    assert backend.request.get("sec-websocket-origin") is None
    assert backend.request.get("sec-websocket-version") == "13"
    client.send_frame(BINARY, b"\0\xff")
    assert backend.read_message()[:2] == (BINARY, b"\0\xff")
    backend.send_frame(TEXT, b"text")
    assert client.read_message()[:2] == (TEXT, b"text")
    assert running.route()["legacy_total"] == {str(version): 1}
    assert running.route()["extensions_refused"] == {"deflate-stream": 1}
    client.send_frame(CLOSE, b"\x03\xec")
    assert backend.expect_close()[0] == 1009
    backend.send_close(1009)
    frame = client.read_frame()
    assert (frame.opcode, frame.payload[:2]) == (CLOSE, b"\x03\xec")


def test_drafts_are_of_http1_alone(gateway, wire, backend):
    client = wire.http2(gateway(legacy(backend().address)))
    check_h2_refusal(
        client, client.ask("/", [("sec-websocket-version", "8")]), 426, sec_websocket_version="13")


def test_a_reload_lets_drafts_in_and_keeps_those_that_are_there(gateway, wire, hixie_pair):
    server = wire.server()
    running = gateway(legacy(server.address, versions=[], on_change={"changed": "close"}))
    check_refusal(wire.request(running, fields=versioned(8)), 426)
    running.reload(legacy(server.address, versions=["hixie-76"], on_change={"changed": "close"}))
    client, backend = hixie_pair(running, server)
    running.reload(legacy(server.address, versions=[], on_change={"changed": "close"}))
    client.send("still here")
    assert backend.read_message()[1] == b"still here"
    assert b'sluice_legacy_total{route="all",version="hixie-76"} 1\n' in running.admin("/metrics")[2]
