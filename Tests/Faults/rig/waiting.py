"""Waiting for conditions, and letting a fault last."""

import time


def eventually(check, seconds):
    """Waits until `check()` is true; gives its last value, and the seconds that it took."""
    begin = time.monotonic()
    while True:
        value = check()
        passed = time.monotonic() - begin
        if value or passed > seconds:
            return value, passed
        time.sleep(0.05)


def hold(seconds):
    """Lets a load or a fault last: the one place where time itself is what is asked for."""
    time.sleep(seconds)
