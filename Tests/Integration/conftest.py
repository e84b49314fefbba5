import contextlib
import ssl
import sys
from pathlib import Path

import httpx
import pytest
import websockets.sync.client

sys.path.insert(0, str(Path(__file__).parent))

import browser as chromium  # noqa: E402
import http2_peer  # noqa: E402
from backends import BACKENDS, Stage  # noqa: E402
from certificates import Authority  # noqa: E402
from demo import Demo  # noqa: E402
from deployment import ApplicationServer, Staging  # noqa: E402
from hostile import Neighbour, beside  # noqa: E402
from http2_client import HTTP2Client  # noqa: E402
from http2_server import HTTP2Server  # noqa: E402
from raw import RawServer  # noqa: E402
from sluice import BINARY, Gateway  # noqa: E402


def pytest_report_header():
    return f"gateway: {BINARY}{'' if BINARY.exists() else ' (not built: run `swift build --product sluice`)'}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for number, gateway in enumerate(getattr(item, "gateways", []), 1):
            report.sections.append((f"output of gateway {number}", gateway.tail(200)))
    return report


@pytest.fixture(scope="session")
def stage():
    stage = Stage()
    yield stage
    stage.stop()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def site(authority):
    """The certificate of localhost, 127.0.0.1 and ::1."""
    return authority.issue("site", ["localhost", "127.0.0.1", "::1"])


@pytest.fixture(scope="session")
def trusting(authority):
    """A client's TLS context that trusts the tests' authority."""
    return ssl.create_default_context(cafile=str(authority.file))


@pytest.fixture
def http_client(authority, gateway, product):
    """`http_client(base_url, version="http/1.1", …)` is one of the library httpx, which keeps cookies and speaks that
    version alone. All are closed before anything is stopped."""
    with contextlib.ExitStack() as stack:
        def start(base_url, version="http/1.1", **options):
            # A context of its own: httpx sets the context's ALPN.
            context = ssl.create_default_context(cafile=str(authority.file))
            return stack.enter_context(httpx.Client(
                base_url=base_url, http1=version == "http/1.1", http2=version == "h2", verify=context,
                trust_env=False, **{"timeout": 10, **options}))

        yield start


@pytest.fixture(scope="session")
def both_listeners(site):
    """`plain` without TLS and `tls` with it."""
    return [
        {"name": "plain", "address": "127.0.0.1:0"},
        {"name": "tls", "address": "127.0.0.1:0", "tls": {"certificates": [site.setting]}},
    ]


@pytest.fixture
def gateway(request, tmp_path):
    """`gateway(config)` starts one. At the end each must drain on SIGTERM and exit with 0, unless the test ended it."""
    started = request.node.gateways = []

    def start(config, **options):
        if not BINARY.exists():
            pytest.exit(f"{BINARY} is not there; build it with `swift build --product sluice`", returncode=3)
        gateway = Gateway(config, tmp_path / f"gateway-{len(started)}", **options)
        started.append(gateway)
        return gateway.start()

    yield start
    problems = []
    for one in started:
        try:
            if one.process is not None and one.process.poll() is None and one.stop() != 0:
                problems.append(f"expected exit 0 after SIGTERM, got {one.process.returncode}")
        except AssertionError as error:
            problems.append(str(error))
        finally:
            one.kill()
    assert not problems, "\n".join(problems)


@pytest.fixture
def backend(stage):
    """`backend("websockets", …)` starts an echo server."""
    started = []

    def start(kind="websockets", name=None, **options):
        server = stage.run(BACKENDS[kind](name or f"{kind}-{len(started)}").start(**options))
        started.append(server)
        return server

    yield start
    for server in started:
        stage.run(server.stop())


@pytest.fixture
def http2_backend(stage):
    """`http2_backend(…)` starts an `HTTP2Server`. At the end no client may have broken a rule of HTTP/2."""
    started = []

    def start(name=None, **options):
        server = HTTP2Server(name or f"h2-{len(started)}", stage, **options)
        started.append(server)
        return stage.run(server.start())

    yield start
    for server in started:
        stage.run(server.stop())
    failures = [failure for server in started for failure in server.failures]
    assert not failures, f"expected HTTP/2 in order, got {failures!r}"


@pytest.fixture
def http2_link(stage, gateway):
    """`http2_link(gateway)` is a client's HTTP/2 connection to it."""
    links = []

    def open_link(gateway, listener="plain", **options):
        links.append(http2_peer.connect(stage, gateway.addresses[listener], **options))
        return links[-1]

    yield open_link
    for link in links:
        link.close()


@pytest.fixture
def product():
    """`product(hypercorn, …)` starts one of `products.py`; what it wrote is shown when the test fails."""
    started = []

    def start(make, *arguments, **options):
        started.append(make(*arguments, **options))
        return started[-1]

    yield start
    for one in started:
        print(one.output())
        one.stop()


@pytest.fixture(scope="module")
def application():
    """`application("site", "one", …)` starts a server of `applications/`; see `ApplicationServer`."""
    started = []

    def start(*arguments, **options):
        started.append(ApplicationServer(*arguments, **options))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture(scope="module")
def staging(tmp_path_factory, site, trusting, authority):
    """`staging(servers, …)` is a `Staging` of these servers. Its gateway must drain and exit with 0 at the end."""
    made = []

    def make(servers, **options):
        folder = tmp_path_factory.mktemp("staging")
        made.append(Staging(servers, folder, site, trusting, authority.file, **options))
        return made[-1]

    yield make
    problems = [problem for one in made if (problem := one.stop())]
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium with one tab, for all tests of a file. Files for several browsers have a fixture of their own."""
    if chromium.find() is None:
        pytest.fail(f"no Chromium found; looked for {', '.join(chromium.NAMES)}: run scripts/prerequisites test")
    started = chromium.Browser(tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """`sluice demo` on loopback, for all tests of a file."""
    running = Demo(tmp_path_factory.mktemp("demo"))
    try:
        yield running.begin()
        assert running.stop() == 0, running.tail()
    finally:
        running.kill()


@pytest.fixture
def another_demo(tmp_path):
    """`another_demo("--listen", …)` starts one more demo, which the test may end."""
    started = []

    def start(*arguments):
        started.append(Demo(tmp_path / f"demo-{len(started)}", *arguments))
        return started[-1].begin()

    yield start
    for one in started:
        try:
            if one.process.poll() is None:
                assert one.stop() == 0, one.tail()
        finally:
            one.kill()


@pytest.fixture
def connect(gateway, backend, product):
    """`connect(url, …)` opens a WebSocket with the library `websockets`. All are closed before anything is stopped."""
    with contextlib.ExitStack() as stack:
        yield lambda url, **options: stack.enter_context(websockets.sync.client.connect(
            url, proxy=None, max_size=None, ping_interval=None, **options))


class Wire:
    """Makes raw peers and closes them all before the gateway is stopped."""

    def __init__(self):
        self._open = []

    def _keep(self, item):
        self._open.append(item)
        return item

    def connect(self, gateway, listener="plain", **options):
        """A client that has sent nothing yet."""
        return self._keep(gateway.connect(listener, **options))

    def http2(self, gateway, listener="plain", tls=None, **options):
        """A client that speaks HTTP/2: with ALPN where `tls` is given, else with prior knowledge."""
        return self._keep(HTTP2Client.connect(gateway, listener, tls, **options))

    def open(self, gateway, path="/", fields=(), listener="plain", tls=None, **options):
        """A client whose opening handshake succeeded."""
        return self.connect(gateway, listener, tls=tls).open(path, fields, **options)

    def request(self, gateway, path="/", fields=(), listener="plain", tls=None, **options):
        """The response to an opening handshake."""
        return self.connect(gateway, listener, tls=tls).send_upgrade(path, fields, **options).read_response()

    def server(self, path=None, address=("127.0.0.1", 0)):
        return self._keep(RawServer(path, address))

    def accept(self, server):
        return self._keep(server.accept())

    def pair(self, gateway, server, path="/", fields=(), answer=(), listener="plain", tls=None):
        """(client, server) of one connection through the gateway, both ends raw and open."""
        client = self.connect(gateway, listener, tls=tls).send_upgrade(path, fields)
        peer = self.accept(server)
        peer.read_upgrade()
        peer.accept_upgrade(answer)
        response = client.read_response()
        assert response.status == 101, f"expected 101, got {response.start_line!r} {response.body!r}"
        return client, peer

    def close(self):
        for item in reversed(self._open):
            item.close()


@pytest.fixture
def wire(gateway, backend):
    # Asking for both makes this the first to be torn down: neither waits for peers that say nothing any more.
    wire = Wire()
    yield wire
    wire.close()


@pytest.fixture
def attacked(gateway, wire):
    """`attacked(config)` starts a gateway, and on it a healthy neighbour that must not notice anything until the test
    is over; `.neighbour.check()` asks it in between."""
    neighbours = []

    def start(config, **options):
        server = RawServer()
        running = gateway(beside(config, server.address), **options)
        running.neighbour = Neighbour(running, server)
        neighbours.append(running.neighbour)
        return running

    yield start
    for neighbour in neighbours:
        neighbour.finish()
