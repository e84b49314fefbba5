"""Which cores a program may use: the proxies have one to themselves, everything else has the others."""

import os

from .children import Failure
from .programs import find_program


def cores():
    """The core of the proxies, and those for all else, each as `taskset` wants them. With one core they share it."""
    first, *others = sorted(os.sched_getaffinity(0))
    return str(first), ",".join(map(str, others or [first]))


def pinned(chosen):
    """The beginning of a command that may only use these cores."""
    program = find_program("taskset")
    if program is None:
        raise Failure("taskset is not there; it is part of util-linux")
    return [program, "--cpu-list", chosen]


def beside():
    """The beginning of a command that leaves the proxies' core alone."""
    return pinned(cores()[1])
