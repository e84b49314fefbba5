"""A server over HTTP/1.1 that keeps every byte that reached it, by connection, and reads them by the letter.

`RecordingServer` answers each request that came whole with what `answer(request)` gives: bytes, or a function of
(peer, request) that says more than one thing. What is no request in order stands in `Connection.failure`, and ends the
connection.
"""

import threading

import pytest

from hostile import beside
from raw import DEADLINE, Ended, Listening, Peer, RawServer
from sluice import Gateway, proxied
from strict_http1 import Malformed, StrictReader, expect_one_reading
from waiting import eventually


def plain(body=b"", status=b"200 OK", fields=b""):
    """A response with Content-Length."""
    return b"HTTP/1.1 " + status + b"\r\n" + fields + b"Content-Length: %d\r\n\r\n" % len(body) + body


def name_of(request):
    """What the usual answer says: which request it answers."""
    return f"{request.method} {request.target} {len(request.body)}".encode()


class Connection(Peer):
    """One connection of a client's. `requests`: those that came whole; `failure`: why what came then is none; `ended`:
    how the client ended it."""

    def __init__(self, sock, number):
        super().__init__(sock, "server")
        sock.settimeout(None)  # idle connections are kept as long as the client likes
        self.number = number
        self.wire = bytearray()
        self.requests = []
        self.failure = None
        self.ended = None
        self.reader = StrictReader(self)

    def _more(self):
        before = len(self.buffer)
        super()._more()
        self.wire += self.buffer[before:]

    def told_to_continue(self, head):
        """A server that wants the body says so (RFC 9110 §10.1.1)."""
        if (head.get("expect") or "").lower() == "100-continue":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    @property
    def unfinished(self):
        """What came behind the last request that came whole."""
        whole = sum(len(request.wire) for request in self.requests)
        return bytes(self.wire[whole:])


class RecordingServer:
    def __init__(self, answer=None):
        self.answer = answer or (lambda request: plain(name_of(request)))
        self.connections = []
        self.requests = []  # of all connections, in the order in which they came whole
        self._lock = threading.Lock()
        self._sock = Listening.on(("127.0.0.1", 0))
        self.address = "%s:%d" % self._sock.getsockname()
        self._closing = False
        threading.Thread(target=self._accept, name="recording", daemon=True).start()

    def _accept(self):
        while not self._closing:
            try:
                sock, _ = self._sock.accept()
            except OSError:
                return
            with self._lock:
                connection = Connection(sock, len(self.connections))
                self.connections.append(connection)
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection):
        try:
            while True:
                request = connection.reader.read_request(connection.told_to_continue)
                with self._lock:
                    connection.requests.append(request)
                    self.requests.append(request)
                answer = self.answer(request)
                if callable(answer):
                    answer(connection, request)
                else:
                    connection.send(answer)
        except Ended as end:
            connection.ended = end.how
        except Malformed as malformed:
            connection.failure = str(malformed)
        except OSError:
            connection.ended = connection.ended or "reset"
        finally:
            connection.close()

    def forget(self):
        """Begins a new record; connections that are open go on, and are in it again."""
        with self._lock:
            self.requests.clear()
            self.connections = [one for one in self.connections if one.ended is None and one.failure is None]
            for one in self.connections:
                one.requests.clear()
                one.wire.clear()

    @property
    def failures(self):
        with self._lock:
            return [(one.number, one.failure, bytes(one.wire)) for one in self.connections if one.failure]

    @property
    def unfinished(self):
        """Bytes of requests that did not come whole."""
        with self._lock:
            return [one.unfinished for one in self.connections if one.unfinished]

    def wait_for(self, count, what="requests"):
        eventually(lambda: len(self.requests) >= count, f"{count} {what} at the server", DEADLINE)
        return list(self.requests)

    def requests_before_a_mark(self, client):
        """What came whole before a request that `client` sends now: whatever has been left behind on connections meets
        that one. Each has one reading, and none is `/smuggled`."""
        client.send(b"GET /mark HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        mark = StrictReader(client).read_final()
        assert mark.body == b"GET /mark 0", f"expected the answer to the mark, got {mark}"
        requests = list(self.requests)
        assert not self.failures, f"no request in order reached the server: {self.failures}"
        assert [one.target for one in requests].count("/mark") == 1, requests
        requests = [one for one in requests if one.target != "/mark"]
        for one in requests:
            assert "smuggled" not in one.target, f"the server saw {one}"
            expect_one_reading(one)
        return requests

    def close(self):
        self._closing = True
        self._sock.close()
        for connection in list(self.connections):
            try:
                connection.sock.shutdown(2)  # wakes the thread that reads
            except OSError:
                pass


@pytest.fixture(scope="module")
def matrix(tmp_path_factory):
    """(gateway, recording server behind it) for all cases of a module."""
    server = RecordingServer()
    neighbours = RawServer()
    gateway = Gateway(
        beside(proxied(server.address, upstream={"retries": 0}), neighbours.address),
        tmp_path_factory.mktemp("smuggling")).start()
    yield gateway, server
    try:
        assert gateway.stop() == 0
    finally:
        gateway.kill()
        server.close()
        neighbours.close()
