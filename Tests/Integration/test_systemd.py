"""The units in conf/: systemd takes them, and the gateway does with what they leave it. What the gateway tells systemd,
and the sockets that it gets from it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest
import yaml

from changes import begin_message, check_closed, check_kept, edited, end_message, free_address, responding, status_of
from raw import TEXT, RawServer
from service_manager import Notices, activated
from sluice import BINARY, REPOSITORY, command, proxied
from waiting import eventually

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


# What systemd is told

@pytest.fixture
def notices(tmp_path):
    notices = Notices(tmp_path / "notify")
    yield notices
    notices.close()


@pytest.fixture
def server(wire):
    return wire.server()


# In microseconds: twice as often it is told that the process is alive, and how many sockets there are.
WATCHED = 1_000_000


def watched(notices):
    return {**notices.environment, "WATCHDOG_USEC": str(WATCHED)}


def test_ready_is_said_when_every_listener_listens(gateway, server, notices):
    addresses = [free_address(), free_address()]
    config = proxied(server.address, sections={"listeners": [
        {"name": f"listener-{number}", "address": address} for number, address in enumerate(addresses)]})
    connected = []

    def listen_for_it():
        notices.sock.settimeout(20)
        assert notices.sock.recv(4096) == b"READY=1"
        for address in addresses:
            host, port = address.split(":")
            with socket.create_connection((host, int(port)), timeout=5):
                connected.append(address)

    listening = threading.Thread(target=listen_for_it)
    listening.start()
    running = gateway(config, environment=notices.environment)
    listening.join()
    assert connected == addresses
    assert running.admin("/healthz")[0] == 200
    assert notices.said("READY") == [], "it is said once"


def test_a_gateway_that_can_not_start_is_never_ready(server, notices, tmp_path):
    taken = RawServer()
    file = tmp_path / "sluice.yaml"
    file.write_text(yaml.safe_dump(proxied(
        server.address, sections={"listeners": [{"name": "plain", "address": taken.address}]})))
    done = command("run", "--config", file, environment=notices.environment)
    taken.close()
    assert done.returncode == 3, done.stderr
    assert notices.poll() == []


def test_the_status_says_how_many_sockets_are_open(gateway, wire, server, notices):
    running = gateway(proxied(server.address), environment=watched(notices))
    notices.heard("STATUS=sockets: 0")
    pairs = [wire.pair(running, server) for _ in range(3)]
    notices.heard("STATUS=sockets: 3")
    client, peer = pairs.pop()
    client.close()
    peer.close()
    notices.heard("STATUS=sockets: 2")
    for pair in pairs:
        check_kept(*pair)
    # It is asked for with each sign of life.
    notices.messages.clear()
    eventually(lambda: notices.poll() and sum("WATCHDOG=1" in lines for _, lines in notices.messages) >= 3, "some more")
    told = notices.said("STATUS")
    assert all(before != after for before, after in zip(told, told[1:])), f"expected news alone, got {told}"


def ask_by_signal(running):
    running.signal(signal.SIGHUP)


def ask_by_request(running):
    running.admin("/reload", "POST")


@pytest.mark.parametrize("ask", [ask_by_signal, ask_by_request])
def test_a_reload_is_told_with_its_time_and_its_end_refused_or_not(gateway, wire, server, notices, ask):
    config = proxied(server.address)
    config["routes"].insert(0, responding("first"))
    running = gateway(config, environment=notices.environment)
    notices.heard("READY=1")
    names = ("RELOADING", "MONOTONIC_USEC", "READY")
    for text in (edited(config, lambda new: new["routes"].__setitem__(0, responding("second"))), "listeners: ["):
        running.rewrite(text)
        notices.lines.clear()
        notices.messages.clear()
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        ask(running)
        notices.heard("READY=1")
        after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        told = notices.said(*names)
        assert [line.partition("=")[0] for line in told] == list(names), told
        assert before <= int(told[1].partition("=")[2]) <= after, told
        # systemd takes both for one message only when they are.
        assert told[:2] in [lines for _, lines in notices.messages], notices.messages
        assert status_of(wire, running, "/second") == 418, "READY=1 before the new configuration is in force"
    # To ask what would change is no reload.
    notices.lines.clear()
    running.reload(status=400, method="GET")
    running.signal(signal.SIGTERM)
    notices.heard("STOPPING=1")
    assert notices.said(*names) == []


def test_signs_of_life_come_twice_as_often_as_they_are_wanted(gateway, wire, server, notices):
    running = gateway(proxied(server.address), environment=watched(notices))
    pair = wire.pair(running, server)
    eventually(lambda: len([line for line in notices.poll() if line == "WATCHDOG=1"]) >= 5, "five signs of life")
    times = [when for when, lines in notices.messages if lines == ["WATCHDOG=1"]]
    gaps = [after - before for before, after in zip(times, times[1:])]
    assert max(gaps) < WATCHED / 1e6, f"systemd would have ended the process: {gaps}"
    assert sum(gaps) / len(gaps) > WATCHED / 1e6 / 4, f"expected a sign every half second, got {gaps}"
    check_kept(*pair)


@pytest.mark.parametrize("environment", [{}, {"WATCHDOG_USEC": str(WATCHED), "WATCHDOG_PID": "1"}])
def test_no_sign_of_life_where_none_is_wanted(gateway, wire, server, notices, environment):
    running = gateway(proxied(server.address), environment={**notices.environment, **environment})
    notices.heard("STATUS=sockets: 0")
    eventually(lambda: running.stats()["uptime_seconds"] > 1.5 * WATCHED / 1e6, "time for one to come")
    assert "WATCHDOG=1" not in notices.poll()


def test_stopping_is_said_when_the_drain_begins(gateway, wire, server, notices):
    running = gateway(proxied(server.address, sections={"drain": {"timeout": "10s", "spread": "0s"}}),
                      environment=watched(notices))
    client, peer = wire.pair(running, server)
    begin_message(client, peer)
    running.signal(signal.SIGTERM)
    notices.heard("STOPPING=1")
    assert running.process.poll() is None, "a message is in flight"
    # It is alive as long as it drains.
    notices.lines.clear()
    notices.heard("WATCHDOG=1")
    end_message(client, peer)
    check_closed(client, peer)
    assert running.wait() == 0
    assert notices.said("READY", "STOPPING") == []


# Sockets from systemd

def refused(config, directory, *pairs):
    """What `sluice run` says that inherits a socket for each (name, address), and can't start."""
    file = directory / "sluice.yaml"
    file.write_text(yaml.safe_dump(config))
    done = subprocess.run(
        [*activated(*pairs), str(BINARY), "run", "--config", str(file)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 3, f"expected exit 3, got {done.returncode}: {done.stderr}"
    lines = (done.stdout + done.stderr).splitlines()
    assert len(lines) == 1, f"expected one sentence, got {lines}"
    return lines[0]


@pytest.fixture
def fixed(server):
    """A configuration with a listener, `plain`, at an address that is free."""
    config = proxied(server.address, sections={"listeners": [{"name": "plain", "address": free_address()}]})
    config["routes"].insert(0, responding("there"))
    return config


def test_a_socket_by_another_name_is_refused_with_the_remedy(fixed, tmp_path):
    said = refused(fixed, tmp_path, ("plane", fixed["listeners"][0]["address"]))
    assert said == ("error: systemd passes a socket named plane, expected the name of a listener (admin, plain): "
                    "set FileDescriptorName= in its socket unit")


def test_a_socket_that_listens_elsewhere_is_refused(fixed, tmp_path):
    wanted, other = fixed["listeners"][0]["address"], free_address()
    said = refused(fixed, tmp_path, ("plain", other))
    assert said.startswith(f"error: listener plain can't listen on {wanted}: ") and other in said, said


def test_several_sockets_of_one_name_are_all_accepted_on(gateway, wire, fixed):
    address = fixed["listeners"][0]["address"]
    running = gateway(fixed, prefix=activated(*[("plain", address)] * 3))
    # The kernel spreads them: whoever came to one that nobody accepts on would wait for ever.
    assert [status_of(wire, running, "/there") for _ in range(40)] == [418] * 40
    # They are the gateway's own from now on, and stay through a reload.
    running.reload(edited(fixed, lambda new: new["routes"].__setitem__(0, responding("later"))))
    assert [status_of(wire, running, "/later") for _ in range(40)] == [418] * 40
