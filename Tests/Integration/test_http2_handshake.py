"""A request over HTTP/2 as the server sees it, and the 200 that the client gets."""

import base64

import pytest

from raw import TEXT
from sluice import configuration, proxied
from test_http2_front import LISTENERS, secured
from test_refusals import check_refusal

PROTOCOL = "sec-websocket-protocol"
# Fields of HTTP/1.1 connections, which no answer over HTTP/2 may have (RFC 9113 §8.2.2, RFC 8441 §5).
NOT_OVER_HTTP2 = [
    "connection", "upgrade", "keep-alive", "proxy-connection", "transfer-encoding", "sec-websocket-accept"]


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
                   "/p;v=1?token=a.b-c_d~e&&=", "/%7Euser/x?%zz", "//two", "/" + "long" * 1000):
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
