"""The C tools: compiling them, running them on the cores that the proxies leave."""

import contextlib
import json
import random
import socket
import subprocess
import tempfile
from pathlib import Path

from .children import Failure, running, tail
from .pinning import beside

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"

_FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror"]
_LIBRARIES = {"echo-server": ["-lcrypto", "-lnghttp2"], "load": ["-lssl", "-lcrypto", "-lm", "-lnghttp2", "-lz"]}


def compile_tools():
    """Compiles each tool whose sources are newer than its program."""
    BUILD.mkdir(exist_ok=True)
    shared = list((ROOT / "wire").glob("*.[ch]"))
    for name, libraries in _LIBRARIES.items():
        program = BUILD / name
        sources = list((ROOT / name).glob("*.[ch]")) + shared
        if program.exists() and all(path.stat().st_mtime < program.stat().st_mtime for path in sources):
            continue
        units = sorted(str(path) for path in sources if path.suffix == ".c")
        result = subprocess.run(
            ["cc", *_FLAGS, "-o", str(program), *units, *libraries], capture_output=True, text=True)
        if result.returncode != 0:
            raise Failure(f"compiling {name} failed:\n{result.stderr}")


def compile_library(name):
    """Compiles a library for LD_PRELOAD out of the one source file in its folder; gives its path."""
    BUILD.mkdir(exist_ok=True)
    source, library = ROOT / name / f"{name}.c", BUILD / f"{name}.so"
    if not library.exists() or library.stat().st_mtime <= source.stat().st_mtime:
        result = subprocess.run(["cc", *_FLAGS, "-fPIC", "-shared", "-o", library, source, "-pthread"],
                                capture_output=True, text=True)
        if result.returncode != 0:
            raise Failure(f"compiling {name} failed:\n{result.stderr}")
    return library


def make_certificate(folder):
    """A self-signed EC P-256 certificate: cert.pem, key.pem, and both in one file for HAProxy."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", "key.pem", "-out", "cert.pem", "-days", "30", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        cwd=folder, check=True, capture_output=True)
    (folder / "both.pem").write_bytes((folder / "cert.pem").read_bytes() + (folder / "key.pem").read_bytes())


def free_port():
    """A port nobody uses, below the range the kernel gives to outgoing connections."""
    for _ in range(200):
        port = random.randrange(15000, 32000)
        with contextlib.closing(socket.socket()) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise Failure("no free port between 15000 and 32000 on 127.0.0.1")


@contextlib.contextmanager
def workspace():
    """A temporary folder with a certificate in it."""
    with tempfile.TemporaryDirectory(prefix="sluice-benchmark-") as name:
        folder = Path(name)
        make_certificate(folder)
        yield folder


@contextlib.contextmanager
def echo_server(folder, prefix=()):
    """Runs the echo server, whose command gets `prefix`; gives its port."""
    log = folder / "echo-server.log"
    command = [*prefix, *beside(), BUILD / "echo-server", "--port", "0"]
    with running(command, log, stdout=subprocess.PIPE, text=True) as child:
        word, _, port = child.stdout.readline().partition(" ")
        if word != "listening":
            raise Failure(f"the echo server did not start:\n{tail(log)}")
        yield int(port)


def load_command(url, **options):
    """The command line of `load`: offer_deflate=True becomes --offer-deflate, connections=5 --connections 5."""
    command = [*beside(), str(BUILD / "load"), "--url", url]
    for name, value in options.items():
        if value is True:
            command.append("--" + name.replace("_", "-"))
        elif value is not None and value is not False:
            command += ["--" + name.replace("_", "-"), str(value)]
    return command


def load_result(text, log):
    """The JSON that `load` ends with."""
    lines = [line for line in text.splitlines() if line.startswith("{")]
    if not lines:
        raise Failure(f"load gave no result:\n{tail(log)}")
    return json.loads(lines[-1])


def run_load(folder, url, **options):
    """Runs `load` to its end; gives its result."""
    log = folder / "load.log"
    with running(load_command(url, **options), log, stdout=subprocess.PIPE, text=True) as child:
        text, _ = child.communicate()
    return load_result(text, log)


@contextlib.contextmanager
def held_connections(folder, url, **options):
    """Runs `load --idle` until the block ends; gives the child, from which `ready N` has been read."""
    log = folder / "load.log"
    command = load_command(url, idle=True, **options)
    with running(command, log, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        word, _, count = child.stdout.readline().partition(" ")
        if word != "ready" or int(count) != options["connections"]:
            raise Failure(f"only {count.strip() or 0} of {options['connections']} connections open:\n{tail(log)}")
        yield child


def touch(child, size):
    """One echo of so many bytes on each connection that a `held_connections` child holds; gives how many came back."""
    child.stdin.write(f"touch {size}\n")
    child.stdin.flush()
    return int(child.stdout.readline().split()[1])


def finish(child, folder):
    """Lets a `held_connections` child close its connections; gives its result."""
    text, _ = child.communicate()
    return load_result(text, folder / "load.log")
