"""Crowds of TLS handshakes: so many are under way at once, the others wait in their order, and none is lost."""

import contextlib
import socket
import ssl
import threading

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from hostile import Neighbour, beside
from raw import DEADLINE, RawServer
from sluice import configuration

PLACES = 4


class Client:
    """A TLS client that takes its handshake step by step."""

    def __init__(self, port, trusting):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = trusting.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.do_handshake()
        self.sock.sendall(self._outgoing.read())

    def is_answered(self, seconds=DEADLINE):
        """Whether the gateway has answered the ClientHello, or does so within so many seconds."""
        self.sock.settimeout(seconds)
        try:
            return self.sock.recv(1, socket.MSG_PEEK) != b""
        except TimeoutError:
            return False
        finally:
            self.sock.settimeout(DEADLINE)

    def _step(self, call, *arguments):
        while True:
            try:
                return call(*arguments)
            except ssl.SSLWantReadError:
                self._flush()
                data = self.sock.recv(1 << 16)
                assert data, "expected more of TLS, the connection has ended"
                self._incoming.write(data)

    def _flush(self):
        if data := self._outgoing.read():
            self.sock.sendall(data)

    def finish(self):
        """The rest of the handshake, and a request."""
        self._step(self._tls.do_handshake)
        self._tls.write(b"GET /page HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        self._flush()
        answer = self._step(self._tls.read, 12)
        assert answer == b"HTTP/1.1 200", f"expected 200, got {answer!r}"
        self.close()

    def close(self):
        self.sock.close()


@pytest.fixture
def begin(gateway, site, trusting):
    """`begin(**limits)` starts a gateway with `PLACES` places; gives a function that makes a client."""
    with contextlib.ExitStack() as stack:
        def start(files=site, **limits):
            server = RawServer()
            config = configuration(
                {"name": "page", "match": {"path": "/page"}, "respond": {"status": 200, "body": "here"}},
                listeners=[
                    {"name": "plain", "address": "127.0.0.1:0"},
                    {"name": "tls", "address": "127.0.0.1:0", "tls": {"certificates": [files.setting]}}],
                limits={"event_loops": 1, "max_connections": PLACES, **limits})
            running = gateway(beside(config, server.address))
            stack.callback(Neighbour(running, server).finish)

            def client():
                made = Client(running.port("tls"), trusting)
                stack.callback(made.close)
                return made

            return client

        yield start


def test_past_the_bound_clients_wait_in_their_order_and_none_is_lost(begin):
    client = begin()
    crowd = [client() for _ in range(30)]
    for one in crowd[:PLACES]:
        assert one.is_answered()
    assert not crowd[PLACES].is_answered(0.2), "expected that no more than so many handshakes are under way"
    for number, one in enumerate(crowd):
        # Those behind the next have not been answered yet.
        assert not any(other.is_answered(0.001) for other in crowd[number + PLACES:number + PLACES + 3])
        if number % 3 == 2:
            one.close()
        else:
            assert one.is_answered()
            one.finish()


def test_a_client_that_says_nothing_takes_no_place(begin):
    client = begin()
    address = client().sock.getpeername()
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(socket.create_connection(address, timeout=DEADLINE))
        client().finish()


def test_a_timeout_frees_a_place(begin):
    client = begin(handshake_timeout="2s")
    crowd = [client() for _ in range(PLACES)]
    for one in crowd:
        assert one.is_answered()
    early = client()
    assert not early.is_answered(0.7)
    # Its own time is over later.
    client().finish()


def test_a_client_that_keeps_others_waiting_loses_its_place(begin):
    client = begin(handshake_timeout="30s")
    crowd = [client() for _ in range(PLACES)]
    for one in crowd:
        assert one.is_answered()
    waiting = client()
    assert not waiting.is_answered(0.2)
    waiting.finish()


def test_a_storm_of_handshakes_with_a_long_key_is_served(begin, authority):
    client = begin(authority.issue("storm", ["localhost"], key=rsa.generate_private_key(65537, 3072)))
    failures = []

    def storm():
        try:
            for number in range(4):
                one = client()
                if number % 4 == 3:
                    one.close()
                else:
                    one.finish()
        except (AssertionError, OSError) as error:
            failures.append(error)

    threads = [threading.Thread(target=storm) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(4 * DEADLINE)
    assert not failures
