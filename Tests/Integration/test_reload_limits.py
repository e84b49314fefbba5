"""Reloads that change what holds for whoever comes next: caps, rates, sizes and times of the process, and what a listener
says of requests; and how reloads come through beside each other."""

import os
import signal
import stat
import threading

import pytest
import yaml

from changes import check_kept, edited, responding, status_of
from raw import TEXT
from sluice import proxied
from test_refusals import check_refusal
from waiting import eventually


def limited(config, **limits):
    return edited(config, lambda new: new.update(limits=limits))


# Limits of the process

@pytest.mark.parametrize("cap", ["max_connections", "max_connections_per_ip"])
def test_caps_rise_and_fall(gateway, wire, cap):
    server = wire.server()
    config = limited(proxied(server.address, http="off"), **{cap: 1})
    running = gateway(config)
    pairs = [wire.pair(running, server)]
    check_refusal(wire.request(running), 503, retry_after=True)
    for limit, more in ((3, 2), (2, 0), (5, 2), (6, 1)):
        assert running.reload(limited(config, **{cap: limit}))["sections"] == ["limits"]
        pairs += [wire.pair(running, server) for _ in range(more)]
        check_refusal(wire.request(running), 503, retry_after=True)
    for pair in pairs:
        check_kept(*pair)


def test_the_rate_of_handshakes_is_set_and_lifted(gateway, wire):
    server = wire.server()
    config = proxied(server.address, http="off")
    running = gateway(config)
    pairs = [wire.pair(running, server) for _ in range(5)]
    running.reload(limited(config, max_handshakes_per_second=1))
    # One a second, and one at once.
    client = wire.connect(running).send_upgrade("/")
    peer = wire.accept(server)
    check_refusal(wire.request(running), 429, retry_after=True)
    peer.read_upgrade()
    peer.accept_upgrade()
    assert client.read_response().status == 101
    running.reload(config)
    pairs += [wire.pair(running, server) for _ in range(5)]
    for pair in pairs:
        check_kept(*pair)


def test_compression_memory_changes(gateway, backend, wire):
    config = proxied(backend().address, http="off")
    running = gateway(config)
    little = limited(config, compression_memory="16KiB")

    def compressed():
        client = wire.open(running, fields=[("Sec-WebSocket-Extensions", "permessage-deflate")])
        client.send_frame(TEXT, "Hello")
        client.read_message()
        return client.response.get("Sec-WebSocket-Extensions")

    for _ in range(2):
        assert compressed() == "permessage-deflate"
        running.reload(little)
        assert compressed() is None, "expected no compression without memory for it"
        running.reload(config)


def test_the_size_of_headers_changes_for_new_connections(gateway, wire):
    server = wire.server()
    config = proxied(server.address, http="off")
    running = gateway(limited(config, max_header_size="4KiB"))
    long = [("X-Long", "x" * 6000)]
    before = wire.connect(running)
    check_refusal(wire.request(running, fields=long), 431)
    running.reload(limited(config, max_header_size="8KiB"))
    pair = wire.pair(running, server, fields=long)
    check_refusal(before.send_upgrade("/", long).read_response(), 431)
    running.reload(limited(config, max_header_size="4KiB"))
    check_refusal(wire.request(running, fields=long), 431)
    check_kept(*pair)


def test_the_size_of_headers_changes_for_new_connections_of_http2(gateway, backend, http2_link):
    config = proxied(backend().address, http="off")
    running = gateway(limited(config, max_header_size="4KiB"))
    long = [("x-long", "x" * 6000)]
    before = http2_link(running)
    assert before.stream().send_upgrade("/", long).read_response().status == 431
    running.reload(limited(config, max_header_size="8KiB"))
    after = http2_link(running)
    after.stream().open("/", long)
    # What a connection was told in SETTINGS holds for it.
    assert before.stream().send_upgrade("/", long).read_response().status == 431
    before.stream().open("/")
    assert not before.goaways


def test_the_time_for_a_handshake_changes_for_new_connections(gateway, wire):
    server = wire.server()
    config = proxied(server.address, http="off")
    running = gateway(limited(config, handshake_timeout="300ms"))
    check_refusal(wire.connect(running).read_response(), 408)
    running.reload(limited(config, handshake_timeout="60s"))
    patient = wire.connect(running)
    patient.send(b"GET / HTTP/1.1\r\n")
    # Behind it in time: when the one after it is refused, it would have been as well.
    running.reload(limited(config, handshake_timeout="300ms"))
    check_refusal(wire.connect(running).read_response(), 408)
    patient.send(b"Host: a\r\n\r\n")
    check_refusal(patient.read_response(), 426)


# What a listener says of requests

def listening(config, **settings):
    return edited(config, lambda new: new["listeners"][0].update(settings))


def fields_seen(server, client):
    client.send_frame(TEXT, "Hello")
    assert client.read_message()[1] == b"Hello"
    return server.last_fields


def test_the_next_stream_of_a_connection_is_read_as_its_listener_says_now(gateway, backend, http2_link):
    server = backend()
    config = proxied(server.address, http="off")
    running = gateway(config)
    link = http2_link(running)
    sent = [("x-forwarded-for", "203.0.113.9"), ("a_b", "1")]
    first = link.stream().open("/", sent)
    seen = fields_seen(server, first)
    assert (seen["x-forwarded-for"], "a_b" in seen) == ("127.0.0.1", False)
    assert "via" in seen, "expected Via unless it is turned off"

    answer = running.reload(listening(config, via=False, trusted_proxies=["127.0.0.0/8"], underscores="pass"))
    assert answer["listeners"]["changed"] == ["plain"]
    seen = fields_seen(server, link.stream().open("/", sent))
    assert (seen["x-forwarded-for"], seen.get("a_b")) == ("203.0.113.9, 127.0.0.1", "1")
    assert "via" not in seen, seen

    running.reload(listening(config, underscores="reject"))
    assert link.stream().send_upgrade("/", sent).read_response().status == 400
    seen = fields_seen(server, link.stream().open("/", sent[:1]))
    assert seen["x-forwarded-for"] == "127.0.0.1" and "via" in seen

    assert not link.goaways and not link.ended, "clients need not come again for that"
    fields_seen(server, first)


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture
def on_unix(gateway, wire, tmp_path):
    """(gateway, configuration, path) with a unix listener, `unix`, whose mode is not said."""
    path = tmp_path / "s"
    config = proxied(wire.server().address, http="off", sections={"listeners": [{"name": "unix", "address": f"unix:{path}"}]})
    config["routes"].insert(0, responding("there"))
    return gateway(config), config, path


def test_the_mode_of_a_unix_socket_changes_and_changes_back(on_unix, wire):
    running, config, path = on_unix
    made, inode = mode(path), os.stat(path).st_ino
    for octal in ("0660", "0600", "0660"):
        running.reload(listening(config, mode=octal))
        assert mode(path) == int(octal, 8)
        assert status_of(wire, running, "/there", listener="unix") == 418
    running.reload(config)
    assert mode(path) == made, "what is no longer said is as it was made"
    assert os.stat(path).st_ino == inode, "it is the same socket"


def test_a_refused_reload_leaves_the_mode(on_unix, wire):
    running, config, path = on_unix
    taken = wire.server()
    made = mode(path)

    def change(new):
        new["listeners"][0]["mode"] = "0600"
        new["listeners"].append({"name": "taken", "address": taken.address})

    running.reload(edited(config, change), status=400)
    assert mode(path) == made
    assert status_of(wire, running, "/there", listener="unix") == 418


def test_a_refused_reload_leaves_the_mode_of_the_admin_socket(gateway, wire, tmp_path):
    path = tmp_path / "admin"
    taken = wire.server()
    config = proxied(wire.server().address, http="off", sections={"admin": {"address": f"unix:{path}", "mode": "0660"}})
    running = gateway(config)
    running.rewrite(edited(config, lambda new: (
        new["admin"].update(mode="0600"),
        new["listeners"].append({"name": "taken", "address": taken.address}))))
    running.signal(signal.SIGHUP)
    running.wait_for_output(lambda line: "configuration refused" in line, "the refusal in the log")
    assert mode(path) == 0o660


# Beside each other

def test_reloads_that_come_together_are_all_answered_and_none_is_lost(gateway, wire):
    server = wire.server()
    config = proxied(server.address, http="off")
    running = gateway(config)
    pair = wire.pair(running, server)
    # The earlier ones take longer: by themselves they would be through behind the later ones.
    texts = [yaml.safe_dump(edited(config, lambda new: new["routes"].__setitem__(
        slice(0, 0), [responding(f"route-{number}"), *(responding(f"more-{i}") for i in range(300 - 15 * number))])))
        for number in range(20)]
    answers, turn, left = [], threading.Lock(), iter(texts)

    def reload():
        with turn:
            running.rewrite(next(left))
        answers.append(running.admin("/reload", "POST")[0])

    threads = [threading.Thread(target=reload) for _ in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 20
    # Whoever wrote last asked behind that, and so what was read last is what was written last.
    for number in range(20):
        assert status_of(wire, running, f"/route-{number}") == (418 if number == 19 else 426)
    eventually(lambda: len(lines(running, "configuration reloaded")) == 20, "a line for each in the log")
    check_kept(*pair)


def lines(running, message):
    return [entry for entry in running.log() if entry.get("message") == message]


def test_to_ask_what_a_broken_file_would_change_leaves_no_line(gateway, wire):
    server = wire.server()
    config = proxied(server.address, http="off")
    running = gateway(config)
    pair = wire.pair(running, server)
    running.rewrite(edited(config, lambda new: new["routes"][0].update(upstream="nowhere")))
    for _ in range(3):
        answer = running.reload(status=400, method="GET")
        assert answer["applied"] is False and "nowhere" in answer["text"]
    assert running.reload(status=400)["errors"] == answer["errors"]
    eventually(lambda: lines(running, "configuration refused; the gateway keeps the previous one"), "the line of the last")
    assert len(lines(running, "configuration refused; the gateway keeps the previous one")) == 1
    assert len([entry for entry in running.log() if "nowhere" in str(entry)]) == 1
    check_kept(*pair)
