"""Reloads that change what listens, how, and with which certificates; the admin endpoint; and the log."""

import contextlib
import ssl
import threading
import urllib.error
from shutil import copy

import pytest
import yaml

from changes import check_kept, edited, free_address, responding, status_of
from http2_client import alpn
from raw import Ended, Peer
from sluice import proxied
from test_tls import subject
from waiting import eventually


def connects(wire, running, listener):
    try:
        return status_of(wire, running, "/there", listener=listener) == 418
    except (OSError, Ended):
        return False


def named(config, name):
    return next(listener for listener in config["listeners"] if listener["name"] == name)


@pytest.fixture
def base(wire):
    server = wire.server()
    config = proxied(server.address)
    config["routes"].insert(0, responding("there"))
    return server, config


def test_listeners_come_and_go(gateway, wire, base, tmp_path):
    server, config = base
    running = gateway(config)
    kept = wire.pair(running, server)
    path = tmp_path / "s"

    def add(new):
        new["listeners"] += [
            {"name": "more", "address": "127.0.0.1:0"}, {"name": "unix", "address": f"unix:{path}"}]

    running.reload(edited(config, add))
    for name in ("more", "unix"):
        eventually(lambda name=name: name in running.addresses and connects(wire, running, name), f"{name} to listen")
    orphans = [wire.pair(running, server, listener=name) for name in ("more", "unix")]
    running.reload(config)
    for name in ("more", "unix"):
        eventually(lambda name=name: not connects(wire, running, name), f"{name} to listen no more")
    assert not path.exists(), "the socket file goes with its listener"
    for pair in [kept, *orphans]:
        check_kept(*pair)
    assert connects(wire, running, "plain")
    running.reload(edited(config, add))
    eventually(lambda: connects(wire, running, "unix"), "the unix socket to be back")


def test_an_address_moves(gateway, wire, base):
    server, config = base
    first, second = free_address(), free_address()
    named(config, "plain")["address"] = first
    running = gateway(config)
    pair = wire.pair(running, server)
    before = dict(running.addresses)
    answer = running.reload(edited(config, lambda new: named(new, "plain").update(address=second)))
    assert answer["listeners"]["changed"] == ["plain"]
    eventually(lambda: running.addresses["plain"] == second and connects(wire, running, "plain"), "the new address")
    running.addresses["old"] = before["plain"]
    eventually(lambda: not connects(wire, running, "old"), "the old address to be closed")
    check_kept(*pair)


def test_a_listener_that_is_renamed_keeps_its_address(gateway, wire, base):
    server, config = base
    named(config, "plain")["address"] = free_address()
    running = gateway(config)
    pair = wire.pair(running, server)
    answer = running.reload(edited(config, lambda new: named(new, "plain").update(name="renamed")))
    assert (answer["listeners"]["added"], answer["listeners"]["removed"]) == (["renamed"], ["plain"])
    assert connects(wire, running, "plain")
    check_kept(*pair)


def test_nobody_is_refused_while_listeners_change(gateway, base):
    server, config = base
    named(config, "plain")["address"] = free_address()
    running = gateway(config)
    failures, done = [], threading.Event()

    def knock():
        while not done.is_set():
            try:
                with contextlib.closing(running.connect()) as peer:
                    peer.send(b"GET /there HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    if peer.read_response().status != 418:
                        failures.append(peer.response.start_line)
            except (OSError, Ended, AssertionError) as error:
                failures.append(repr(error))

    knocking = threading.Thread(target=knock)
    knocking.start()
    try:
        for number in range(20):
            running.reload(edited(config, lambda new, number=number: (
                named(new, "plain").update(protocols=["http/1.1"] if number % 2 else ["h2", "http/1.1"]),
                new["listeners"].append({"name": f"more-{number}", "address": "127.0.0.1:0"}))))
    finally:
        done.set()
        knocking.join()
    assert not failures, f"expected every connection to be served, {len(failures)} were not: {failures[:3]}"


def test_tls_is_turned_on_and_off(gateway, wire, base, site, trusting):
    server, config = base
    running = gateway(config)
    with_tls = edited(config, lambda new: named(new, "plain").update(tls={"certificates": [site.setting]}))
    pairs = [wire.pair(running, server)]
    port = running.port()
    running.reload(with_tls)
    assert running.port() == port, "the address is the same, and so is its socket"
    pairs.append(wire.pair(running, server, tls=trusting))
    assert status_of(wire, running, "/there") == 400, "expected a client without TLS to be told so"
    running.reload(config)
    pairs.append(wire.pair(running, server))
    for pair in pairs:
        check_kept(*pair)


def test_protocols_change(gateway, wire, base, site, trusting):
    server, config = base
    listener = {"name": "tls", "address": "127.0.0.1:0", "tls": {"certificates": [site.setting]}}
    config["listeners"].append(listener)
    running = gateway(config)

    def chosen():
        peer = Peer(alpn(trusting, "h2", "http/1.1").wrap_socket(
            running.connect("tls").sock, server_hostname="localhost"), "client")
        protocol = peer.sock.selected_alpn_protocol()
        peer.close()
        return protocol

    assert chosen() == "h2"
    link = wire.http2(running, "tls", trusting)
    running.reload(edited(config, lambda new: named(new, "tls").update(protocols=["http/1.1"])))
    assert chosen() in ("http/1.1", None)
    link.wait(lambda: link.goaways, "a GOAWAY, so that clients come again for what is offered now")
    assert link.goaways[0][1] == 0
    running.reload(edited(config, lambda new: named(new, "tls").update(websocket_over_http2=False)))
    assert chosen() == "h2"
    assert not wire.http2(running, "tls", trusting).settings.enable_connect_protocol


# Certificates

@pytest.fixture
def installed(authority, tmp_path):
    """`installed(name)` puts a certificate of that name in the place of the one that is there; `.setting` names it."""
    def install(name):
        issued = authority.issue(name, ["localhost"])
        for source, target in ((issued.certificate, "own.pem"), (issued.private_key, "own.key")):
            copy(source, tmp_path / "new")
            (tmp_path / "new").rename(tmp_path / target)

    install.setting = {"certificate": str(tmp_path / "own.pem"), "private_key": str(tmp_path / "own.key")}
    install.key = tmp_path / "own.key"
    return install


@pytest.fixture
def secured(gateway, base, installed):
    def start(**options):
        server, config = base
        config["listeners"].append(
            {"name": "tls", "address": "127.0.0.1:0", "tls": {"certificates": [installed.setting]}})
        installed("before")
        return server, config, gateway(config, **options)

    return start


def test_a_reload_reads_changed_certificates_at_once(secured, wire, installed, trusting):
    server, config, running = secured()
    pair = wire.pair(running, server, listener="tls", tls=trusting)
    assert subject(running, "localhost") == "before"
    for name in ("after", "later"):
        installed(name)
        assert running.reload()["applied"] is True
        assert subject(running, "localhost") == name, "the answer comes when the new one is in use"
    check_kept(*pair)


def test_a_key_that_does_not_fit_refuses_the_reload(secured, wire, installed):
    server, config, running = secured()
    installed.key.write_text("no key")
    answer = running.reload(edited(config, lambda new: new["routes"].pop(0)), status=400)
    assert "PEM private key" in answer["text"]
    assert subject(running, "localhost") == "before"
    assert connects(wire, running, "plain")


def test_a_watched_certificate_is_used_when_it_changes(gateway, base, installed, tmp_path):
    server, config = base
    config["listeners"].append(
        {"name": "tls", "address": "127.0.0.1:0", "tls": {"certificates": [installed.setting]}})
    installed("before")
    (tmp_path / "watched.yaml").write_text(yaml.safe_dump(config))
    running = gateway(config, command=["run", "--watch", "--config", str(tmp_path / "watched.yaml")])
    assert subject(running, "localhost") == "before"
    installed("after")
    eventually(lambda: subject(running, "localhost") == "after", "the new certificate to be shown")


def test_a_new_client_ca_is_asked_of_new_connections(secured, wire, authority):
    server, config, running = secured()
    plain = ssl.create_default_context(cafile=str(authority.file))
    pair = wire.pair(running, server, listener="tls", tls=plain)
    running.reload(edited(config, lambda new: named(new, "tls")["tls"].update(client_ca=str(authority.file))))
    with pytest.raises((OSError, Ended)):
        wire.request(running, listener="tls", tls=plain)
    issued = authority.issue("client", client=True)
    known = ssl.create_default_context(cafile=str(authority.file))
    known.load_cert_chain(issued.certificate, issued.private_key)
    later = wire.pair(running, server, listener="tls", tls=known)
    check_kept(*pair)
    check_kept(*later)


# The admin endpoint

def test_the_admin_address_moves(gateway, wire, base):
    server, config = base
    first, second = free_address(), free_address()
    config["admin"] = {"address": first}
    running = gateway(config)
    pair = wire.pair(running, server)
    answer = running.reload(edited(config, lambda new: new["admin"].update(address=second)))
    assert answer["applied"] is True and "admin" in answer["sections"], "it is told where it was asked"
    running.addresses["admin"] = second
    eventually(lambda: _answers(running), "the new address to answer")
    running.addresses["admin"] = first
    eventually(lambda: not _answers(running), "the old address to be closed")
    running.addresses["admin"] = second
    check_kept(*pair)


def _answers(running):
    try:
        return running.admin("/healthz")[0] == 200
    except (urllib.error.URLError, OSError):
        return False


def test_an_admin_address_that_is_taken_refuses_the_reload(gateway, wire, base):
    server, config = base
    taken = wire.server()
    running = gateway(config)
    answer = running.reload(edited(config, lambda new: (
        new["admin"].update(address=taken.address), new["routes"].pop(0))), status=400)
    assert taken.address in answer["text"] and "in use" in answer["text"]
    assert running.admin("/healthz")[0] == 200
    assert connects(wire, running, "plain")


def test_the_token_changes(gateway, base):
    server, config = base
    running = gateway(config, environment={"SLUICE_TEST_TOKEN": "s3cret"})
    running.reload(edited(config, lambda new: new["admin"].update(token="${SLUICE_TEST_TOKEN}")))
    allowed = {"Authorization": "Bearer s3cret"}
    assert running.admin("/stats")[0] == 401
    assert running.admin("/stats", headers=allowed)[0] == 200
    running.rewrite(config)
    assert running.admin("/reload", "POST")[0] == 401
    running.reload(headers=allowed)
    assert running.admin("/stats")[0] == 200
    assert "s3cret" not in "\n".join(running.output)


# The log

def closed_with(wire, running, server, code):
    client, peer = wire.pair(running, server)
    client.send_close(code)
    peer.expect_close()
    peer.send_close(code)
    peer.close()
    client.expect_close()
    client.close()
    running.eventually(lambda stats: stats["routes"]["all"]["active"] == 0, "its end")


def test_the_access_log_is_turned_off_and_on(gateway, wire, base):
    server, config = base
    running = gateway(config)
    quiet = edited(config, lambda new: new.update(log={"access": False}))
    for code, after in ((4001, quiet), (4002, config), (4003, None)):
        closed_with(wire, running, server, code)
        if after:
            running.reload(after)
    running.wait_for_output(lambda line: "4003" in line, "the line about the last")
    found = {entry["code"] for entry in running.log() if entry.get("message") == "connection closed"}
    assert found == {4001, 4003}


def test_the_level_changes(gateway, base):
    server, config = base
    running = gateway(config)
    named_later = {"name": "later", "address": "127.0.0.1:0"}
    running.reload(edited(config, lambda new: new.update(log={"level": "error"})))
    running.reload(edited(config, lambda new: (
        new.update(log={"level": "error"}), new["listeners"].append(named_later))))
    running.reload(edited(config, lambda new: new["listeners"].append({"name": "last", "address": "127.0.0.1:0"})))
    eventually(lambda: "last" in running.addresses, "the line about the last listener")
    assert "later" not in running.addresses, "an info line at the level error"


def test_the_format_changes(gateway, wire, base):
    server, config = base
    running = gateway(config)
    running.reload(edited(config, lambda new: new.update(log={"format": "text"})))
    closed_with(wire, running, server, 4001)
    line = running.wait_for_output(lambda line: "4001" in line, "the line about its end")
    assert not line.startswith("{"), f"expected text, got {line!r}"
    running.reload(edited(config, lambda new: new.update(log={"format": "json"})))
    closed_with(wire, running, server, 4002)
    assert running.wait_for_output(lambda line: "4002" in line, "the line about its end").startswith("{")
