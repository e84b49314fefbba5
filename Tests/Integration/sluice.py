"""The gateway as a process: starts it with a configuration, knows the ports it took, and never leaves it behind."""

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import yaml

from raw import DEADLINE, Peer
from waiting import eventually

REPOSITORY = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("SLUICE_BINARY") or REPOSITORY / ".build" / "debug" / "sluice")
START_DEADLINE = 20.0
STOP_DEADLINE = 15.0


def configuration(*routes, upstreams=(), listeners=None, **sections):
    """A configuration as a dictionary, with what most tests want: a cleartext listener `plain` and an admin
    endpoint, each on a free port, and a drain that is over quickly."""
    return {
        "listeners": listeners or [{"name": "plain", "address": "127.0.0.1:0"}],
        "admin": {"address": "127.0.0.1:0"},
        "routes": list(routes),
        "upstreams": list(upstreams),
        "drain": {"timeout": "2s", "spread": "0s"},
        **sections,
    }


def proxied(*addresses, upstream=None, name="all", match=None, sections=None, **route):
    """A configuration with one route, `all`, to one upstream, `backend`, of the servers at these addresses."""
    return configuration(
        {"name": name, **({"match": match} if match else {}), "upstream": "backend", **route},
        upstreams=[{"name": "backend", "servers": [{"address": a} for a in addresses], **(upstream or {})}],
        **(sections or {}),
    )


class Gateway:
    """One `sluice run`."""

    def __init__(self, config, directory, *, environment=None, command=None, prefix=()):
        directory.mkdir(parents=True, exist_ok=True)
        self.config = config
        self.file = directory / "sluice.yaml"
        self.environment = {**os.environ, **(environment or {})}
        self.command = command
        self.prefix = list(prefix)  # a program to run it by
        self.process = None
        self.output = []
        self._news = threading.Condition()
        self._may_read = threading.Event()
        self._may_read.set()
        self.addresses = {}

    # Life

    def start(self, expected=None):
        """Starts the process and waits until every listener listens."""
        if self.config is not None:
            self.file.write_text(yaml.safe_dump(self.config, sort_keys=False))
        arguments = self.command or ["run", "--config", str(self.file)]
        self.process = subprocess.Popen(
            [*self.prefix, str(BINARY), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.environment, text=True, errors="replace")
        threading.Thread(target=self._read_output, daemon=True).start()
        if expected is None:
            expected = {listener["name"] for listener in self.config["listeners"]}
            if "admin" in self.config:
                expected.add("admin")
        self._wait_for(lambda: expected <= self.addresses.keys(), f"{sorted(expected)} to listen", START_DEADLINE)
        return self

    def _read_output(self):
        with self.process.stdout as stream:
            for line in stream:
                self._may_read.wait()
                with self._news:
                    self.output.append(line.rstrip("\n"))
                    self._note(line)
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    _ended = False

    @contextlib.contextmanager
    def output_unread(self):
        """Meanwhile nobody reads what the gateway writes."""
        self._may_read.clear()
        try:
            yield
        finally:
            self._may_read.set()

    def _note(self, line):
        try:
            entry = json.loads(line)
        except ValueError:
            return
        if not isinstance(entry, dict):
            return
        entry = {**entry, **(entry.get("metadata") or {})}
        if entry.get("message") == "listening":
            self.addresses[entry["listener"]] = entry["address"]

    def _wait_for(self, check, expectation, timeout):
        with self._news:
            self._news.wait_for(lambda: check() or self._ended, timeout)
            if not check():
                state = f"it ended with {self.process.wait(5)}" if self._ended else "it is running"
                raise AssertionError(f"expected {expectation} within {timeout:g} s; {state}\n{self.tail()}")

    def wait_for_output(self, check, expectation, timeout=10.0):
        """Waits for a line of the output for which `check` is true, and returns it."""
        self._wait_for(lambda: any(check(line) for line in self.output), expectation, timeout)
        return next(line for line in self.output if check(line))

    def log(self):
        """The JSON log lines so far, metadata beside the rest."""
        entries = []
        for line in list(self.output):
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict):
                entries.append({**entry, **(entry.get("metadata") or {})})
        return entries

    def tail(self, lines=60):
        return "\n".join(self.output[-lines:])

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=STOP_DEADLINE):
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"expected the gateway to end within {timeout:g} s\n{self.tail()}") from None

    # Another configuration

    def rewrite(self, config):
        """Puts another configuration in the place of the file, in one step as deployments do: a dictionary, or text
        that may be none."""
        if not isinstance(config, str):
            self.config = config
            config = yaml.safe_dump(config, sort_keys=False)
        fresh = self.file.with_name(f"{self.file.name}.new")
        fresh.write_text(config)
        fresh.replace(self.file)

    def reload(self, config=None, *, status=200, method="POST", **options):
        """Asks the admin endpoint to reload, after `rewrite(config)` where one is given; the JSON of its answer. With
        the method GET nothing is applied."""
        if config is not None:
            self.rewrite(config)
        got, _, body = self.admin("/reload", method, **options)
        assert got == status, f"{method} /reload: expected {status}, got {got} {body.decode(errors='replace')!r}"
        return json.loads(body)

    def stop(self):
        """SIGTERM; an idle or drained gateway ends with 0."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait(10)

    # Addresses

    def address(self, listener="plain"):
        """As the log has it, which may be read a little later than a reload is answered."""
        self._wait_for(lambda: listener in self.addresses, f"{listener} to listen", START_DEADLINE)
        return self.addresses[listener]

    def port(self, listener="plain"):
        return int(self.address(listener).rsplit(":", 1)[1])

    def url(self, path="/", listener="plain", scheme="ws", host="127.0.0.1"):
        return f"{scheme}://{host}:{self.port(listener)}{path}"

    def connect(self, listener="plain", tls=None, server_name="localhost"):
        """A raw client, connected but silent. `tls`: an ssl.SSLContext."""
        address = self.address(listener)
        if address.startswith("unix:"):
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(DEADLINE)
            sock.connect(address.removeprefix("unix:"))
            return Peer(sock, "client")
        sock = socket.create_connection(("127.0.0.1", self.port(listener)), timeout=DEADLINE)
        if tls is not None:
            try:
                sock = tls.wrap_socket(sock, server_hostname=server_name)
            except (OSError, ssl.SSLError):
                sock.close()
                raise
        return Peer(sock, "client", f"localhost:{self.port(listener)}")

    # The admin endpoint

    def admin(self, path, method="GET", headers=None):
        """(status, fields, body) of one request to the admin endpoint."""
        request = urllib.request.Request(
            f"http://{self.addresses['admin']}{path}", method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE) as response:
                return response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def stats(self):
        status, _, body = self.admin("/stats")
        assert status == 200, f"GET /stats gave {status}: {body!r}"
        return json.loads(body)

    def route(self, name="all"):
        return self.stats()["routes"][name]

    def eventually(self, check, expectation, timeout=10.0):
        """Waits until `check(stats)` is true; its value is returned."""
        return eventually(lambda: check(self.stats()), expectation, timeout)

    def eventually_without_servers(self):
        """Waits until no connection to any server is left."""
        self.eventually(
            lambda stats: all(server["connections"] == 0 for upstream in stats["upstreams"].values()
                              for server in upstream["servers"].values()), "no connection to a server left")

    # The process

    def resident_bytes(self):
        if "SLUICE_SANITIZER" in os.environ:
            return 0  # most of it is the sanitizer's own
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS in /proc")


class PeakMemory:
    """Samples a gateway's resident memory while a block runs; `growth` is the peak over what was there before."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.before = gateway.resident_bytes()
        self.peak = self.before
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def _sample(self):
        while not self._done.wait(0.005):
            try:
                self.peak = max(self.peak, self.gateway.resident_bytes())
            except (OSError, AssertionError):
                return

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join(5)
        self.peak = max(self.peak, self.gateway.resident_bytes())

    @property
    def growth(self):
        return self.peak - self.before


def command(*arguments, environment=None, timeout=30):
    """Runs `sluice` to its end: the completed process, stdout and stderr as text."""
    started = time.monotonic()
    completed = subprocess.run(
        [str(BINARY), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=timeout, env={**os.environ, **(environment or {})})
    completed.seconds = time.monotonic() - started
    return completed
