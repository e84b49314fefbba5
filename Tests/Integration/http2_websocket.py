"""WebSockets on streams of an `HTTP2Client` (RFC 8441): `WebSocket` has frames of wsproto's, and `StreamSocket` makes a
stream a socket for `raw.Peer`, where a test names each byte."""

import time

import h2.exceptions
import wsproto
import wsproto.events

from raw import DEADLINE, Ended


class StreamSocket:
    """A stream in the shape of a socket: END_STREAM is its end in order, RST_STREAM its reset."""

    family = None

    def __init__(self, client, stream):
        self.client, self.stream, self.timeout = client, stream, DEADLINE

    def settimeout(self, seconds):
        self.timeout = seconds

    def gettimeout(self):
        return self.timeout

    def setsockopt(self, *_):
        pass

    def sendall(self, data):
        self.client.send(self.stream, data)

    def recv(self, count):
        client, stream = self.client, self.stream
        deadline = time.monotonic() + self.timeout
        client.flush()
        while not stream.data and not stream.is_over:
            if client.end is not None:
                raise ConnectionResetError(f"the connection ended ({client.end}) before {stream}")
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"nothing came on {stream}")
            client.read_within(left)
        data = bytes(stream.data[:count])
        del stream.data[:count]
        if not data and not stream.has_ended:
            raise ConnectionResetError(f"RST_STREAM {stream.reset}")
        return data

    def shutdown(self, _):
        self.client.finish(self.stream)

    def close(self):
        if not self.stream.is_over and self.client.end is None:
            try:
                self.client.cancel(self.stream)
            except (h2.exceptions.ProtocolError, OSError):
                pass


class WebSocket:
    """A WebSocket on a stream; frames are wsproto's, and so is the judgement of those that come."""

    def __init__(self, client, stream, extension=None):
        self.client, self.stream = client, stream
        extensions = []
        if extension is not None and (answer := stream.response.get("sec-websocket-extensions")):
            extension.finalize(answer)
            assert extension.enabled(), f"expected an answer that wsproto can agree to, got {answer}"
            extensions.append(extension)
        self._protocol = wsproto.Connection(wsproto.ConnectionType.CLIENT, extensions)
        self._events = []

    def send(self, *events):
        self.client.send(self.stream, b"".join(map(self._protocol.send, events)))

    def send_message(self, *fragments):
        """One message: text of strings, binary of bytes."""
        kind = wsproto.events.TextMessage if isinstance(fragments[0], str) else wsproto.events.BytesMessage
        last = len(fragments) - 1
        self.send(*(kind(data=data, message_finished=number == last) for number, data in enumerate(fragments)))

    def _event(self):
        while not self._events:
            self.client.wait(
                lambda: self.stream.data or self.stream.is_over, f"a frame on {self.stream}")
            if not self.stream.data:
                raise Ended("eof" if self.stream.has_ended else "reset")
            data = bytes(self.stream.data)
            self.stream.data.clear()
            self._protocol.receive_data(data)
            self._events += self._protocol.events()
        return self._events.pop(0)

    def receive(self):
        """The next message, or the Close as an event; pings are answered, pongs given as events."""
        parts = []
        while True:
            event = self._event()
            match event:
                case wsproto.events.Ping():
                    self.send(event.response())
                case wsproto.events.Message():
                    parts.append(event.data)
                    if event.message_finished:
                        return ("" if isinstance(event, wsproto.events.TextMessage) else b"").join(parts)
                case _:
                    return event

    def echo(self, *fragments):
        """Sends a message, and expects it back."""
        self.send_message(*fragments)
        message = ("" if isinstance(fragments[0], str) else b"").join(fragments)
        answer = self.receive()
        assert answer == message, f"expected an echo of {message[:80]!r}, got {str(answer)[:160]}"

    def ping(self, payload=b"are you there"):
        self.send(wsproto.events.Ping(payload))
        answer = self.receive()
        assert answer == wsproto.events.Pong(payload), f"expected a Pong of {payload!r}, got {answer}"

    def expect_close(self):
        """(code, reason) of the next Close, behind nothing but pongs."""
        while isinstance(event := self.receive(), wsproto.events.Pong):
            pass
        assert isinstance(event, wsproto.events.CloseConnection), f"expected a Close, got {str(event)[:160]}"
        return event.code, event.reason or ""

    def close(self, code=1000, reason=None):
        """The closing handshake from this side, and the end of the stream from the other, then from this."""
        self.send(wsproto.events.CloseConnection(code, reason))
        answer = self.expect_close()
        self.client.wait(lambda: self.stream.is_over, f"the end of {self.stream}")
        self.client.finish(self.stream)
        return answer
