"""`sluice reload`, `drain` and `check --diff`: commands that ask a running gateway, and how they take their file."""

import re
import threading

import pytest
import yaml

from changes import free_address
from raw import TEXT, RawServer
from sluice import command, configuration
from waiting import eventually

ROUTE = {"name": "all", "respond": 200}
TOKEN = "t0ken-of-the-tests"


def written(tmp_path, config, name="sluice.yaml"):
    file = tmp_path / name
    file.write_text(config if isinstance(config, str) else yaml.safe_dump(config, sort_keys=False))
    return file


@pytest.fixture
def guarded(gateway, tmp_path):
    """A gateway with an admin endpoint on a unix socket, whose token is in its file."""
    return gateway(configuration(ROUTE, admin={"address": f"unix:{tmp_path}/admin.sock", "token": TOKEN}))


def is_draining(running):
    return any(entry["message"] == "draining" for entry in running.log())


# How the file is named

@pytest.mark.parametrize("verb", ["check", "run", "reload", "drain"])
@pytest.mark.parametrize("spelling", [[], ["--config"], ["-c"]], ids=["alone", "--config", "-c"])
def test_the_file_is_given_with_and_without_an_option(tmp_path, verb, spelling):
    file = written(tmp_path, "listeners: 7\n")
    done = command(verb, *spelling, file)
    assert done.returncode == 1, done.stderr
    assert f"{file}:1:12: error: " in done.stderr


@pytest.mark.parametrize("spelling", [[], ["--config"]], ids=["alone", "--config"])
def test_run_takes_its_file_either_way(tmp_path, gateway, spelling):
    file = written(tmp_path, configuration(ROUTE))
    running = gateway(configuration(ROUTE), command=["run", *spelling, str(file)])
    assert running.admin("/healthz")[0] == 200


USAGE = {
    "two files": (["check", "a", "--config", "b"], "found two"),
    "two files for run": (["run", "-c", "a", "b"], "found two"),
    "two files for reload": (["reload", "a", "--config", "b"], "found two"),
    "no file": (["check"], "FILE or --config FILE"),
    "no file for run": (["run", "--watch"], "FILE or --config FILE"),
    "no file for --diff": (["check", "--diff", "--admin", "127.0.0.1:1"], "FILE or --config FILE"),
    "nothing to reload": (["reload"], "or --admin ADDRESS"),
    "nothing to drain": (["drain", "--wait"], "or --admin ADDRESS"),
    "--admin without --diff": (["check", "a", "--admin", "127.0.0.1:1"], "need --diff"),
    "--token-file without --diff": (["check", "a", "--token-file", "b"], "need --diff"),
    "an address without port": (["drain", "--admin", "127.0.0.1"], "an address such as 127.0.0.1:9901"),
    "port 0": (["drain", "--admin", "127.0.0.1:0"], "an address such as"),
    "a port too high": (["drain", "--admin", "127.0.0.1:65536"], "an address such as"),
    "a signed port": (["drain", "--admin", "127.0.0.1:+80"], "an address such as"),
    "IPv6 without brackets": (["drain", "--admin", "::1:80"], "an address such as"),
    "a name in brackets": (["drain", "--admin", "[localhost]:80"], "an address such as"),
    "a URL": (["drain", "--admin", "http://127.0.0.1:80"], "an address such as"),
    "a long path": (["drain", "--admin", f"unix:/{'x' * 107}"], "1 to 107 bytes"),
    "no path": (["drain", "--admin", "unix:"], "1 to 107 bytes"),
}


@pytest.mark.parametrize("arguments, words", USAGE.values(), ids=USAGE)
def test_wrong_usage_says_what_was_expected(arguments, words):
    done = command(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert words in done.stderr and "Usage: sluice" in done.stderr, done.stderr


HELP = {
    "run": ["sluice run [--config] <file>", "--watch", "--takeover", "SIGHUP"],
    "check": ["sluice check [--config] <file>", "--diff", "--admin <address>", "--token-file <file>"],
    "reload": ["sluice reload [--config] <file>", "--admin <address>", "SLUICE_ADMIN_TOKEN"],
    "drain": ["sluice drain [--config] <file>", "--admin <address>", "--wait"],
}


@pytest.mark.parametrize("verb", HELP)
def test_help_names_every_option(verb):
    done = command(verb, "--help")
    assert done.returncode == 0
    for words in HELP[verb]:
        assert words in done.stdout, done.stdout
    assert verb in command("help").stdout


# Who is asked

@pytest.mark.parametrize("arguments", [["reload"], ["drain"], ["check", "--diff"]], ids=" ".join)
def test_nobody_there_is_one_sentence(tmp_path, arguments):
    """By the file, and by --admin for all addresses but a unix socket's."""
    port = free_address().rsplit(":", 1)[1]
    file = written(tmp_path, configuration(ROUTE, admin={"address": f"0.0.0.0:{port}", "token": TOKEN}))
    unix = written(tmp_path, configuration(ROUTE, admin={"address": f"unix:{tmp_path}/none.sock"}), "unix.yaml")
    cases = [
        ([file], f"127.0.0.1:{port}: Connection refused"),
        ([unix], f"unix:{tmp_path}/none.sock: No such file or directory"),
        ([file, "--admin", f"localhost:{port}"], f"localhost:{port}: Connection refused"),
        ([file, "--admin", f"[::]:{port}"], f"[::1]:{port}: "),
    ]
    for where, words in cases:
        done = command(*arguments, *where)
        assert done.returncode == 3, done.stdout + done.stderr
        assert done.stdout == ""
        [line] = [line for line in done.stderr.splitlines() if "warning" not in line]
        assert line.startswith(f"error: no gateway answers at {words}"), line
        assert "sluice run" in line and "--admin" in line
        assert TOKEN not in line


def test_a_file_without_admin_says_what_to_do(tmp_path):
    config = configuration(ROUTE)
    del config["admin"]
    file = written(tmp_path, config)
    for arguments, remedy in ((["reload"], "SIGHUP"), (["drain"], "SIGTERM"), (["check", "--diff"], "admin:")):
        done = command(*arguments, file)
        assert done.returncode == 1, done.stderr
        assert "no admin section" in done.stderr and remedy in done.stderr, done.stderr


def test_a_port_that_the_gateway_chose_has_to_be_given(gateway):
    running = gateway(configuration(ROUTE))
    done = command("drain", running.file)
    assert done.returncode == 1 and "give the address with --admin" in done.stderr, done.stderr
    assert not is_draining(running)
    done = command("drain", running.file, "--admin", running.addresses["admin"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "draining\n", "")
    assert running.wait() == 0


def test_a_file_that_is_refused_says_its_errors(tmp_path):
    """All of them, as check does."""
    file = written(tmp_path, "listeners: 7\nadmin: { address: x }\n")
    expected = command("check", file)
    for verb in ("reload", "drain"):
        done = command(verb, file)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", expected.stderr)


# The token

TOKENS = {
    "the one in the file": (lambda running, tmp: [running.file], {}, 0),
    "in the environment": (lambda running, tmp: ["--admin", running.addresses["admin"]], {"SLUICE_ADMIN_TOKEN": TOKEN}, 0),
    "in a file of its own": (
        lambda running, tmp: ["--admin", running.addresses["admin"], "--token-file", written(tmp, f" {TOKEN}\r\n", "t")],
        {"SLUICE_ADMIN_TOKEN": "wrong"}, 0),
    "in a file of its own, before the other": (
        lambda running, tmp: [running.file, "--token-file", written(tmp, "wrong", "t")], {}, 3),
    "none": (lambda running, tmp: ["--admin", running.addresses["admin"]], {"SLUICE_ADMIN_TOKEN": ""}, 3),
    "a wrong one": (lambda running, tmp: ["--admin", running.addresses["admin"]], {"SLUICE_ADMIN_TOKEN": "wrong"}, 3),
    "none in the file": (
        lambda running, tmp: ["--admin", running.addresses["admin"], "--token-file", written(tmp, "\n", "t")], {}, 3),
    "two words": (
        lambda running, tmp: ["--admin", running.addresses["admin"], "--token-file", written(tmp, f"{TOKEN} x", "t")],
        {}, 2),
    "no file": (lambda running, tmp: ["--admin", running.addresses["admin"], "--token-file", tmp / "none"], {}, 2),
    "too long a file": (
        lambda running, tmp: ["--admin", running.addresses["admin"], "--token-file", "/dev/zero"], {}, 2),
    "no token in the environment": (
        lambda running, tmp: ["--admin", running.addresses["admin"]], {"SLUICE_ADMIN_TOKEN": f"{TOKEN}\r\nX: y"}, 2),
}


@pytest.mark.parametrize("name", TOKENS, ids=str)
def test_the_token(guarded, tmp_path, name):
    arguments, environment, code = TOKENS[name]
    done = command("drain", *arguments(guarded, tmp_path), environment=environment)
    assert done.returncode == code, done.stdout + done.stderr
    assert TOKEN not in done.stdout + done.stderr
    if code == 0:
        assert guarded.wait() == 0
    else:
        assert not is_draining(guarded)
    if code == 3:
        words = "requires its admin token" if name.startswith("none") else "refused the admin token"
        assert words in done.stderr and "--token-file" in done.stderr, done.stderr


# What is no gateway

class Answering:
    """Takes one connection, reads the request, and answers with these bytes."""

    def __init__(self, answer):
        self.server = RawServer()
        self.request = None
        self.answer = answer
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        peer = self.server.accept()
        self.request = peer.read_through(b"\r\n\r\n")
        try:
            peer.send(self.answer)
        except OSError:
            pass  # the reader has had enough
        peer.close()

    def close(self):
        self.thread.join(10)
        self.server.close()


def http_answer(status, body=b"", fields=""):
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{fields}\r\n".encode() + body


STRANGERS = {
    "something else": (b"SSH-2.0-x\r\n", "does not speak HTTP/1.1"),
    "nothing": (b"", "ended without an answer"),
    "half an answer": (http_answer(200, b"{}" * 100)[:-50], "ended without an answer"),
    "a page": (http_answer(200, b"<html>"), "in a form that this version does not know: <html>"),
    "no such path": (http_answer(404, b"x"), "does not know POST /reload"),
    "an error": (http_answer(502, b"bad \x1b[31mgateway\nmore"), "answered 502: bad \\u001b[31mgateway\n"),
    "a long answer": (http_answer(200, b" " * (1 << 20) + b"{}"), "longer than 1048576 bytes"),
    "an endless answer": (
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n" + b"10000\r\n" + b" " * 65536 + b"\r\n" * 1
        + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 40, "longer than 1048576 bytes"),
    "deep JSON": (http_answer(200, b"[" * 100_000), "in a form that this version does not know"),
}


@pytest.mark.parametrize("answer, words", STRANGERS.values(), ids=STRANGERS)
def test_what_is_no_gateway_is_told(answer, words):
    other = Answering(answer)
    done = command("reload", "--admin", other.server.address)
    other.close()
    assert done.returncode == 3, done.stdout + done.stderr
    assert words in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert other.request.startswith(b"POST /reload HTTP/1.1\r\n")
    assert f"Host: {other.server.address}\r\n".encode() in other.request


# drain

def test_drain_returns_at_once_and_with_wait_at_the_end(gateway, wire, tmp_path):
    server = wire.server()
    running = gateway(configuration(
        {"name": "all", "upstream": "backend"},
        upstreams=[{"name": "backend", "servers": [{"address": server.address}]}],
        admin={"address": f"unix:{tmp_path}/admin.sock"}, drain={"timeout": "60s", "spread": "0s"}))
    client, peer = wire.pair(running, server)
    assert command("drain", running.file).stdout == "draining\n"
    assert client.expect_close()[0] == 1012
    assert running.process.poll() is None, "expected the drain to wait for the client"

    done = []
    waiting = threading.Thread(target=lambda: done.append(command("drain", "--wait", running.file)))
    waiting.start()
    asked = [entry for entry in running.log() if entry["message"] == "draining"]
    assert len(asked) == 1
    peer.expect_close()
    assert waiting.is_alive()
    for one in (client, peer):
        one.send_close(1012)
    assert running.wait() == 0
    waiting.join(20)
    assert [(one.returncode, one.stdout) for one in done] == [(0, "draining\nstopped\n")]


# reload and check --diff

SERVED = {"name": "a", "match": {"path": "/a"}, "respond": 200}


@pytest.fixture
def served(gateway):
    """A gateway with the routes a and b, and `.write(config)`, which puts another configuration into its file."""
    running = gateway(configuration(SERVED, {"name": "b", "respond": 200}))
    running.write = lambda config: running.file.write_text(yaml.safe_dump(config, sort_keys=False))
    running.ask = lambda *arguments, **options: command(
        *arguments, running.file, "--admin", running.addresses["admin"], **options)
    return running


def other(**sections):
    return configuration({**SERVED, "respond": 204}, {"name": "c", "respond": 200}, **sections)


def status(running, wire, path):
    return wire.request(running, path).status


def test_reload_prints_what_changed(served, wire):
    assert status(served, wire, "/a") == 200
    served.write(other(limits={"max_connections": 7}))
    done = served.ask("reload")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "routes: 1 added (c), 1 changed (a), 1 removed (b)", "sections: 1 changed (limits)",
        "sockets: 0 kept, 0 drained, 0 closed"]
    assert status(served, wire, "/a") == 204
    done = served.ask("reload")
    assert (done.returncode, done.stdout) == (0, "nothing changes\n")


def test_diff_prints_the_same_and_changes_nothing(served, wire):
    served.write(other())
    first = served.ask("check", "--diff")
    assert (first.returncode, first.stderr) == (0, "")
    assert "routes: 1 added (c), 1 changed (a), 1 removed (b)\n" in first.stdout
    assert status(served, wire, "/a") == 200
    assert served.ask("check", "--diff").stdout == first.stdout
    assert served.ask("reload").stdout == first.stdout
    assert served.ask("check", "--diff").stdout == "nothing changes\n"


def test_sockets_are_counted(gateway, wire):
    server = wire.server()

    def config(**route):
        return configuration(
            {"name": "all", "upstream": "backend", **route},
            upstreams=[{"name": "backend", "servers": [{"address": server.address}]}])

    running = gateway(config())
    admin = ["--admin", running.addresses["admin"]]
    client, peer = wire.pair(running, server)
    running.file.write_text(yaml.safe_dump(config(idle_timeout="9m", on_change={"changed": "drain"})))
    for arguments in (["check", "--diff"], ["reload"]):
        done = command(*arguments, running.file, *admin)
        assert done.returncode == 0, done.stderr
        assert "sockets: 0 kept, 1 drained, 0 closed" in done.stdout
    assert client.expect_close()[0] == 1012


def test_a_refused_reload_prints_the_errors_as_check_does(served, wire):
    served.file.write_text(served.file.read_text().replace("respond: 200", "respond: 99", 1) + "nonsense: 1\n")
    expected = command("check", served.file)
    assert expected.returncode == 1 and len(re.findall(": error: ", expected.stderr)) == 2
    assert served.ask("check", "--diff").stderr == expected.stderr
    done = served.ask("reload")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", expected.stderr)
    assert status(served, wire, "/a") == 200


def test_an_address_in_use_refuses_the_reload(served, wire):
    holder = RawServer()
    config = other()
    config["listeners"].append({"name": "second", "address": holder.address})
    served.write(config)
    done = served.ask("reload")
    holder.close()
    assert done.returncode == 1 and done.stdout == ""
    assert holder.address in done.stderr and ":0:0:" not in done.stderr, done.stderr
    assert status(served, wire, "/a") == 200


def test_diff_with_another_file_than_the_gateway_runs(served, tmp_path):
    file = written(tmp_path, other(), "other.yaml")
    done = command("check", "--diff", file, "--admin", served.addresses["admin"])
    assert done.returncode == 1 and done.stdout == ""
    assert str(served.file) in done.stderr and str(file) in done.stderr
    link = tmp_path / "link.yaml"
    link.symlink_to(served.file)
    done = command("check", "--diff", link, "--admin", served.addresses["admin"])
    assert (done.returncode, done.stdout) == (0, "nothing changes\n"), done.stderr
    # A reload has been done by the time this is known.
    done = command("reload", file, "--admin", served.addresses["admin"])
    assert done.returncode == 0 and "warning" in done.stderr and str(served.file) in done.stderr


def test_a_warning_of_the_new_file_is_told_once(served):
    served.write(configuration(SERVED, admin={"address": "0.0.0.0:0"}))
    for arguments in (["check", "--diff"], ["reload"]):
        done = served.ask(*arguments)
        assert done.returncode == 0, done.stderr
        assert len(re.findall(r"sluice\.yaml:\d+:\d+: warning: ", done.stderr)) == 1, done.stderr


def test_a_new_token_is_not_yet_the_running_gateways(gateway, tmp_path):
    config = configuration(ROUTE, admin={"address": f"unix:{tmp_path}/admin.sock", "token": TOKEN})
    running = gateway(config)
    config["admin"]["token"] = "another-token"
    running.file.write_text(yaml.safe_dump(config))
    done = command("reload", running.file)
    assert done.returncode == 3 and "refused the admin token" in done.stderr, done.stderr
    done = command("reload", running.file, "--token-file", written(tmp_path, TOKEN, "old"))
    assert done.returncode == 0 and "sections: 1 changed (admin)" in done.stdout, done.stderr
    assert command("reload", running.file).stdout == "nothing changes\n"


def test_variables_that_only_the_gateway_has(gateway):
    """With --admin it is asked, though the file can't be read here."""
    text = yaml.safe_dump(configuration({"name": "all", "respond": {"status": 200, "body": "${SLUICE_TEST_BODY}"}}))
    running = gateway(yaml.safe_load(text), environment={"SLUICE_TEST_BODY": "hello"})
    assert command("reload", running.file).returncode == 1
    done = command("reload", running.file, "--admin", running.addresses["admin"])
    assert (done.returncode, done.stdout) == (0, "nothing changes\n"), done.stderr


# The paths

def test_paths_that_shed_sockets_answer_in_json(gateway, wire):
    servers = [wire.server(), wire.server()]
    running = gateway(configuration(
        {"name": "all", "upstream": "backend"},
        upstreams=[{"name": "backend", "servers": [{"address": server.address} for server in servers]}]))
    for path in ("servers/127.0.0.1:1/drain", "servers/127.0.0.1:1/undrain"):
        status, _, body = running.admin(f"/upstreams/backend/{path}", "POST")
        assert (status, b"127.0.0.1:1" in body) == (404, True), body
    for path in ("rebalance", f"servers/{servers[0].address}/drain"):
        status, _, body = running.admin(f"/upstreams/none/{path}", "POST")
        assert (status, b'"none"' in body) == (404, True), body
        status, _, body = running.admin(f"/upstreams/backend/{path}?rate=fast", "POST")
        assert (status, body[:25]) == (400, b"expected a rate such as 5"), body
    status, fields, body = running.admin(f"/upstreams/backend/servers/{servers[0].address}/drain?rate=50/s", "POST")
    assert (status, fields["content-type"], body) == (202, "application/json", b'{"sockets":0}\n')
    status, _, body = running.admin(f"/upstreams/backend/servers/{servers[0].address}/undrain", "POST")
    assert (status, body) == (202, b'{"sockets":0}\n')


def test_many_are_closed_by_route_server_or_address(gateway, wire):
    server = wire.server()
    running = gateway(configuration(
        {"name": "one", "match": {"path": "/one"}, "upstream": "backend"}, {"name": "two", "upstream": "backend"},
        upstreams=[{"name": "backend", "servers": [{"address": server.address}]}]))
    ones = [wire.pair(running, server, "/one") for _ in range(3)]
    two = wire.pair(running, server, "/two")
    status, _, body = running.admin("/connections", "DELETE")
    assert status == 400 and b"route, server and ip" in body
    for query, count in (
            ("route=none", 0), ("server=127.0.0.1:1", 0), ("ip=192.0.2.1", 0), ("route=one&ip=192.0.2.1", 0),
            ("route=one&code=4001&reason=go", 3)):
        status, fields, body = running.admin(f"/connections?{query}", "DELETE")
        assert (status, fields["content-type"], body) == (200, "application/json", b'{"closing":%d}\n' % count), query
    for client, peer in ones:
        assert client.expect_close() == peer.expect_close() == (4001, "go")
        client.send_close(4001)
        peer.send_close(4001)
    running.eventually(lambda stats: stats["connections"]["active"] == 1, "only those to end")
    two[0].send_frame(TEXT, "still here")
    assert two[1].read_message()[1] == b"still here"
    assert running.admin(f"/connections?server={server.address}&rate=1000/s", "DELETE")[2] == b'{"closing":1}\n'
    assert two[0].expect_close()[0] == 1008


def test_a_list_of_one_servers_websockets(gateway, wire):
    servers = [wire.server(), wire.server()]
    running = gateway(configuration(
        {"name": "one", "match": {"path": "/one"}, "upstream": "a"}, {"name": "two", "upstream": "b"},
        upstreams=[{"name": name, "servers": [{"address": server.address}]} for name, server in zip("ab", servers)]))
    wire.pair(running, servers[0], "/one")
    wire.pair(running, servers[1], "/two")
    body = eventually(lambda: running.admin(f"/connections?server={servers[1].address}")[2], "a list")
    assert body.count(b'"id"') == 1 and b'"two"' in body
