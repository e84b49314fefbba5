"""Floods over HTTP/2, of frames that cost work and move nothing, and peers that do not read or take their time: each is
ended or bounded, in memory and time, and nobody beside it is held up."""

import contextlib
import socket
import struct
import threading
import time

import pytest

from delivery import byte_by_byte
from http2_attack import LARGE_BODY, Attack, AttackedHTTP2, attack, attacked_http2  # noqa: F401
from http2_client import alpn
from http2_raw import (
    ACK, CODES, CONTINUATION, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PREFACE, PRIORITY, RST_STREAM,
    SETTINGS, RawHTTP2, data, frame, literal, literals, rst_stream, settings, window_update)
from hostile import PAIRS
from raw import TEXT, RawServer
from sluice import PeakMemory
from test_hostile_floods import GROWTH, MIB, Sending
from test_slow_peers import LATE, dripping, open_sockets, takes
from waiting import eventually

MAX_WINDOW = (1 << 31) - 1
INITIAL_WINDOW = 4
# What may come at once of frames that move nothing, and of streams that are reset early; both are given back slowly.
EMPTY_WORK, EARLY_RESETS = 1000, 500
FLOOD = 6 * EMPTY_WORK


@contextlib.contextmanager
def bounded(attacked, growth=GROWTH):
    """Memory stays so, and the neighbours go on meanwhile."""
    with PeakMemory(attacked.gateway) as memory:
        yield
        attacked.check()
    assert memory.growth < growth, f"resident memory grew by {memory.growth / MIB:.1f} MiB"


class Hole(threading.Thread):
    """A server that accepts whoever comes, reads what they say, and never answers."""

    def __init__(self):
        super().__init__(daemon=True)
        self.server = RawServer()
        # Room for a thousand at once: a connection that finds none is tried again after a second.
        self.server.sock.listen(4096)
        self.address = self.server.address
        self.accepted = 0
        self.sockets = []
        self.start()

    def run(self):
        self.server.sock.settimeout(None)
        with contextlib.suppress(OSError):
            while True:
                self.sockets.append(self.server.sock.accept()[0])
                self.accepted += 1

    def close(self):
        with contextlib.suppress(OSError):
            self.server.sock.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.join(5)
        for sock in self.sockets:
            sock.close()


# Frames of which a few are in order and thousands are not: given the stream of a WebSocket, one of them.
IDLE_WORK = {
    "PING": lambda s: frame(PING, b"pingping"),
    "SETTINGS": lambda s: settings(),
    "SETTINGS with values": lambda s: settings((INITIAL_WINDOW, 65_535), (1, 4096), (1, 0), (1, 4096)),
    "acknowledgements of SETTINGS": lambda s: frame(SETTINGS, flags=ACK),
    "empty DATA": lambda s: data(s),
    "DATA of padding alone": lambda s: data(s, b"\x00", PADDED),
    "PRIORITY": lambda s: frame(PRIORITY, bytes(5), stream=s),
    "unknown frames": lambda s: frame(0xFA, b"unknown"),
    "RST_STREAM of a stream that is gone": lambda s: rst_stream(s + 2),
}


@pytest.mark.parametrize("kind", IDLE_WORK, ids=str)
def test_a_flood_of_frames_that_move_nothing(attack, attacked_http2, kind):  # noqa: F811
    one = attack()
    assert one.client.get("/page").status == 200
    with bounded(attacked_http2):
        one.client.try_send(IDLE_WORK[kind](one.stream) * FLOOD)
        one.expect_connection_error("ENHANCE_YOUR_CALM")


@pytest.mark.parametrize("kind", IDLE_WORK, ids=str)
def test_some_frames_that_move_nothing_are_in_order(attack, kind):  # noqa: F811
    one = attack()
    assert one.client.get("/page").status == 200
    sent = IDLE_WORK[kind](one.stream) * (EMPTY_WORK // 2)
    one.send(sent)
    one.expect_unharmed()


def test_a_flood_of_window_updates_is_harmless(attack, attacked_http2):  # noqa: F811
    one = attack()
    with bounded(attacked_http2):
        one.client.try_send((window_update(0, 1) + window_update(one.stream, 1)) * 10 * FLOOD)
        one.send(frame(PING, b"are you?"))
        while (got := one.client.frame_of(PING, GOAWAY)).kind == PING and got.payload != b"are you?":
            pass
    assert got.kind == PING or got.code == "ENHANCE_YOUR_CALM", f"expected to go on, or be ended, got {got}"


# Streams


@pytest.fixture
def before_a_hole(tmp_path, request, wire):
    """Attacks on a gateway whose server never answers; `.hole` is that server."""
    hole = Hole()
    attacked = AttackedHTTP2(tmp_path / "hole", [{"name": "plain", "address": "127.0.0.1:0"}], target=hole.address)
    request.node.gateways = [attacked.gateway]
    attacked.hole = hole
    yield attacked
    try:
        wire.close()
        attacked.settled()
    finally:
        attacked.finish()
        hole.close()


def connected(attacked, wire):
    return RawHTTP2(wire.connect(attacked.gateway))


def requests(client, count, behind, path="/ws"):
    """So many requests for a WebSocket, each with what `behind` gives for its stream."""
    sent = []
    for _ in range(count):
        stream, request = client.headers(client.connect_fields(path))
        sent.append(request + behind(stream))
    return b"".join(sent)


RESETS = {
    "by the client": rst_stream,
    # As the server is made to do it (CVE-2025-8671).
    "by a window of 0": lambda stream: window_update(stream, 0),
    "by a window over the limit": lambda stream: window_update(stream, MAX_WINDOW),
    "by DATA that is too long": lambda stream: data(stream, bytes(16_384)) * 5,
    "by trailers": lambda stream: frame(HEADERS, literal(b"x", b"y"), stream=stream, flags=END_HEADERS | END_STREAM),
}


@pytest.mark.parametrize("how", RESETS, ids=str)
def test_rapid_reset(before_a_hole, wire, how):
    """Streams that are opened only to be dropped (CVE-2023-44487)."""
    client = connected(before_a_hole, wire)
    with bounded(before_a_hole, 2 * GROWTH):
        client.try_send(requests(client, 6 * EARLY_RESETS, RESETS[how]))
        client.expect_goaway("ENHANCE_YOUR_CALM")
    eventually(lambda: before_a_hole.gateway.stats()["connections"]["active"] == 2 * PAIRS, "no request to be left")
    assert before_a_hole.hole.accepted <= 3 * EARLY_RESETS, (
        f"expected few requests to reach the server, {before_a_hole.hole.accepted} did")


def test_some_resets_are_in_order(before_a_hole, wire):
    client = connected(before_a_hole, wire)
    client.send(requests(client, EARLY_RESETS // 2, rst_stream))
    client.round_trip()
    assert client.get("/page").body == b"hello"


def test_too_many_streams_are_refused(attack, attacked_http2, wire):  # noqa: F811
    one = attack(listener="few")
    others = [one.open() for _ in range(2)]
    stream = one.client.ask("/ws")
    one.expect_stream_error(stream, "REFUSED_STREAM")
    stream, sent = one.client.headers(one.client.get_fields("/page"), END_HEADERS | END_STREAM)
    one.send(sent)
    one.expect_stream_error(stream, "REFUSED_STREAM")
    one.send(rst_stream(others[0][0]))
    assert others[0][1].expect_close()[0] == 1001
    others[0][1].close()
    one.open()
    one.expect_unharmed()


def test_a_flood_of_streams_over_the_limit(attack, attacked_http2):  # noqa: F811
    one = attack(listener="few")
    for _ in range(2):
        one.open()
    with bounded(attacked_http2):
        one.client.try_send(requests(one.client, FLOOD, lambda stream: b""))
        one.expect_connection_error("ENHANCE_YOUR_CALM")


def test_as_many_streams_as_are_allowed(before_a_hole, wire):
    """1,000 of them wait for a server, and hold little."""
    client = connected(before_a_hole, wire)
    with bounded(before_a_hole, 3 * GROWTH):
        client.send(requests(client, 1000, lambda stream: b""))
        eventually(lambda: before_a_hole.hole.accepted == 1000, "1,000 requests to reach the server")
        stream = client.ask("/ws")
        client.expect_reset(stream, "REFUSED_STREAM")
    client.peer.reset()


# Header blocks


@pytest.mark.parametrize("size", [0, 1, 1000, 16_384])
def test_continuation_without_end(attack, attacked_http2, size):  # noqa: F811
    """CVE-2024-27316 and its kin: a block that never ends."""
    one = attack()
    piece = literal(b"x", b"v" * size)[:size]
    flood = frame(CONTINUATION, piece, stream=3) * (32 * MIB // (9 + size) if size > 1 else 200_000)
    with bounded(attacked_http2):
        start = frame(HEADERS, one.client.block(one.client.get_fields("/page")), stream=3, flags=END_STREAM)
        sending = Sending(one.client.peer, start + flood)
        one.expect_connection_error("ENHANCE_YOUR_CALM")
        sending.join(10)


def test_a_block_that_is_small_and_a_list_that_is_not(attack, attacked_http2):  # noqa: F811
    """4,000 bytes in the table of HPACK, named 10,000 times by one byte each (CVE-2016-6581)."""
    one = attack()
    stream = one.client.new_stream()
    bomb = literals(one.client.get_fields("/page")) + literal(b"x", b"v" * 4000, 0x40) + b"\xbe" * 10_000
    with bounded(attacked_http2):
        one.send(one.client.fragmented(stream, bomb))
        one.expect_connection_error("ENHANCE_YOUR_CALM", "COMPRESSION_ERROR")


def test_bombs_that_are_only_just_read(attack, attacked_http2):  # noqa: F811
    """Each is over the limit and gets 431; thousands of them are worked off without memory."""
    one = attack()
    with bounded(attacked_http2):
        page, both = literals(one.client.get_fields("/page")), END_HEADERS | END_STREAM
        stream = one.client.new_stream()
        one.send(frame(HEADERS, page + literal(b"x", b"v" * 4000, 0x40), stream=stream, flags=both))
        assert one.client.answer_or_reset(stream).body == b"hello"
        streams = [one.client.new_stream() for _ in range(200)]
        one.client.try_send(b"".join(
            frame(HEADERS, page + b"\xbe" * 10, stream=stream, flags=both) for stream in streams))
        for stream in streams:
            assert one.client.answer_or_reset(stream).status == 431
    one.expect_unharmed()


# Not reading


def test_pings_of_a_client_that_never_reads(attack, attacked_http2):  # noqa: F811
    one = attack()
    with bounded(attacked_http2):
        sending = Sending(one.client.peer, frame(PING, b"pingping") * (32 * MIB // 17))
        assert one.peer.expect_close()[0] == 1001
        sending.join(15)
        assert not sending.is_alive(), "expected the connection to be ended under who sends"
    one.client.expect_goaway("ENHANCE_YOUR_CALM")


@pytest.mark.parametrize("window", ["no window", "any window"])
def test_answers_that_nobody_reads_hold_little(attack, attacked_http2, window):  # noqa: F811
    """Requests on as many streams as are allowed, for 50 MB in all."""
    one = attack()
    one.send(settings((INITIAL_WINDOW, 0 if window == "no window" else MAX_WINDOW)) + window_update(0, 1 << 30))
    one.client.round_trip()
    with bounded(attacked_http2, 2 * GROWTH):
        for _ in range(5):
            one.client.try_send(b"".join(
                one.client.headers(one.client.get_fields("/large"), END_HEADERS | END_STREAM)[1] for _ in range(190)))
            attacked_http2.check(1)
    one.client.peer.reset()


def test_an_answer_that_nobody_gives_window_for_is_given_up(attack, attacked_http2):  # noqa: F811
    one = attack()
    one.send(settings((INITIAL_WINDOW, 0)))
    stream, sent = one.client.headers(one.client.get_fields("/large"), END_HEADERS | END_STREAM)
    one.send(sent)
    one.client.frame_of(HEADERS, stream=stream)
    assert one.client.frame_of(RST_STREAM, stream=stream).code in ("NO_ERROR", "CANCEL", "INTERNAL_ERROR")
    one.send(settings((INITIAL_WINDOW, 65_535)) + window_update(one.stream, 65_535))
    one.expect_unharmed()


def test_an_answer_that_is_read_in_small_steps_is_whole(attack):  # noqa: F811
    one = attack()
    one.send(settings((INITIAL_WINDOW, 1000)))
    stream, sent = one.client.headers(one.client.get_fields("/large"), END_HEADERS | END_STREAM)
    one.send(sent)
    assert one.client.read_data(stream, LARGE_BODY) == b"x" * LARGE_BODY


# Taking time


@pytest.fixture
def hurried(tmp_path, request, wire, both_listeners):
    """A gateway with a handshake_timeout of 500 ms."""
    attacked = AttackedHTTP2(tmp_path / "hurried", both_listeners, limits={"handshake_timeout": "500ms"})
    request.node.gateways = [attacked.gateway]
    before = open_sockets(attacked.gateway)
    yield attacked
    try:
        wire.close()
        attacked.settled()
        eventually(lambda: open_sockets(attacked.gateway) <= before, f"no more than {before} sockets")
    finally:
        attacked.finish()


BEGINNINGS = {
    "nothing": b"",
    "half a preface": PREFACE[:12],
    "the preface alone": PREFACE,
    "half of SETTINGS": PREFACE + settings((1, 4096))[:11],
    "no acknowledgement": PREFACE + settings(),
}


def test_a_connection_that_does_not_begin_is_ended(hurried, wire, trusting):
    clients = {}
    with takes(0.5):
        for listener in ("plain", "tls"):
            for name, sent in BEGINNINGS.items():
                client = wire.connect(
                    hurried.gateway, listener, tls=alpn(trusting, "h2") if listener == "tls" else None)
                client.send(sent)
                clients[listener, name] = client
        for name, client in clients.items():
            print(name)  # shown where the test fails
            client.read_to_end()


def test_a_connection_that_has_begun_may_be_silent(hurried, wire):
    one = Attack(hurried, wire)
    silent = connected(hurried, wire)
    begun = time.monotonic()
    eventually(lambda: time.monotonic() - begun > 1, "twice the time for a handshake to pass")
    one.expect_unharmed()
    silent.round_trip()


# What is sent at once, and what drips behind it.
FRAMES_WITHOUT_END = {
    "a byte of a header": lambda c: (settings()[:1], b""),
    "a header without its last byte": lambda c: (settings()[:8], b""),
    "half a PING": lambda c: (frame(PING, b"pingping")[:13], b""),
    "a block without its end": lambda c: (
        frame(HEADERS, literals(c.get_fields("/page")), stream=3, flags=END_STREAM), b""),
    "HEADERS that drip": lambda c: (
        b"", frame(HEADERS, literals(c.get_fields("/page", ("x", "y" * 5000))), stream=3, flags=END_HEADERS)),
    "SETTINGS that drip": lambda c: (b"", settings(*[(1, 4096)] * 1000)),
    "an unknown frame that drips": lambda c: (b"", frame(0xFA, bytes(5000))),
}


def test_a_frame_that_does_not_end(hurried, wire):
    """It has as long as a handshake, whether its bytes come one by one or not at all."""
    clients = {}
    for name in FRAMES_WITHOUT_END:
        clients[name] = connected(hurried, wire)
        clients[name].round_trip()
    with takes(0.5), contextlib.ExitStack() as drips:
        for name, client in clients.items():
            at_once, drip = FRAMES_WITHOUT_END[name](client)
            client.send(at_once)
            if drip:
                drips.enter_context(dripping(client.peer, drip))
        for name, client in clients.items():
            print(name)  # shown where the test fails
            client.expect_goaway("ENHANCE_YOUR_CALM", "PROTOCOL_ERROR", "SETTINGS_TIMEOUT")


def test_data_that_drips_is_traffic(hurried, wire):
    """The payload of a DATA frame may take as long as its WebSocket does."""
    one = Attack(hurried, wire)
    one.client.round_trip()
    sent = one.client.peer.frame(TEXT, "d" * 60)
    begun = time.monotonic()
    one.send(data(one.stream, sent)[:9])
    for byte in sent:
        one.send(bytes([byte]))
        one.client.peer.expect_silence(0.01)
    assert one.peer.read_message()[1] == b"d" * 60
    assert time.monotonic() - begun > 0.5, "expected it to take longer than a handshake may"
    one.expect_unharmed()


def test_requests_byte_by_byte(attack):  # noqa: F811
    one = attack()
    stream, sent = one.client.headers(one.client.get_fields("/page", ("x", "y" * 50)), END_HEADERS | END_STREAM)
    byte_by_byte(one.client.peer, sent)
    assert one.client.answer_or_reset(stream).body == b"hello"
    one.expect_unharmed()


def test_data_behind_goaway_of_either_side(attack):  # noqa: F811
    """Behind the gateway's GOAWAY for an error nothing is looked at; the connection ends though its client goes on."""
    one = attack()
    one.send(frame(GOAWAY, struct.pack("!II", 0, CODES.index("NO_ERROR"))))
    one.send(data(one.stream, one.client.peer.frame(TEXT, "behind GOAWAY")))
    assert one.peer.read_message()[1] == b"behind GOAWAY"
    one.send(data(0, b"x"))
    one.expect_connection_error("PROTOCOL_ERROR")
    begun = time.monotonic()
    with pytest.raises(OSError):
        while time.monotonic() - begun < 10:
            one.send(data(one.stream, bytes(16_384)))
    assert time.monotonic() - begun < 2 + LATE
