"""Active health checks: what a server has to do to pass, and what becomes of one that doesn't."""

import contextlib
import os
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from changes import free_address
from http2_server import secured
from raw import TEXT
from sluice import proxied
from waiting import eventually

QUICK = {"interval": "100ms", "timeout": "500ms", "unhealthy_after": 2, "healthy_after": 2}


class HealthServer:
    """A real HTTP server, which answers with `status`, and remembers what it was asked."""

    def __init__(self, address=("127.0.0.1", 0), tls=None):
        self.status = 200
        self.asked = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.asked.append((self.path, dict(self.headers)))
                body = b"x" * 1000
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def address_string(self):
                return "somewhere"

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            address_family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
            daemon_threads = True

            def server_bind(self):
                if isinstance(address, str):
                    self.socket.bind(address)
                    self.server_name, self.server_port = "unix", 0
                else:
                    super().server_bind()

            def handle_error(self, *_):
                pass  # the gateway may go in the middle

        self.server = Server(address, Handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.address = f"unix:{address}" if isinstance(address, str) else f"127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


class Silent:
    """Accepts connections, and lets a test say what it does with each; counts those that are open."""

    def __init__(self, speak=lambda sock: None):
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.sock.getsockname()[1]}"
        self.speak = speak
        self.accepted = 0
        self.open = 0
        self.most = 0
        self.lock = threading.Lock()
        self.stopped = False
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.sock.accept()
            except OSError:
                return
            if self.stopped:
                sock.close()
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with self.lock:
            self.accepted += 1
            self.open += 1
            self.most = max(self.most, self.open)
        try:
            with sock:
                sock.settimeout(10)
                self.speak(sock)
                while sock.recv(65536):
                    pass
        except OSError:
            pass
        finally:
            with self.lock:
                self.open -= 1

    def stop(self):
        self.stopped = True
        with contextlib.suppress(OSError):
            socket.create_connection(self.sock.getsockname(), timeout=5).close()
        self.thread.join(5)
        self.sock.close()


@pytest.fixture
def health_server():
    started = []

    def start(*arguments, **options):
        started.append(HealthServer(*arguments, **options))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def silent():
    started = []

    def start(*arguments):
        started.append(Silent(*arguments))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def checked(*addresses, upstream=None, **check):
    return proxied(*addresses, upstream={"health_check": {**QUICK, **check}, "retries": 0, **(upstream or {})})


def check_of(running, address):
    return running.stats()["upstreams"]["backend"]["servers"][address].get("check")


def becomes(running, address, state):
    """Waits until the checks of a server call it that; the check as /stats has it."""
    return running.eventually(
        lambda stats: (check := stats["upstreams"]["backend"]["servers"][address].get("check"))
        and check["state"] == state and check, f"{address} to be {state}")


def lines(running, message):
    return [entry for entry in running.log() if entry["message"] == message]


def readiness(running):
    status, _, body = running.admin("/readyz")
    return status, body.decode().strip()


def status_of(running, wire):
    return wire.request(running).status


def test_a_server_is_left_out_while_its_status_is_wrong(gateway, health_server, wire):
    server = health_server()
    running = gateway(checked(server.address, path="/health?deep=1", host="Health.example"))
    check = becomes(running, server.address, "healthy")
    assert "reason" not in check and 0 < check["last_seconds"] < 5
    path, fields = server.asked[0]
    assert path == "/health?deep=1" and fields["Host"] == "health.example" and fields["Connection"] == "close"
    assert readiness(running) == (200, "ready")
    assert lines(running, "server is healthy") == []  # nobody thought otherwise
    # It answers 200 to a handshake, which goes to the client.
    assert status_of(running, wire) == 200

    server.status = 500
    check = becomes(running, server.address, "unhealthy")
    assert check["reason"] == "status is 500, expected 200-399"
    stats = running.stats()["upstreams"]["backend"]["servers"][server.address]
    assert not stats["healthy"] and stats["connections"] == 0
    assert readiness(running) == (503, "no server up")
    asked = [path for path, _ in server.asked if path == "/"]
    assert status_of(running, wire) == 502
    assert [path for path, _ in server.asked if path == "/"] == asked
    metrics = running.admin("/metrics")[2].decode()
    assert f'sluice_upstream_server_check_healthy{{upstream="backend",server="{server.address}"}} 0' in metrics
    assert f'sluice_upstream_server_check_seconds{{upstream="backend",server="{server.address}"}} 0.' in metrics

    server.status = 204
    becomes(running, server.address, "healthy")
    assert readiness(running) == (200, "ready")
    assert status_of(running, wire) == 204
    (unhealthy,) = lines(running, "server is unhealthy")
    assert unhealthy["level"] == "warning" and unhealthy["upstream"] == "backend"
    assert unhealthy["server"] == server.address and unhealthy["reason"] == "status is 500, expected 200-399"
    (healthy,) = lines(running, "server is healthy")
    assert healthy["level"] == "info" and healthy["server"] == server.address


def test_thresholds_are_counted_in_a_row(gateway, health_server):
    server = health_server()
    server.status = 503
    running = gateway(checked(server.address, path="/", status=[200, "300-302"], unhealthy_after=4, healthy_after=3))
    becomes(running, server.address, "unhealthy")
    assert len(server.asked) >= 4
    assert check_of(running, server.address)["reason"] == "status is 503, expected 200, 300-302"
    before = len(server.asked)
    server.status = 301
    becomes(running, server.address, "healthy")
    assert len(server.asked) - before >= 3


def test_others_get_what_the_unhealthy_one_would(gateway, backend, health_server, wire):
    good, bad = backend(name="good"), health_server()
    bad.status = 500
    config = proxied(
        good.address, bad.address, upstream={
            "balance": "round_robin", "health_check": {**QUICK, "path": "/", "status": "200-426"}})
    running = gateway(config)
    becomes(running, bad.address, "unhealthy")
    asked = len([1 for _, fields in bad.asked if "Upgrade" in fields])
    for _ in range(4):
        wire.open(running)
    assert len([1 for _, fields in bad.asked if "Upgrade" in fields]) == asked


def test_a_real_websocket(gateway, backend, health_server, wire):
    server, other = backend(name="echo"), health_server()
    running = gateway(checked(server.address, other.address, websocket=True, path="/live"))
    becomes(running, server.address, "healthy")
    check = becomes(running, other.address, "unhealthy")
    assert check["reason"] == "status is 200, expected 101"
    client = wire.open(running)
    client.send_frame(TEXT, "hello")
    assert running.stats()["upstreams"]["backend"]["servers"][server.address]["connections"] == 1


def test_a_websocket_that_is_closed_at_once(gateway, wire):
    server = wire.server()
    running = gateway(checked(server.address, websocket=True, unhealthy_after=1))
    peer = wire.accept(server)
    peer.read_upgrade()
    peer.accept_upgrade()
    peer.send_close(1013, "busy")
    check = becomes(running, server.address, "unhealthy")
    assert check["reason"] == "the server closed the WebSocket with 1013 before it answered a ping"


@pytest.mark.parametrize("kind", [{"path": "/"}, {}])
def test_over_tls(gateway, health_server, authority, kind):
    # For no address: one of those would do, whatever name is expected.
    site = authority.issue("named", ["localhost"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(site.certificate, site.private_key)
    server = health_server(tls=context)
    tls = {"ca": str(authority.file), "server_name": "localhost"}
    running = gateway(checked(server.address, upstream={"tls": tls}, **kind))
    becomes(running, server.address, "healthy")
    config = checked(server.address, upstream={"tls": {**tls, "server_name": "other.example"}}, **kind)
    running.reload(config)
    check = becomes(running, server.address, "unhealthy")
    assert "certificate" in check["reason"] and "other.example" in check["reason"]


@pytest.mark.parametrize("kind", [{"path": "/"}, {}])
def test_on_a_unix_socket(gateway, health_server, tmp_path, kind):
    path = str(tmp_path / "health.sock")
    server = health_server(path)
    running = gateway(checked(server.address, **kind))
    becomes(running, server.address, "healthy")
    os.unlink(path)
    check = becomes(running, server.address, "unhealthy")
    assert check["reason"].startswith("there is no such unix socket")


@pytest.mark.parametrize("has_tls", [False, True])
def test_over_http2(gateway, http2_backend, site, authority, has_tls):
    context, tls = secured(authority, site) if has_tls else (None, None)
    server = http2_backend(tls=context) if has_tls else http2_backend()
    upstream = {"protocol": "h2", **({"tls": tls} if has_tls else {})}
    running = gateway(checked(server.address, upstream=upstream, websocket=True))
    becomes(running, server.address, "healthy")
    running.reload(checked(server.address, upstream=upstream, path="/health", status=599))
    check = becomes(running, server.address, "unhealthy")
    assert check["reason"].startswith("status is ")
    running.reload(checked(server.address, upstream=upstream))
    becomes(running, server.address, "healthy")


def test_a_server_without_websockets_over_http2(gateway, http2_backend):
    server = http2_backend(extended_connect=False)
    running = gateway(checked(server.address, upstream={"protocol": "h2"}, websocket=True))
    check = becomes(running, server.address, "unhealthy")
    assert check["reason"] == "the server's SETTINGS lack ENABLE_CONNECT_PROTOCOL (RFC 8441)"
    running.reload(checked(server.address, upstream={"protocol": "h2"}, path="/", status="200-599"))
    becomes(running, server.address, "healthy")


@pytest.mark.parametrize("kind", [{"path": "/"}, {}])
def test_a_server_that_does_not_choose_http2(gateway, health_server, site, authority, kind):
    context, tls = secured(authority, site, "http/1.1")
    server = health_server(tls=context)
    running = gateway(checked(server.address, upstream={"protocol": "h2", "tls": tls}, **kind))
    check = becomes(running, server.address, "unhealthy")
    assert check["reason"] == "the server chose nothing by ALPN, expected h2"


def test_nothing_listens(gateway, wire):
    address = free_address()
    running = gateway(checked(address))
    check = becomes(running, address, "unhealthy")
    assert check["reason"].startswith("connection refused")
    assert status_of(running, wire) == 502
    # The checks alone found it out: no client, and no look.
    assert lines(running, "server is down") == []


def test_a_server_that_never_answers(gateway, silent):
    server = silent()
    running = gateway(checked(server.address, path="/", timeout="200ms"))
    check = becomes(running, server.address, "unhealthy")
    assert check["reason"] == "the server did not answer within the timeout of health_check"
    # Connections are enough for a check without a path.
    running.reload(checked(server.address))
    becomes(running, server.address, "healthy")
    eventually(lambda: server.open <= 1, "connections of checks to be closed")
    assert server.most <= 2  # one on its way out, one on its way in


def drip(sock):
    sock.sendall(b"HTTP/1.1 200 ")
    while True:
        sock.sendall(b"x")
        time.sleep(0.02)


def flood(sock):
    piece = b"x-field: " + b"a" * 1000 + b"\r\n"
    sock.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        sock.sendall(piece)


@pytest.mark.parametrize(
    ("speak", "reason"),
    [
        (drip, "the server did not answer within the timeout of health_check"),
        (flood, "the server sent more than 64 KiB before the check was over"),
        (lambda sock: sock.sendall(b"SSH-2.0-OpenSSH_9.6\r\n"), "the answer is not HTTP/1.1"),
        (lambda sock: sock.shutdown(socket.SHUT_RDWR), "the server ended the connection before its answer"),
    ], ids=["drips", "floods", "ssh", "ends"])
def test_what_is_no_answer(gateway, silent, speak, reason):
    server = silent(speak)
    running = gateway(checked(server.address, path="/"))
    assert becomes(running, server.address, "unhealthy")["reason"] in (
        reason, "the connection was reset by the server, or by something in between")
    assert server.most <= 2


def test_a_reload_adds_changes_and_removes_checks(gateway, backend, health_server, silent, wire):
    server, probed = backend(name="echo"), silent()
    config = proxied(server.address, probed.address, upstream={"balance": "round_robin"})
    running = gateway(config)
    assert check_of(running, probed.address) is None
    client = wire.open(running)
    with_checks = checked(server.address, probed.address, websocket=True, timeout="200ms")
    running.reload(with_checks)
    becomes(running, server.address, "healthy")
    becomes(running, probed.address, "unhealthy")
    # An open WebSocket does not notice.
    client.send_frame(TEXT, "request")
    client.read_message()
    # Without checks it is known by looks, which find it well.
    running.reload(config)
    running.eventually(
        lambda stats: "check" not in stats["upstreams"]["backend"]["servers"][probed.address]
        and stats["upstreams"]["backend"]["servers"][probed.address]["healthy"], "the checks to be forgotten")


def test_checks_stop_with_their_server(gateway, backend, silent):
    kept, gone = silent(), silent()
    running = gateway(checked(kept.address, gone.address))
    becomes(running, gone.address, "healthy")
    running.reload(checked(kept.address))
    eventually(lambda: gone.open == 0, "no connection to the server that is gone")
    before, beside = gone.accepted, kept.accepted
    eventually(lambda: kept.accepted >= beside + 5, "five checks of the one that stayed")
    assert gone.accepted <= before + 1  # one may have been on its way

    # A server that is down is not checked; one that is draining is.
    config = checked(kept.address, gone.address)
    config["upstreams"][0]["servers"][1]["state"] = "down"
    running.reload(config)
    beside, before = kept.accepted, gone.accepted
    eventually(lambda: kept.accepted >= beside + 5, "five checks of the one that stayed")
    assert gone.accepted == before and check_of(running, gone.address) is None
    config["upstreams"][0]["servers"][1]["state"] = "draining"
    running.reload(config)
    becomes(running, gone.address, "healthy")


def test_no_descriptor_is_left(gateway, health_server, silent):
    def descriptors():
        return len(os.listdir(f"/proc/{running.process.pid}/fd"))

    good, bad = health_server(), silent(drip)
    running = gateway(checked(good.address, bad.address, free_address(), path="/", timeout="150ms"))
    becomes(running, bad.address, "unhealthy")
    first = max(descriptors() for _ in range(20))
    before = bad.accepted
    eventually(lambda: bad.accepted >= before + 20, "20 more checks")
    assert descriptors() <= first + 3
    running.reload(proxied(good.address))
    eventually(lambda: bad.open == 0, "the last connection to be closed")


def test_one_check_a_server_whatever_the_loops(gateway, silent):
    server = silent()
    running = gateway(checked(server.address, interval="1s"))
    becomes(running, server.address, "healthy")
    began, before = time.monotonic(), server.accepted
    eventually(lambda: server.accepted >= before + 3, "three more checks")
    assert time.monotonic() - began > 2 * 0.9 * 0.9
