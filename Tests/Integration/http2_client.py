"""A blocking HTTP/2 client made of `h2`, with WebSockets on its streams (`http2_websocket.py`).

h2 checks all that arrives: what it holds a breach of RFC 9113, such as DATA beyond a window, fails the test. Windows
are given back as data comes, apart from those of streams that are `held`. One thread at a time may use a client.
"""

import os
import socket
import ssl
import struct
import time

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
import wsproto.extensions

from http2_websocket import StreamSocket, WebSocket
from raw import DEADLINE, Peer, Response

CONNECT_PROTOCOL = h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL
INITIAL_WINDOW = h2.settings.SettingCodes.INITIAL_WINDOW_SIZE
NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, CANCEL = 0x0, 0x1, 0x7, 0x8


def alpn(context, *protocols):
    """A TLS context for clients like this one that offers these protocols."""
    # Contexts can't be copied, and the tests share theirs.
    own = ssl.create_default_context()
    own.load_verify_locations(cadata=b"".join(context.get_ca_certs(binary_form=True)))
    if protocols:
        own.set_alpn_protocols(list(protocols))
    return own


class Stream:
    """One stream as its client sees it."""

    def __init__(self, number, authority):
        self.number = number
        self.authority = authority
        self.fields = None
        self.data = bytearray()
        self.has_ended = False
        self.reset = None
        self.held = False
        self.unacknowledged = 0
        self.received = 0
        self.window_updates = []
        self.sink = None
        self.interim = []
        self.trailers = None
        self.may_have_trailers = False

    def __repr__(self):
        return (f"stream {self.number}: status {self.fields and self.fields[0]}, {len(self.data)} bytes unread, "
                f"ended: {self.has_ended}, reset: {self.reset}")

    @property
    def is_over(self):
        return self.has_ended or self.reset is not None

    @property
    def response(self):
        """The answer with what has come of its body."""
        assert self.fields is not None, f"expected an answer on {self}"
        status = next(value for name, value in self.fields if name == ":status")
        fields = [(name, value) for name, value in self.fields if not name.startswith(":")]
        return Response(f"HTTP/2 {status}", fields, bytes(self.data))


def outlive_goaway(connection):
    """Streams that were open go on behind a GOAWAY (RFC 9113 §6.8); h2 would end everything with it."""
    machine, states, inputs = (
        connection.state_machine, h2.connection.ConnectionState, h2.connection.ConnectionInputs)
    machine._transitions = {
        **machine._transitions,
        **{(state, inputs.RECV_GOAWAY): (None, state) for state in (states.IDLE, states.CLIENT_OPEN)}}
    connection.clear_outbound_data_buffer = lambda: None


class HTTP2Client:
    """One connection, its prefaces exchanged. `settings`: what the client announces beside h2's own."""

    def __init__(self, sock, authority="localhost", scheme="http", settings=None):
        self.sock = sock
        self.authority = authority
        self.scheme = scheme
        self.streams = {}
        self.goaways = []
        self.pongs = []
        self.window_updates = []
        self.gives_connection_window = True
        self.settings_acknowledged = 0
        self.end = None
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=True, header_encoding="utf-8", validate_outbound_headers=False,
            normalize_outbound_headers=False))
        self.connection.local_settings = h2.settings.Settings(
            client=True, initial_values={h2.settings.SettingCodes.ENABLE_PUSH: 0, **(settings or {})})
        outlive_goaway(self.connection)
        self.has_settings = False
        self.connection.initiate_connection()
        self.flush()
        self.wait(lambda: self.has_settings, "the server's SETTINGS")

    @classmethod
    def connect(cls, gateway, listener="plain", tls=None, **options):
        """To a listener of a gateway: with ALPN where `tls` is given, else with prior knowledge."""
        port = gateway.port(listener)
        sock = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        if tls is not None:
            sock = alpn(tls, "h2").wrap_socket(sock, server_hostname="localhost")
            assert sock.selected_alpn_protocol() == "h2", f"ALPN gave {sock.selected_alpn_protocol()}, expected h2"
        return cls(sock, f"localhost:{port}", "https" if tls else "http", **options)

    # Bytes

    def flush(self):
        if data := self.connection.data_to_send():
            self.send_raw(data)

    def send_raw(self, data):
        """These very bytes, which h2 knows nothing of."""
        self.sock.settimeout(DEADLINE)
        try:
            self.sock.sendall(data)
        except ConnectionError:
            pass  # the reading side tells what happened

    def read_within(self, timeout):
        """Takes what comes within `timeout` seconds, at most 64 KiB; false: nothing came."""
        self.sock.settimeout(max(timeout, 0.001))
        try:
            data = self.sock.recv(1 << 16)
        except TimeoutError:
            return False
        except ssl.SSLError as error:
            self.end = f"TLS: {error}"
            return True
        except ConnectionError:
            self.end = "reset"
            return True
        if not data:
            self.end = "eof"
            return True
        try:
            for event in self.connection.receive_data(data):
                self._handle(event)
        except h2.exceptions.ProtocolError as error:
            raise AssertionError(f"the gateway broke RFC 9113: {error!r}") from error
        self.flush()
        return True

    def _handle(self, event):
        match event:
            case h2.events.RemoteSettingsChanged():
                self.has_settings = True
            case h2.events.ResponseReceived():
                self.streams[event.stream_id].fields = event.headers
            case h2.events.DataReceived():
                self._received(self.streams[event.stream_id], event)
            case h2.events.StreamEnded():
                self.streams[event.stream_id].has_ended = True
            case h2.events.StreamReset():
                self.streams[event.stream_id].reset = int(event.error_code)
            case h2.events.WindowUpdated():
                updates = self.streams[event.stream_id].window_updates if event.stream_id else self.window_updates
                updates.append(event.delta)
            case h2.events.SettingsAcknowledged():
                self.settings_acknowledged += 1
            case h2.events.PingAckReceived():
                self.pongs.append(event.ping_data)
            case h2.events.ConnectionTerminated():
                self.goaways.append((int(event.error_code), event.last_stream_id, event.additional_data or b""))
            case h2.events.InformationalResponseReceived():
                self.streams[event.stream_id].interim.append(event.headers)
            case h2.events.TrailersReceived():
                stream = self.streams[event.stream_id]
                assert stream.may_have_trailers, f"expected no trailers, got {event.headers}"
                stream.trailers = event.headers

    def _received(self, stream, event):
        stream.received += len(event.data)
        if stream.sink is not None:
            stream.sink(event.data)
        else:
            stream.data += event.data
        if not event.flow_controlled_length:
            return
        if stream.held:
            stream.unacknowledged += event.flow_controlled_length
            if self.gives_connection_window:
                self.connection.increment_flow_control_window(event.flow_controlled_length)
        else:
            self.connection.acknowledge_received_data(event.flow_controlled_length, stream.number)

    def release(self, stream):
        """Gives back the window that was withheld, and withholds it no more."""
        stream.held = False
        if stream.unacknowledged:
            self.grant(stream.unacknowledged, stream)
            stream.unacknowledged = 0

    def wait(self, check, expectation, timeout=DEADLINE):
        """Reads until `check` gives something truthy, and returns that."""
        deadline = time.monotonic() + timeout
        self.flush()
        while not (value := check()):
            assert self.end is None, f"expected {expectation}, the connection ended ({self.end}); {self.goaways}"
            left = deadline - time.monotonic()
            assert left > 0, f"expected within {timeout:g} s: {expectation}; last seen: {value!r}"
            self.read_within(left)
        return value

    def read_what_comes(self, patience):
        """Reads until nothing has come for `patience` seconds."""
        self.flush()
        while self.end is None and self.read_within(patience):
            pass

    def expect_end(self, timeout=DEADLINE):
        """Waits for the end of the connection: "eof" or "reset"."""
        self.wait(lambda: self.end, "the end of the connection", timeout)
        return self.end

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass

    def reset(self):
        """Ends the connection with a TCP RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    @property
    def settings(self):
        """What the gateway has announced."""
        return self.connection.remote_settings

    def ping(self, payload=None):
        payload = payload or os.urandom(8)
        self.connection.ping(payload)
        self.wait(lambda: payload in self.pongs, "the answer to a PING")

    # Streams

    def start(self, fields, end=False):
        """Sends HEADERS with exactly these fields on a new stream."""
        stream = Stream(self.connection.get_next_available_stream_id(), self.authority)
        self.streams[stream.number] = stream
        self.connection.send_headers(stream.number, fields, end_stream=end)
        self.flush()
        return stream

    def pseudo(self, method="GET", path="/", **replaced):
        """The pseudo-fields of a request; None leaves one out."""
        fields = {"method": method, "scheme": self.scheme, "path": path, "authority": self.authority, **replaced}
        return [(f":{name}", value) for name, value in fields.items() if value is not None]

    def send(self, stream, data, end=False):
        """DATA, as the windows allow; waits for them, and reads meanwhile."""
        view, position = memoryview(data), 0
        while position < len(view) or end:
            room = self.room(stream)
            if position < len(view) and room == 0:
                self.wait(lambda: self.room(stream) or stream.is_over, f"window to send on {stream}")
                if stream.is_over:
                    raise ConnectionResetError(f"{stream} is over")
                continue
            piece = bytes(view[position : position + room])
            position += len(piece)
            is_last = position == len(view)
            try:
                self.connection.send_data(stream.number, piece, end_stream=end and is_last)
            except h2.exceptions.ProtocolError as error:
                raise ConnectionResetError(f"{stream}: {error!r}") from error
            self.flush()
            if is_last:
                break

    def grant(self, increment, stream=None):
        """WINDOW_UPDATE for a stream, or for the connection."""
        self.connection.increment_flow_control_window(increment, stream and stream.number)
        self.flush()

    def window(self, stream):
        """What the stream's own window has room for."""
        return self.connection.streams[stream.number].outbound_flow_control_window

    def room(self, stream):
        """How much may go into the next DATA frame of a stream."""
        if stream.reset is not None:
            return 0
        return max(0, min(
            self.connection.local_flow_control_window(stream.number), self.connection.max_outbound_frame_size))

    def fill(self, stream, piece, limit, patience=0.5):
        """Sends `piece` again and again until no window has come for `patience` seconds, or `limit` bytes have gone."""
        sent = 0
        while sent < limit:
            if room := min(self.room(stream), limit - sent):
                position = sent % len(piece)
                data = piece[position : position + room]
                self.connection.send_data(stream.number, data)
                sent += len(data)
                self.flush()
            elif not self.read_within(patience) or self.end:
                break
        return sent

    def cancel(self, stream, code=CANCEL):
        self.connection.reset_stream(stream.number, code)
        stream.reset = code
        self.flush()

    def finish(self, stream):
        """END_STREAM on a frame of its own, unless the stream is gone already."""
        if stream.reset is None:
            self.connection.end_stream(stream.number)
            self.flush()

    def answered(self, stream):
        """Waits for the head of the answer."""
        self.wait(lambda: stream.fields or stream.is_over, f"an answer on {stream}")
        return stream.response

    def finish_with_trailers(self, stream, trailers):
        """END_STREAM on HEADERS behind what was sent."""
        self.connection.send_headers(stream.number, trailers, end_stream=True)
        self.flush()

    def whole(self, stream):
        """Waits for the whole answer."""
        self.wait(lambda: stream.is_over, f"the end of {stream}")
        assert stream.has_ended, f"expected a whole answer, got {stream}"
        return stream.response

    def request(self, path="/", fields=(), method="GET", body=None):
        """The whole response to a plain request."""
        stream = self.start([*self.pseudo(method, path), *fields], end=body is None)
        if body is not None:
            self.send(stream, body, end=True)
        return self.whole(stream)

    # WebSockets

    def ask(self, path="/", fields=(), **replaced):
        """Sends an extended CONNECT, with sec-websocket-version: 13 unless one is among the fields; None: without."""
        names = {name for name, _ in fields}
        version = [] if "sec-websocket-version" in names else [("sec-websocket-version", "13")]
        fields = [(name, value) for name, value in fields if value is not None]
        return self.start([*self.pseudo("CONNECT", path, **{"protocol": "websocket", **replaced}), *version, *fields])

    def refused(self, path="/", fields=(), **replaced):
        """The response to an extended CONNECT that is not accepted."""
        stream = self.ask(path, fields, **replaced)
        response = self.whole(stream)
        assert response.status != 200, f"expected a refusal, got {response}"
        return response

    def open(self, path="/", fields=(), **replaced):
        """A stream on which a WebSocket was accepted."""
        stream = self.ask(path, fields, **replaced)
        self.expect_open(stream)
        return stream

    def expect_open(self, stream):
        response = self.answered(stream)
        assert response.status == 200, f"expected 200, got {self.whole(stream)}"
        assert not stream.is_over, f"expected an open stream, got {stream}"
        return response

    def websocket(self, path="/", fields=(), deflate=False, **replaced):
        """A WebSocket whose frames are wsproto's."""
        extension = wsproto.extensions.PerMessageDeflate()
        if deflate:
            fields = [*fields, ("sec-websocket-extensions", f"permessage-deflate; {extension.offer()}")]
        return WebSocket(self, self.open(path, fields, **replaced), extension if deflate else None)

    def peer(self, path="/", fields=(), **replaced):
        """A WebSocket whose frames the test makes."""
        return self.peer_on(self.open(path, fields, **replaced))

    def peer_on(self, stream):
        return Peer(StreamSocket(self, stream), "client", self.authority)
