"""Whose turn it is on an event loop: messages of open WebSockets pass a crowd that begins.

The gateway is stopped while the crowd and then one message arrive, so that it finds all of it at once. What the crowd
has been given when the message comes out shows who was served first."""

import contextlib
import os
import select
import signal

import pytest

from changes import edited, responding
from raw import TEXT, Peer
from sluice import configuration, proxied
from waiting import eventually

CROWD = 400


@contextlib.contextmanager
def stopped(running):
    running.signal(signal.SIGSTOP)
    try:
        yield
    finally:
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


REQUEST = b"GET /begins HTTP/1.1\r\nHost: localhost\r\n\r\n"


def requests(wire, running):
    """Connections whose first request was answered: the second one is of the crowd."""
    crowd = [wire.connect(running) for _ in range(CROWD)]
    for one in crowd:
        ask(one)
        assert one.read_response().status == 418
    return crowd


def told_before(running, crowd, send, heard, client, peer):
    """How many of those who hear of the crowd have done so when a message that was sent after the crowd arrives."""
    with stopped(running):
        for one in crowd:
            send(one)
        client.send_frame(TEXT, b"later")
    assert peer.read_message()[1] == b"later"
    return told(heard)


def ask(one):
    one.send(REQUEST)


@pytest.mark.parametrize("opened", [over_http1, over_http2])
def test_a_message_passes_requests(one_loop, wire, opened):
    client, peer = opened(wire, *one_loop)
    exchange(client, peer)
    crowd = requests(wire, one_loop[0])
    served = told_before(one_loop[0], crowd, ask, crowd, client, peer)
    assert served < CROWD, f"expected the message before the last of {CROWD} answers, got it after {served}"
    for one in crowd:
        assert one.read_response().status == 418


def test_the_first_message_of_a_websocket_passes_nobody(one_loop, wire):
    # Storms of clients that only open, say something and leave would pass what is open otherwise.
    client, peer = over_http1(wire, *one_loop)
    crowd = requests(wire, one_loop[0])
    served = told_before(one_loop[0], crowd, ask, crowd, client, peer)
    assert served == CROWD, f"expected the message after all {CROWD} answers, got it after {served}"


def test_a_message_passes_websockets_that_only_open_and_close(one_loop, wire):
    client, peer = over_http1(wire, *one_loop)
    exchange(client, peer)
    crowd, servers = zip(*(over_http1(wire, *one_loop) for _ in range(CROWD)))
    closed = told_before(one_loop[0], crowd, Peer.send_close, servers, client, peer)
    assert closed < CROWD, f"expected the message before the last of {CROWD} Closes, got it after {closed}"
    for server in servers:
        assert server.expect_close()[0] == 1000


def test_what_a_command_writes_passes_requests(gateway, wire, tmp_path):
    said = tmp_path / "said"
    tell = tmp_path / "tell"
    os.mkfifo(tell)
    # Its second line is in the pipe to the gateway when the file is there.
    program = f'echo first; read -r line < {tell}; echo "$line"; touch {said}; cat'
    running = gateway(configuration(
        {"name": "command", "match": {"path": "/command"}, "command": ["sh", "-c", program]}, responding("begins"),
        limits={"event_loops": 1}))
    client = wire.open(running, "/command")
    assert client.read_message()[1] == b"first"
    crowd = requests(wire, running)
    with stopped(running):
        for one in crowd:
            ask(one)
        tell.write_text("later\n")
        eventually(said.exists, "the command to have said it")
    assert client.read_message()[1] == b"later"
    served = told(crowd)
    assert served < CROWD, f"expected the message before the last of {CROWD} answers, got it after {served}"
