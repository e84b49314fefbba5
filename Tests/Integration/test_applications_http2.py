"""A site on Hypercorn, which the gateway talks to over HTTP/1.1 and HTTP/2, with clients of both."""

import hashlib
import json
import subprocess

import pytest

from applications.serving import digest, pieces
from deployment import HTTP1, HTTP2
from http2_client import HTTP2Client

MIB = 1 << 20
LARGE = 20 * MIB
GROWTH = 32 * MIB


@pytest.fixture(scope="module")
def servers(application):
    return [application("site_asgi", name) for name in ("one", "two")]


@pytest.fixture(scope="module")
def stagings(servers, staging):
    return {version: staging(servers, upstream={"protocol": version}) for version in ("http/1.1", "h2")}


@pytest.fixture(params=["direct", "h2", "http/1.1"])
def upstream(request):
    return request.param


@pytest.fixture(params=[HTTP1, HTTP2])
def way(request):
    return request.param


@pytest.fixture
def deployed(stagings, request, upstream):
    return stagings["h2"].by("direct", request) if upstream == "direct" else stagings[upstream].by("through", request)


@pytest.fixture
def client(deployed, way):
    with deployed.client(way) as client:
        yield client


def test_pages(client, upstream, way):
    answers = [client.get("/") for _ in range(6)]
    assert [answer.text for answer in answers] == ["Good day.\n"] * 6
    used = {"direct": {HTTP1: "1.1", HTTP2: "2"}[way], "h2": "2", "http/1.1": "1.1"}[upstream]
    assert {answer.headers["x-version"] for answer in answers} == {used}
    assert {answer.headers["x-server"] for answer in answers} == ({"one"} if upstream == "direct" else {"one", "two"})
    head = client.head("/")
    assert (head.headers["content-length"], head.content) == ("10", b"")
    assert client.get("/nothing").status_code == 404


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, LARGE])
def test_bodies(client, deployed, size):
    with deployed.growing_at_most(GROWTH):
        seen = client.post("/upload", content=pieces(size)).json()
        assert (seen["size"], seen["digest"]) == (size, digest(size))
        whole = hashlib.sha256()
        with client.stream("GET", f"/download?size={size}") as answer:
            for piece in answer.iter_raw():
                whole.update(piece)
        assert whole.hexdigest() == digest(size)


def test_events_come_one_by_one(client, deployed, upstream, way):
    channel = f"{upstream}-{way}".replace("/", "-")
    with client.stream("GET", f"/events/{channel}") as answer:
        lines = answer.iter_lines()
        server = deployed.holder(channel)
        for number in range(5):
            server.publish(channel, str(number))
            assert [next(lines), next(lines)] == [f"data: {number}", ""]
        server.publish(channel, "end")
        assert list(lines) == []


def test_the_server_notices_that_a_client_went_away(deployed, upstream, way):
    channel = f"gone-{upstream}-{way}".replace("/", "-")
    with deployed.client(way) as client, client.stream("GET", f"/events/{channel}"):
        deployed.holder(channel)
    deployed.cancelled(channel)


def test_a_body_comes_back_while_it_goes(stagings, request, trusting):
    deployed = stagings["h2"].by(HTTP2, request)
    client = HTTP2Client.connect(deployed.gateway, "tls", trusting)
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


def curl(deployed, way, path):
    """What curl shows of heads, body and trailers."""
    done = subprocess.run(
        ["curl", "--silent", "--include", "--noproxy", "*", "--max-time", "10", "--cacert", str(deployed.authority),
         "--http2" if way == HTTP2 else "--http1.1", "--header", "TE: trailers", deployed.url(path)],
        capture_output=True, timeout=20)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().lower().replace("\r", "")


def test_early_hints(stagings, request, way):
    seen = curl(stagings["h2"].by("through", request), way, "/hints")
    first, second, body = seen.split("\n\n")
    assert first.startswith("http/2 103" if way == HTTP2 else "http/1.1 103")
    assert "link: </style.css>; rel=preload" in first
    assert " 200" in second.splitlines()[0] and body == "hinted"


def test_trailers(stagings, request, way):
    seen = curl(stagings["h2"].by("through", request), way, "/trailers")
    assert "four" in seen
    assert seen.index("x-sum: 4") > seen.index("four"), seen


def test_many_requests_at_once(stagings, request, trusting):
    deployed = stagings["h2"].by("through", request)
    client = HTTP2Client.connect(deployed.gateway, "tls", trusting)
    try:
        streams = [client.start(client.pseudo("POST", "/upload")) for _ in range(50)]
        for number, stream in enumerate(streams):
            client.send(stream, b"%d" % number * 1000, end=True)
        for number, stream in enumerate(streams):
            seen = json.loads(client.whole(stream).body)
            assert seen["digest"] == hashlib.sha256(b"%d" % number * 1000).hexdigest()
    finally:
        client.close()
    stats = deployed.gateway.stats()["http2"]["server"]
    assert stats["errors_total"] == {}, stats
