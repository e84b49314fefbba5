"""RabbitMQ: STOMP over WebSockets, and its management over HTTP, straight and through the gateway."""

import base64

import pytest

from conversation import check_gone
from programs import epmd, rabbitmq
from sluice import configuration

pytestmark = pytest.mark.timeout(150)  # its start on a machine with much else to do
WAYS = ["direct", "http/1.1", "h2"]
DEADLINE = 10


class Stomp:
    """A client of STOMP 1.2 on a WebSocket."""

    def __init__(self, socket):
        self.socket = socket
        assert socket.subprotocol == "v12.stomp"

    def log_in(self, password="guest", heartbeat="0,0"):
        self.send("CONNECT", {
            "accept-version": "1.2", "host": "/", "login": "guest", "passcode": password, "heart-beat": heartbeat})
        return self.receive()

    def send(self, command, fields, body=""):
        head = "".join(f"{name}:{value}\n" for name, value in fields.items())
        self.socket.send(f"{command}\n{head}\n{body}\0")

    def receive(self):
        """(command, fields, body) of the next frame; heartbeats are passed over."""
        while (message := self.socket.recv(timeout=DEADLINE)) == "\n":
            pass
        head, _, rest = message.partition("\n\n")
        command, *fields = head.split("\n")
        body, end, behind = rest.partition("\0")
        assert (end, behind) == ("\0", "\n"), message
        return command, dict(field.split(":", 1) for field in fields), body

    def expect(self, command):
        got, fields, body = self.receive()
        assert got == command, f"expected {command}, got {got} {fields} {body!r}"
        return fields, body


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    names = epmd().start()
    started = rabbitmq(tmp_path_factory.mktemp("rabbitmq"), names)
    try:
        yield started.start()
    finally:
        print(started.output()[-8000:])
        started.stop()
        names.stop()


@pytest.fixture
def running(gateway, broker, site):
    stomp, management, _ = broker.addresses
    return gateway(configuration(
        {"name": "stomp", "match": {"path": "/ws"}, "upstream": "stomp"},
        {"name": "management", "match": {"path_prefix": "/rabbit"}, "upstream": "management",
         "rewrite": {"strip_prefix": "/rabbit"}},
        upstreams=[{"name": "stomp", "servers": [{"address": stomp}]},
                   {"name": "management", "servers": [{"address": management}]}],
        listeners=[{"name": "tls", "address": "127.0.0.1:0", "tls": {"certificates": [site.setting]}}]))


@pytest.fixture
def open_stomp(request, broker, connect, trusting):
    """`open_stomp(way)` is a client that has not logged in."""
    def begin(way):
        if way == "direct":
            return Stomp(connect(f"ws://{broker.address}/ws", subprotocols=["v12.stomp"]))
        running = request.getfixturevalue("running")
        return Stomp(connect(
            running.url("/ws", "tls", "wss", "localhost"), subprotocols=["v12.stomp"], ssl=trusting))

    return begin


@pytest.fixture
def management(request, broker, http_client):
    """`management(way)` is a client of the HTTP interface."""
    def begin(way):
        if way == "direct":
            return http_client(f"http://{broker.addresses[1]}", auth=("guest", "guest"))
        running = request.getfixturevalue("running")
        return http_client(running.url("/rabbit", "tls", "https", "localhost"), way, auth=("guest", "guest"))

    return begin


@pytest.mark.parametrize("way", ["direct", "http/1.1"])
def test_send_and_receive(open_stomp, way):
    sender, receiver = open_stomp(way), open_stomp(way)
    for client in (sender, receiver):
        command, fields, _ = client.log_in()
        assert (command, fields["version"]) == ("CONNECTED", "1.2")
    queue = f"/queue/of-{way.replace('/', '-')}"
    receiver.send("SUBSCRIBE", {"id": "0", "destination": queue, "ack": "client-individual", "receipt": "subscribed"})
    assert receiver.expect("RECEIPT")[0]["receipt-id"] == "subscribed"
    for number in range(20):
        fields = {"destination": queue, "content-type": "text/plain", "receipt": number}
        sender.send("SEND", fields, f"message {number} κ")
        assert sender.expect("RECEIPT")[0]["receipt-id"] == str(number)
    for number in range(20):
        fields, body = receiver.expect("MESSAGE")
        assert body == f"message {number} κ"
        receiver.send("ACK", {"id": fields["ack"]})
    large = "0123456789" * 30_000
    sender.send("SEND", {"destination": queue}, large)
    assert receiver.expect("MESSAGE")[1] == large
    receiver.send("UNSUBSCRIBE", {"id": "0", "receipt": "no more"})
    assert receiver.expect("RECEIPT")[0]["receipt-id"] == "no more"
    receiver.send("DISCONNECT", {})
    check_gone(receiver.socket, 1000)


@pytest.mark.parametrize("way", ["direct", "http/1.1"])
def test_heartbeats(open_stomp, way):
    client = open_stomp(way)
    assert client.log_in(heartbeat="200,200")[0] == "CONNECTED"
    for _ in range(2):
        assert client.socket.recv(timeout=DEADLINE) == "\n"
        client.socket.send("\n")


@pytest.mark.parametrize("way", ["direct", "http/1.1"])
def test_a_wrong_password(open_stomp, way):
    command, fields, _ = open_stomp(way).log_in("wrong")
    assert (command, fields["message"]) == ("ERROR", "Bad CONNECT")


@pytest.mark.parametrize("way", WAYS)
def test_the_management(open_stomp, management, way):
    client = management(way)
    assert client.get("/api/overview").json()["management_version"]
    assert client.get("/api/overview", auth=("guest", "wrong")).status_code == 401
    page = client.get("/")
    assert page.status_code == 200 and "RabbitMQ Management" in page.text
    assert page.http_version == ("HTTP/2" if way == "h2" else "HTTP/1.1")
    # The name of the virtual host is `/`: it has to arrive as %2F, and be nobody's separator.
    queue = f"/api/queues/%2F/made-by-{way.replace('/', '-')}"
    assert client.put(queue, json={"durable": False, "auto_delete": False, "arguments": {}}).status_code == 201
    name = queue.rsplit("/", 1)[1]
    payload = base64.b64encode(bytes(range(256)) * 1000).decode()
    published = client.post("/api/exchanges/%2F/amq.default/publish", json={
        "properties": {}, "routing_key": name, "payload": payload, "payload_encoding": "base64"})
    assert published.json() == {"routed": True}
    taken = client.post(f"{queue}/get", json={"count": 1, "ackmode": "ack_requeue_false", "encoding": "base64"})
    assert taken.json()[0]["payload"] == payload
    client.post("/api/exchanges/%2F/amq.default/publish", json={
        "properties": {}, "routing_key": name, "payload": "from HTTP to STOMP", "payload_encoding": "string"})
    receiver = open_stomp(way)
    receiver.log_in()
    receiver.send("SUBSCRIBE", {"id": "0", "destination": f"/amq/queue/{name}"})
    assert receiver.expect("MESSAGE")[1] == "from HTTP to STOMP"
    receiver.socket.close()
    assert client.delete(queue).status_code == 204
    assert client.get(queue).status_code == 404


@pytest.mark.parametrize("way", WAYS)
def test_the_pages_of_the_management(management, way):
    client = management(way)
    for path, kind in (("/js/main.js", "javascript"), ("/css/main.css", "css"), ("/img/rabbitmqlogo.svg", "svg")):
        first = client.get(path)
        assert first.status_code == 200 and kind in first.headers["content-type"], first.headers
        again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
