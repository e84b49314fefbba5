"""A site as browsers use them, as a process: `page_application.py PORT NAME`. No other process has what it remembers."""

import asyncio
import hashlib
import importlib.util
import json
import sys
from pathlib import Path

import aiohttp
import socketio
from aiohttp import web

PAGE = """<!doctype html><html lang=en><link rel=icon href=data:,><title>%s</title>
<script src=/socket.io.min.js></script>
<form action=/login method=post><input name=name><input type=password name=word><button>Log in</button></form>
"""
# NiceGUI brings the client of Socket.IO for browsers.
SCRIPT = Path(importlib.util.find_spec("nicegui").submodule_search_locations[0], "static", "socket.io.min.js")

routes = web.RouteTableDef()
sockets = socketio.AsyncServer(async_mode="aiohttp")
streams = {}
steps = {}
sessions = {}
NAME = sys.argv[2]


@routes.get("/")
async def page(request):
    return web.Response(text=PAGE % NAME, content_type="text/html")


@routes.get("/socket.io.min.js")
async def script(request):
    return web.FileResponse(SCRIPT)


@routes.get("/state")
async def state(request):
    return web.json_response({"server": NAME, "streams": sorted(streams), "steps": sorted(steps)})


# Server-sent events

@routes.get("/events")
async def events(request):
    """The first event tells what the browser had last; each `/say` is one more."""
    name, last = request.query["name"], request.headers.get("Last-Event-ID")
    number = int(last or 0)
    queue = streams[name] = asyncio.Queue()
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    queue.put_nowait(json.dumps({"server": NAME, "last": last}))
    await response.write(b"retry: 50\n\n")
    try:
        while True:
            text = await queue.get()
            number += 1
            await response.write(f"id: {number}\ndata: {text}\n\n".encode())
    finally:
        if streams.get(name) is queue:
            del streams[name]


@routes.post("/say")
async def say(request):
    streams[request.query["name"]].put_nowait(await request.text())
    return web.Response(status=204)


# Bodies

@routes.get("/stream")
async def stream(request):
    """Pieces, each of which waits for a `/next`."""
    name = request.query["name"]
    step = steps[name] = asyncio.Queue()
    response = web.StreamResponse()
    await response.prepare(request)
    try:
        for number in range(5):
            await response.write(b"piece %d" % number)
            await step.get()
        await response.write_eof()
    finally:
        del steps[name]
    return response


@routes.post("/next")
async def next_step(request):
    steps[request.query["name"]].put_nowait(None)
    return web.Response(status=204)


@routes.post("/upload")
async def upload(request):
    whole, size = hashlib.sha256(), 0
    async for piece in request.content.iter_any():
        whole.update(piece)
        size += len(piece)
    return web.json_response({"size": size, "sha256": whole.hexdigest(), "type": request.headers.get("Content-Type")})


@routes.post("/form")
async def form(request):
    fields = await request.post()
    return web.json_response({
        name: value if isinstance(value, str) else [value.filename, len(value.file.read())]
        for name, value in fields.items()})


@routes.get("/large")
async def large(request):
    return web.Response(body=bytes(range(256)) * (int(request.query["size"]) // 256))


# Sessions and redirects

@routes.post("/login")
async def login(request):
    name = (await request.post())["name"]
    number = f"{NAME}-{len(sessions)}"
    sessions[number] = name
    response = web.HTTPSeeOther("/home")
    response.set_cookie("session", number, httponly=True, samesite="Lax")
    response.set_cookie("colour", "blue; and green", path="/")
    return response


@routes.get("/home")
async def home(request):
    name = sessions.get(request.cookies.get("session"))
    if name is None:
        raise web.HTTPFound("/")
    return web.Response(
        text=f"<!doctype html><title>Home</title><p>Hello {name}, your colour is {request.cookies.get('colour')}",
        content_type="text/html")


@routes.post("/moved")
async def moved(request):
    raise web.HTTPTemporaryRedirect("/upload")


# WebSockets, and Socket.IO

@routes.get("/socket")
async def socket(request):
    answer = web.WebSocketResponse(protocols=["echo"])
    await answer.prepare(request)
    async for message in answer:
        if message.type == aiohttp.WSMsgType.TEXT:
            await answer.send_str(message.data)
        else:
            await answer.send_bytes(message.data)
    return answer


@sockets.event
async def greet(client, name):
    return {"server": NAME, "text": f"Hello {name}", "transport": sockets.transport(client)}


@sockets.event
async def double(client, data):
    return data + data


@sockets.event
async def enter(client, room):
    await sockets.enter_room(client, room)


@sockets.event
async def tell(client, room, text):
    await sockets.emit("told", text, room=room)


async def named(request, response):
    response.headers["X-Server"] = NAME


def main():
    application = web.Application(client_max_size=1 << 26)
    sockets.attach(application)
    application.add_routes(routes)
    application.on_response_prepare.append(named)
    web.run_app(
        application, host="127.0.0.1", port=int(sys.argv[1]), handler_cancellation=True, shutdown_timeout=0.1,
        print=None)


if __name__ == "__main__":
    main()
