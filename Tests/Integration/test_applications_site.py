"""A web site of aiohttp: two processes behind the gateway, and one without it, which has to do the same."""

import asyncio
import gzip
import hashlib
import json
import re
import subprocess
import threading
from pathlib import Path

import aiohttp
import httpx
import pytest
import websockets.sync.client

from applications.serving import BLOCK, digest, pieces
from applications.site import FILE_SIZE, PAGE, SESSION, ZIPPED
from deployment import DIRECT, HTTP1, HTTP2, WAYS
from http2_client import HTTP2Client
from waiting import eventually

MIB = 1 << 20
LARGE = 100_000_000
GROWTH = 32 * MIB
# The kernel makes a socket's buffers larger while its reader is quick, so it may hold this much beside the gateway.
KERNEL = sum(int(Path(f"/proc/sys/net/ipv4/tcp_{side}mem").read_text().split()[2]) for side in "rw")
HELD = GROWTH + KERNEL
assert HELD < LARGE, "the kernel's buffers hold a whole body: this test cannot tell whether anyone is held back"
WHOLE_FILE = b"".join(pieces(FILE_SIZE))


@pytest.fixture(scope="module")
def site_staging(application, staging):
    return staging([application("site", "one"), application("site", "two")])


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


@pytest.fixture
def deployed(request, site_staging, way):
    return site_staging.by(way, request)


@pytest.fixture
def client(deployed, way):
    with deployed.client(way) as client:
        yield client


def curl(way, deployed, *arguments, **options):
    """curl with the version of this way; what came back, its verbose output on stderr."""
    trust = ["--cacert", str(deployed.authority)] if deployed.gateway else []
    version = "--http2" if way == HTTP2 else "--http1.1"
    return subprocess.run(
        ["curl", "--silent", "--show-error", "--verbose", "--noproxy", "*", "--max-time", "60", version, *trust,
         *arguments], capture_output=True, timeout=70, **options)


# Pages

def test_pages_come_from_both_servers(client, way):
    answers = [client.get("/") for _ in range(6)]
    assert [answer.text for answer in answers] == [PAGE] * 6
    assert {answer.headers["content-type"] for answer in answers} == {"text/html; charset=utf-8"}
    assert {answer.headers["x-server"] for answer in answers} == ({"one"} if way == DIRECT else {"one", "two"})
    assert {answer.http_version for answer in answers} == {"HTTP/2" if way == HTTP2 else "HTTP/1.1"}


def test_a_head_has_the_fields_and_no_body(client):
    for _ in range(3):
        head = client.head("/file")
        assert (head.status_code, head.headers["content-length"], head.content) == (200, str(FILE_SIZE), b"")
        assert client.get("/").text == PAGE


def test_no_content(client):
    for _ in range(3):
        answer = client.get("/empty")
        assert (answer.status_code, answer.content) == (204, b"")


def test_a_page_that_is_elsewhere_and_a_login(client):
    answer = client.get("/redirect")
    assert (answer.status_code, answer.headers["location"]) == (302, "/account?from=redirect")
    answer = client.get("/redirect", follow_redirects=True)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Form realm="site"'
    answer = client.post("/login", data={"password": "open sesame"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert answer.headers.get_list("set-cookie") == [
        f"session={SESSION}; HttpOnly; Path=/", "theme=dark; Path=/account"]
    assert client.get("/account").json() == {"session": SESSION, "theme": "dark"}


def test_an_entity_that_was_not_modified(client):
    # Both servers write the file for themselves: the validators are those of one.
    first = client.get("/file")
    assert first.content == WHOLE_FILE
    answers = [client.get("/file", headers={"If-None-Match": first.headers["etag"]}) for _ in range(4)]
    again = [answer for answer in answers if answer.headers["x-server"] == first.headers["x-server"]]
    assert again
    for answer in again:
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == first.headers["etag"]


@pytest.mark.parametrize("asked, status, content_range, part", [
    ("bytes=100-199", 206, f"bytes 100-199/{FILE_SIZE}", WHOLE_FILE[100:200]),
    ("bytes=-1000", 206, f"bytes {FILE_SIZE - 1000}-{FILE_SIZE - 1}/{FILE_SIZE}", WHOLE_FILE[-1000:]),
    (f"bytes={FILE_SIZE}-", 416, f"bytes */{FILE_SIZE}", None),
])
def test_a_range(client, asked, status, content_range, part):
    answer = client.get("/file", headers={"Range": asked})
    assert (answer.status_code, answer.headers["content-range"]) == (status, content_range)
    if part is not None:
        assert answer.content == part


def test_what_is_compressed_stays_as_it_is(client):
    with client.stream("GET", "/zipped", headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["content-length"] == str(len(ZIPPED))
        assert b"".join(answer.iter_raw()) == ZIPPED
    assert gzip.decompress(ZIPPED) == PAGE.encode() * 200


def test_the_request_as_the_site_sees_it(client, deployed, way):
    seen = client.get("/request?a=%20b&c", headers={"X-Odd": "räum".encode()}).json()
    fields = dict(seen["fields"])
    assert seen["path"] == "/request?a=%20b&c"
    assert seen["host"] == deployed.url().split("/")[-1]
    if way != DIRECT:
        assert fields["x-forwarded-proto"] == "https"
        assert fields["x-forwarded-for"] == "127.0.0.1"
        assert fields["x-forwarded-host"] == seen["host"]


def test_a_websocket_where_a_page_is(client, deployed):
    assert client.get("/chat").text == PAGE
    with websockets.sync.client.connect(
            deployed.url("/chat", "ws"), ssl=deployed.context(), proxy=None, max_size=None) as socket:
        for message in ("Good day", b"\x00\xff" * 50_000):
            socket.send(message)
            assert socket.recv(timeout=10) == message
        assert client.get("/chat").text == PAGE


def test_a_websocket_over_http2_where_a_page_is(site_staging, request, trusting):
    deployed = site_staging.by(HTTP2, request)
    client = HTTP2Client.connect(deployed.gateway, "tls", trusting)
    try:
        assert client.request("/chat").body.decode() == PAGE
        socket = client.websocket("/chat")
        socket.send_message("Good day")
        assert socket.receive() == "Good day"
        assert client.request("/chat").body.decode() == PAGE
    finally:
        client.close()


# Bodies

@pytest.mark.parametrize("size", [0, 1, 16_384, 65_536, 1_000_001])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_uploads(client, way, size, framing):
    body = b"".join(pieces(size)) if framing == "length" else pieces(size)
    for method in ("POST", "PUT", "PATCH"):
        content = body if framing == "length" else pieces(size)
        seen = client.request(method, "/upload", content=content).json()
        assert (seen["method"], seen["size"], seen["digest"]) == (method, size, digest(size))
        assert (seen["length"] == str(size)) == (framing == "length") or way == HTTP2 and size == 0, seen


@pytest.mark.parametrize("framing", ["", "&chunked"])
def test_a_download_of_100_megabytes(deployed, way, framing):
    with deployed.growing_at_most(GROWTH):
        done = curl(way, deployed, deployed.url(f"/download/whole?size={LARGE}{framing}"))
    assert done.returncode == 0, done.stderr[-2000:]
    assert (len(done.stdout), hashlib.sha256(done.stdout).hexdigest()) == (LARGE, digest(LARGE))


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_upload_of_100_megabytes(deployed, way, framing, large_file):
    chunked = ["--header", "Transfer-Encoding: chunked"] if framing == "chunked" and way != HTTP2 else []
    with deployed.growing_at_most(GROWTH):
        done = curl(way, deployed, *chunked, "--upload-file", str(large_file), deployed.url("/upload"))
    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout)
    assert (seen["method"], seen["size"], seen["digest"]) == ("PUT", LARGE, digest(LARGE))


@pytest.fixture(scope="module")
def large_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("bodies") / "large"
    with file.open("wb") as stream:
        for piece in pieces(LARGE):
            stream.write(piece)
    return file


def steady(value, expectation):
    """Waits until three looks in a row, a while apart, see the same."""
    seen = []

    def look():
        seen.append(value())
        threading.Event().wait(0.1)
        return len(seen) > 3 and len(set(seen[-3:])) == 1

    eventually(look, expectation)
    return seen[-1]


def test_a_client_that_reads_slowly_holds_the_server_back(client, deployed, way):
    channel = f"slow-{way}"
    with deployed.growing_at_most(GROWTH):
        with client.stream("GET", f"/download/{channel}?size={LARGE}") as answer:
            parts = answer.iter_raw(65_536)
            whole = hashlib.sha256(next(parts))
            server = next(one for one in deployed.servers if one.name == answer.headers["x-server"])
            sent = steady(lambda: server.state()["sent"][channel], "the server to be held back")
            assert sent < HELD, f"{sent >> 20} MiB went to a client that read nothing"
            for part in parts:
                whole.update(part)
    assert whole.hexdigest() == digest(LARGE)


def test_a_server_that_reads_slowly_holds_the_client_back(client, deployed, way):
    channel, gone = f"trickle-{way}", 0

    def body():
        nonlocal gone
        for piece in pieces(LARGE):
            yield piece
            gone += len(piece)

    answers = []
    with deployed.growing_at_most(GROWTH):
        thread = threading.Thread(
            target=lambda: answers.append(client.post(f"/trickle/{channel}", content=body(), timeout=60)), daemon=True)
        thread.start()
        server = deployed.holder(channel)
        sent = steady(lambda: gone, "the client to be held back")
        assert sent < HELD, f"{sent >> 20} MiB came from a client whose server read nothing"
        server.publish(channel, "read")
        thread.join(60)
    assert [answer.json()["digest"] for answer in answers] == [digest(LARGE)]


def test_a_body_comes_back_while_it_goes(stage, deployed, way):
    async def converse():
        async def body():
            for piece in sent:
                yield piece
                await asyncio.wait_for(came.get(), 10)

        sent, came, back = [b"%d " % number * 100 for number in range(20)], asyncio.Queue(), bytearray()
        async with aiohttp.ClientSession() as session:
            async with session.post(deployed.url("/echo"), data=body(), ssl=deployed.context() or False) as answer:
                async for piece in answer.content.iter_any():
                    back += piece
                    came.put_nowait(None)
        return b"".join(sent), bytes(back)

    if way != HTTP2:
        sent, back = stage.run(converse())
        assert back == sent
        return
    client = HTTP2Client.connect(deployed.gateway, "tls", deployed.trusting)
    try:
        stream = client.start(client.pseudo("POST", "/echo"))
        for number in range(20):
            piece = b"%d " % number * 100
            client.send(stream, piece)
            client.wait(lambda: len(stream.data) >= len(piece), "the piece to come back")
            assert bytes(stream.data) == piece
            stream.data.clear()
        client.send(stream, b"", end=True)
        assert client.whole(stream).status == 200
    finally:
        client.close()


# Expect: 100-continue

def test_a_body_is_asked_for(deployed, way, tmp_path):
    file = tmp_path / "body"
    file.write_bytes(BLOCK * 40)
    done = curl(way, deployed, "--header", "Expect: 100-continue", "--expect100-timeout", "30",
                "--upload-file", str(file), deployed.url("/upload"))
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)["digest"] == digest(len(BLOCK) * 40)
    statuses = re.findall(rb"^< HTTP/[0-9.]+ (\d+)", done.stderr, re.M)
    assert statuses == [b"100", b"200"], done.stderr[-2000:]


def test_a_body_is_not_wanted(deployed, way, tmp_path):
    before = [one.state()["bodies"] for one in deployed.servers]
    if way == HTTP2:
        client = HTTP2Client.connect(deployed.gateway, "tls", deployed.trusting)
        try:
            stream = client.start([
                *client.pseudo("PUT", "/refused"), ("content-length", "2000000"), ("expect", "100-continue")])
            assert client.whole(stream).status == 413
        finally:
            client.close()
    else:
        file = tmp_path / "body"
        file.write_bytes(BLOCK * 40)
        done = curl(way, deployed, "--header", "Expect: 100-continue", "--expect100-timeout", "30",
                    "--upload-file", str(file), "--write-out", "\n%{size_upload}", deployed.url("/refused"))
        statuses = re.findall(rb"^< HTTP/[0-9.]+ (\d+)", done.stderr, re.M)
        assert statuses == [b"413"], done.stderr[-2000:]
        assert done.stdout.splitlines()[-1] == b"0"
    assert [one.state()["bodies"] for one in deployed.servers] == before


# Events

def test_each_event_comes_before_the_next_is_sent(client, deployed, way):
    channel = f"events-{way}"
    with client.stream("GET", f"/events/{channel}", headers={"Last-Event-ID": "40"}) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        lines = answer.iter_lines()
        server = deployed.holder(channel)
        for number in range(10):
            server.publish(channel, f"number {number}")
            assert [next(lines) for _ in range(3)] == [f"id: {41 + number}", f"data: number {number}", ""]
        server.publish(channel, "end")
        assert list(lines) == []


def test_a_long_poll_is_answered_when_there_is_news(client, deployed, way):
    for number in range(3):
        channel, answers = f"poll-{way}-{number}", []
        thread = threading.Thread(target=lambda: answers.append(client.get(f"/poll/{channel}")), daemon=True)
        thread.start()
        server = deployed.holder(channel)
        assert answers == []
        server.publish(channel, "news")
        thread.join(10)
        assert [(answer.status_code, answer.text) for answer in answers] == [(200, "news")]


# Ends

def test_the_server_notices_that_a_client_of_events_went_away(deployed, way):
    channel = f"leaving-{way}"
    with deployed.client(way) as client, client.stream("GET", f"/events/{channel}") as answer:
        lines = answer.iter_lines()
        deployed.holder(channel).publish(channel, "here")
        assert next(lines) == "id: 1"
        deployed.holder(channel)
    deployed.cancelled(channel)


def test_the_server_notices_that_a_poll_was_given_up(deployed, way):
    channel = f"impatient-{way}"
    with deployed.client(way) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.get(f"/poll/{channel}", timeout=0.5)
    deployed.cancelled(channel)


def test_a_stream_that_is_cancelled_leaves_its_neighbours(site_staging, request, trusting):
    deployed = site_staging.by(HTTP2, request)
    client = HTTP2Client.connect(deployed.gateway, "tls", trusting)
    try:
        neighbour = client.start(client.pseudo(path="/events/neighbour"), end=True)
        gone = client.start(client.pseudo(path="/events/gone"), end=True)
        client.answered(neighbour)
        client.answered(gone)
        client.cancel(gone)
        deployed.cancelled("gone")
        server = deployed.holder("neighbour")
        server.publish("neighbour", "still here")
        client.wait(lambda: b"still here" in neighbour.data, "the neighbour's event")
        server.publish("neighbour", "end")
        assert client.whole(neighbour).status == 200
    finally:
        client.close()


def test_the_client_notices_that_the_server_broke_off(client):
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/broken")
    assert client.get("/").text == PAGE


def test_events_end_when_their_server_dies_and_the_other_goes_on(application, staging, request, way):
    staged = staging([application("site", "one"), application("site", "two")])
    deployed = staged.by(way, request)
    with deployed.client(way) as client:
        with client.stream("GET", "/events/doomed") as answer:
            doomed = deployed.holder("doomed")
            doomed.publish("doomed", "last")
            lines = answer.iter_lines()
            assert next(lines) == "id: 1"
            doomed.kill()
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                list(lines)
        if way == DIRECT:
            return
        other = next(one.name for one in deployed.servers if one is not doomed)
        answers = [client.get("/") for _ in range(4)]
        assert [(answer.status_code, answer.headers["x-server"]) for answer in answers] == [(200, other)] * 4


# 1xx and trailers, which aiohttp has none of

RAW_ANSWER = (
    b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"4\r\nbody\r\n0\r\nX-Sum: 4\r\n\r\n")


@pytest.mark.parametrize("way", [HTTP1, HTTP2])
def test_early_hints_and_trailers(gateway, wire, both_listeners, trusting, authority, way):
    server = wire.server()
    running = gateway({
        "listeners": both_listeners, "admin": {"address": "127.0.0.1:0"},
        "routes": [{"name": "all", "upstream": "backend"}],
        "upstreams": [{"name": "backend", "servers": [{"address": server.address}]}]})

    def serve():
        peer = wire.accept(server)
        peer.read_head()
        peer.send(RAW_ANSWER)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    done = subprocess.run(
        ["curl", "--silent", "--include", "--noproxy", "*", "--max-time", "10", "--cacert", str(authority.file),
         "--http2" if way == HTTP2 else "--http1.1", "--header", "TE: trailers",
         f"https://localhost:{running.port('tls')}/"], capture_output=True, timeout=20)
    thread.join(5)
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode().lower()
    assert re.findall(r"^http/[0-9.]+ (\d+)", text, re.M) == ["103", "200"]
    assert "link: </style.css>; rel=preload" in text
    assert "body" in text
    # curl writes trailers where it writes the head.
    assert "x-sum: 4" in text, text
