"""What the conformance part of `make test` does on machines that the suite cannot be installed on."""

import shutil
import subprocess
from pathlib import Path

import pytest

CONFORMANCE = Path(__file__).resolve().parent.parent / "Conformance"
PROGRAMS = ["bash", "env", "dirname", "cmp", "mkdir", "rm", "grep", "cp"]


@pytest.fixture
def checkout(tmp_path):
    """A checkout in which nothing is installed yet, and `bin` with the programs that the scripts need."""
    shutil.copytree(CONFORMANCE, tmp_path / "Tests" / "Conformance")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in PROGRAMS:
        (programs / name).symlink_to(shutil.which(name))
    return tmp_path


def program(file, text):
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


def run_quick(checkout, **environment):
    return subprocess.run(
        [checkout / "Tests" / "Conformance" / "quick"], capture_output=True, text=True, timeout=60,
        env={"PATH": str(checkout / "bin"), "HOME": str(checkout), **environment})


def test_without_python27_the_selection_is_left_out_and_says_so(checkout):
    result = run_quick(checkout)
    assert result.returncode == 0, result.stderr
    assert "runs on Python 2.7 only, and none was found" in result.stderr
    assert "LEFT OUT: the conformance selection" in result.stderr


def test_another_python_under_that_name_does_not_count(checkout):
    program(checkout / "bin" / "python2.7", "exit 1")
    assert "LEFT OUT: the conformance selection" in run_quick(checkout).stderr


def test_an_installation_that_fails_is_no_reason_to_leave_it_out(checkout):
    program(checkout / "bin" / "python3", 'echo "no virtual environments today" >&2; exit 4')
    result = run_quick(checkout, PYTHON27=str(program(checkout / "python", "exit 0")))
    assert result.returncode == 4, result.stderr
    assert "no virtual environments today" in result.stderr
    assert "LEFT OUT" not in result.stderr


def test_with_the_suite_at_hand_its_outcome_is_that_of_the_selection(checkout):
    program(checkout / "Tests" / "Conformance" / "run", 'echo "asked for $*"; exit 1')
    result = run_quick(checkout, SLUICE_WSTEST="wstest")
    assert (result.returncode, result.stdout) == (1, "asked for --quick\n"), result.stderr
