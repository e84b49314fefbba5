"""Bytes that come before their time: behind a request that has no answer yet, and behind a 101.

Frames arrive once and in order, what is no frame closes the connection, and nothing is read for a second request.
"""

import threading

import pytest

from bad_requests import HOST, SMUGGLED
from raw import BINARY, CLOSE, PING, TEXT, close_payload, encode_frame
from sluice import PeakMemory, configuration
from test_hostile_servers import gone, handshake, one_server, switching
from test_refusals import check_refusal

MASK = b"\x37\xfa\x21\x3d"
MEBIBYTE = 1024 * 1024
UNREADABLE = {
    "a reserved opcode": b"\x83\x80" + MASK,
    "no mask": encode_frame(TEXT, "unmasked"),
    "RSV1": encode_frame(TEXT, "compressed", rsv=4, mask=MASK),
    "a ping of 126 bytes": encode_frame(PING, bytes(126), mask=MASK),
    "a continuation of nothing": encode_frame(0, "rest", mask=MASK),
    "a request": SMUGGLED,
    "the 8 bytes of hixie-76": b"^n:ds[4U",
}


@pytest.mark.parametrize("segments", [1, 2], ids=["in one segment", "in another segment"])
def test_frames_behind_the_request_arrive_once_and_in_order(attacked, wire, segments):
    server = wire.server()
    running = attacked(one_server(server))
    frames = [encode_frame(TEXT, f"message {number}", mask=MASK) for number in range(200)]
    frames[100:100] = [encode_frame(PING, b"of the client", mask=MASK)]
    client = wire.connect(running).send_upgrade("/", extra=b"".join(frames) if segments == 1 else b"")
    peer = wire.accept(server)
    if segments == 2:
        client.send(b"".join(frames))
    peer.read_upgrade()
    assert not peer.buffer, f"expected no frames before the 101, got {bytes(peer.buffer[:80])!r}"
    peer.accept_upgrade()
    assert client.read_response().status == 101
    client.send_frame(BINARY, b"later")
    for number in range(200):
        if number == 100:
            frame = peer.read_frame()
            assert (frame.opcode, frame.payload) == (PING, b"of the client")
        frame = peer.read_frame()
        assert (frame.opcode, frame.payload) == (TEXT, f"message {number}".encode())
    assert peer.read_frame().payload == b"later"


@pytest.mark.parametrize("data", UNREADABLE, ids=str)
def test_what_is_no_frame_behind_the_request_closes_with_1002_and_1001(attacked, wire, data):
    server = wire.server()
    running = attacked(one_server(server))
    client = wire.connect(running).send_upgrade("/", extra=UNREADABLE[data])
    peer = wire.accept(server)
    peer.accept_upgrade()
    assert client.read_response().status == 101
    frame = client.read_frame()
    assert (frame.opcode, frame.close[0]) == (CLOSE, 1002)
    frame = peer.read_frame()
    assert (frame.opcode, frame.close[0]) == (CLOSE, 1001)
    client.close()
    peer.close()
    gone(running)


def test_a_frame_behind_the_request_is_dropped_with_a_refusal(attacked, wire):
    server = wire.server()
    running = attacked(one_server(server))
    client = wire.connect(running).send_upgrade("/", extra=encode_frame(TEXT, "early", mask=MASK) + SMUGGLED)
    peer = wire.accept(server)
    peer.read_upgrade()
    peer.send(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
    assert (client.read_response().status, client.response.body) == (403, b"no")
    assert client.expect_end() == "eof"
    assert peer.read_to_end() == b""
    server.sock.settimeout(0)
    with pytest.raises(BlockingIOError):
        server.sock.accept()


@pytest.mark.parametrize("path, status", [("/page", 200), ("/old", 302), ("/nothing", 404)])
def test_a_second_request_is_one_of_its_own(attacked, wire, path, status):
    server = wire.server()
    running = attacked(configuration(
        {"name": "page", "match": {"path": "/page"}, "respond": {"status": 200, "body": "a page"}},
        {"name": "old", "match": {"path": "/old"}, "redirect": "/new"},
        {"name": "all", "match": {"path": "/smuggled"}, "upstream": "backend"},
        upstreams=[{"name": "backend", "servers": [{"address": server.address}]}]))
    client = wire.connect(running)
    client.send(b"GET " + path.encode() + b" HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED)
    response = client.read_response()
    assert (response.status, response.get("connection")) == (status, None)
    peer = wire.accept(server)
    peer.accept_upgrade()
    assert peer.request.start_line == "GET /smuggled HTTP/1.1"
    assert client.read_response().status == 101
    client.send_frame(TEXT, b"one of its own")
    assert peer.read_frame().payload == b"one of its own"


def test_10_megabytes_before_the_101_wait_at_the_client(attacked, wire):
    server = wire.server()
    running = attacked(one_server(server))
    messages = [bytes([number]) * 100_000 for number in range(100)]
    data = b"".join(encode_frame(BINARY, message, mask=MASK) for message in messages)
    with PeakMemory(running) as memory:
        client = wire.connect(running).send_upgrade("/")
        peer = wire.accept(server)
        peer.read_upgrade()
        client.sock.settimeout(0.5)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < len(data):
                sent += client.sock.send(data[sent : sent + 65536])
        client.sock.settimeout(10)
        assert not peer.buffer, f"expected no frames before the 101, got {bytes(peer.buffer[:80])!r}"
    assert memory.growth < 2 * MEBIBYTE, f"memory grew by {memory.growth} bytes while {sent} bytes were sent"
    peer.accept_upgrade()
    thread = threading.Thread(target=client.send, args=(data[sent:],))
    thread.start()
    for message in messages:
        frame = peer.read_frame()
        assert frame.opcode == BINARY and frame.payload == message
    thread.join(10)
    assert client.read_response().status == 101


def test_10_megabytes_behind_a_refused_request_are_thrown_away(attacked, wire):
    running = attacked(one_server(wire.server()))
    client = wire.connect(running)
    with PeakMemory(running) as memory:
        client.send_upgrade("/", key="short")
        try:
            client.send(b"x" * 10_000_000)
        except OSError:
            pass  # the client's end was not waited for any longer
    check_refusal(client.read_response(), 400)
    assert memory.growth < 2 * MEBIBYTE, f"memory grew by {memory.growth} bytes"


def test_frames_in_the_segment_of_the_101_arrive_once_and_in_order(attacked, wire):
    server = wire.server()
    running = attacked(one_server(server))
    client, peer = handshake(running, wire, server)
    frames = [encode_frame(TEXT, f"message {number}") for number in range(200)]
    frames[100:100] = [encode_frame(PING, b"of the server")]
    peer.send(switching(peer, behind=b"".join(frames)))
    peer.send_frame(BINARY, b"later")
    assert client.read_response().status == 101
    for number in range(200):
        if number == 100:
            frame = client.read_frame()
            assert (frame.opcode, frame.payload) == (PING, b"of the server")
        frame = client.read_frame()
        assert (frame.opcode, frame.payload) == (TEXT, f"message {number}".encode())
    assert client.read_frame().payload == b"later"


BEHIND_A_101 = {
    "a reserved opcode": b"\x83\x00",
    "a masked frame": encode_frame(TEXT, "masked", mask=b"abcd"),
    "RSV1": encode_frame(TEXT, "compressed", rsv=4),
    "a continuation of nothing": encode_frame(0, "rest"),
    "another 101": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "a body": b"<html>",
}


@pytest.mark.parametrize("behind", BEHIND_A_101, ids=str)
def test_what_is_no_frame_behind_a_101_closes_with_1002_and_1001(attacked, wire, behind):
    """A 101 has no body, whatever its fields say (RFC 9112 §6.3): what follows is frames."""
    server = wire.server()
    running = attacked(one_server(server))
    data = BEHIND_A_101[behind]
    for lines in ([], [b"Content-Length: %d" % len(data)], [b"Transfer-Encoding: chunked"]):
        client, peer = handshake(running, wire, server)
        peer.send(switching(peer, *lines, behind=data))
        response = client.read_response()
        assert response.status == 101
        assert response.get("content-length") is None and response.get("transfer-encoding") is None, response.fields
        frame = client.read_frame()
        assert (frame.opcode, frame.close[0]) == (CLOSE, 1001), f"with {lines}"
        frame = peer.read_frame()
        assert (frame.opcode, frame.close[0]) == (CLOSE, 1002), f"with {lines}"
        client.close()
        peer.close()
    gone(running)


def test_a_close_in_the_segment_of_the_101_passes(attacked, wire):
    server = wire.server()
    running = attacked(one_server(server))
    client, peer = handshake(running, wire, server)
    peer.send(switching(peer, behind=encode_frame(CLOSE, close_payload(4000, "not today"))))
    assert client.read_response().status == 101
    assert client.expect_close() == (4000, "not today")
