"""The gateway without a file descriptor left: what is open goes on, nothing spins, and it recovers by itself."""

import os
import resource
from pathlib import Path

import pytest

from http2_client import HTTP2Client
from raw import TEXT
from sluice import proxied
from test_refusals import check_refusal
from waiting import SLOWDOWN, eventually

SPARE = 12


def descriptors(running):
    """Those that stay open. For moments there is one more, when the gateway reads a file of /proc."""
    return min(len(os.listdir(f"/proc/{running.process.pid}/fd")) for _ in range(20))


def processor_seconds(running):
    fields = Path(f"/proc/{running.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def leave(running, spare):
    """Lowers the limit so that so many more descriptors can be opened; gives the limit there was."""
    before = resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, (descriptors(running) + spare, before[1]))
    return before


@pytest.fixture
def exhausted(gateway, wire):
    """A gateway with one WebSocket, all other descriptors held by `silent` clients, and more of them in the queue."""
    class Exhausted:
        server = wire.server()
        running = gateway(proxied(server.address))
        client, peer = wire.pair(running, server)

        def free(self):
            for one in self.silent:
                one.close()

    it = Exhausted()
    leave(it.running, SPARE)
    limit = descriptors(it.running) + SPARE
    # The queue is several listening sockets, one for each event loop: each gets more than its share.
    it.silent = [wire.connect(it.running) for _ in range(SPARE * 4)]
    eventually(lambda: descriptors(it.running) == limit, f"all {limit} descriptors used")
    yield it
    it.free()


def check_echo(exhausted, text):
    exhausted.client.send_frame(TEXT, text)
    assert exhausted.peer.read_message()[1] == text
    exhausted.peer.send_frame(TEXT, text)
    assert exhausted.client.read_message()[1] == text


def test_open_connections_go_on_and_nothing_spins(exhausted, wire):
    check_echo(exhausted, b"before")
    waiting = wire.connect(exhausted.running).send_upgrade()
    before = processor_seconds(exhausted.running)
    waiting.expect_silence(1.0)
    used = processor_seconds(exhausted.running) - before
    limit = 0.08 * SLOWDOWN
    assert used < limit, f"expected less than {limit:g} s of CPU time in a second without descriptors, got {used:.2f} s"
    check_echo(exhausted, b"after")


def test_who_waited_gets_through_when_descriptors_are_free(exhausted, wire):
    waiting = wire.connect(exhausted.running).send_upgrade()
    exhausted.free()
    wire.accept(exhausted.server).accept_upgrade()
    status = waiting.read_response().status
    assert status == 101, f"expected 101, got {status}"


def test_running_short_is_said_in_the_log(exhausted):
    exhausted.running.wait_for_output(lambda line: "listener pauses accepting" in line, "a warning that accepting pauses")


def test_the_last_descriptor_leads_to_503_and_is_no_failure_of_the_server(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address))
    wire.pair(running, server)
    before = leave(running, 1)
    check_refusal(wire.request(running), 503, retry_after=True)
    resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, before)
    state = running.stats()["upstreams"]["backend"]["servers"][server.address]
    assert (state["healthy"], state["failures_total"]) == (True, 0), f"expected a server without failures, got {state}"


LIMIT = 200
KEPT = LIMIT // 16


@pytest.fixture
def full(gateway, backend, both_listeners):
    """A gateway whose WebSockets have all descriptors but those that are kept for clients who are refused."""
    server = backend()
    running = gateway(
        proxied(server.address, sections={"listeners": both_listeners}),
        prefix=["prlimit", f"--nofile={LIMIT}:{LIMIT}"])
    held = []
    while True:
        client = running.connect().send_upgrade()
        response = client.read_response()
        if response.status != 101:
            break
        held.append(client)
        assert len(held) < LIMIT, f"expected a refusal before {LIMIT} WebSockets are open"
    check_refusal(response, 503, retry_after=True)
    client.close()
    eventually(lambda: KEPT <= LIMIT - descriptors(running) <= KEPT + 1,
               f"{KEPT} descriptors to be left, or one more")
    yield running
    for client in held:
        client.close()


@pytest.mark.parametrize("listener", ["plain", "tls"])
def test_those_who_do_not_fit_are_refused_at_once_and_their_descriptors_serve_the_next(full, listener, trusting):
    for _ in range(3):
        clients = [full.connect(listener, trusting if listener == "tls" else None).send_upgrade()
                   for _ in range(KEPT - 2)]
        for client in clients:
            check_refusal(client.read_response(), 503, retry_after=True)
        for client in clients:
            client.close()
    assert full.admin("/healthz")[0] == 200


def test_a_crowd_in_the_queue_is_refused_as_well(full):
    clients = [full.connect().send_upgrade() for _ in range(KEPT * 5)]
    for client in clients:
        check_refusal(client.read_response(), 503, retry_after=True)
        client.close()


def test_a_plain_request_is_refused_and_its_connection_ends(full):
    client = full.connect()
    client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    check_refusal(client.read_response(), 503, connection="close")
    client.expect_end()
    client.close()


def test_a_stream_of_http2_is_refused_and_its_connection_ends(full, trusting):
    client = HTTP2Client.connect(full, "tls", trusting)
    check_refusal(client.refused(), 503, retry_after=True)
    client.expect_end()
    assert [code for code, _, _ in client.goaways] == [0], f"expected a GOAWAY without an error, got {client.goaways}"
    client.close()
