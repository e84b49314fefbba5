"""The suite's program: running a fuzzing client or a testee client to its end, within a time limit of its own."""

import ast
import contextlib
import json
import os
import re
import shlex
import subprocess
import time

from harness.children import Failure, running, tail

from . import peers

# Without a sign of life for so long, a case hangs; wstest itself would wait for ever. In the groups that send much
# data the suite gives a case up to 480 seconds and ends it then.
STALL_SECONDS = 60
LONG_STALL_SECONDS = 500
LONG_GROUPS = ("9", "12", "13")
# Cases that hang are taken out and the rest is run again, so often.
HANGING_CASES = 3


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


def follow(child, log, current_case):
    """Waits for the child's end; raises `Stalled` when its log has not grown for longer than the case may take."""
    size, since = -1, time.monotonic()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            if child.wait(0.25) != 0:
                raise Failure(f"wstest ended with status {child.returncode}:\n{tail(log)}")
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
    if line is None:
        raise Failure(f"wstest named no cases:\n{tail(log)}")
    return [str(case) for case in ast.literal_eval(line)]


def results(reports, log):
    """Each case's entry in the report: `behavior`, `behaviorClose` and more. A case without one has None."""
    index = reports / "index.json"
    if not index.is_file():
        raise Failure(f"wstest wrote no {index}:\n{tail(log)}")
    agents = json.loads(index.read_text())
    found = next(iter(agents.values()), {})
    return {case: found.get(case) for case in chosen_cases(log)}


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


def fuzz_servers(folder, run, wstest, url, excluded):
    """The fuzzer as a client of `url`; gives the cases' results."""
    spec = specification(folder, run, excluded, servers=[{"agent": agent(run), "url": url}])
    with wstest_client(folder, wstest, "-m", "fuzzingclient", "-s", str(spec)) as (child, log):
        follow(child, log, lambda: last_match(log, r"Running test case ID (\S+) "))
    return results(folder, log)


@contextlib.contextmanager
def fuzzing_server(folder, run, wstest, excluded):
    """The fuzzer as a server; gives its port."""
    def options(url):
        return ["-s", str(specification(folder, run, excluded, url=url))]
    with peers.wstest_server(folder, wstest, "fuzzingserver", options) as port:
        yield port


def run_testee_client(folder, run, wstest, url):
    """The suite's echo client, sent to a fuzzing server by way of `url`; gives the cases' results."""
    server_log = folder / "server.log"
    # The name becomes part of a request target.
    name = run.name.replace("/", "-")
    with wstest_client(folder, wstest, "-m", "testeeclient", "-w", url, "-i", name) as (child, log):
        follow(child, log, lambda: last_match(server_log, r"Running test case ID (\S+) "))
    return results(folder, server_log)
