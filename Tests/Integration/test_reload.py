"""Reload: the ways to ask for one, what its answer says, whom it leaves alone, and that one that is refused changes
nothing."""

import os
import signal

import pytest
import yaml

from changes import check_kept, edited, free_address, names, responding, status_of, wait_for_route
from raw import BINARY, RawServer
from sluice import command, proxied
from test_http2_back import check_echo, over_http2
from test_refusals import check_refusal
from waiting import eventually


def with_route(config, name):
    return edited(config, lambda new: new["routes"].insert(0, responding(name)))


# The ways to ask

def by_signal(running, config):
    running.rewrite(config)
    running.signal(signal.SIGHUP)


def by_request(running, config):
    assert running.reload(config)["applied"] is True


def by_command(running, config):
    running.rewrite(config)
    done = command("reload", "--admin", running.addresses["admin"])
    assert done.returncode == 0, f"expected exit 0, got {done.returncode}: {done.stderr}"
    assert "added" in done.stdout, f"expected what was added on standard output, got {done.stdout!r}"


@pytest.mark.parametrize("ask", [by_signal, by_request, by_command])
def test_a_reload_applies_the_file_and_leaves_sockets_alone(gateway, wire, ask):
    server = wire.server()
    config = proxied(server.address, http="off")
    running = gateway(config)
    client, peer = wire.pair(running, server)
    for name in ("added", "later"):
        assert status_of(wire, running, f"/{name}") == 426, "a plain request on the WebSockets' own route"
        config = with_route(config, name)
        ask(running, config)
        wait_for_route(wire, running, name)
        check_kept(client, peer)
    assert running.stats()["connections"]["active"] == 1


def test_the_command_finds_the_gateway_by_the_file(gateway, wire):
    server = wire.server()
    config = proxied(server.address, http="off", sections={"admin": {"address": free_address()}})
    running = gateway(config)
    running.rewrite(with_route(config, "added"))
    done = command("reload", "--config", running.file)
    assert done.returncode == 0, done.stderr
    wait_for_route(wire, running, "added")


def test_signals_that_come_together_leave_the_last_file_in_force(gateway, wire):
    server = wire.server()
    config = proxied(server.address, http="off")
    running = gateway(config)
    for number in range(20):
        by_signal(running, with_route(config, f"route-{number}"))
    wait_for_route(wire, running, "route-19")
    eventually(lambda: status_of(wire, running, "/route-18") == 426, "the file before the last to be forgotten")


# Watching

@pytest.fixture
def watching(gateway, wire):
    """`watching(install)` starts `sluice run --watch` on the file that `install(config)` has put somewhere; gives the
    gateway, its configuration and a socket."""
    def start(install):
        server = wire.server()
        config = proxied(server.address, http="off")
        running = gateway(config, command=["run", "--watch", "--config", str(install(config))])
        return running, config, wire.pair(running, server)

    return start


def rewritten(folder):
    """As an editor that writes into the file itself."""
    def install(config):
        (folder / "sluice.yaml").write_text(yaml.safe_dump(config))
        return folder / "sluice.yaml"
    return install


def renamed_over(folder):
    """As most editors, and what deploys single files."""
    def install(config):
        (folder / "new").write_text(yaml.safe_dump(config))
        (folder / "new").rename(folder / "sluice.yaml")
        return folder / "sluice.yaml"
    return install


def symlink_swapped(folder):
    """As the volume of a ConfigMap: the file is a link into a folder that is a link, which is swapped for another."""
    versions = iter(range(100))

    def install(config):
        version = folder / f"..version-{next(versions)}"
        version.mkdir()
        (version / "sluice.yaml").write_text(yaml.safe_dump(config))
        (folder / "..new").symlink_to(version.name)
        (folder / "..new").rename(folder / "..data")
        if not (folder / "sluice.yaml").is_symlink():
            (folder / "sluice.yaml").symlink_to("..data/sluice.yaml")
        return folder / "sluice.yaml"
    return install


@pytest.mark.parametrize("manner", [rewritten, renamed_over, symlink_swapped])
def test_a_file_that_changes_is_loaded(watching, wire, tmp_path, manner):
    (tmp_path / "config").mkdir()
    install = manner(tmp_path / "config")
    running, config, (client, peer) = watching(install)
    for name in ("first", "second", "third"):
        install(with_route(config, name))
        wait_for_route(wire, running, name)
    check_kept(client, peer)


def test_a_broken_file_that_is_watched_is_left_until_it_is_mended(watching, wire, tmp_path):
    (tmp_path / "config").mkdir()
    install = renamed_over(tmp_path / "config")
    running, config, (client, peer) = watching(install)
    before = len(running.output)
    install(edited(config, lambda new: new["routes"][0].update(upstream="nowhere")))
    running.wait_for_output(lambda line: "nowhere" in line, "the error in the log")
    assert len([line for line in running.output[before:] if "nowhere" in line]) == 1, "said more than once"
    check_kept(client, peer)
    install(with_route(config, "mended"))
    wait_for_route(wire, running, "mended")
    check_kept(client, peer)


def test_sighup_reloads_what_is_watched_as_well(watching, wire, tmp_path):
    (tmp_path / "config").mkdir()
    install = rewritten(tmp_path / "config")
    running, config, (client, peer) = watching(install)
    install(with_route(config, "added"))
    running.signal(signal.SIGHUP)
    wait_for_route(wire, running, "added")
    check_kept(client, peer)


# The answer

def everything(server):
    """Two configurations, and what the change from the one to the other is called."""
    def upstream(name, *servers, **settings):
        return {"name": name, "servers": [{"address": address} for address in servers], **settings}

    old = proxied(server.address, http="off")
    old["routes"] = [responding("goes"), responding("changes"), *old["routes"]]
    old["upstreams"] += [
        upstream("goes", "127.0.0.1:1"), upstream("scaled", "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3")]
    old["listeners"].append({"name": "goes", "address": "127.0.0.1:0"})
    new = edited(old, lambda new: (
        new["routes"].pop(0), new["routes"][0].update(respond={"status": 410}),
        new["routes"].insert(0, responding("came")),
        new["upstreams"].__setitem__(slice(1, None), [
            upstream("came", "127.0.0.1:1"), upstream("scaled", "127.0.0.1:1", "127.0.0.1:3", "127.0.0.1:4")]),
        new["upstreams"][-1]["servers"][0].update(weight=5),
        new["listeners"].__setitem__(1, {"name": "came", "address": "127.0.0.1:0"}),
        new.update(limits={"max_connections": 77}, log={"access": False})))
    return old, new


def check_lists(answer, sections=("limits", "log")):
    assert answer["listeners"] == names(added=["came"], removed=["goes"], unchanged=["plain"])
    assert answer["routes"] == names(added=["came"], changed=["changes"], removed=["goes"], unchanged=["all"])
    assert answer["upstreams"] == names(added=["came"], changed=["scaled"], removed=["goes"], unchanged=["backend"])
    assert answer["servers"] == {"scaled": names(
        added=["127.0.0.1:4"], changed=["127.0.0.1:1"], removed=["127.0.0.1:2"], unchanged=["127.0.0.1:3"])}
    assert set(answer["sections"]) == set(sections)
    assert answer["restart"] == []


def test_the_answer_names_what_changed_and_asking_alone_changes_nothing(gateway, wire):
    server = wire.server()
    old, new = everything(server)
    running = gateway(old)
    client, peer = wire.pair(running, server)
    for _ in range(2):
        answer = running.reload(new, method="GET")
        check_lists(answer)
        assert (answer["applied"], answer["sockets"]) == (False, {"kept": 1, "drained": 0, "closed": 0})
        assert status_of(wire, running, "/goes") == 418
    answer = running.reload()
    check_lists(answer)
    assert answer["applied"] is True
    assert os.path.samefile(answer["file"], running.file) and os.path.isabs(answer["file"])
    assert answer["sockets"] == {"kept": 1, "drained": 0, "closed": 0}
    assert isinstance(answer["warnings"], list)
    assert [status_of(wire, running, path) for path in ("/came", "/changes", "/goes")] == [418, 410, 426]
    again = running.reload()
    for kind in ("listeners", "routes", "upstreams"):
        assert again[kind] == names(unchanged=again[kind]["unchanged"]), f"nothing had changed in {kind}"
    assert (again["servers"], again["sections"]) == ({}, [])
    check_kept(client, peer)
    # Nothing of the former configuration is left, once whoever looked at its servers is through.
    running.eventually(
        lambda stats: set(stats["upstreams"]) == {"backend", "came", "scaled"} and set(
            stats["upstreams"]["scaled"]["servers"]) == {"127.0.0.1:1", "127.0.0.1:3", "127.0.0.1:4"},
        "the upstreams and servers of the new configuration in /stats")


def test_check_diff_says_what_a_reload_would_change(gateway, wire):
    server = wire.server()
    old, new = everything(server)
    old["admin"] = new["admin"] = {"address": free_address()}
    running = gateway(old)
    running.rewrite(new)
    said = command("check", "--diff", "--config", running.file)
    assert said.returncode == 0, said.stderr
    for words in ("came", "changes", "goes"):
        assert words in said.stdout, f"expected {words!r} in {said.stdout!r}"
    assert status_of(wire, running, "/goes") == 418
    assert command("reload", "--config", running.file).returncode == 0
    assert "nothing changes" in command("check", "--diff", "--config", running.file).stdout


# Whom it leaves alone

@pytest.mark.parametrize("front", ["http/1.1", "h2"])
@pytest.mark.parametrize("back", ["http/1.1", "h2"])
def test_sockets_of_what_did_not_change_are_untouched(gateway, backend, http2_backend, http2_link, wire, front, back):
    server = http2_backend() if back == "h2" else backend()
    config = over_http2(server) if back == "h2" else proxied(server.address, http="off")
    config["routes"].insert(0, {"name": "other", "match": {"path": "/other"}, "upstream": "other"})
    config["upstreams"].append({"name": "other", "servers": [{"address": server.address}]})
    running = gateway(config)
    client = http2_link(running).stream().open() if front == "h2" else wire.open(running)
    check_echo(client, b"before")
    for weight in range(1, 6):
        answer = running.reload(edited(config, lambda new, weight=weight: (
            new["routes"][0].update(max_message_size=1000 * weight),
            new["upstreams"][1].update(servers=[{"address": f"127.0.0.1:{weight}", "weight": weight}]))))
        assert answer["routes"]["changed"] == ["other"] and answer["sockets"]["kept"] == 1
        check_echo(client, b"after %d" % weight)
    assert len(server.requests) == 1, "the server was asked again"
    if back == "h2":
        assert len(server.links) == 1 and server.open_links
    client.send_close(1000)
    assert client.expect_close()[0] == 1000


def test_a_client_in_its_opening_handshake_ends_it_under_what_it_began_with(gateway, wire):
    server = wire.server()
    config = proxied(server.address, http="off", response_headers={"set": {"X-Generation": "first"}}, max_message_size="1MiB")
    running = gateway(config)
    client = wire.connect(running).send_upgrade("/")
    slow = wire.accept(server)
    slow.read_upgrade()
    answer = running.reload(edited(config, lambda new: new["routes"][0].update(
        response_headers={"set": {"X-Generation": "second"}}, max_message_size="1KiB")))
    assert answer["routes"]["changed"] == ["all"]
    slow.accept_upgrade()
    response = client.read_response()
    assert (response.status, response.get("x-generation")) == (101, "first")
    client.send_frame(BINARY, b"x" * 5000)
    assert slow.read_message()[1] == b"x" * 5000
    later, _ = wire.pair(running, server)
    assert later.response.get("x-generation") == "second"


def test_a_request_that_had_begun_and_not_ended_is_answered(gateway, wire):
    server = wire.server()
    config = proxied(server.address, http="off")
    running = gateway(config)
    client = wire.connect(running)
    client.send(b"GET /added HTTP/1.1\r\nHost: localhost\r\n")
    running.reload(with_route(config, "added"))
    client.send(b"Connection: close\r\n\r\n")
    assert client.read_response().status in (418, 426)


def test_caps_below_what_is_open_refuse_new_ones_and_close_nobody(gateway, wire):
    server = wire.server()
    config = proxied(server.address, http="off")
    running = gateway(config)
    pairs = [wire.pair(running, server) for _ in range(4)]
    for change in (
        lambda new: new["routes"][0].update(max_connections=2),
        lambda new: new["routes"][0].update(max_connections_per_ip=2),
        lambda new: new.update(limits={"max_connections": 2}),
        lambda new: new.update(limits={"max_connections_per_ip": 2}),
        lambda new: new["upstreams"][0]["servers"][0].update(max_connections=2),
    ):
        answer = running.reload(edited(config, change))
        assert answer["sockets"] == {"kept": 4, "drained": 0, "closed": 0}, answer
        check_refusal(wire.request(running), 503, retry_after=True)
        for pair in pairs:
            check_kept(*pair)
    running.reload(edited(config, lambda new: new["routes"][0].update(max_connections=5)))
    wire.pair(running, server)
    check_refusal(wire.request(running), 503, retry_after=True)


def test_counters_survive_and_go_with_the_last_socket_of_a_removed_route(gateway, wire):
    server = wire.server()
    config = proxied(server.address, http="off", on_change={"removed": "keep"})
    config["routes"].append(responding("stays"))
    running = gateway(config)
    client, peer = wire.pair(running, server)
    check_kept(client, peer)
    before = running.route()
    running.reload(edited(config, lambda new: new["routes"][0].update(max_connections=9)))
    after = running.route()
    assert after["max_connections"] == 9
    for name in ("active", "accepted_total", "messages", "bytes"):
        assert after[name] == before[name], f"{name} did not survive"

    def remove(new):
        del new["routes"][0], new["upstreams"][0]

    running.reload(edited(config, remove))
    assert running.route()["active"] == 1, "a route is counted while it has a socket"
    check_kept(client, peer)
    assert running.route()["messages"]["from_client"]["text"] == before["messages"]["from_client"]["text"] + 1
    client.send_close(1000)
    peer.expect_close()
    peer.send_close(1000)
    peer.close()
    client.expect_close()
    running.eventually(
        lambda stats: "all" not in stats["routes"] and not stats["upstreams"], "nothing left of what was removed")
    total = running.stats()["connections"]
    assert (total["accepted_total"], total["closed_total"]) == (1, 1), "the totals of the process only grow"


# Refused

def check_untouched(wire, running, pair):
    assert status_of(wire, running, "/first") == 418
    assert status_of(wire, running, "/second") == 426
    check_kept(*pair)


BROKEN = {
    "no YAML": lambda config: "listeners: [",
    "an unknown key": lambda config: edited(config, lambda new: new["routes"][0].update(upstraem="backend")),
    "no such upstream": lambda config: edited(config, lambda new: new["routes"][-1].update(upstream="nowhere")),
    "a file that is not there": lambda config: edited(config, lambda new: new["listeners"][0].update(
        tls={"certificates": [{"certificate": "none.pem", "private_key": "none.key"}]})),
    "an unset environment variable": lambda config: edited(config, lambda new: new["admin"].update(
        token="${SLUICE_TEST_NOT_SET}")),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_file_is_refused_and_changes_nothing(gateway, wire, broken):
    server = wire.server()
    config = with_route(proxied(server.address, http="off"), "first")
    running = gateway(config)
    pair = wire.pair(running, server)
    made = BROKEN[broken](edited(config, lambda new: new["routes"].__setitem__(0, responding("second"))))
    since = len(running.log())
    answer = running.reload(made, status=400)
    assert answer["applied"] is False and answer["errors"]
    for error in answer["errors"]:
        assert error["message"] and error["line"] > 0 and error["column"] > 0, error
    # As `check` prints them.
    checked = command("check", "--config", running.file)
    assert checked.returncode == 1
    assert set(answer["text"].splitlines()) <= set((checked.stdout + checked.stderr).splitlines()), checked
    assert f":{answer['errors'][0]['line']}:" in answer["text"] and ": error: " in answer["text"]
    eventually(lambda: [entry for entry in running.log()[since:] if entry.get("level") == "error"],
               "an error in the log")
    check_untouched(wire, running, pair)

    done = command("reload", "--admin", running.addresses["admin"])
    assert done.returncode == 1, f"expected exit 1, got {done.returncode}: {done.stdout}{done.stderr}"
    for error in answer["errors"]:
        assert error["message"] in done.stderr, f"expected {error['message']!r} on standard error: {done.stderr!r}"
    since = len(running.log())
    running.signal(signal.SIGHUP)
    eventually(lambda: [entry for entry in running.log()[since:] if entry.get("level") == "error"],
               "an error in the log")
    check_untouched(wire, running, pair)
    assert running.reload(with_route(config, "mended"))["applied"] is True
    assert status_of(wire, running, "/mended") == 418


def test_a_listener_that_can_not_be_opened_refuses_the_whole_reload(gateway, wire):
    server, taken = wire.server(), wire.server()
    config = with_route(proxied(server.address, http="off"), "first")
    running = gateway(config)
    pair = wire.pair(running, server)
    fine = {"name": "fine", "address": free_address()}

    def change(new):
        new["routes"][0] = responding("second")
        new["listeners"] += [fine, {"name": "taken", "address": taken.address}]

    answer = running.reload(edited(config, change), status=400)
    assert answer["applied"] is False
    error = answer["errors"][0]
    assert (error["line"], error["column"]) == (0, 0) and taken.address in error["message"], error
    assert "in use" in answer["text"], answer["text"]
    check_untouched(wire, running, pair)
    # What had been opened for it is free again.
    host, port = fine["address"].split(":")
    RawServer(address=(host, int(port))).close()
    done = command("reload", "--admin", running.addresses["admin"])
    assert done.returncode == 1 and taken.address in done.stderr, done
    taken.close()
    assert running.reload()["applied"] is True
    assert status_of(wire, running, "/second") == 418
    assert status_of(wire, running, "/second", listener="taken") == 418
