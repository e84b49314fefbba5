"""The C tools: what they need from the system, compiling them, running them."""

import contextlib
import json
import os
import shutil
import socket
import random
import subprocess
import tempfile
from pathlib import Path

from .children import Failure, running, tail

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"

_FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror"]
_SOURCES = {"echo-server": ["-lcrypto", "-lnghttp2"], "load": ["-lssl", "-lcrypto", "-lm", "-lnghttp2"]}
_PACKAGES = {"nginx": "nginx", "haproxy": "haproxy", "valgrind": "valgrind", "openssl": "openssl", "cc": "gcc",
             "h2load": "nghttp2-client"}


def find_program(name):
    """A program's path; Debian keeps servers in /usr/sbin, which is not on everyone's PATH."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def install_missing(programs):
    """Installs what is not there, as root; otherwise says what to type."""
    packages = sorted({_PACKAGES[name] for name in programs if find_program(name) is None})
    for header, package in (("openssl/ssl.h", "libssl-dev"), ("nghttp2/nghttp2.h", "libnghttp2-dev")):
        if not Path("/usr/include", header).exists():
            packages.append(package)
    if "gcc" in packages or not Path("/usr/include/stdio.h").exists():
        packages.append("libc6-dev")
    if not packages:
        return
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Failure("missing: " + " ".join(packages) + "\nInstall with: sudo " + " ".join(command))
    print("installing", *packages, flush=True)
    if subprocess.run(command, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}).returncode != 0:
        raise Failure("failed: " + " ".join(command) + "\nTry `apt-get update` first.")


def compile_tools():
    """Compiles each tool whose sources are newer than its program."""
    BUILD.mkdir(exist_ok=True)
    shared = list((ROOT / "wire").glob("*.[ch]"))
    for name, libraries in _SOURCES.items():
        program = BUILD / name
        sources = list((ROOT / name).glob("*.[ch]")) + shared
        if program.exists() and all(path.stat().st_mtime < program.stat().st_mtime for path in sources):
            continue
        units = sorted(str(path) for path in sources if path.suffix == ".c")
        result = subprocess.run(
            ["cc", *_FLAGS, "-o", str(program), *units, *libraries], capture_output=True, text=True)
        if result.returncode != 0:
            raise Failure(f"compiling {name} failed:\n{result.stderr}")


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
def echo_server(folder):
    """Runs the echo server; gives its port."""
    log = folder / "echo-server.log"
    with running([BUILD / "echo-server", "--port", "0"], log, stdout=subprocess.PIPE, text=True) as child:
        word, _, port = child.stdout.readline().partition(" ")
        if word != "listening":
            raise Failure(f"the echo server did not start:\n{tail(log)}")
        yield int(port)


def load_command(url, **options):
    """The command line of `load`: offer_deflate=True becomes --offer-deflate, connections=5 --connections 5."""
    command = [str(BUILD / "load"), "--url", url]
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


def touch(child):
    """One echo on each connection that a `held_connections` child holds; gives how many came back."""
    child.stdin.write("touch\n")
    child.stdin.flush()
    return int(child.stdout.readline().split()[1])


def finish(child, folder):
    """Lets a `held_connections` child close its connections; gives its result."""
    text, _ = child.communicate()
    return load_result(text, folder / "load.log")
