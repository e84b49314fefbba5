"""The PROXY protocol (HAProxy's proxy-protocol.txt): taken from proxies in front, sent to servers behind."""

import json
import random
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from products import haproxy
from raw import TEXT
from sluice import proxied
from waiting import eventually

FEW_PORTS = str(Path(__file__).parent / "few_ports.py")
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
CLIENT, SITE = "203.0.113.7", "198.51.100.1"
LINE = f"PROXY TCP4 {CLIENT} {SITE} 4711 443\r\n".encode()


def block(source=CLIENT, destination=SITE, *, tlvs=b"", command=0x21):
    family, code = (socket.AF_INET6, 0x21) if ":" in source else (socket.AF_INET, 0x11)
    rest = socket.inet_pton(family, source) + socket.inet_pton(family, destination) + struct.pack(">HH", 4711, 443) + tlvs
    return SIGNATURE + struct.pack(">BBH", command, code, len(rest)) + rest


REQUEST = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"
HEADERS = {
    "v1": (LINE, CLIENT),
    "v1 IPv6": (b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n", "2001:db8::7"),
    "v1 UNKNOWN": (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    "v2": (block(), CLIENT),
    "v2 IPv6": (block("2001:db8::7", "2001:db8::1"), "2001:db8::7"),
    "v2 LOCAL": (LOCAL, "127.0.0.1"),
    "v2 with TLVs": (block(tlvs=b"\x04\x0f\xf1" + bytes(4081)), CLIENT),
}


def taking(server, trusted=("127.0.0.1",), tls=None, **sections):
    """A gateway that takes headers from `trusted`."""
    listener = {"name": "plain", "address": "127.0.0.1:0", "proxy_protocol": True, "trusted_proxies": list(trusted)}
    if tls:
        listener["tls"] = {"certificates": [tls.setting]}
    return proxied(server, sections={"listeners": [listener], **sections})


def clients(gateway):
    return [each["client"] for each in json.loads(gateway.admin("/connections")[2])]


def logged(gateway, message):
    """The first line of the log with that message."""
    gateway.wait_for_output(lambda line: f'"{message}"' in line, message)
    return next(entry for entry in gateway.log() if entry.get("message") == message)


def echoes(peer):
    peer.send_frame(TEXT, "hello")
    assert peer.read_message()[1] == b"hello"


@pytest.mark.parametrize("kind", HEADERS)
def test_the_address_that_a_header_names_is_the_client(gateway, backend, wire, kind):
    header, client = HEADERS[kind]
    server = backend()
    running = gateway(taking(server.address))
    peer = wire.connect(running)
    peer.send(header)
    peer.open()
    echoes(peer)
    assert server.last_fields["x-forwarded-for"] == client
    assert clients(running) == [client]


@pytest.mark.parametrize("kind", ["v1", "v2"])
def test_a_header_may_come_byte_by_byte(gateway, backend, wire, kind):
    server = backend()
    running = gateway(taking(server.address))
    peer = wire.connect(running)
    for byte in HEADERS[kind][0]:
        peer.send(bytes([byte]))
    peer.open()
    assert server.last_fields["x-forwarded-for"] == CLIENT


def test_a_header_and_a_request_in_one_packet(gateway, backend, wire):
    server = backend()
    running = gateway(taking(server.address))
    peer = wire.connect(running)
    peer.send(block() + REQUEST)
    assert peer.read_response().status == 101
    assert server.last_fields["x-forwarded-for"] == CLIENT


def test_a_header_stands_before_tls(gateway, backend, site, trusting, wire):
    server = backend()
    running = gateway(taking(server.address, tls=site))
    host, port = running.addresses["plain"].rsplit(":", 1)
    with socket.create_connection((host, int(port)), 10) as plain:
        plain.sendall(LINE)
        with trusting.wrap_socket(plain, server_hostname="localhost") as tls:
            tls.sendall(REQUEST)
            assert tls.recv(4096).startswith(b"HTTP/1.1 101 ")
            assert server.last_fields["x-forwarded-for"] == CLIENT


def test_the_cap_of_an_address_counts_the_one_that_is_named(gateway, backend, wire):
    server = backend()
    running = gateway(taking(server.address, limits={"max_connections_per_ip": 1}))
    statuses = []
    for source in (CLIENT, CLIENT, "203.0.113.8"):
        peer = wire.connect(running)
        peer.send(block(source))
        statuses.append(peer.send_upgrade().read_response().status)
    assert statuses == [101, 503, 101]
    assert logged(running, "request refused")["client"] == CLIENT


@pytest.mark.parametrize("sent", [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01\x02\x00", b"PROXY TCP4 1.2.3.4\r\n", b"PROXY " + b"x" * 200,
    SIGNATURE + b"\x31", SIGNATURE + b"\x21\x11\xff\xff", SIGNATURE + b"\x21\x11\x00\x01\x00",
])
def test_a_trusted_proxy_without_a_header_is_refused(gateway, backend, wire, sent):
    server = backend()
    running = gateway(taking(server.address))
    peer = wire.connect(running)
    peer.send(sent)
    peer.expect_end()
    line = logged(running, "PROXY protocol refused")
    assert line["level"] == "warning" and line["reason"].startswith("expected "), line
    assert running.stats()["connections"]["rejected_total"] == {"proxy_protocol": 1}
    assert server.requests == []


@pytest.mark.parametrize("kind", ["v1", "v2"])
def test_a_header_of_somebody_else_is_refused(gateway, backend, wire, kind):
    server = backend()
    running = gateway(taking(server.address, trusted=["192.0.2.1"]))
    peer = wire.connect(running)
    peer.send(HEADERS[kind][0])
    peer.expect_end()
    assert "trusted_proxies" in logged(running, "PROXY protocol refused")["reason"]
    # Without one it is a client like any other.
    echoes(wire.open(running))
    assert server.last_fields["x-forwarded-for"] == "127.0.0.1"


def test_a_header_has_the_time_of_a_handshake(gateway, backend, wire):
    running = gateway(taking(backend().address, limits={"handshake_timeout": "300ms"}))
    peer = wire.connect(running)
    peer.send(LINE[:-1])
    assert peer.read_response().status == 408
    peer.expect_end()


def test_a_listener_without_it_knows_no_header(gateway, backend, wire):
    running = gateway(proxied(backend().address))
    peer = wire.connect(running)
    peer.send(LINE + b"\r\n")
    assert peer.read_response().status == 400


def test_a_header_is_good_for_every_stream_of_http2(gateway, backend, wire):
    """Of a gateway in front, whose shared connections have no one client: LOCAL leaves them its own."""
    server = backend()
    inner = gateway(taking(server.address))
    outer = gateway(proxied(
        f"127.0.0.1:{inner.port()}", upstream={"protocol": "h2", "proxy_protocol": "v2"},
        sections={"listeners": [{"name": "plain", "address": "127.0.0.1:0", "trusted_proxies": ["127.0.0.1"]}]}))
    for client in (CLIENT, "203.0.113.8"):
        echoes(wire.open(outer, fields=[("X-Forwarded-For", client)]))
        assert server.last_fields["x-forwarded-for"].startswith(client)
    assert sorted(clients(inner)) == [CLIENT, "203.0.113.8"]
    assert inner.stats()["http2"]["client"]["streams"] == 2


@pytest.mark.parametrize("option", ["send-proxy", "send-proxy-v2"])
def test_haproxy_in_front(gateway, backend, connect, product, tmp_path, option):
    server = backend()
    running = gateway(taking(server.address))
    front = product(haproxy, tmp_path, f"127.0.0.1:{running.port()}", server=option)
    client = connect(f"ws://{front.address}/")
    client.send("hello")
    assert client.recv(10) == "hello"
    host, port = client.socket.getsockname()
    assert server.last_fields["x-forwarded-for"] == host == "127.0.0.1"
    assert clients(running) == ["127.0.0.1"]


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("tls", [False, True])
def test_haproxy_behind(gateway, backend, wire, product, site, authority, tmp_path, version, tls):
    server = backend()
    bind = "accept-proxy"
    if tls:
        pem = tmp_path / "haproxy.pem"
        pem.write_text(Path(site.certificate).read_text() + Path(site.private_key).read_text())
        bind += f" ssl crt {pem}"
    behind = product(haproxy, tmp_path, server.address, bind=bind + "\n  option forwardfor header X-Named")
    upstream = {"proxy_protocol": version}
    if tls:
        upstream["tls"] = {"ca": str(authority.file)}
    running = gateway(proxied(behind.address, upstream=upstream, sections={
        "listeners": [{"name": "plain", "address": "127.0.0.1:0", "trusted_proxies": ["127.0.0.1"]}]}))
    for client in (CLIENT, "2001:db8::7"):
        echoes(wire.open(running, fields=[("X-Forwarded-For", client)]))
        assert server.last_fields["x-named"] == client


def test_a_server_is_told_both_ends_of_the_clients_connection(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"proxy_protocol": "v1"}))
    client = wire.connect(running).send_upgrade()
    peer = wire.accept(server)
    ends = [*client.sock.getsockname(), *client.sock.getpeername()]
    assert peer.read_through(b"\r\n").decode() == f"PROXY TCP4 {ends[0]} {ends[2]} {ends[1]} {ends[3]}\r\n"
    peer.read_upgrade()
    peer.accept_upgrade()
    assert client.read_response().status == 101


def test_a_chain_keeps_what_the_header_said(gateway, wire):
    server = wire.server()
    config = taking(server.address)
    config["upstreams"][0]["proxy_protocol"] = "v2"
    running = gateway(config)
    client = wire.connect(running)
    client.send(LINE)
    client.send_upgrade()
    peer = wire.accept(server)
    assert peer.read_exactly(len(block())) == block()
    peer.read_upgrade()
    peer.accept_upgrade()
    assert client.read_response().status == 101


@pytest.mark.parametrize("version, expected", [("v1", b"PROXY UNKNOWN\r\n"), ("v2", LOCAL)])
def test_a_shared_connection_has_no_one_client(gateway, wire, version, expected):
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"protocol": "h2", "proxy_protocol": version}))
    wire.connect(running).send_upgrade()
    peer = wire.accept(server)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    assert peer.read_exactly(len(expected) + len(preface)) == expected + preface


# Where connections come from


def addresses_of_loopback():
    net = f"127.{random.randrange(1, 255)}.{random.randrange(256)}"
    return [f"{net}.{number}" for number in (1, 2)]


def test_addresses_to_connect_from_take_turns(gateway, wire):
    sources = addresses_of_loopback()
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"source": [*sources, "::1"]}))
    seen = []
    for _ in range(4):
        wire.connect(running).send_upgrade()
        seen.append(wire.accept(server).sock.getpeername()[0])
    # A look at the server takes a turn as well, and may come between two.
    assert set(seen) == set(sources), seen


def test_an_address_of_another_family_is_left_out(gateway, backend, wire):
    echoes(wire.open(gateway(proxied(backend().address, upstream={"source": ["::1"]}))))


def test_an_address_of_another_machine_is_passed_by(gateway, backend, wire):
    running = gateway(proxied(backend().address, upstream={"source": ["192.0.2.77", "127.0.0.1"]}))
    for _ in range(4):
        echoes(wire.open(running))
    assert "192.0.2.77 in source" in logged(running, "source address can't be used")["reason"]


def test_an_address_whose_ports_are_used_up_is_passed_by(gateway, wire, tmp_path):
    prefix = ["unshare", "--net"]
    if subprocess.run([*prefix, "true"], capture_output=True).returncode != 0:
        pytest.skip("only root can give a process a network of its own (unshare --net)")
    config = proxied("127.0.0.1:9001", upstream={"source": ["127.0.0.2", "127.0.0.3"]}, sections={
        "listeners": [{"name": "plain", "address": f"unix:{tmp_path}/gateway.sock"}],
        "admin": {"address": f"unix:{tmp_path}/admin.sock"}})
    running = gateway(config, prefix=[*prefix, sys.executable, FEW_PORTS, "9001"])

    def status():
        return wire.request(running).status

    # The port of a look at the server may be used up for a moment.
    for _ in range(4):
        eventually(lambda: status() == 101, "a port to be free")
    # Two ports each, and there is no fifth.
    assert status() == 503
    entry = logged(running, "no resources left for a connection to a server")
    assert "addresses to source" in entry["reason"]
    upstream = json.loads(unix_admin(tmp_path / "admin.sock", "/stats"))["upstreams"]["backend"]
    assert upstream["ports_exhausted_total"] >= 2
    metrics = unix_admin(tmp_path / "admin.sock", "/metrics").decode()
    assert 'sluice_upstream_ports_exhausted_total{upstream="backend"} ' in metrics


def unix_admin(path, target):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(str(path))
        sock.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := sock.recv(1 << 16):
            answer += piece
    return answer.split(b"\r\n\r\n", 1)[1]


# What host a server is asked for


@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
@pytest.mark.parametrize("host", ["client", "upstream", "chat.example:8443"])
def test_the_host_that_a_server_gets(gateway, backend, http2_backend, wire, protocol, host):
    server = backend() if protocol == "http/1.1" else http2_backend()
    running = gateway(proxied(server.address, upstream={"host": host, "protocol": protocol}))
    echoes(wire.open(running))
    asked = f"localhost:{running.port()}"
    name = "host" if protocol == "http/1.1" else ":authority"
    assert sent(server, name) == {"client": asked, "upstream": server.address}.get(host, host)
    assert server.last_fields["x-forwarded-host"] == asked


def sent(server, name):
    if name == ":authority":
        return server.streams[-1].pseudo[name]
    return server.last_fields[name]


def test_the_host_of_a_route_wins(gateway, backend, wire):
    server = backend()
    running = gateway(proxied(
        server.address, upstream={"host": "upstream"}, request_headers={"set": {"Host": "route.example"}}))
    echoes(wire.open(running))
    assert sent(server, "host") == "route.example"
