"""SIGTERM: everyone is told, nobody is cut off in the middle of a message, and then it ends with 0."""

import select
import signal
import time
from datetime import datetime, timedelta

import pytest
import websockets.sync.client

from raw import CLOSE, CONTINUATION, TEXT, Ended
from sluice import proxied
from waiting import eventually


def draining(address, **drain):
    return proxied(address, sections={"drain": {"timeout": "10s", "spread": "0s", **drain}})


def answer_and_close(server, code=1012):
    """What a server does with a Close: it answers, and ends TCP first (RFC 6455 §7.1.1)."""
    server.send_close(code)
    server.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("code", [1012, 1001])
def test_both_sides_get_the_code_and_the_gateway_exits_with_0(gateway, wire, number, code):
    server = wire.server()
    running = gateway(draining(server.address, code=code))
    pairs = [wire.pair(running, server) for _ in range(5)]
    running.signal(number)
    for client, peer in pairs:
        assert client.expect_close()[0] == code
        assert peer.expect_close()[0] == code
        client.send_close(code)
        answer_and_close(peer, code)
    started = time.monotonic()
    assert running.wait() == 0
    assert time.monotonic() - started < 5, "it waited though everybody had answered"


def test_a_message_in_flight_is_delivered_first(gateway, wire):
    server = wire.server()
    running = gateway(draining(server.address))
    client, peer = wire.pair(running, server)
    client.send_frame(TEXT, "begun ", fin=False)
    peer.send_frame(TEXT, "begun too ", fin=False)
    assert peer.read_frame().payload == b"begun "
    assert client.read_frame().payload == b"begun too "
    running.signal(signal.SIGTERM)
    eventually(lambda: running.admin("/readyz")[0] == 503, "the drain to begin")
    client.send_frame(CONTINUATION, "and ended")
    peer.send_frame(CONTINUATION, "and ended")
    assert peer.read_frame().payload == b"and ended"
    assert client.read_frame().payload == b"and ended"
    assert peer.expect_close()[0] == 1012
    assert client.expect_close()[0] == 1012
    client.send_close(1012)
    answer_and_close(peer)
    assert running.wait() == 0


def test_not_ready_and_nobody_new_during_a_drain(gateway, wire):
    server = wire.server()
    running = gateway(draining(server.address))
    client, peer = wire.pair(running, server)
    running.signal(signal.SIGTERM)
    assert client.expect_close()[0] == 1012
    eventually(lambda: running.admin("/readyz")[0] == 503, "/readyz to say 503")
    assert running.admin("/healthz")[0] == 200
    assert running.stats()["draining"] is True
    try:
        response = wire.request(running)
    except (OSError, Ended):
        pass  # it no longer listens
    else:
        assert response.status == 503 and response.get("retry-after")
    client.send_close(1012)
    answer_and_close(peer)
    assert running.wait() == 0


def test_who_does_not_answer_is_cut_at_the_timeout(gateway, wire):
    server = wire.server()
    running = gateway(draining(server.address, timeout="1s"))
    client, peer = wire.pair(running, server)
    running.signal(signal.SIGTERM)
    started = time.monotonic()
    assert running.wait(8) == 0
    assert time.monotonic() - started < 6
    assert client.expect_close()[0] == 1012
    assert peer.expect_close()[0] == 1012


def stuck(gateway, wire):
    """A gateway and the client of a WebSocket that ends only when both sides have answered the Close."""
    server = wire.server()
    config = draining(server.address, timeout="60s")
    config["routes"][0]["close_timeout"] = "60s"
    running = gateway(config)
    return running, *wire.pair(running, server)


def test_a_second_signal_ends_at_once_when_half_a_second_has_passed(gateway, wire):
    running, client, _ = stuck(gateway, wire)
    running.signal(signal.SIGTERM)
    assert client.expect_close()[0] == 1012
    began = next(entry for entry in running.log() if entry["message"] == "draining")

    def ended():
        running.signal(signal.SIGTERM)
        return running.process.poll() is not None

    eventually(ended, "the end", timeout=5)
    assert running.wait() == 0
    ending = next(entry for entry in running.log() if entry["message"] == "second signal; the gateway exits at once")
    between = datetime.fromisoformat(ending["time"]) - datetime.fromisoformat(began["time"])
    assert between >= timedelta(seconds=0.49), f"expected half a second between the signals at least, got {between}"


@pytest.mark.parametrize("first", ["signal", "admin"])
def test_a_signal_that_comes_twice_drains_all_the_same(gateway, wire, first):
    # A terminal and npm both deliver the SIGINT of one Ctrl-C; a service manager may ask the admin endpoint first.
    running, client, peer = stuck(gateway, wire)
    if first == "admin":
        assert running.admin("/drain", method="POST")[0] == 202
    else:
        running.signal(signal.SIGINT)
    running.wait_for_output(lambda line: "draining" in line, "the drain to begin")
    running.signal(signal.SIGINT)
    assert client.expect_close()[0] == 1012
    assert peer.expect_close()[0] == 1012
    client.send_close(1012)
    answer_and_close(peer)
    assert running.wait() == 0
    assert "stopped" in [entry["message"] for entry in running.log()], f"the drain was cut short\n{running.tail()}"


def test_the_closes_are_spread(gateway, wire):
    server = wire.server()
    running = gateway(draining(server.address, spread="2s"))
    pairs = [wire.pair(running, server) for _ in range(8)]
    running.signal(signal.SIGTERM)
    started, times = time.monotonic(), []
    waiting = {client.sock: (client, peer) for client, peer in pairs}
    while waiting:
        ready, _, _ = select.select(list(waiting), [], [], 10)
        assert ready, f"{len(waiting)} connections got no Close within 10 s"
        for sock in ready:
            client, peer = waiting.pop(sock)
            assert client.expect_close()[0] == 1012
            times.append(time.monotonic() - started)
            client.send_close(1012)
            assert peer.expect_close()[0] == 1012
            answer_and_close(peer)
    assert max(times) - min(times) > 0.5, f"all Closes came together: {times}"
    assert max(times) < 4
    assert running.wait() == 0


def test_a_real_server_and_client_end_cleanly(gateway, backend):
    server = backend()
    running = gateway(draining(server.address))
    with websockets.sync.client.connect(running.url(), proxy=None) as client:
        client.send("Hello")
        assert client.recv(timeout=10) == "Hello"
        running.signal(signal.SIGTERM)
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            client.recv(timeout=10)
        assert client.close_code == 1012
    assert running.wait() == 0
    eventually(lambda: server.closes, "the server to see the end")
    assert server.closes[-1][0] == 1012


def test_a_handshake_under_way_gets_an_answer(gateway, wire):
    server = wire.server()
    running = gateway(draining(server.address))
    client = wire.connect(running).send_upgrade("/")
    peer = wire.accept(server)
    peer.read_upgrade()
    running.signal(signal.SIGTERM)
    eventually(lambda: running.admin("/readyz")[0] == 503, "the drain to begin")
    try:
        peer.accept_upgrade()
    except OSError:
        pass
    response = client.read_response()
    assert response.status in (101, 503)
    if response.status == 101:
        assert client.expect_close()[0] == 1012
        client.send_close(1012)
        assert peer.read_frame().opcode == CLOSE
        answer_and_close(peer)
    assert running.wait() == 0


def test_a_client_that_leaves_in_its_handshake_does_not_hold_the_drain(gateway, wire):
    server = wire.server()
    running = gateway(draining(server.address, timeout="60s"))
    client = wire.connect(running)
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
    eventually(lambda: running.admin("/healthz")[0] == 200, "the gateway to be at work")
    running.signal(signal.SIGTERM)
    eventually(lambda: any(entry.get("message") == "draining" for entry in running.log()), "the drain to begin")
    client.close()
    assert running.wait(5) == 0
