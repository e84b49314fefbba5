"""The files of conf/examples, with the servers that they are for. Those of MQTT and commands have their own tests."""

import asyncio
import functools
import socket
import ssl

import aiohttp
import httpx
import pytest
import socketio
import websockets.exceptions
import websockets.sync.client

from applications.serving import digest, pieces
from applications.site import PAGE
from conversation import talk
from deployment import Deployment
from examples import example
from http2_client import alpn
from test_applications_signalr import check, open_hub, stop
from waiting import eventually

MIB = 1 << 20


@pytest.fixture(scope="module")
def two(application):
    """`two("site")` is two servers of a program."""
    return functools.cache(
        lambda program, *arguments: [application(program, name, *arguments) for name in ("one", "two")])


def addresses(servers):
    return [server.address for server in servers]


def test_minimal(gateway, backend, connect, site):
    running = gateway(example("minimal", site, app=[backend().address]))
    with connect(running.url("/", "public")) as client:
        talk(client)


def test_compression(gateway, backend, connect, site):
    server = backend(compression=True)
    running = gateway(example("compression", site, app=[server.address]))
    for path, compressed in (("/app", True), ("/notifications", True), ("/camera", False)):
        with connect(running.url(path, "public")) as client:
            assert bool(client.protocol.extensions) == compressed, path
            talk(client)


def test_several_sites(gateway, backend, connect, site, tmp_path):
    one, two, org = backend(name="one"), backend(name="two"), backend(name="org", unix=tmp_path / "org.sock")
    config = example("several-sites", site, com=[one.address, two.address], org=[org.address])
    running = gateway(config)
    anyone = ssl.create_default_context()
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE  # the tests' certificate is localhost's

    def open_site(host, path, origin):
        to = socket.create_connection(("127.0.0.1", running.port("public")))
        return connect(f"wss://{host}{path}", sock=to, ssl=anyone, origin=origin)

    with open_site("example.com", "/live", "https://www.example.com") as client:
        talk(client)
    with open_site("chat.example.org", "/", "https://example.org") as client:
        talk(client)
    assert len(org.requests) == 1 and len(one.requests) + len(two.requests) == 1
    for host, path, origin, status in (
            ("example.com", "/live", "https://example.org", 403), ("example.org", "/", None, 403),
            ("example.com", "/other", "https://example.com", 404)):
        with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
            open_site(host, path, origin)
        assert refused.value.response.status_code == status, (host, path)


def test_a_chain(gateway, backend, connect, site, trusting):
    chat, app = [backend(name="chat-1"), backend(name="chat-2")], backend(name="app")
    inner = gateway(example("chain-inner", site, chat=addresses(chat), app=[app.address]))
    edge = gateway(example("chain-edge", site, inner=[inner.addresses["from-edge"]]))
    for path, servers in (("/chat/room", chat), ("/else", [app])):
        with connect(edge.url(path, "public", "wss", "localhost"), ssl=trusting) as client:
            talk(client)
        assert [server.requests[-1][0] for server in servers if server.requests] == [path]
        assert {server.last_fields["x-forwarded-proto"] for server in servers if server.requests} == {"https"}
    eventually(lambda: inner.route("chat")["accepted_total"] == 1, "the inner gateway to count")


@pytest.mark.parametrize("transports", [["polling"], ["websocket"], ["polling", "websocket"]])
def test_socketio(gateway, two, site, stage, transports):
    running = gateway(example("socketio", site, app=addresses(two("chat_socketio", "aiohttp"))))

    async def homes():
        found = []
        for _ in range(4):
            async with aiohttp.ClientSession(headers={"Origin": "http://localhost:3000"}) as session:
                client = socketio.AsyncClient(http_session=session, reconnection=False)
                await client.connect(f"http://localhost:{running.port('public')}", transports=transports)
                assert await client.call("echo", b"\x00\xff", timeout=10) == b"\x00\xff"
                found.append((await client.call("whoami", timeout=10))[0])
                assert [(await client.call("whoami", timeout=10))[0] for _ in range(3)] == found[-1:] * 3
                await client.eio.disconnect(abort=True)
        return found

    assert set(stage.run(homes())) == {"one", "two"}
    with pytest.raises(socketio.exceptions.ConnectionError):
        stage.run(asyncio.wait_for(socketio.AsyncClient(reconnection=False).connect(
            f"http://localhost:{running.port('public')}", transports=transports,
            headers={"Origin": "http://elsewhere.example"}), 10))
    answer = httpx.post(
        f"http://localhost:{running.port('public')}/socket.io/?EIO=4&transport=polling", content=bytes(MIB + 1))
    assert answer.status_code == 413


@pytest.mark.parametrize("transport", ["WebSockets", "ServerSentEvents", "LongPolling"])
def test_signalr(gateway, two, site, trusting, transport):
    servers = two("hub_signalr")
    running = gateway(example("signalr", site, hub=addresses(servers)))
    deployed = Deployment(servers, Listener(running), trusting)
    with deployed.client("http1") as client:
        assert client.get("/").text == "a page with a client\n"
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    if transport == "LongPolling":  # signalrcore's polls have no cookie
        with deployed.client("http2") as client:
            check_polls(client)
    else:
        client = open_hub(deployed, transport, {"Cookie": cookie})
        try:
            check(client, transport)
        finally:
            stop(client)


class Listener:
    """A gateway whose listener with TLS has another name than the tests'."""

    def __init__(self, running, name="public"):
        self._running, self._name = running, name

    def port(self, _):
        return self._running.port(self._name)


def check_polls(client):
    """A long-polling client that keeps its cookies, as browsers do."""
    identity = client.post("/hub/negotiate").json()["connectionId"]
    path = f"/hub?id={identity}"
    assert client.get(path).content == b""
    assert client.post(path, content='{"protocol":"json","version":1}\x1e').status_code == 200
    assert client.get(path).text == "{}\x1e"
    for number in range(6):
        call = f'{{"type":1,"invocationId":"{number}","target":"Echo","arguments":[{number}]}}\x1e'
        assert client.post(path, content=call).status_code == 200
        assert f'"result": {number}' in client.get(path).text
    assert client.delete(path).status_code == 202


@pytest.mark.parametrize("version", ["http1", "http2"])
def test_site(gateway, wire, two, site, trusting, version):
    servers = two("site")
    running = gateway(example("site", site, site=addresses(servers)))
    origin = "https://localhost:8443"
    with Deployment(servers, Listener(running), trusting).client(version) as client:
        assert client.get("/robots.txt").text == "User-agent: *\nDisallow: /account\n"
        assert client.get("/alive").status_code == 200
        answers = [client.get("/") for _ in range(4)]
        assert [answer.text for answer in answers] == [PAGE] * 4
        assert {answer.headers["strict-transport-security"] for answer in answers} == {"max-age=31536000"}
        seen = client.post("/upload", content=pieces(5 * MIB)).json()
        assert (seen["size"], seen["digest"]) == (5 * MIB, digest(5 * MIB))
        if version == "http1":  # httpx goes on to wait for a window of HTTP/2 after an early answer
            assert client.post("/login", content=bytes(MIB + 1)).status_code == 413
        assert client.get("/chat").text == PAGE
    if version == "http2":
        client = wire.http2(running, "public", trusting)
        length = ("content-length", str(100 * MIB + 1))
        assert client.whole(client.start([*client.pseudo("POST", "/upload"), length])).status == 413
    with websockets.sync.client.connect(
            f"wss://localhost:{running.port('public')}/chat", ssl=alpn(trusting), origin=origin, proxy=None) as client:
        client.send("Good day")
        assert client.recv(timeout=10) == "Good day"
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        websockets.sync.client.connect(
            f"wss://localhost:{running.port('public')}/chat", ssl=alpn(trusting), origin="https://evil.example",
            proxy=None)
    assert refused.value.response.status_code == 403
    moved = httpx.get(f"http://localhost:{running.port('plain')}/account", trust_env=False)
    assert (moved.status_code, moved.headers["location"]) == (308, "https://localhost:8443/")
    running.eventually(
        lambda stats: [server.get("check", {}).get("state") for server in stats["upstreams"]["site"]["servers"].values()]
        == ["healthy", "healthy"], "both servers to have passed a check")
