"""What a start needs of the system, and what is said when it is not there."""

import os
import resource
import subprocess

import pytest

from sluice import BINARY, Gateway, configuration

ROUTE = {"name": "all", "respond": {"status": 404}}
# The dynamic linker needs the fourth itself.
FEWEST = 4


def limited(running, count):
    """`running` started with so many descriptors; what it wrote once it listened or ended, and whether it did end."""
    try:
        running.prefix = ["prlimit", f"--nofile={count}:{count}"]
        running.start()
    except AssertionError:
        return running.process.wait(10)
    return None


def test_too_few_descriptors_are_said_and_never_a_crash(tmp_path):
    listeners = [{"name": "plain", "address": "127.0.0.1:0"}, {"name": "unix", "address": f"unix:{tmp_path}/s"}]
    needed = None
    for count in range(FEWEST, 200):
        running = Gateway(configuration(ROUTE, listeners=listeners), tmp_path / str(count))
        try:
            code = limited(running, count)
            if code is None:
                needed = count
                assert running.stop() == 0, f"with {count} descriptors: {running.tail()}"
                break
            assert code == 3, f"expected exit 3 with {count} descriptors, got {code}\n{running.tail()}"
            assert len(running.output) == 1, f"expected one line, got\n{running.tail()}"
            for words in ["file descriptors", f"the limit is {count};", "ulimit -n"]:
                assert words in running.output[0], f"expected {words!r} with {count}, got {running.output[0]!r}"
        finally:
            running.kill()
    assert needed is not None, "expected it to start with 200 descriptors"


def test_the_number_that_is_asked_for_is_enough(tmp_path):
    running = Gateway(configuration(ROUTE), tmp_path / "first")
    assert limited(running, 12) == 3
    asked = int(running.output[0].partition("raise it to ")[2].split()[0])
    running = Gateway(configuration(ROUTE), tmp_path / "second")
    try:
        assert limited(running, asked) is None, f"expected a start with {asked}, got\n{running.tail()}"
        assert running.stop() == 0
    finally:
        running.kill()


@pytest.mark.parametrize("count", [4, 12])
def test_the_demo_says_too_few_descriptors_as_well(count):
    completed = subprocess.run(
        ["prlimit", f"--nofile={count}:{count}", str(BINARY), "demo", "--port", "0", "--admin-port", "0"],
        capture_output=True, text=True, timeout=20)
    assert completed.returncode == 3, f"expected exit 3, got {completed.returncode}: {completed.stderr}"
    assert "ulimit -n" in completed.stderr


def test_a_low_soft_limit_is_raised_to_the_hard_one(tmp_path):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    running = Gateway(configuration(ROUTE), tmp_path)
    try:
        running.prefix = ["prlimit", f"--nofile=4:{hard}"]
        running.start()
        running.wait_for_output(lambda line: f'"file_descriptors":{hard},' in line, f"a limit of {hard}")
        assert running.stop() == 0
    finally:
        running.kill()


WITHOUT_PROC = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$0" "$@"']


def may_mount():
    return os.geteuid() == 0 and subprocess.run([*WITHOUT_PROC, "true"], capture_output=True).returncode == 0


@pytest.mark.skipif("SLUICE_SANITIZER" in os.environ, reason="a sanitizer reads /proc itself")
@pytest.mark.skipif(not may_mount(), reason="needs root, and a mount namespace of its own")
@pytest.mark.parametrize("arguments", [["run", "--config", "sluice.yaml"], ["check"], ["demo"], ["version"], []])
def test_without_proc_it_says_so_and_does_not_start(arguments):
    # Swift finds the arguments by way of /proc, and without them `run` would be no command at all.
    completed = subprocess.run([*WITHOUT_PROC, str(BINARY), *arguments], capture_output=True, text=True, timeout=20)
    assert completed.returncode == 3, f"expected exit 3, got {completed.returncode}: {completed.stderr}"
    assert completed.stdout == "" and "mount /proc" in completed.stderr, completed
