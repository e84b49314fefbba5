"""MQTT over WebSockets: paho-mqtt before mosquitto, straight, and through the gateway with conf/examples/mqtt.yaml."""

import itertools
import os
import queue

import paho.mqtt.client
import pytest
import websockets.exceptions

from examples import example
from programs import mosquitto
from test_http2_browsers import listed
from waiting import eventually

DEADLINE = 10
WAYS = ["direct", "sluice"]
_numbers = itertools.count()


class Client:
    """A paho client; what it sees arrives in queues."""

    def __init__(self, host, port, tls=None, transport="websockets", **options):
        self.name = f"client-{next(_numbers)}"
        self.messages = queue.Queue()
        self.subscribed = queue.Queue()
        self.connected = queue.Queue()
        self.log = []
        self.paho = paho.mqtt.client.Client(
            paho.mqtt.client.CallbackAPIVersion.VERSION2, client_id=self.name, transport=transport,
            **options.pop("client", {}))
        self.paho.on_message = lambda client, data, message: self.messages.put(message)
        self.paho.on_subscribe = lambda client, data, number, codes, properties: self.subscribed.put(codes)
        self.paho.on_connect = lambda client, data, flags, code, properties: self.connected.put((code, flags))
        self.paho.on_log = lambda client, data, level, text: self.log.append(text)
        self.paho.reconnect_delay_set(1, 1)
        if will := options.pop("will", None):
            self.paho.will_set("wills", will, 1)
        if tls is not None:
            self.paho.tls_set_context(tls)
        self.paho.ws_set_options(path="/mqtt")
        self.paho.connect(host, port, **options)
        self.paho.loop_start()
        self.wait_for_connection()

    def wait_for_connection(self):
        code, flags = self.connected.get(timeout=DEADLINE)
        assert code == 0, f"expected CONNACK with 0, got {code}: {self.log}"
        return flags

    def subscribe(self, topic, quality=0):
        self.paho.subscribe(topic, quality)
        codes = self.subscribed.get(timeout=DEADLINE)
        assert [code.value for code in codes] == [quality], codes

    def publish(self, topic, payload, quality=0, retain=False):
        """Returns when it is sent; with quality 1 and 2, when the broker has it."""
        self.paho.publish(topic, payload, quality, retain).wait_for_publish(DEADLINE)

    def next(self):
        message = self.messages.get(timeout=DEADLINE)
        return message.topic, message.payload, message.qos, message.retain

    def close(self):
        self.paho.disconnect()
        self.paho.loop_stop()


@pytest.fixture(scope="module")
def brokers(tmp_path_factory):
    directories = [tmp_path_factory.mktemp("mosquitto") for _ in range(2)]
    started = [mosquitto(directory).begin() for directory in directories]
    for broker, directory in zip(started, directories):
        broker.wait().socket = str(directory / "mqtt")
    yield started
    for broker in started:
        print(broker.output()[-4000:])
        broker.stop()


@pytest.fixture
def running(gateway, brokers, site):
    return gateway(example("mqtt", site, brokers=[broker.address for broker in brokers]))


@pytest.fixture
def join(request, brokers, trusting):
    """`join(way)` connects a client in that way; the gateway is started when it is the way."""
    clients = []

    def connect(way, **options):
        if way == "direct":
            client = Client("localhost", brokers[0].ports[0], **options)
        elif way == "unix socket":
            client = Client(brokers[0].socket, 1883, transport="unix", **options)
        else:
            running = request.getfixturevalue("running")
            client = Client("localhost", running.port("public"), trusting, **options)
        clients.append(client)
        return client

    # First, so that it is torn down after the clients.
    request.getfixturevalue("gateway")
    yield connect
    for client in clients:
        client.close()


def servers(running, brokers):
    """What /stats says of each broker."""
    stats = running.stats()["upstreams"]["brokers"]["servers"]
    return [stats[broker.address] for broker in brokers]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("quality", "version"),
    [(0, paho.mqtt.client.MQTTv311), (1, paho.mqtt.client.MQTTv5), (2, paho.mqtt.client.MQTTv5)])
def test_publish_and_subscribe(join, way, quality, version):
    subscriber, publisher = join(way, client={"protocol": version}), join(way, client={"protocol": version})
    subscriber.subscribe("rooms/#", quality)
    for number in range(20):
        publisher.publish(f"rooms/{number}", f"message {number}", quality)
    assert [subscriber.next() for _ in range(20)] == [
        (f"rooms/{number}", b"message %d" % number, quality, False) for number in range(20)]


def wake(noise):
    for _ in range(20):
        noise.publish("noise", "", 1)


@pytest.mark.parametrize("way", WAYS)
def test_a_megabyte(join, way):
    payload = os.urandom(1 << 20)
    subscriber, publisher = join(way), join(way)
    # The broker sends over WebSockets 4 KiB each time it wakes up, which is ten times a second, or when there is news.
    noise = join("unix socket")
    subscriber.subscribe("large", 1)
    publisher.publish("large", payload, 1)
    eventually(lambda: wake(noise) or not subscriber.messages.empty(), "a megabyte", 30)
    assert subscriber.next() == ("large", payload, 1, False)


@pytest.mark.parametrize("way", WAYS)
def test_a_retained_message(join, way):
    join(way).publish("weather", f"rain, said {way}", 1, retain=True)
    late = join(way)
    late.subscribe("weather")
    assert late.next() == ("weather", f"rain, said {way}".encode(), 0, True)


@pytest.mark.parametrize("way", WAYS)
def test_what_came_while_a_client_was_away(join, way):
    away, publisher = join(way, client={"clean_session": False}), join(way)
    away.subscribe("news", 1)
    away.close()
    publisher.publish("news", "something happened", 1)
    away.paho.reconnect()
    away.paho.loop_start()
    assert away.wait_for_connection().session_present
    assert away.next() == ("news", b"something happened", 1, False)


@pytest.mark.parametrize("way", WAYS)
def test_keep_alive(join, way):
    idle = join(way, keepalive=1)
    eventually(lambda: idle.log.count("Received PINGRESP") >= 2, "two answers to MQTT's own pings")
    assert idle.paho.is_connected()


def test_a_last_will(join, running):
    """MQTT 3.1.1 §3.1.2.5: published when the connection ends and no DISCONNECT was sent."""
    watching = join("sluice")
    watching.subscribe("wills", 1)
    before = {entry["id"] for entry in listed(running, 1)}
    join("sluice", will="gone")
    mortal, = {entry["id"] for entry in listed(running, 2)} - before
    assert running.admin(f"/connections/{mortal}", "DELETE")[0] == 202
    assert watching.next() == ("wills", b"gone", 1, False)


def test_clients_go_to_the_other_broker_when_theirs_dies(join, running, brokers):
    clients = [join("sluice") for _ in range(3)]
    assert [server["active"] for server in servers(running, brokers)] == [3, 0]
    brokers[0].kill()
    try:
        for client in clients:
            client.wait_for_connection()
            client.subscribe("after", 1)
        clients[0].publish("after", "still here", 1)
        assert [client.next()[1] for client in clients] == [b"still here"] * 3
        assert [server["active"] for server in servers(running, brokers)] == [0, 3]
    finally:
        brokers[0].start()


def test_others_are_refused(running, connect, trusting):
    for subprotocols in (None, ["chat"]):
        with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
            connect(running.url("/mqtt", "public", "wss", "localhost"), subprotocols=subprotocols, ssl=trusting)
        assert refused.value.response.status_code == 404
    with connect(running.url("/mqtt", "public", "wss", "localhost"), subprotocols=["mqtt"], ssl=trusting) as client:
        assert client.subprotocol == "mqtt"
