"""The processes of a run: the gateway, and the server behind it."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

from harness.children import Failure, running, tail, wait_until
from harness.process_tree import accepts
from harness.tools import free_port

from .peer import Peer
from .plan import CHAINED, MODES

FOLDER = Path(__file__).resolve().parent
REPOSITORY = FOLDER.parents[2]
START_SECONDS = 30


def binary():
    path = Path(os.environ.get("SLUICE_BINARY") or REPOSITORY / ".build" / "release" / "sluice").resolve()
    if not path.is_file():
        raise Failure(f"{path} is not there; build it with `make build`, or name one with SLUICE_BINARY=PATH")
    return path


@contextlib.contextmanager
def trusting_server(folder):
    """A server that checks nothing."""
    log = folder / "server.log"
    command = [sys.executable, FOLDER / "trusting_server.py"]
    with running(command, log, stdout=subprocess.PIPE, text=True) as child:
        word, _, port = child.stdout.readline().partition(" ")
        if word != "listening":
            raise Failure(f"the trusting server did not start:\n{tail(log)}")
        yield Peer("the trusting server", child, log, {"ws": int(port)})


def testee_server(folder, wstest):
    """The suite's own echo server."""
    return wstest_server(folder, wstest, "testeeserver", lambda url: ["-w", url])


@contextlib.contextmanager
def wstest_server(folder, wstest, mode, options):
    port = free_port()
    log = folder / "server.log"
    command = [*wstest, "-m", mode, "-u", "0", *options(f"ws://127.0.0.1:{port}")]
    with open(log, "ab") as output:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with running(command, log, stdout=output, cwd=folder, env=environment) as child:
            wait_until(lambda: accepts(port), START_SECONDS, child, f"wstest -m {mode}", log)
            yield Peer(f"wstest -m {mode}", child, log, {"ws": port})


def configuration(mode, server_port, host_port, certificates, **upstream):
    """Of a gateway before the server, or the gateway, on this port. `host_port`: that of the server at the end."""
    compression = MODES[mode]
    return {
        "listeners": [
            {"name": "ws", "address": "127.0.0.1:0"},
            {"name": "wss", "address": "127.0.0.1:0", "tls": {"certificates": [
                {"certificate": str(certificates / "cert.pem"), "private_key": str(certificates / "key.pem")}]}},
        ],
        "routes": [{
            "name": mode, "upstream": "server", "compression": compression,
            # The suite's servers answer 400 to a Host with another port than theirs.
            "request_headers": {"set": {"Host": f"127.0.0.1:{host_port}"}},
        }],
        "upstreams": [{"name": "server", "servers": [{"address": f"127.0.0.1:{server_port}"}], **upstream}],
        "log": {"level": "info", "format": "json"},
        "drain": {"timeout": "1s", "spread": "0s"},
    }


def listening(log, begin):
    """The ports of the listeners that the log has named since `begin`, by their names."""
    ports = {}
    with contextlib.suppress(OSError):
        for line in log.read_bytes()[begin:].decode(errors="replace").splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                entry = json.loads(line)
                if entry["message"] == "listening":
                    ports[entry["listener"]] = int(entry["address"].rpartition(":")[2])
    return ports


@contextlib.contextmanager
def gateway(folder, name, content):
    """A gateway with the listeners `ws` and `wss`. JSON is YAML: the configuration is written as it is."""
    file = folder / f"{name}.yaml"
    file.write_text(json.dumps(content, indent=2) + "\n")
    log = folder / f"{name}.log"
    command = [binary(), "run", "--config", file]
    # Where a run is repeated without a case that hangs, the log has an earlier gateway's lines as well.
    begin = log.stat().st_size if log.exists() else 0
    with running(command, log, stdout=subprocess.DEVNULL, cwd=folder) as child:
        wait_until(lambda: len(listening(log, begin)) == 2, START_SECONDS, child, "sluice", log)
        yield Peer("sluice", child, log, listening(log, begin))


@contextlib.contextmanager
def gateways(folder, mode, server_port, certificates):
    """The gateways of a run, the one that clients meet first."""
    def before(port, **upstream):
        return configuration(mode, port, server_port, certificates, **upstream)

    with contextlib.ExitStack() as stack:
        if mode not in CHAINED:
            yield [stack.enter_context(gateway(folder, "gateway", before(server_port)))]
            return
        inner = stack.enter_context(gateway(folder, "inner", before(server_port)))
        edge = stack.enter_context(gateway(folder, "gateway", before(inner.ports["ws"], protocol="h2")))
        yield [edge, inner]
