"""The proxies in front of a web server: plain HTTP over kept-alive connections, with one worker each.

Each listens on one TLS 1.3 port (HTTP/2 and HTTP/1.1 by ALPN) and one cleartext port (HTTP/1.1), passes every request
on over cleartext HTTP/1.1 with X-Forwarded-For and X-Forwarded-Proto, and streams bodies: none waits for the end of
one, or writes it to a disk.
"""

import os

from .children import Failure
from .proxies import HAProxy, Nginx, Proxy, Sluice, raise_descriptor_limit
from .tools import find_program

UNLIMITED_REQUESTS = 1_000_000_000  # on one connection: nginx closes it after 1,000 without such a setting
IDLE_CONNECTIONS = 64  # to the server that nginx and Sluice keep


def cores():
    """The core that the proxies have to themselves, and those for all else, each as `taskset` wants them."""
    first, *others = sorted(os.sched_getaffinity(0))
    return str(first), ",".join(map(str, others or [first]))


def pinned(chosen):
    """The beginning of a command that may only use these cores."""
    program = find_program("taskset")
    if program is None:
        raise Failure("taskset is not there; it is part of util-linux")
    return [program, "--cpu-list", chosen]


class OneWorker(Proxy):
    """A proxy of one worker for HTTP, on one core."""

    def __init__(self, folder, server_port, prefix=()):
        # Sluice has an event loop for each core it may use, so the core decides for it; the others share its lot.
        super().__init__(folder, server_port, [*pinned(cores()[0]), *prefix])

    def url(self, transport, path):
        scheme = {"tls": "https", "plain": "http"}[transport]
        return f"{scheme}://127.0.0.1:{self.ports[transport]}{path}"


class HttpNginx(OneWorker, Nginx):
    def configure(self):
        (self.folder / "nginx.conf").write_text(f"""
daemon off;
master_process {"off" if self.single_process else "on"};
worker_processes 1;
{"user root;" if os.geteuid() == 0 else ""}
pid {self.folder}/nginx.pid;
error_log {self.folder}/error.log error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {self.folder}/body;
    proxy_temp_path {self.folder}/proxy;
    fastcgi_temp_path {self.folder}/fastcgi;
    uwsgi_temp_path {self.folder}/uwsgi;
    scgi_temp_path {self.folder}/scgi;
    upstream web {{
        server 127.0.0.1:{self.echo_port};
        keepalive {IDLE_CONNECTIONS};
        keepalive_requests {UNLIMITED_REQUESTS};
    }}
    server {{
        listen 127.0.0.1:{self.ports["tls"]} ssl http2 backlog=4096;
        listen 127.0.0.1:{self.ports["plain"]} backlog=4096;
        ssl_certificate {self.certificates}/cert.pem;
        ssl_certificate_key {self.certificates}/key.pem;
        ssl_protocols TLSv1.3;
        keepalive_requests {UNLIMITED_REQUESTS};
        client_max_body_size 0;
        location / {{
            proxy_pass http://web;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_request_buffering off;
            proxy_max_temp_file_size 0;
        }}
    }}
}}
""")


class HttpHAProxy(OneWorker, HAProxy):
    threads = 1

    def configure(self):
        # Twice this many descriptors must fit under the limit, or it refuses to start.
        connections = min(4096, (raise_descriptor_limit() - 200) // 2)
        (self.folder / "haproxy.cfg").write_text(f"""
global
    nbthread {self.threads}
    maxconn {connections}
defaults
    mode http
    option forwardfor
    timeout connect 5s
    timeout client 1h
    timeout server 1h
frontend public
    maxconn {connections}
    bind 127.0.0.1:{self.ports["tls"]} ssl crt {self.certificates}/both.pem ssl-min-ver TLSv1.3 alpn h2,http/1.1
    bind 127.0.0.1:{self.ports["plain"]}
    http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}
    http-request set-header X-Forwarded-Proto http unless {{ ssl_fc }}
    default_backend web
backend web
    server web 127.0.0.1:{self.echo_port}
""")


class HttpSluice(OneWorker, Sluice):
    def configure(self):
        self.require_program()
        (self.folder / "sluice.yaml").write_text(f"""
listeners:
  - name: tls
    address: "127.0.0.1:{self.ports["tls"]}"
    tls: {{ certificates: [{{ certificate: {self.certificates}/cert.pem, private_key: {self.certificates}/key.pem }}] }}
  - name: plain
    address: "127.0.0.1:{self.ports["plain"]}"
admin: {{ address: "127.0.0.1:{self.ports["admin"]}" }}
routes:
  - {{ name: web, upstream: web }}
upstreams:
  - name: web
    servers: [{{ address: "127.0.0.1:{self.echo_port}" }}]
    http1: {{ max_idle: {IDLE_CONNECTIONS} }}
log: {{ level: error, access: false }}
drain: {{ timeout: 2s, spread: 0s }}
""")


HTTP_PROXIES = {proxy.name: proxy for proxy in (HttpSluice, HttpNginx, HttpHAProxy)}
