"""The admin endpoint as an HTTP server: for whom a request is, in which order answers come, when a connection ends."""

import pytest

from sluice import proxied


@pytest.fixture
def observed(gateway, backend):
    return gateway(proxied(
        backend().address, sections={"admin": {"address": "127.0.0.1:0", "hosts": ["admin.internal"]}}))


def ask(wire, running, *lines, extra=b""):
    """A connection on which this request was sent."""
    peer = wire.connect(running, "admin")
    peer.send("\r\n".join([*lines, "", ""]).encode() + extra)
    return peer


HOSTS = {
    "none": ("GET /stats HTTP/1.1", [], 400),
    "none, in HTTP/1.0": ("GET /stats HTTP/1.0", [], 200),
    "none, in HTTP/1.0, to change something": ("DELETE /connections/1 HTTP/1.0", [], 400),
    "two": ("GET /stats HTTP/1.1", ["Host: localhost", "Host: localhost"], 400),
    "with a space": ("GET /stats HTTP/1.1", ["Host: a b"], 400),
    "empty": ("GET /stats HTTP/1.1", ["Host:"], 400),
    "a probe by any name": ("GET /readyz HTTP/1.1", ["Host: gateway-7.pods.example"], 200),
    "a scraper by any name": ("GET /metrics HTTP/1.1", ["Host: gateway-7.pods.example:9901"], 200),
    "a page that was rebound": (
        "DELETE /connections/1 HTTP/1.1", ["Host: rebound.example", "Origin: http://rebound.example"], 403),
    "a page that was rebound and reads": (
        "GET /connections HTTP/1.1", ["Host: rebound.example", "Origin: http://rebound.example"], 403),
    "no page, by another name": ("DELETE /connections/1 HTTP/1.1", ["Host: rebound.example"], 403),
    "white space around it": ("DELETE /connections/1 HTTP/1.1", ["Host: localhost \t"], 404),
    "localhost": ("DELETE /connections/1 HTTP/1.1", ["Host: localhost"], 404),
    "an address": ("DELETE /connections/1 HTTP/1.1", ["Host: [::1]:9901"], 404),
    "a name of admin.hosts": ("DELETE /connections/1 HTTP/1.1", ["Host: admin.internal"], 404),
    "a foreign page, by a known name": (
        "DELETE /connections/1 HTTP/1.1", ["Host: localhost", "Origin: http://evil.example"], 403),
}


@pytest.mark.parametrize("line, fields, status", HOSTS.values(), ids=HOSTS)
def test_a_request_says_for_which_host_it_is(observed, wire, line, fields, status):
    response = ask(wire, observed, line, *fields).read_response()
    assert response.status == status
    assert len(response.all("date")) == 1


NUMBERS = ["/connections?limit=%2B5", "/connections?limit=-5", "/connections?route=%+f", "/connections?route=%f"]


@pytest.mark.parametrize("target", NUMBERS)
def test_a_sign_is_no_digit(observed, wire, target):
    assert ask(wire, observed, f"GET {target} HTTP/1.1", "Host: localhost").read_response().status == 400


def test_pipelined_requests_are_answered_in_order(observed, wire):
    """/connections is asked of the event loops, the others are not."""
    targets = ["/connections", "/healthz", "/connections?limit=1", "/stats", "/nothing", "/connections", "/healthz"]
    peer = wire.connect(observed, "admin")
    peer.send(b"".join(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for target in targets))
    for target in targets:
        response = peer.read_response()
        kind = response.get("content-type")
        assert response.status == (404 if target == "/nothing" else 200), target
        assert kind.startswith("application/json" if target[1] in "cs" else "text/plain"), target
        assert (response.body == b"alive\n") == (target == "/healthz"), target


def test_nothing_is_answered_behind_the_end(observed, wire):
    peer = wire.connect(observed, "admin")
    peer.send(
        b"GET /connections HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        b"POST /drain HTTP/1.1\r\nHost: localhost\r\n\r\n")
    response = peer.read_response()
    assert response.status == 200 and response.get("connection") == "close"
    peer.expect_end()
    assert observed.admin("/readyz")[0] == 200


def test_head_has_the_length_and_no_body(observed, wire):
    peer = ask(wire, observed, "HEAD /healthz HTTP/1.1", "Host: localhost")
    peer.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answer = peer.read_to_end()
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.lower().count(b"content-length: 6") == 2
    assert answer.count(b"alive") == 1


def test_http_1_0_ends_the_connection_unless_it_asks_for_more(observed, wire):
    peer = ask(wire, observed, "GET /healthz HTTP/1.0")
    assert peer.read_response().get("connection") == "close"
    peer.expect_end()
    peer = ask(wire, observed, "GET /healthz HTTP/1.0", "Connection: keep-alive")
    assert peer.read_response().get("connection") == "keep-alive"
    peer.send(b"GET /readyz HTTP/1.0\r\n\r\n")
    assert peer.read_response().body == b"ready\n"
    peer.expect_end()


def test_a_body_is_read_over(observed, wire):
    peer = ask(
        wire, observed, "GET /healthz HTTP/1.1", "Host: localhost", "Content-Length: 70000", extra=b"x" * 70000)
    assert peer.read_response().status == 200
    peer.send(
        b"GET /stats HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert peer.read_response().get("content-type") == "application/json"
    assert peer.read_response().body == b"alive\n"


def test_a_body_that_waits_for_leave_gets_it(observed, wire):
    peer = ask(
        wire, observed, "GET /healthz HTTP/1.1", "Host: localhost", "Content-Length: 5", "Expect: 100-continue")
    assert peer.read_head().status == 100
    peer.send(b"hello")
    assert peer.read_response().status == 200


def test_a_body_without_end_is_refused(observed, wire):
    peer = ask(
        wire, observed, "GET /healthz HTTP/1.1", "Host: localhost", f"Content-Length: {1 << 40}",
        extra=b"x" * ((1 << 20) + 1))
    assert peer.read_response().status == 413
    peer.expect_end()


@pytest.mark.parametrize("method, target, allow", [
    ("OPTIONS", "/stats", "GET, HEAD"), ("PATCH", "/connections", "GET, HEAD, DELETE"), ("PUT", "/drain", "POST"),
    ("TRACE", "/connections/1", "DELETE"), ("FOO", "/stats", "GET, HEAD, POST, DELETE"),
])
def test_an_unknown_method_gets_405(observed, wire, method, target, allow):
    response = ask(wire, observed, f"{method} {target} HTTP/1.1", "Host: localhost").read_response()
    assert response.status == 405
    assert response.get("allow") == allow


def test_what_is_no_http_gets_400(observed, wire):
    peer = ask(wire, observed, "GET /stats HTTP/1.1", "Host : localhost")
    assert peer.read_response().status == 400
    peer.expect_end()


def test_a_client_that_ends_its_half_gets_its_answer(observed, wire):
    peer = ask(wire, observed, "GET /connections HTTP/1.1", "Host: localhost")
    peer.finish_sending()
    assert peer.read_response().status == 200
    peer.expect_end()
