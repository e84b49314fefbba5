"""SockJS with each of its transports: a server in Python, whose protocol the test speaks itself, and Debian's server
and client on Node.js."""

import json
import os
import subprocess
import uuid

import pytest
import websockets.sync.client

from deployment import DIRECT, HTTP1, WAYS, node_words
from products import FOLDER

STICKY = {"sticky": {"cookie": "sluice_server"}}
MESSAGES = ["Good day", "ü € 𝄞", "x" * 20_000, *map(str, range(10))]


@pytest.fixture(scope="module")
def python_staging(application, staging):
    return staging([application("echo_sockjs", name) for name in ("one", "two")], upstream=STICKY)


@pytest.fixture(scope="module")
def node_staging(application, staging):
    # sockjs-client keeps no cookies on Node.js.
    servers = [application("echo_sockjs", name, node=True) for name in ("one", "two")]
    return staging(servers, upstream={"balance": {"hash": {"on": "ip"}}})


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


class Frames:
    """The frames of a transport that streams; `unwrap` finds one in a line, if there is one."""

    def __init__(self, lines, unwrap):
        self._frames = (frame for line in lines if (frame := unwrap(line)))

    def next(self):
        return next(self._frames)

    def message(self):
        frame = self.next()
        assert frame[0] == "a", frame
        return json.loads(frame[1:])


def of_xhr(line):
    return line if line.strip("h") else None


def of_events(line):
    return line.removeprefix("data: ") if line.startswith("data: ") else None


def of_htmlfile(line):
    return json.loads(line[2:-2]) if line.startswith('p("') else None


STREAMS = {
    "xhr_streaming": ("POST", "", of_xhr), "eventsource": ("GET", "", of_events),
    "htmlfile": ("GET", "?c=callback", of_htmlfile)}


def session(client):
    """The path of a new session."""
    assert client.get("/echo/info").json()["websocket"] is True
    return f"/echo/000/{uuid.uuid4().hex[:8]}"


def send(client, path, message):
    answer = client.post(f"{path}/xhr_send", content=json.dumps([message]), headers={"Content-Type": "text/plain"})
    assert answer.status_code == 204, answer.text


@pytest.mark.parametrize("transport", STREAMS)
def test_a_transport_that_streams(python_staging, request, way, transport):
    deployed = python_staging.by(way, request)
    method, query, unwrap = STREAMS[transport]
    homes = set()
    for _ in range(1 if way == DIRECT else 4):
        with deployed.client(way) as client:
            path = session(client)
            with client.stream(method, f"{path}/{transport}{query}") as stream:
                assert stream.status_code == 200
                homes.add(stream.headers["x-server"])
                frames = Frames(stream.iter_lines(), unwrap)
                assert frames.next() == "o"
                for message in MESSAGES:
                    send(client, path, message)
                    assert frames.message() == [message]
                send(client, path, "who?")
                assert frames.message() == [stream.headers["x-server"]]
    assert homes == ({"one"} if way == DIRECT else {"one", "two"})


def test_polls(python_staging, request, way):
    deployed = python_staging.by(way, request)
    with deployed.client(way) as client:
        path = session(client)
        assert client.post(f"{path}/xhr").text == "o\n"
        for message in MESSAGES:
            send(client, path, message)
            assert json.loads(client.post(f"{path}/xhr").text[1:]) == [message]


@pytest.mark.parametrize("version", [DIRECT, HTTP1])
def test_a_websocket(python_staging, request, version):
    deployed = python_staging.by(version, request)
    with deployed.client(version) as client:
        path = session(client)
    with websockets.sync.client.connect(
            deployed.url(f"{path}/websocket", "ws"), ssl=deployed.context(), proxy=None) as socket:
        assert socket.recv(timeout=10) == "o"
        for message in MESSAGES:
            socket.send(json.dumps([message]))
            assert json.loads(socket.recv(timeout=10)[1:]) == [message]


@pytest.mark.parametrize("transport", ["websocket", "xhr-streaming", "eventsource", "xhr-polling"])
@pytest.mark.parametrize("route", [DIRECT, "through"])
def test_node_on_both_ends(node_staging, request, route, transport):
    deployed = node_staging.by(route, request)
    trust = {"NODE_EXTRA_CA_CERTS": str(deployed.authority)} if deployed.gateway else {}
    done = subprocess.run(
        [*node_words("applications/talk_sockjs.js"), deployed.url("/echo"), transport], cwd=FOLDER,
        env={**os.environ, **trust}, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["transport"] == transport
