"""Requests over HTTP/2 that a server over HTTP/1.1 could read as something else: it sees one, with one reading, or none
(RFC 9113 §8.1.1, §8.2.1, §10.3)."""

import pytest

from http2_raw import END_HEADERS, HEADERS, RST_STREAM, RawHTTP2, data, frame, literal
from raw import Response
from recording import matrix  # noqa: F401
from smuggling import SMUGGLED
from smuggling_http2 import CASES, PSEUDO
from test_http_smuggling import expect_own_fields


def expect_served(case, answer, requests):
    assert isinstance(answer, Response) and answer.status == 200, answer
    assert len(requests) == 1, requests
    request = requests[0]
    assert (request.method, request.target, request.body) == (case.method, case.target, case.body)
    assert answer.body == f"{case.method} {case.target} {len(case.body)}".encode()
    names = [name.lower() for name, _ in request.fields]
    for name in case.gone:
        assert name not in names, f"{name} reached the server: {request.fields}"
    for name, value in case.kept:
        assert request.all(name) == [value], request.fields
    expect_own_fields(request)


def is_refusal(answer):
    """400, or what RFC 9113 §8.1.1 says of malformed requests; CONNECT has statuses of its own."""
    if isinstance(answer, Response):
        return answer.status in (400, 405, 501)
    return answer == "PROTOCOL_ERROR"


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "frame by frame"])
@pytest.mark.parametrize("name", CASES)
def test_the_server_sees_one_request_with_one_reading_or_none(request, matrix, wire, name, at_once):  # noqa: F811
    gateway, server = matrix
    request.node.gateways = [gateway]
    case = CASES[name]
    server.forget()
    client = RawHTTP2(wire.connect(gateway))
    stream = client.new_stream()
    frames = case.frames(stream)
    if at_once:
        client.send(b"".join(frames))
    else:
        for one in frames:
            client.send(one)
            client.round_trip()
    answer = client.answers_to(stream)
    requests = server.requests_before_a_mark(wire.connect(gateway))
    if case.method is None or (case.is_refused and is_refusal(answer)):
        assert is_refusal(answer), f"expected a refusal, got {answer}"
        # A body that was whole before its case went wrong is a request in order.
        assert not requests or case.body and [one.body for one in requests] == [case.body], f"the server saw {requests}"
    else:
        expect_served(case, answer, requests)
    # It is the request that is malformed, not the connection.
    client.round_trip()


def test_headers_behind_content_that_end_nothing_are_malformed(request, matrix, wire):  # noqa: F811
    """RFC 9113 §8.1: HEADERS behind content are trailers, and end the stream."""
    gateway, server = matrix
    request.node.gateways = [gateway]
    server.forget()
    client = RawHTTP2(wire.connect(gateway))
    stream = client.new_stream()
    client.send(frame(HEADERS, b"".join(literal(*one) for one in PSEUDO.items()), stream=stream, flags=END_HEADERS)
                + data(stream, b"hello") + frame(HEADERS, literal(b"x-a", b"a"), stream=stream, flags=END_HEADERS)
                + data(stream, SMUGGLED))
    assert is_refusal(client.answers_to(stream))
    assert not server.requests_before_a_mark(wire.connect(gateway))
    client.round_trip()


def test_a_stream_that_is_reset_leaves_no_whole_request(request, matrix, wire):  # noqa: F811
    gateway, server = matrix
    request.node.gateways = [gateway]
    server.forget()
    client = RawHTTP2(wire.connect(gateway))
    stream = client.new_stream()
    client.send(frame(HEADERS, b"".join(literal(*one) for one in PSEUDO.items()), stream=stream, flags=END_HEADERS)
                + data(stream, b"hello"))
    client.round_trip()
    client.send(frame(RST_STREAM, b"\0\0\0\x08", stream=stream))
    client.round_trip()
    assert not server.requests_before_a_mark(wire.connect(gateway))
