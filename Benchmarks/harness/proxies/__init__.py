"""The proxies under test: their configuration for the same work, starting and stopping them.

Each has one worker, thread or event loop, on a core of its own. It listens on one TLS 1.3 and one cleartext port of
127.0.0.1 and passes what comes there on to one cleartext server.
"""

import contextlib
import subprocess

from ..programs import find_program
from .base import Proxy, most_connections, raise_descriptor_limit
from .caddy import Caddy
from .direct import Direct
from .haproxy import HAProxy, Http2HAProxy, HttpHAProxy
from .hitch import Hitch
from .nginx import HttpNginx, Nginx
from .sluice import Http2Sluice, HttpSluice, Sluice
from .ws import Ws

PROXIES = {proxy.name: proxy for proxy in (Sluice, Nginx, HAProxy, Hitch, Caddy)}
HTTP_PROXIES = {proxy.name: proxy for proxy in (HttpSluice, HttpNginx, HttpHAProxy)}
HTTP2_PROXIES = {proxy.name: proxy for proxy in (Http2Sluice, Http2HAProxy, Direct)}


def version(name):
    """What a proxy calls itself, for the record."""
    program = Sluice.program if name == "sluice" else find_program(name)
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        result = subprocess.run([str(program), *PROXIES[name].version_words], capture_output=True, text=True,
                                timeout=20)
        text = (result.stdout + result.stderr).strip().splitlines()
        return text[0] if text else ""
    return ""
