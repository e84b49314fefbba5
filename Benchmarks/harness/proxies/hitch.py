"""hitch, with one worker process: it ends TLS and passes the bytes on as they are."""

import os
import pwd

from ..programs import find_program
from .base import Proxy


def _user():
    """A line with whom its worker runs as: hitch refuses to serve as root."""
    if os.geteuid() != 0:
        return ""
    known = {entry.pw_name for entry in pwd.getpwall()}
    return f'user = "{"_hitch" if "_hitch" in known else "nobody"}"'


class Hitch(Proxy):
    name = "hitch"
    transports = ("tls",)

    def configure(self):
        # What is left out stays as it is shipped.
        (self.folder / "hitch.conf").write_text(f"""
frontend = {{ host = "127.0.0.1" port = "{self.ports["tls"]}" }}
backend = "[127.0.0.1]:{self.server_port}"
pem-file = "{self.certificates}/both.pem"
alpn-protos = "http/1.1"
tls-protos = TLSv1.3
workers = 1
backlog = 4096
daemon = off
{_user()}
""")

    def command(self):
        return [find_program("hitch"), "--config", self.folder / "hitch.conf"]
