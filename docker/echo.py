"""A WebSocket echo server for compose.yaml; the message `who` is answered with this server's name."""

import asyncio
import os
import socket

from websockets.asyncio.server import serve

NAME = os.environ.get("NAME") or socket.gethostname()


async def echo(connection):
    async for message in connection:
        await connection.send(NAME if message == "who" else message)


async def main():
    async with serve(echo, "0.0.0.0", int(os.environ.get("PORT", "9001")), compression=None) as server:
        await server.serve_forever()


asyncio.run(main())
