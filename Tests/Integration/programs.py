"""Applications and servers that open their ports themselves, as processes. The ports are kept for them, so that none
has to guess a free one, and one that is started again comes back where it was."""

import contextlib
import glob
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from waiting import SLOWDOWN, eventually

FOLDER = Path(__file__).resolve().parent
START_DEADLINE = 80 * SLOWDOWN  # RabbitMQ needs seven seconds of a core to itself


class Program:
    """A process that listens on `addresses`, the first of which is `address`. `command(*ports)`: its words."""

    def __init__(self, command, *, ports=1, environment=None, ending=signal.SIGTERM):
        # Bound and not listening: nobody else gets the port, who asks for this one gets it, and as long as the program
        # does not run connections to it are refused.
        self._kept = [_keep() for _ in range(ports)]
        self.ports = [sock.getsockname()[1] for sock in self._kept]
        self.addresses = [f"127.0.0.1:{port}" for port in self.ports]
        self.address = self.addresses[0]
        self.process = None
        self._command = [str(word) for word in command(*self.ports)]
        # Some behave otherwise when they see that they are tested with pytest.
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | (environment or {})
        self._ending = ending
        self._output = tempfile.TemporaryFile("w+", errors="replace")

    def begin(self):
        """Starts it; `wait` waits until it listens. Several can begin at a time."""
        self.process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._output, cwd=FOLDER,
            env=self._environment, start_new_session=True)
        return self

    def wait(self):
        for port in self.ports:
            eventually(
                lambda: _listens(port) or self.process.poll() is not None, f"{self._command[0]} to listen on {port}",
                START_DEADLINE)
        if self.process.poll() is not None:
            raise AssertionError(f"expected {self._command[0]} to run, it ended with "
                                 f"{self.process.returncode}:\n{self.output()[-4000:]}")
        return self

    def start(self):
        return self.begin().wait()

    def output(self):
        self._output.flush()
        return Path(f"/proc/self/fd/{self._output.fileno()}").read_text(errors="replace")

    def kill(self):
        """Ends it and all that it started, at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self):
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(self._ending)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(5)
            self.kill()
        self._output.close()
        for sock in self._kept:
            sock.close()


def _keep():
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    return sock


def _listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def _installed(name, *places):
    for path in (shutil.which(name), *(found for place in places for found in sorted(glob.glob(place)))):
        if path and Path(path).exists():
            return path
    raise AssertionError(f"{name} is not installed: run scripts/prerequisites test")


def mosquitto(directory):
    """mosquitto with WebSockets on its port, and MQTT without on the unix socket `mqtt` in `directory`. It keeps
    nothing."""
    program = _installed("mosquitto", "/usr/sbin/mosquitto")
    directory = Path(directory)

    def command(port):
        lines = [
            # Its version 2.0.11 does not start with WebSockets alone. An address of IPv4 needs to be called one.
            f"listener 0 {directory}/mqtt", "protocol mqtt",
            f"listener {port} 127.0.0.1", "protocol websockets", "socket_domain ipv4",
            "allow_anonymous true", "persistence false"]
        if os.geteuid() == 0:
            lines.append("user root")
        file = directory / "mosquitto.conf"
        file.write_text("\n".join([*lines, ""]))
        return [program, "-c", file, "-v"]

    return Program(command)


def websockify(target, pages):
    """websockify before the TCP server at `target`; what is in the folder `pages` it serves, too."""
    program = _installed("websockify")
    return Program(lambda port: [program, "--web", pages, f"127.0.0.1:{port}", target])


def websocketd(*arguments):
    """websocketd; `arguments` are its options, and the program that it runs for each WebSocket."""
    program = _installed("websocketd")
    return Program(lambda port: [program, "--address", "127.0.0.1", "--port", port, *arguments])


def jupyter(directory, token):
    """A Jupyter Server with a kernel of Python, its notebooks and all else that it writes in `directory`."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    return Program(
        lambda port: [
            sys.executable, "-m", "jupyter_server", "--allow-root", "--no-browser", "--ServerApp.ip=127.0.0.1",
            f"--port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={directory}",
            f"--IdentityProvider.token={token}", "--KernelManager.transport=ipc",
            # As behind any proxy: names that are not this machine's, and X-Forwarded-Proto for the cookie's `Secure`.
            "--ServerApp.allow_remote_access=True", "--ServerApp.trust_xheaders=True"],
        environment={
            "HOME": str(directory), "JUPYTER_CONFIG_DIR": str(directory / "config"),
            "JUPYTER_RUNTIME_DIR": str(directory / "run"), "JUPYTER_DATA_DIR": str(directory / "data"),
            "IPYTHONDIR": str(directory / "ipython")})


def pages(name):
    """`page_application.py`, which calls itself `name`."""
    return Program(lambda port: [sys.executable, "page_application.py", port, name])


def nicegui(name):
    """`nicegui_application.py`, which calls itself `name`."""
    return Program(lambda port: [sys.executable, "nicegui_application.py", port, name])


def epmd():
    """Erlang's table of names, which RabbitMQ wants to stand in."""
    program = _installed("epmd")
    return Program(lambda port: [program, "-address", "127.0.0.1", "-port", port])


def rabbitmq(directory, names):
    """RabbitMQ with STOMP over WebSockets on its first port, and its management on the second. `names`: an `epmd`."""
    # What stands in /usr/sbin changes to a user of its own.
    program = _installed("rabbitmq", "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server")
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)

    def command(stomp, management, distribution):
        (directory / "rabbitmq.conf").write_text(
            "listeners.tcp = none\nstomp.listeners.tcp = none\n"
            f"web_stomp.tcp.ip = 127.0.0.1\nweb_stomp.tcp.port = {stomp}\n"
            f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {management}\n")
        (directory / "enabled_plugins").write_text("[rabbitmq_management,rabbitmq_web_stomp].\n")
        return ["env", f"RABBITMQ_DIST_PORT={distribution}", program]

    # It takes seconds to end in order, and has nothing to keep.
    return Program(command, ports=3, ending=signal.SIGKILL, environment={
        "HOME": str(directory), "ERL_EPMD_PORT": str(names.ports[0]), "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": "tests@localhost", "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null", "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
        "RABBITMQ_LOG_BASE": str(directory / "log"), "RABBITMQ_LOGS": "-",
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}"})


def prometheus(directory, gateway, token):
    """Prometheus with what `conf/prometheus` says of it, but for a scrape every 200 ms. It reads the metrics of
    `gateway`, an admin address that wants `token`, and keeps everything in `directory`."""
    program = _installed("prometheus")
    directory = Path(directory)
    for file in (FOLDER.parents[1] / "conf" / "prometheus").glob("*.yaml"):
        shutil.copy(file, directory)
    config = yaml.safe_load((directory / "prometheus.yaml").read_text())
    config["global"] = {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "1s"}
    (directory / "prometheus.yaml").write_text(yaml.safe_dump(config))
    (directory / "targets.yaml").write_text(yaml.safe_dump([{"targets": [gateway]}]))
    (directory / "admin-token").write_text(token)
    return Program(lambda port: [
        program, f"--config.file={directory}/prometheus.yaml", f"--storage.tsdb.path={directory}/data",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"])
