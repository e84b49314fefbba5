"""What one side sends is what the other side gets."""

import json
import os

import aiohttp
import pytest
import websockets.sync.client

from raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT
from sluice import proxied
from waiting import eventually

MESSAGES = [
    "", "Hello", "κόσμε – 🜁", b"", b"\x00\xff\xfe", "x" * 125, "x" * 126, b"y" * 65535, b"y" * 65536,
    os.urandom(3 * 1024 * 1024 + 17),
]


@pytest.mark.parametrize("listener", ["plain", "tls"])
@pytest.mark.parametrize("kind", ["websockets", "aiohttp"])
@pytest.mark.parametrize("compression", [False, True], ids=["plain-server", "deflate-server"])
def test_websockets_client(gateway, backend, both_listeners, trusting, listener, kind, compression):
    server = backend(kind, compression=compression)
    running = gateway(proxied(server.address, sections={"listeners": both_listeners}))
    url = running.url("/echo", listener, "wss" if listener == "tls" else "ws", "localhost")
    with websockets.sync.client.connect(
        url, ssl=trusting if listener == "tls" else None, max_size=None, proxy=None
    ) as client:
        for message in MESSAGES:
            client.send(message)
            assert client.recv(timeout=20) == message
        pong = client.ping(b"how are you")
        assert pong.wait(10)
    assert client.close_code == 1000
    eventually(lambda: server.closes, "the server to see the end")
    assert server.closes[-1][0] == 1000


@pytest.mark.parametrize("listener", ["plain", "tls"])
@pytest.mark.parametrize("kind", ["websockets", "aiohttp"])
def test_aiohttp_client(gateway, backend, both_listeners, trusting, stage, listener, kind):
    server = backend(kind)
    running = gateway(proxied(server.address, sections={"listeners": both_listeners}))
    url = running.url("/echo", listener, "wss" if listener == "tls" else "ws", "localhost")

    async def talk():
        async with aiohttp.ClientSession() as session:
            async with session.ws_connect(
                url, ssl=trusting if listener == "tls" else True, compress=15, max_msg_size=0
            ) as client:
                for message in MESSAGES:
                    if isinstance(message, str):
                        await client.send_str(message)
                        assert await client.receive_str(timeout=20) == message
                    else:
                        await client.send_bytes(message)
                        assert await client.receive_bytes(timeout=20) == message
                await client.close(code=1000)
                assert client.close_code == 1000

    stage.run(talk(), 60)


def test_messages_keep_their_order_in_both_directions_at_once(gateway, backend):
    running = gateway(proxied(backend().address))
    with websockets.sync.client.connect(running.url(), proxy=None, max_queue=None) as client:
        sent = [f"message {number} " + "z" * (number % 700) for number in range(2000)]
        for start in range(0, len(sent), 100):
            for message in sent[start : start + 100]:
                client.send(message)
            assert [client.recv(timeout=10) for _ in range(100)] == sent[start : start + 100]


@pytest.mark.parametrize("kind", ["websockets", "aiohttp"])
def test_the_subprotocol_the_server_selects_reaches_the_client(gateway, backend, kind):
    server = backend(kind, subprotocols=["graphql-transport-ws", "chat.v2"])
    running = gateway(proxied(server.address))
    with websockets.sync.client.connect(
        running.url(), subprotocols=["chat.v2", "superchat"], proxy=None
    ) as client:
        assert client.subprotocol == "chat.v2"
    with websockets.sync.client.connect(running.url(), subprotocols=None, proxy=None) as client:
        assert client.subprotocol is None


@pytest.mark.parametrize("target", [
    "/", "/a/b?x=1&y=2", "/chat%2Froom/%E2%82%AC?q=%20a+b&q=%26", "/a//b/./c/../d?", "/p;v=1?token=a.b-c_d~e&&=",
    "/%7Euser/x?%zz",
])
def test_path_and_query_arrive_as_they_were_sent(gateway, wire, target):
    server = wire.server()
    running = gateway(proxied(server.address))
    wire.connect(running).send_upgrade(target)
    assert wire.accept(server).read_upgrade().target == target


def test_request_fields_arrive(gateway, wire, both_listeners, trusting):
    server = wire.server()
    running = gateway(proxied(server.address, sections={"listeners": both_listeners}))
    fields = [
        ("Cookie", "a=1; b=2"), ("Authorization", "Bearer x.y.z"), ("User-Agent", "peer/1.0"), ("X-Twice", "one"),
        ("X-Twice", "two"), ("Origin", "https://example.com"),
    ]
    seen = {}
    for listener, tls in (("plain", None), ("tls", trusting)):
        wire.connect(running, listener, tls=tls).send_upgrade("/", fields)
        seen[listener] = wire.accept(server).read_upgrade()
    for listener, head in seen.items():
        for name, value in fields:
            assert value in head.all(name)
        assert head.get("host") == f"localhost:{running.port(listener)}"
        assert head.get("x-forwarded-for") == "127.0.0.1"
        assert head.get("x-forwarded-host") == f"localhost:{running.port(listener)}"
        assert head.get("x-forwarded-proto") == ("https" if listener == "tls" else "http")
        assert len(head.get("x-request-id")) >= 8
    assert seen["plain"].get("x-request-id") != seen["tls"].get("x-request-id")


def test_a_forged_forwarded_field_is_not_believed(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address))
    wire.connect(running).send_upgrade("/", [("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https")])
    head = wire.accept(server).read_upgrade()
    assert head.get("x-forwarded-for") == "127.0.0.1"
    assert head.get("x-forwarded-proto") == "http"


def test_a_trusted_proxy_is_believed(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, sections={"listeners": [
        {"name": "plain", "address": "127.0.0.1:0", "trusted_proxies": ["127.0.0.0/8"]}]}))
    wire.connect(running).send_upgrade("/", [("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https")])
    head = wire.accept(server).read_upgrade()
    assert [hop.strip() for hop in head.get("x-forwarded-for").split(",")] == ["203.0.113.9", "127.0.0.1"]
    assert head.get("x-forwarded-proto") == "https"


def test_extra_fields_of_the_101_survive(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address))
    answer = [("Set-Cookie", "id=1; Path=/"), ("Set-Cookie", "lang=en"), ("X-Backend", "b1")]
    client, _ = wire.pair(running, server, answer=answer)
    assert client.response.all("set-cookie") == ["id=1; Path=/", "lang=en"]
    assert client.response.get("x-backend") == "b1"


def test_header_edits_of_a_route(gateway, wire):
    server = wire.server()
    running = gateway(proxied(
        server.address,
        request_headers={"set": {"X-Env": "prod"}, "remove": ["Cookie"]},
        response_headers={"set": {"X-Gateway": "sluice"}, "remove": ["Server"]}))
    client, peer = wire.pair(
        running, server, fields=[("Cookie", "secret=1"), ("X-Env", "forged")], answer=[("Server", "backend/9")])
    assert peer.request.get("cookie") is None
    assert peer.request.all("x-env") == ["prod"]
    assert client.response.get("server") is None
    assert client.response.get("x-gateway") == "sluice"


@pytest.mark.parametrize("rewrite, target, expected", [
    ({"strip_prefix": "/chat"}, "/chat/room%2F1?a=%20b", "/room%2F1?a=%20b"),
    ({"strip_prefix": "/chat"}, "/chat?x=1", "/?x=1"),
    ({"replace_prefix": {"from": "/chat", "to": "/v2/chat"}}, "/chat/r?x", "/v2/chat/r?x"),
    ({"path": "/socket"}, "/chat/anything?x=1", "/socket?x=1"),
])
def test_a_rewrite_changes_the_path_alone(gateway, wire, rewrite, target, expected):
    server = wire.server()
    running = gateway(proxied(server.address, match={"path_prefix": "/chat"}, rewrite=rewrite))
    wire.connect(running).send_upgrade(target)
    assert wire.accept(server).read_upgrade().target == expected


def test_frames_of_the_client_arrive_masked_and_those_of_the_server_unmasked(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, compression="off"))
    client, peer = wire.pair(running, server)
    client.send_frame(TEXT, "Hello")
    frame = peer.read_frame()
    assert frame.masked and (frame.opcode, frame.payload) == (TEXT, b"Hello")
    peer.send_frame(BINARY, b"\x01\x02")
    frame = client.read_frame()
    assert not frame.masked and (frame.opcode, frame.payload) == (BINARY, b"\x01\x02")


def test_fragmentation_is_kept_where_nothing_is_transcoded(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, compression="off"))
    client, peer = wire.pair(running, server)
    fragments = [(TEXT, b"one ", False), (CONTINUATION, b"", False), (CONTINUATION, b"two", True)]
    for opcode, payload, fin in fragments:
        client.send_frame(opcode, payload, fin=fin)
    assert [(f.opcode, f.payload, f.fin) for f in (peer.read_frame() for _ in fragments)] == fragments
    for opcode, payload, fin in fragments:
        peer.send_frame(opcode, payload, fin=fin)
    assert [(f.opcode, f.payload, f.fin) for f in (client.read_frame() for _ in fragments)] == fragments


def test_ping_and_pong_go_end_to_end_also_between_the_fragments_of_a_message(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address))
    client, peer = wire.pair(running, server)
    client.send_frame(TEXT, "begin ", fin=False)
    client.send_frame(PING, b"are you there")
    client.send_frame(CONTINUATION, "end", fin=True)
    frames = [peer.read_frame()]
    while not frames[-1].fin or frames[-1].opcode == PING:
        frames.append(peer.read_frame())
    assert [f.payload for f in frames if f.opcode == PING] == [b"are you there"]
    assert b"".join(f.payload for f in frames if f.opcode != PING) == b"begin end"
    peer.send_frame(PONG, b"are you there")
    assert client.read_frame().payload == b"are you there"
    peer.send_frame(PING, b"")
    frame = client.read_frame()
    assert (frame.opcode, frame.payload) == (PING, b"")
    client.send_frame(PONG, b"unsolicited")
    frame = peer.read_frame()
    assert (frame.opcode, frame.payload) == (PONG, b"unsolicited")


def test_frames_in_the_segment_of_the_101_arrive(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address))
    client = wire.connect(running).send_upgrade("/")
    peer = wire.accept(server)
    peer.read_upgrade()
    peer.accept_upgrade(extra=peer.frame(TEXT, "welcome") + peer.frame(PING, b"!"))
    assert client.read_response().status == 101
    assert client.read_frame().payload == b"welcome"
    assert client.read_frame().payload == b"!"


def test_frames_in_the_segment_of_the_request_arrive(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address))
    client = wire.connect(running)
    client.send_upgrade("/", extra=client.frame(TEXT, "in a hurry"))
    peer = wire.accept(server)
    peer.read_upgrade()
    peer.accept_upgrade()
    assert client.read_response().status == 101
    assert peer.read_frame().payload == b"in a hurry"


def test_a_head_that_comes_byte_by_byte_is_read(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address))
    client = wire.connect(running)
    sent = []
    client.sock, real = type("Recorder", (), {"sendall": lambda _, data: sent.append(data)})(), client.sock
    client.send_upgrade("/slow")
    client.sock = real
    for byte in b"".join(sent):
        client.send(bytes([byte]))
    peer = wire.accept(server)
    assert peer.read_upgrade().target == "/slow"
    peer.accept_upgrade()
    assert client.read_response().status == 101


@pytest.mark.parametrize("code, reason", [
    (1000, ""), (1000, "done"), (1001, "going away"), (3000, "library"), (4000, "application"),
    (4999, "ünïcödé " * 10), (1003, "x" * 123),
])
def test_close_codes_and_reasons_pass_both_ways(gateway, wire, code, reason):
    reason = reason.encode()[:123].decode(errors="ignore")
    server = wire.server()
    running = gateway(proxied(server.address))
    client, peer = wire.pair(running, server)
    client.send_close(code, reason)
    assert peer.expect_close() == (code, reason)
    peer.send_close(code)
    assert client.expect_close()[0] == code

    client, peer = wire.pair(running, server)
    peer.send_close(code, reason)
    assert client.expect_close() == (code, reason)
    client.send_close(code)
    assert peer.expect_close()[0] == code


def test_a_close_without_a_code_passes_without_one(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address))
    client, peer = wire.pair(running, server)
    client.send_frame(CLOSE)
    assert peer.read_frame().payload == b""
    peer.send_frame(CLOSE)
    assert client.read_frame().payload == b""


def test_an_end_of_tcp_between_frames_is_passed_on_without_a_close(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address))
    client, peer = wire.pair(running, server)
    peer.send_frame(TEXT, "last words")
    peer.close()
    assert client.read_frame().payload == b"last words"
    assert client.expect_end() == "eof"

    client, peer = wire.pair(running, server)
    client.send_frame(TEXT, "last words")
    client.close()
    assert peer.read_frame().payload == b"last words"
    peer.expect_end()


def test_hundred_connections_at_once_do_not_mix(gateway, backend, wire):
    running = gateway(proxied(backend().address))
    clients = [wire.open(running, f"/{number}") for number in range(100)]
    for number, client in enumerate(clients):
        client.send_frame(TEXT, f"I am {number}")
    for number, client in enumerate(clients):
        assert client.read_message()[1] == f"I am {number}".encode()
        client.send_frame(TEXT, "request")
    for number, client in enumerate(clients):
        assert json.loads(client.read_message()[1])["path"] == f"/{number}"
