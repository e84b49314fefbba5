"""SignalR: signalrcore as the client, with each of its transports, against a server that speaks the hub protocol."""

import contextlib
import http.client
import queue
import socket
import ssl
import threading

import pytest
from signalrcore.hub_connection_builder import HubConnectionBuilder
from signalrcore.types import HttpTransportType

from deployment import DIRECT
from waiting import eventually

TRANSPORTS = {kind.value: kind for kind in HttpTransportType}
AFFINITY = {"ip": {"balance": {"hash": {"on": "ip"}}}, "cookie": {"sticky": {"cookie": "sluice_server"}}}


@pytest.fixture(scope="module")
def servers(application):
    return [application("hub_signalr", name) for name in ("one", "two")]


@pytest.fixture(scope="module")
def stagings(servers, staging):
    return {name: staging(servers, upstream=upstream) for name, upstream in AFFINITY.items()}


def stop(client):
    # It waits for its thread that reads, which the close of a socket does not wake.
    if sock := getattr(client.transport._client, "sock", None):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
    client.stop()


def open_hub(deployed, transport, headers=None):
    """An open connection to the hub."""
    context = deployed.context() or ssl.create_default_context()
    client = HubConnectionBuilder().with_url(deployed.url("/hub"), options={
        "ssl_context": context, "transport": TRANSPORTS[transport], "headers": headers or {}}).build()
    opened = threading.Event()
    client.on_open(opened.set)
    client.start()
    if not opened.wait(10):
        stop(client)
        raise AssertionError(f"expected {transport} to open within 10 s")
    return client


@pytest.fixture
def talk():
    """`talk(deployed, transport, …)` is an open connection. All are stopped at the end."""
    with contextlib.ExitStack() as stack:
        def start(*arguments):
            client = open_hub(*arguments)
            stack.callback(stop, client)
            return client

        yield start


def invoke(client, method, *arguments):
    """The result of a call."""
    answers = queue.Queue()
    client.invoke(method, list(arguments), answers.put)
    return answers.get(timeout=10).result


def check(client, transport):
    home, used = invoke(client, "WhoAmI")
    assert used == transport
    for value in ("Good day", {"a": [1, None, "ü"]}, "x" * 100_000):
        assert invoke(client, "Echo", value) == value
    items, done = [], threading.Event()
    client.stream("Count", [20]).subscribe({
        "next": items.append, "complete": lambda _: done.set(), "error": lambda _: None})
    invoke(client, "Go")  # signalrcore loses what comes before it is subscribed to
    assert done.wait(10) and items == list(range(20)), items
    failed = queue.Queue()
    client.on_error(failed.put)
    client.invoke("Nothing", [])
    assert failed.get(timeout=10).error == "unknown method Nothing"
    assert invoke(client, "WhoAmI") == [home, transport]
    return home


@pytest.mark.parametrize("way", [DIRECT, "through"])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_hub(stagings, request, talk, way, transport):
    check(talk(stagings["ip"].by(way, request), transport), transport)


def a_cookie(deployed):
    """The cookie that a page brings; signalrcore keeps none."""
    connection = http.client.HTTPSConnection("localhost", deployed.gateway.port("tls"), context=deployed.context())
    with contextlib.closing(connection):
        connection.request("GET", "/")
        response = connection.getresponse()
        assert response.status == 200
        return response.headers["set-cookie"].split(";")[0]


@pytest.mark.parametrize("transport", ["WebSockets", "ServerSentEvents"])
def test_a_cookie_keeps_clients_with_their_servers(stagings, request, talk, transport):
    # Its polls leave the fields out that the client was given.
    deployed = stagings["cookie"].by("through", request)
    cookies = [a_cookie(deployed) for _ in range(4)]
    clients = [talk(deployed, transport, {"Cookie": cookie}) for cookie in cookies]
    homes = [check(client, transport) for client in clients]
    assert set(homes) == {"one", "two"}, homes
    said = [queue.Queue() for _ in clients]
    for client, heard in zip(clients, said, strict=True):
        client.on("Said", heard.put)
    invoke(clients[0], "Say", "Good day")
    for heard, home in zip(said, homes, strict=True):
        if home == homes[0]:
            assert heard.get(timeout=10) == ["Good day"]
        else:
            assert heard.empty()


@pytest.mark.parametrize("way", [DIRECT, "through"])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_server_notices_the_end(stagings, servers, request, talk, way, transport):
    deployed = stagings["ip"].by(way, request)
    client = talk(deployed, transport)
    home = next(server for server in servers if server.name == invoke(client, "WhoAmI")[0])
    before = home.state()["connections"]
    stop(client)
    eventually(lambda: home.state()["connections"] < before, "the connection to be gone from the server")
