"""Peers that break off, fall silent or do not let go: what the other side sees, and that nothing stays behind."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from aftermath import (  # noqa: F401
    Attacked, attack, is_frame_boundary, read_until_close, shared_gateway, sides)
from delivery import wait_until_read
from raw import BINARY, CLOSE, CONTINUATION, PING, TEXT, Deflate, Ended, close_payload
from sluice import PeakMemory

SIDES = ["client", "server"]
MIB = 1024 * 1024
# What the other side is told when a peer is gone.
GONE = {"client": 1001, "server": 1011}


def medium(peer):
    return peer.frame(BINARY, b"m" * 300)


def large(peer):
    return peer.frame(BINARY, b"l" * 70_000)


def begun(peer):
    return peer.frame(TEXT, "begun", fin=False)


# Where a peer breaks off: all that it sends before. Of a header or control frame nothing goes on before it is whole,
# so a Close has its place; once a header has gone on, it has not.
ROOM_FOR_A_CLOSE = {
    "behind 1 byte": lambda peer: medium(peer)[:1],
    "behind 2 bytes": lambda peer: medium(peer)[:2],
    "inside a 16-bit length": lambda peer: medium(peer)[:3],
    "inside a 64-bit length": lambda peer: large(peer)[:6],
    "before the last byte of the header": lambda peer: large(peer)[: 13 if peer.role == "client" else 9],
    "inside a ping": lambda peer: peer.frame(PING, "hello")[:-1],
    "inside a Close": lambda peer: peer.frame(CLOSE, close_payload(1000, "bye"))[:-1],
    "behind a fragment": begun,
    "behind an empty fragment": lambda peer: begun(peer) + peer.frame(CONTINUATION, fin=False),
    "behind a ping inside a message": lambda peer: begun(peer) + peer.frame(PING),
    "inside the header of a continuation": lambda peer: begun(peer) + peer.frame(CONTINUATION, b"x" * 200)[:3],
    "inside a ping inside a message": lambda peer: begun(peer) + peer.frame(PING, "hello")[:4],
}
NO_ROOM_FOR_A_CLOSE = {
    "behind the header": lambda peer: medium(peer)[:-300],
    "behind 1 byte of payload": lambda peer: medium(peer)[:-299],
    "before the last byte": lambda peer: medium(peer)[:-1],
    "inside a large frame": lambda peer: large(peer)[:40_000],
    "inside a fragment": lambda peer: begun(peer) + peer.frame(CONTINUATION, b"x" * 200)[:-100],
}


def break_off(guilty, data, how):
    """All of it has been read before the end comes, as a reset may overtake what is still on its way."""
    guilty.send(guilty.frame(TEXT, "before") + data)
    wait_until_read(guilty)
    guilty.finish_sending() if how == "FIN" else guilty.reset()


@pytest.mark.parametrize("how", ["FIN", "reset"])
@pytest.mark.parametrize("sender", SIDES)
@pytest.mark.parametrize("place", ROOM_FOR_A_CLOSE, ids=str)
def test_breaking_off_where_a_close_has_its_place(attack, place, sender, how):  # noqa: F811
    guilty, innocent = sides(attack(), sender)
    break_off(guilty, ROOM_FOR_A_CLOSE[place](guilty), how)
    before, close = read_until_close(innocent)
    assert before.startswith(guilty.frame(TEXT, "before")) and is_frame_boundary(before)
    assert close is not None, f"expected Close {GONE[sender]}, the connection ended without one"
    assert close[0] == GONE[sender], f"expected Close {GONE[sender]}, got {close}"
    if how == "FIN":
        assert guilty.read_to_end() == b"", "something was sent to who broke off"
    innocent.close()


@pytest.mark.parametrize("how", ["FIN", "reset"])
@pytest.mark.parametrize("sender", SIDES)
@pytest.mark.parametrize("place", NO_ROOM_FOR_A_CLOSE, ids=str)
def test_breaking_off_inside_a_frame_that_has_gone_on(attack, place, sender, how):  # noqa: F811
    guilty, innocent = sides(attack(), sender)
    data = NO_ROOM_FOR_A_CLOSE[place](guilty)
    break_off(guilty, data, how)
    before, close = read_until_close(innocent)
    assert close is None, f"expected the connection to end inside a frame, got Close {close}"
    assert before == guilty.frame(TEXT, "before") + data, "something was written inside a frame, or is missing"
    if how == "FIN":
        assert guilty.read_to_end() == b"", "something was sent to who broke off"


@pytest.mark.parametrize("sender", SIDES)
def test_ending_tcp_between_messages_is_passed_on_and_a_reset_is_told(attack, sender):  # noqa: F811
    guilty, innocent = sides(attack(), sender)
    break_off(guilty, b"", "FIN")
    assert read_until_close(innocent) == (guilty.frame(TEXT, "before"), None)
    for peer in (innocent, guilty):
        peer.close()
    guilty, innocent = sides(attack(), sender)
    break_off(guilty, b"", "reset")
    assert read_until_close(innocent)[1][0] == GONE[sender]
    innocent.close()


@pytest.mark.parametrize("how", ["FIN", "reset"])
@pytest.mark.parametrize("sender", SIDES)
@pytest.mark.parametrize("sent", [1, 20, 1000], ids=lambda sent: f"{sent} bytes")
def test_breaking_off_inside_a_message_that_is_rewritten(attack, sender, how, sent):  # noqa: F811
    # What is rewritten goes on in whole frames, so there is always a place for a Close.
    guilty, innocent = sides(attack("terminate"), sender)
    text = b" ".join(b"%d" % number for number in range(100_000))[:90_000]
    if sender == "client":
        data = guilty.frame(TEXT, Deflate("permessage-deflate", "client").compress(text), rsv=4)
    else:
        data = guilty.frame(TEXT, text)
    guilty.send(data[: len(data) - sent])
    wait_until_read(guilty)
    guilty.finish_sending() if how == "FIN" else guilty.reset()
    before, close = read_until_close(innocent)
    assert is_frame_boundary(before) and close is not None and close[0] == GONE[sender], (
        f"expected whole frames and Close {GONE[sender]}, got {len(before)} bytes and {close}")
    innocent.close()


@pytest.mark.parametrize("sender", SIDES)
@pytest.mark.parametrize("talks_on", [False, True], ids=["silent", "talks on"])
def test_a_close_that_is_never_answered(attack, sender, talks_on):  # noqa: F811
    patient, stubborn = sides(attack(), sender)
    started = time.monotonic()
    patient.send_close(4000, "bye")
    assert stubborn.expect_close() == (4000, "bye")
    with ThreadPoolExecutor(1) as beside:
        answer = beside.submit(read_until_close, patient)
        if talks_on:
            talk = stubborn.frame(BINARY, bytes(1000)) + stubborn.frame(PING, b"?")
            with pytest.raises(OSError):
                while time.monotonic() < started + 10:
                    stubborn.send(talk)
        before, close = answer.result(10)
    took = time.monotonic() - started
    assert 0.25 < took < 5, f"expected close_timeout of 0.3 s to end it, it took {took:.2f} s"
    # What the other side sends meanwhile still arrives, and its last frame may be cut off: then without a Close.
    assert close and close[0] == 4000 or not close and talks_on and not is_frame_boundary(before), close
    patient.read_to_end()
    stubborn.read_to_end()


@pytest.mark.parametrize("sender", SIDES)
def test_who_broke_a_rule_and_does_not_let_go(shared_gateway, attack, sender):  # noqa: F811
    """It neither reads its Close nor stops sending; the other side does not answer its own."""
    guilty, innocent = sides(attack(), sender)
    started = time.monotonic()
    guilty.send_frame(0x3, "reserved")
    junk = bytes(MIB)
    with PeakMemory(shared_gateway.gateway) as memory, pytest.raises(OSError):
        while time.monotonic() < started + 10:
            guilty.send(junk)
    assert innocent.expect_close()[0] == 1001
    innocent.read_to_end()
    took = time.monotonic() - started
    assert 0.25 < took < 5, f"expected close_timeout of 0.3 s to end it, it took {took:.2f} s"
    assert memory.growth < 16 * MIB, f"resident memory grew by {memory.growth / MIB:.1f} MiB"


@pytest.fixture(scope="module")
def pinging_gateway(tmp_path_factory):
    pinging = Attacked(tmp_path_factory.mktemp("pinging"), ping_interval="100ms", pong_timeout="300ms")
    yield pinging
    pinging.finish()


def answer_pings(peer):
    """Answers pings until a Close or the end; its code, or None."""
    try:
        while (frame := peer.read_frame()).opcode == PING:
            peer.send_frame(0xA, frame.payload)
        return frame.close[0]
    except Ended:
        return None


@pytest.mark.parametrize("silent", SIDES)
@pytest.mark.parametrize("begins", [False, True], ids=["between messages", "inside a message"])
def test_pings_that_are_never_answered(pinging_gateway, wire, silent, begins):
    dead, alive = sides(pinging_gateway.pair(wire), silent)
    if begins:
        dead.send_frame(TEXT, "begun", fin=False)
        assert alive.read_frame().payload == b"begun"
    code = answer_pings(alive)
    assert code == GONE[silent], f"expected Close {GONE[silent]} to who is alive, got {code}"
    seen, close = read_until_close(dead)
    assert close is None, f"expected no Close to who is dead, got {close}"
    assert is_frame_boundary(seen) and seen[0] & 0x0F == PING
    alive.close()
    pinging_gateway.settled()


@pytest.mark.parametrize("silent", SIDES)
def test_a_peer_that_dies_inside_a_frame(pinging_gateway, wire, silent):
    """No Close can be written to the other side, and it is not left waiting either."""
    dead, alive = sides(pinging_gateway.pair(wire), silent)
    half = dead.frame(BINARY, b"h" * 1000)[:500]
    dead.send(half)
    assert alive.read_to_end() == half, "expected what came, and no ping or Close inside the frame"
    seen, close = read_until_close(dead)
    assert close is None and seen[0] & 0x0F == PING, f"expected a ping to who is dead, got {seen[:20]!r} and {close}"
    alive.close()
    pinging_gateway.settled()


def keep_sending(peer, data, stop, pace=0.0):
    try:
        while not stop.wait(pace):
            peer.send(data)
    except OSError:
        pass


@pytest.mark.parametrize("deaf", SIDES)
def test_a_peer_that_sends_and_never_reads(pinging_gateway, wire, deaf):
    """What it sends is a sign of life, and yet it is given up once it has taken nothing for too long."""
    dead, alive = sides(pinging_gateway.pair(wire), deaf)
    stop = threading.Event()
    with ThreadPoolExecutor(3) as beside:
        answer = beside.submit(read_until_close, alive)
        beside.submit(keep_sending, alive, alive.frame(BINARY, bytes(60_000)), stop)
        beside.submit(keep_sending, dead, dead.frame(TEXT, "I am alive"), stop, pace=0.02)
        try:
            before, close = answer.result(10)
        finally:
            stop.set()
    assert close and close[0] == GONE[deaf], f"expected Close {GONE[deaf]} to who reads, got {close}"
    assert before.startswith(dead.frame(TEXT, "I am alive")), "expected what came before its end"
    alive.close()
    dead.close()
    pinging_gateway.settled()
