"""A SockJS server of the package `sockjs`, with the SockJS protocol's echo service."""

import sockjs
from aiohttp import web

from applications.serving import name, run


async def echo(manager, session, message):
    if message.type == sockjs.MsgType.MESSAGE:
        session.send(name() if message.data == "who?" else message.data)


if __name__ == "__main__":
    application = web.Application()
    sockjs.add_endpoint(application, echo, name="echo", prefix="/echo", heartbeat_delay=0)
    run(application)
