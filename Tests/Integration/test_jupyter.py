"""Jupyter Server: its login, its REST interface, kernels and terminals; straight, and two of them behind one route."""

import base64
import contextlib
import json
import os
import re
import socket
import struct
import uuid

import pytest
import websockets.exceptions
import websockets.sync.client

from programs import jupyter
from sluice import configuration

NAME = "jupyter.example.com"
TOKEN = "a-token-of-the-tests"
WAYS = ["direct", "http/1.1", "h2"]
DEADLINE = 20


class Visitor:
    """One user with a browser's habits: cookies are kept, Origin and the token against forgery are sent."""

    def __init__(self, http_client, port, tls, version="http/1.1"):
        self.tls = tls
        self.port = port
        self.host = f"{NAME}:{port}"
        self.origin = f"{'https' if tls else 'http'}://{self.host}"
        # The name leads nowhere: the address is connected to, and the name asked for, in TLS too.
        self.client = http_client(
            f"{'https' if tls else 'http'}://127.0.0.1:{port}", version, headers={"Host": self.host}, timeout=DEADLINE)

    def request(self, method, path, *, status=200, forged=False, **options):
        headers = {"Origin": self.origin, **options.pop("headers", {})}
        if not forged and (token := self.client.cookies.get("_xsrf")):
            headers["X-XSRFToken"] = token
        response = self.client.request(
            method, path, headers=headers, extensions={"sni_hostname": NAME}, **options)
        assert response.status_code == status, f"{method} {path}: expected {status}, got {response} {response.text[:99]}"
        return response

    def log_in(self):
        page = self.request("GET", "/login?next=%2Fapi%2Fstatus").text
        token = re.search(r'name="_xsrf" value="([^"]+)"', page)
        assert token and "Password or token" in page, page
        return self.request(
            "POST", "/login?next=%2Fapi%2Fstatus", status=302, data={"_xsrf": token[1], "password": TOKEN})

    def connect(self, path, *, origin=None, **options):
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.client.cookies.jar)
        return websockets.sync.client.connect(
            f"{'wss' if self.tls else 'ws'}://{self.host}{path}", ssl=self.tls, origin=origin or self.origin,
            sock=socket.create_connection(("127.0.0.1", self.port), DEADLINE), max_size=None,
            additional_headers={"Cookie": cookies}, **options)


class Kernel:
    """The channels of a kernel on a WebSocket: JSON in text, or in binary with the subprotocol that has a name.
    https://jupyter-server.readthedocs.io/en/latest/developers/websocket-protocols.html"""

    SUBPROTOCOL = "v1.kernel.websocket.jupyter.org"
    PARTS = ("header", "parent_header", "metadata", "content")

    def __init__(self, visitor, identifier, subprotocols):
        self.session = uuid.uuid4().hex
        self.socket = visitor.connect(
            f"/api/kernels/{identifier}/channels?session_id={self.session}", subprotocols=subprotocols)
        self.binary = self.socket.subprotocol == self.SUBPROTOCOL

    def execute(self, code):
        """The content of each message about it that came, by type, until the kernel is idle again."""
        number = self.send("shell", "execute_request", {
            "code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False})
        return self.outcome(number)

    def outcome(self, number):
        seen = {}
        while True:
            message = self.receive()
            if message["parent_header"].get("msg_id") != number:
                continue
            seen[message["header"]["msg_type"]] = message["content"]
            if message["content"].get("execution_state") == "idle":
                return seen

    def send(self, channel, kind, content):
        number = uuid.uuid4().hex
        header = {"msg_id": number, "msg_type": kind, "session": self.session, "username": "", "version": "5.3",
                  "date": "2026-01-01T00:00:00Z"}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        if self.binary:
            parts = [channel.encode(), *(json.dumps(message[part]).encode() for part in self.PARTS)]
            offsets = [8 * (len(parts) + 2)]
            for part in parts:
                offsets.append(offsets[-1] + len(part))
            self.socket.send(struct.pack(f"<{len(offsets) + 1}Q", len(offsets), *offsets) + b"".join(parts))
        else:
            self.socket.send(json.dumps({**message, "channel": channel, "buffers": []}))
        return number

    def receive(self):
        message = self.socket.recv(timeout=DEADLINE)
        assert isinstance(message, bytes) == self.binary
        if not self.binary:
            return json.loads(message)
        count, = struct.unpack_from("<Q", message)
        offsets = struct.unpack_from(f"<{count}Q", message, 8)
        parts = [message[start:end] for start, end in zip(offsets, offsets[1:])]
        return dict(zip(self.PARTS, map(json.loads, parts[1:5])))


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    directories = [tmp_path_factory.mktemp("jupyter") for _ in range(2)]
    started = [jupyter(directory, TOKEN).begin() for directory in directories]
    for number, (server, directory) in enumerate(zip(started, directories)):
        (directory / "who.txt").write_text(f"server {number}")
        server.wait()
    yield started
    for server in started:
        print(server.output()[-8000:])
        server.stop()


@pytest.fixture
def running(gateway, servers, authority):
    certificate = authority.issue("jupyter", [NAME])
    return gateway(configuration(
        {"name": "jupyter", "match": {"hosts": [NAME]}, "upstream": "jupyter"},
        upstreams=[{"name": "jupyter", "sticky": {"cookie": "sluice_server"},
                    "servers": [{"address": server.address} for server in servers]}],
        listeners=[{"name": "tls", "address": "127.0.0.1:0", "tls": {"certificates": [certificate.setting]}}]))


@pytest.fixture
def visit(request, servers, trusting, http_client):
    """`visit(way)` is a visitor that has logged in."""
    def come(way, log_in=True):
        if way == "direct":
            visitor = Visitor(http_client, servers[0].ports[0], None)
        else:
            visitor = Visitor(http_client, request.getfixturevalue("running").port("tls"), trusting, way)
        if log_in:
            visitor.log_in()
        return visitor

    return come


@pytest.fixture
def kernel(visit):
    """`kernel(way, …)` is a visitor, and the channels of a kernel of its own."""
    with contextlib.ExitStack() as stack:
        def begin(way, subprotocols=None):
            visitor = visit(way)
            identifier = visitor.request("POST", "/api/kernels", status=201, json={"name": "python3"}).json()["id"]
            visitor.kernel = f"/api/kernels/{identifier}"
            stack.callback(visitor.request, "DELETE", visitor.kernel, status=204)
            channels = Kernel(visitor, identifier, subprotocols)
            stack.enter_context(channels.socket)
            return visitor, channels

        yield begin


@pytest.mark.parametrize("way", WAYS)
def test_the_login(visit, way):
    stranger = visit(way, log_in=False)
    stranger.request("GET", "/api/contents", status=403)
    assert stranger.request("GET", "/files/who.txt", status=302).headers["location"] == "/login?next=%2Ffiles%2Fwho.txt"
    answer = stranger.log_in()
    assert answer.headers["location"] == "/api/status"
    assert answer.http_version == ("HTTP/2" if way == "h2" else "HTTP/1.1")
    cookie = next(field for field in answer.headers.get_list("set-cookie") if field.startswith("username-"))
    # It knows by X-Forwarded-Proto whether the browser came over TLS.
    assert ("secure" in cookie.lower()) == (way != "direct"), cookie
    assert stranger.request("GET", "/api/status").json()["kernels"] == 0
    token = stranger.client.cookies["_xsrf"]
    stranger.request("POST", "/login", status=401, data={"_xsrf": token, "password": "wrong"})


@pytest.mark.parametrize("way", WAYS)
def test_contents(visit, way):
    visitor = visit(way)
    text = {"type": "file", "format": "text", "content": "κόσμε\n"}
    visitor.request("PUT", "/api/contents/a%20note.txt", status=403, json=text, forged=True)
    visitor.request("PUT", "/api/contents/a%20note.txt", status=201, json=text)
    assert visitor.request("GET", "/api/contents/a%20note.txt").json()["content"] == "κόσμε\n"
    assert "a note.txt" in [entry["name"] for entry in visitor.request("GET", "/api/contents").json()["content"]]
    visitor.request("PATCH", "/api/contents/a%20note.txt", json={"path": "other.txt"})
    visitor.request("DELETE", "/api/contents/other.txt", status=204)
    visitor.request("GET", "/api/contents/other.txt", status=404)


@pytest.mark.parametrize("way", WAYS)
def test_a_large_file(visit, way):
    visitor = visit(way)
    data = os.urandom(3 << 20)
    visitor.request("PUT", "/api/contents/large.bin", status=201, json={
        "type": "file", "format": "base64", "content": base64.b64encode(data).decode()})
    assert visitor.request("GET", "/files/large.bin").content == data
    head = visitor.request("HEAD", "/files/large.bin")
    assert (head.headers["content-length"], head.content) == (str(len(data)), b"")
    visitor.request("DELETE", "/api/contents/large.bin", status=204)


@pytest.mark.parametrize("way", WAYS)
def test_a_static_file(visit, way):
    visitor = visit(way, log_in=False)
    page = visitor.request("GET", "/login").text
    path = re.search(r'href="(/static/[^"?]+\.css)', page)[1]
    first = visitor.request("GET", path)
    assert len(first.content) == int(first.headers["content-length"]) > 0
    again = visitor.request("GET", path, status=304, headers={
        "If-Modified-Since": first.headers["last-modified"]})
    assert again.content == b""
    part = visitor.request("GET", path, status=206, headers={"Range": "bytes=10-19"})
    assert part.content == first.content[10:20]


@pytest.mark.parametrize(("way", "subprotocols"), [
    ("direct", None), ("direct", [Kernel.SUBPROTOCOL]), ("http/1.1", None), ("h2", [Kernel.SUBPROTOCOL])])
def test_a_kernel(kernel, way, subprotocols):
    visitor, channels = kernel(way, subprotocols)
    assert channels.socket.subprotocol == (subprotocols or [None])[0]
    assert channels.execute("1+1")["execute_result"]["data"]["text/plain"] == "2"
    assert channels.execute("print('κ' * 1_000_000)")["stream"]["text"].strip() == "κ" * 1_000_000
    number = channels.send("shell", "execute_request", {
        "code": "print('begun')\nwhile True: pass", "silent": False, "allow_stdin": False})
    while channels.receive()["header"]["msg_type"] != "stream":
        pass
    visitor.request("POST", f"{visitor.kernel}/interrupt", status=204)
    assert channels.outcome(number)["error"]["ename"] == "KeyboardInterrupt"
    assert channels.execute("2*3")["execute_result"]["data"]["text/plain"] == "6"


@pytest.mark.parametrize("way", ["direct", "http/1.1"])
def test_who_may_not_have_the_channels(kernel, way):
    visitor, _ = kernel(way)
    path = f"{visitor.kernel}/channels"
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        visitor.connect(path, origin="https://elsewhere.example")
    assert refused.value.response.status_code == 403
    visitor.client.cookies = {
        cookie.name: cookie.value for cookie in visitor.client.cookies.jar if not cookie.name.startswith("username-")}
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        visitor.connect(path)
    assert refused.value.response.status_code == 403
    visitor.log_in()


@pytest.mark.parametrize("way", ["direct", "h2"])
def test_a_terminal(visit, way):
    visitor = visit(way)
    name = visitor.request("POST", "/api/terminals").json()["name"]
    with visitor.connect(f"/terminals/websocket/{name}") as terminal:
        terminal.send(json.dumps(["stdin", "echo $((6*7))$((6*7))\r"]))
        shown = ""
        while "4242" not in shown:
            kind, *rest = json.loads(terminal.recv(timeout=DEADLINE))
            shown += rest[0] if kind == "stdout" else ""
    visitor.request("DELETE", f"/api/terminals/{name}", status=204)


def test_each_visitor_stays_on_one_server(visit):
    """What a server knows of a visitor, the other does not: neither its login nor its kernels."""
    visitors = [visit("http/1.1" if number % 2 else "h2") for number in range(6)]
    homes = {}
    for number, visitor in enumerate(visitors):
        homes[number] = visitor.request("GET", "/files/who.txt").text
        visitor.request("PUT", f"/api/contents/of-{number}.txt", status=201, json={
            "type": "file", "format": "text", "content": str(number)})
    assert set(homes.values()) == {"server 0", "server 1"}
    for _ in range(3):
        for number, visitor in enumerate(visitors):
            assert visitor.request("GET", "/files/who.txt").text == homes[number]
            assert visitor.request("GET", f"/files/of-{number}.txt").text == str(number)


def test_another_host_is_not_served(running, http_client):
    client = http_client(f"https://127.0.0.1:{running.port('tls')}", headers={"Host": "other.example.com"})
    assert client.get("/login", extensions={"sni_hostname": NAME}).status_code == 404
