"""What Tests/Conformance/run does when the suite, or the gateway, does not behave: with a double of wstest, so that it
needs no Python 2.7."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sluice import BINARY
from waiting import eventually

FOLDER = Path(__file__).resolve().parent
RUN = FOLDER.parent / "Conformance" / "run"
NAME = "client/terminate/ws/testee"


@contextlib.contextmanager
def running(tmp_path, behaviour, binary=BINARY):
    environment = {**os.environ, "SLUICE_BINARY": str(binary), "WSTEST_DOUBLE": behaviour,
                   "SLUICE_WSTEST": shlex.join([sys.executable, str(FOLDER / "wstest_double.py")])}
    process = subprocess.Popen(
        [sys.executable, str(RUN), "--reports", str(tmp_path), "--modes", "terminate", "--runs", NAME],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # A shell starts what it puts into the background with SIGINT ignored, and the tests may be such a program.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()  # and with it what it started
            process.communicate(timeout=30)


def outcome(tmp_path, behaviour, **options):
    """The exit code and what was printed to standard output."""
    with running(tmp_path, behaviour, **options) as process:
        output, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors, errors
    return process.returncode, output


def log_of(tmp_path, name):
    """A log of the run that is under way or has ended, or None."""
    found = list(tmp_path.glob(f"*/{NAME.replace('/', '-')}/{name}"))
    return found[0].read_text() if found else None


def programs_below(folder):
    """The command lines of running processes that name `folder`; what a run starts has its files there."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                where = os.readlink(entry / "cwd")
            except OSError:
                continue
            if str(folder) in command or where.startswith(str(folder)):
                found.append(f"{entry.name}: {command}")
    return found


def test_a_run_whose_cases_are_all_ok_succeeds(tmp_path):
    status, output = outcome(tmp_path, "passes")
    assert (status, output.splitlines()[-1]) == (0, "as expected")
    row = next(line for line in output.splitlines() if line.startswith(f"| {NAME} |"))
    assert [cell.strip() for cell in row.split("|")[2:4]] == ["2", "2"], output
    assert "as expected" in row


@pytest.mark.parametrize("behaviour, difference", [
    ("strict", "3.2: NON-STRICT, expected OK"),
    ("skips", "3.2: MISSING, expected OK"),
])
def test_an_outcome_other_than_expected_fails_the_command(tmp_path, behaviour, difference):
    status, output = outcome(tmp_path, behaviour)
    assert (status, output.splitlines()[-1]) == (1, "other than expected")
    assert f"{NAME}: {difference}" in output
    assert "1 other than expected |" in output


@pytest.mark.parametrize("behaviour, complaint, end_of_log", [
    ("dies", "wstest ended with status 7 during case 3.2", "the double's fuzzer gives up"),
    ("peer-dies", "wstest -m testeeserver ended with status 9 during case 3.2", "the double's echo server gives up"),
    ("no-report", "wstest wrote no", "Running test case ID 3.2"),
    ("no-results", "no results for any of 2 cases", "Running test case ID 3.2"),
    ("no-cases", "wstest named no cases to run", "Cases = []"),
])
def test_a_run_that_gives_no_results_says_whose_fault_it_was(tmp_path, behaviour, complaint, end_of_log):
    status, output = outcome(tmp_path, behaviour)
    assert (status, output.splitlines()[-1]) == (1, "other than expected")
    assert f"{NAME}: {complaint}" in output
    assert end_of_log in output
    assert any(line.startswith(f"| {NAME} |") and "no results" in line for line in output.splitlines()), output
    assert programs_below(tmp_path) == []


def test_a_gateway_that_dies_is_named_with_its_signal_and_the_case(tmp_path):
    with running(tmp_path, "waits") as process:
        eventually(lambda: "ID 3.2" in (log_of(tmp_path, "wstest.log") or ""), "the fuzzer in case 3.2", timeout=30)
        gateways = [line for line in programs_below(tmp_path) if str(BINARY.resolve()) in line]
        assert len(gateways) == 1, gateways
        os.kill(int(gateways[0].partition(":")[0]), signal.SIGKILL)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"{NAME}: sluice ended by SIGKILL during case 3.2" in output
    assert '"message":"listening"' in output, "expected the end of the gateway's log"
    assert programs_below(tmp_path) == []


def test_a_gateway_that_does_not_start_is_named(tmp_path):
    gateway = tmp_path / "gateway"
    gateway.write_text('#!/bin/sh\n[ "$1" = version ] && exit\necho "no such luck" >&2\nexit 3\n')
    gateway.chmod(0o755)
    status, output = outcome(tmp_path, "passes", binary=gateway)
    assert status == 1
    assert f"{NAME}: sluice ended with status 3" in output
    assert "no such luck" in output


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_and_leaves_no_process_behind(tmp_path, number, status):
    with running(tmp_path, "waits") as process:
        eventually(lambda: "ID 3.2" in (log_of(tmp_path, "wstest.log") or ""), "the fuzzer in case 3.2", timeout=30)
        assert len(programs_below(tmp_path)) >= 4, "the command, the echo server, the gateway and the fuzzer"
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == status, errors
    assert "Traceback" not in errors, errors
    if number == signal.SIGINT:
        assert "interrupted: 0 of 1 runs ended" in output
    assert programs_below(tmp_path) == []
