"""HTTP/2 connections made with the `h2` library, of either side, whose streams are used like a `raw.Peer`.

The connections live on the loop of a `Stage`: settings, pings and windows are answered there at once, unless a test
has them held. What a stream does is up to the test's own thread, so that the order of events is the order of the lines.
"""

import asyncio
import concurrent.futures
import socket
import ssl
import struct
import threading
from collections import Counter

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
from hyperframe.frame import GoAwayFrame

from raw import DEADLINE, Ended, Head, Peer, Response
from waiting import eventually

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0x4, 0x6, 0x7, 0x8
CANCEL = h2.errors.ErrorCodes.CANCEL
REFUSED_STREAM = h2.errors.ErrorCodes.REFUSED_STREAM
NO_ERROR = h2.errors.ErrorCodes.NO_ERROR


class FrameSplitter:
    """Cuts a stream of bytes into the frames of RFC 9113 §4.1, each as (type, bytes); a preface has the type None."""

    def __init__(self, expects_preface):
        self._buffer = bytearray()
        self._expects_preface = expects_preface

    def feed(self, data):
        self._buffer += data
        if self._expects_preface:
            if len(self._buffer) < len(PREFACE) and PREFACE.startswith(self._buffer):
                return
            self._expects_preface = False
            yield None, self._take(len(PREFACE))
        while len(self._buffer) >= 9:
            size = 9 + int.from_bytes(self._buffer[:3], "big")
            if len(self._buffer) < size:
                return
            kind = self._buffer[3]
            yield kind, self._take(size)

    def _take(self, count):
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken


class HTTP2Link(asyncio.Protocol):
    """One connection.

    `settings`: this side's, on top of the library's. `on_request`: called on the loop with each stream that the peer
    opens. `unsent`: types of frames of this side's own that are never sent. `holding`: nothing is sent until `release`.
    `header_encoding`: what fields that come are read as; "latin-1" makes a character of each byte.
    """

    def __init__(self, stage, role, *, settings=None, on_request=None, news=None, unsent=(), holding=False,
                 acknowledging=True, header_encoding="utf-8"):
        self.stage = stage
        self.role = role
        self.news = news or threading.Condition()
        self.streams = {}
        self.events = []
        self.frames = Counter()  # of the peer, by type
        self.goaways = []  # (last stream, error code) of each GOAWAY of the peer
        self.ended = None  # "eof" or "reset", once the peer or this side has ended the connection
        self.failure = None  # the rule of RFC 9113 that the peer broke
        self.alpn = None
        self.unsent = set(unsent)
        self.acknowledging = acknowledging
        self.transport = None
        self._held = bytearray() if holding else None
        self._on_request = on_request
        client = role == "client"
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=client, header_encoding=header_encoding, validate_outbound_headers=False))
        own = {h2.settings.SettingCodes.ENABLE_PUSH: 0} if client else {}
        self.h2.local_settings = h2.settings.Settings(client=client, initial_values={
            h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 10_000,
            h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE: 1 << 20, **own, **(settings or {})})
        self.h2.decoder.max_header_list_size = 1 << 20
        self._incoming = FrameSplitter(expects_preface=not client)
        self._outgoing = FrameSplitter(expects_preface=client)

    # On the loop

    def connection_made(self, transport):
        with self.news:
            self.transport = transport
            tls = transport.get_extra_info("ssl_object")
            self.alpn = tls.selected_alpn_protocol() if tls else None
            self.h2.initiate_connection()
            if self.acknowledging:
                self.h2.increment_flow_control_window(1 << 24)
            self.flush()
            self.news.notify_all()

    def data_received(self, data):
        with self.news:
            for kind, frame in self._incoming.feed(data):
                self.frames[kind] += 1
                if kind == GOAWAY:
                    # The library would take it for the end of everything; the streams that are open go on.
                    last, code = struct.unpack("!LL", frame[9:17])
                    self.goaways.append((last & 0x7FFFFFFF, h2.errors.ErrorCodes(code)))
                    continue
                try:
                    events = self.h2.receive_data(frame)
                except h2.exceptions.ProtocolError as error:
                    self.failure = self.failure or error
                    self.flush()
                    self.transport.close()
                    break
                for event in events:
                    self._take(event)
            self.flush()
            self.news.notify_all()

    def connection_lost(self, error):
        with self.news:
            self.ended = "reset" if error else "eof"
            for stream in self.streams.values():
                stream.connection_lost()
            self.news.notify_all()

    def _take(self, event):
        match event:
            case h2.events.DataReceived():
                self.streams[event.stream_id].data_received(event.data, event.flow_controlled_length)
                return
            case h2.events.RequestReceived():
                stream = self.streams[event.stream_id] = HTTP2Stream(self, event.stream_id)
                stream.opened(event.headers)
                if self._on_request:
                    self._on_request(stream)
            case h2.events.ResponseReceived():
                self.streams[event.stream_id].answered(event.headers)
            case h2.events.TrailersReceived():
                self.streams[event.stream_id].trailers = event.headers
            case h2.events.StreamEnded():
                self.streams[event.stream_id].input_ended("eof")
            case h2.events.StreamReset():
                if stream := self.streams.get(event.stream_id):
                    stream.reset_received(event.error_code)
            case h2.events.WindowUpdated() | h2.events.RemoteSettingsChanged():
                for stream in self.streams.values():
                    stream.pump()
        self.events.append(event)

    def flush(self):
        data = self.h2.data_to_send()
        if self.unsent:
            data = b"".join(frame for kind, frame in self._outgoing.feed(data) if kind not in self.unsent)
        if self._held is not None:
            self._held += data
        elif data and self.transport and not self.transport.is_closing():
            self.transport.write(data)

    # From the test's thread

    def run(self, function):
        """Runs it on the loop, sends what it left to be sent, and returns what it returned."""
        if self.stage.is_here():
            return function()
        done = concurrent.futures.Future()

        def work():
            try:
                with self.news:
                    value = function()
                    self.flush()
                    self.news.notify_all()
                done.set_result(value)
            except BaseException as error:
                done.set_exception(error)

        self.stage.loop.call_soon_threadsafe(work)
        return done.result(DEADLINE)

    def wait(self, check, expectation, timeout=DEADLINE):
        """Waits until `check()` is true, and returns its value."""
        with self.news:
            value = self.news.wait_for(check, timeout)
        if not value:
            raise AssertionError(
                f"expected within {timeout:g} s: {expectation}; the connection "
                f"{f'has ended ({self.ended})' if self.ended else 'is open'}, failure {self.failure!r}, "
                f"GOAWAYs {self.goaways}, last events {self.events[-5:]}")
        return value

    @property
    def held(self):
        return self._held is not None

    def release(self):
        """Sends what was held so far, and holds nothing any more."""
        def write():
            held, self._held = self._held, None
            self.transport.write(bytes(held or b""))
        self.run(write)

    def stream(self):
        """A new stream of the client's, on which nothing has been sent."""
        assert self.role == "client", "a server opens no streams"
        return HTTP2Stream(self, None)

    def settled(self):
        """Waits for the peer's SETTINGS, and returns them: by code, as the library has them."""
        self.wait(
            lambda: any(isinstance(e, h2.events.RemoteSettingsChanged) for e in self.events) or self.ended,
            "the peer's SETTINGS")
        return self.h2.remote_settings

    def count(self, event):
        return sum(isinstance(one, event) for one in list(self.events))

    @property
    def open_streams(self):
        return [stream for stream in list(self.streams.values()) if not stream.is_over]

    def send_goaway(self, last_stream=None, code=NO_ERROR):
        """GOAWAY with this last stream (default: the last that the peer has opened); what is open goes on."""
        def write():
            last = max(self.streams, default=0) if last_stream is None else last_stream
            self.flush()
            self.transport.write(GoAwayFrame(0, last_stream_id=last, error_code=code).serialize())
        self.run(write)

    def update_settings(self, settings):
        self.run(lambda: self.h2.update_settings(settings))

    def finish(self):
        """Ends the connection in order, without a GOAWAY."""
        self.run(self.transport.close)

    def reset(self):
        """Ends the connection with a TCP RST."""
        def abort():
            self.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        self.run(abort)

    def close(self):
        self.run(lambda: self.transport.abort() if self.transport else None)
        eventually(lambda: self.ended, "the connection to be closed")


class HTTP2Stream(Peer):
    """A stream, with the methods of a `Peer`: the opening handshake is RFC 8441's, a FIN is END_STREAM, a reset is
    RST_STREAM. `pseudo` has the pseudo-fields of the request."""

    def __init__(self, link, number):
        self.link = link
        self.number = number
        self.role = link.role
        self.authority = "localhost"
        self.buffer = bytearray()
        self.request = self.response = None
        self.pseudo = {}
        self.reset_code = None  # of the peer's RST_STREAM
        self.trailers = []
        self.acknowledging = link.acknowledging
        self.echo = None  # who takes the data instead of the test
        self.received = 0
        self._inbox = bytearray()
        self._unacknowledged = 0
        self._input = None  # "eof" or "reset", once the peer is through
        self._output = None  # "eof" or "reset", once this side is through, or can't go on
        self._outbox = bytearray()
        self._ends = False
        self._trailers = None
        self._answer = None

    # On the loop

    def opened(self, fields):
        self.pseudo = {name: value for name, value in fields if name.startswith(":")}
        method, path = self.pseudo.get(":method"), self.pseudo.get(":path")
        self.request = Head(
            f"{method} {path} HTTP/2", [(name, value) for name, value in fields if not name.startswith(":")])

    def answered(self, fields):
        status = dict(fields)[":status"]
        self._answer = Head(f"HTTP/2 {status}", [field for field in fields if not field[0].startswith(":")])

    def data_received(self, data, credit):
        self.received += len(data)
        self._unacknowledged += credit
        if self.acknowledging:
            self.acknowledge()
        if self.echo:
            self.echo.data_received(data)
        else:
            self._inbox += data

    def acknowledge(self):
        if self._unacknowledged and not self.link.ended:
            try:
                self.link.h2.acknowledge_received_data(self._unacknowledged, self.number)
            except h2.exceptions.StreamClosedError:
                pass
        self._unacknowledged = 0

    def input_ended(self, how):
        self._input = self._input or how
        if self.echo:
            self.echo.input_ended()

    def reset_received(self, code):
        self.reset_code = code
        self._output = self._output or "reset"
        self._outbox.clear()
        self.input_ended("reset")

    def connection_lost(self):
        if not self.is_over:
            self._output = self._output or "reset"
            self._outbox.clear()
            self.input_ended("reset")

    def queue(self, data=b"", ends=False):
        """Sends as far as the windows allow, the rest when they do."""
        self._outbox += data
        self._ends = self._ends or ends
        self.pump()

    def pump(self):
        if self._output or self.number is None or self.link.ended:
            return
        connection = self.link.h2
        while self._outbox:
            room = min(connection.local_flow_control_window(self.number), connection.max_outbound_frame_size)
            if room <= 0:
                return
            piece = bytes(self._outbox[:room])
            del self._outbox[:room]
            connection.send_data(self.number, piece)
        if self._ends:
            self._output = "eof"
            if self._trailers is None:
                connection.end_stream(self.number)
            else:
                connection.send_headers(self.number, self._trailers, end_stream=True)

    @property
    def is_over(self):
        return "reset" in (self._input, self._output) or (self._input, self._output) == ("eof", "eof")

    # Bytes

    def send(self, data):
        def begin():
            if self._output or self._ends or self.link.ended:
                raise BrokenPipeError(f"stream {self.number} is closed for sending")
            self.queue(data)
        self.link.run(begin)
        self.link.wait(
            lambda: not self._outbox or self._output,
            f"a window for {len(self._outbox)} more bytes on stream {self.number}")

    def send_soon(self, data):
        """Like `send`, but does not wait for windows."""
        self.link.run(lambda: self.queue(data))

    @property
    def unsent(self):
        """Bytes that wait for a window."""
        return len(self._outbox)

    def _more(self):
        self.link.wait(
            lambda: self._inbox or self._input,
            f"data on stream {self.number}; unread so far {bytes(self.buffer[:80])!r}")
        with self.link.news:
            if not self._inbox:
                raise Ended(self._input, self.buffer)
            self.buffer += self._inbox
            self._inbox.clear()

    def expect_silence(self, seconds):
        assert not self.buffer, f"expected silence, {bytes(self.buffer[:80])!r} is there"
        with self.link.news:
            self.link.news.wait_for(lambda: self._inbox or self._input, seconds)
            assert not self._inbox, f"expected silence for {seconds} s, got {bytes(self._inbox[:80])!r}"
            assert not self._input, f"expected silence for {seconds} s, the stream has ended ({self._input})"

    def finish_sending(self):
        """END_STREAM, behind everything that was sent."""
        self.link.run(lambda: self.queue(ends=True))

    def reset(self, code=CANCEL):
        """RST_STREAM."""
        def send():
            if not self.is_over:
                self._outbox.clear()
                self._output, self._input = "reset", self._input or "reset"
                self.link.h2.reset_stream(self.number, code)
        self.link.run(send)

    def close(self):
        """Ends this side's direction, if it is open; nothing more is expected."""
        if self.number is not None and not self._output and not self.link.ended:
            self.finish_sending()

    def withhold(self):
        """From now on, no window is returned for this stream."""
        self.acknowledging = False

    def grant(self):
        """Returns what was withheld, and goes on returning windows."""
        def go_on():
            self.acknowledging = True
            self.acknowledge()
        self.link.run(go_on)

    # HTTP

    def send_request(self, fields, *, ends=False):
        """HEADERS with just these fields, pseudo-fields included."""
        def send():
            self.number = self.link.h2.get_next_available_stream_id()
            self.link.streams[self.number] = self
            self.link.h2.send_headers(self.number, fields, end_stream=ends)
            if ends:
                self._output = "eof"
        self.link.settled()
        self.link.run(send)
        return self

    def send_upgrade(self, path="/", fields=(), *, scheme="http", omit=(), extra=b""):
        given = {name.lower() for name, _ in fields}
        pseudo = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", scheme), (":path", path),
                  (":authority", self.authority)]
        defaults = [("sec-websocket-version", "13")]
        self.send_request(
            [(name, value) for name, value in pseudo if name not in omit]
            + [(name, value) for name, value in defaults if name not in given and name not in omit]
            + [(name.lower(), value) for name, value in fields])
        if extra:
            self.send(extra)
        return self

    def read_response(self):
        """The answer; the body of one that is not 200, up to END_STREAM."""
        self.link.wait(lambda: self._answer or self._input, f"an answer on stream {self.number}")
        if not self._answer:
            raise Ended(self._input)
        body = self.read_to_end() if self._answer.status != 200 else b""
        self.response = Response(self._answer.start_line, self._answer.fields, body)
        return self.response

    def open(self, path="/", fields=(), **options):
        self.send_upgrade(path, fields, **options)
        response = self.read_response()
        assert response.status == 200, f"expected 200, got {response.start_line!r} {response.body!r}"
        return self

    def read_upgrade(self):
        return self.request

    def answer(self, status, fields=(), body=b"", *, ends=True):
        """A whole response of the server's, or its head alone."""
        def send():
            if self._output or self.link.ended:
                raise BrokenPipeError(f"stream {self.number} is closed for sending")
            self.link.h2.send_headers(
                self.number, [(":status", str(status)), *((name.lower(), value) for name, value in fields)],
                end_stream=ends and not body)
            if ends and not body:
                self._output = "eof"
            elif body or ends:
                self.queue(body, ends)
        self.link.run(send)
        return self

    def send_interim(self, status, fields=()):
        """A response of the server's that is not the last (1xx)."""
        self.link.run(lambda: self.link.h2.send_headers(self.number, [(":status", str(status)), *fields]))

    def finish_with_trailers(self, trailers):
        """HEADERS with END_STREAM, behind everything that was sent."""
        def send():
            self._trailers = list(trailers)
            self._ends = True
            self.pump()
        self.link.run(send)

    def accept_upgrade(self, fields=(), *, extra=b""):
        self.answer(200, fields, ends=False)
        if extra:
            self.send(extra)
        return self


def offering_http2(authority, *protocols):
    """A client's TLS context that offers h2, or these protocols, and trusts this authority."""
    context = ssl.create_default_context(cafile=str(authority.file))
    context.set_alpn_protocols(list(protocols) or ["h2"])
    return context


def connect(stage, address, tls=None, **options):
    """A client's HTTP/2 connection: by ALPN with `tls`, with prior knowledge without."""
    host, port = address.rsplit(":", 1)

    async def open_link():
        link = HTTP2Link(stage, "client", **options)
        await stage.loop.create_connection(
            lambda: link, host, int(port), ssl=tls, server_hostname="localhost" if tls else None)
        return link

    link = stage.run(open_link())
    if tls is not None:
        assert link.alpn == "h2", f"expected h2 by ALPN, got {link.alpn}"
    return link
