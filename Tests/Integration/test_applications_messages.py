"""Bayeux, as Faye has it, by long polls, event streams and WebSockets; and JSON-RPC by POST and WebSocket."""

import contextlib
import json
import threading

import pytest
import websockets.sync.client

from deployment import DIRECT, WAYS

STICKY = {"sticky": {"cookie": "sluice_server"}}


@pytest.fixture(scope="module")
def messages_staging(application, staging):
    return staging([application("messages", name) for name in ("one", "two")], upstream=STICKY)


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


@pytest.fixture
def deployed(messages_staging, request, way):
    return messages_staging.by(way, request)


def open_socket(deployed, client, path):
    """A WebSocket with the cookies that a client has; WebSockets of this library keep to HTTP/1.1."""
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    return websockets.sync.client.connect(
        deployed.url(path, "ws"), ssl=deployed.context(), proxy=None,
        additional_headers={"Cookie": cookies} if cookies else {})


class Member:
    """A client of Bayeux that posts."""

    def __init__(self, client):
        self.client = client
        self.id = None
        shaken = self.ask("/meta/handshake", version="1.0", supportedConnectionTypes=["long-polling"])[0]
        self.id, self.home = shaken["clientId"], shaken["ext"]["server"]

    def ask(self, channel, **rest):
        message = {"channel": channel, "clientId": self.id, "id": "7", **rest}
        answers = self.client.post("/faye", json=[message]).json()
        assert answers[-1]["successful"], answers
        return answers


@pytest.fixture
def members(deployed, way):
    """Clients with cookies of their own, until two of them are at one server."""
    with contextlib.ExitStack() as stack:
        homes = {}
        while not any(len(found) == 2 for found in homes.values()):
            member = Member(stack.enter_context(deployed.client(way)))
            homes.setdefault(member.home, []).append(member)
        yield next(found for found in homes.values() if len(found) == 2)


def test_long_polls(members):
    speaker, listener = members
    listener.ask("/meta/subscribe", subscription="/news")
    for number in range(3):
        came = []
        thread = threading.Thread(target=lambda: came.append(listener.ask("/meta/connect")), daemon=True)
        thread.start()
        speaker.ask("/news", data={"number": number})
        thread.join(10)
        assert came and came[0][0] == {"channel": "/news", "data": {"number": number}}, came
    listener.ask("/meta/disconnect")


def test_an_event_stream(members):
    speaker, listener = members
    listener.ask("/meta/subscribe", subscription="/news")
    with listener.client.stream("GET", f"/faye/{listener.id}") as stream:
        lines = stream.iter_lines()
        for number in range(5):
            speaker.ask("/news", data=number)
            assert json.loads(next(lines).removeprefix("data: ")) == [{"channel": "/news", "data": number}]
            assert next(lines) == ""


def test_a_websocket_in_the_place_of_polls(deployed, members):
    speaker, listener = members
    listener.ask("/meta/subscribe", subscription="/news")
    with open_socket(deployed, listener.client, "/faye") as socket:
        for number in range(5):
            socket.send(json.dumps([{"channel": "/meta/connect", "clientId": listener.id}]))
            speaker.ask("/news", data=number)
            assert json.loads(socket.recv(timeout=10))[0] == {"channel": "/news", "data": number}


def test_json_rpc(deployed, way):
    one = {"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}
    silent = {"jsonrpc": "2.0", "method": "subtract", "params": [1, 2]}
    wrong = {"jsonrpc": "2.0", "method": "nothing", "id": "a"}
    result = {"jsonrpc": "2.0", "id": 1, "result": 19}
    error = {"jsonrpc": "2.0", "id": "a", "error": {"code": -32601, "message": "Method not found"}}
    with deployed.client(way) as client:
        assert client.post("/rpc", json=one).json() == result
        assert client.post("/rpc", json=[one, silent, wrong]).json() == [result, error]
        assert client.post("/rpc", json=silent).status_code == 204
        home = client.post("/rpc", json={"jsonrpc": "2.0", "method": "server", "id": 2}).json()["result"]
        with open_socket(deployed, client, "/rpc") as socket:
            for asked, answer in ((one, result), ([one, silent, wrong], [result, error])):
                socket.send(json.dumps(asked))
                assert json.loads(socket.recv(timeout=10)) == answer
            socket.send(json.dumps({"jsonrpc": "2.0", "method": "server", "id": 3}))
            assert json.loads(socket.recv(timeout=10))["result"] == home
    assert way != DIRECT or home == "one"
