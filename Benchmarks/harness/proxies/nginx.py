"""nginx, with one worker process."""

import os

from ..programs import find_program
from .base import Proxy, raise_descriptor_limit
from .idle_connections import IDLE_CONNECTIONS, UNLIMITED_REQUESTS


def frame(folder, http, connections, has_master=True):
    """A configuration with this content of its `http` block; whatever nginx writes stays in the folder."""
    return f"""
daemon off;
master_process {"on" if has_master else "off"};
worker_processes 1;
{"user root;" if os.geteuid() == 0 else ""}
pid {folder}/nginx.pid;
error_log {folder}/error.log error;
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{http}
}}
"""


def command(folder):
    return [find_program("nginx"), "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"]


class Nginx(Proxy):
    name = "nginx"
    version_words = ("-v",)
    single_process = False
    tls_words = "ssl"

    def server(self, lines, location):
        """The `server` block."""
        return f"""
    server {{
        listen 127.0.0.1:{self.ports["tls"]} {self.tls_words} backlog=4096;
        listen 127.0.0.1:{self.ports["plain"]} backlog=4096;
        ssl_certificate {self.certificates}/cert.pem;
        ssl_certificate_key {self.certificates}/key.pem;
        ssl_protocols TLSv1.3;
        {lines}
        location / {{
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            {location}
        }}
    }}"""

    def http(self):
        return self.server("", f"""
            proxy_pass http://127.0.0.1:{self.server_port};
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_read_timeout 1h;
            proxy_send_timeout 1h;""")

    def configure(self):
        connections = raise_descriptor_limit() - 500  # of clients and to the server together
        (self.folder / "nginx.conf").write_text(
            frame(self.folder, self.http(), connections, has_master=not self.single_process))

    def command(self):
        return command(self.folder)


class HttpNginx(Nginx):
    """In front of a web server, with HTTP/2 towards clients of TLS."""

    schemes = {"tls": "https", "plain": "http"}
    tls_words = "ssl http2"

    def http(self):
        return f"""
    upstream web {{
        server 127.0.0.1:{self.server_port};
        keepalive {IDLE_CONNECTIONS};
        keepalive_requests {UNLIMITED_REQUESTS};
    }}""" + self.server(f"""
        keepalive_requests {UNLIMITED_REQUESTS};
        client_max_body_size 0;""", """
            proxy_pass http://web;
            proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_request_buffering off;
            proxy_max_temp_file_size 0;""")
