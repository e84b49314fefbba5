"""A TLS client that breaks rules: tlslite-ng's, with a hand in what it sends.

A `sabotage(client, message)` stands before each message that the client sends, and gives what goes out instead:
messages, which are sent as records under the keys of the moment and count for Finished, and bytes, which go on the wire
as they are.
"""

import socket

from tlslite.api import HandshakeSettings, TLSConnection
from tlslite.constants import AlertDescription, ContentType
from tlslite.errors import TLSAbruptCloseError, TLSRemoteAlert
from tlslite.messages import Message

from raw import DEADLINE

V12, V13 = (3, 3), (3, 4)
HANDSHAKE, ALERT, CCS, DATA = (
    ContentType.handshake, ContentType.alert, ContentType.change_cipher_spec, ContentType.application_data)
SERVED = "served"
ENDED = "ended"


def record(kind, body, version=(3, 1), length=None):
    """A record in the clear, as it goes on the wire."""
    length = len(body) if length is None else length
    return bytes([kind, *version]) + length.to_bytes(2, "big") + bytes(body)


def message(kind, body=b"", length=None):
    """A handshake message, as bytes."""
    length = len(body) if length is None else length
    return bytes([kind]) + length.to_bytes(3, "big") + bytes(body)


class Handshake(Message):
    """Bytes that are sent as one record of handshake messages, and count for Finished."""

    def __init__(self, data):
        super().__init__(HANDSHAKE, bytearray(data))


class Saboteur(TLSConnection):
    def __init__(self, sock, sabotage=None):
        super().__init__(sock)
        self.sabotage = sabotage or (lambda _, sent: [sent])

    def _sendMsg(self, msg, randomizeFirstBlock=True, update_hashes=True):  # noqa: N802, N803
        for part in self.sabotage(self, msg):
            if isinstance(part, bytes):
                self.sock.flush()
                self.sock.socket.sendall(part)
            else:
                if type(part) is Message:  # sending adds to its bytes
                    part = Message(part.contentType, bytearray(part.data))
                yield from super()._sendMsg(part, randomizeFirstBlock, update_hashes)

    def put(self, kind, body):
        """Sends one record under the keys of the moment."""
        for _ in self._recordLayer.sendRecord(Message(kind, bytearray(body))):
            pass
        self.sock.flush()

    def protect(self, kind, body):
        """The record that `put` would send, as bytes."""
        taken = bytearray()
        layer = self._recordLayer._recordSocket
        send, layer._sockSendAll = layer._sockSendAll, lambda data: iter([taken.extend(data)] and ())
        try:
            for _ in self._recordLayer.sendRecord(Message(kind, bytearray(body))):
                pass
        finally:
            layer._sockSendAll = send
        return bytes(taken)


def connect(port, sabotage=None, *, version=V13, settings=(), session=None, server_name="localhost", alpn=None):
    """A client with its handshake done. Raises what `outcome` explains."""
    chosen = HandshakeSettings()
    chosen.minVersion = chosen.maxVersion = version
    chosen.keyShares = ["x25519"]
    chosen.use_heartbeat_extension = False
    for name, value in dict(settings).items():
        setattr(chosen, name, value)
    sock = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client = Saboteur(sock, sabotage)
    client.raw = sock
    client.handshakeClientCert(
        settings=chosen, session=session, serverName=server_name, alpn=[bytearray(p) for p in alpn] if alpn else None)
    client.sabotage = lambda _, sent: [sent]
    return client


def ask(client):
    """One request over an open connection; the beginning of its answer."""
    client.write(b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = bytes(client.read(min=12, max=12))
    if not answer:
        raise ConnectionError("the gateway has said that nothing more comes")
    assert answer == b"HTTP/1.1 200", f"expected an answer of 200, got {answer!r}"


def wait_for_end(client):
    """Sends nothing, and waits for what ends the connection."""
    answer = bytes(client.read(min=1, max=1))
    if not answer:
        raise ConnectionError("the gateway has said that nothing more comes")


def outcome(body):
    """What becomes of a client: the name of the alert that it gets, `SERVED`, or `ENDED` without an alert."""
    try:
        body()
        return SERVED
    except TLSRemoteAlert as alert:
        return AlertDescription.toStr(alert.description)
    except (TLSAbruptCloseError, ConnectionError, BrokenPipeError):
        return ENDED


def raw_outcome(port, data, ends=False):
    """The same for bytes that are sent before anything else; `SERVED`: a handshake record comes. With `ends` nothing
    comes behind them."""
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as sock:
        sock.sendall(data)
        if ends:
            sock.shutdown(socket.SHUT_WR)
        got = b""
        try:
            while len(got) < 7 and (more := sock.recv(4096)):
                got += more
        except ConnectionError:
            pass
    if not got:
        return ENDED
    if got[0] == HANDSHAKE:
        return SERVED
    assert got[0] == ALERT and len(got) >= 7, f"expected an alert, got {got[:20].hex()}"
    assert got[5] == 2, f"expected a fatal alert, got {got[:7].hex()}"
    return AlertDescription.toStr(got[6])

