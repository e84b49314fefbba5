"""What a client that is refused gets: a status, one line of text and an X-Request-Id, never a silent end."""

import subprocess

import pytest

from changes import free_address
from sluice import configuration, proxied


def check_refusal(response, status, **fields):
    """The shape every refusal of the gateway's own has."""
    assert response.status == status, f"expected {status}, got {response.start_line!r} {response.body!r}"
    assert len(response.get("x-request-id") or "") >= 8, f"no X-Request-Id in {response.fields}"
    assert (response.get("content-type") or "").startswith("text/plain"), response.fields
    text = response.body.decode()
    assert text.strip() and len(text.strip().splitlines()) == 1, f"expected one line of text, got {text!r}"
    for name, value in fields.items():
        name = name.replace("_", "-")
        if value is True:
            assert response.get(name) is not None, f"no {name} in {response.fields}"
        else:
            assert response.get(name) == value, f"expected {name}: {value}, got {response.fields}"


@pytest.fixture
def refusing(gateway, wire, both_listeners):
    """A route at /ws to a server that never answers; origins and a host that matches nothing else."""
    server = wire.server()
    return gateway(configuration(
        {"name": "ws", "match": {"path_prefix": "/ws"}, "upstream": "backend", "http": "off"},
        {"name": "site", "match": {"path_prefix": "/site"}, "upstream": "backend", "http": "off",
         "origins": ["https://example.com", "http://localhost:3000"], "missing_origin": "deny"},
        upstreams=[{"name": "backend", "servers": [{"address": server.address}]}],
        listeners=both_listeners))


HTTP = [("Connection", "close"), ("Upgrade", "")]
CASES = {
    "no route": (dict(path="/nothing"), 404, {}),
    "not a WebSocket request": (
        dict(path="/ws", omit=["Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"]), 426,
        {"upgrade": "websocket"}),
    "another protocol in Upgrade": (dict(path="/ws", fields=[("Upgrade", "h2c")]), 426, {"upgrade": "websocket"}),
    "Connection without upgrade": (
        dict(path="/ws", fields=[("Connection", "keep-alive")]), 426, {"upgrade": "websocket"}),
    "no Sec-WebSocket-Key": (dict(path="/ws", omit=["Sec-WebSocket-Key"]), 400, {}),
    "a key of 15 bytes": (dict(path="/ws", key="AAAAAAAAAAAAAAAAAAAA"), 400, {}),
    "a key that is not base64": (dict(path="/ws", key="not base64 at all!!!!!!!"), 400, {}),
    "two keys": (dict(path="/ws", fields=[
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4PEA==")]),
        400, {}),
    "POST": (dict(path="/ws", method="POST"), 400, {}),
    "version 8": (
        dict(path="/ws", fields=[("Sec-WebSocket-Version", "8")]), 426, {"sec_websocket_version": "13"}),
    "version 12": (
        dict(path="/ws", fields=[("Sec-WebSocket-Version", "12")]), 426, {"sec_websocket_version": "13"}),
    "no version": (dict(path="/ws", omit=["Sec-WebSocket-Version"]), 426, {"sec_websocket_version": "13"}),
    "the drafts' two keys": (dict(path="/ws", omit=["Sec-WebSocket-Key", "Sec-WebSocket-Version"], fields=[
        ("Sec-WebSocket-Key1", "4 @1  46546xW%0l 1 5"), ("Sec-WebSocket-Key2", "12998 5 Y3 1  .P00")],
        extra=b"^n:ds[4U"), 426, {"sec_websocket_version": "13"}),
    "a subprotocol twice": (dict(path="/ws", fields=[("Sec-WebSocket-Protocol", "chat, chat")]), 400, {}),
    "a subprotocol that is no token": (dict(path="/ws", fields=[("Sec-WebSocket-Protocol", "a b")]), 400, {}),
    "a broken extension list": (dict(path="/ws", fields=[("Sec-WebSocket-Extensions", "a; =b")]), 400, {}),
    "a foreign origin": (dict(path="/site", fields=[("Origin", "https://evil.example")]), 403, {}),
    "the origin's other port": (dict(path="/site", fields=[("Origin", "https://example.com:444")]), 403, {}),
    "the null origin": (dict(path="/site", fields=[("Origin", "null")]), 403, {}),
    "no origin where one is wanted": (dict(path="/site"), 403, {}),
    "two Hosts": (dict(path="/ws", fields=[("Host", "a"), ("Host", "b")]), 400, {}),
    "no Host": (dict(path="/ws", omit=["Host"]), 400, {}),
    "a body on an upgrade": (dict(path="/ws", fields=[("Content-Length", "5")], extra=b"12345"), 400, {}),
    "Content-Length beside Transfer-Encoding": (dict(path="/ws", fields=[
        ("Content-Length", "5"), ("Transfer-Encoding", "chunked")], extra=b"0\r\n\r\n"), 400, {}),
    "two Content-Lengths": (dict(path="/ws", fields=[("Content-Length", "5"), ("Content-Length", "6")]), 400, {}),
}


@pytest.mark.parametrize("listener", ["plain", "tls"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_refusal(refusing, wire, trusting, listener, case):
    request, status, fields = CASES[case]
    response = wire.request(refusing, listener=listener, tls=trusting if listener == "tls" else None, **request)
    check_refusal(response, status, **fields)


@pytest.mark.parametrize("head", [
    b"GET /ws HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n",
    b"GET /ws HTTP/1.1\r\nHost : a\r\n\r\n",
    b"GET /ws HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
    b"GET /ws HTTP/9.9\r\nHost: a\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS on a cleartext listener\r\n\r\n",
    b"GET /ws HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
    b"complete nonsense\r\n\r\n",
])
def test_a_malformed_request_gets_400_and_the_connection_ends(refusing, wire, head):
    client = wire.connect(refusing)
    client.send(head)
    response = client.read_response()
    assert response.status in (400, 505), response
    assert (response.get("connection") or "").lower() == "close"
    client.expect_end()


def test_the_connection_ends_after_a_bad_key(refusing, wire):
    client = wire.connect(refusing)
    client.send_upgrade("/ws", key="short")
    check_refusal(client.read_response(), 400)
    client.expect_end()


def test_an_origin_that_is_listed_may_connect(gateway, backend, wire):
    running = gateway(proxied(
        backend().address, origins=["https://example.com", "http://localhost:3000"], missing_origin="deny"))
    for origin in ("https://example.com", "https://EXAMPLE.com:443", "http://localhost:3000"):
        wire.open(running, fields=[("Origin", origin)])


def test_refusals_are_counted_by_reason(refusing, wire):
    wire.request(refusing, "/nothing")
    wire.request(refusing, "/nothing")
    wire.request(refusing, "/site", [("Origin", "https://evil.example")])
    rejected = refusing.stats()["connections"]["rejected_total"]
    assert rejected["no_route"] == 2
    assert sum(rejected.values()) == 3


@pytest.mark.parametrize("tls", [False, True], ids=["cleartext", "tls"])
def test_curl_shows_the_refusal(refusing, authority, tls):
    port = refusing.port("tls" if tls else "plain")
    url = f"{'https' if tls else 'http'}://localhost:{port}"
    options = ["curl", "--silent", "--show-error", "--include", "--max-time", "10", "--http1.1", "--noproxy", "*",
               "--resolve", f"localhost:{port}:127.0.0.1", "--cacert", str(authority.file)]
    for path, status in (("/nothing", 404), ("/ws", 426)):
        done = subprocess.run([*options, url + path], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr
        head, body = done.stdout.replace("\r\n", "\n").split("\n\n", 1)
        assert head.startswith(f"HTTP/1.1 {status} "), head
        assert "x-request-id:" in head.lower()
        assert len(body.strip().splitlines()) == 1


def test_a_connection_goes_on_after_a_refusal_that_broke_nothing(refusing, wire):
    client = wire.connect(refusing)
    for _ in range(2):
        client.send_upgrade("/nothing")
        response = client.read_response()
        check_refusal(response, 404)
        if (response.get("connection") or "").lower() == "close":
            client.expect_end()
            return


def test_redirect_and_respond_routes(gateway, wire):
    running = gateway(configuration(
        {"name": "old", "match": {"path_prefix": "/old"}, "redirect": {"to": "/new", "status": 308}},
        {"name": "word", "match": {"path_prefix": "/word"}, "redirect": "https://example.com/"},
        {"name": "page", "match": {"path": "/"}, "respond": {
            "status": 200, "body": "<p>hello</p>", "content_type": "text/html; charset=utf-8",
            "headers": {"X-Page": "1"}}}))
    response = wire.request(running, "/old", omit=["Upgrade", "Connection"])
    assert (response.status, response.get("location")) == (308, "/new")
    response = wire.request(running, "/word", omit=["Upgrade", "Connection"])
    assert (response.status, response.get("location")) == (302, "https://example.com/")
    response = wire.request(running, "/", omit=["Upgrade", "Connection"])
    assert (response.status, response.body) == (200, b"<p>hello</p>")
    assert response.get("content-type") == "text/html; charset=utf-8"
    assert response.get("x-page") == "1"


def test_connection_refused_by_the_server_gives_502(gateway, wire):
    running = gateway(proxied(free_address()))
    check_refusal(wire.request(running), 502)


ANSWERS = {
    "a wrong Accept": dict(accept="AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    "no Accept": dict(omit=["Sec-WebSocket-Accept"]),
    "no Upgrade": dict(omit=["Upgrade"]),
    "another Upgrade": dict(fields=[("Upgrade", "h2c")]),
    "no Connection": dict(omit=["Connection"]),
    "an extension nobody offered": dict(fields=[("Sec-WebSocket-Extensions", "permessage-deflate")]),
    "a subprotocol nobody offered": dict(fields=[("Sec-WebSocket-Protocol", "mqtt")]),
    "two subprotocols": dict(fields=[("Sec-WebSocket-Protocol", "chat, superchat")]),
}


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_an_answer_that_breaks_the_handshake_gives_502(gateway, wire, answer):
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"retries": 0}))
    client = wire.connect(running).send_upgrade("/", [("Sec-WebSocket-Protocol", "chat, superchat")])
    peer = wire.accept(server)
    peer.read_upgrade()
    peer.accept_upgrade(**ANSWERS[answer])
    check_refusal(client.read_response(), 502)


@pytest.mark.parametrize("answer", [
    b"nonsense\r\n\r\n", b"", b"HTTP/1.1 101 Switching", b"HTTP/1.1 999999 x\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
], ids=["nonsense", "nothing", "half a head", "bad status", "endless head"])
def test_a_server_that_talks_no_http_gives_502(gateway, wire, answer):
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"retries": 0}))
    client = wire.connect(running).send_upgrade("/")
    peer = wire.accept(server)
    peer.read_upgrade()
    try:
        peer.send(answer)
    except OSError:
        pass  # it hung up in the middle of the endless head, as it may
    peer.close()
    check_refusal(client.read_response(), 502)


def test_a_server_that_does_not_answer_in_time_gives_504(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"retries": 0, "response_timeout": "200ms"}))
    client = wire.connect(running).send_upgrade("/")
    peer = wire.accept(server)
    peer.read_upgrade()
    check_refusal(client.read_response(), 504)
    peer.expect_end()


REFUSALS = {
    "401": (b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 8\r\n\r\nwho now?",
            401, b"who now?", {"www-authenticate": 'Basic realm="x"'}),
    "403 chunked": (b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"
                    b"6\r\n{\"a\": \r\n2\r\n1}\r\n0\r\n\r\n", 403, b'{"a": 1}', {"content-type": "application/json"}),
    "404 up to the end": (b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\nno such room", 404, b"no such room", {}),
    "302": (b"HTTP/1.1 302 Found\r\nLocation: https://login.example/?r=%2F\r\nSet-Cookie: a=1\r\n"
            b"Content-Length: 0\r\n\r\n", 302, b"", {"location": "https://login.example/?r=%2F", "set-cookie": "a=1"}),
    "429 with a long body": (b"HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\nContent-Length: 300000\r\n\r\n"
                             + b"z" * 300_000, 429, b"z" * 300_000, {"retry-after": "7"}),
    "200": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello", {}),
    "503 after a 100": (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                        b"HTTP/1.1 503 Busy\r\nRetry-After: 3\r\nContent-Length: 4\r\n\r\nbusy", 503, b"busy",
                        {"retry-after": "3"}),
}


@pytest.mark.parametrize("name", REFUSALS, ids=str)
def test_the_servers_own_refusal_passes_whole(gateway, wire, name):
    answer, status, body, fields = REFUSALS[name]
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"retries": 0}))
    client = wire.connect(running).send_upgrade("/")
    peer = wire.accept(server)
    peer.read_upgrade()
    peer.send(answer)
    if "content-length" not in answer.decode("latin-1").lower() and b"chunked" not in answer:
        peer.close()
    response = client.read_response()
    assert (response.status, response.body) == (status, body)
    for key, value in fields.items():
        assert response.get(key) == value


def test_a_redirect_under_a_stripped_prefix_gets_the_prefix_back(gateway, wire):
    server = wire.server()
    running = gateway(proxied(
        server.address, match={"path_prefix": "/chat"}, rewrite={"strip_prefix": "/chat"}, upstream={"retries": 0}))
    client = wire.connect(running).send_upgrade("/chat/room")
    peer = wire.accept(server)
    assert peer.read_upgrade().target == "/room"
    peer.send(b"HTTP/1.1 302 Found\r\nLocation: /login?next=1\r\nContent-Length: 0\r\n\r\n")
    assert client.read_response().get("location") == "/chat/login?next=1"
