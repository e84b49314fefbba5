"""Products that stand around the gateway, as processes with a listening socket that the test has made for them: so none
has to guess a free port, and no connection comes before its time."""

import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


class Product:
    """A process that listens on `address`. `command(descriptor)`: its words; `port`: 0 is any free one."""

    def __init__(self, command, port=0):
        self._listening = socket.create_server(("127.0.0.1", port), backlog=128)
        self.address = "%s:%d" % self._listening.getsockname()
        self._output = tempfile.TemporaryFile("w+")
        descriptor = self._listening.fileno()
        self.process = subprocess.Popen(
            command(descriptor), stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._output, cwd=FOLDER,
            pass_fds=[descriptor])
        self._listening.close()

    def output(self):
        self._output.seek(0)
        return self._output.read()

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()
        self._output.close()


def hypercorn(files=None):
    """Hypercorn with the echo application: HTTP/2 by ALPN with a certificate, by prior knowledge without."""
    tls = ["--certfile", str(files.certificate), "--keyfile", str(files.private_key)] if files else []
    return Product(lambda descriptor: [
        sys.executable, "-m", "hypercorn", "--bind", f"fd://{descriptor}", "--workers", "0",
        "--graceful-timeout", "0", *tls, "asgi_echo:app"])


def haproxy(directory, target, bind="", server=""):
    """HAProxy before `target`; `bind` and `server` are added to its lines of that name."""
    program = shutil.which("haproxy") or "/usr/sbin/haproxy"
    if not Path(program).exists():
        raise AssertionError("haproxy is not installed: run scripts/prerequisites test")
    file = Path(directory) / "haproxy.cfg"

    def command(descriptor):
        file.write_text(f"""
defaults
  mode http
  retries 0
  timeout connect 2s
  timeout client 10s
  timeout server 10s
  timeout tunnel 1m
frontend front
  bind fd@{descriptor} {bind}
  default_backend back
backend back
  server one {target} {server}
""")
        return [program, "-db", "-f", str(file)]

    return Product(command)


def uwsgi():
    """uWSGI with an application that shows what it was given. One process, ended at once with SIGTERM."""
    program = shutil.which("uwsgi") or "/usr/bin/uwsgi"
    if not Path(program).exists():
        raise AssertionError("uwsgi is not installed: run scripts/prerequisites test")
    return Product(lambda descriptor: [
        program, "--plugins-dir", "/usr/lib/uwsgi/plugins", "--plugin", "python3", "--http11-socket",
        f"fd://{descriptor}", "--wsgi-file", "wsgi_environ.py", "--die-on-term", "--need-app"])
