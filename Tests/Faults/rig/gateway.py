"""The gateway as a process: its configuration, its statistics, and what /proc says of it."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path

from harness.children import Failure, start, stop, tail, wait_until
from harness.process_tree import memory

REPOSITORY = Path(__file__).resolve().parents[3]
START_SECONDS = 30
_LISTENERS = {"plain", "tls", "admin"}


def binary():
    path = Path(os.environ.get("SLUICE_BINARY") or REPOSITORY / ".build" / "release" / "sluice").resolve()
    if not path.is_file():
        raise Failure(f"{path} is not there; build it with `make build`, or name one with SLUICE_BINARY=PATH")
    return path


def configuration(folder, servers, timing, limits=None, capped=None, change=None):
    """`capped`: settings of the route `/capped`; `change`: a function that alters what is made here."""
    certificate = {"certificate": str(folder / "cert.pem"), "private_key": str(folder / "key.pem")}
    config = {
        "listeners": [{"name": "plain", "address": "127.0.0.1:0"},
                      {"name": "tls", "address": "127.0.0.1:0", "tls": {"certificates": [certificate]}}],
        "admin": {"address": "127.0.0.1:0"},
        "limits": {"max_connections": 100_000, **(limits or {})},
        "defaults": {"ping_interval": timing.ping_interval, "pong_timeout": timing.pong_timeout,
                     "close_timeout": "3s", "idle_timeout": "2m"},
        "routes": [
            {"name": "plain", "match": {"path": "/plain"}, "upstream": "echo", "compression": "off"},
            {"name": "deflate", "match": {"path": "/deflate"}, "upstream": "echo", "compression": "terminate"},
            {"name": "capped", "match": {"path": "/capped"}, "upstream": "echo", "compression": "off",
             **(capped or {})},
        ],
        "upstreams": [{"name": "echo", "servers": [{"address": server.authority} for server in servers],
                       "connect_timeout": "2s", "response_timeout": timing.response_timeout, "retries": 2}],
        "log": {"level": "info", "format": "json"},
        "drain": {"timeout": "2s", "spread": "0s"},
    }
    if change is not None:
        change(config)
    return config


class Gateway:
    """One `sluice run`. `descriptors`: the hard limit of its file descriptors. `number`: above 0, the one before has to
    hand its sockets over."""

    def __init__(self, folder, config, descriptors=None, number=0):
        self.file = folder / "sluice.yaml"
        self.rewrite(config)
        self.log = folder / (f"gateway-{number}.log" if number else "gateway.log")
        wrapper = ["prlimit", f"--nofile={descriptors}:{descriptors}"] if descriptors else []
        manner = ["--takeover"] if number else []
        self.child = start([*wrapper, binary(), "run", *manner, "--config", self.file], self.log,
                           stdout=subprocess.DEVNULL)
        self.peak = 0
        self._done = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def wait_until_started(self):
        wait_until(lambda: _LISTENERS <= self.addresses().keys(), START_SECONDS, self.child, "sluice", self.log)
        self._addresses = self.addresses()
        self.ports = {name: int(self._addresses[name].rpartition(":")[2]) for name in _LISTENERS}
        self._sampler.start()
        return self

    def addresses(self):
        found = {}
        for entry in self.entries():
            if entry.get("message") == "listening":
                found[entry["listener"]] = entry["address"]
        return found

    def entries(self):
        """The lines of the log, metadata beside the rest."""
        for line in self.log.read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                yield {**entry, **(entry.get("metadata") or {})}

    def stop(self):
        self._done.set()
        stop(self.child, 8)

    def require_running(self):
        if self.child.poll() is not None:
            raise Failure(f"sluice ended by itself with status {self.child.returncode}:\n{tail(self.log, 20)}")

    def stats(self):
        self.require_running()
        with urllib.request.urlopen(f"http://{self._addresses['admin']}/stats", timeout=10) as response:
            return json.load(response)

    # Another configuration

    def rewrite(self, config):
        """Replaces the file in one step; text may be anything."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(config if isinstance(config, str) else json.dumps(config, indent=2) + "\n")  # JSON is YAML
        fresh.replace(self.file)

    def reload(self):
        """POST /reload: the status, and the JSON of the answer, or its text where it is none."""
        self.require_running()
        request = urllib.request.Request(f"http://{self._addresses['admin']}/reload", method="POST")
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode(errors="replace")
                try:
                    return error.code, json.loads(text)
                except ValueError:
                    return error.code, text

    def hang_up(self):
        """SIGHUP."""
        self.child.send_signal(signal.SIGHUP)

    @contextlib.contextmanager
    def frozen(self):
        """It stands still meanwhile."""
        self.child.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.child.send_signal(signal.SIGCONT)

    def wait(self, seconds):
        """The exit status; None when it has not ended by then."""
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    # What /proc says

    def memory(self):
        """PSS in bytes."""
        return memory(self.child.pid)["pss"]

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.child.pid}/fd"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.child.pid}/task"))

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _sample(self):
        while not self._done.wait(0.2):
            with contextlib.suppress(OSError):
                self.peak = max(self.peak, self.memory())
