"""Node's `ws`: no proxy but a WebSocket server that compresses, to compare the price of compression with."""

from ..programs import WS_LIBRARY, find_program
from ..tools import ROOT
from .base import Proxy


class Ws(Proxy):
    name = "ws"
    transports = ("plain",)

    def configure(self):
        pass

    def command(self):
        return [find_program("node"), ROOT / "ws-server" / "server.js", WS_LIBRARY, self.ports["plain"]]
