"""The units in conf/: systemd takes them, and the gateway does with what they leave it."""

import os
import re
import shutil
import subprocess

import pytest

from raw import TEXT
from sluice import REPOSITORY, proxied

UNIT = REPOSITORY / "conf" / "sluice.service"

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def analyze(*arguments):
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *map(str, arguments)], capture_output=True, text=True, timeout=60)


def setting(name):
    """Every value of a setting of the unit, in order."""
    return [line.partition("=")[2] for line in UNIT.read_text().splitlines() if line.startswith(f"{name}=")]


@needs_systemd
def test_systemd_takes_the_units(tmp_path):
    files = []
    for name in ("sluice.service", "sluice.socket"):
        files.append(tmp_path / name)
        # There is nothing at that path on a machine that develops it.
        unit = (REPOSITORY / "conf" / name).read_text()
        files[-1].write_text(unit.replace("/usr/local/bin/sluice", shutil.which("true")))
    verified = analyze("verify", *files)
    assert verified.returncode == 0 and not verified.stderr, verified.stderr


@needs_systemd
def test_the_exposure_is_what_the_documentation_says():
    told = re.search(r"overall exposure of (\d\.\d)", (REPOSITORY / "docs" / "deployment.md").read_text())
    shown = analyze("security", "--offline=true", UNIT).stdout
    found = re.search(r"Overall exposure level for sluice.service: (\d\.\d)", shown)
    assert found, "systemd-analyze named no level"
    assert float(found[1]) <= float(told[1]), f"docs/deployment.md says {told[1]}, systemd-analyze {found[1]}"


def calls_of(group, seen=()):
    """The system calls of one of systemd's groups."""
    names = set()
    for line in analyze("syscall-filter", group).stdout.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            names |= calls_of(word, (*seen, group)) if word not in seen else set()
        elif word and not word.startswith("#"):
            names.add(word)
    assert names, f"expected the calls of {group}"
    return names


def may_trace():
    return shutil.which("strace") and subprocess.run(["strace", "-f", "true"], capture_output=True).returncode == 0


@needs_systemd
@pytest.mark.skipif(not may_trace(), reason="needs strace, and permission to trace")
@pytest.mark.skipif("SLUICE_SANITIZER" in os.environ, reason="a sanitizer has calls of its own")
def test_every_system_call_is_one_that_the_unit_allows(gateway, wire, backend, site, tmp_path):
    trace = tmp_path / "trace"
    server = backend()
    port = server.address.rsplit(":", 1)[1]
    config = proxied(
        f"localhost:{port}",
        sections={"listeners": [
            {"name": "plain", "address": "127.0.0.1:0"},
            {"name": "unix", "address": f"unix:{tmp_path}/s", "mode": "0660"},
            {"name": "tls", "address": "127.0.0.1:0", "tls": {"certificates": [site.setting]}}]})
    # -D: the gateway is the child, and gets the signals.
    running = gateway(config, prefix=["strace", "-D", "-f", "-qq", "-v", "-o", str(trace)])
    for listener in ("plain", "unix"):
        client = wire.open(running, listener=listener)
        client.send_frame(TEXT, "Hello")
        client.read_message()
        client.send_close()
        client.expect_close()
    running.stats()
    assert running.stop() == 0
    lines = trace.read_text(errors="replace").splitlines()
    calls = {match[1] for line in lines if (match := re.match(r"\d+ +(\w+)\(", line))}
    assert {"epoll_wait", "accept4", "connect"} & calls, f"expected a gateway's calls, got {sorted(calls)}"

    allowed = set()
    for value in setting("SystemCallFilter"):
        groups = value.removeprefix("~").split()
        for group in groups:
            calls_of_it = calls_of(group) if group.startswith("@") else {group}
            allowed = allowed - calls_of_it if value.startswith("~") else allowed | calls_of_it
    assert calls <= allowed, f"not in the unit's SystemCallFilter: {sorted(calls - allowed)}"

    families = {match[1] for line in lines if (match := re.match(r"\d+ +socket\((AF_\w+)", line))}
    permitted = set(setting("RestrictAddressFamilies")[0].split())
    assert families and families <= permitted, f"not in RestrictAddressFamilies: {families - permitted}"

    executable = [line for line in lines if re.match(r"\d+ +(mprotect|pkey_mprotect)\(.*PROT_EXEC", line)
                  or re.match(r"\d+ +mmap\(.*PROT_WRITE\|PROT_EXEC", line)]
    assert setting("MemoryDenyWriteExecute") == ["yes"] and not executable, executable


PROCESSES_ONLY = [
    "unshare", "--mount", "sh", "-c", 'mount -t proc -o subset=pid,hidepid=invisible proc /proc && exec "$0" "$@"']


@pytest.mark.skipif(
    os.geteuid() != 0 or subprocess.run([*PROCESSES_ONLY, "true"], capture_output=True).returncode != 0,
    reason="needs root, and a mount namespace of its own")
def test_it_runs_with_nothing_but_processes_in_proc(gateway, wire, backend):
    assert setting("ProcSubset") == ["pid"] and setting("ProtectProc") == ["invisible"]
    running = gateway(proxied(backend().address), prefix=PROCESSES_ONLY)
    client = wire.open(running)
    client.send_frame(TEXT, "Hello")
    client.read_message()
    assert running.stats()["resident_memory_bytes"] > 0
