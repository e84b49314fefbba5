"""What the programs have in common: the socket that they are given, and the bodies that they send."""

import asyncio
import functools
import hashlib
import random
import socket
import sys

import hypercorn.asyncio
import hypercorn.config
from aiohttp import web

BLOCK = random.Random(7).randbytes(1 << 16)


def name():
    """What this server is called."""
    return sys.argv[2]


def pieces(size):
    """A body of `size` bytes, the same for the same size."""
    for _ in range(size // len(BLOCK)):
        yield BLOCK
    if rest := size % len(BLOCK):
        yield BLOCK[:rest]


@functools.cache
def digest(size):
    """The SHA-256 of such a body."""
    whole = hashlib.sha256()
    for piece in pieces(size):
        whole.update(piece)
    return whole.hexdigest()


class Channels:
    """Queues with a name: what a handler waits for, and a test says when."""

    def __init__(self):
        self.waiting = []
        self.cancelled = []
        self._queues = {}

    def queue(self, channel):
        return self._queues.setdefault(channel, asyncio.Queue())

    async def next(self, channel):
        """Waits for what is published. `waiting` has the channel meanwhile, `cancelled` if the client went away."""
        self.waiting.append(channel)
        try:
            return await self.queue(channel).get()
        except asyncio.CancelledError:
            self.cancelled.append(channel)
            raise
        finally:
            self.waiting.remove(channel)


def run(application):
    """Serves an application of aiohttp until SIGTERM. Its handlers are cancelled when their client goes."""

    async def named(request, response):
        response.headers["X-Server"] = name()

    application.on_response_prepare.append(named)
    web.run_app(
        application, sock=socket.socket(fileno=int(sys.argv[1])), handler_cancellation=True, shutdown_timeout=0.1,
        access_log=None, print=None)


async def serve_asgi(application):
    """Serves an ASGI application with Hypercorn, over HTTP/1.1 and HTTP/2, until SIGTERM."""
    settings = hypercorn.config.Config()
    settings.bind = [f"fd://{sys.argv[1]}"]
    settings.graceful_timeout = 0
    settings.include_server_header = False
    settings.accesslog = settings.errorlog = None
    await hypercorn.asyncio.serve(application, settings)
