"""The peers of these tests agree with each other when no gateway stands between them."""

import socket
import threading
import zlib

import pytest
import websockets.sync.client

import raw
from hostile import Neighbour
from raw import BINARY, CLOSE, PING, PONG, TEXT, Deflate, Ended, RawServer


def connect(server):
    host, port = server.address.rsplit(":", 1)
    return raw.Peer(socket.create_connection((host, int(port))), "client", server.address)


@pytest.mark.parametrize("kind", ["websockets", "aiohttp"])
@pytest.mark.parametrize("payload", [b"", b"a", b"x" * 125, b"x" * 126, b"x" * 65535, b"x" * 65536])
def test_raw_client_and_echo_servers_agree_on_every_length_form(backend, kind, payload):
    client = connect(backend(kind)).open("/echo")
    client.send_frame(BINARY, payload)
    assert client.read_message() == (BINARY, payload, False)
    client.send_frame(PING, b"sign of life")
    assert client.read_frame() == raw.Frame(PONG, b"sign of life")
    client.send_close(4001, "done")
    # aiohttp answers a Close with its own 1000, whatever the code was.
    assert client.expect_close()[0] == (4001 if kind == "websockets" else 1000)
    client.close()


@pytest.mark.parametrize("kind", ["websockets", "aiohttp"])
def test_raw_client_and_echo_servers_agree_on_permessage_deflate(backend, kind):
    client = connect(backend(kind, compression=True))
    client.open("/", [("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits=12")])
    codec = Deflate(client.response.get("sec-websocket-extensions"), "client")
    for text in (b"Hello", b"Hello", b"", b"Hello" * 1000):
        client.send_frame(TEXT, codec.compress(text), rsv=4)
        opcode, payload, compressed = client.read_message()
        assert (opcode, codec.decompress(payload) if compressed else payload) == (TEXT, text)
    client.close()


def test_raw_server_and_websockets_client_agree():
    server = RawServer()
    seen = []

    def serve():
        peer = server.accept()
        peer.read_upgrade()
        peer.accept_upgrade(extra=peer.frame(TEXT, "in the segment of the 101"))
        seen.append(peer.read_frame())
        peer.send_close(1000, "bye")
        seen.append(peer.read_frame())
        peer.close()

    thread = threading.Thread(target=serve)
    thread.start()
    with websockets.sync.client.connect(f"ws://{server.address}/x", compression=None) as client:
        assert client.recv() == "in the segment of the 101"
        client.send(b"\x00\xff")
        with pytest.raises(websockets.exceptions.ConnectionClosedOK):
            client.recv()
    thread.join(10)
    server.close()
    assert [frame.opcode for frame in seen] == [BINARY, CLOSE]
    assert seen[0].masked and seen[0].payload == b"\x00\xff"


def test_masking_is_the_rfc_example():
    # RFC 6455 §5.7: a single-frame masked text message, "Hello"
    assert raw.encode_frame(TEXT, "Hello", mask=bytes.fromhex("37fa213d")).hex() == "818537fa213d7f9f4d5158"
    assert raw.accept_for("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_deflate_is_the_rfc_example():
    # RFC 7692 §7.2.3.1 and §7.2.3.2
    codec = Deflate("permessage-deflate", "server")
    assert codec.decompress(bytes.fromhex("f248cdc9c90700")) == b"Hello"
    assert codec.decompress(bytes.fromhex("f200110000")) == b"Hello"
    with pytest.raises(zlib.error):
        Deflate("permessage-deflate; client_no_context_takeover", "server").decompress(bytes.fromhex("f200110000"))


def test_the_end_of_a_connection_is_told_from_a_reset():
    server = RawServer()
    for end, expected in (("finish_sending", "eof"), ("reset", "reset")):
        client = raw.Peer(socket.create_connection(("127.0.0.1", server.port)), "client")
        getattr(server.accept(), end)()
        with pytest.raises(Ended) as caught:
            client.read_frame()
        assert caught.value.how == expected
        client.close()
    server.close()


class Directly:
    """In the place of a gateway: nothing between client and server."""

    def __init__(self, server):
        self.server = server

    def connect(self):
        return connect(self.server)


@pytest.mark.parametrize("harm", [
    lambda client, server: client.sock.shutdown(socket.SHUT_RDWR),
    lambda client, server: client.send_frame(TEXT, "client 1 says something more"),
    lambda client, server: server.send_frame(PING, b"is anybody there"),
], ids=["ended", "repeated", "a ping"])
def test_the_healthy_neighbour_notices(harm):
    server = RawServer()
    neighbour = Neighbour(Directly(server), server)
    neighbour.check()
    harm(*neighbour._pairs[1])
    with pytest.raises(AssertionError, match="the neighbour noticed"):
        neighbour.finish()
