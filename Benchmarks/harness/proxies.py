"""The proxies under test: their configuration for the same work, starting and stopping them.

Each listens on one TLS 1.3 and one cleartext port of 127.0.0.1 and relays to one cleartext echo server.
"""

import contextlib
import os
import resource
import subprocess
from pathlib import Path

from .children import Failure, running, wait_until
from .process_tree import accepts, connections_to, process_tree
from .tools import ROOT, find_program, free_port

WORKERS = 2


def raise_descriptor_limit():
    """Raises the soft limit to the hard one, for this script and all it starts; gives the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else 1 << 20


class Proxy:
    """One proxy: where its files are, its ports, and its process while it runs."""

    name = ""

    def __init__(self, folder, echo_port, prefix=()):
        """`prefix` is a command to run it under, such as valgrind."""
        self.folder = folder / self.name
        self.folder.mkdir(exist_ok=True)
        self.certificates = folder
        self.echo_port = echo_port
        self.prefix = prefix
        self.ports = {"tls": free_port(), "plain": free_port()}
        self.child = None

    def url(self, transport, path):
        scheme = {"tls": "wss", "plain": "ws"}[transport]
        return f"{scheme}://127.0.0.1:{self.ports[transport]}{path}"

    def processes(self):
        return process_tree(self.child.pid)

    def connections_to_server(self):
        return connections_to(self.echo_port, self.processes())

    @contextlib.contextmanager
    def running(self, patience=30):
        """Runs it for the length of the block; `patience` is how many seconds it has to start, and to stop."""
        log = self.folder / "stderr.log"
        self.configure()
        command = [*self.prefix, *self.command()]
        with running(command, log, patience=patience, stdout=subprocess.DEVNULL, cwd=self.folder) as self.child:
            for port in self.ports.values():
                wait_until(lambda: accepts(port), patience, self.child, self.name, log)
            yield self


class Nginx(Proxy):
    name = "nginx"
    single_process = False

    def configure(self):
        connections = (raise_descriptor_limit() - 500) * 4 // 5
        (self.folder / "nginx.conf").write_text(f"""
daemon off;
master_process {"off" if self.single_process else "on"};
worker_processes {WORKERS};
{"user root;" if os.geteuid() == 0 else ""}
pid {self.folder}/nginx.pid;
error_log {self.folder}/error.log error;
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    client_body_temp_path {self.folder}/body;
    proxy_temp_path {self.folder}/proxy;
    fastcgi_temp_path {self.folder}/fastcgi;
    uwsgi_temp_path {self.folder}/uwsgi;
    scgi_temp_path {self.folder}/scgi;
    server {{
        listen 127.0.0.1:{self.ports["tls"]} ssl backlog=4096;
        listen 127.0.0.1:{self.ports["plain"]} backlog=4096;
        ssl_certificate {self.certificates}/cert.pem;
        ssl_certificate_key {self.certificates}/key.pem;
        ssl_protocols TLSv1.3;
        location / {{
            proxy_pass http://127.0.0.1:{self.echo_port};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_set_header Host $host;
            proxy_read_timeout 1h;
            proxy_send_timeout 1h;
        }}
    }}
}}
""")

    def command(self):
        return [find_program("nginx"), "-p", self.folder, "-e", self.folder / "error.log",
                "-c", self.folder / "nginx.conf"]


class HAProxy(Proxy):
    name = "haproxy"
    threads = WORKERS

    def configure(self):
        # Twice this many descriptors must fit under the limit, or it refuses to start.
        connections = min(20000, (raise_descriptor_limit() - 200) // 2)
        (self.folder / "haproxy.cfg").write_text(f"""
global
    nbthread {self.threads}
    maxconn {connections}
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
frontend public
    maxconn {connections}
    bind 127.0.0.1:{self.ports["tls"]} ssl crt {self.certificates}/both.pem ssl-min-ver TLSv1.3 alpn http/1.1
    bind 127.0.0.1:{self.ports["plain"]}
    default_backend echo
backend echo
    server echo 127.0.0.1:{self.echo_port}
""")

    def command(self):
        return [find_program("haproxy"), "-db", "-q", "-f", self.folder / "haproxy.cfg"]


class Sluice(Proxy):
    name = "sluice"
    program = ROOT.parent / ".build" / "release" / "sluice"

    def require_program(self):
        if not self.program.is_file():
            raise Failure(f"{self.program} is not there; build it with `make build`, "
                          "or name another one with --sluice PATH")
        self.ports["admin"] = self.ports.get("admin") or free_port()

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
limits: {{ max_connections: 20000 }}
routes:
  - {{ name: off, match: {{ path_prefix: /off }}, upstream: echo, compression: "off" }}
  - {{ name: deflate, match: {{ path_prefix: /deflate }}, upstream: echo, compression: terminate }}
upstreams:
  - name: echo
    servers: [{{ address: "127.0.0.1:{self.echo_port}" }}]
log: {{ level: error, access: false }}
drain: {{ timeout: 2s, spread: 0s }}
""")

    def command(self):
        return [self.program.resolve(), "run", "--config", self.folder / "sluice.yaml"]


PROXIES = {proxy.name: proxy for proxy in (Sluice, Nginx, HAProxy)}


def version(name):
    """What a proxy calls itself, for the record."""
    command = {"nginx": ["nginx", "-v"], "haproxy": ["haproxy", "-v"], "sluice": [Sluice.program, "version"]}[name]
    command[0] = find_program(str(command[0])) or command[0]
    with contextlib.suppress(OSError):
        result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=20)
        text = (result.stdout + result.stderr).strip().splitlines()
        return text[0] if text else ""
    return ""
