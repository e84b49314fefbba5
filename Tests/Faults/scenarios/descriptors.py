"""The gateway has no file descriptors left."""

import contextlib
import socket
import time

from rig.stage import Stage
from rig.waiting import hold

MEASURED_SECONDS = 2.0
BUSY_SHARE = 0.1      # of one core, beside a load of a few messages: accepting in a loop takes whole ones
QUIET_RATE = 50
WAITING = 40          # clients that come while nothing can be accepted
KEPT = 16             # of the limit, this part of it is for clients that are refused: at most 64 descriptors
OVERFLOW = 400        # clients that come one after another with room for few


def descriptors(options, folder, account):
    """A gateway with few file descriptors: silent clients take the rest of them, then more come than fit."""
    limit = 300 if options.quick else 1500
    with Stage(options, folder, account, descriptors=limit) as stage:
        stage.fill(int((limit - stage.gateway.descriptors()) // 2 * 0.6))
        stage.steady()
        stage.fleet.rate(QUIET_RATE)
        _nothing_to_accept_with(stage, limit)
        stage.fleet.rate(QUIET_RATE)
        _more_than_fit(stage, limit)
        stage.fleet.rate(options.rate)
        stage.steady(1)
        stage.settle()
        stage.judge_ends()


def _nothing_to_accept_with(stage, limit):
    """Clients that say nothing hold every descriptor, so that accepting itself fails."""
    with _leaving_at_once(stage.gateway) as silent:
        for _ in range(limit - stage.gateway.descriptors() + 20):
            silent.append(socket.create_connection(("127.0.0.1", stage.gateway.ports["plain"]), timeout=10))
        stage.eventually(lambda: stage.gateway.descriptors() >= limit, 10, "every file descriptor to be used")
        asked = stage.fleet.opening(WAITING)
        before, begin = stage.gateway.cpu_seconds(), time.monotonic()
        hold(MEASURED_SECONDS)
        share = (stage.gateway.cpu_seconds() - before) / (time.monotonic() - begin)
        used = stage.gateway.descriptors()
        stage.account.note(f"{used} of {limit} descriptors used: CPU {share:.0%} of a core over {MEASURED_SECONDS:g} s")
        stage.check(used >= limit - 1, "every file descriptor to be used all the time", f"{used} of {limit}")
        stage.check(share < BUSY_SHARE, f"less than {BUSY_SHARE:.0%} of a core while nothing can be accepted",
                    f"{share:.0%}")
    freed = time.monotonic()
    waited = asked.merged()
    stage.account.recovery = time.monotonic() - freed
    stage.account.connections += waited["opened"]
    stage.account.note(f"{WAITING} clients that waited: {waited['opened']} open {stage.account.recovery:.1f} s after "
                       f"the silent ones had gone, {dict(waited['failures'])}")
    stage.check(waited["opened"] == WAITING, f"{WAITING} clients that waited to get through", dict(waited["failures"]))
    stage.settle()
    stage.judge_ends()
    stage.fleet.end("close", numbers=waited["numbers"])


@contextlib.contextmanager
def _leaving_at_once(gateway):
    """Connections that have all left when the gateway learns of the first. It would rightly refuse who comes when only
    some have, as there is a descriptor for the client and none for the connection to a server."""
    connections = []
    try:
        yield connections
    finally:
        with gateway.frozen():
            for connection in connections:
                connection.close()


def _more_than_fit(stage, limit):
    """The last descriptors are kept for clients that get 503, as there is none for the connection to a server."""
    room = (limit - min(64, limit // KEPT) - stage.gateway.descriptors()) // 2
    more = stage.fleet.open(room + OVERFLOW)
    stage.account.connections += more["opened"]
    stage.account.note(f"{room + OVERFLOW} clients more, room for {room}: {more['opened']} open, "
                       f"{dict(more['failures'])}")
    stage.check(set(more["failures"]) <= {"refused 503"} and more["without_retry_after"] == 0,
                "a WebSocket, or 503 with Retry-After", dict(more["failures"]))
    stage.check(more["opened"] >= room - 2, f"about {room} of them to be open", more["opened"])
    stage.judge_ends()
    ends = stage.fleet.end("close", numbers=more["numbers"])
    stage.check(ends == {"closed": more["opened"]}, "each of them to close in order", dict(ends))
    stage.eventually(lambda: stage.gateway.descriptors() <= limit - room, 10, "their descriptors to be free")
    again = stage.fleet.open(WAITING)
    stage.account.connections += again["opened"]
    stage.check(again["opened"] == WAITING, f"{WAITING} new connections", dict(again["failures"]))
    servers = stage.gateway.stats()["upstreams"]["echo"]["servers"]
    blamed = sum(server["failures_total"] for server in servers.values())
    stage.check(blamed == 0, "no failure to be counted against the servers", blamed)
