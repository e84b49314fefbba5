"""A server whose network can be cut without a sound: no RST, no FIN, no ICMP, as when a cable is pulled.

As root the server lives in a network namespace of its own, behind a veth pair, and the cut makes each side send its
packets to a hardware address that nobody has. The namespace has no name and belongs to the server's process: when
that ends, however it ends, the namespace and the pair are gone. Otherwise a proxy that stops relaying stands before
the server; connections to it are still accepted then, by the kernel.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from harness.children import Failure

from .conversation import Conversation
from .servers import Server

NOBODY = "02:00:00:00:00:01"
PROXY = Path(__file__).resolve().parent / "dropping_proxy.py"
_TOOLS = ("ip", "unshare", "nsenter")


def _path():
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def can_make_namespaces():
    """Whether this process may, and its tools are there."""
    if os.geteuid() != 0 or not all(shutil.which(tool, path=_path()) for tool in _TOOLS):
        return False
    command = ["unshare", "--net", "ip", "link", "add", "slp0", "type", "veth", "peer", "name", "slp1"]
    return subprocess.run(command, capture_output=True, env={**os.environ, "PATH": _path()}).returncode == 0


def _run(*command):
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PATH": _path()})
    if done.returncode != 0:
        raise Failure(f"`{' '.join(command)}` failed: {done.stderr.strip()}")


class NamespacedServer(Server):
    """Its addresses are of 198.18.0.0/15, which is set aside for tests of networks (RFC 2544)."""

    means = "network namespace"

    def __init__(self, folder, name):
        block = os.getpid() % 16384
        self._here = f"198.18.{block >> 6}.{(block & 63) * 4 + 1}"
        super().__init__(folder, name, f"198.18.{block >> 6}.{(block & 63) * 4 + 2}", ["unshare", "--net", "--"])
        self._outer, self._inner = f"slh{os.getpid()}", f"sls{os.getpid()}"

    def start(self):
        super().start(listen="0.0.0.0")
        pid = str(self.pid)
        _run("ip", "link", "add", self._outer, "type", "veth", "peer", "name", self._inner, "netns", pid)
        _run("ip", "address", "add", f"{self._here}/30", "dev", self._outer)
        _run("ip", "link", "set", self._outer, "up")
        self._inside("ip", "address", "add", f"{self.address}/30", "dev", self._inner)
        self._inside("ip", "link", "set", self._inner, "up")
        return self

    def _inside(self, *command):
        _run("nsenter", "--net", "--target", str(self.pid), *command)

    def cut(self):
        entry = ("lladdr", NOBODY, "nud", "permanent", "dev")
        _run("ip", "neighbour", "replace", self.address, *entry, self._outer)
        self._inside("ip", "neighbour", "replace", self._here, *entry, self._inner)

    def mend(self):
        _run("ip", "neighbour", "delete", self.address, "dev", self._outer)
        self._inside("ip", "neighbour", "delete", self._here, "dev", self._inner)


class ProxiedServer(Server):
    """The server with a proxy before it that can stop to relay."""

    means = "proxy that stops relaying"

    def __init__(self, folder, name):
        super().__init__(folder, name)
        self._proxy_log, self._proxy, self._proxy_port = folder / f"{name}-proxy.log", None, None

    def start(self):
        super().start()
        self._proxy = Conversation([sys.executable, PROXY, super().port], self._proxy_log, f"proxy of {self.name}")
        self._proxy_port = int(self._proxy.hear(15).split()[1])
        return self

    @property
    def authority(self):
        return f"{self.address}:{self._proxy_port}"

    def _tell(self, word):
        self._proxy.say(word)
        self._proxy.hear(10)

    def cut(self):
        self._tell("cut")

    def mend(self):
        self._tell("mend")

    def stop(self):
        if self._proxy is not None:
            self._proxy.stop()
        super().stop()


def severable_server(folder, name, namespaces):
    return (NamespacedServer if namespaces else ProxiedServer)(folder, name)
