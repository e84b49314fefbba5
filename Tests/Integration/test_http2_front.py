"""HTTP/2 in front: how a connection is chosen and begins, and WebSockets over it (RFC 8441), many on one connection."""

import os
import socket

import h2.settings
import pytest

from delivery import byte_by_byte
from http2_client import CONNECT_PROTOCOL, PROTOCOL_ERROR, HTTP2Client, alpn
from http2_raw import ACK, PADDED, PING, PREFACE, SETTINGS, WINDOW_UPDATE, RawHTTP2, data, frame, settings
from raw import BINARY, DEADLINE, TEXT
from sluice import configuration, proxied

LISTENERS = pytest.mark.parametrize("listener", ["plain", "tls"])
MESSAGES = [
    "", "Hello", "κόσμε – 🜁", b"", b"\x00\xff\xfe", "x" * 125, "x" * 126, b"y" * 65535, b"y" * 65536,
    os.urandom(1024 * 1024 + 17),
]


def secured(listener, trusting):
    return {"listener": listener, "tls": trusting if listener == "tls" else None}


def page(**listener):
    """A gateway's configuration with a page at /page and nothing else, its listener with these settings."""
    return configuration(
        {"name": "page", "match": {"path": "/page"}, "respond": {"status": 200, "body": "hello"}},
        listeners=[{"name": "plain", "address": "127.0.0.1:0", **listener}])


@pytest.fixture
def echoing(gateway, backend, both_listeners):
    """A gateway before an echo server."""
    return gateway(proxied(backend().address, sections={"listeners": both_listeners}))


# How it begins


@LISTENERS
def test_the_servers_preface(echoing, wire, trusting, listener):
    tls = alpn(trusting, "h2") if listener == "tls" else None
    client = RawHTTP2(wire.connect(echoing, listener, tls=tls), greet=False)
    client.send(PREFACE + settings())
    first = client.read_frame()
    assert first.kind == SETTINGS and not first.flags & ACK, f"expected SETTINGS first, got {first}"
    values = {
        int.from_bytes(first.payload[start : start + 2]): int.from_bytes(first.payload[start + 2 : start + 6])
        for start in range(0, len(first.payload), 6)}
    codes = h2.settings.SettingCodes
    assert values[codes.MAX_CONCURRENT_STREAMS] == 1000
    assert values[codes.MAX_HEADER_LIST_SIZE] == 16 * 1024
    assert values[codes.ENABLE_CONNECT_PROTOCOL] == 1
    update = client.frame_of(WINDOW_UPDATE)
    assert update.stream == 0, f"expected more window for the connection, got {update}"
    got = client.frame_of(SETTINGS)
    assert got.flags & ACK and not got.payload, f"expected the acknowledgement of SETTINGS, got {got}"


def test_the_settings_follow_the_configuration(gateway, wire):
    running = gateway({**page(h2={"max_streams": 7}), "limits": {"max_header_size": "32KiB"}})
    client = wire.http2(running)
    assert client.settings.max_concurrent_streams == 7
    assert client.settings.max_header_list_size == 32 * 1024


OFFERS = {
    "h2 and http/1.1": (["h2", "http/1.1"], "h2"),
    "h2": (["h2"], "h2"),
    "http/1.1": (["http/1.1"], "http/1.1"),
    "nothing": ([], None),
}


@pytest.mark.parametrize("offer", OFFERS, ids=str)
def test_alpn_chooses(echoing, wire, trusting, offer):
    offered, expected = OFFERS[offer]
    peer = wire.connect(echoing, "tls", tls=alpn(trusting, *offered))
    assert peer.sock.selected_alpn_protocol() == expected
    if expected == "h2":
        HTTP2Client(peer.sock, peer.authority, "https").websocket().echo("over h2")
    else:
        peer.open()
        peer.send_frame(TEXT, "over http/1.1")
        assert peer.read_message()[1] == b"over http/1.1"


def test_a_listener_without_h2_chooses_http_1(gateway, wire, trusting, site):
    running = gateway(page(protocols=["http/1.1"], tls={"certificates": [site.setting]}))
    peer = wire.connect(running, tls=alpn(trusting, "h2", "http/1.1"))
    assert peer.sock.selected_alpn_protocol() in ("http/1.1", None)
    response = peer.send_upgrade("/page", omit=["Upgrade", "Connection"]).read_response()
    assert (response.status, response.body) == (200, b"hello")


def test_a_listener_without_h2_does_not_know_the_preface(gateway, wire):
    running = gateway(page(protocols=["http/1.1"]))
    peer = wire.connect(running)
    peer.send(PREFACE + settings())
    response = peer.read_response()
    assert response.start_line.startswith("HTTP/1.1 ") and response.status in (400, 505), response
    peer.read_to_end()


def test_both_versions_on_one_cleartext_listener(echoing, wire):
    over_h2 = wire.http2(echoing).websocket()
    over_http1 = wire.open(echoing)
    over_h2.echo("over h2")
    over_http1.send_frame(TEXT, "over http/1.1")
    assert over_http1.read_message()[1] == b"over http/1.1"


def test_bytes_that_come_one_by_one(echoing, wire):
    peer = wire.connect(echoing)
    client = RawHTTP2(peer, greet=False)
    stream, request = client.headers(client.connect_fields("/", ("x-padding", "p" * 200)))
    frames = peer.frame(TEXT, "dribbled")
    byte_by_byte(peer, PREFACE + settings() + request)
    client.expect_open(stream)
    byte_by_byte(peer, frame(SETTINGS, flags=ACK) + data(stream, frames) + frame(PING, b"12345678"))
    assert client.read_data(stream, 10) == b"\x81\x08dribbled"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "PROPFIND"])
def test_requests_of_http_1_that_begin_like_the_preface(gateway, wire, method):
    peer = wire.connect(gateway(page()))
    byte_by_byte(peer, f"{method} /page HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    response = peer.read_response()
    assert (response.start_line, response.body) == ("HTTP/1.1 200 OK", b"hello")


def test_the_off_switch_for_websockets_over_http2(gateway, wire):
    config = page(websocket_over_http2=False)
    config["routes"].append({"name": "ws", "upstream": "backend"})
    config["upstreams"] = [{"name": "backend", "servers": [{"address": wire.server().address}]}]
    running = gateway(config)
    client = wire.http2(running)
    assert not client.settings.get(CONNECT_PROTOCOL, 0), "expected no SETTINGS_ENABLE_CONNECT_PROTOCOL"
    stream = client.ask("/")
    client.wait(lambda: stream.is_over, "the end of the stream")
    assert stream.reset == PROTOCOL_ERROR, f"expected RST_STREAM PROTOCOL_ERROR, got {stream}"
    assert client.request("/page").body == b"hello"


def test_ping_is_answered(echoing, wire):
    client = wire.http2(echoing)
    for number in range(100):
        client.ping(number.to_bytes(8))


def test_a_client_that_offers_no_push_and_large_windows(echoing, wire):
    codes = h2.settings.SettingCodes
    client = wire.http2(echoing, settings={
        codes.HEADER_TABLE_SIZE: 65536, codes.INITIAL_WINDOW_SIZE: 6 * 1024 * 1024, codes.MAX_FRAME_SIZE: 1 << 20})
    client.websocket().echo(os.urandom(1024 * 1024))


def test_a_client_without_a_header_table(echoing, wire):
    client = wire.http2(echoing, settings={h2.settings.SettingCodes.HEADER_TABLE_SIZE: 0})
    for number in range(3):
        client.websocket(f"/{number}").echo("no table")


# WebSockets


@LISTENERS
@pytest.mark.parametrize("kind", ["websockets", "aiohttp"])
@pytest.mark.parametrize("compression", [False, True], ids=["plain-server", "deflate-server"])
def test_echo(gateway, backend, wire, both_listeners, trusting, listener, kind, compression):
    server = backend(kind, compression=compression)
    running = gateway(proxied(server.address, sections={"listeners": both_listeners}))
    one = wire.http2(running, **secured(listener, trusting)).websocket("/echo")
    for message in MESSAGES:
        one.echo(message)
    one.echo("a message ", "", "in three fragments")
    one.echo(*(b"%d" % number for number in range(100)))
    one.ping()
    assert one.close() == (1000, "")
    assert one.stream.has_ended, f"expected END_STREAM behind the Close, got {one.stream}"
    running.eventually(lambda stats: stats["connections"]["active"] == 0, "the WebSocket to be gone")


@LISTENERS
def test_permessage_deflate_is_negotiated(echoing, wire, trusting, listener):
    one = wire.http2(echoing, **secured(listener, trusting)).websocket(deflate=True)
    answer = one.stream.response.get("sec-websocket-extensions")
    assert answer and answer.startswith("permessage-deflate"), f"expected permessage-deflate, got {answer}"
    for message in MESSAGES:
        one.echo(message)
    compression = echoing.route()["compression"]
    assert compression["active"] == 1
    assert compression["messages_compressed"] > 0


def test_frames_pass_as_they_are(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, compression="off"))
    http2 = wire.http2(running)
    stream = http2.ask()
    peer = wire.accept(server)
    peer.accept_upgrade()
    http2.expect_open(stream)
    client = http2.peer_on(stream)
    for payload in (b"", b"a", bytes(70_000)):
        sent = client.frame(BINARY, payload)
        client.send(sent)
        assert peer.read_frame().wire == sent
        sent = peer.frame(BINARY, payload)
        peer.send(sent)
        assert client.read_frame().wire == sent


def test_frames_cut_anywhere_into_data_with_padding(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, compression="off"))
    client = RawHTTP2(wire.connect(running))
    stream = client.ask()
    peer = wire.accept(server)
    peer.accept_upgrade()
    client.expect_open(stream)
    sent = client.peer.frame(TEXT, "cut into pieces") + client.peer.frame(BINARY, bytes(range(200)))
    for number, byte in enumerate(sent):
        padding = number * 7 % 256
        client.send(data(stream, bytes([padding, byte]) + bytes(padding), flags=PADDED))
    assert peer.read_exactly(len(sent)) == sent


def test_messages_keep_their_order_in_both_directions_at_once(echoing, wire):
    one = wire.http2(echoing).websocket()
    sent = [f"message {number} " + "z" * (number % 700) for number in range(2000)]
    for start in range(0, len(sent), 200):
        for message in sent[start : start + 200]:
            one.send_message(message)
        assert [one.receive() for _ in range(200)] == sent[start : start + 200]


def test_300_websockets_on_one_connection(echoing, wire, trusting):
    client = wire.http2(echoing, "tls", trusting)
    streams = [client.ask(f"/{number}") for number in range(300)]
    sockets = []
    for stream in streams:
        client.expect_open(stream)
        sockets.append(client.peer_on(stream))
    for round in range(2):
        for number, one in enumerate(sockets):
            one.send_frame(TEXT, f"{round}: I am {number}")
        for number, one in enumerate(sockets):
            assert one.read_message()[1] == f"{round}: I am {number}".encode()
    assert echoing.route()["active"] == 300
    stats = echoing.stats()["http2"]["client"]
    assert (stats["connections"], stats["streams"]) == (1, 300), stats
    for one in sockets:
        one.send_close(1000)
    for one in sockets:
        assert one.expect_close()[0] == 1000
        one.finish_sending()
    echoing.eventually(lambda stats: stats["connections"]["active"] == 0, "all of them to be gone")


@LISTENERS
def test_many_requests_on_one_connection(gateway, wire, trusting, site, listener):
    tls = {"tls": {"certificates": [site.setting]}} if listener == "tls" else {}
    running = gateway(page(**tls))
    client = wire.http2(running, tls=trusting if tls else None)
    for number in range(100):
        assert client.request("/page", [("x-number", str(number))]).body == b"hello"
    streams = [client.start(client.pseudo(path="/page"), end=True) for _ in range(500)]
    for stream in streams:
        assert client.whole(stream).body == b"hello"


def test_requests_of_many_connections(gateway, wire):
    running = gateway(page())
    clients = [wire.http2(running) for _ in range(30)]
    streams = [(client, client.start(client.pseudo(path="/page"), end=True)) for client in clients * 5]
    for client, stream in streams:
        assert client.whole(stream).body == b"hello"
    stats = running.stats()["http2"]["client"]
    assert (stats["connections"], stats["connections_total"]) == (30, 30), stats
    assert stats["streams_total"] == 150, stats


# What is seen of it


def test_stats_and_log_name_the_protocol(echoing, wire):
    first = wire.http2(echoing)
    sockets = [first.websocket(), first.websocket(), wire.http2(echoing).websocket()]
    over_http1 = wire.open(echoing)
    assert echoing.route()["protocols"]["client"] == {"h2": 3, "http/1.1": 1}
    stats = echoing.stats()["http2"]["client"]
    assert (stats["connections"], stats["streams"]) == (2, 3), stats
    for one in sockets:
        one.close()
    over_http1.send_close(1000)
    over_http1.expect_close()
    over_http1.close()
    echoing.eventually(lambda stats: stats["connections"]["active"] == 0, "all of them to be gone")
    protocols = echoing.route()["protocols"]["client"]
    assert not any(protocols.values()), f"expected none to be left, got {protocols}"

    def logged():
        return [entry for entry in echoing.log() if entry.get("message") == "connection closed"]

    echoing.wait_for_output(lambda _: len(logged()) == 4, "4 lines of the access log")
    assert sorted(entry["client_protocol"] for entry in logged()) == ["h2", "h2", "h2", "http/1.1"]
    assert {entry["server_protocol"] for entry in logged()} == {"http/1.1"}


@LISTENERS
def test_a_connection_that_goes_leaves_nothing(echoing, wire, trusting, listener):
    client = wire.http2(echoing, **secured(listener, trusting))
    for _ in range(10):
        client.websocket().echo("there")
    client.request("/nothing", [("x", "y")])
    client.close()
    echoing.eventually(lambda stats: stats["connections"]["active"] == 0, "no WebSocket left")
    stats = echoing.eventually(
        lambda stats: stats["http2"]["client"]["connections"] == 0 and stats["http2"]["client"], "no connection left")
    assert stats["streams"] == 0, stats
    assert stats["errors_total"] == {}, stats


def test_a_listener_on_a_unix_socket(gateway, backend, tmp_path):
    path = tmp_path / "gateway.sock"
    gateway(proxied(backend().address, sections={"listeners": [{"name": "plain", "address": f"unix:{path}"}]}))
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(DEADLINE)
    sock.connect(str(path))
    with sock:
        HTTP2Client(sock).websocket().echo("over a unix socket")
