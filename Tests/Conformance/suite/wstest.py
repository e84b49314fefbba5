"""The suite's program: running a fuzzing client or a testee client to its end, within a time limit of its own."""

import ast
import contextlib
import json
import os
import re
import shlex
import socket
import subprocess
import time

from harness.children import Failure, running, tail

from . import peers
from .peer import ended

# Without a sign of life for so long, a case hangs; wstest itself would wait for ever. In the groups that send much
# data the suite gives a case up to 480 seconds and ends it then.
STALL_SECONDS = 60
LONG_STALL_SECONDS = 500
LONG_GROUPS = ("9", "12", "13")
# Cases that hang are taken out and the rest is run again, so often.
HANGING_CASES = 3
# For results of the fuzzing server that come after its reports, and for it to write them again.
LATE_SECONDS = 10
REPORT_SECONDS = 120


class Stalled(Exception):
    """`case` is the case under way when nothing more came for `seconds`."""

    def __init__(self, case, seconds):
        super().__init__(case, seconds)
        self.case = case
        self.seconds = seconds


def command():
    """The words to run wstest with."""
    if os.environ.get("SLUICE_WSTEST"):
        return shlex.split(os.environ["SLUICE_WSTEST"])
    path = peers.REPOSITORY / ".conformance" / "python2" / "bin" / "wstest"
    if not path.exists():
        raise Failure(f"{path} is not there; Tests/Conformance/prepare installs it")
    return [str(path)]


def version(wstest):
    result = subprocess.run([*wstest, "--autobahnversion"], capture_output=True, text=True, timeout=60)
    return " ".join(result.stdout.split()) or "unknown"


def patience(case):
    """How many seconds a case may take."""
    return LONG_STALL_SECONDS if case and case.split(".")[0] in LONG_GROUPS else STALL_SECONDS


def follow(child, log, current_case, others):
    """Waits for the child's end. Fails when it ends in an error, or one of `others`, the peers it needs, ends before
    it; raises `Stalled` when its log has not grown for longer than the case may take."""
    size, since = -1, time.monotonic()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(0.25)
        # First: when one of these has gone, what wstest makes of that says less.
        for peer in others:
            peer.check(current_case())
        if child.returncode is not None:
            if child.returncode != 0:
                raise ended("wstest", child.returncode, log, current_case())
            return
        now = log.stat().st_size
        if now != size:
            size, since = now, time.monotonic()
        elif time.monotonic() - since > STALL_SECONDS:
            case = current_case()
            if time.monotonic() - since > patience(case):
                raise Stalled(case, patience(case))


def last_match(log, pattern):
    found = re.findall(pattern, log.read_text(errors="replace"))
    return found[-1] if found else None


def chosen_cases(log):
    """The cases that a fuzzer says it will run, in its order."""
    line = last_match(log, r"(?m)^Cases = (\[.*\])$")
    cases = [str(case) for case in ast.literal_eval(line)] if line else []
    if not cases:
        raise Failure(f"wstest named no cases to run; the end of {log}:\n{tail(log)}")
    return cases


def results(reports, log):
    """Each case's entry in the report: `behavior`, `behaviorClose` and more. A case without one has None."""
    cases = chosen_cases(log)
    index = reports / "index.json"
    if not index.is_file():
        raise Failure(f"wstest wrote no {index}; the end of {log}:\n{tail(log)}")
    agents = json.loads(index.read_text())
    found = next(iter(agents.values()), {})
    if not any(case in found for case in cases):
        raise Failure(f"no results for any of {len(cases)} cases in {index}; the end of {log}:\n{tail(log)}")
    return {case: found.get(case) for case in cases}


def specification(folder, run, excluded, **more):
    file = folder / "specification.json"
    file.write_text(json.dumps({
        "outdir": str(folder), "cases": list(run.cases), "exclude-cases": excluded, "exclude-agent-cases": {},
        **more}, indent=2) + "\n")
    return file


@contextlib.contextmanager
def wstest_client(folder, wstest, *options):
    log = folder / "wstest.log"
    log.write_bytes(b"")
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with open(log, "ab") as output:
        with running([*wstest, *options], log, stdout=output, cwd=folder, env=environment) as child:
            yield child, log


def agent(run):
    return run.name.replace("/", " ")


def current_case(log):
    """The case that a fuzzer says it has begun last."""
    return last_match(log, r"Running test case ID (\S+) ")


def fuzz_servers(folder, run, wstest, url, excluded, others):
    """The fuzzer as a client of `url`; gives the cases' results."""
    spec = specification(folder, run, excluded, servers=[{"agent": agent(run), "url": url}])
    with wstest_client(folder, wstest, "-m", "fuzzingclient", "-s", str(spec)) as (child, log):
        follow(child, log, lambda: current_case(log), others)
    return results(folder, log)


def fuzzing_server(folder, run, wstest, excluded):
    """The fuzzer as a server."""
    def options(url):
        return ["-s", str(specification(folder, run, excluded, url=url))]
    return peers.wstest_server(folder, wstest, "fuzzingserver", options)


def run_testee_client(folder, run, wstest, url, fuzzer, others):
    """The suite's echo client, sent to the fuzzing server by way of `url`; gives the cases' results."""
    # The name becomes part of a request target.
    name = run.name.replace("/", "-")
    with wstest_client(folder, wstest, "-m", "testeeclient", "-w", url, "-i", name) as (child, log):
        follow(child, log, lambda: current_case(fuzzer.log), others)
    return settled_results(folder, fuzzer.log, name, fuzzer.ports["ws"])


def settled_results(folder, server_log, name, fuzzer_port):
    """The results, once the fuzzing server knows them all. The testee asks for the reports as soon as its own side of
    the last case has ended; the server's may then still be open, and would be missing in them."""
    found = results(folder, server_log)
    late = [case for case, result in found.items() if result is None]
    if late:
        limit = time.monotonic() + LATE_SECONDS
        for case in late:
            ask_fuzzing_server(fuzzer_port, f"/getCaseStatus?agent={name}&casetuple={case}", limit)
        ask_fuzzing_server(fuzzer_port, f"/updateReports?agent={name}", time.monotonic() + REPORT_SECONDS)
        found = results(folder, server_log)
    return found


def ask_fuzzing_server(port, target, limit):
    """Opens a WebSocket to the fuzzing server, not through the gateway, and waits until `limit` for its first frame:
    it comes when what was asked for is done."""
    seconds = limit - time.monotonic()
    if seconds <= 0:
        return
    request = (f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    with contextlib.suppress(TimeoutError), socket.create_connection(("127.0.0.1", port), seconds) as connection:
        connection.sendall(request.encode())
        received = b""
        while not received.partition(b"\r\n\r\n")[2]:
            piece = connection.recv(4096)
            if not piece:
                break
            received += piece
