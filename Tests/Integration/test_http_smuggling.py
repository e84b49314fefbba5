"""Requests over HTTP/1.1 that mean one thing to one reader and another to the next: the server sees one of them, with
one reading, or none.

What reached the server is read by `StrictReader`, which refuses whatever leaves a choice, and by h11.
"""

import random

import pytest

from http_pairs import HTTP2Origin, Reply
from raw import Ended
from recording import matrix, name_of  # noqa: F401
from sluice import Gateway, proxied
from smuggling import CASES, CHUNKED, NEXT, post
from strict_http1 import StrictReader

HOP_BY_HOP = ("keep-alive", "proxy-connection", "upgrade", "http2-settings", "transfer_encoding", "content_length")


def whole(data):
    return [data]


def in_pieces(data):
    return [data[start : start + 3] for start in range(0, len(data), 3)] if len(data) < 3000 else [data]


def converse(client, case, split):
    """All responses that the client gets to a case and the request behind it."""
    try:
        for piece in split(case.data + NEXT):
            client.send(piece)
    except OSError:
        pass  # it may hang up on a request that it refuses
    reader = StrictReader(client)
    answers = []
    try:
        while True:
            method = "GET" if answers else (case.method or "GET")
            response = reader.read_response(method)
            if response.status >= 200:
                answers.append(response)
    except Ended as end:
        assert not reader.wire, f"the last answer broke off: {reader.wire!r}"
    return answers


def expect_served(case, answers, requests):
    if case.may_end and answers and answers[0].get("connection") == "close":
        expected = [case.target]
    else:
        expected = [case.target, "/next"]
        assert answers[-1].body == b"GET /next 0", answers
    assert [answer.status for answer in answers] == [200] * len(expected), answers
    assert [request.target for request in requests] == expected, requests
    request = requests[0]
    assert (request.method, request.body) == (case.method, case.body)
    if case.method != "HEAD":
        assert answers[0].body == f"{case.method} {case.target} {len(case.body)}".encode()
    names = [name.lower() for name, _ in request.fields]
    for name in case.gone:
        assert name not in names, f"{name} reached the server: {request.fields}"
    for name, value in case.kept:
        assert request.all(name) == [value], request.fields
    expect_own_fields(request)


def expect_own_fields(request):
    """What this hop decides on is said by the gateway alone, once."""
    for name, value in request.fields:
        if name.lower() == "connection":
            assert value.lower() in ("keep-alive", "close", "te"), request.fields
        elif name.lower() == "te":
            assert value == "trailers", request.fields
        else:
            assert name.lower() not in HOP_BY_HOP, request.fields
    assert request.all("x-forwarded-for") == ["127.0.0.1"], request.fields
    assert request.all("x-forwarded-proto") == ["http"], request.fields
    for name, _ in request.trailers:
        assert name.lower().replace("_", "-") not in (
            "x-forwarded-for", "x-forwarded-host", "forwarded", "x-request-id", "via"), request.trailers


def expect_refused(case, answers, requests):
    assert len(answers) == 1, answers
    assert answers[0].status in case.refused, f"expected {case.refused}, got {answers[0]}"
    assert (answers[0].get("connection") or "").lower() == "close", answers[0].fields
    assert not requests, f"the server saw {requests}"


@pytest.mark.parametrize("split", [whole, in_pieces])
@pytest.mark.parametrize("name", CASES)
def test_the_server_sees_one_request_with_one_reading_or_none(request, matrix, wire, name, split):  # noqa: F811
    gateway, server = matrix
    request.node.gateways = [gateway]
    case = CASES[name]
    server.forget()
    answers = converse(wire.connect(gateway), case, split)
    requests = server.requests_before_a_mark(wire.connect(gateway))
    if case.method is None or (case.refused and answers and answers[0].status in case.refused):
        expect_refused(case, answers, requests)
    else:
        expect_served(case, answers, requests)


@pytest.fixture(scope="module")
def over_http2(stage, tmp_path_factory):
    """(gateway, server over HTTP/2 behind it)"""
    server = HTTP2Origin(stage, lambda request: Reply(name_of(request)))
    gateway = Gateway(
        proxied(server.address, upstream={"retries": 0, "protocol": "h2"}),
        tmp_path_factory.mktemp("smuggling")).start()
    yield gateway, server
    try:
        assert gateway.stop() == 0
    finally:
        gateway.kill()
        server.stop()


@pytest.mark.parametrize("name", CASES)
def test_a_server_over_http2_sees_the_same(request, over_http2, wire, name):
    gateway, server = over_http2
    request.node.gateways = [gateway]
    case = CASES[name]
    server.requests.clear()
    answers = converse(wire.connect(gateway), case, whole)
    requests = list(server.requests)
    assert not [one for one in requests if "smuggled" in one.target], requests
    if case.method is None or (case.refused and answers and answers[0].status in case.refused):
        expect_refused(case, answers, requests)
    else:
        expect_served(case, answers, requests)


LETTERS = b"\r\n\0 \t:;,=05aA\x0b\x7f\x80\xff"
SEEDS = [
    post(b"Content-Length: 5\r\nX-A: b\r\n", b"hello"),
    post(CHUNKED, b"5;a=b\r\nhello\r\n0\r\nX-A: b\r\n\r\n"),
    post(b"Connection: x-a, close\r\nX-A: b\r\n", line=b"GET /case HTTP/1.1"),
    post(b"Expect: 100-continue\r\n" + CHUNKED, b"A\r\n0123456789\r\n0\r\n\r\n"),
]
ROUNDS = 400


def test_what_chance_makes_of_requests_is_read_in_one_way(request, matrix, wire):  # noqa: F811
    """Some bytes of requests in order are changed: what reaches the server is always in order."""
    gateway, server = matrix
    request.node.gateways = [gateway]
    chance = random.Random(11)
    server.forget()
    clients = []
    for _ in range(ROUNDS):
        data = bytearray(chance.choice(SEEDS) + NEXT)
        for _ in range(chance.choice([1, 1, 2, 3])):
            place = chance.randrange(len(data))
            new = bytes([chance.choice(LETTERS)]) if chance.random() < 0.7 else b""
            data[place : place + chance.choice([0, 1])] = new
        clients.append(wire.connect(gateway))
        clients[-1].send(bytes(data))
        if len(clients) == 50:
            # Those that wait for more of a request are left alone; what is served, is served before the mark.
            for one in server.requests_before_a_mark(wire.connect(gateway)):
                expect_own_fields(one)
            server.forget()
            while clients:
                clients.pop().close()
