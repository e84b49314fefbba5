"""A request over HTTP/2 as the server sees it, and what the client is answered: the 200, or a refusal with a reason."""

import base64

import pytest

from http2_client import NO_ERROR, PROTOCOL_ERROR
from raw import TEXT
from sluice import configuration, proxied
from test_http2_front import LISTENERS, secured
from test_limits import CAPS
from test_refusals import ANSWERS, REFUSALS, check_refusal, closed_port

PROTOCOL = "sec-websocket-protocol"
# Fields of HTTP/1.1 connections, which no answer over HTTP/2 may have (RFC 9113 §8.2.2, RFC 8441 §5).
NOT_OVER_HTTP2 = ["connection", "upgrade", "keep-alive", "proxy-connection", "transfer-encoding", "sec-websocket-accept"]


@pytest.fixture
def asking(gateway, wire):
    """`asking(fields, path, **configuration)`: what the server gets of an extended CONNECT."""

    def ask(fields=(), path="/", listener="plain", tls=None, **config):
        server = wire.server()
        running = gateway(proxied(server.address, **config))
        client = wire.http2(running, listener, tls)
        client.ask(path, fields)
        return wire.accept(server).read_upgrade(), client

    return ask


@pytest.fixture
def opening(gateway, wire):
    """`opening(fields, answer)`: (client, stream, server) behind the server's 101."""

    def open_one(fields=(), answer=(), **config):
        server = wire.server()
        client = wire.http2(gateway(proxied(server.address, **config)))
        stream = client.ask("/", fields)
        peer = wire.accept(server)
        peer.accept_upgrade(answer)
        client.answered(stream)
        return client, stream, peer

    return open_one


# The request


@LISTENERS
def test_the_server_gets_an_upgrade_in_order(asking, both_listeners, trusting, listener):
    fields = [
        ("authorization", "Bearer x.y.z"), ("user-agent", "peer/1.0"), ("x-twice", "one"), ("x-twice", "two"),
        ("origin", "https://example.com"), ("te", "trailers")]
    head, client = asking(
        fields, "/a?b=c", sections={"listeners": both_listeners}, **secured(listener, trusting))
    assert head.start_line == "GET /a?b=c HTTP/1.1"
    assert head.get("host") == client.authority
    assert (head.get("upgrade") or "").lower() == "websocket"
    assert (head.get("connection") or "").lower() == "upgrade"
    assert head.get("sec-websocket-version") == "13"
    assert len(base64.b64decode(head.get("sec-websocket-key"))) == 16
    for name, value in fields[:-1]:
        assert value in head.all(name), f"expected {name}: {value}, got {head.fields}"
    assert head.get("te") is None, "TE is about one connection alone"
    assert head.get("x-forwarded-for") == "127.0.0.1"
    assert head.get("x-forwarded-host") == client.authority
    assert head.get("x-forwarded-proto") == ("https" if listener == "tls" else "http")
    assert len(head.get("x-request-id")) >= 8
    names = [name.lower() for name, _ in head.fields]
    for name in names:
        assert not name.startswith(":") and name not in ("content-length", "transfer-encoding"), head.fields
    for name in ("host", "upgrade", "connection", "sec-websocket-key", "sec-websocket-version", "x-forwarded-for"):
        assert names.count(name) == 1, f"expected {name} once, got {head.fields}"


def test_each_request_has_a_key_of_its_own(gateway, wire):
    server = wire.server()
    client = wire.http2(gateway(proxied(server.address)))
    keys = set()
    for _ in range(5):
        client.ask()
        keys.add(wire.accept(server).read_upgrade().get("sec-websocket-key"))
    assert len(keys) == 5, f"expected five keys, got {keys}"


def test_path_and_query_arrive_as_they_were_sent(gateway, wire):
    server = wire.server()
    client = wire.http2(gateway(proxied(server.address)))
    for target in ("/", "/a/b?x=1&y=2", "/chat%2Froom/%E2%82%AC?q=%20a+b&q=%26", "/a//b/./c/../d?",
                   "/p;v=1?token=a.b-c_d~e&&=", "/%7Euser/%zz", "//two", "/" + "long" * 1000):
        client.ask(target)
        assert wire.accept(server).read_upgrade().target == target


def test_cookie_crumbs_are_joined(gateway, wire):
    server = wire.server()
    client = wire.http2(gateway(proxied(server.address)))
    for crumbs, expected in (
        (["a=1; b=2"], "a=1; b=2"), (["a=1", "b=2", "c=3"], "a=1; b=2; c=3"), (["a=1; b=2", "c=3"], "a=1; b=2; c=3")
    ):
        client.ask("/", [("cookie", crumb) for crumb in crumbs])
        assert wire.accept(server).read_upgrade().all("cookie") == [expected]


def test_host_beside_authority_is_one_host(asking):
    head, client = asking(sections={"listeners": [{"name": "plain", "address": "127.0.0.1:0"}]})
    stream = client.ask("/", [("host", client.authority)])
    assert stream.reset is None
    assert head.all("host") == [client.authority]


def test_host_alone_stands_for_authority(gateway, wire):
    server = wire.server()
    client = wire.http2(gateway(proxied(server.address)))
    client.ask("/", [("host", "chat.example.com")], authority=None)
    assert wire.accept(server).read_upgrade().all("host") == ["chat.example.com"]


def test_routes_see_host_path_fields_and_subprotocols(gateway, wire):
    server, other = wire.server(), wire.server()
    running = gateway(configuration(
        {"name": "chosen", "upstream": "chosen", "match": {
            "hosts": ["*.example.com"], "path_prefix": "/chat", "headers": {"x-tenant": "blue"},
            "query": {"room": "lobby"}, "subprotocols": ["chat.v2"]}},
        {"name": "rest", "upstream": "rest"},
        upstreams=[{"name": "chosen", "servers": [{"address": server.address}]},
                   {"name": "rest", "servers": [{"address": other.address}]}]))
    client = wire.http2(running)
    fields = [("x-tenant", "blue"), (PROTOCOL, "chat.v1, chat.v2")]
    client.ask("/chat/1?room=lobby", fields, authority="a.example.com")
    assert wire.accept(server).read_upgrade().get("host") == "a.example.com"
    client.ask("/chat/1?room=lobby", fields, authority="example.org")
    client.ask("/chat/1?room=lobby", [], authority="a.example.com")
    for _ in range(2):
        wire.accept(other).read_upgrade()


def test_header_edits_and_rewrites_of_a_route(gateway, wire):
    server = wire.server()
    client = wire.http2(gateway(proxied(
        server.address, match={"path_prefix": "/chat"}, rewrite={"strip_prefix": "/chat"},
        request_headers={"set": {"X-Env": "prod"}, "remove": ["Cookie"]},
        response_headers={"set": {"X-Gateway": "sluice"}, "remove": ["Server"]})))
    stream = client.ask("/chat/room?x", [("cookie", "secret=1"), ("x-env", "forged")])
    peer = wire.accept(server)
    head = peer.read_upgrade()
    assert (head.target, head.get("cookie"), head.all("x-env")) == ("/room?x", None, ["prod"])
    peer.accept_upgrade([("Server", "backend/9")])
    response = client.expect_open(stream)
    assert (response.get("server"), response.get("x-gateway")) == (None, "sluice")


def test_a_forged_forwarded_field_is_not_believed(asking):
    head, _ = asking([("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https"), ("x-forwarded-port", "1")])
    assert head.all("x-forwarded-for") == ["127.0.0.1"]
    assert head.all("x-forwarded-proto") == ["http"]
    assert head.get("x-forwarded-port") is None


def test_a_trusted_proxys_forwarded_fields_are_continued(asking):
    head, _ = asking([("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https")], sections={"listeners": [
        {"name": "plain", "address": "127.0.0.1:0", "trusted_proxies": ["127.0.0.0/8"]}]})
    assert [hop.strip() for hop in head.get("x-forwarded-for").split(",")] == ["203.0.113.9", "127.0.0.1"]
    assert head.get("x-forwarded-proto") == "https"


# The answer


def test_the_200_has_what_the_server_answered_and_nothing_of_http_1(opening):
    answer = [("Set-Cookie", "id=1; Path=/"), ("Set-Cookie", "lang=en"), ("X-Backend", "b1"), ("Server", "b/1"),
              ("Keep-Alive", "timeout=5"), ("Proxy-Connection", "keep-alive")]
    client, stream, peer = opening(answer=answer)
    response = client.expect_open(stream)
    assert response.all("set-cookie") == ["id=1; Path=/", "lang=en"]
    assert response.get("x-backend") == "b1"
    for name in NOT_OVER_HTTP2:
        assert response.get(name) is None, f"expected no {name}, got {response.fields}"
    assert all(name == name.lower() for name, _ in response.fields), response.fields
    peer.send_frame(TEXT, "first")
    assert client.peer_on(stream).read_message()[1] == b"first"


def test_a_200_with_more_fields_than_a_frame_holds(opening):
    answer = [(f"X-Large-{number}", f"{number}" * 9000) for number in range(5)]
    client, stream, peer = opening(answer=answer)
    response = client.expect_open(stream)
    for name, value in answer:
        assert response.get(name) == value, f"expected {name} of {len(value)} bytes"
    peer.send_frame(TEXT, "first")
    assert client.peer_on(stream).read_message()[1] == b"first"
    client.ping()


def test_data_before_the_200_arrives_behind_it(gateway, wire):
    server = wire.server()
    client = wire.http2(gateway(proxied(server.address)))
    stream = client.ask()
    eager = client.peer_on(stream)
    eager.send_frame(TEXT, "early")
    peer = wire.accept(server)
    peer.read_upgrade()
    eager.send_frame(TEXT, "still early")
    peer.accept_upgrade()
    assert [peer.read_message()[1] for _ in range(2)] == [b"early", b"still early"]
    client.expect_open(stream)


@pytest.mark.parametrize("kind", ["websockets", "aiohttp"])
def test_the_subprotocol_the_server_selects_reaches_the_client(gateway, backend, wire, kind):
    server = backend(kind, subprotocols=["graphql-transport-ws", "chat.v2"])
    client = wire.http2(gateway(proxied(server.address)))
    response = client.open("/", [(PROTOCOL, "chat.v2, superchat")]).response
    assert response.get(PROTOCOL) == "chat.v2"
    assert client.open().response.get(PROTOCOL) is None


def test_extensions_that_are_unknown_are_left_out(opening):
    offer = "x-webkit-deflate-frame, permessage-bzip2, permessage-deflate; client_max_window_bits, mux"
    client, stream, _ = opening([("sec-websocket-extensions", offer)])
    answer = client.expect_open(stream).get("sec-websocket-extensions")
    assert answer.startswith("permessage-deflate") and "," not in answer, answer
    client, stream, _ = opening([("sec-websocket-extensions", "deflate-stream")])
    assert client.expect_open(stream).get("sec-websocket-extensions") is None


def test_origins(gateway, backend, wire):
    client = wire.http2(gateway(proxied(
        backend().address, origins=["https://example.com", "http://localhost:3000"], missing_origin="deny")))
    for origin in ("https://example.com", "https://EXAMPLE.com:443", "http://localhost:3000"):
        client.websocket("/", [("origin", origin)]).echo("allowed")
    for origin in ("https://evil.example", "https://example.com:444", "null"):
        check_refusal(client.refused("/", [("origin", origin)]), 403)
    check_refusal(client.refused("/"), 403)


# Refusals


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
        {"name": "ws", "match": {"path_prefix": "/ws"}, "upstream": "backend"},
        {"name": "site", "match": {"path_prefix": "/site"}, "upstream": "backend",
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
    client = wire.http2(gateway(proxied(closed_port())))
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


@pytest.mark.parametrize("name", REFUSALS, ids=str)
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
