"""An application as it is deployed: two processes of its server behind one route of a gateway with TLS. And one of them
without a gateway, which shows what is the application's own doing.

The programs are those of `applications/`. Both processes and the gateway live as long as a module of tests.
"""

import contextlib
import json
import shutil
import sys
import urllib.request

import httpx

from http2_client import alpn
from products import Product
from raw import DEADLINE
from sluice import Gateway, PeakMemory, configuration
from waiting import eventually

# How a client reaches the application: the server itself, or the gateway with one of the HTTP versions.
DIRECT, HTTP1, HTTP2 = "direct", "http1", "http2"
WAYS = (DIRECT, HTTP1, HTTP2)


class ApplicationServer(Product):
    """One process of a program in `applications/`, which calls itself `name`. `node`: it is one for Node.js."""

    def __init__(self, program, name, *arguments, port=0, node=False):
        self.name = name
        self._again = lambda port: ApplicationServer(program, name, *arguments, port=port, node=node)
        words = node_words(f"applications/{program}.js") if node else [
            sys.executable, "-m", f"applications.{program}"]
        super().__init__(lambda descriptor: [*words, str(descriptor), name, *map(str, arguments)], port)

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])

    def again(self):
        """Another process in the place of this one, which has ended."""
        return self._again(self.port)

    def get(self, path):
        """The JSON that it answers with, asked itself."""
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=DEADLINE) as response:
            return json.load(response)

    def state(self):
        return self.get("/state")

    def publish(self, channel, text):
        """Tells a handler what it waits for."""
        request = urllib.request.Request(f"http://{self.address}/publish/{channel}", text.encode(), method="POST")
        with urllib.request.urlopen(request, timeout=DEADLINE) as response:
            assert response.status == 202, response.status


def node_words(program):
    """The words that run a program with Node.js, which finds the distribution's packages."""
    node = shutil.which("node") or shutil.which("nodejs")
    assert node, "Node.js is not installed: run scripts/prerequisites test"
    return ["env", "NODE_PATH=/usr/share/nodejs", node, program]


class Deployment:
    """What a client sees: where to go, and what to trust. `gateway`: None without one."""

    def __init__(self, servers, gateway=None, trusting=None, authority=None):
        self.servers = servers
        self.gateway = gateway
        self.trusting = trusting
        self.authority = authority  # a PEM file

    def url(self, path="", scheme="http"):
        if self.gateway is None:
            return f"{scheme}://localhost:{self.servers[0].port}{path}"
        return f"{scheme}s://localhost:{self.gateway.port('tls')}{path}"

    def context(self, *protocols):
        """A client's TLS context; None where there is no TLS."""
        return self.gateway and alpn(self.trusting, *protocols)

    def client(self, way, **options):
        """A client of httpx that speaks just the one version."""
        is_http2 = way == HTTP2
        return httpx.Client(
            base_url=self.url(), http1=not is_http2, http2=is_http2, verify=self.context() or True,
            trust_env=False, timeout=DEADLINE, **options)

    def holder(self, channel):
        """The server on which a handler waits for this channel."""
        return eventually(
            lambda: next((one for one in self.servers if channel in one.state()["waiting"]), None),
            f"a server to wait for {channel}")

    def cancelled(self, channel):
        """Waits until a server has seen that the client of this channel went away."""
        eventually(
            lambda: any(channel in one.state()["cancelled"] for one in self.servers),
            f"a server to notice that the client of {channel} went away")

    @contextlib.contextmanager
    def growing_at_most(self, limit):
        """Meanwhile the gateway's memory may not grow by more than `limit` bytes."""
        if self.gateway is None:
            yield
            return
        with PeakMemory(self.gateway) as memory:
            yield
        assert memory.growth <= limit, f"the gateway grew by {memory.growth >> 10} KiB, limit {limit >> 10} KiB"


class Staging:
    """The same servers with and without a gateway. `upstream` and `route` are added to its configuration."""

    def __init__(self, servers, directory, site, trusting, authority, upstream=None, **route):
        self.servers = servers
        self.direct = Deployment(servers[:1])
        self._through = None
        self._trust = trusting, authority
        self._gateway = Gateway(configuration(
            {"name": "all", "upstream": "application", **route},
            upstreams=[{
                "name": "application", "servers": [{"address": one.address} for one in servers], **(upstream or {})}],
            listeners=[{"name": "tls", "address": "127.0.0.1:0", "tls": {"certificates": [site.setting]}}]), directory)

    @property
    def through(self):
        """The gateway is started when it is first asked for."""
        if self._through is None:
            self._through = Deployment(self.servers, self._gateway.start(), *self._trust)
        return self._through

    def by(self, way, request):
        """The deployment as a client on this way sees it. When the test of `request` fails, the gateway's output is
        shown."""
        if way == DIRECT:
            return self.direct
        request.node.gateways = [self.through.gateway]
        return self.through

    def stop(self):
        """What went wrong at the gateway's end, if anything did."""
        gateway = self._gateway
        try:
            if gateway.process is not None and gateway.stop() != 0:
                return f"expected exit 0 after SIGTERM, got {gateway.process.returncode}\n{gateway.tail()}"
        except AssertionError as error:
            return str(error)
        finally:
            gateway.kill()
        return None
