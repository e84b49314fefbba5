"""Child processes that never outlive the script: stopped on leaving the block, and by the kernel if it is killed."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Failure(Exception):
    """The benchmark cannot go on; the text says why and what to do."""


def _end_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def exit_on_signals():
    """Turns SIGTERM and SIGHUP into an ordinary exit, so that every `with` block cleans up."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))


def start(command, log, **options):
    """Starts a child in a session of its own; its stderr goes to the file `log`."""
    with open(log, "ab") as stderr:
        return subprocess.Popen(
            [str(word) for word in command],
            stderr=stderr, start_new_session=True, preexec_fn=_end_with_parent, **options)


def stop(child, patience=10):
    """Asks a child and its descendants to end, and kills what has not after `patience` seconds."""
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(patience)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for stream in (child.stdin, child.stdout):
        if stream:
            with contextlib.suppress(BrokenPipeError):
                stream.close()


@contextlib.contextmanager
def running(command, log, patience=10, **options):
    child = start(command, log, **options)
    try:
        yield child
    finally:
        stop(child, patience)


def tail(log, lines=8):
    """The end of a log file, indented, for a failure's text."""
    with contextlib.suppress(OSError):
        with open(log, encoding="utf-8", errors="replace") as file:
            return "".join("    " + line for line in file.readlines()[-lines:])
    return ""


def wait_until(condition, seconds, child, what, log):
    """Waits for a condition; fails when the child ends or the time is over."""
    limit = time.monotonic() + seconds
    while not condition():
        if child.poll() is not None:
            raise Failure(f"{what} ended with status {child.returncode}:\n{tail(log)}")
        if time.monotonic() > limit:
            raise Failure(f"{what} was not ready after {seconds} s:\n{tail(log)}")
        time.sleep(0.02)
