"""How WebSockets over HTTP/2 end: Closes, END_STREAM as the orderly end of TCP, RST_STREAM as its reset (RFC 8441 §5),
connections that are lost, and a drain."""

import signal
import time

import pytest

from aftermath import read_until_close
from delivery import wait_until_read
from http2_client import CANCEL, NO_ERROR
from http2_raw import CODES
from raw import BINARY, CONTINUATION, PING, TEXT, encode_frame
from sluice import proxied
from test_close_codes import VIOLATIONS
from test_drain import answer_and_close, draining
from waiting import eventually


class Relay:
    """A gateway to one raw server, and one client's connection to it."""

    def __init__(self, gateway, wire, config, server):
        self.running, self.wire, self.server = gateway(config), wire, server
        self.client = wire.http2(self.running)

    def pair(self, path="/", client=None, fields=(), answer=()):
        """(client, server), both raw, of a WebSocket on a stream of its own."""
        client = client or self.client
        stream = client.ask(path, fields)
        peer = self.wire.accept(self.server)
        peer.accept_upgrade(answer)
        client.expect_open(stream)
        return client.peer_on(stream), peer

    def settled(self):
        """Nothing is left of any WebSocket, and the client's connection can carry another."""
        self.running.eventually(lambda stats: stats["connections"]["active"] == 0, "no WebSocket left")
        self.running.eventually(lambda stats: stats["http2"]["client"]["streams"] == 0, "no stream left")
        client, peer = self.pair()
        client.send_frame(TEXT, "still here")
        assert peer.read_message()[1] == b"still here"


@pytest.fixture
def relay(gateway, wire):
    server = wire.server()
    return Relay(gateway, wire, proxied(server.address, close_timeout="300ms", compression="off"), server)


def stream_of(peer):
    return peer.sock.stream


def wait_for_end(peer):
    """How a client's stream ended: "END_STREAM", or the name of the code that it was reset with."""
    client, stream = peer.sock.client, stream_of(peer)
    client.wait(lambda: stream.is_over, "the end of the stream")
    return "END_STREAM" if stream.has_ended else CODES[stream.reset]


# Closes


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4999])
def test_each_code_passes_both_ways(relay, code):
    for closes in ("client", "server"):
        client, peer = relay.pair()
        one, other = (client, peer) if closes == "client" else (peer, client)
        one.send_close(code, "why")
        assert other.expect_close() == (code, "why")
        other.send_close(code)
        assert one.expect_close()[0] == code
        if closes == "client":
            assert wait_for_end(client) == "END_STREAM"
            client.finish_sending()
        else:
            client.finish_sending()
            assert wait_for_end(client) == "END_STREAM"
        peer.read_to_end()
    relay.settled()


def test_a_client_that_ends_only_with_the_server_is_let_go(relay):
    """Both Closes are through and the server is gone; the client's half stays open."""
    client, peer = relay.pair()
    client.send_close(1000)
    peer.expect_close()
    answer_and_close(peer, 1000)
    assert client.expect_close()[0] == 1000
    assert wait_for_end(client) == "END_STREAM"
    stream = stream_of(client)
    relay.client.wait(lambda: stream.reset is not None, "RST_STREAM to the half that stayed open")
    assert stream.reset in (NO_ERROR, CANCEL), f"expected NO_ERROR or CANCEL, got {CODES[stream.reset]}"
    relay.settled()


@pytest.mark.parametrize("name", list(VIOLATIONS)[::7], ids=str)
def test_a_broken_rule_closes_its_sender_with_the_code(relay, name):
    frames, code = VIOLATIONS[name]
    client, peer = relay.pair()
    client.send(b"".join(client.frame(opcode, payload, **options) for opcode, payload, options in frames))
    assert client.expect_close()[0] == code
    assert wait_for_end(client) in ("END_STREAM", "NO_ERROR")
    client.finish_sending()
    _, close = read_until_close(peer)
    assert close is None or close[0] == 1001, f"expected Close 1001 to the server, got {close}"
    peer.close()
    relay.settled()


def test_an_unmasked_frame_is_as_wrong_as_over_http_1(relay):
    client, peer = relay.pair()
    client.send(encode_frame(TEXT, b"naked"))
    assert client.expect_close()[0] == 1002
    assert peer.expect_close()[0] == 1001


def test_a_message_over_the_limit(gateway, wire):
    server = wire.server()
    relay = Relay(gateway, wire, proxied(server.address, max_message_size="3000"), server)
    client, peer = relay.pair()
    client.send_frame(TEXT, "m" * 3000)
    assert peer.read_message()[1] == b"m" * 3000
    client.send_frame(TEXT, "m" * 3001)
    assert client.expect_close()[0] == 1009


def test_idle_timeout_and_pings_count_for_each_stream(gateway, wire):
    server = wire.server()
    relay = Relay(gateway, wire, proxied(
        server.address, idle_timeout="300ms", ping_interval="100ms", pong_timeout="5s", close_timeout="300ms"), server)
    client, peer = relay.pair()
    for one in (client, peer):
        frame = one.read_frame()
        assert frame.opcode == PING and frame.payload, f"expected a ping with a payload, got {frame}"
    assert client.expect_close()[0] == 1001
    assert peer.expect_close()[0] == 1001


# END_STREAM and FIN


def test_end_stream_between_messages_is_a_fin_without_a_close(relay):
    client, peer = relay.pair()
    client.send_frame(TEXT, "last")
    client.finish_sending()
    assert peer.read_message()[1] == b"last"
    assert peer.expect_end() == "eof"
    peer.close()
    wait_for_end(client)
    assert not stream_of(client).data, f"expected no Close, got {stream_of(client).data!r}"
    relay.settled()


def test_end_stream_with_the_last_data_frame(relay):
    client, peer = relay.pair()
    stream = stream_of(client)
    relay.client.send(stream, client.frame(TEXT, "last"), end=True)
    assert peer.read_message()[1] == b"last"
    assert peer.expect_end() == "eof"


def test_a_fin_between_messages_is_end_stream_without_a_close(relay):
    client, peer = relay.pair()
    peer.send_frame(TEXT, "last")
    peer.finish_sending()
    assert client.read_message()[1] == b"last"
    assert client.expect_end() == "eof"
    assert wait_for_end(client) == "END_STREAM"
    client.finish_sending()
    peer.read_to_end()
    relay.settled()


def test_end_stream_inside_a_message_gives_the_server_1001(relay):
    client, peer = relay.pair()
    client.send_frame(TEXT, "begun", fin=False)
    client.finish_sending()
    assert peer.read_frame().payload == b"begun"
    assert peer.expect_close()[0] == 1001
    peer.close()
    relay.settled()


def test_end_stream_inside_a_frame_leaves_no_room_for_a_close(relay):
    client, peer = relay.pair()
    frame = client.frame(BINARY, bytes(10_000))
    client.send(frame[:-1])
    client.finish_sending()
    assert peer.read_to_end() == frame[:-1], "expected what was sent, and no Close inside a frame"
    peer.close()
    relay.settled()


def test_a_fin_inside_a_message_gives_the_client_1011(relay):
    client, peer = relay.pair()
    peer.send_frame(TEXT, "begun", fin=False)
    peer.close()
    assert client.read_frame().payload == b"begun"
    assert client.expect_close()[0] == 1011
    assert wait_for_end(client) == "END_STREAM"
    client.finish_sending()
    relay.settled()


def test_a_fin_inside_a_frame_resets_the_stream(relay):
    client, peer = relay.pair()
    frame = peer.frame(BINARY, bytes(10_000))
    peer.send(frame[:-1])
    peer.close()
    assert client.read_exactly(len(frame) - 1) == frame[:-1]
    assert wait_for_end(client) == "CANCEL"
    assert not stream_of(client).data, "expected nothing to be written inside a frame"
    relay.settled()


# RST_STREAM and RST


@pytest.mark.parametrize("code", ["CANCEL", "NO_ERROR", "INTERNAL_ERROR", "STREAM_CLOSED"])
def test_a_reset_stream_gives_the_server_1001(relay, code):
    client, peer = relay.pair()
    client.send_frame(TEXT, "last")
    relay.client.cancel(stream_of(client), CODES.index(code))
    assert peer.read_message()[1] == b"last"
    assert peer.expect_close()[0] == 1001
    peer.close()
    relay.settled()


def test_a_reset_stream_inside_a_frame_ends_the_servers_connection(relay):
    client, peer = relay.pair()
    frame = client.frame(BINARY, bytes(10_000))
    client.send(frame[:-1])
    relay.client.cancel(stream_of(client))
    assert frame.startswith(peer.read_to_end()), "expected no Close inside a frame"
    relay.settled()


def test_a_reset_of_the_server_gives_the_client_1011_and_end_stream(relay):
    client, peer = relay.pair()
    peer.reset()
    assert client.expect_close()[0] == 1011
    assert wait_for_end(client) == "END_STREAM"
    client.finish_sending()
    relay.settled()


def test_a_reset_of_the_server_inside_a_frame_resets_the_stream(relay):
    client, peer = relay.pair()
    frame = peer.frame(BINARY, bytes(10_000))
    peer.send(frame[:-1])
    assert client.read_exactly(len(frame) - 1) == frame[:-1]
    peer.reset()
    assert wait_for_end(client) == "CANCEL"
    relay.settled()


def waiting_relay(gateway, wire):
    """A relay, a client that has withheld its window, its server, and what the client has not got of it."""
    server = wire.server()
    relay = Relay(gateway, wire, proxied(server.address, compression="off", close_timeout="60s"), server)
    client, peer = relay.pair()
    stream_of(client).held = True
    frames = b"".join(peer.frame(BINARY, bytes([number]) * 30_000) for number in range(3))
    peer.send(frames)
    relay.client.wait(lambda: stream_of(client).received == 65_535, "the first window to be used up")
    wait_until_read(peer)
    return relay, client, peer, frames


def test_frames_before_one_that_is_never_finished_outlive_a_reset_of_the_server(gateway, wire):
    relay, client, peer, frames = waiting_relay(gateway, wire)
    begun = peer.frame(BINARY, bytes(1000))[:500]
    peer.send(begun)
    wait_until_read(peer)
    peer.reset()
    relay.running.eventually_without_servers()
    relay.client.release(stream_of(client))
    assert client.read_exactly(len(frames + begun)) == frames + begun
    assert wait_for_end(client) == "END_STREAM"
    client.finish_sending()
    relay.settled()


def test_frames_outlive_the_ends_of_both_sides(gateway, wire):
    relay, client, peer, frames = waiting_relay(gateway, wire)
    client.finish_sending()
    assert peer.expect_end() == "eof"
    peer.close()
    relay.running.eventually_without_servers()
    relay.client.release(stream_of(client))
    assert client.read_exactly(len(frames)) == frames
    assert wait_for_end(client) == "END_STREAM"
    relay.settled()


def test_one_stream_ends_and_its_neighbours_go_on(relay):
    pairs = [relay.pair() for _ in range(6)]
    relay.client.cancel(stream_of(pairs[0][0]))
    pairs[1][1].reset()
    pairs[2][0].send(encode_frame(TEXT, b"naked"))
    assert pairs[0][1].expect_close()[0] == 1001
    assert pairs[1][0].expect_close()[0] == 1011
    assert pairs[2][0].expect_close()[0] == 1002
    for client, peer in pairs[3:]:
        client.send_frame(TEXT, "to the server")
        assert peer.read_message()[1] == b"to the server"
        peer.send_frame(TEXT, "to the client")
        assert client.read_message()[1] == b"to the client"


@pytest.mark.parametrize("how", ["FIN", "reset"])
def test_a_lost_connection_gives_every_server_1001(relay, how):
    other = relay.wire.http2(relay.running)
    neighbour, neighbours_peer = relay.pair(client=other)
    pairs = [relay.pair() for _ in range(5)]
    pairs[0][0].send_frame(TEXT, "inside a message", fin=False)
    assert pairs[0][1].read_frame().payload == b"inside a message"
    relay.client.close() if how == "FIN" else relay.client.reset()
    for _, peer in pairs:
        assert peer.expect_close()[0] == 1001
        peer.close()
    neighbour.send_frame(TEXT, "still here")
    assert neighbours_peer.read_message()[1] == b"still here"
    relay.running.eventually(lambda stats: stats["connections"]["active"] == 1, "the neighbour alone to be left")
    relay.running.eventually(lambda stats: stats["http2"]["client"]["connections"] == 1, "its connection alone")


def test_close_codes_are_counted_by_the_side_they_came_from(relay):
    client, peer = relay.pair()
    client.send_close(4001)
    peer.expect_close()
    answer_and_close(peer, 4001)
    client.expect_close()
    client.finish_sending()
    client, peer = relay.pair()
    relay.client.cancel(stream_of(client))
    peer.expect_close()
    peer.close()
    codes = relay.running.eventually(
        lambda stats: stats["connections"]["active"] == 0 and stats["routes"]["all"]["close_codes"], "both to be over")
    assert codes["client"] == {"4001": 1, "1006": 1}
    assert codes["server"] == {}


# Drain


@pytest.mark.parametrize("code", [1012, 1001])
def test_a_drain_tells_each_stream_and_then_the_connection_ends(gateway, wire, code):
    server = wire.server()
    relay = Relay(gateway, wire, draining(server.address, code=code), server)
    pairs = [relay.pair() for _ in range(5)]
    idle = wire.http2(relay.running)
    relay.running.signal(signal.SIGTERM)
    assert idle.expect_end() == "eof"
    assert [goaway[0] for goaway in idle.goaways] == [NO_ERROR]
    for client, peer in pairs:
        assert peer.expect_close()[0] == code
        assert client.expect_close()[0] == code
        client.send_close(code)
        answer_and_close(peer, code)
    (error, last, _), *_ = relay.client.goaways
    assert error == NO_ERROR and last >= stream_of(pairs[-1][0]).number, relay.client.goaways
    for client, _ in pairs:
        assert wait_for_end(client) == "END_STREAM"
        client.finish_sending()
    started = time.monotonic()
    assert relay.client.expect_end() == "eof"
    assert relay.running.wait() == 0
    assert time.monotonic() - started < 5, "it waited though everybody had answered"


def test_a_message_in_flight_is_delivered_before_the_close_of_a_drain(gateway, wire):
    server = wire.server()
    relay = Relay(gateway, wire, draining(server.address), server)
    client, peer = relay.pair()
    client.send_frame(TEXT, "begun ", fin=False)
    peer.send_frame(TEXT, "begun too ", fin=False)
    assert peer.read_frame().payload == b"begun "
    assert client.read_frame().payload == b"begun too "
    relay.running.signal(signal.SIGTERM)
    relay.client.wait(lambda: relay.client.goaways, "GOAWAY")
    client.send_frame(CONTINUATION, "and ended")
    peer.send_frame(CONTINUATION, "and ended")
    assert peer.read_frame().payload == b"and ended"
    assert client.read_frame().payload == b"and ended"
    assert (peer.expect_close()[0], client.expect_close()[0]) == (1012, 1012)
    client.send_close(1012)
    client.finish_sending()
    answer_and_close(peer)
    assert relay.running.wait() == 0


def test_no_stream_is_opened_behind_goaway(gateway, wire):
    server = wire.server()
    relay = Relay(gateway, wire, draining(server.address), server)
    client, peer = relay.pair()
    relay.running.signal(signal.SIGTERM)
    relay.client.wait(lambda: relay.client.goaways, "GOAWAY")
    late = relay.client.ask()
    relay.client.ping()
    assert late.fields is None or late.response.status == 503, f"expected nobody to be let in, got {late}"
    assert client.expect_close()[0] == 1012
    assert peer.expect_close()[0] == 1012
    client.send_close(1012)
    client.finish_sending()
    answer_and_close(peer)
    wait_for_end(client)
    assert relay.running.wait() == 0


def test_who_does_not_answer_a_drain_is_cut_at_its_timeout(gateway, wire):
    server = wire.server()
    relay = Relay(gateway, wire, draining(server.address, timeout="1s"), server)
    client, peer = relay.pair()
    started = time.monotonic()
    relay.running.signal(signal.SIGTERM)
    assert client.expect_close()[0] == 1012
    assert peer.expect_close()[0] == 1012
    assert relay.running.wait(8) == 0
    assert time.monotonic() - started < 6


def test_a_handshake_that_waits_for_its_server_is_answered_in_a_drain(gateway, wire):
    server = wire.server()
    relay = Relay(gateway, wire, draining(server.address, timeout="2s"), server)
    stream = relay.client.ask()
    peer = wire.accept(server)
    peer.read_upgrade()
    relay.running.signal(signal.SIGTERM)
    eventually(lambda: relay.running.admin("/readyz")[0] == 503, "the drain to begin")
    peer.accept_upgrade()
    relay.client.wait(lambda: stream.fields or stream.is_over, "an answer")
    if stream.fields and stream.response.status == 200:
        assert relay.client.peer_on(stream).expect_close()[0] == 1012
        assert peer.expect_close()[0] == 1012
    else:
        assert relay.client.whole(stream).status == 503, f"expected 200 or 503, got {stream}"
    relay.client.close()
    peer.close()
    assert relay.running.wait() == 0
