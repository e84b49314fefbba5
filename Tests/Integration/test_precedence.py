"""Whose turn it is on an event loop: messages of open WebSockets pass a crowd that begins.

The gateway is stopped while the crowd and then one message arrive, so that it finds all of it at once. What the crowd
has been given when the message comes out shows who was served first."""

import contextlib
import select
import signal

import pytest

from changes import edited, responding
from raw import TEXT
from sluice import proxied

CROWD = 400


@contextlib.contextmanager
def stopped(running):
    running.signal(signal.SIGSTOP)
    yield
    running.signal(signal.SIGCONT)


def exchange(client, peer):
    """A message in either direction."""
    client.send_frame(TEXT, b"first")
    assert peer.read_message()[1] == b"first"
    peer.send_frame(TEXT, b"answer")
    assert client.read_message()[1] == b"answer"


def told(peers):
    """How many have something to read."""
    poll = select.poll()
    for peer in peers:
        poll.register(peer.sock, select.POLLIN)
    return len(poll.poll(0))


@pytest.fixture
def one_loop(gateway, wire):
    """A gateway with one event loop, which answers `GET /begins` for itself."""
    server = wire.server()
    config = proxied(server.address, compression="off")
    running = gateway(edited(config, lambda new: (
        new["routes"].insert(0, responding("begins")), new.update(limits={"event_loops": 1}))))
    return running, server


def over_http1(wire, running, server):
    return wire.pair(running, server)


def over_http2(wire, running, server):
    client = wire.http2(running)
    stream = client.ask()
    peer = wire.accept(server)
    peer.read_upgrade()
    peer.accept_upgrade()
    client.expect_open(stream)
    return client.peer_on(stream), peer


def requests(wire, running):
    """Connections that are about to be answered."""
    crowd = [wire.connect(running) for _ in range(CROWD)]
    for one in crowd:
        # The second answer tells whether it was served.
        one.send(b"GET /begins HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert one.read_response().status == 418
    return crowd


def ask_all(crowd):
    for one in crowd:
        one.send(b"GET /begins HTTP/1.1\r\nHost: localhost\r\n\r\n")


@pytest.mark.parametrize("opened", [over_http1, over_http2])
def test_a_message_passes_requests(one_loop, wire, opened):
    client, peer = opened(wire, *one_loop)
    exchange(client, peer)
    crowd = requests(wire, one_loop[0])
    with stopped(one_loop[0]):
        ask_all(crowd)
        client.send_frame(TEXT, b"passes")
    assert peer.read_message()[1] == b"passes"
    served = told(crowd)
    assert served < CROWD, f"expected the message before the last of {CROWD} answers, got it after {served}"
    for one in crowd:
        assert one.read_response().status == 418


def test_the_first_message_of_a_websocket_passes_nobody(one_loop, wire):
    # Storms of clients that only open, say something and leave would pass what is open otherwise.
    client, peer = over_http1(wire, *one_loop)
    crowd = requests(wire, one_loop[0])
    with stopped(one_loop[0]):
        ask_all(crowd)
        client.send_frame(TEXT, b"first")
    assert peer.read_message()[1] == b"first"
    served = told(crowd)
    assert served == CROWD, f"expected the message after all {CROWD} answers, got it after {served}"
