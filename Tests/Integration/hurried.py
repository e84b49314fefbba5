"""A server that says its last word in its first packet, with the writes that Go's make: it accepts the WebSocket, says
why it will have none of it, and closes, before anybody has answered. Servers refuse expired sessions so."""

import contextlib
import socket
import ssl
import threading

from raw import CLOSE, TEXT, Listening, accept_for, close_payload, encode_frame

MESSAGE = "your session has expired"
REASON = (4001, "session expired")
# How the connection is ended: one half in order, both halves, or with bytes unread, which makes it a reset.
ENDINGS = ["half", "whole", "reset"]


def last_words():
    return [encode_frame(TEXT, MESSAGE), encode_frame(CLOSE, close_payload(*REASON))]


class HurriedServer:
    """`writes`: what to send, one write each, from the request's head; `ending`: one of `ENDINGS`."""

    def __init__(self, writes, ending="half", tls=None):
        self.writes, self.ending, self.tls = writes, ending, tls
        self.sock = Listening.on(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.sock.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(10)
        with contextlib.suppress(OSError), connection:
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            for data in self.writes(self._read_head(connection)):
                connection.sendall(data)
            if self.ending == "half":
                if isinstance(connection, ssl.SSLSocket):
                    connection = connection.unwrap()
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass

    def _read_head(self, connection):
        if self.ending == "reset":
            # The last byte stays unread.
            head = b""
            while not head.endswith(b"\r\n\r"):
                piece = connection.recv(1)
                if not piece:
                    raise OSError("the request broke off")
                head += piece
            return head.decode("latin-1")
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(4096)
            if not piece:
                raise OSError("the request broke off")
            head += piece
        return head.decode("latin-1")

    def close(self):
        self.sock.close()


def switching(request):
    """A 101 to this request."""
    fields = dict(line.split(": ", 1) for line in request.split("\r\n")[1:] if ": " in line)
    key = next(value for name, value in fields.items() if name.lower() == "sec-websocket-key")
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_for(key)}\r\n\r\n").encode()


def in_one_write(request):
    return [b"".join([switching(request), *last_words()])]


def in_three_writes(request):
    return [switching(request), *last_words()]


def byte_by_byte(request):
    return [bytes([byte]) for byte in b"".join([switching(request), *last_words()])]
