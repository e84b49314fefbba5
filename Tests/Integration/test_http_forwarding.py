"""Plain requests through the gateway in each pairing of HTTP versions: methods, bodies, trailers, interim answers, and
answers without content."""

import random

import pytest

from http_pairs import Reply, each_pair, exchanges, origin, pair  # noqa: F401

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT"]
STATUSES = [200, 201, 206, 299, 301, 400, 401, 404, 426, 429, 451, 500, 503, 599]
SIZES = [0, 1, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537, 131_073, 1_048_576]
VERY_LONG = 10 * 1_048_576
each_framing = pytest.mark.parametrize("framing", ["length", "chunked"])


def body_of(size):
    """No two parts of it are alike."""
    return random.Random(size).randbytes(size)


# Methods

@each_pair
def test_methods_with_and_without_a_body(pair, versions):  # noqa: F811
    client, _, server = pair(versions)
    for method in METHODS:
        for body in (None, b"", b"hello"):
            answer = client.exchange(method, "/a/b?c=d%20e&f", body=body)
            assert (answer.status, answer.body) == (200, body or b"")
            request = server.requests[-1]
            assert (request.method, request.target, request.body) == (method, "/a/b?c=d%20e&f", body or b"")
    assert len(server.requests) == 3 * len(METHODS)


@each_pair
def test_a_get_without_a_body_has_none_at_the_server(pair, versions):  # noqa: F811
    """RFC 9110 §8.6: a Content-Length, or chunks of nothing, would make it a request with a body."""
    client, _, server = pair(versions)
    client.exchange()
    assert server.requests[-1].all("content-length") == []
    assert server.requests[-1].all("transfer-encoding") == []


# Bodies

@each_framing
@each_pair
def test_bodies_around_every_buffer(pair, versions, framing):  # noqa: F811
    client, _, server = pair(versions, lambda request: Reply(request.body, framing=framing))
    for size in SIZES:
        body = body_of(size)
        answer = client.exchange("POST", f"/{size}", body=body, framing=framing)
        assert answer.body == body, f"{size}: the answer's {len(answer.body)} bytes are not those that were sent"
        assert server.requests[-1].body == body, f"{size}: {len(server.requests[-1].body)} bytes reached the server"
        # Of nothing an HTTP/2 client may say so with a frame behind the head, where the length does not show any more.
        if framing == "length" and size:
            assert server.requests[-1].get("content-length") == str(size)
            assert answer.get("content-length") == str(size)
    assert len(server.requests) == len(SIZES)


@each_pair
def test_very_long_bodies(pair, versions):  # noqa: F811
    client, _, server = pair(versions)
    body = body_of(VERY_LONG)
    answer = client.exchange("PUT", body=body, framing="chunked")
    assert answer.body == body
    assert server.requests[-1].body == body


@pytest.mark.parametrize("version", ["h1", "h2"])
def test_a_body_that_ends_with_the_connection(pair, version):  # noqa: F811
    client, _, server = pair((version, "h1"), lambda request: Reply(body_of(100_000), framing="end"))
    for _ in range(2):
        answer = client.exchange()
        assert answer.body == body_of(100_000)
        # The client's connection has nothing to do with the server's.
        assert (answer.get("connection") or "").lower() != "close"
    assert len(server.connections) == 2


# Trailers

@each_pair
def test_trailers_of_requests(pair, versions):  # noqa: F811
    client, _, server = pair(versions)
    trailers = [("x-sum", "5d41402a"), ("x-more", "a b")]
    client.exchange("POST", body=b"hello", framing="chunked", trailers=trailers)
    request = server.requests[-1]
    assert request.body == b"hello"
    assert [(name.lower(), value) for name, value in request.trailers] == trailers


@each_pair
def test_trailers_of_answers(pair, versions):  # noqa: F811
    trailers = (("grpc-status", "0"), ("x-sum", "5d41402a"))
    client, _, server = pair(
        versions, lambda request: Reply(b"hello", 200, (("trailer", "grpc-status"),), "chunked", trailers))
    answer = client.exchange(fields=[("TE", "trailers")])
    assert answer.body == b"hello"
    assert tuple((name.lower(), value) for name, value in answer.trailers) == trailers
    assert server.requests[-1].get("te") in ("trailers", None)


# Interim answers (RFC 9110 §15.2)

@each_pair
def test_early_hints_pass(pair, versions):  # noqa: F811
    hints = (103, (("link", "</a.css>; rel=preload"), ("x-connection", "x")))
    client, _, _ = pair(versions, lambda request: Reply(b"hello", interim=(hints, (102, ()), hints)))
    answer = client.exchange()
    assert (answer.status, answer.body) == (200, b"hello")
    assert [one.status for one in answer.interim] == [103, 102, 103]
    assert answer.interim[0].get("link") == "</a.css>; rel=preload"


@pytest.mark.parametrize("back", ["h1", "h2"])
def test_interim_answers_are_not_for_http_1_0(pair, back):  # noqa: F811
    """RFC 9110 §15.2: a server must not send one to a client of HTTP/1.0."""
    client, _, _ = pair(("h1", back), lambda request: Reply(b"hello", interim=((103, (("link", "</a>"),)),)))
    client.peer.send(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
    response = client.reader.read_response()
    assert (response.status, response.body) == (200, b"hello")


# Answers without content

@each_pair
@pytest.mark.parametrize("status", [204, 304])
def test_answers_that_have_no_content(pair, versions, status):  # noqa: F811
    client, _, _ = pair(versions, lambda request: Reply(status=status, fields=(("etag", '"x"'),), framing="none"))
    for _ in range(2):
        answer = client.exchange()
        assert (answer.status, answer.body, answer.get("etag")) == (status, b"", '"x"')
        assert answer.get("transfer-encoding") is None


@each_pair
@each_framing
def test_head_has_the_fields_of_get_and_no_body(pair, versions, framing):  # noqa: F811
    client, _, server = pair(versions, lambda request: Reply(b"x" * 12_345, framing=framing))
    for _ in range(2):
        answer = client.exchange("HEAD")
        assert (answer.status, answer.body) == (200, b"")
        assert answer.get("content-length") == ("12345" if framing == "length" else None)
    assert client.exchange().body == b"x" * 12_345
    assert [request.method for request in server.requests] == ["HEAD", "HEAD", "GET"]


@pytest.mark.parametrize("back", ["h1", "h2"])
def test_304_keeps_the_length_that_200_would_have(pair, back):  # noqa: F811
    client, _, _ = pair(("h1", back), lambda request: Reply(status=304, fields=(("content-length", "12345"),)))
    for _ in range(2):
        answer = client.exchange()
        assert (answer.status, answer.get("content-length"), answer.body) == (304, "12345", b"")


@each_pair
def test_the_server_s_answer_passes_as_it_is(pair, versions):  # noqa: F811
    fields = (("content-type", "a/b"), ("set-cookie", "a=b"), ("set-cookie", "c=d"), ("retry-after", "7"),
              ("x-empty", ""))
    client, running, _ = pair(versions, lambda request: Reply(b"hello", int(request.target[1:]), fields))
    for status in STATUSES:
        answer = client.exchange(path=f"/{status}")
        assert (answer.status, answer.body, answer.get("content-type")) == (status, b"hello", "a/b")
        assert answer.all("set-cookie") == ["a=b", "c=d"]
        assert (answer.get("retry-after"), answer.get("x-empty")) == ("7", "")
    expected = {"2xx": 4, "3xx": 1, "4xx": 6, "5xx": 3}
    running.eventually(lambda stats: {
        name: count for name, count in stats["routes"]["all"]["requests"]["statuses"].items() if count} == expected,
        f"{expected} to be counted")


# Expect: 100-continue (RFC 9110 §10.1.1)

@each_pair
def test_a_body_that_waits_for_100_continue(pair, versions):  # noqa: F811
    """Somebody has to say it, whether the server or the gateway."""
    client, _, server = pair(versions)
    if versions[0] == "h1":
        client.peer.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert client.reader.read_response().status == 100
        client.peer.send(b"hello")
        answer = client.reader.read_response()
    else:
        answer = client.exchange("POST", fields=[("expect", "100-continue")], body=b"hello")
    assert (answer.status, answer.body) == (200, b"hello")
    assert [request.body for request in server.requests] == [b"hello"]
