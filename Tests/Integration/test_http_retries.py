"""Requests whose connection to the server is lost: which are sent again, and which must not be."""

import pytest

from changes import free_address
from http_pairs import exchanges, origin  # noqa: F401
from http2_server import refuse
from recording import plain
from sluice import configuration, proxied
from strict_http1 import StrictReader
from test_refusals import check_refusal

SAFE = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]


def request(method, path="/second", fields="", body=""):
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n{body}".encode()


@pytest.fixture
def used(gateway, wire):
    """(client, the server's end of a connection that has carried a request, the server)"""
    server = wire.server()
    running = gateway(proxied(server.address))
    client = wire.connect(running)
    client.send(request("GET", "/first"))
    peer = wire.accept(server)
    StrictReader(peer).read_request()
    peer.send(plain(b"first"))
    assert StrictReader(client).read_final().body == b"first"
    return client, peer, server


def lose(peer, how):
    if how == "reset":
        peer.reset()
    else:
        peer.close()


@pytest.mark.parametrize("how", ["end", "reset"])
@pytest.mark.parametrize("method", SAFE)
def test_a_safe_request_that_a_used_connection_lost_is_sent_again(used, wire, method, how):
    """RFC 9110 §9.2.2: idempotent, and no byte of an answer has come."""
    client, peer, server = used
    client.send(request(method))
    assert StrictReader(peer).read_request().target == "/second"
    lose(peer, how)
    again = wire.accept(server)
    got = StrictReader(again).read_request()
    assert (got.method, got.target) == (method, "/second")
    again.send(plain(b"" if method == "HEAD" else b"second"))
    assert StrictReader(client).read_final(method).status == 200


@pytest.mark.parametrize("sent", [
    request("POST"), request("POST", fields="Content-Length: 5\r\n", body="hello"), request("PATCH"),
    request("PUT", fields="Content-Length: 5\r\n", body="hello"),
    request("PUT", fields="Transfer-Encoding: chunked\r\n", body="5\r\nhello\r\n0\r\n\r\n")],
    ids=["POST", "POST with a body", "PATCH", "PUT with a body", "PUT with chunks"])
def test_a_request_that_may_have_done_something_is_not_sent_again(used, wire, sent):
    client, peer, server = used
    client.send(sent)
    StrictReader(peer).read_request()
    peer.close()
    check_refusal(StrictReader(client).read_final(), 502)
    assert server.accept_now() is None


@pytest.mark.parametrize("said", [b"H", b"HTTP/1.1 200 OK\r\nContent-", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_request_that_was_half_answered_is_not_sent_again(used, wire, said):
    client, peer, server = used
    client.send(request("GET"))
    StrictReader(peer).read_request()
    peer.send(said)
    peer.close()
    check_refusal(StrictReader(client).read_final(), 502)
    assert server.accept_now() is None


def test_a_request_that_is_lost_again_and_again_gives_502(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address))
    client = wire.connect(running)
    client.send(request("GET"))
    # Whether a new connection is a reason to try again is the gateway's to say, but not without end.
    for _ in range(8):
        peer = server.accept_now()
        client.sock.settimeout(0.3)
        if peer is not None:
            StrictReader(peer).read_request()
            peer.close()
        try:
            client._more()
        except AssertionError:
            continue
        break
    client.sock.settimeout(10)
    check_refusal(StrictReader(client).read_final(), 502)


def two_servers(first, second, **upstream):
    """One route to both, the first first."""
    return configuration(
        {"name": "all", "upstream": "backend"},
        upstreams=[{
            "name": "backend", "servers": [{"address": first, "priority": 0}, {"address": second, "priority": 1}],
            **upstream}])


@pytest.mark.parametrize("front", ["h1", "h2"])
@pytest.mark.parametrize("size", [0, 5, 1_000_000])
def test_a_server_that_takes_no_connection_is_passed_over(gateway, origin, exchanges, front, size):  # noqa: F811
    server = origin("h1")
    running = gateway(two_servers(free_address(), server.address))
    answer = exchanges(front, running).exchange("POST", body=b"x" * size, framing="chunked")
    assert (answer.status, answer.body) == (200, b"x" * size)
    assert len(server.requests) == 1


def test_a_post_that_a_server_has_read_goes_to_no_other(gateway, wire):
    first, second = wire.server(), wire.server()
    running = gateway(two_servers(first.address, second.address))
    client = wire.connect(running)
    client.send(request("POST", fields="Content-Length: 5\r\n", body="hello"))
    peer = wire.accept(first)
    StrictReader(peer).read_request()
    peer.close()
    check_refusal(StrictReader(client).read_final(), 502)
    assert second.accept_now() is None


@pytest.mark.parametrize("front", ["h1", "h2"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_that_a_server_over_http2_refused_is_sent_again(  # noqa: F811
        gateway, http2_backend, exchanges, front, method):
    """RFC 9113 §8.7: REFUSED_STREAM says that nothing was done."""
    server = http2_backend(echo=False)

    def serve(stream):
        stream.answer(200, [("content-length", "5")], b"hello")

    server.next(refuse(), serve)
    running = gateway(proxied(server.address, upstream={"protocol": "h2"}))
    answer = exchanges(front, running).exchange(method)
    assert (answer.status, answer.body) == (200, b"hello")
    assert len(server.streams) == 2


@pytest.mark.parametrize("front", ["h1", "h2"])
def test_a_post_whose_stream_the_server_reset_is_not_sent_again(gateway, http2_backend, exchanges, front):  # noqa: F811
    server = http2_backend(echo=False)
    server.next(refuse(0x2))  # INTERNAL_ERROR
    running = gateway(proxied(server.address, upstream={"protocol": "h2"}))
    answer = exchanges(front, running).exchange("POST", body=b"hello")
    assert answer.status == 502
    assert len(server.streams) == 1
