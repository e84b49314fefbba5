"""Fields of plain requests and answers: what passes, what is between two hops alone, and what the gateway adds or
changes."""

import pytest

from http_pairs import Reply, each_pair, exchanges, origin, pair  # noqa: F401
from recording import plain
from sluice import proxied
from strict_http1 import StrictReader

HOP_BY_HOP = {"keep-alive", "proxy-connection", "te", "upgrade", "http2-settings", "x-hop", "x-other"}
each_front = pytest.mark.parametrize("front", ["h1", "h2"])
each_back = pytest.mark.parametrize("back", ["h1", "h2"])


def names_of(message):
    return [name.lower() for name, _ in message.fields]


# Requests

@each_pair
def test_fields_of_requests_pass_in_order_with_their_bytes(pair, versions):  # noqa: F811
    client, _, server = pair(versions)
    sent = [("X-A", "1"), ("X-B", "caf\xe9" if versions[0] == "h1" else "cafe"), ("X-A", "2"), ("X-Empty", ""),
            ("Accept", "text/html;q=0.9, */*"), ("Cookie", "a=b; c=\"d e\""), ("Range", "bytes=0-4"),
            ("If-None-Match", '"x"'),
            ("Authorization", "Basic eDp5"), ("X-Long", "y" * 8000)]
    client.exchange(fields=sent)
    request = server.requests[-1]
    for name, _ in sent:
        values = [value for other, value in sent if other == name]
        # RFC 9113 §8.2.3: over HTTP/2 a cookie may come in crumbs.
        assert ["; ".join(request.all(name))] == values if name == "Cookie" else request.all(name) == values


@each_back
def test_what_is_between_two_hops_goes_no_further(pair, back):  # noqa: F811
    client, _, server = pair(("h1", back))
    client.exchange(fields=[
        ("Connection", "keep-alive, X-Hop , x-other"), ("X-Hop", "1"), ("X-Other", "2"), ("X-Kept", "3"),
        ("Keep-Alive", "timeout=5"), ("Proxy-Connection", "keep-alive")])
    request = server.requests[-1]
    assert not HOP_BY_HOP & set(names_of(request)), request.fields
    assert request.all("x-kept") == ["3"]
    assert (request.get("connection") or "keep-alive").lower() == "keep-alive"


@each_pair
def test_who_asks_and_how_is_said_by_the_gateway(pair, versions):  # noqa: F811
    client, running, server = pair(versions)
    client.exchange(fields=[
        ("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil.example"),
        ("Forwarded", "for=192.0.2.1"), ("X_Forwarded_For", "192.0.2.1"), ("X-Forwarded-Prefix", "/evil")])
    request = server.requests[-1]
    authority = f"localhost:{running.port()}"
    assert request.all("host") == [authority]
    assert request.all("x-forwarded-for") == ["127.0.0.1"]
    assert request.all("x-forwarded-proto") == ["http"]
    assert request.all("x-forwarded-host") == [authority]
    assert request.all("x-forwarded-prefix") in ([], [""])
    assert request.all("forwarded") == [] and request.all("x_forwarded_for") == []
    assert len(request.all("x-request-id")) == 1
    number, pseudonym = request.get("via").split(" ")
    assert number == client.version and pseudonym.startswith("sluice-")


@each_front
def test_a_trusted_proxy_is_believed(gateway, origin, exchanges, front):  # noqa: F811
    server = origin("h1")
    running = gateway(proxied(server.address, sections={
        "listeners": [{"name": "plain", "address": "127.0.0.1:0", "trusted_proxies": ["127.0.0.1/32"]}]}))
    exchanges(front, running).exchange(fields=[
        ("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https"), ("X-Request-Id", "id-of-the-proxy")])
    request = server.requests[-1]
    assert request.get("x-forwarded-for") == "192.0.2.1, 127.0.0.1"
    assert request.get("x-forwarded-proto") == "https"
    assert request.get("x-request-id") == "id-of-the-proxy"


@each_front
@pytest.mark.parametrize("host", ["client", "upstream", "app.example"])
def test_the_host_that_the_server_sees(pair, front, host):  # noqa: F811
    client, running, server = pair((front, "h1"), upstream={"host": host})
    client.exchange()
    expected = {"client": f"localhost:{running.port()}", "upstream": server.address}.get(host, host)
    assert server.requests[-1].all("host") == [expected]


@each_back
def test_crumbs_of_a_cookie_are_joined(pair, back):  # noqa: F811
    client, _, server = pair(("h2", back))
    client.exchange(fields=[("cookie", "a=b"), ("cookie", "c=d")])
    crumbs = server.requests[-1].all("cookie")
    assert "; ".join(crumbs) == "a=b; c=d"
    if back == "h1":
        assert len(crumbs) == 1


@each_pair
def test_edits_of_a_route(pair, versions):  # noqa: F811
    client, _, server = pair(
        versions, lambda request: Reply(b"hello", fields=(("server", "x"), ("x-kept", "1"), ("x-env", "server's"))),
        request_headers={"set": {"X-Env": "prod"}, "remove": ["Cookie", "X-Gone"]},
        response_headers={
            "set": {"X-Env": "gateway's", "Strict-Transport-Security": "max-age=1"}, "remove": ["Server"]})
    answer = client.exchange(
        "POST", fields=[("Cookie", "a=b"), ("X-Gone", "1"), ("X-Env", "client's"), ("X-Kept", "2")], body=b"x")
    request = server.requests[-1]
    assert (request.all("x-env"), request.all("x-kept")) == (["prod"], ["2"])
    assert not {"cookie", "x-gone"} & set(names_of(request))
    assert (answer.all("x-env"), answer.all("x-kept"), answer.all("server")) == (["gateway's"], ["1"], [])
    assert answer.get("strict-transport-security") == "max-age=1"


# Answers

@each_front
def test_what_is_between_two_hops_comes_no_further(gateway, wire, exchanges, front):  # noqa: F811
    server = wire.server()
    running = gateway(proxied(server.address))
    if front == "h1":
        client = wire.connect(running)
        client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    else:
        client = wire.http2(running)
        stream = client.start(client.pseudo(), end=True)
    peer = wire.accept(server)
    StrictReader(peer).read_request()
    peer.send(plain(b"hello", fields=b"Connection: keep-alive, x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
                                     b"Upgrade: h2c\r\nProxy-Connection: keep-alive\r\nX-Kept: caf\xc3\xa9\r\n"))
    if front == "h1":
        answer = StrictReader(client).read_final()
        assert answer.get("x-kept").encode("latin-1") == b"caf\xc3\xa9"
        assert (answer.get("connection") or "keep-alive").lower() == "keep-alive"
    else:
        client.wait(lambda: stream.is_over, "the answer")
        answer = stream.response
        assert answer.get("connection") is None
    assert answer.body == b"hello"
    assert not HOP_BY_HOP & set(names_of(answer)), answer.fields


@each_pair
def test_an_answer_has_one_date_and_one_request_id(pair, versions):  # noqa: F811
    client, _, _ = pair(versions, lambda request: Reply(
        b"hello", fields=(("date", "Sun, 06 Nov 1994 08:49:37 GMT"),) if request.target == "/dated" else ()))
    assert client.exchange(path="/dated").all("date") == ["Sun, 06 Nov 1994 08:49:37 GMT"]
    answer = client.exchange()
    assert len(answer.all("date")) == 1
    assert len(answer.all("x-request-id")) <= 1


@each_front
def test_a_stripped_prefix_comes_back(pair, front):  # noqa: F811
    client, _, server = pair(
        (front, "h1"), lambda request: Reply(status=302, fields=(
            ("location", "/login?a=b"), ("content-location", "/x"), ("set-cookie", "a=b; Path=/; HttpOnly"),
            ("refresh", "5; url=/y"))),
        match={"path_prefix": "/app"}, rewrite={"strip_prefix": "/app"})
    answer = client.exchange(path="/app/a?b=/app")
    request = server.requests[-1]
    assert request.target == "/a?b=/app"
    assert request.get("x-forwarded-prefix") == "/app"
    assert answer.get("location") == "/app/login?a=b"
    assert answer.get("content-location") == "/app/x"
    assert answer.get("set-cookie") in ("a=b; Path=/app/; HttpOnly", "a=b; Path=/app; HttpOnly")
    assert answer.get("refresh") == "5; url=/app/y"


@each_front
def test_a_request_that_comes_back_is_508(gateway, wire, exchanges, front):  # noqa: F811
    server = wire.server()
    running = gateway(proxied(server.address))
    client = wire.connect(running)
    client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    via = StrictReader(wire.accept(server)).read_request().get("via")
    assert exchanges(front, running).exchange(fields=[("via", f"1.0 fred, {via}")]).status == 508
