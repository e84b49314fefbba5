"""Listening on unix sockets: whose file it is, who may connect, and who takes it away."""

import grp
import http.client
import os
import pwd
import shutil
import socket
import stat
import subprocess

import pytest
import yaml

from sluice import BINARY, command, configuration

ROUTE = {"name": "all", "respond": {"status": 404}}


@pytest.fixture
def both(gateway, tmp_path):
    """`both(…)` starts a gateway whose listener and admin endpoint are the unix sockets of `.paths`."""
    paths = [tmp_path / "plain.sock", tmp_path / "admin.sock"]

    def start(**access):
        plain, admin = ({"address": f"unix:{path}", **access} for path in paths)
        running = gateway(configuration(ROUTE, listeners=[{"name": "plain", **plain}], admin=admin))
        running.paths = paths
        return running

    return start


def status(path, target):
    """The status that the socket with this path answers with."""
    connection = http.client.HTTPConnection("localhost", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(10)
    try:
        connection.sock.connect(str(path))
        connection.request("GET", target)
        return connection.getresponse().status
    finally:
        connection.close()


def check_served(paths):
    plain, admin = paths
    assert status(plain, "/") == 404
    assert status(admin, "/healthz") == 200


def test_the_sockets_of_a_gateway_that_runs_are_its_own_until_it_stops(both):
    running = both()
    second = command("run", "--config", running.file)
    assert second.returncode == 3 and "address in use" in second.stderr, second
    check_served(running.paths)
    assert running.stop() == 0
    assert not any(path.exists() for path in running.paths), "expected it to take its sockets away"


def test_whatever_else_is_there_at_the_end_stays(both):
    running = both()
    for path in running.paths:
        path.unlink()
        path.write_text("somebody else's")
    assert running.stop() == 0
    assert [path.read_text() for path in running.paths] == ["somebody else's"] * 2


def test_a_socket_that_a_dead_gateway_left_is_replaced(both):
    first = both()
    first.kill()
    assert all(path.is_socket() for path in first.paths)
    check_served(both().paths)


def test_a_file_that_is_no_socket_is_kept_and_said(tmp_path):
    path = tmp_path / "plain.sock"
    path.write_text("precious")
    file = tmp_path / "sluice.yaml"
    file.write_text(f"listeners: [{{name: plain, address: 'unix:{path}'}}]\nroutes: [{{name: a, respond: {{status: 404}}}}]\n")
    done = command("run", "--config", file)
    assert done.returncode == 3, done.stderr
    assert "expected a socket or nothing" in done.stderr, done.stderr
    assert path.read_text() == "precious"


@pytest.mark.parametrize("mode", ["0660", "0600", "777", "0000"])
def test_the_mode_is_what_was_asked_for_whatever_the_umask(both, mode):
    running = both(mode=mode)
    for path in running.paths:
        found = stat.S_IMODE(path.stat().st_mode)
        assert found == int(mode, 8), f"expected {mode}, got {found:04o}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
@pytest.mark.parametrize("owner, group", [
    (pwd.getpwall()[1].pw_name, grp.getgrall()[1].gr_name), ("54321", "54322"), (None, "54322"), ("54321", None)])
def test_the_owners_are_those_asked_for(both, owner, group):
    access = {key: value for key, value in (("owner", owner), ("group", group)) if value is not None}
    running = both(**access)
    uid = os.geteuid() if owner is None else int(owner) if owner.isdigit() else pwd.getpwnam(owner).pw_uid
    gid = os.getegid() if group is None else int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    for path in running.paths:
        found = path.stat().st_uid, path.stat().st_gid
        assert found == (uid, gid), f"expected {(uid, gid)}, got {found}"
    check_served(running.paths)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root, and setpriv")
@pytest.mark.parametrize("access", [{"owner": "0"}, {"group": "0"}])
def test_who_may_not_give_a_file_away_is_told_so(tmp_path, access):
    for folder in [tmp_path, *tmp_path.parents]:
        folder.chmod(folder.stat().st_mode | 0o011)
    tmp_path.chmod(0o777)
    file = tmp_path / "sluice.yaml"
    file.write_text(yaml.safe_dump(configuration(
        ROUTE, listeners=[{"name": "plain", "address": f"unix:{tmp_path}/s", **access}])))
    done = subprocess.run(
        ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", str(BINARY), "run", "--config", str(file)],
        capture_output=True, text=True, timeout=30)
    assert done.returncode == 3, done
    said = done.stderr.splitlines()[-1]
    assert said.startswith(f"error: listener plain can't listen on unix:{tmp_path}/s: the gateway can't set its owner and group: ")
    assert "only root can change the owner" in said, said
    assert not (tmp_path / "s").exists(), "expected nothing to be left behind"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")
def test_who_may_not_write_to_the_socket_can_not_connect(both, tmp_path):
    running = both(mode="0600")
    for folder in [tmp_path, *tmp_path.parents]:
        folder.chmod(folder.stat().st_mode | 0o011)
    for path in running.paths:
        child = os.fork()
        if child == 0:
            os.setuid(54321)
            try:
                socket.socket(socket.AF_UNIX).connect(str(path))
            except PermissionError:
                os._exit(7)
            os._exit(1)
        _, code = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(code) == 7, "expected it to be refused"
