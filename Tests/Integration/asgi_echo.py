"""The echo servers' answers as an ASGI application: for servers that run one, as processes of their own."""

import json


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "websocket":
        await echo(scope, receive, send)
    else:
        await send({"type": "http.response.start", "status": 404, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"no WebSocket was asked for\n"})


async def echo(scope, receive, send):
    await receive()
    if scope["path"] == "/refused":
        await send({"type": "websocket.close"})  # before it is accepted: 403
        return
    await send({"type": "websocket.accept", "subprotocol": next(iter(scope["subprotocols"]), None)})
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text")
        if text is not None and text.startswith("close "):
            _, code, *reason = text.split(" ", 2)
            await send({"type": "websocket.close", "code": int(code), "reason": reason[0] if reason else ""})
            return
        if text == "request":
            text = json.dumps({
                "http_version": scope["http_version"], "scheme": scope["scheme"],
                "path": scope["path"], "query": scope["query_string"].decode(),
                "fields": [(name.decode(), value.decode()) for name, value in scope["headers"]]})
        answer = {"bytes": message["bytes"]} if text is None else {"text": text}
        await send({"type": "websocket.send", **answer})
