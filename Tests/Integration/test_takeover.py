"""Restart without refusal: `sluice run --takeover` gets the listening sockets of the gateway that runs, and that one
drains. Sockets of service managers, too."""

import contextlib
import os
import signal
import socket
import stat
import threading
import urllib.error

import pytest
import yaml

from changes import begin_message, check_closed, check_kept, edited, end_message, free_address, responding, status_of
from raw import Ended
from service_manager import Notices, activated
from sluice import command, proxied
from waiting import eventually


@pytest.fixture
def server(wire):
    return wire.server()


@pytest.fixture
def config(server, tmp_path):
    """A configuration whose every address is the same for all who read it."""
    found = proxied(server.address, sections={
        "listeners": [{"name": "plain", "address": free_address()}, {"name": "unix", "address": f"unix:{tmp_path}/s"}],
        "admin": {"address": free_address(), "takeover_socket": str(tmp_path / "takeover")},
        "drain": {"timeout": "10s", "spread": "0s"}})
    found["routes"].insert(0, responding("first"))
    return found


def take_over(gateway, running, config=None, **options):
    """A gateway that takes over from `running`, with its file, or with another configuration in that file."""
    if config is not None:
        running.rewrite(config)
    started = gateway(running.config, command=["run", "--takeover", "--config", str(running.file)], **options)
    started.file = running.file
    return started


def generation(wire, running, listener="plain"):
    """By the route that answers: which configuration whoever accepts here has."""
    return next((name for name in ("second", "first")
                 if status_of(wire, running, f"/{name}", listener=listener) == 418), None)


def second(config):
    return edited(config, lambda new: new["routes"].__setitem__(0, responding("second")))


def identity(pid):
    """The sockets of a process that listen, by inode."""
    listening = {fields[9] for table in ("/proc/net/tcp", "/proc/net/tcp6")
                 for fields in (line.split() for line in open(table).read().splitlines()[1:]) if fields[3] == "0A"}
    found = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            target = os.readlink(f"/proc/{pid}/fd/{name}")
            if target.startswith("socket:[") and target[8:-1] in listening:
                found.add(target[8:-1])
    return found


def test_the_new_process_serves_and_the_old_one_drains(gateway, wire, config, server):
    old = gateway(config)
    pairs = [wire.pair(old, server, listener=name) for name in ("plain", "unix")]
    begin_message(*pairs[0])
    sockets = identity(old.process.pid)
    new = take_over(gateway, old, second(config))
    assert new.addresses == old.addresses
    for name in ("plain", "unix"):
        eventually(lambda name=name: generation(wire, new, name) == "second", f"the new process to serve {name}")
    assert identity(new.process.pid) >= sockets, "the very sockets are handed over, and what waits in them"
    assert new.stats()["connections"]["active"] == 0, "the admin endpoint is the new process's"
    assert old.process.poll() is None, "a message is in flight there"
    end_message(*pairs[0])
    for pair in pairs:
        check_closed(*pair)
    assert old.wait() == 0
    later = wire.pair(new, server)
    check_kept(*later)
    check_kept(*wire.pair(new, server, listener="unix"))


def test_the_mode_of_a_unix_socket_is_what_the_new_process_says(gateway, config):
    path = config["listeners"][1]["address"].removeprefix("unix:")
    config["listeners"][1]["mode"] = "0600"
    old = gateway(config)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    new = take_over(gateway, old, edited(config, lambda new: new["listeners"][1].update(mode="0660")))
    assert old.wait() == 0
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
    assert new.stop() == 0 and not os.path.exists(path)


def test_one_after_another(gateway, wire, config, server):
    running = gateway(config)
    for _ in range(3):
        pair = wire.pair(running, server)
        new = take_over(gateway, running)
        check_closed(*pair)
        assert running.wait() == 0
        running = new
        check_kept(*wire.pair(running, server))


def test_the_takeover_socket_is_for_the_same_user_alone(gateway, config):
    running = gateway(config)
    path = config["admin"]["takeover_socket"]
    assert stat.S_ISSOCK(os.stat(path).st_mode) and stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert running.stop() == 0
    assert not os.path.exists(path), "it goes with its process"


def test_nobody_is_refused_and_the_admin_address_answers_throughout(gateway, wire, config):
    old = gateway(config)
    failures, done = [], threading.Event()

    def knock(check):
        while not done.is_set():
            try:
                got = check()
                if got:
                    failures.append(got)
            except (OSError, Ended, AssertionError, urllib.error.URLError) as error:
                failures.append(repr(error))

    def route():
        with contextlib.closing(old.connect()) as peer:
            peer.send(b"GET /first HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            status = peer.read_response().status
            return None if status == 418 else f"status {status}"

    def health():
        status = old.admin("/healthz")[0]
        return None if status == 200 else f"/healthz gave {status}"

    threads = [threading.Thread(target=knock, args=(check,)) for check in (route, route, health)]
    for thread in threads:
        thread.start()
    try:
        new = take_over(gateway, old)
        assert old.wait() == 0
        for _ in range(20):
            assert generation(wire, new) == "first"
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not failures, f"{len(failures)} failed: {failures[:3]}"


def test_listeners_that_only_one_of_both_has(gateway, wire, config, server):
    old = gateway(config)
    fresh = {"name": "fresh", "address": free_address()}

    def change(new):
        new["listeners"] = [new["listeners"][0], fresh]
        new["listeners"][0]["name"] = "renamed"

    orphan = wire.pair(old, server, listener="unix")
    new = take_over(gateway, old, edited(second(config), change))
    for name in ("renamed", "fresh"):
        assert generation(wire, new, name) == "second"
    check_closed(*orphan)
    assert old.wait() == 0
    with pytest.raises(OSError):
        old.connect("unix").open()


# A new process that can't start

def fails(running, *, code, words, config=None):
    """`run --takeover` with the file ends by itself with this status and these words."""
    if config is not None:
        running.rewrite(config)
    done = command("run", "--takeover", "--config", running.file)
    assert done.returncode == code, f"expected exit {code}, got {done.returncode}: {done.stderr}"
    for word in words:
        assert word in done.stderr, f"expected {word!r} in {done.stderr!r}"


@pytest.mark.parametrize("reason", ["broken", "taken", "killed"])
def test_the_old_one_goes_on_when_the_new_one_can_not_start(gateway, wire, config, server, reason):
    old = gateway(config)
    pairs = [wire.pair(old, server, listener=name) for name in ("plain", "unix")]
    taken = wire.server()
    match reason:
        case "broken":
            fails(old, code=1, words=["nowhere", ": error: "],
                  config=edited(second(config), lambda new: new["routes"][1].update(upstream="nowhere")))
        case "taken":
            fails(old, code=3, words=[taken.address, "in use"], config=edited(
                second(config), lambda new: new["listeners"].append({"name": "taken", "address": taken.address})))
        case "killed":
            with socket.socket(socket.AF_UNIX) as half:
                half.connect(config["admin"]["takeover_socket"])
                half.sendall(b'{"sluice": 1, "pid": 1}\n')
                half.recv(4096)
            with socket.socket(socket.AF_UNIX) as noise:
                noise.connect(config["admin"]["takeover_socket"])
                with contextlib.suppress(OSError):
                    noise.sendall(os.urandom(100_000) + b"\n")
                    noise.recv(4096)
    assert old.process.poll() is None
    for name in ("plain", "unix"):
        assert generation(wire, old, name) == "first"
        check_kept(*wire.pair(old, server, listener=name))
    for pair in pairs:
        check_kept(*pair)
    assert old.admin("/readyz")[0] == 200 and old.stats()["draining"] is False
    # And a good one may still come.
    new = take_over(gateway, old, second(config))
    assert generation(wire, new) == "second"
    for pair in pairs:
        check_closed(*pair)


def test_a_second_gateway_on_the_same_address_is_refused(gateway, wire, config, server):
    running = gateway(config)
    pair = wire.pair(running, server)
    for index, words in enumerate([config["listeners"][0]["address"], config["listeners"][1]["address"]]):
        other = edited(second(config), lambda new: (
            new.update(listeners=[new["listeners"][index]], admin={"address": "127.0.0.1:0"})))
        file = running.file.with_name("other.yaml")
        file.write_text(yaml.safe_dump(other))
        done = command("run", "--config", file)
        assert done.returncode == 3, f"expected exit 3, got {done.returncode}: {done.stderr}"
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 1 and words in lines[0] and "in use" in lines[0], lines
    for _ in range(10):
        assert generation(wire, running) == "first", "somebody else accepts here"
    assert generation(wire, running, "unix") == "first"
    check_kept(*pair)


def test_without_a_predecessor_the_remedy_is_said(config, tmp_path):
    file = tmp_path / "sluice.yaml"
    path = config["admin"]["takeover_socket"]
    file.write_text(yaml.safe_dump(config))
    done = command("run", "--takeover", "--config", file)
    assert done.returncode == 3, f"expected exit 3, got {done.returncode}: {done.stderr}"
    assert path in done.stderr and "without --takeover" in done.stderr, done.stderr
    # A file that its process has left behind is the same.
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(path)
    done = command("run", "--takeover", "--config", file)
    assert done.returncode == 3 and "without --takeover" in done.stderr, done


def test_without_a_takeover_socket_in_the_file_the_remedy_is_said(config, tmp_path):
    file = tmp_path / "sluice.yaml"
    without = config
    del without["admin"]["takeover_socket"]
    file.write_text(yaml.safe_dump(without))
    done = command("run", "--takeover", "--config", file)
    assert done.returncode in (1, 3) and "takeover_socket" in done.stderr, done


def test_a_start_that_fails_at_the_takeover_socket_leaves_no_socket_behind(config, tmp_path):
    config["admin"]["takeover_socket"] = str(tmp_path / "missing" / "takeover")
    file = tmp_path / "sluice.yaml"
    file.write_text(yaml.safe_dump(config))
    done = command("run", "--config", file)
    assert done.returncode == 3 and "takeover" in done.stderr, done
    assert not (tmp_path / "s").exists(), "expected that the file of the unix socket goes with it"


# Service managers

@pytest.fixture
def notices(tmp_path):
    notices = Notices(tmp_path / "notify")
    yield notices
    notices.close()


def test_the_service_manager_is_told_when_it_is_ready(gateway, config, notices):
    running = gateway(config, environment=notices.environment)
    notices.heard("READY=1")
    assert running.stop() == 0


def test_the_service_manager_is_told_of_the_new_process(gateway, wire, config, notices):
    old = gateway(config, environment=notices.environment)
    notices.heard("READY=1")
    notices.lines.clear()
    new = take_over(gateway, old, environment=notices.environment)
    notices.heard("READY=1")
    assert old.wait() == 0
    assert generation(wire, new) == "first"


def test_sockets_of_a_service_manager_are_taken_by_name(gateway, wire, config, server):
    config["listeners"].append({"name": "more", "address": free_address()})
    addresses = {listener["name"]: listener["address"] for listener in config["listeners"]}
    # Whoever tried to open these would find them in use.
    running = gateway(config, prefix=activated(*((name, addresses[name]) for name in ("plain", "more"))))
    for name in ("plain", "more", "unix"):
        assert generation(wire, running, name) == "first"
    check_kept(*wire.pair(running, server))
    new = take_over(gateway, running, second(config))
    assert running.wait() == 0
    for name in ("plain", "more", "unix"):
        assert generation(wire, new, name) == "second"


def test_the_admin_socket_may_come_from_a_service_manager(gateway, config):
    running = gateway(config, prefix=activated(("admin", config["admin"]["address"])))
    assert running.admin("/healthz")[0] == 200


def test_sockets_meant_for_another_process_are_left_alone(gateway, wire, config):
    running = gateway(config, environment={
        "LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": "plain"})
    assert generation(wire, running) == "first"
    assert running.stop() == 0


def test_a_signal_to_the_new_process_drains_it_like_any_other(gateway, wire, config, server):
    old = gateway(config)
    new = take_over(gateway, old)
    assert old.wait() == 0
    pair = wire.pair(new, server)
    new.signal(signal.SIGTERM)
    check_closed(*pair)
    assert new.wait() == 0
    assert not os.path.exists(f"{config['listeners'][1]['address'].removeprefix('unix:')}")
