"""A small site as an ASGI application: for a server that speaks HTTP/2 and has early hints and trailers, Hypercorn."""

import asyncio
import hashlib
import json

from applications.serving import Channels, name, pieces, serve_asgi

channels = Channels()


async def body_of(receive):
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionError(message["type"])
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


class Answer:
    def __init__(self, scope, send):
        self.version, self._send = scope["http_version"], send

    async def head(self, *fields, status=200, **options):
        named = [(b"x-server", name().encode()), (b"x-version", self.version.encode())]
        await self._send({"type": "http.response.start", "status": status, "headers": [*fields, *named], **options})

    async def write(self, data, more=True):
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def whole(self, data, *fields, **options):
        await self.head((b"content-length", b"%d" % len(data)), *fields, **options)
        await self.write(data, more=False)


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    answer, path = Answer(scope, send), scope["path"]
    query = dict(pair.split("=") for pair in scope["query_string"].decode().split("&") if pair)
    if path == "/":
        await answer.whole(b"Good day.\n", (b"content-type", b"text/plain"))
    elif path == "/upload":
        size, whole = 0, hashlib.sha256()
        async for piece in body_of(receive):
            size += len(piece)
            whole.update(piece)
        await answer.whole(json.dumps({"size": size, "digest": whole.hexdigest()}).encode())
    elif path == "/download":
        await answer.head()
        for piece in pieces(int(query["size"])):
            await answer.write(piece)
        await answer.write(b"", more=False)
    elif path == "/echo":
        await answer.head()
        async for piece in body_of(receive):
            await answer.write(piece)
        await answer.write(b"", more=False)
    elif path == "/hints":
        await send({"type": "http.response.early_hint", "links": [b"</style.css>; rel=preload"]})
        await answer.whole(b"hinted")
    elif path == "/trailers":
        await answer.head((b"trailer", b"x-sum"), trailers=True)
        await answer.write(b"four", more=False)
        await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"4")]})
    elif path.startswith("/publish/"):
        text = b"".join([piece async for piece in body_of(receive)]).decode()
        await channels.queue(path.split("/")[-1]).put(text)
        await answer.whole(b"", status=202)
    elif path == "/state":
        await answer.whole(json.dumps({"waiting": channels.waiting, "cancelled": channels.cancelled}).encode())
    elif path.startswith("/events/"):
        await events(path.split("/")[-1], answer, receive)
    else:
        await answer.whole(b"there is no such page\n", status=404)


async def events(channel, answer, receive):
    await answer.head((b"content-type", b"text/event-stream"))

    async def write():
        while (text := await channels.next(channel)) != "end":
            await answer.write(f"data: {text}\n\n".encode())
        await answer.write(b"", more=False)

    async def gone():
        while (await receive())["type"] != "http.disconnect":
            pass

    tasks = {asyncio.create_task(write()), asyncio.create_task(gone())}
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(serve_asgi(app))
