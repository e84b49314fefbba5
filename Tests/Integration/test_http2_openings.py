"""Servers that should speak HTTP/2 and don't, or not the part of it that carries WebSockets; and `protocol: auto`,
which copes with either."""

import asyncio
import os
import socket
import ssl
from collections import Counter

import pytest
from h2.errors import ErrorCodes
from hyperframe.frame import DataFrame, GoAwayFrame, HeadersFrame, PingFrame, PushPromiseFrame, SettingsFrame

from http2_peer import PREFACE, SETTINGS
from http2_server import never, refuse, secured
from sluice import proxied
from test_http2_back import check_echo, logged, over_http2
from test_refusals import check_refusal
from waiting import eventually

# Each event loop has its own connections to a server; what one has learnt of it, another may have to learn again.
LOOPS = os.cpu_count()


def automatic(address, **upstream):
    return proxied(address, upstream={"protocol": "auto", **upstream})


def test_a_server_without_extended_connect_gives_502(gateway, http2_backend, wire):
    server = http2_backend(extended_connect=False)
    running = gateway(over_http2(server))
    check_refusal(wire.request(running), 502)
    assert "ENABLE_CONNECT_PROTOCOL" in logged(running, "server answered with a bad handshake")["reason"]
    assert server.requests == [], "a request was sent that the server can't know"


def test_settings_that_come_late_are_waited_for(gateway, http2_backend, wire):
    server = http2_backend(holding=True)
    running = gateway(over_http2(server))
    clients = [wire.connect(running).send_upgrade("/") for _ in range(4)]
    server.wait(
        lambda: server.links and all(link.frames[SETTINGS] for link in server.links), "the gateway's own SETTINGS")
    running.eventually(lambda stats: stats["transports"]["handshaking"] == 4, "four handshakes under way")
    assert server.requests == [], "extended CONNECT was sent before the server's SETTINGS"

    def released():
        for link in server.open_links:
            if link.held:
                link.release()
        return len(server.requests) == 4

    eventually(released, "four requests")
    for client in clients:
        assert client.read_response().status == 101
        check_echo(client)


def test_settings_that_never_come_give_504(gateway, http2_backend, wire):
    server = http2_backend(holding=True)
    running = gateway(over_http2(
        server, upstream={"connect_timeout": "300ms", "response_timeout": "300ms", "retries": 0}))
    response = wire.request(running)
    assert response.status in (502, 504)
    check_refusal(response, response.status)
    server.wait(lambda: not server.open_links, "the connection to be given up")


def frames(*several):
    return b"".join(frame.serialize() for frame in several)


def settings(**values):
    numbers = {"window": 4, "frame_size": 5, "connect": 8, "push": 2}
    return SettingsFrame(0, settings={numbers[name]: value for name, value in values.items()})


OPENINGS = {
    "nothing, then the end": b"",
    "HTTP/1.1": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.0\r\n",
    "zeros": bytes(1000),
    "a TLS alert": b"\x15\x03\x03\x00\x02\x02\x28",
    "a frame before SETTINGS": frames(PingFrame(0, opaque_data=b"12345678")),
    "GOAWAY": frames(settings(connect=1), GoAwayFrame(0, error_code=0)),
    "GOAWAY before SETTINGS": frames(GoAwayFrame(0, error_code=11)),
    "an acknowledgement before SETTINGS": frames(SettingsFrame(0, flags=["ACK"])),
    "half a frame": frames(settings(connect=1))[:5],
    "a frame longer than allowed": b"\x00\x40\x01\x04\x00\x00\x00\x00\x00" + bytes(16_385),
    "a window above the limit": frames(settings(connect=1, window=2**31)),
    "frames too small": frames(settings(connect=1, frame_size=16_383)),
    "a flag that is 2": frames(settings(connect=2)),
    "data on a stream that is idle": frames(settings(connect=1), DataFrame(1, data=b"x")),
    "a stream of the server's own": frames(settings(connect=1), HeadersFrame(2, data=b"\x88", flags=["END_HEADERS"])),
    "a push": frames(settings(connect=1), PushPromiseFrame(1, promised_stream_id=2, flags=["END_HEADERS"])),
}


@pytest.fixture
def opening(stage):
    """`opening(data)`: the address of a server that says just this on each connection, and hangs up when it has read
    something."""
    servers = []

    def start(data):
        async def talk(reader, writer):
            writer.write(data)
            await reader.read(65_536)
            writer.close()

        async def listen():
            servers.append(await asyncio.start_server(talk, "127.0.0.1", 0))
            return "%s:%d" % servers[-1].sockets[0].getsockname()[:2]

        return stage.run(listen())

    yield start
    for server in servers:
        stage.loop.call_soon_threadsafe(server.close)


@pytest.mark.parametrize("name", OPENINGS, ids=str)
def test_an_opening_that_is_not_http2_gives_502(gateway, wire, opening, name):
    running = gateway(proxied(opening(OPENINGS[name]), upstream={"protocol": "h2", "retries": 0}))
    check_refusal(wire.request(running), 502)
    failures, = running.stats()["upstreams"]["backend"]["servers"].values()
    assert failures["active"] == 0
    running.eventually(lambda stats: stats["http2"]["server"]["connections"] == 0, "no connection left")


def test_tls_without_h2_gives_502(gateway, backend, wire, authority, site):
    context, trust = secured(authority, site, "http/1.1")
    server = backend(tls=context)
    running = gateway(proxied(server.address, upstream={"protocol": "h2", "tls": trust, "retries": 0}))
    check_refusal(wire.request(running), 502)
    assert server.requests == []


def test_a_server_that_is_not_there_gives_502(gateway, wire):
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = "127.0.0.1:%d" % free.getsockname()[1]
    running = gateway(proxied(address, upstream={"protocol": "h2"}))
    check_refusal(wire.request(running), 502)


class Doorman:
    """Looks at the first bytes of each connection, counts what they are, and leads it to the server for that."""

    def __init__(self, http1, http2=None):
        self.http1, self.http2 = http1, http2
        self.seen = Counter()

    async def start(self):
        self._server = await asyncio.start_server(self._welcome, "127.0.0.1", 0)
        self.address = "%s:%d" % self._server.sockets[0].getsockname()[:2]
        return self

    async def stop(self):
        self._server.close()

    async def _welcome(self, reader, writer):
        try:
            first = await reader.readexactly(4)
        except asyncio.IncompleteReadError:
            writer.close()
            return
        speaks_http2 = PREFACE.startswith(first)
        self.seen["h2" if speaks_http2 else "http/1.1"] += 1
        address = self.http2 if speaks_http2 and self.http2 else self.http1
        back_reader, back_writer = await asyncio.open_connection(*address.rsplit(":", 1))
        back_writer.write(first)
        await asyncio.gather(self._carry(reader, back_writer), self._carry(back_reader, writer))

    async def _carry(self, reader, writer):
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()


@pytest.fixture
def doorman(stage):
    started = []

    def start(http1, http2=None):
        started.append(stage.run(Doorman(http1.address, http2 and http2.address).start()))
        return started[-1]

    yield start
    for one in started:
        stage.run(one.stop())


def talk(running, wire, count):
    for _ in range(count):
        client = wire.open(running)
        check_echo(client)
        client.send_close()
        client.expect_close()


COUNT = 6 * LOOPS


def test_auto_falls_back_to_http1_and_remembers(gateway, backend, doorman, wire):
    server = backend()
    door = doorman(server)
    running = gateway(automatic(door.address))
    talk(running, wire, COUNT)
    assert len(server.requests) == COUNT
    assert 1 <= door.seen["h2"] <= LOOPS, f"HTTP/2 was tried {door.seen['h2']} times"
    assert door.seen["http/1.1"] == COUNT
    assert server.last_fields["sec-websocket-key"]
    counted, = running.stats()["upstreams"]["backend"]["servers"].values()
    assert counted["healthy"], "having no HTTP/2 is no failure"
    assert logged(running, "connection closed")["server_protocol"] == "http/1.1"


def test_auto_falls_back_without_extended_connect(gateway, backend, http2_backend, doorman, wire):
    over_http1, over_2 = backend(), http2_backend(extended_connect=False)
    door = doorman(over_http1, over_2)
    running = gateway(automatic(door.address))
    talk(running, wire, COUNT)
    assert (len(over_http1.requests), len(over_2.requests)) == (COUNT, 0)
    assert 1 <= door.seen["h2"] <= LOOPS, f"HTTP/2 was tried {door.seen['h2']} times"


def test_auto_uses_http2_where_it_can(gateway, backend, http2_backend, doorman, wire):
    over_http1, over_2 = backend(), http2_backend()
    door = doorman(over_http1, over_2)
    running = gateway(automatic(door.address))
    talk(running, wire, COUNT)
    assert (len(over_http1.requests), len(over_2.requests)) == (0, COUNT)
    assert 1 <= door.seen["h2"] <= LOOPS
    assert running.stats()["http2"]["server"]["streams_total"] == COUNT
    assert logged(running, "connection closed")["server_protocol"] == "h2"


def test_auto_over_tls_takes_what_alpn_gives(gateway, backend, http2_backend, wire, authority, site):
    context, trust = secured(authority, site, "http/1.1")
    old = backend(tls=context)
    running = gateway(automatic(old.address, tls=trust))
    talk(running, wire, COUNT)
    assert len(old.requests) == COUNT
    context, trust = secured(authority, site, "h2", "http/1.1")
    new = http2_backend(tls=context)
    running = gateway(automatic(new.address, tls=trust))
    talk(running, wire, COUNT)
    assert len(new.requests) == COUNT
    assert {link.alpn for link in new.links} == {"h2"}
    assert len(new.links) <= LOOPS


def test_auto_over_tls_without_alpn(gateway, backend, wire, authority, site):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(site.certificate, site.private_key)
    old = backend(tls=context)
    _, trust = secured(authority, site)
    running = gateway(automatic(old.address, tls=trust))
    talk(running, wire, COUNT)
    assert len(old.requests) == COUNT


def test_auto_heeds_http_1_1_required(gateway, backend, http2_backend, doorman, wire):
    over_http1, over_2 = backend(), http2_backend()
    over_2.next(*[refuse(ErrorCodes.HTTP_1_1_REQUIRED)] * LOOPS)
    running = gateway(automatic(doorman(over_http1, over_2).address))
    talk(running, wire, 1)
    assert len(over_http1.requests) == 1


def test_auto_with_a_server_that_says_nothing_ends_in_time(gateway, http2_backend, wire):
    server = http2_backend()
    server.next(never)
    running = gateway(automatic(server.address, response_timeout="300ms", retries=0))
    check_refusal(wire.request(running), 504)
