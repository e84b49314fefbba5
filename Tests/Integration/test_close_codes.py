"""What the gateway closes with, on both legs, when a peer breaks a rule of RFC 6455 or goes away."""

import contextlib
import signal
from pathlib import Path

import pytest

from raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close_payload, encode_frame
from sluice import proxied
from waiting import eventually

KEY = b"\x01\x02\x03\x04"


@pytest.fixture
def relaying(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, close_timeout="300ms"))
    return lambda: (running, *wire.pair(running, server))


# name → (frames as (opcode, payload, options), code); masked as the sender's role asks, unless said otherwise
VIOLATIONS = {
    "RSV1 without an extension": ([(TEXT, b"x", dict(rsv=4))], 1002),
    "RSV2": ([(TEXT, b"x", dict(rsv=2))], 1002),
    "RSV3": ([(BINARY, b"x", dict(rsv=1))], 1002),
    "RSV1 on a ping": ([(PING, b"", dict(rsv=4))], 1002),
    "reserved opcode 3": ([(0x3, b"x", {})], 1002),
    "reserved opcode 7": ([(0x7, b"", {})], 1002),
    "reserved control opcode 11": ([(0xB, b"", {})], 1002),
    "reserved control opcode 15": ([(0xF, b"x", {})], 1002),
    "ping of 126 bytes": ([(PING, b"x" * 126, {})], 1002),
    "pong of 126 bytes": ([(PONG, b"x" * 126, {})], 1002),
    "close of 126 bytes": ([(CLOSE, close_payload(1000, "x" * 124), {})], 1002),
    "fragmented ping": ([(PING, b"x", dict(fin=False))], 1002),
    "fragmented close": ([(CLOSE, b"", dict(fin=False))], 1002),
    "continuation of nothing": ([(CONTINUATION, b"x", {})], 1002),
    "continuation after a whole message": ([(TEXT, b"x", {}), (CONTINUATION, b"y", {})], 1002),
    "text inside a fragmented message": ([(TEXT, b"x", dict(fin=False)), (TEXT, b"y", {})], 1002),
    "binary inside a fragmented message": ([(TEXT, b"x", dict(fin=False)), (BINARY, b"y", dict(fin=False))], 1002),
    "16-bit length for 125 bytes": ([(TEXT, b"x" * 125, dict(length_form=16))], 1002),
    "64-bit length for 65535 bytes": ([(BINARY, b"x" * 65535, dict(length_form=64))], 1002),
    "close payload of 1 byte": ([(CLOSE, b"\x03", {})], 1002),
    **{f"close code {code}": ([(CLOSE, close_payload(code), {})], 1002)
       for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)},
    "close reason not UTF-8": ([(CLOSE, close_payload(1000) + b"\xff\xfe", {})], 1007),
    "text not UTF-8": ([(TEXT, b"abc\xff", {})], 1007),
    "overlong UTF-8": ([(TEXT, b"\xc0\x80", {})], 1007),
    "a surrogate": ([(TEXT, b"\xed\xa0\x80", {})], 1007),
    "past U+10FFFF": ([(TEXT, b"\xf4\x90\x80\x80", {})], 1007),
    "UTF-8 cut off at the end": ([(TEXT, b"caf\xc3", {})], 1007),
    "UTF-8 broken by fragments": (
        [(TEXT, b"\xce", dict(fin=False)), (CONTINUATION, b"\xce", dict(fin=True))], 1007),
    "UTF-8 broken early in a message that goes on": ([(TEXT, b"x" * 2000 + b"\xf8", dict(fin=False))], 1007),
}


@pytest.mark.parametrize("sender", ["client", "server"])
@pytest.mark.parametrize("name", VIOLATIONS, ids=str)
def test_a_broken_rule_closes_its_sender_with_the_code_and_the_other_with_1001(relaying, sender, name):
    frames, code = VIOLATIONS[name]
    running, client, peer = relaying()
    guilty, innocent = (client, peer) if sender == "client" else (peer, client)
    guilty.send(b"".join(guilty.frame(opcode, payload, **options) for opcode, payload, options in frames))
    assert guilty.expect_close()[0] == code
    if all(options.get("fin", True) for _, _, options in frames) and code == 1002:
        # What came before is whole, so there is a boundary to write a Close at.
        while (frame := innocent.read_frame()).opcode != CLOSE:
            pass
        assert frame.close[0] == 1001
    else:
        innocent.read_to_end()
    running.eventually(
        lambda stats: stats["routes"]["all"]["close_codes"]["gateway"].get(str(code)), f"{code} to be counted")


def test_an_unmasked_frame_of_the_client(relaying):
    _, client, peer = relaying()
    client.send(encode_frame(TEXT, b"naked"))
    assert client.expect_close()[0] == 1002
    assert peer.expect_close()[0] == 1001


def test_a_masked_frame_of_the_server(relaying):
    _, client, peer = relaying()
    peer.send(encode_frame(TEXT, b"disguised", mask=KEY))
    assert peer.expect_close()[0] == 1002
    assert client.expect_close()[0] == 1001


def test_a_64_bit_length_with_its_top_bit_set(relaying):
    _, client, peer = relaying()
    client.send(b"\x82\xff" + b"\x80" + bytes(7) + KEY)
    assert client.expect_close()[0] in (1002, 1009)
    assert peer.expect_close()[0] == 1001


def test_text_that_is_utf8_only_as_a_whole_passes(relaying):
    _, client, peer = relaying()
    text = "κόσμε 🜁".encode()
    for number, byte in enumerate(text):
        client.send_frame(TEXT if number == 0 else CONTINUATION, bytes([byte]), fin=number == len(text) - 1)
    assert peer.read_message()[:2] == (TEXT, text)


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999])
def test_each_code_that_may_be_on_the_wire_passes(relaying, code):
    _, client, peer = relaying()
    client.send_close(code, "why")
    assert peer.expect_close() == (code, "why")
    peer.send_close(code)
    assert client.expect_close()[0] == code


def test_a_reset_of_the_server_gives_the_client_1011(relaying):
    _, client, peer = relaying()
    peer.reset()
    assert client.expect_close()[0] == 1011


def test_a_server_that_breaks_off_between_fragments_gives_the_client_1011(relaying):
    _, client, peer = relaying()
    peer.send_frame(TEXT, b"one", fin=False)
    assert client.read_frame().payload == b"one"
    peer.close()
    assert client.expect_close()[0] == 1011


def test_a_server_that_breaks_off_inside_a_frame_leaves_no_room_for_a_close(relaying):
    _, client, peer = relaying()
    frame = peer.frame(BINARY, b"z" * 200_000)
    peer.send(frame[:100_000])
    peer.close()
    data = client.read_to_end()
    assert frame.startswith(data), "something was written inside another frame"


def test_a_client_that_breaks_off_inside_a_frame_leaves_no_room_for_a_close(relaying):
    _, client, peer = relaying()
    frame = client.frame(BINARY, b"z" * 200_000)
    client.send(frame[:100_000])
    client.close()
    data = peer.read_to_end()
    assert len(data) < len(frame)
    assert encode_frame(BINARY, b"z" * 200_000, mask=KEY)[:10].startswith(data[:2])


def test_a_reset_of_the_client_ends_the_servers_connection(relaying):
    running, client, peer = relaying()
    client.reset()
    peer.read_to_end()
    running.eventually(lambda stats: stats["routes"]["all"]["active"] == 0, "the connection to be gone")


@contextlib.contextmanager
def standing_still(running):
    """The gateway sees at once, and in the order in which it happened, what happens inside the block."""
    running.signal(signal.SIGSTOP)
    try:
        state = Path(f"/proc/{running.process.pid}/stat")
        eventually(lambda: state.read_text().rpartition(")")[2].split()[0] == "T", "the gateway stopped")
        yield
    finally:
        running.signal(signal.SIGCONT)


@pytest.mark.parametrize("listener", ["plain", "tls"])
@pytest.mark.parametrize("goes, code", [("client", 1001), ("server", 1011)])
def test_a_reset_that_a_write_is_the_first_to_see(gateway, wire, both_listeners, trusting, listener, goes, code):
    server = wire.server()
    running = gateway(proxied(server.address, sections={"listeners": both_listeners}))
    client, peer = wire.pair(running, server, listener=listener, tls=trusting if listener == "tls" else None)
    gone, left = (client, peer) if goes == "client" else (peer, client)
    with standing_still(running):
        left.send_frame(TEXT, b"for nobody")
        gone.reset()
    assert left.expect_close()[0] == code


def test_nothing_after_a_close_is_passed_on(relaying):
    _, client, peer = relaying()
    client.send(client.frame(CLOSE, close_payload(1000)) + client.frame(TEXT, b"too late"))
    assert peer.expect_close() == (1000, "")
    peer.send_close(1000)
    assert client.expect_close()[0] == 1000
    assert peer.read_to_end() == b""


def test_a_server_that_drops_tcp_right_after_its_close(relaying):
    _, client, peer = relaying()
    peer.send_close(1000, "bye")
    peer.close()
    assert client.expect_close() == (1000, "bye")
    client.send_close(1000)
    client.read_to_end()


def test_a_server_that_answers_close_with_tcp_alone(relaying):
    _, client, peer = relaying()
    client.send_close(4000)
    assert peer.expect_close()[0] == 4000
    peer.close()
    client.read_to_end()


def test_close_codes_are_counted_by_the_side_they_came_from(relaying):
    running, client, peer = relaying()
    client.send_close(4001)
    peer.expect_close()
    peer.send_close(4001)
    client.expect_close()
    codes = running.eventually(
        lambda stats: stats["routes"]["all"]["active"] == 0 and stats["routes"]["all"]["close_codes"],
        "the connection to be over")
    assert codes["client"] == {"4001": 1}
    assert codes["gateway"] == {}
