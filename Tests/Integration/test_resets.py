"""What a peer sent before it reset or ended its connection is with the gateway or its kernel, and arrives."""

import contextlib
import fcntl
import json
import select
import signal
import socket
import struct
import termios
from pathlib import Path

import pytest

from delivery import wait_until_read
from raw import BINARY, TEXT
from sluice import proxied
from waiting import eventually


@contextlib.contextmanager
def frozen(running):
    """Stops the gateway for the block, so that it learns of everything in it at once, in its order."""
    process = running.process
    process.send_signal(signal.SIGSTOP)
    state = Path(f"/proc/{process.pid}/stat")
    eventually(lambda: state.read_text().rpartition(")")[2].split()[0] == "T", "the gateway to stop")
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("last", ["client", "server"])
def test_last_words_arrive_though_a_write_is_the_first_to_fail(gateway, wire, last):
    server = wire.server()
    running = gateway(proxied(server.address))
    client, peer = wire.pair(running, server)
    speaker, hearer = (client, peer) if last == "client" else (peer, client)
    with frozen(running):
        hearer.send_frame(TEXT, "are you there?")
        speaker.send_frame(TEXT, "your session has expired")
        speaker.reset()
    assert hearer.read_frame().payload == b"your session has expired"
    hearer.expect_close()


def test_an_early_answer_arrives_though_the_rest_of_the_request_can_not_be_written(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address))
    client = wire.connect(running)
    client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n" + bytes(1000))
    peer = wire.accept(server)
    peer.read_upgrade()
    with frozen(running):
        client.send(bytes(1000))
        peer.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\nConnection: close\r\n\r\ntoo much")
        peer.reset()
    response = client.read_response()
    assert (response.status, response.body) == (413, b"too much")


def unsent(peer):
    """Bytes that the other kernel has not taken."""
    return struct.unpack("i", fcntl.ioctl(peer.sock, termios.TIOCOUTQ, bytes(4)))[0]


def numbered(peer, number):
    return peer.frame(BINARY, struct.pack("!I", number) + bytes(16_000))


def fill(peer, already=0, limit=None):
    """Goes on sending frames behind `already` bytes until nobody takes more, or all `limit` bytes have gone; how many that
    are now."""
    peer.sock.setblocking(False)
    size = len(numbered(peer, 0))
    while already != limit and select.select([], [peer.sock], [], 0.3)[1]:
        with contextlib.suppress(BlockingIOError):
            # The rest of a frame that went in part.
            already += peer.sock.send(numbered(peer, already // size)[already % size :])
    return already


def test_what_a_slow_client_has_not_taken_outlives_a_reset_of_its_server(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address))
    _, first = wire.pair(running, server)
    size = len(numbered(first, 0))
    # With nine tenths of what there is room for, some is in the gateway's kernel, and none in the server's. No connection
    # has the same room as another, so where this is too much, the client takes a little.
    count = (fill(first) - unsent(first)) // size * 9 // 10
    client, peer = wire.pair(running, server)
    total, taken = fill(peer, limit=count * size), 0
    while total < count * size or unsent(peer) > 0:
        assert_number(client.read_frame(), taken)
        taken += 1
        total = fill(peer, total, count * size)
    peer.reset()
    for number in range(taken, count):
        assert_number(client.read_frame(), number)
    client.expect_close()


def test_frames_that_wait_in_the_gateway_outlive_a_reset_inside_another(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address))
    client, peer = wire.pair(running, server)
    count = fill_until_some_waits(running, peer)
    begun = numbered(peer, count)[:8000]
    peer.send(begun)
    wait_until_read(peer)
    peer.reset()
    running.eventually_without_servers()
    for number in range(count):
        assert_number(client.read_frame(), number)
    # No Close has a place there.
    assert client.read_to_end() == begun
    client.close()
    running.eventually(lambda stats: stats["connections"]["active"] == 0, "no WebSocket left")


@pytest.mark.parametrize("closes", [True, False], ids=["Close", "no Close"])
@pytest.mark.parametrize("listener", ["plain", "tls"])
def test_frames_that_wait_in_the_gateway_outlive_the_ends_of_both_sides(
        gateway, wire, both_listeners, trusting, listener, closes):
    server = wire.server()
    running = gateway(proxied(server.address, close_timeout="60s", sections={"listeners": both_listeners}))
    client, peer = wire.pair(running, server, listener=listener, tls=trusting if listener == "tls" else None)
    count = fill_until_some_waits(running, peer)
    if closes:
        client.send_close(1000)
        assert peer.expect_close()[0] == 1000
        peer.send_close(1000)
    # An SSLSocket's own forgets TLS.
    socket.socket.shutdown(client.sock, socket.SHUT_WR)
    peer.close()
    running.eventually_without_servers()
    for number in range(count):
        assert_number(client.read_frame(), number)
    if closes:
        assert client.read_frame().close[0] == 1000
    assert client.read_to_end() == b""
    running.eventually(lambda stats: stats["connections"]["active"] == 0, "no WebSocket left")


def fill_until_some_waits(running, peer):
    """Both kernels are full then, and the gateway still reads: less waits than stops it. How many frames that are."""
    count = 0
    while connections(running)[0]["queue"]["to_client"] == 0:
        peer.send(numbered(peer, count))
        count += 1
        wait_until_read(peer)
    return count


def connections(running):
    return json.loads(running.admin("/connections")[2])


def assert_number(frame, number):
    assert frame.payload[:4] == struct.pack("!I", number), f"expected frame {number}, got {frame.payload[:4].hex()}"
