"""Refusals of a server whose bodies are long, never end, break off, or are never read.

They pass at the pace of the client, in little memory, and for no longer than `handshake_timeout` from their head on:
neither side can hold the other's connection, nor a place at the server, by doing nothing.
"""

import threading
import time

import pytest

from raw import Ended
from sluice import PeakMemory, proxied
from test_hostile_servers import gone, handshake, one_server

CHUNK = b"10000\r\n" + b"x" * 65536 + b"\r\n"
HEADS = {
    "401": b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n",
    "302": b"HTTP/1.1 302 Found\r\nLocation: /login\r\n",
    "503": b"HTTP/1.1 503 Busy\r\nRetry-After: 3\r\n",
}
SHORT = {"limits": {"handshake_timeout": "1s"}}
MEBIBYTE = 1024 * 1024


def send_until_refused(peer, data):
    """Sends `data` again and again until nobody takes it any more; returns how often it went."""
    count = 0
    try:
        while True:
            peer.send(data)
            count += 1
    except OSError:
        return count


@pytest.mark.parametrize("framing", ["length", "chunked", "end"])
@pytest.mark.parametrize("status", HEADS)
def test_a_body_of_20_mebibytes_passes_whole_and_takes_no_memory(attacked, wire, status, framing):
    server = wire.server()
    running = attacked(one_server(server))
    client, peer = handshake(running, wire, server)
    pieces = 320
    length = {"length": b"Content-Length: %d\r\n" % (pieces * 65536), "chunked": b"Transfer-Encoding: chunked\r\n",
              "end": b"Connection: close\r\n"}[framing]

    def send():
        peer.send(HEADS[status] + length + b"\r\n")
        for _ in range(pieces):
            peer.send(CHUNK if framing == "chunked" else b"x" * 65536)
        if framing == "chunked":
            peer.send(b"0\r\n\r\n")
        if framing == "end":
            peer.finish_sending()

    thread = threading.Thread(target=send)
    with PeakMemory(running) as memory:
        thread.start()
        response = client.read_response()
        thread.join(10)
    assert response.status == int(status)
    assert response.body == b"x" * (pieces * 65536), f"{len(response.body)} bytes of {pieces * 65536}"
    assert memory.growth < 8 * MEBIBYTE, f"memory grew by {memory.growth} bytes"
    client.expect_end()
    gone(running)


def test_a_body_without_end_is_cut_at_the_timeout(attacked, wire):
    server = wire.server()
    running = attacked(one_server(server, sections=SHORT))
    client, peer = handshake(running, wire, server)
    started = time.monotonic()
    peer.send(HEADS["401"] + b"Transfer-Encoding: chunked\r\n\r\n")
    thread = threading.Thread(target=send_until_refused, args=(peer, CHUNK))
    with PeakMemory(running) as memory:
        thread.start()
        assert client.read_head().status == 401
        size = 0
        with pytest.raises(Ended):
            while True:
                client.buffer.clear()
                client._more()
                size += len(client.buffer)
                assert time.monotonic() - started < 10, f"expected an end after about 1 s, {size} bytes came"
        thread.join(10)
    assert time.monotonic() - started >= 0.9
    assert memory.growth < 8 * MEBIBYTE, f"memory grew by {memory.growth} bytes"
    gone(running)


def test_a_body_that_stops_coming_is_cut_at_the_timeout(attacked, wire):
    server = wire.server()
    running = attacked(one_server(server, sections=SHORT))
    client, peer = handshake(running, wire, server)
    peer.send(HEADS["401"] + b"Content-Length: 5\r\n\r\nab")
    assert client.read_head().status == 401
    assert client.read_to_end() == b"ab"
    peer.expect_end()
    gone(running)


def test_a_body_that_drips_in_is_cut_at_the_timeout(attacked, wire):
    server = wire.server()
    running = attacked(one_server(server, sections=SHORT))
    client, peer = handshake(running, wire, server)
    peer.send(HEADS["401"] + b"Transfer-Encoding: chunked\r\n\r\n")
    over = threading.Event()

    def drip():
        try:
            while not over.wait(0.02):
                peer.send(b"1\r\nx\r\n")
        except OSError:
            pass

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        started = time.monotonic()
        assert client.read_head().status == 401
        with pytest.raises(Ended):
            while time.monotonic() - started < 10:
                client._more()
        assert not client.buffer.endswith(b"0\r\n\r\n"), "expected no end of a body that did not end"
    finally:
        over.set()
        thread.join(10)
    gone(running)


def test_a_body_that_nobody_reads_is_cut_at_the_timeout(attacked, wire):
    server = wire.server()
    running = attacked(one_server(server, sections=SHORT))
    client, peer = handshake(running, wire, server)
    peer.send(HEADS["401"] + b"Transfer-Encoding: chunked\r\n\r\n")
    with PeakMemory(running) as memory:
        sent = send_until_refused(peer, CHUNK)
    peer.close()
    assert sent * 65536 < 64 * MEBIBYTE, f"{sent} pieces of 64 KiB went to a client that reads none"
    assert memory.growth < 8 * MEBIBYTE, f"memory grew by {memory.growth} bytes"
    gone(running)
    client.read_to_end()


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_client_that_leaves_inside_the_body_frees_the_server(attacked, wire, end):
    server = wire.server()
    running = attacked(one_server(server))
    client, peer = handshake(running, wire, server)
    peer.send(HEADS["401"] + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK)
    assert client.read_head().status == 401
    getattr(client, end)()
    send_until_refused(peer, CHUNK)
    gone(running)


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("head, part", [
    (b"Content-Length: 5\r\n\r\n", b"ab"), (b"Transfer-Encoding: chunked\r\n\r\n", b"2\r\nab\r\n"),
    (b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\nab"),
    (b"Transfer-Encoding: chunked\r\n\r\n", b"2\r\nab\r\nnonsense\r\n"),
], ids=["inside a length", "between chunks", "inside a chunk", "with nonsense for a chunk"])
def test_a_body_that_breaks_off_never_looks_whole(attacked, wire, head, part, end):
    server = wire.server()
    running = attacked(one_server(server))
    client, peer = handshake(running, wire, server)
    peer.send(HEADS["401"] + head + part)
    assert client.read_head().status == 401
    getattr(peer, end)()
    rest = client.read_to_end()
    if b"chunked" in head:
        assert not rest.endswith(b"0\r\n\r\n"), f"expected no last chunk, got {rest!r}"
    else:
        assert len(rest) < 5, f"expected fewer bytes than the length of 5 says, got {rest!r}"
    gone(running)


def test_a_refusal_is_not_tried_on_another_server_however_it_ends(attacked, wire):
    refusing, other = wire.server(), wire.server()
    running = attacked(proxied(refusing.address, other.address, upstream={"balance": "round_robin"}))
    client, peer = handshake(running, wire, refusing)
    peer.send(HEADS["503"] + b"Content-Length: 5\r\n\r\nab")
    peer.reset()
    client.read_to_end()
    other.sock.settimeout(0)
    with pytest.raises(BlockingIOError):
        other.sock.accept()
    gone(running)
