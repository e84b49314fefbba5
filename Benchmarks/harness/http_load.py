"""h2load, the load generator for plain HTTP: running it, and reading what it says."""

import re
import subprocess
from pathlib import Path
from statistics import mean, quantiles

from .children import Failure, running, tail
from .pinning import beside
from .programs import find_program

_RESULT = re.compile(r"^finished in ([\d.]+)(us|ms|s|m)\b"
                     r".*?^requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded"
                     r".*?^traffic: .*\((\d+)\) data", re.MULTILINE | re.DOTALL)
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60}


def command(url, *, requests, connections, protocol, streams=1, rate=None, body=None, log=None):
    """The command line. `rate` is in requests a second over all connections, `body` a file that is sent."""
    words = [find_program("h2load"), "--requests", requests, "--clients", connections,
             # What the other load generator offers, so that no proxy's preferences decide.
             "--tls13-ciphers", "TLS_AES_128_GCM_SHA256", "--groups", "X25519"]
    words += ["--max-concurrent-streams", streams, "--npn-list", "h2"] if protocol == "h2" else ["--h1"]
    if rate:
        words += ["--rps", f"{rate / connections:g}"]
    if body is not None:
        words += ["--data", body]
    if log is not None:
        words += ["--log-file", log]
    return [*map(str, words), url]


def parse(text, answers):
    """The figures of a run: what h2load printed, and its file with a line for each request."""
    found = _RESULT.search(text)
    if not found:
        raise Failure(f"h2load printed no result:\n{text}")
    lines = [line.split("\t") for line in answers.splitlines()]
    statuses = {}
    for _, status, _ in lines:
        statuses[status] = statuses.get(status, 0) + 1
    latencies = [int(microseconds) for _, status, microseconds in lines if status == "200"]
    percentiles = quantiles(latencies, n=100, method="inclusive") if len(latencies) > 1 else latencies * 99 or [0] * 99
    return {"seconds": float(found[1]) * _UNITS[found[2]], "succeeded": int(found[3]), "body_bytes": int(found[4]),
            "statuses": statuses,
            "latency_us": {"p50": percentiles[49], "p99": percentiles[98], "max": max(latencies, default=0),
                           "mean": mean(latencies) if latencies else 0}}


def run(folder, url, *, expected_bytes, **options):
    """Runs h2load to its end on the cores that the proxies leave; gives its figures. `expected_bytes` is the length
    of each answer's body. Requests without such an answer, and with another status than 200, are errors."""
    log, answers = folder / "h2load.log", Path(folder, "h2load.answers")
    answers.unlink(missing_ok=True)  # h2load appends
    words = [*beside(), *command(url, log=answers, **options)]
    with running(words, log, stdout=subprocess.PIPE, text=True) as child:
        text, _ = child.communicate()
    if child.returncode != 0 or not answers.exists():
        raise Failure(f"h2load ended with status {child.returncode}:\n{tail(log)}{text}")
    result = parse(text, answers.read_text())
    requests = options["requests"]
    incomplete = int(result["body_bytes"] != requests * expected_bytes)
    result["errors_total"] = max(requests - result["statuses"].get("200", 0), incomplete)
    result["rate"] = result["succeeded"] / result["seconds"]
    return result
