#!/usr/bin/env python3
"""An echo server that checks nothing: each frame goes back as it came, without its mask, whatever its opcode, reserved
bits or payload. A Ping is answered with a Pong; after a Close the connection ends. Behind it, a violation that the
gateway lets through comes back to the client that made it.

usage: trusting_server.py        prints `listening PORT`, then serves until it is killed
"""

import asyncio
import base64
import hashlib
import struct

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CLOSE, PING, PONG = 8, 9, 10


def unmask(payload, key):
    """By one XOR of two long integers, which Python does faster than a loop."""
    repeated = (key * (len(payload) // 4 + 1))[:len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(payload), "big")


async def read_frame(reader):
    first, second = await reader.readexactly(2)
    length = second & 0x7F
    if length == 126:
        (length,) = struct.unpack(">H", await reader.readexactly(2))
    elif length == 127:
        (length,) = struct.unpack(">Q", await reader.readexactly(8))
    key = await reader.readexactly(4) if second & 0x80 else bytes(4)
    return first, unmask(await reader.readexactly(length), key)


def frame(first, payload):
    if len(payload) < 126:
        return struct.pack(">BB", first, len(payload)) + payload
    if len(payload) < 65536:
        return struct.pack(">BBH", first, 126, len(payload)) + payload
    return struct.pack(">BBQ", first, 127, len(payload)) + payload


async def handshake(reader, writer):
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    if b"sec-websocket-key" not in fields:
        return False
    key = next(line.split(b":", 1)[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
    accept = base64.b64encode(hashlib.sha1(key.strip() + GUID).digest())
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Server: trusting\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    return True


async def serve(reader, writer):
    try:
        if not await handshake(reader, writer):
            return
        opcode = None
        while opcode != CLOSE:
            first, payload = await read_frame(reader)
            opcode = first & 0x0F
            if opcode == PONG:
                continue
            if opcode == PING:
                first = first & 0xF0 | PONG
            writer.write(frame(first, payload))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
    print("listening", server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())
