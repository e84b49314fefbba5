"""A server of WebSockets over HTTP/2 (RFC 8441) made of `h2` and `wsproto`, that misbehaves when asked to.

It echoes as the servers of `backends.py` do, or hands each stream to the test (`accept`). What it does with single
requests is said with `next`; what it does with connections, with the parameters of `HTTP2Server`.
"""

import asyncio
import collections
import ssl
import threading

from h2.settings import SettingCodes
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.extensions import PerMessageDeflate

from backends import EchoServer
from http2_peer import REFUSED_STREAM, HTTP2Link
from raw import DEADLINE


def tls_context(files, protocols=("h2",)):
    """A server's, with these protocols for ALPN."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.private_key)
    context.set_alpn_protocols(list(protocols))
    return context


def secured(authority, files, *protocols):
    """A server's TLS context with these for ALPN (default: h2), and the `tls` of an upstream that trusts it."""
    return tls_context(files, protocols or ["h2"]), {"server_name": "localhost", "ca": str(authority.file)}


# What a server does with a request: each is called on the loop with the stream.

def refuse(code=REFUSED_STREAM):
    """RST_STREAM instead of an answer."""
    return lambda stream: stream.reset(code)


def answer(status, fields=(), body=b""):
    """A whole answer."""
    return lambda stream: stream.answer(status, fields, body)


def go_away(stream):
    """GOAWAY that leaves this request out, and all before it in."""
    stream.link.send_goaway(max(stream.number - 2, 0))


def never(stream):
    """No answer at all."""


class HTTP2Server(EchoServer):
    """`extended_connect`: whether SETTINGS_ENABLE_CONNECT_PROTOCOL is sent. `max_streams`: announced as
    MAX_CONCURRENT_STREAMS. `echo`: False leaves the streams to `accept`. `subprotocols`: those it knows, in order.
    The rest is `HTTP2Link`'s."""

    def __init__(self, name, stage, *, extended_connect=True, max_streams=None, settings=None, echo=True,
                 compression=False, subprotocols=(), response_fields=(), tls=None, **link_options):
        super().__init__(name)
        self.stage = stage
        self.news = threading.Condition()
        self.links = []
        self.streams = []  # every stream, in the order of the requests
        self.echo = echo
        self.compression = compression
        self.subprotocols = subprotocols
        self.response_fields = list(response_fields)
        self.settings = dict(settings or {})
        if extended_connect:
            self.settings[SettingCodes.ENABLE_CONNECT_PROTOCOL] = 1
        if max_streams is not None:
            self.settings[SettingCodes.MAX_CONCURRENT_STREAMS] = max_streams
        self.link_options = link_options
        self._tls = tls
        self._acts = collections.deque()
        self._unaccepted = collections.deque()

    async def start(self, host="127.0.0.1", port=0):
        self._server = await asyncio.get_running_loop().create_server(self._link, host, port, ssl=self._tls)
        self.address = "%s:%d" % self._server.sockets[0].getsockname()[:2]
        return self

    async def stop(self):
        self._server.close()
        for link in self.links:
            if link.transport:
                link.transport.abort()
        await self._server.wait_closed()

    def _link(self):
        link = HTTP2Link(
            self.stage, "server", settings=self.settings, on_request=self._take, news=self.news, **self.link_options)
        received = link.data_received

        def first(data):  # who ends the connection without a byte has only looked whether the server is there
            link.data_received = received
            with self.news:
                self.links.append(link)
                self.news.notify_all()
            received(data)

        link.data_received = first
        return link

    def _take(self, stream):
        """A request, on the loop."""
        stream.seen = self._saw(stream.pseudo.get(":path"), stream.request.fields)
        self.streams.append(stream)
        if self._acts:
            self._acts.popleft()(stream)
        elif not self.echo:
            self._unaccepted.append(stream)
        elif stream.pseudo.get(":protocol") != "websocket":
            stream.answer(426, [("content-type", "text/plain")], b"an extended CONNECT was expected\n")
        else:
            self.echo_stream(stream)

    def echo_stream(self, stream):
        """Accepts it and echoes; also for `next`."""
        fields = list(self.response_fields)
        offered = [name.strip() for name in (stream.request.get("sec-websocket-protocol") or "").split(",")]
        chosen = next((name for name in self.subprotocols if name in offered), None)
        if chosen:
            fields.append(("sec-websocket-protocol", chosen))
        extensions = []
        offer = stream.request.get("sec-websocket-extensions")
        if self.compression and offer:
            deflate = PerMessageDeflate()
            parameters = deflate.accept(offer.split(",")[0])
            fields.append(("sec-websocket-extensions", "; ".join(["permessage-deflate", *filter(None, [parameters])])))
            extensions.append(deflate)
        stream.answer(200, fields, ends=False)
        stream.echo = Echo(self, stream, extensions)

    # From the test's thread

    def next(self, *acts):
        """What to do with the next requests, one each, instead of the usual."""
        self._acts.extend(acts)

    def wait(self, check, expectation, timeout=DEADLINE):
        """Waits until `check()` is true, and returns its value."""
        with self.news:
            value = self.news.wait_for(check, timeout)
        assert value, (
            f"expected within {timeout:g} s: {expectation}; connections "
            f"{[(link.ended, list(link.streams)) for link in self.links]}, failures {self.failures}")
        return value

    def accept(self):
        """The next stream that nobody has answered, its request read."""
        self.wait(lambda: self._unaccepted, "a request")
        return self._unaccepted.popleft()

    def request(self, number):
        """The stream of the request with this number, counted from 0."""
        return self.wait(lambda: len(self.streams) > number and self.streams[number], f"request {number}")

    @property
    def open_links(self):
        return [link for link in list(self.links) if not link.ended]

    @property
    def open_streams(self):
        return [stream for link in list(self.links) for stream in link.open_streams]

    @property
    def failures(self):
        """The rules of HTTP/2 that clients broke."""
        return [link.failure for link in list(self.links) if link.failure]


class Echo:
    """The WebSocket of one stream."""

    def __init__(self, server, stream, extensions):
        self.server = server
        self.stream = stream
        self.websocket = Connection(ConnectionType.SERVER, extensions)
        self._message = []

    def data_received(self, data):
        if self.websocket.state in (ConnectionState.OPEN, ConnectionState.LOCAL_CLOSING):
            self.websocket.receive_data(data)
            for event in self.websocket.events():
                self._take(event)

    def input_ended(self):
        self.stream.queue(ends=True)

    def _take(self, event):
        match event:
            case TextMessage() | BytesMessage():
                self._message.append(event.data)
                if event.message_finished:
                    whole = self._message[0][:0].join(self._message)
                    self._message = []
                    self._answer(whole, type(event))
            case Ping():
                self.server.pings += 1
                self._send(event.response())
            case CloseConnection():
                self.server.closes.append((event.code, event.reason))
                if self.websocket.state is ConnectionState.REMOTE_CLOSING:
                    self._send(event.response())
                self.stream.queue(ends=True)

    def _answer(self, message, kind):
        if kind is TextMessage and message.startswith("close "):
            _, code, *reason = message.split(" ", 2)
            self._send(CloseConnection(int(code), reason[0] if reason else None))
        elif kind is TextMessage and message == "request":
            self._send(TextMessage(self.server._request_json(self.stream.seen)))
        else:
            self._send(kind(message))

    def _send(self, event):
        self.stream.queue(self.websocket.send(event))
