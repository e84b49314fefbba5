"""Many plain requests at once, of all kinds, some of them given up: everybody gets the answer to their own request."""

import random
import threading
import zlib

import pytest

from http2_client import HTTP2Client
from http2_peer import connect
from http_pairs import (  # noqa: F401
    HTTP1Exchanges, HTTP2Exchanges, Reply, each_pair, exchanges, in_flight, origin, pair)
from raw import Ended
from sluice import proxied
from waiting import eventually

CLIENTS, ROUNDS = 6, 25


def answered(request):
    """A body that nobody else's request has."""
    size = int(request.get("x-size"))
    seed = zlib.crc32(request.body, zlib.crc32(request.target.encode()))
    framing = random.Random(seed).choice(["length", "chunked"])
    return Reply(random.Random(seed).randbytes(size), framing=framing, fields=(("x-seed", str(seed)),))


class Caller(threading.Thread):
    """One client with one connection, and another whenever it gives up a request."""

    def __init__(self, number, front, running):
        super().__init__(daemon=True)
        self._random = random.Random(number)
        self._number, self._front, self._running = number, front, running
        self.failure = None

    def _connect(self):
        if self._front == "h1":
            return HTTP1Exchanges(self._running.connect())
        return HTTP2Exchanges(HTTP2Client.connect(self._running))

    def run(self):
        client = self._connect()
        try:
            for round_ in range(ROUNDS):
                if self._random.random() < 0.2:
                    self._give_up(client)
                    client = self._connect()
                else:
                    self._ask(client, f"/{self._number}/{round_}")
        except (AssertionError, Ended, OSError, KeyError) as error:
            self.failure = error
        finally:
            self._close(client)

    def _ask(self, client, path):
        body = self._random.choice([None, self._random.randbytes(self._random.choice([1, 1000, 70_000]))])
        size = self._random.choice([0, 10, 5000, 80_000])
        answer = client.exchange(
            "POST" if body else "GET", path, [("x-size", str(size))], body, self._random.choice(["length", "chunked"]))
        seed = zlib.crc32(body or b"", zlib.crc32(path.encode()))
        assert answer.status == 200, answer
        assert answer.get("x-seed") == str(seed), f"{path} got the answer to another request"
        assert answer.body == random.Random(seed).randbytes(size), f"{path}: {len(answer.body)} bytes, expected {size}"

    def _give_up(self, client):
        """Goes in the middle of a request, or of its answer."""
        inside = self._random.random() < 0.5
        if self._front == "h1":
            length = b"Content-Length: 1000\r\n" if inside else b""
            client.peer.send(b"GET /gone HTTP/1.1\r\nHost: localhost\r\nX-Size: 300000\r\n" + length + b"\r\n")
        else:
            http2 = client.client
            http2.start([*http2.pseudo("GET", "/gone"), ("x-size", "300000")], end=not inside)
        self._close(client)

    def _close(self, client):
        (client.peer if self._front == "h1" else client.client).close()


@each_pair
def test_everybody_gets_the_answer_to_their_own_request(pair, versions):  # noqa: F811
    _, running, server = pair(versions, answered)
    callers = [Caller(number, versions[0], running) for number in range(CLIENTS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
        assert not caller.is_alive(), "a client is still waiting for its answer"
        assert caller.failure is None, f"client failed: {caller.failure!r}"
    in_flight(running, 0)
    requests = running.route()["requests"]
    answers = sum(requests["statuses"].values())
    assert requests["total"] >= answers >= sum(request.target != "/gone" for request in server.requests)


@pytest.mark.parametrize("back", ["h1", "h2"])
def test_streams_of_one_connection_do_not_wait_for_each_other(stage, pair, back):  # noqa: F811
    """The first request is answered last."""
    may_answer = threading.Event()
    if back == "h1":
        def reply(request):
            if request.target == "/0":
                assert may_answer.wait(20)
            return Reply(request.target.encode())
    else:
        # One thread serves all of them there: the first waits at the client's side instead, with its body.
        def reply(request):
            return Reply(request.target.encode())
    _, running, _ = pair(("h2", back), reply)
    link = connect(stage, running.addresses["plain"])
    streams = []
    for number in range(20):
        stream = link.stream()
        pseudo = [(":method", "POST" if number == 0 else "GET"), (":scheme", "http"), (":path", f"/{number}"),
                  (":authority", "localhost")]
        stream.send_request(pseudo, ends=number > 0)
        if number == 0 and back == "h1":
            stream.finish_sending()
        streams.append(stream)
    for number, stream in enumerate(streams[1:], 1):
        assert stream.read_to_end() == b"/%d" % number
    assert not streams[0].buffer
    may_answer.set()
    if back == "h2":
        streams[0].finish_sending()
    assert streams[0].read_to_end() == b"/0"
    link.close()


def test_requests_and_websockets_of_one_connection(gateway, backend, wire):
    """Streams of both kinds beside each other, to one server."""
    echo = backend()
    running = gateway(proxied(echo.address))
    client = wire.http2(running)
    sockets = [client.websocket() for _ in range(5)]
    for number, socket in enumerate(sockets):
        answer = client.request(f"/{number}")
        assert answer.status == 426, answer  # what `websockets` says to a plain request
        socket.echo(f"hello {number}")
    eventually(lambda: running.route()["requests"]["total"] == 5, "5 requests")
    assert running.route()["active"] == 5
