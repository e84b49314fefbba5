"""What the tests of reloads, drains and restarts share: a socket that is looked at before and after, what may become of
it, and what the answer to a reload says."""

import copy
import random
import socket

from raw import CONTINUATION, TEXT
from waiting import eventually

NOTHING = {"added": [], "changed": [], "removed": [], "unchanged": []}


def edited(config, edit):
    """A copy of a configuration after `edit(copy)`."""
    config = copy.deepcopy(config)
    edit(config)
    return config


def names(**lists):
    """`listeners`, `routes`, `upstreams` or the servers of one, as the answer to a reload names them."""
    return {**NOTHING, **lists}


def responding(name, **match):
    """A route that answers for itself: it is there when `GET /name` gives 418."""
    return {"name": name, "match": {"path": f"/{name}", **match}, "respond": {"status": 418}}


def status_of(wire, running, path, **options):
    """The status of a plain request over a connection of its own."""
    peer = wire.connect(running, **options)
    peer.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    return peer.read_response().status


def wait_for_route(wire, running, name):
    eventually(lambda: status_of(wire, running, f"/{name}") == 418, f"the route {name} to be there")


def free_address():
    """An address on which nothing listens, outside the range from which the kernel gives ports to others."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return f"127.0.0.1:{port}"


def begin_message(client, peer):
    """A message in flight, of which the server has seen a part."""
    client.send_frame(TEXT, "begun ", fin=False)
    assert peer.read_frame().payload == b"begun "


def end_message(client, peer):
    client.send_frame(CONTINUATION, "and ended")
    assert peer.read_frame().payload == b"and ended"


def check_kept(client, peer):
    """Messages pass both ways, and nothing else has come."""
    for source, target, payload in ((client, peer, b"to the server"), (peer, client, b"to the client")):
        source.send_frame(TEXT, payload)
        assert target.read_message()[1] == payload


def check_closed(client, peer, code=1012):
    """Both sides get a Close with this code, and the socket ends in order when they have answered it."""
    for side in (client, peer):
        got, reason = side.expect_close()
        assert got == code, f"expected Close {code} at the {side.role}, got {got} {reason!r}"
    client.send_close(code)
    peer.send_close(code)
    peer.close()
    client.read_to_end()


FATES = ("keep", "drain", "close")


def check_fate(fate, client, peer):
    """What becomes of a socket in whose direction to the server a message is in flight."""
    if fate == "close":
        check_closed(client, peer)
    else:
        end_message(client, peer)
        check_kept(client, peer) if fate == "keep" else check_closed(client, peer)


def entries_with(running, since, *values):
    """The lines of the log, from number `since` on, that have each of these values in some field."""
    wanted = [str(value) for value in values]
    return [entry for entry in running.log()[since:]
            if all(any(word in str(value) for value in entry.values()) for word in wanted)]
