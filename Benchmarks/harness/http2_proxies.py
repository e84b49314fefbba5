"""The proxies with HTTP/2 on both sides, for comparison with HTTP/1.1 on both sides of the same process.

What comes for /h2 goes on over HTTP/2 with prior knowledge, what comes for /h1 by an HTTP/1.1 upgrade. Each listens on
one TLS port (ALPN) and one cleartext port (where the connection preface tells which protocol it is). nginx opens no
WebSockets over HTTP/2, so it is left out.
"""

import contextlib

from .proxies import HAProxy, Sluice, raise_descriptor_limit

STREAMS = 2500  # on one connection, at most: 5,000 fit on two, whichever event loop or thread they meet on
SERVER_CONNECTIONS = 4  # that 5,000 WebSockets may share; Sluice's setting is for each of its two event loops


class Http2HAProxy(HAProxy):
    def configure(self):
        # Twice this many descriptors must fit under the limit, or it refuses to start.
        connections = min(20000, (raise_descriptor_limit() - 200) // 2)
        (self.folder / "haproxy.cfg").write_text(f"""
global
    nbthread {self.threads}
    maxconn {connections}
    tune.h2.max-concurrent-streams {STREAMS}
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
frontend public
    maxconn {connections}
    bind 127.0.0.1:{self.ports["tls"]} ssl crt {self.certificates}/both.pem ssl-min-ver TLSv1.3 alpn h2,http/1.1
    bind 127.0.0.1:{self.ports["plain"]}
    use_backend h2 if {{ path_beg /h2 }}
    default_backend h1
backend h2
    http-reuse always
    server echo 127.0.0.1:{self.echo_port} proto h2 ws h2
backend h1
    server echo 127.0.0.1:{self.echo_port}
""")


class Http2Sluice(Sluice):
    def configure(self):
        self.require_program()
        (self.folder / "sluice.yaml").write_text(f"""
listeners:
  - name: tls
    address: "127.0.0.1:{self.ports["tls"]}"
    tls: {{ certificates: [{{ certificate: {self.certificates}/cert.pem, private_key: {self.certificates}/key.pem }}] }}
    h2: {{ max_streams: {STREAMS} }}
  - name: plain
    address: "127.0.0.1:{self.ports["plain"]}"
    h2: {{ max_streams: {STREAMS} }}
admin: {{ address: "127.0.0.1:{self.ports["admin"]}" }}
limits: {{ max_connections: 20000 }}
routes:
  - {{ name: h2, match: {{ path_prefix: /h2 }}, upstream: h2, compression: "off" }}
  - {{ name: h1, match: {{ path_prefix: /h1 }}, upstream: h1, compression: "off" }}
upstreams:
  - name: h2
    protocol: h2
    h2: {{ max_connections: {SERVER_CONNECTIONS // 2}, max_streams: {STREAMS} }}
    servers: [{{ address: "127.0.0.1:{self.echo_port}" }}]
  - name: h1
    servers: [{{ address: "127.0.0.1:{self.echo_port}" }}]
log: {{ level: error, access: false }}
drain: {{ timeout: 2s, spread: 0s }}
""")


class Direct:
    """No proxy at all: what the load generator and the echo server do by themselves."""

    name = "direct"

    def __init__(self, _folder, echo_port):
        self.echo_port = echo_port

    @contextlib.contextmanager
    def running(self):
        yield self

    def url(self, _transport, path):
        return f"ws://127.0.0.1:{self.echo_port}{path}"

    def processes(self):
        return []

    def connections_to_server(self):
        return 0


HTTP2_PROXIES = {proxy.name: proxy for proxy in (Http2Sluice, Http2HAProxy, Direct)}
