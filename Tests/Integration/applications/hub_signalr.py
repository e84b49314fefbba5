"""A server of SignalR's hub protocol (JSON, version 1), by its published description: negotiation, then a WebSocket,
server-sent events or long polls. A connection is known to this process alone, as with ASP.NET without a backplane."""

import asyncio
import json
import uuid

from aiohttp import WSMsgType, web

from applications.serving import name, run

END = "\x1e"
TRANSPORTS = ["WebSockets", "ServerSentEvents", "LongPolling"]
PING = {"type": 6}


class Connection:
    def __init__(self, identity):
        self.id = identity
        self.outgoing = asyncio.Queue()
        self.transport = None
        self.greeted = False
        self.counting = None

    def send(self, message):
        self.outgoing.put_nowait(json.dumps(message) + END)

    def received(self, text, hub):
        for record in text.split(END)[:-1]:
            message = json.loads(record)
            if not self.greeted:
                self.greeted = True
                known = message.get("protocol") == "json"
                self.send({} if known else {"error": f"unknown protocol {message}"})
            else:
                self.handle(message, hub)

    def handle(self, message, hub):
        arguments = message.get("arguments", [])
        match message["type"], message.get("target"):
            case 1, "Echo":
                self.complete(message, arguments[0])
            case 1, "WhoAmI":
                self.complete(message, [name(), self.transport])
            case 1, "Say":
                for other in hub.connections.values():
                    other.send({"type": 1, "target": "Said", "arguments": arguments})
                self.complete(message, None)
            case 1, "Go":
                self.complete(message, None)
                self.count()
            case 1, other:
                self.send({"type": 3, "invocationId": message["invocationId"], "error": f"unknown method {other}"})
            case 4, "Count":
                self.counting = message
            case 6, _:
                self.send(PING)

    def count(self):
        invocation = self.counting["invocationId"]
        for number in range(self.counting["arguments"][0]):
            self.send({"type": 2, "invocationId": invocation, "item": number})
        self.send({"type": 3, "invocationId": invocation})

    def complete(self, message, result):
        if message.get("invocationId"):
            self.send({"type": 3, "invocationId": message["invocationId"], "result": result})


class Hub:
    def __init__(self):
        self.connections = {}

    def application(self):
        application = web.Application()
        application.add_routes([
            web.post("/hub/negotiate", self.negotiate), web.get("/hub", self.open), web.post("/hub", self.receive),
            web.delete("/hub", self.delete), web.get("/", self.page), web.get("/state", self.state)])
        return application

    async def page(self, request):
        return web.Response(text="a page with a client\n")

    async def state(self, request):
        return web.json_response({"connections": len(self.connections)})

    async def negotiate(self, request):
        connection = Connection(str(uuid.uuid4()))
        self.connections[connection.id] = connection
        return web.json_response({
            "negotiateVersion": 0, "connectionId": connection.id,
            "availableTransports": [{"transport": kind, "transferFormats": ["Text"]} for kind in TRANSPORTS]})

    def connection(self, request):
        if (found := self.connections.get(request.query.get("id"))) is None:
            raise web.HTTPNotFound(text="No Connection with that ID")
        return found

    async def open(self, request):
        connection = self.connection(request)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self.websocket(request, connection)
        if request.headers.get("Accept") == "text/event-stream":
            return await self.events(request, connection)
        return await self.poll(connection)

    async def websocket(self, request, connection):
        connection.transport = "WebSockets"
        socket = web.WebSocketResponse()
        await socket.prepare(request)

        async def write():
            while True:
                await socket.send_str(await connection.outgoing.get())

        writing = asyncio.create_task(write())
        try:
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    connection.received(message.data, self)
        finally:
            writing.cancel()
            self.connections.pop(connection.id, None)
        return socket

    async def events(self, request, connection):
        connection.transport = "ServerSentEvents"
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        try:
            await response.write(b":\r\n\r\n")
            while record := await connection.outgoing.get():
                await response.write(f"data: {record}\r\n\r\n".encode())
        finally:
            self.connections.pop(connection.id, None)
        return response

    async def poll(self, connection):
        if connection.transport is None:  # the first poll says that the connection is there
            connection.transport = "LongPolling"
            return web.Response()
        record = await connection.outgoing.get()
        return web.Response(text=record) if record else web.Response(status=204)

    async def receive(self, request):
        self.connection(request).received(await request.text(), self)
        return web.Response()

    async def delete(self, request):
        connection = self.connection(request)
        del self.connections[connection.id]
        connection.outgoing.put_nowait("")
        return web.Response(status=202)


if __name__ == "__main__":
    run(Hub().application())
