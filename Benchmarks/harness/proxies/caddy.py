"""Caddy, whose Go runtime runs on one core at a time."""

import os

from ..programs import find_program
from .base import Proxy


class Caddy(Proxy):
    name = "caddy"
    version_words = ("version",)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.environment = {**os.environ, "GOMAXPROCS": "1", "HOME": str(self.folder),
                            "XDG_DATA_HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}

    def configure(self):
        (self.folder / "Caddyfile").write_text(f"""
{{
    admin off
    auto_https disable_certs
    skip_install_trust
    servers {{
        protocols h1
    }}
    log {{
        level ERROR
    }}
}}
https://127.0.0.1:{self.ports["tls"]} {{
    bind 127.0.0.1
    tls {self.certificates}/cert.pem {self.certificates}/key.pem {{
        protocols tls1.3
    }}
    reverse_proxy 127.0.0.1:{self.server_port}
}}
http://127.0.0.1:{self.ports["plain"]} {{
    bind 127.0.0.1
    reverse_proxy 127.0.0.1:{self.server_port}
}}
""")

    def command(self):
        return [find_program("caddy"), "run", "--adapter", "caddyfile", "--config", self.folder / "Caddyfile"]
