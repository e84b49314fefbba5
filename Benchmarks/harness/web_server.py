"""The web server behind the proxies: an nginx that answers from memory and reads uploads to their end."""

import contextlib
import os
import subprocess

from .children import running, wait_until
from .pinning import beside
from .process_tree import accepts
from .proxies import nginx
from .proxies.idle_connections import UNLIMITED_REQUESTS
from .tools import free_port

SMALL = 1024
LARGE = 16 * 2**20


def _at_least(number):
    """A regular expression for the whole numbers from this one on."""
    digits = str(number)
    larger = [f"{digits[:at]}[{int(digit) + 1}-9][0-9]{{{len(digits) - at - 1}}}" for at, digit in enumerate(digits)
              if digit != "9"]
    return f"({'|'.join([digits, *larger, f'[1-9][0-9]{{{len(digits)},}}'])})"


def _http(folder, port):
    return f"""
    sendfile on;
    tcp_nopush on;
    open_file_cache max=16;
    # What arrived of an upload, with its head and its chunks' sizes, is at least LARGE. A shorter one must be no 200,
    # or a proxy that loses the body would be the fastest.
    map $request_length $received {{ default 400; "~^{_at_least(LARGE)}$" 200; }}
    upstream itself {{ server 127.0.0.1:{port}; keepalive 64; keepalive_requests {UNLIMITED_REQUESTS}; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        keepalive_requests {UNLIMITED_REQUESTS};
        client_max_body_size 0;
        root {folder}/files;
        location = /small {{ return 200 "{"x" * SMALL}"; }}
        # `return` would answer before the body is there, and the proxies would stop to pass it on.
        location = /upload {{
            client_body_buffer_size {LARGE};
            proxy_pass http://itself/received;
            proxy_pass_request_body off;
            proxy_set_header X-Received $received;
            proxy_set_header Content-Length "";
            proxy_set_header Connection "";
            proxy_http_version 1.1;
        }}
        location = /received {{
            if ($http_x_received != 200) {{ return 400 "cut short"; }}
            return 200 "received";
        }}
    }}"""


@contextlib.contextmanager
def web_server(folder):
    """Runs it on the cores that the proxies leave; gives its port."""
    folder = folder / "web-server"
    (folder / "files").mkdir(parents=True)
    (folder / "files" / "large").write_bytes(os.urandom(LARGE))
    port = free_port()
    (folder / "nginx.conf").write_text(nginx.frame(folder, _http(folder, port), connections=4096))
    log = folder / "stderr.log"
    with running([*beside(), *nginx.command(folder)], log, stdout=subprocess.DEVNULL, cwd=folder) as child:
        wait_until(lambda: accepts(port), 30, child, "the web server", log)
        yield port
