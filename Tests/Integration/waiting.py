"""Waiting for conditions: nothing here sleeps for a fixed time and hopes."""

import os
import threading
import time

# How much longer everything takes with a sanitizer.
SLOWDOWN = 4 if "SLUICE_SANITIZER" in os.environ else 1
_never = threading.Event()


def eventually(check, expectation, timeout=10.0 * SLOWDOWN):
    """Calls `check` until it returns something truthy, and returns that.

    `expectation` completes the sentence "expected within N s: …" of the failure.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"expected within {timeout:g} s: {expectation}; last seen: {value!r}")
        _never.wait(0.01)
