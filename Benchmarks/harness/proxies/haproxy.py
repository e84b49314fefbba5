"""HAProxy, with one thread."""

from ..programs import find_program
from .base import Proxy, most_connections
from .shared_connections import STREAMS


class HAProxy(Proxy):
    name = "haproxy"
    version_words = ("-v",)
    protocols = "http/1.1"
    global_lines = ""
    default_lines = ""
    frontend_lines = "default_backend server"

    def backends(self):
        return f"""
backend server
    server server 127.0.0.1:{self.server_port}"""

    def configure(self):
        # Twice this many descriptors must fit under the limit, or it refuses to start.
        connections = most_connections()
        (self.folder / "haproxy.cfg").write_text(f"""
global
    nbthread 1
    maxconn {connections}
    {self.global_lines}
defaults
    mode http
    {self.default_lines}
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
frontend public
    maxconn {connections}
    bind 127.0.0.1:{self.ports["tls"]} ssl crt {self.certificates}/both.pem ssl-min-ver TLSv1.3 alpn {self.protocols}
    bind 127.0.0.1:{self.ports["plain"]}
    {self.frontend_lines}
{self.backends()}
""")

    def command(self):
        return [find_program("haproxy"), "-db", "-q", "-f", self.folder / "haproxy.cfg"]


class HttpHAProxy(HAProxy):
    """In front of a web server, with HTTP/2 towards clients of TLS."""

    schemes = {"tls": "https", "plain": "http"}
    protocols = "h2,http/1.1"
    default_lines = "option forwardfor"
    frontend_lines = """http-request set-header X-Forwarded-Proto https if { ssl_fc }
    http-request set-header X-Forwarded-Proto http unless { ssl_fc }
    default_backend server"""


class Http2HAProxy(HAProxy):
    """WebSockets over HTTP/2 on both sides for /h2, over HTTP/1.1 on both sides for /h1."""

    protocols = "h2,http/1.1"
    global_lines = f"tune.h2.max-concurrent-streams {STREAMS}"
    frontend_lines = """use_backend h2 if { path_beg /h2 }
    default_backend server"""

    def backends(self):
        return f"""
backend h2
    http-reuse always
    server server 127.0.0.1:{self.server_port} proto h2 ws h2
""" + super().backends()
