"""No proxy at all: what the load generator and the echo server do by themselves."""

import contextlib


class Direct:
    name = "direct"
    transports = ("plain",)

    def __init__(self, _folder, server_port):
        self.server_port = server_port

    @contextlib.contextmanager
    def running(self):
        yield self

    def url(self, _transport, path):
        return f"ws://127.0.0.1:{self.server_port}{path}"

    def processes(self):
        return []

    def connections_to_server(self):
        return 0
