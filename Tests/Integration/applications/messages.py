"""Two protocols that have a POST and a WebSocket on one path: Bayeux as Faye has it, with long polls and an event
stream besides, and JSON-RPC 2.0. Subscriptions are in this process alone."""

import asyncio
import json
import uuid

from aiohttp import WSMsgType, web

from applications.serving import name, run

KINDS = ["long-polling", "websocket", "eventsource"]


class Bayeux:
    def __init__(self):
        self.inboxes = {}
        self.subscriptions = {}

    async def answer(self, message):
        """The answers to one message; `/meta/connect` waits until there is something to deliver."""
        channel, client = message["channel"], message.get("clientId")
        answer = {"channel": channel, "id": message.get("id"), "successful": True, "clientId": client}
        if channel == "/meta/handshake":
            answer["clientId"] = uuid.uuid4().hex
            self.inboxes[answer["clientId"]] = asyncio.Queue()
            return [answer | {"version": "1.0", "supportedConnectionTypes": KINDS, "ext": {"server": name()}}]
        if client not in self.inboxes:
            return [answer | {"successful": False, "error": f"401:{client}:Unknown client"}]
        if channel == "/meta/connect":
            return [await self.inboxes[client].get(), answer]
        if channel == "/meta/subscribe":
            self.subscriptions.setdefault(message["subscription"], set()).add(client)
            return [answer | {"subscription": message["subscription"]}]
        if channel == "/meta/disconnect":
            del self.inboxes[client]
            return [answer]
        for subscriber in self.subscriptions.get(channel, set()) & self.inboxes.keys():
            self.inboxes[subscriber].put_nowait({"channel": channel, "data": message["data"]})
        return [answer]

    async def post(self, request):
        answers = [answer for message in await request.json() for answer in await self.answer(message)]
        return web.json_response(answers)

    async def get(self, request):
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return await self.events(request)

        async def handle(text):
            for message in json.loads(text):
                await socket.send_json(await self.answer(message))

        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async with asyncio.TaskGroup() as tasks:
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    tasks.create_task(handle(message.data))
        return socket

    async def events(self, request):
        inbox = self.inboxes[request.match_info["client"]]
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while True:
            await response.write(f"data: {json.dumps([await inbox.get()])}\n\n".encode())


def call(request):
    """The answer to one call of JSON-RPC; None to a notification."""
    answer = {"jsonrpc": "2.0", "id": request.get("id")}
    match request.get("method"), request.get("params"):
        case "subtract", [minuend, subtrahend]:
            answer["result"] = minuend - subtrahend
        case "server", _:
            answer["result"] = name()
        case _:
            answer["error"] = {"code": -32601, "message": "Method not found"}
    return answer if "id" in request else None


def calls(text):
    requests = json.loads(text)
    if not isinstance(requests, list):
        return call(requests)
    return [answer for request in requests if (answer := call(request))] or None


async def rpc_post(request):
    answer = calls(await request.text())
    return web.Response(status=204) if answer is None else web.json_response(answer)


async def rpc_get(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if (answer := calls(message.data)) is not None:
            await socket.send_json(answer)
    return socket


if __name__ == "__main__":
    bayeux = Bayeux()
    application = web.Application()
    application.add_routes([
        web.post("/faye", bayeux.post), web.get("/faye", bayeux.get), web.get("/faye/{client}", bayeux.get),
        web.post("/rpc", rpc_post), web.get("/rpc", rpc_get)])
    run(application)
