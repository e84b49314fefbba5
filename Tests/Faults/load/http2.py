"""WebSockets on streams of HTTP/2 connections (RFC 8441) on the epoll loop, made of the library h2."""

import select
import socket
import ssl

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from .connection import ENDED, EXTENSIONS, UPGRADING, Connection
from .frames import BadFrame

from http2_client import outlive_goaway  # of the integration tests, as .frames has made them findable

STREAMS = 50              # of one connection
_WINDOW = 1 << 20         # what a connection may have on its way to here
_READ = select.EPOLLIN | select.EPOLLRDHUP


class Link:
    """One HTTP/2 connection: with ALPN over TLS, with prior knowledge without. It goes with its last stream."""

    def __init__(self, loop, plan):
        self.loop, self._is_tls = loop, plan["tls"]
        self._streams, self._waiting = {}, []
        self._is_ready = self._is_leaving = False
        self._out, self._interest = bytearray(), 0
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=True, header_encoding="utf-8", validate_outbound_headers=False))
        self._h2.local_settings = h2.settings.Settings(
            client=True, initial_values={h2.settings.SettingCodes.ENABLE_PUSH: 0})
        outlive_goaway(self._h2)
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.fd = self.sock.fileno()
        loop.register(self)
        self._step = self._connected
        self._watch(select.EPOLLOUT)
        try:
            self.sock.connect(("127.0.0.1", plan["port"]))
        except BlockingIOError:
            pass

    @property
    def has_room(self):
        return not self._is_leaving and len(self._streams) + len(self._waiting) < STREAMS

    # The way to an open connection; `_step` is what the next event means

    def _connected(self, _):
        if error := self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, "connect")
        if not self._is_tls:
            return self._begin()
        if not hasattr(self.loop, "tls_http2"):
            self.loop.tls_http2 = ssl.create_default_context()
            self.loop.tls_http2.load_verify_locations(cadata=b"".join(self.loop.tls.get_ca_certs(binary_form=True)))
            self.loop.tls_http2.set_alpn_protocols(["h2"])
        self.sock = self.loop.tls_http2.wrap_socket(
            self.sock, server_hostname="localhost", do_handshake_on_connect=False)
        self._step = self._secure
        self._secure(None)

    def _secure(self, _):
        try:
            self.sock.do_handshake()
        except ssl.SSLWantReadError:
            return self._watch(_READ)
        except ssl.SSLWantWriteError:
            return self._watch(select.EPOLLOUT)
        self._begin()

    def _begin(self):
        self._step = self._moved
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(_WINDOW)
        self.flush()

    # Events

    def handle(self, events):
        try:
            self._step(events)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            return
        except h2.exceptions.ProtocolError as error:
            self.loop.fault("corrupt", f"an HTTP/2 connection: {error!r}")
            self._gone("failed: bad HTTP/2")
        except (ConnectionResetError, BrokenPipeError):
            self._gone("reset")
        except ssl.SSLEOFError:
            self._gone("eof")
        except (ssl.SSLError, OSError) as error:
            self._gone(f"failed: {error}")

    def _moved(self, events):
        if events & select.EPOLLOUT:
            self.flush()
        while events & ~select.EPOLLOUT and self.fd is not None:
            data = self.sock.recv(1 << 16)
            if not data:
                return self._gone("eof")
            for event in self._h2.receive_data(data):
                self._take(event)
            if self.fd is None:
                return
            self.flush()
            if not self._is_tls:
                return

    def _take(self, event):
        match event:
            case h2.events.RemoteSettingsChanged() if not self._is_ready:
                self._is_ready = True
                waiting, self._waiting = self._waiting, []
                for stream in waiting:
                    self._open(stream)
            case h2.events.WindowUpdated() | h2.events.RemoteSettingsChanged():
                for stream in list(self._streams.values()):
                    self.pump(stream)
            case h2.events.ConnectionTerminated():
                self._is_leaving = True
            case h2.events.DataReceived():
                if event.flow_controlled_length:
                    self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                self._tell(event.stream_id, "data_received", event.data)
            case h2.events.ResponseReceived():
                self._tell(event.stream_id, "answered", dict(event.headers))
            case h2.events.StreamEnded():
                self._tell(event.stream_id, "input_ended", "eof")
            case h2.events.StreamReset():
                self._tell(event.stream_id, "input_ended", "reset")

    def _tell(self, number, what, *arguments):
        stream = self._streams.get(number)
        if stream is not None:
            getattr(stream, what)(*arguments)

    def flush(self):
        if self.fd is None:
            return
        self._out += self._h2.data_to_send()
        try:
            while self._out:
                # TLS wants the same bytes again after a refused write, so they leave the buffer only when sent.
                sent = self.sock.send(bytes(self._out[: 1 << 18]))
                del self._out[:sent]
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            return self._watch(_READ | select.EPOLLOUT)
        except OSError:
            pass  # reading tells what happened
        self._watch(_READ)

    def _watch(self, interest):
        if interest != self._interest:
            self._interest = interest
            self.loop.watch(self, interest)

    def _gone(self, how):
        if self.fd is None:
            return
        self._is_leaving = True
        self.loop.unregister(self)
        self.sock.close()
        self.fd = None
        streams, self._streams, self._waiting = [*self._streams.values(), *self._waiting], {}, []
        for stream in streams:
            stream.input_ended(how)

    # Streams

    def add(self, stream):
        if self._is_ready:
            self._open(stream)
            self.flush()
        else:
            self._waiting.append(stream)

    def _open(self, stream):
        stream.stream = self._h2.get_next_available_stream_id()
        self._streams[stream.stream] = stream
        self._h2.send_headers(stream.stream, stream.request())

    def pump(self, stream):
        """Sends what the windows allow."""
        out = stream.unsent
        while out and stream.stream in self._streams:
            room = min(self._h2.local_flow_control_window(stream.stream), self._h2.max_outbound_frame_size)
            if room <= 0:
                break
            self._h2.send_data(stream.stream, bytes(out[:room]))
            del out[:room]
        self.flush()

    def release(self, stream, ended):
        """A stream is over; `ended`: whether the other side has ended it, so that this side need not break it off."""
        if stream in self._waiting:
            self._waiting.remove(stream)
        if self._streams.pop(stream.stream, None) is not None:
            try:
                if ended:
                    self._h2.end_stream(stream.stream)
                else:
                    self._h2.reset_stream(stream.stream, h2.errors.ErrorCodes.CANCEL)
            except h2.exceptions.ProtocolError:
                pass  # it is closed already
            self.flush()
        if not self._streams and not self._waiting and self.fd is not None and not self._is_leaving:
            self._is_leaving = True
            try:
                self.sock.shutdown(socket.SHUT_WR)  # the end that follows is the gateway's
            except OSError:
                pass


class StreamConnection(Connection):
    """A client on a stream; `how` and the rest are as on a connection of its own."""

    fd = stream = None
    _has_ended = False

    @property
    def unsent(self):
        return self._out

    def start(self):
        self.state = UPGRADING
        self.loop.begun(self)
        key = self.plan["port"], self.plan["tls"]
        link = self.loop.links.get(key)
        if link is None or not link.has_room:
            link = self.loop.links[key] = Link(self.loop, self.plan)
        self._link = link
        link.add(self)

    def request(self):
        fields = [(":method", "CONNECT"), (":protocol", "websocket"),
                  (":scheme", "https" if self.plan["tls"] else "http"),
                  (":path", f"{self.plan['path']}?c={self.number}"),
                  (":authority", f"localhost:{self.plan['port']}"), ("sec-websocket-version", "13")]
        if self.plan["deflate"]:
            fields.append((EXTENSIONS.lower(), "permessage-deflate; client_max_window_bits"))
        return fields

    # What the link tells

    def answered(self, fields):
        if fields[":status"] != "200":
            self.retry_after = "retry-after" in fields
            return self._end(f"refused {fields[':status']}")
        self._opened(fields)

    def data_received(self, data):
        if self.state in (ENDED, UPGRADING):
            return
        try:
            self._read_frames(data)
        except BadFrame as error:
            self.loop.fault("corrupt", f"connection {self.number}: {error}")
            self._end("failed: bad frame")

    def input_ended(self, how):
        self._has_ended = how == "eof"
        self._lost(how)

    # What a connection does with its socket

    def _write(self, data):
        self._out += data
        self._link.pump(self)

    def abort(self):
        self._end("aborted")

    def _release(self):
        self._link.release(self, self._has_ended)
