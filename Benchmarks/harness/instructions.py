"""The instructions that a proxy executes for one message, counted by valgrind's callgrind.

Each figure is the difference between a run with N messages and one with 2 N, divided by N: start, handshakes and stop
cancel out. The kernel's part is not in it.
"""

import re
import subprocess
import time
from pathlib import Path

from . import http_load, tools
from .children import Failure
from .http_measure import WORKS
from .programs import find_program
from .proxies import HTTP2_PROXIES, HTTP_PROXIES, PROXIES

PATIENCE = 180  # seconds to start and to stop; everything is about fifty times slower
HTTP = "http"
ECHO = "echo"
HTTP2_ECHO = "h2-echo"
HANDSHAKE = "handshake"
_PROXIES = {HTTP: HTTP_PROXIES, ECHO: PROXIES, HTTP2_ECHO: HTTP2_PROXIES, HANDSHAKE: PROXIES}
_AT_ONCE = 4  # handshakes


def total_of(path):
    """What a callgrind file counts in all."""
    totals = [int(line.split()[1]) for line in path.read_text(errors="replace").splitlines()
              if line.startswith(("totals:", "summary:"))]
    if not totals:
        raise Failure(f"{path} holds no total: the program did not end in order")
    return max(totals)


def _echoes(folder, proxy, subject, transport, messages, size, streams):
    """Sends the messages; gives how many came back, and how many errors there were."""
    result = tools.run_load(
        folder, proxy.url(transport, subject.path), connections=streams, messages=messages, size=size,
        setup_timeout=PATIENCE, **subject.load_options)
    return result["messages"], result["errors_total"]


def _requests(folder, proxy, subject, transport, messages, _size, streams):
    """The same with plain requests."""
    is_http2 = subject.pairing == "h2"
    result = http_load.run(
        folder, proxy.url(transport, subject.path), requests=messages, connections=1,
        streams=streams if is_http2 else 1, protocol="h2" if is_http2 else "http/1.1",
        expected_bytes=WORKS["get"].answer)
    return result["succeeded"], result["errors_total"]


def _handshakes(folder, proxy, subject, transport, connections, _size, _streams):
    """The same with connections that open and close."""
    result = tools.run_load(folder, proxy.url(transport, subject.path), churn=True, connections=_AT_ONCE,
                            messages=connections, setup_timeout=PATIENCE, **subject.load_options)
    # The first ones have no ticket yet.
    unmet = subject.resume and result["resumed"] < connections - 4 * _AT_ONCE
    return result["handshakes"], result["errors_total"] + int(unmet)


_SENDERS = {HTTP: _requests, ECHO: _echoes, HTTP2_ECHO: _echoes, HANDSHAKE: _handshakes}


def counted_run(folder, port, subject, transport, messages, output, work=ECHO, size=100, streams=1):
    """The instructions of one run, from start to stop."""
    prefix = [find_program("valgrind"), "--tool=callgrind", f"--callgrind-out-file={output}"]
    with _PROXIES[work][subject.proxy](folder, port, prefix).running(PATIENCE) as proxy:
        done, errors = _SENDERS[work](folder, proxy, subject, transport, messages, size, streams)
        # nginx without its master misses a signal that comes while it still serves: let it go to sleep first.
        time.sleep(0.5)
    if errors > 0 or done != messages:
        raise Failure(f"{subject.label}: {done} of {messages} under valgrind, {errors} errors")
    return total_of(Path(output))


def per_message(folder, port, subject, transport, messages, stem, **options):
    """Instructions for each message, and the two counts that they come from. `stem` is where callgrind's files go."""
    once, twice = (counted_run(folder, port, subject, transport, factor * messages, f"{stem}.{factor}", **options)
                   for factor in (1, 2))
    return (twice - once) / messages, once, twice


_FUNCTION = re.compile(r"\s*([\d,]+)\s+(?:\([^)]*\)\s+)?\S*?:(.*?)(?: \[[^]]*\])?$")


def _functions(path, inclusive):
    """What callgrind_annotate says of each function."""
    words = [find_program("callgrind_annotate"), "--threshold=100", f"--inclusive={'yes' if inclusive else 'no'}", path]
    text = subprocess.run(words, capture_output=True, text=True).stdout
    found = {}
    for match in filter(None, map(_FUNCTION.match, text.splitlines())):
        found[match[2]] = found.get(match[2], 0) + int(match[1].replace(",", ""))
    return found


def greatest(stem, messages, count, inclusive):
    """The functions that take the most instructions of a message: pairs of number and name. Recursion counts again
    where what is called counts for its callers."""
    once, twice = (_functions(f"{stem}.{factor}", inclusive) for factor in (1, 2))
    found = sorted(((number - once.get(name, 0)) / messages, name) for name, number in twice.items())
    return found[:-count - 1:-1]


def without_debug_information(program, folder):
    """A copy that valgrind can load: it gives up on the debug information of Swift programs. Names of functions stay."""
    if not program.exists():
        raise Failure(f"{program} is not there; build it with `make build`, or name another with --sluice")
    copy = folder / "sluice-program"
    result = subprocess.run(["objcopy", "--strip-debug", program, copy], capture_output=True, text=True)
    if result.returncode != 0:
        raise Failure(f"{program}: valgrind needs the program itself; {result.stderr.strip()}")
    return copy
