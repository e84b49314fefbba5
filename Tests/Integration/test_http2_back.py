"""Servers that are spoken to with HTTP/2: what they see of a WebSocket, and what becomes of their answers and ends."""

import json
import threading

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from http2_peer import CANCEL, REFUSED_STREAM
from http2_server import answer, never, refuse, secured
from raw import BINARY, TEXT, Deflate
from sluice import proxied
from test_refusals import check_refusal


def over_http2(*servers, upstream=None, **route):
    """`proxied` to these servers with HTTP/2, in turn."""
    return proxied(
        *(server.address for server in servers),
        upstream={"protocol": "h2", "balance": "round_robin", **(upstream or {})},
        **{"close_timeout": "300ms", **route})


def check_echo(client, payload=b"Hello"):
    client.send_frame(TEXT, payload)
    assert client.read_message()[1] == payload


def logged(running, message):
    """Waits for a line of the log with this message, and returns its values."""
    running.wait_for_output(lambda line: f'"{message}"' in line, f"{message!r} in the log")
    return next(entry for entry in running.log() if entry.get("message") == message)


def check_reset(server, number, code=CANCEL):
    """The gateway gives up the stream of that request."""
    stream = server.request(number)
    server.wait(lambda: stream.reset_code is not None, f"request {number} to be reset")
    assert stream.reset_code == code, f"expected RST_STREAM with {code!r}, got {stream.reset_code!r}"


class Siblings:
    """Clients on one HTTP/2 connection, and so on one event loop of the gateway: its pool gives them one connection
    to the server. The first of them, `other`, must not notice what happens to the rest."""

    def __init__(self, link, server):
        self.link = link
        self.server = server
        self.other = link.stream().open("/other")

    def request(self, path="/", fields=()):
        """The answer to an opening handshake."""
        return self.link.stream().send_upgrade(path, fields).read_response()

    def check(self):
        """All was on one connection, which lives."""
        check_echo(self.other)
        assert len(self.server.links) == 1, f"expected one connection, got {len(self.server.links)}"
        assert len(self.server.open_links) == 1, "the connection has ended"


@pytest.fixture
def siblings(gateway, http2_link):
    """`siblings(server, …)` starts a gateway before it; `.gateway` is that."""
    def start(server, **options):
        running = gateway(over_http2(server, **options))
        found = Siblings(http2_link(running), server)
        found.gateway = running
        return found

    return start


@pytest.mark.parametrize("over_tls", [False, True], ids=["cleartext", "TLS"])
def test_messages_come_back(gateway, http2_backend, wire, authority, site, over_tls):
    context, trust = secured(authority, site) if over_tls else (None, None)
    server = http2_backend(tls=context)
    running = gateway(over_http2(server, upstream={"tls": trust} if over_tls else {}))
    client = wire.open(running)
    for opcode, payload in [(TEXT, b""), (TEXT, "κόσμε 🜁".encode()), (BINARY, bytes(range(256)) * 300)]:
        client.send_frame(opcode, payload)
        assert client.read_message()[:2] == (opcode, payload)
    client.send_close(4001, "enough")
    assert client.expect_close() == (4001, "enough")
    client.expect_end()
    server.wait(lambda: not server.open_streams, "the stream to be over")
    assert server.closes == [(4001, "enough")]
    assert [link.alpn for link in server.links] == (["h2"] if over_tls else [None])
    stats = running.eventually(
        lambda stats: stats["connections"]["active"] == 0 and stats, "the WebSocket to be over")
    assert stats["http2"]["server"]["connections"] == 1
    assert stats["http2"]["server"]["connections_total"] == 1
    assert stats["http2"]["server"]["streams"] == 0
    assert stats["http2"]["server"]["streams_total"] == 1
    assert stats["http2"]["server"]["errors_total"] == {}
    entry = logged(running, "connection closed")
    assert (entry["client_protocol"], entry["server_protocol"]) == ("http/1.1", "h2")


@pytest.mark.parametrize("over_tls", [False, True], ids=["cleartext", "TLS"])
def test_the_request_as_the_server_sees_it(gateway, http2_backend, wire, authority, site, over_tls):
    context, trust = secured(authority, site) if over_tls else (None, None)
    server = http2_backend(tls=context)
    running = gateway(over_http2(
        server, upstream={"tls": trust} if over_tls else {},
        request_headers={"set": {"X-Env": "prod"}, "remove": ["X-Secret"]}))
    wire.open(running, "/a%20b/?c=d&e", [
        ("Host", "chat.example.com:8080"), ("Origin", "https://example.com"), ("Cookie", "a=1; b=2"),
        ("X-Tenant", "blue"), ("X-Secret", "hush"), ("Authorization", "Bearer t"),
        ("Sec-WebSocket-Protocol", "chat, superchat")])
    stream = server.request(0)
    assert stream.pseudo == {
        ":method": "CONNECT", ":protocol": "websocket", ":scheme": "https" if over_tls else "http",
        ":path": "/a%20b/?c=d&e", ":authority": "chat.example.com:8080"}
    fields = server.last_fields
    expected = {
        "sec-websocket-version": "13", "origin": "https://example.com", "x-tenant": "blue", "x-env": "prod",
        "authorization": "Bearer t", "sec-websocket-protocol": "chat, superchat", "x-forwarded-for": "127.0.0.1",
        "x-forwarded-host": "chat.example.com:8080", "x-forwarded-proto": "http"}
    assert {name: fields.get(name) for name in expected} == expected
    assert fields["x-request-id"]
    # RFC 9113 §8.2.3 lets a client split it.
    assert "; ".join(stream.request.all("cookie")) == "a=1; b=2"
    absent = {"sec-websocket-key", "connection", "upgrade", "host", "x-secret", "sec-websocket-extensions",
              "transfer-encoding", "content-length", "keep-alive", "te", "proxy-connection", "http2-settings"}
    assert not absent & fields.keys()


def test_the_host_that_a_route_sets_is_the_authority(gateway, http2_backend, wire):
    server = http2_backend()
    running = gateway(over_http2(server, request_headers={"set": {"Host": "inner.example"}}))
    wire.open(running, "/")
    assert server.request(0).pseudo[":authority"] == "inner.example"


def test_a_rewritten_path(gateway, http2_backend, wire):
    server = http2_backend()
    running = gateway(over_http2(server, match={"path_prefix": "/chat"}, rewrite={"strip_prefix": "/chat"}))
    wire.open(running, "/chat/room?x=1")
    assert server.request(0).pseudo[":path"] == "/room?x=1"


def test_a_subprotocol_is_agreed_on(gateway, http2_backend, wire):
    server = http2_backend(subprotocols=["superchat"], response_fields=[("set-cookie", "s=1"), ("x-served-by", "one")])
    running = gateway(over_http2(server))
    client = wire.open(running, "/", [("Sec-WebSocket-Protocol", "chat, superchat")])
    assert client.response.get("sec-websocket-protocol") == "superchat"
    assert client.response.get("x-served-by") == "one"
    assert client.response.get("set-cookie") == "s=1"
    check_echo(client)


def test_compression_with_the_server(gateway, http2_backend, wire):
    server = http2_backend(compression=True)
    running = gateway(over_http2(server, compression={"mode": "terminate", "upstream": "on", "threshold": 0}))
    for offers in ([], [("Sec-WebSocket-Extensions", "permessage-deflate")]):
        client = wire.open(running, "/", offers)
        agreed = client.response.get("sec-websocket-extensions")
        assert server.streams[-1].request.get("sec-websocket-extensions").startswith("permessage-deflate")
        text = b"all work and no play " * 5000
        if offers:
            deflate = Deflate(agreed, "client")
            client.send_frame(TEXT, deflate.compress(text), rsv=4)
            opcode, payload, rsv1 = client.read_message()
            assert (opcode, rsv1, deflate.decompress(payload)) == (TEXT, True, text)
        else:
            assert agreed is None
            check_echo(client, text)
        assert server.streams[-1].received < len(text) / 10, "the server's leg was not compressed"


def test_compressed_frames_of_a_server(gateway, http2_backend, wire):
    server = http2_backend(echo=False)
    running = gateway(over_http2(server, compression={"mode": "terminate", "upstream": "on"}))
    client, peer = wire.pair(running, server, answer=[("sec-websocket-extensions", "permessage-deflate")])
    deflate = Deflate("permessage-deflate", "server")
    peer.send_frame(TEXT, deflate.compress(b"Hello" * 100), rsv=4)
    assert client.read_message() == (TEXT, b"Hello" * 100, False)


@pytest.mark.parametrize("field, word", [
    (("sec-websocket-protocol", "chat"), "protocol"),
    (("sec-websocket-extensions", "permessage-deflate"), "extension"),
    (("sec-websocket-extensions", "x-unknown"), "extension"),
])
def test_what_nobody_offered_gives_502(http2_backend, siblings, field, word):
    server = http2_backend()
    clients = siblings(server)
    server.next(lambda stream: stream.answer(200, [field], ends=False))
    check_refusal(clients.request(), 502)
    entry = logged(clients.gateway, "request refused")
    assert entry["refusal"] == "bad_answer"
    assert word in entry["reason"].lower()
    check_reset(server, 1)
    clients.check()


REFUSALS = {
    "401": (401, [("www-authenticate", "Basic"), ("content-type", "text/plain")], b"who are you?\n"),
    "302": (302, [("location", "https://elsewhere.example/ws?a=b")], b""),
    "403 without a length": (403, [("content-type", "text/html")], b"<p>no</p>" * 20_000),
    "404 with a length": (404, [("content-length", "7")], b"nothing"),
    "503": (503, [("retry-after", "7"), ("x-a", "1"), ("x-a", "2")], b"busy"),
}


@pytest.mark.parametrize("client_protocol", ["h1", "h2"])
@pytest.mark.parametrize("name", REFUSALS, ids=str)
def test_a_refusal_of_the_server_passes_whole(http2_backend, siblings, wire, name, client_protocol):
    status, fields, body = REFUSALS[name]
    server = http2_backend()
    clients = siblings(server)
    server.next(answer(status, fields, body))
    response = clients.request() if client_protocol == "h2" else wire.request(clients.gateway)
    assert (response.status, response.body) == (status, body)
    for field in {field for field, _ in fields}:
        assert response.all(field) == [value for key, value in fields if key == field]
    stats = clients.gateway.eventually(
        lambda stats: stats["connections"]["active"] == 1 and stats, "the refused handshake to be over")
    assert stats["connections"]["rejected_total"] == {"upstream_refused": 1}
    server.wait(lambda: len(server.open_streams) == 1, "only the other stream")
    check_echo(clients.other)


def test_a_refusal_whose_body_breaks_off(http2_backend, siblings, wire):
    server = http2_backend()
    clients = siblings(server)

    def break_off(stream):
        stream.answer(403, [("content-length", "1000")], b"half", ends=False)
        stream.link.flush()
        stream.reset(ErrorCodes.INTERNAL_ERROR)

    server.next(break_off, break_off)
    client = wire.connect(clients.gateway).send_upgrade("/")
    head = client.read_head()
    assert head.status in (403, 502)
    if head.status == 403:
        body = client.read_to_end()
        assert len(body) < 1000, "a body that broke off looks whole"
    check_echo(clients.other)


def test_an_answer_that_does_not_come_gives_504_and_stops_nobody_else(http2_backend, siblings):
    server = http2_backend()
    clients = siblings(server, upstream={"response_timeout": "300ms", "retries": 0})
    server.next(never)
    check_refusal(clients.request(), 504)
    check_reset(server, 1)
    clients.check()


@pytest.mark.parametrize("code", [ErrorCodes.INTERNAL_ERROR, CANCEL, ErrorCodes.PROTOCOL_ERROR,
                                  ErrorCodes.ENHANCE_YOUR_CALM, ErrorCodes.HTTP_1_1_REQUIRED, 0xFFFF])
def test_a_stream_that_is_reset_before_its_answer_gives_502(http2_backend, siblings, code):
    server = http2_backend()
    clients = siblings(server, upstream={"retries": 0})
    server.next(refuse(code))
    check_refusal(clients.request(), 502)
    clients.check()


def test_end_stream_of_the_server_is_the_end_of_tcp(gateway, http2_backend, wire):
    server = http2_backend(echo=False)
    running = gateway(over_http2(server))
    client, peer = wire.pair(running, server)
    peer.send_frame(TEXT, b"last words")
    peer.finish_sending()
    assert client.read_message()[1] == b"last words"
    assert client.expect_end() == "eof"


def test_the_end_of_tcp_is_end_stream(gateway, http2_backend, wire):
    server = http2_backend(echo=False)
    running = gateway(over_http2(server))
    client, peer = wire.pair(running, server)
    client.send_frame(TEXT, b"last words")
    client.finish_sending()
    assert peer.read_message()[1] == b"last words"
    assert peer.expect_end() == "eof"


def test_a_client_that_is_reset_is_told_with_1001(gateway, http2_backend, wire):
    server = http2_backend(echo=False)
    running = gateway(over_http2(server))
    client, peer = wire.pair(running, server)
    client.reset()
    assert peer.expect_close()[0] == 1001
    peer.read_to_end()
    server.wait(lambda: not server.open_streams, "the stream to be over")
    assert server.open_links, "the connection ended with one of its streams"


@pytest.mark.parametrize("code", [CANCEL, ErrorCodes.INTERNAL_ERROR, ErrorCodes.NO_ERROR, REFUSED_STREAM])
def test_a_stream_that_is_reset_ends_its_own_session_with_1011(http2_backend, siblings, code):
    server = http2_backend()
    clients = siblings(server)
    client = clients.link.stream().open()
    check_echo(client)
    server.request(1).reset(code)
    assert client.expect_close()[0] == 1011
    clients.check()
    clients.gateway.eventually(
        lambda stats: stats["routes"]["all"]["close_codes"]["server"] == {"1006": 1}, "the end to be counted")


def test_a_stream_that_is_reset_inside_a_frame_leaves_no_room_for_a_close(gateway, http2_backend, wire):
    server = http2_backend(echo=False)
    running = gateway(over_http2(server, compression="off"))
    client, peer = wire.pair(running, server)
    frame = peer.frame(BINARY, b"z" * 200_000)
    peer.send(frame[:30_000])
    assert client.read_exactly(30_000) == frame[:30_000]
    peer.reset()
    assert client.read_to_end() == b"", "something was written inside another frame"


def test_a_client_that_breaks_off_inside_a_frame_resets_the_stream(gateway, http2_backend, wire):
    server = http2_backend(echo=False)
    running = gateway(over_http2(server, compression="off"))
    client, peer = wire.pair(running, server)
    frame = client.frame(BINARY, b"z" * 200_000)
    client.send(frame[:30_000])
    assert len(peer.read_exactly(30_000)) == 30_000
    client.reset()
    assert peer.read_to_end() == b"", "something was written inside another frame"
    assert peer.reset_code == CANCEL


def test_rules_that_the_server_breaks(http2_backend, siblings):
    server = http2_backend(echo=False)
    server.next(server.echo_stream)
    clients = siblings(server)
    client = clients.link.stream().send_upgrade()
    peer = server.accept().accept_upgrade()
    client.read_response()
    peer.send_frame(TEXT, b"disguised", mask=b"1234")
    assert peer.expect_close()[0] == 1002
    assert client.expect_close()[0] == 1001
    clients.check()


def test_a_window_that_the_server_withholds_stops_its_own_client_alone(http2_backend, siblings):
    server = http2_backend(echo=False)
    server.next(server.echo_stream)
    clients = siblings(server, compression="off", max_message_size="64MiB")
    client = clients.link.stream().send_upgrade()
    peer = server.accept().accept_upgrade()
    peer.withhold()
    client.read_response()
    message = client.frame(BINARY, bytes(range(256)) * 32_768)  # 8 MiB, more than all windows on the way
    client.send_soon(message)
    server.wait(lambda: peer.received == 65_535, "as much as the window allows")
    for _ in range(20):
        check_echo(clients.other, b"x" * 10_000)
    assert peer.received == 65_535
    assert client.unsent > 0, "the gateway took 8 MiB that nobody takes from it"
    peer.grant()
    assert peer.read_message()[1] == bytes(range(256)) * 32_768
    clients.check()


def test_a_server_whose_streams_begin_without_a_window(gateway, http2_backend, wire):
    server = http2_backend(echo=False, settings={SettingCodes.INITIAL_WINDOW_SIZE: 0})
    running = gateway(over_http2(server))
    client, peer = wire.pair(running, server)
    client.send_frame(TEXT, b"Hello")
    peer.expect_silence(0.2)
    server.links[0].update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 3})
    assert len(peer.read_exactly(3)) == 3
    server.links[0].update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 65_535})
    assert len(peer.read_exactly(8)) == 8


def test_fields_of_an_answer_up_to_what_the_gateway_announces(http2_backend, siblings):
    server = http2_backend()
    clients = siblings(server)
    announced = server.links[0].settled().max_header_list_size
    assert announced, "the gateway announces no MAX_HEADER_LIST_SIZE"
    value = "v" * (min(announced, 65_536) - 2000)
    server.next(lambda stream: stream.answer(401, [("x-large", value)]))
    response = clients.request()
    assert (response.status, response.get("x-large")) == (401, value)
    clients.check()


@pytest.mark.parametrize("size", [65_536, 2_000_000])
def test_fields_of_an_answer_beyond_that(gateway, http2_backend, wire, size):
    server = http2_backend()
    running = gateway(over_http2(server, upstream={"retries": 0}))
    fields = [(f"x-{number}", "v" * 4000) for number in range(size // 4000)]
    server.next(lambda stream: stream.answer(200, fields, ends=False))
    response = wire.request(running)
    if size > 1_000_000:
        check_refusal(response, 502)
    else:
        assert response.status in (101, 502)
    check_echo(wire.open(running))


def test_many_at_once(gateway, http2_backend, wire):
    server = http2_backend()
    running = gateway(over_http2(server))
    failures = []

    def talk(number):
        try:
            client = wire.open(running, f"/{number}")
            client.send_frame(TEXT, "request")
            assert json.loads(client.read_message()[1])["path"] == f"/{number}"
            for size in (0, 1, 1000, 100_000):
                check_echo(client, str(number).encode() * size)
            client.send_close()
            assert client.expect_close()[0] == 1000
        except Exception as error:
            failures.append((number, error))

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failures
    running.eventually(
        lambda stats: stats["connections"]["active"] == stats["http2"]["server"]["streams"] == 0, "all to be over")
    assert not server.open_streams
