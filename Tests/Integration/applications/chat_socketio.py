"""A Socket.IO server of python-socketio: `aiohttp` serves it, or `asgi` (Hypercorn). Its rooms and sessions are in this
process alone, so a client has to stay with it."""

import asyncio
import sys

import socketio
from aiohttp import web

from applications.serving import name, run, serve_asgi

server = socketio.AsyncServer(
    async_mode=sys.argv[3], cors_allowed_origins="*", ping_interval=1, ping_timeout=5, max_http_buffer_size=4_000_000)


@server.event
async def connect(sid, environ, auth):
    if auth and auth.get("token") == "wrong":
        raise socketio.exceptions.ConnectionRefusedError("not with this token")


@server.event
async def whoami(sid):
    return name(), server.transport(sid)


@server.event
async def echo(sid, *values):
    return values if len(values) != 1 else values[0]


@server.event
async def back(sid, value):
    """An event instead of an acknowledgement."""
    await server.emit("back", value, to=sid)


@server.event
async def ask(sid, question):
    """The server wants an acknowledgement of its own."""
    return await server.call("question", question, to=sid, timeout=5)


@server.event
async def join(sid, room):
    await server.enter_room(sid, room)


@server.event
async def say(sid, room, text):
    await server.emit("said", text, room=room, skip_sid=sid)


@server.event
async def leave_now(sid):
    await server.disconnect(sid)


def main():
    if sys.argv[3] == "aiohttp":
        application = web.Application(client_max_size=4_000_000)
        server.attach(application)
        run(application)
    else:
        asyncio.run(serve_asgi(socketio.ASGIApp(server)))


if __name__ == "__main__":
    main()
