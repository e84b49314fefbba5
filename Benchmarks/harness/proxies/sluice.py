"""Sluice, with one event loop."""

import os
from pathlib import Path

from ..children import Failure
from ..tools import ROOT, free_port
from .base import Proxy, most_connections
from .idle_connections import IDLE_CONNECTIONS
from .shared_connections import SERVER_CONNECTIONS, STREAMS


class Sluice(Proxy):
    name = "sluice"
    program = Path(os.environ.get("SLUICE_BINARY") or ROOT.parent / ".build" / "release" / "sluice")
    version_words = ("version",)
    listener_lines = ""
    routes = """
  - { name: off, match: { path_prefix: /off }, upstream: server, compression: "off" }
  - { name: deflate, match: { path_prefix: /deflate }, upstream: server, compression: terminate }"""

    def upstreams(self):
        return f"""
  - name: server
    servers: [{{ address: "127.0.0.1:{self.server_port}" }}]"""

    def configure(self):
        if not self.program.is_file():
            raise Failure(f"{self.program} is not there; build it with `make build`, "
                          "or name another one with --sluice PATH")
        self.ports["admin"] = self.ports.get("admin") or free_port()
        (self.folder / "sluice.yaml").write_text(f"""
listeners:
  - name: tls
    address: "127.0.0.1:{self.ports["tls"]}"
    tls: {{ certificates: [{{ certificate: {self.certificates}/cert.pem, private_key: {self.certificates}/key.pem }}] }}
    {self.listener_lines}
  - name: plain
    address: "127.0.0.1:{self.ports["plain"]}"
    {self.listener_lines}
admin: {{ address: "127.0.0.1:{self.ports["admin"]}" }}
limits:
  event_loops: 1
  max_connections: {most_connections()}
routes:{self.routes}
upstreams:{self.upstreams()}
log: {{ level: error, access: false }}
drain: {{ timeout: 2s, spread: 0s }}
""")

    def command(self):
        return [self.program.resolve(), "run", "--config", self.folder / "sluice.yaml"]


class HttpSluice(Sluice):
    """In front of a web server."""

    schemes = {"tls": "https", "plain": "http"}
    routes = """
  - { name: web, upstream: server }"""

    def upstreams(self):
        return super().upstreams() + f"""
    http1: {{ max_idle: {IDLE_CONNECTIONS} }}"""


class Http2Sluice(Sluice):
    """WebSockets over HTTP/2 on both sides for /h2, over HTTP/1.1 on both sides for /h1."""

    listener_lines = f"h2: {{ max_streams: {STREAMS} }}"
    routes = """
  - { name: h2, match: { path_prefix: /h2 }, upstream: h2, compression: "off" }
  - { name: h1, match: { path_prefix: /h1 }, upstream: server, compression: "off" }"""

    def upstreams(self):
        return super().upstreams() + f"""
  - name: h2
    protocol: h2
    h2: {{ max_connections: {SERVER_CONNECTIONS}, max_streams: {STREAMS} }}
    servers: [{{ address: "127.0.0.1:{self.server_port}" }}]"""
