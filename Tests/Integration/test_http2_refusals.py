"""Refusals over HTTP/2: each that a client can meet, caps that count WebSockets whatever carries them, and routes that
answer by themselves."""

import pytest

from changes import free_address
from http2_client import NO_ERROR, PROTOCOL_ERROR
from sluice import configuration, proxied
from test_hostile_floods import Sending
from test_http2_front import LISTENERS, secured
from test_http2_handshake import NOT_OVER_HTTP2, PROTOCOL
from test_limits import CAPS
from test_refusals import ANSWERS, REFUSALS, check_refusal


def check_h2_refusal(client, stream, status, **fields):
    """The shape of a refusal over HTTP/2, and that nothing more is wanted of the client."""
    response = client.whole(stream)
    check_refusal(response, status, **fields)
    for name in NOT_OVER_HTTP2:
        assert response.get(name) is None, f"expected no {name}, got {response.fields}"
    client.wait(lambda: stream.reset is not None, "RST_STREAM behind the refusal")
    assert stream.reset == NO_ERROR, f"expected NO_ERROR, got {stream.reset}"


@pytest.fixture
def refusing(gateway, wire, both_listeners):
    server = wire.server()
    return gateway(configuration(
        {"name": "ws", "match": {"path_prefix": "/ws"}, "upstream": "backend", "http": "off"},
        {"name": "site", "match": {"path_prefix": "/site"}, "upstream": "backend", "http": "off",
         "origins": ["https://example.com"], "missing_origin": "deny"},
        upstreams=[{"name": "backend", "servers": [{"address": server.address}]}],
        listeners=both_listeners))


VERSION = "sec-websocket-version"
# (path, fields, status, fields of the answer)
REFUSED = {
    "no route": ("/nothing", [], 404, {}),
    "a foreign origin": ("/site", [("origin", "https://evil.example")], 403, {}),
    "version 8": ("/ws", [(VERSION, "8")], 426, {"sec_websocket_version": "13"}),
    "no version": ("/ws", [(VERSION, None)], 426, {"sec_websocket_version": "13"}),
    "two versions": ("/ws", [(VERSION, "13"), (VERSION, "8")], 426, {"sec_websocket_version": "13"}),
    "a subprotocol twice": ("/ws", [(PROTOCOL, "chat, chat")], 400, {}),
    "a subprotocol that is no token": ("/ws", [(PROTOCOL, "a b")], 400, {}),
    "a broken extension list": ("/ws", [("sec-websocket-extensions", "a; =b")], 400, {}),
    "a content-length": ("/ws", [("content-length", "5")], 400, {}),
    "fields over max_header_size": ("/ws", [("x-large", "x" * 17_000)], 431, {}),
    "many fields over max_header_size": ("/ws", [(f"x-{n}", "y" * 100) for n in range(150)], 431, {}),
}


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_each_refusal(refusing, wire, trusting, case):
    path, fields, status, answer = REFUSED[case]
    for listener in ("plain", "tls"):
        client = wire.http2(refusing, **secured(listener, trusting))
        check_h2_refusal(client, client.ask(path, fields), status, **answer)
        # The connection goes on, its header table in step.
        check_h2_refusal(client, client.ask(path, fields), status, **answer)
        check_h2_refusal(client, client.ask("/nothing", [("x-then", "another")]), 404)


def test_a_plain_request_to_a_route_of_websockets(refusing, wire):
    client = wire.http2(refusing)
    for method in ("GET", "POST", "OPTIONS", "DELETE"):
        response = client.request("/ws", [("accept", "*/*")], method)
        check_refusal(response, 426)
        assert response.get("upgrade") is None and response.get("connection") is None, response.fields


def test_head_to_a_route_of_websockets_has_no_body(refusing, wire):
    response = wire.http2(refusing).request("/ws", method="HEAD")
    assert (response.status, response.body) == (426, b"")


def test_a_body_to_a_route_of_websockets(refusing, wire):
    """Nobody wants it: the answer is there before it has come, and it never holds up the connection."""
    client = wire.http2(refusing)
    for size in (5, 40_000):
        stream = client.start([*client.pseudo("POST", "/ws"), ("content-length", str(size))])
        client.send(stream, b"b" * size)
        check_h2_refusal(client, stream, 426)
    for _ in range(30):
        stream = client.start(client.pseudo("POST", "/ws"))
        try:
            client.send(stream, b"b" * 60_000, end=True)
        except ConnectionResetError:
            pass  # RST_STREAM NO_ERROR: the rest is not wanted
        assert client.whole(stream).status == 426
    client.ping()


def test_another_protocol_than_websocket(refusing, wire):
    client = wire.http2(refusing)
    for protocol in ("connect-udp", "connect-ip", "websocket2", "h2c", ""):
        response = client.refused("/ws", protocol=protocol)
        assert response.status in (400, 426, 501), f"expected {protocol} to be refused, got {response}"
        assert response.body.strip(), "expected a line that says why"


def test_connect_without_a_protocol_is_refused(refusing, wire):
    client = wire.http2(refusing)
    stream = client.ask(None, [("sec-websocket-version", None)], protocol=None, scheme=None)
    client.wait(lambda: stream.is_over, "the end of the stream")
    if stream.reset != PROTOCOL_ERROR:
        assert 400 <= client.whole(stream).status <= 501


def test_refusals_are_counted_by_reason(refusing, wire):
    client = wire.http2(refusing)
    client.refused("/nothing")
    client.refused("/nothing")
    client.refused("/site", [("origin", "https://evil.example")])
    client.request("/ws")
    assert refusing.stats()["connections"]["rejected_total"] == {"no_route": 2, "origin": 1, "not_websocket": 1}


def test_connection_refused_by_the_server_gives_502(gateway, wire):
    client = wire.http2(gateway(proxied(free_address())))
    check_h2_refusal(client, client.ask(), 502)


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_an_answer_that_breaks_the_handshake_gives_502(gateway, wire, answer):
    """The key is the gateway's own, and so is the check of what was made of it."""
    server = wire.server()
    client = wire.http2(gateway(proxied(server.address, upstream={"retries": 0})))
    stream = client.ask("/", [(PROTOCOL, "chat, superchat")])
    wire.accept(server).accept_upgrade(**ANSWERS[answer])
    check_h2_refusal(client, stream, 502)


def test_a_server_that_does_not_answer_in_time_gives_504(gateway, wire):
    server = wire.server()
    client = wire.http2(gateway(proxied(server.address, upstream={"retries": 0, "response_timeout": "200ms"})))
    stream = client.ask()
    wire.accept(server).read_upgrade()
    check_h2_refusal(client, stream, 504)


def test_a_handshake_that_takes_too_long_gives_504(gateway, wire):
    server = wire.server()
    client = wire.http2(gateway(proxied(server.address, sections={"limits": {"handshake_timeout": "300ms"}})))
    stream = client.ask()
    wire.accept(server).read_upgrade()
    check_h2_refusal(client, stream, 504)


# Success is no refusal: over HTTP/2 it would open the WebSocket (test_http_answers.py).
@pytest.mark.parametrize("name", [name for name in REFUSALS if str(name) != "200"], ids=str)
def test_the_servers_own_refusal_passes_whole(gateway, wire, name):
    answer, status, body, fields = REFUSALS[name]
    server = wire.server()
    client = wire.http2(gateway(proxied(server.address, upstream={"retries": 0})))
    stream = client.ask()
    peer = wire.accept(server)
    peer.read_upgrade()
    peer.send(answer)
    if b"content-length" not in answer.lower() and b"chunked" not in answer:
        peer.close()
    response = client.whole(stream)
    assert (response.status, response.body) == (status, body)
    for key, value in fields.items():
        assert response.get(key) == value
    for key in NOT_OVER_HTTP2:
        assert response.get(key) is None, f"expected no {key}, got {response.fields}"


def test_a_refusal_of_the_server_that_breaks_off_is_no_whole_answer(gateway, wire):
    server = wire.server()
    client = wire.http2(gateway(proxied(server.address, upstream={"retries": 0})))
    stream = client.ask()
    peer = wire.accept(server)
    peer.read_upgrade()
    peer.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nonly this")
    client.wait(lambda: stream.data == b"only this", "what came of the refusal")
    peer.reset()
    client.wait(lambda: stream.is_over, "the end of the stream")
    assert stream.reset not in (None, NO_ERROR), f"expected the break to be seen, got {stream}"


def test_a_refusal_of_the_server_that_nobody_reads_is_cut_at_the_timeout(gateway, wire):
    server = wire.server()
    running = gateway(proxied(
        server.address, max_connections=1, upstream={"retries": 0},
        sections={"limits": {"handshake_timeout": "500ms"}}))
    client = wire.http2(running)
    stream = client.ask()
    stream.held = True
    peer = wire.accept(server)
    peer.read_upgrade()
    sending = Sending(peer, b"HTTP/1.1 429 Slow Down\r\nContent-Length: 30000000\r\n\r\n" + bytes(30_000_000))
    client.wait(lambda: stream.is_over, "the end of the stream")
    assert stream.reset not in (None, NO_ERROR), f"expected the break to be seen, got {stream}"
    sending.join(10)
    assert sending.error is not None, "expected the server's connection to be ended"
    running.eventually(lambda stats: stats["routes"]["all"]["active"] == 0, "the place to be free")
    client.ping()


# Caps count WebSockets, whatever carries them


@pytest.mark.parametrize("cap", CAPS, ids=str)
def test_a_cap_of_two_lets_two_in_and_a_third_when_one_has_left(gateway, backend, wire, cap):
    running = gateway(proxied(backend().address, **CAPS[cap]))
    client = wire.http2(running)
    first, _ = client.websocket(), client.websocket()
    check_h2_refusal(client, client.ask(), 503, retry_after=True)
    check_refusal(wire.http2(running).refused(), 503, retry_after=True)
    assert wire.request(running).status == 503
    assert running.route()["active"] == 2
    first.close()
    running.eventually(lambda stats: stats["routes"]["all"]["active"] == 1, "one WebSocket left")
    client.websocket().echo("again")


def test_the_cap_of_a_server(gateway, backend, wire):
    config = proxied(backend().address)
    config["upstreams"][0]["servers"][0]["max_connections"] = 1
    client = wire.http2(gateway(config))
    client.websocket()
    check_h2_refusal(client, client.ask(), 503, retry_after=True)


def test_the_handshake_rate(gateway, backend, wire):
    client = wire.http2(gateway(proxied(backend().address, sections={"limits": {"max_handshakes_per_second": 2}})))
    streams = [client.ask() for _ in range(12)]
    responses = [client.answered(stream) for stream in streams]
    assert {response.status for response in responses} == {200, 429}
    refused = next(stream for stream in streams if stream.response.status == 429)
    check_h2_refusal(client, refused, 429, retry_after=True)


def test_a_client_that_cancels_during_the_handshake_gives_its_place_back(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, max_connections=1))
    client = wire.http2(running)
    for _ in range(3):
        stream = client.ask()
        peer = wire.accept(server)
        peer.read_upgrade()
        client.cancel(stream)
        peer.expect_end()
        running.eventually(lambda stats: stats["routes"]["all"]["active"] == 0, "the place to be free")


def test_a_client_that_ends_its_half_during_the_handshake_frees_the_server(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, max_connections=1))
    client = wire.http2(running)
    stream = client.ask()
    peer = wire.accept(server)
    peer.read_upgrade()
    client.finish(stream)
    peer.read_to_end()
    client.wait(lambda: stream.is_over, "the end of the stream")
    assert stream.fields is None or stream.response.status != 200


# Routes that answer by themselves


@LISTENERS
def test_redirect_and_respond_routes(gateway, wire, both_listeners, trusting, listener):
    client = wire.http2(gateway(configuration(
        {"name": "old", "match": {"path_prefix": "/old"}, "redirect": {"to": "/new", "status": 308}},
        {"name": "word", "match": {"path_prefix": "/word"}, "redirect": "https://example.com/"},
        {"name": "large", "match": {"path": "/large"}, "respond": {"status": 200, "body": "x" * 50_000}},
        {"name": "page", "match": {"path": "/"}, "respond": {
            "status": 200, "body": "<p>hello</p>", "content_type": "text/html; charset=utf-8",
            "headers": {"X-Page": "1"}}},
        listeners=both_listeners)), **secured(listener, trusting))
    response = client.request("/old")
    assert (response.status, response.get("location")) == (308, "/new")
    response = client.request("/word")
    assert (response.status, response.get("location")) == (302, "https://example.com/")
    response = client.request("/")
    assert (response.status, response.body) == (200, b"<p>hello</p>")
    assert response.get("content-type") == "text/html; charset=utf-8"
    assert response.get("content-length") == "12"
    assert response.get("x-page") == "1"
    response = client.request("/", method="HEAD")
    assert (response.status, response.body, response.get("content-length")) == (200, b"", "12")
    assert client.request("/large").body == b"x" * 50_000
    response = client.request("/", method="POST", body=b"form=1")
    assert (response.status, response.body) == (200, b"<p>hello</p>")
