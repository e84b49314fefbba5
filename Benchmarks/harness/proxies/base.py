"""What the proxies have in common: files, ports, a core of their own, starting and stopping."""

import contextlib
import resource
import subprocess

from ..children import running, wait_until
from ..pinning import cores, pinned
from ..process_tree import accepts, connections_to, process_tree
from ..tools import free_port


def raise_descriptor_limit():
    """Raises the soft limit to the hard one, for this script and all it starts; gives the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else 1 << 20


def most_connections(wanted=20000):
    """How many connections a proxy may be told to take: each has two descriptors, and some are for other things."""
    return min(wanted, (raise_descriptor_limit() - 500) // 2)


class Proxy:
    """One proxy with one worker: where its files are, its ports, and its process while it runs."""

    name = ""
    transports = ("tls", "plain")
    schemes = {"tls": "wss", "plain": "ws"}
    version_words = ("--version",)
    environment = None

    def __init__(self, folder, server_port, prefix=()):
        """`prefix` is a command to run it under, such as valgrind."""
        self.folder = folder / self.name
        self.folder.mkdir(exist_ok=True)
        self.certificates = folder
        self.server_port = server_port
        self.prefix = [*pinned(cores()[0]), *prefix]
        self.ports = {transport: free_port() for transport in self.transports}
        self.child = None

    def url(self, transport, path):
        return f"{self.schemes[transport]}://127.0.0.1:{self.ports[transport]}{path}"

    def processes(self):
        return process_tree(self.child.pid)

    def connections_to_server(self):
        return connections_to(self.server_port, self.processes())

    @contextlib.contextmanager
    def running(self, patience=30):
        """Runs it for the length of the block; `patience` is how many seconds it has to start, and to stop."""
        log = self.folder / "stderr.log"
        self.configure()
        command = [*self.prefix, *self.command()]
        with running(command, log, patience=patience, stdout=subprocess.DEVNULL, cwd=self.folder,
                     env=self.environment) as self.child:
            for port in self.ports.values():
                wait_until(lambda: accepts(port), patience, self.child, self.name, log)
            yield self
