"""Peers that take their time, or never come to an end, in every phase of a connection.

What bounds each phase ends the connection, with a word where one can still be written, and gives back what it held.
A peer that drips sends a byte at a time for as long as it is let.
"""

import contextlib
import os
import ssl
import threading
import time
from pathlib import Path

import pytest

from hostile import PAIRS
from raw import BINARY, CONTINUATION, TEXT
from sluice import proxied
from test_refusals import check_refusal
from waiting import eventually

DRIP = 0.02
# How late an end may come after its bound; it comes early never.
LATE = 4.0
HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"


def open_sockets(running):
    """A sanitizer opens pipes of its own, so those are not counted."""
    count = 0
    for descriptor in Path(f"/proc/{running.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            count += os.readlink(descriptor).startswith("socket:")
    return count


@pytest.fixture
def guarded(attacked):
    """`guarded(config)` starts a gateway; at the end of the test it has to hold no more than at its beginning."""
    started = []

    def start(config):
        running = attacked(config)
        started.append((running, open_sockets(running)))
        return running

    yield start
    for running, before in started:
        running.eventually(
            lambda stats: stats["connections"]["active"] == PAIRS, "no connection but the neighbour's")
        eventually(lambda: open_sockets(running) <= before, f"no more than {before} sockets")


@contextlib.contextmanager
def dripping(peer, data):
    """Sends `data` a byte at a time beside the block, and its last byte again and again."""
    over = threading.Event()

    def drip():
        position = 0
        try:
            while not over.wait(DRIP):
                peer.sock.send(data[position : position + 1])
                position = min(position + 1, len(data) - 1)
        except OSError:
            pass

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)


@contextlib.contextmanager
def takes(seconds):
    started = time.monotonic()
    yield
    taken = time.monotonic() - started
    assert seconds * 0.9 <= taken <= seconds + LATE, f"expected an end after {seconds} s, it took {taken:.2f} s"


def hello():
    """What a TLS client sends first."""
    outgoing = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def short(server, both_listeners, **route):
    return proxied(
        server.address, **route,
        sections={"listeners": both_listeners, "limits": {"handshake_timeout": "500ms"}})


STARTS = {
    "nothing": (b"", b""),
    "half a request line": (b"GET / HT", b""),
    "a head without its end": (HEAD, b""),
    "empty lines that drip": (b"", b"\r\n" * 5000),
    "a request line that drips": (b"", b"GET /" + b"a" * 5000),
    "a name that drips": (HEAD, b"X-" + b"a" * 5000),
    "a value that drips": (HEAD, b"X-A: " + b"a" * 5000),
    "fields that drip": (HEAD, b"X: y\r\n" * 5000),
}


@pytest.mark.parametrize("listener", ["plain", "tls"])
def test_a_request_that_does_not_end_gets_408(guarded, wire, trusting, both_listeners, listener):
    running = guarded(short(wire.server(), both_listeners))
    clients = {}
    with takes(0.5), contextlib.ExitStack() as drips:
        for name, (at_once, drip) in STARTS.items():
            client = clients[name] = wire.connect(running, listener, tls=trusting if listener == "tls" else None)
            client.send(at_once)
            # One thread at a time may use a TLS connection of Python's: there, no drip beside the reading.
            if drip and listener == "plain":
                drips.enter_context(dripping(client, drip))
        for name, client in clients.items():
            print(name)  # shown where the test fails
            check_refusal(client.read_response(), 408)
            client.expect_end()
    for client in clients.values():
        client.close()


HELLOS = {
    "nothing": lambda hello: (b"", b""),
    "a byte": lambda hello: (hello[:1], b""),
    "half a hello": lambda hello: (hello[: len(hello) // 2], b""),
    "a hello that drips": lambda hello: (b"", hello),
    "a hello, and no more": lambda hello: (hello, b""),
}


def test_a_tls_handshake_that_does_not_end_just_ends(guarded, wire, both_listeners):
    """There is no language yet in which a status could be said."""
    running = guarded(short(wire.server(), both_listeners))
    clients = {}
    with takes(0.5), contextlib.ExitStack() as drips:
        for name, start in HELLOS.items():
            at_once, drip = start(hello())
            client = clients[name] = wire.connect(running, "tls")
            client.send(at_once)
            if drip:
                drips.enter_context(dripping(client, drip))
        for name, client in clients.items():
            answer = client.read_to_end()
            assert b"HTTP" not in answer, f"{name}: {answer!r}"
    assert running.stats()["connections"]["rejected_total"] == {"handshake_timeout": len(HELLOS)}
    for client in clients.values():
        client.close()


def test_a_client_that_never_reads_its_refusal_is_dropped(guarded, wire, both_listeners):
    running = guarded(short(wire.server(), both_listeners))
    before = open_sockets(running)
    clients = [wire.connect(running) for _ in range(20)]
    for client in clients:
        client.send(b"nonsense\r\n\r\n")
    running.eventually(
        lambda stats: stats["connections"]["rejected_total"].get("bad_request") == 20, "20 refusals")
    eventually(lambda: open_sockets(running) <= before, "their connections to be gone, though they are open here")


def test_a_client_that_goes_on_sending_after_its_refusal_is_dropped(guarded, wire, both_listeners):
    running = guarded(short(wire.server(), both_listeners))
    client = wire.connect(running)
    started = time.monotonic()
    with pytest.raises(OSError):
        while time.monotonic() - started < 10:
            client.send(b"nonsense\r\n\r\n" * 1000)
    assert time.monotonic() - started < 2 + LATE
    client.close()


def test_many_that_say_nothing_keep_nobody_out(guarded, wire, both_listeners):
    server = wire.server()
    running = guarded(short(server, both_listeners, max_connections=1))
    silent = [wire.connect(running) for _ in range(300)]
    client, peer = wire.pair(running, server)
    running.neighbour.check()
    client.send_frame(TEXT, "heard")
    assert peer.read_message()[1] == b"heard"
    for one in silent:
        check_refusal(one.read_response(), 408)
    for one in (*silent, client, peer):
        one.close()


# After the 101


def opened(guarded, wire, **route):
    server = wire.server()
    running = guarded(proxied(server.address, **{"ping_interval": "0s", "close_timeout": "300ms", **route}))
    return *wire.pair(running, server), running


@pytest.mark.parametrize("from_client", [True, False], ids=["client", "server"])
def test_a_frame_header_that_drips_is_no_traffic(guarded, wire, from_client):
    client, peer, _ = opened(guarded, wire, idle_timeout="500ms")
    sender = client if from_client else peer
    header = sender.frame(BINARY, bytes(70_000))[: 14 if from_client else 10]
    with takes(0.5):
        sender.send(header[:1])
        for byte in header[1:-1]:
            try:
                sender.sock.settimeout(0.1)
                sender._more()
                break
            except AssertionError:
                sender.send(bytes([byte]))  # nothing has come yet: one byte more
        sender.sock.settimeout(10)
        assert sender.expect_close()[0] == 1001
    assert (peer if from_client else client).expect_close()[0] == 1001
    client.read_to_end()
    peer.read_to_end()


@pytest.mark.parametrize("from_client", [True, False], ids=["client", "server"])
def test_a_payload_that_drips_is_traffic_and_passes_as_it_comes(guarded, wire, from_client):
    client, peer, _ = opened(guarded, wire, idle_timeout="500ms", max_lifetime="1500ms")
    sender, receiver = (client, peer) if from_client else (peer, client)
    frame = sender.frame(BINARY, bytes(10_000))
    sender.send(frame[:20])
    with takes(1.5), dripping(sender, frame[20:]):
        # Its own direction is inside a frame: no Close can be written there, and the connection ends without one.
        arrived = receiver.read_to_end()
        assert sender.expect_close()[0] == 1001
    assert len(arrived) > 40, f"expected bytes as they were sent, got {len(arrived)} in 1.5 s"
    sender.read_to_end()


@pytest.mark.parametrize("from_client", [True, False], ids=["client", "server"])
def test_a_payload_that_stops_coming_is_idle(guarded, wire, from_client):
    client, peer, _ = opened(guarded, wire, idle_timeout="500ms")
    sender, receiver = (client, peer) if from_client else (peer, client)
    with takes(0.5):
        sender.send(sender.frame(BINARY, bytes(10_000))[:50])
        assert sender.expect_close()[0] == 1001
    receiver.read_exactly(50)
    assert receiver.read_to_end() == b"", "expected no Close inside a frame"
    sender.read_to_end()


def test_a_message_that_never_ends_is_bounded_by_its_size(guarded, wire):
    client, peer, _ = opened(guarded, wire, max_message_size="100")
    client.send_frame(TEXT, "x", fin=False)
    with pytest.raises(AssertionError, match="nothing came"):
        client.sock.settimeout(0.001)
        client.read_frame()
    client.sock.settimeout(10)
    for _ in range(100):
        client.send_frame(CONTINUATION, "x", fin=False)
    assert client.expect_close()[0] == 1009
    frames = [peer.read_frame() for _ in range(100)]
    assert b"".join(frame.payload for frame in frames) == b"x" * 100
    assert peer.expect_close()[0] == 1001
    client.read_to_end()
    peer.read_to_end()


# Half-closes


@pytest.mark.parametrize("listener", ["plain", "tls"])
@pytest.mark.parametrize("sent", [b"", b"GET / HT", HEAD], ids=["before", "inside the line", "inside the head"])
def test_a_client_that_ends_before_its_request_does_is_let_go(guarded, wire, trusting, both_listeners, sent, listener):
    running = guarded(short(wire.server(), both_listeners))
    client = wire.connect(running, listener, tls=trusting if listener == "tls" else None)
    client.send(sent)
    client.finish_sending()
    if listener == "plain" and sent:
        check_refusal(client.read_response(), 400)
    client.read_to_end()
    client.close()


@pytest.mark.parametrize("together", [True, False], ids=["with its request", "while the server is asked"])
def test_a_client_that_ends_before_the_101_frees_the_server(guarded, wire, both_listeners, together):
    server = wire.server()
    running = guarded(short(server, both_listeners, max_connections=1))
    client = wire.connect(running).send_upgrade("/")
    if together:
        # It has gone before the server hears of it.
        client.finish_sending()
        assert client.read_to_end() == b""
    else:
        peer = wire.accept(server)
        peer.read_upgrade()
        client.finish_sending()
        assert client.read_to_end() == b""
        peer.read_to_end()
    running.eventually(lambda stats: stats["routes"]["all"]["active"] == 0, "the place to be free")
    client.close()


@pytest.mark.parametrize("from_client", [True, False], ids=["client", "server"])
def test_an_end_between_messages_passes_and_what_was_sent_before_arrives(guarded, wire, from_client):
    client, peer, _ = opened(guarded, wire)
    sender, receiver = (client, peer) if from_client else (peer, client)
    sender.send_frame(TEXT, "last")
    sender.finish_sending()
    assert receiver.read_message()[1] == b"last"
    assert receiver.expect_end() == "eof"
    with takes(0):
        sender.read_to_end()  # close_timeout, where the other side never ends its half


@pytest.mark.parametrize("inside", ["a message", "a frame"])
@pytest.mark.parametrize("from_client", [True, False], ids=["client", "server"])
def test_an_end_inside_a_message_gets_a_close_where_one_can_be_written(guarded, wire, from_client, inside):
    client, peer, _ = opened(guarded, wire)
    sender, receiver = (client, peer) if from_client else (peer, client)
    frame = sender.frame(TEXT, "begun", fin=False)
    sender.send(frame if inside == "a message" else frame[:-1])
    sender.finish_sending()
    receiver.read_exactly(len(frame) - (inside == "a frame"))
    if inside == "a message":
        assert receiver.expect_close()[0] == (1001 if from_client else 1011)
    else:
        assert receiver.read_to_end() == b"", "expected no Close inside a frame"
    receiver.close()
    sender.read_to_end()
