"""A web site of aiohttp: pages, a login, files, uploads, events and long polls, and a WebSocket where a page is."""

import gzip
import hashlib
import tempfile

from aiohttp import WSMsgType, web

from applications.serving import Channels, name, pieces, run

FILE_SIZE = 1 << 20
PAGE = "<!doctype html><title>Site</title><p>Good day.\n"
ZIPPED = gzip.compress(PAGE.encode() * 200, mtime=0)
SESSION = "3f9c1a"


class Site:
    def __init__(self, file):
        self.file = file
        self.channels = Channels()
        self.sent = {}
        self.bodies = 0

    def application(self):
        application = web.Application()
        application.add_routes([
            web.get("/", self.page),
            web.get("/chat", self.chat),
            web.get("/redirect", self.redirect),
            web.post("/login", self.login),
            web.get("/account", self.account),
            web.get("/file", self.whole_file),
            web.get("/zipped", self.zipped),
            web.get("/empty", self.empty),
            web.get("/request", self.request),
            web.get("/download/{channel}", self.download),
            web.route("*", "/upload", self.upload),
            web.put("/refused", self.upload, expect_handler=self.refuse),
            web.post("/echo", self.echo),
            web.post("/trickle/{channel}", self.trickle),
            web.get("/events/{channel}", self.events),
            web.get("/poll/{channel}", self.poll),
            web.get("/broken", self.broken),
            web.post("/publish/{channel}", self.publish),
            web.get("/state", self.state),
        ])
        return application

    # Pages

    async def page(self, request):
        return web.Response(text=PAGE, content_type="text/html")

    async def redirect(self, request):
        raise web.HTTPFound("/account?from=redirect")

    async def login(self, request):
        form = await request.post()
        response = web.HTTPSeeOther("/account")
        if form.get("password") == "open sesame":
            response.set_cookie("session", SESSION, httponly=True)
            response.set_cookie("theme", "dark", path="/account")
        return response

    async def account(self, request):
        if request.cookies.get("session") != SESSION:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Form realm="site"'}, text="who are you?\n")
        return web.json_response(dict(request.cookies))

    async def whole_file(self, request):
        return web.FileResponse(self.file)

    async def zipped(self, request):
        return web.Response(body=ZIPPED, headers={"Content-Encoding": "gzip", "Content-Type": "text/html"})

    async def empty(self, request):
        return web.Response(status=204)

    async def request(self, request):
        return web.json_response({
            "path": request.raw_path, "scheme": request.scheme, "host": request.host,
            "fields": [(key.lower(), value) for key, value in request.headers.items()]})

    # Bodies

    async def download(self, request):
        size = int(request.query["size"])
        response = web.StreamResponse()
        if "chunked" not in request.query:
            response.content_length = size
        await response.prepare(request)
        channel = request.match_info["channel"]
        self.sent[channel] = 0
        for piece in pieces(size):
            await response.write(piece)
            self.sent[channel] += len(piece)
        return response

    async def upload(self, request):
        size, whole = 0, hashlib.sha256()
        self.bodies += 1
        async for piece in request.content.iter_any():
            size += len(piece)
            whole.update(piece)
        return web.json_response({
            "method": request.method, "size": size, "digest": whole.hexdigest(),
            "length": request.headers.get("Content-Length"), "coding": request.headers.get("Transfer-Encoding")})

    async def refuse(self, request):
        raise web.HTTPRequestEntityTooLarge(1000, 2000)

    async def echo(self, request):
        response = web.StreamResponse()
        await response.prepare(request)
        async for piece in request.content.iter_any():
            await response.write(piece)
        return response

    async def trickle(self, request):
        """Reads nothing of the body before it is told to."""
        await self.channels.next(request.match_info["channel"])
        return await self.upload(request)

    async def broken(self, request):
        response = web.StreamResponse()
        response.content_length = 100_000
        await response.prepare(request)
        await response.write(b"half" * 10_000)
        request.transport.abort()
        return response

    # Events

    async def events(self, request):
        channel = request.match_info["channel"]
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        last = int(request.headers.get("Last-Event-ID", "0"))
        while (event := await self.channels.next(channel)) != "end":
            last += 1
            await response.write(f"id: {last}\ndata: {event}\n\n".encode())
        return response

    async def poll(self, request):
        return web.Response(text=await self.channels.next(request.match_info["channel"]))

    async def publish(self, request):
        await self.channels.queue(request.match_info["channel"]).put(await request.text())
        return web.Response(status=202)

    async def state(self, request):
        return web.json_response({
            "server": name(), "waiting": self.channels.waiting, "cancelled": self.channels.cancelled,
            "sent": self.sent, "bodies": self.bodies})

    # WebSockets

    async def chat(self, request):
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return await self.page(request)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                await socket.send_str(message.data)
            elif message.type == WSMsgType.BINARY:
                await socket.send_bytes(message.data)
        return socket


if __name__ == "__main__":
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        for piece in pieces(FILE_SIZE):
            file.write(piece)
        file.flush()
        run(Site(file.name).application())
