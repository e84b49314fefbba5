"""Waiting for conditions: nothing here sleeps for a fixed time and hopes."""

import threading
import time

_never = threading.Event()


def eventually(check, expectation, timeout=10.0):
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
