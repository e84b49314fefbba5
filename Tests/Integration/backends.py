"""Echo servers of two independent WebSocket implementations, and plain HTTP ones, on one event loop in a thread.

What a message asks of an echo server: `close 4001 some reason` makes it close with that code; `request` makes it
answer with the request it saw, as JSON; anything else comes back as it is.
"""

import asyncio
import concurrent.futures
import json
import threading

import aiohttp
import aiohttp.web
import websockets.asyncio.server
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

MESSAGE_LIMIT = 256 * 1024 * 1024


class Stage:
    """An event loop in a thread of its own; tests stay synchronous."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="stage", daemon=True)
        self._thread.start()

    def run(self, coroutine, timeout=30):
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            return future.result(timeout)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise AssertionError(f"expected {coroutine.__name__} to end within {timeout} s") from None

    def is_here(self):
        """Whether this is the loop's own thread."""
        return threading.current_thread() is self._thread

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()


class EchoServer:
    """What both implementations share: where it listens, what it saw."""

    def __init__(self, name):
        self.name = name
        self.address = None
        self.path = None
        self.requests = []
        self.closes = []
        self.pings = 0

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])

    def _saw(self, path, fields):
        self.requests.append((path, [(name.lower(), value) for name, value in fields]))
        return self.requests[-1]

    @property
    def last_fields(self):
        """Fields of the last request: lower-case name to value, repeated ones joined."""
        fields = {}
        for name, value in self.requests[-1][1]:
            fields[name] = f"{fields[name]}, {value}" if name in fields else value
        return fields

    def _request_json(self, request):
        path, fields = request
        return json.dumps({"server": self.name, "path": path, "fields": fields})


class WebsocketsEcho(EchoServer):
    """Python `websockets`. `compression`: False, True or a ServerPerMessageDeflateFactory."""

    async def start(self, *, compression=False, subprotocols=None, unix=None, host="127.0.0.1", response_fields=(),
                    tls=None):
        extensions = None
        if compression:
            extensions = [ServerPerMessageDeflateFactory() if compression is True else compression]

        def process_request(connection, request):
            connection.seen = self._saw(request.path, request.headers.raw_items())

        def process_response(connection, request, response):
            for name, value in response_fields:
                response.headers[name] = value

        def select_subprotocol(connection, offered):
            return next((name for name in offered if name in subprotocols), None)

        options = dict(
            extensions=extensions, compression=None, subprotocols=subprotocols,
            select_subprotocol=select_subprotocol if subprotocols else None, max_size=MESSAGE_LIMIT,
            process_request=process_request, process_response=process_response, ping_interval=None,
            close_timeout=2, ssl=tls)
        if unix is not None:
            self._server = await websockets.asyncio.server.unix_serve(self._handle, str(unix), **options)
            self.address = f"unix:{unix}"
        else:
            self._server = await websockets.asyncio.server.serve(self._handle, host, 0, **options)
            self.address = "%s:%d" % self._server.sockets[0].getsockname()[:2]
        return self

    async def _handle(self, connection):
        try:
            async for message in connection:
                if isinstance(message, str) and message.startswith("close "):
                    _, code, *reason = message.split(" ", 2)
                    await connection.close(int(code), reason[0] if reason else "")
                    break
                await connection.send(self._request_json(connection.seen) if message == "request" else message)
        except websockets.exceptions.ConnectionClosedError:
            pass
        finally:
            await connection.wait_closed()
            self.closes.append((connection.close_code, connection.close_reason))

    async def stop(self):
        self._server.close(close_connections=True)
        await self._server.wait_closed()


class AiohttpEcho(EchoServer):
    """aiohttp. `compression`: whether its permessage-deflate is on."""

    async def start(self, *, compression=False, subprotocols=(), response_fields=()):
        self._compression = compression
        self._subprotocols = subprotocols or ()
        self._response_fields = response_fields
        self._open = set()
        application = aiohttp.web.Application()
        application.router.add_get("/{tail:.*}", self._handle)
        self._runner = aiohttp.web.AppRunner(application, shutdown_timeout=1)
        await self._runner.setup()
        site = aiohttp.web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.address = "%s:%d" % self._runner.addresses[0][:2]
        return self

    async def _handle(self, request):
        seen = self._saw(request.raw_path, ((k.decode("latin-1"), v.decode("latin-1")) for k, v in request.raw_headers))
        socket = aiohttp.web.WebSocketResponse(
            max_msg_size=MESSAGE_LIMIT, compress=self._compression, protocols=self._subprotocols, autoping=False)
        for name, value in self._response_fields:
            socket.headers.add(name, value)
        await socket.prepare(request)
        self._open.add(socket)
        try:
            async for message in socket:
                if message.type == aiohttp.WSMsgType.TEXT:
                    if message.data.startswith("close "):
                        _, code, *reason = message.data.split(" ", 2)
                        await socket.close(code=int(code), message=(reason[0] if reason else "").encode())
                        break
                    answer = self._request_json(seen) if message.data == "request" else message.data
                    await socket.send_str(answer)
                elif message.type == aiohttp.WSMsgType.BINARY:
                    await socket.send_bytes(message.data)
                elif message.type == aiohttp.WSMsgType.PING:
                    self.pings += 1
                    await socket.pong(message.data)
        finally:
            self._open.discard(socket)
            self.closes.append((socket.close_code, None))
        return socket

    async def stop(self):
        for socket in list(self._open):
            await socket.close(code=1001)
        await self._runner.cleanup()


BACKENDS = {"websockets": WebsocketsEcho, "aiohttp": AiohttpEcho}
