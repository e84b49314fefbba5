"""permessage-deflate (RFC 7692) in each mode: what is answered, and that messages survive."""

import os

import pytest
import websockets.sync.client

from raw import BINARY, CONTINUATION, PING, TEXT, Deflate
from sluice import proxied

EXTENSIONS = "Sec-WebSocket-Extensions"
TEXTS = [
    b"Hello", b"Hello", b"", b'{"type":"move","x":1,"y":2}' * 40, os.urandom(700).hex().encode(),
    " ".join(map(str, range(20_000))).encode(),
]


def parameters(answer):
    name, *rest = [part.strip() for part in answer.split(";")]
    assert name == "permessage-deflate", f"expected permessage-deflate, got {answer!r}"
    pairs = [(part.split("=", 1) + [None])[:2] for part in rest]
    assert len({name for name, _ in pairs}) == len(pairs), f"a parameter twice in {answer!r}"
    return dict(pairs)


def round_trip(client, texts=TEXTS):
    """Each text to the echo server and back, compressed where that was agreed on."""
    answer = client.response.get(EXTENSIONS)
    codec = Deflate(answer, "client") if answer else None
    for text in texts:
        client.send_frame(TEXT, codec.compress(text) if codec else text, rsv=4 if codec else 0)
    for text in texts:
        opcode, payload, compressed = client.read_message()
        assert not compressed or codec, "RSV1 is set though no extension was agreed on"
        assert (opcode, codec.decompress(payload) if compressed else payload) == (TEXT, text)
    return codec


# offer, what the answer must have (None: any value), what it must not have; None: no extension at all
OFFERS = {
    "firefox": ("permessage-deflate", {}, {"client_max_window_bits"}),
    "chromium": ("permessage-deflate; client_max_window_bits", {"client_max_window_bits": None}, set()),
    "smaller client window": (
        "permessage-deflate; client_max_window_bits=10", {"client_max_window_bits": "10"}, set()),
    "smaller server window": ("permessage-deflate; server_max_window_bits=10", {"server_max_window_bits": "10"}, set()),
    "smallest server window": ("permessage-deflate; server_max_window_bits=9", {"server_max_window_bits": "9"}, set()),
    "server without takeover": (
        "permessage-deflate; server_no_context_takeover", {"server_no_context_takeover": None}, set()),
    "both without takeover": (
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        {"server_no_context_takeover": None}, set()),
    "quoted value": ('permessage-deflate; server_max_window_bits="11"', {"server_max_window_bits": "11"}, set()),
    "all": (
        "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12; server_no_context_takeover; "
        "client_no_context_takeover",
        {"server_max_window_bits": "12", "client_max_window_bits": "12", "server_no_context_takeover": None}, set()),
    "fallback behind an impossible one": (
        "permessage-deflate; server_max_window_bits=8, permessage-deflate", {}, {"server_max_window_bits"}),
    "beside extensions nobody takes": (
        "deflate-stream, x-webkit-deflate-frame, permessage-bzip2, mux, permessage-deflate", {}, set()),
    "server window of 8, which zlib can't do": ("permessage-deflate; server_max_window_bits=8", None, set()),
    "window of 16": ("permessage-deflate; server_max_window_bits=16", None, set()),
    "window of 7": ("permessage-deflate; client_max_window_bits=7", None, set()),
    "leading zero": ("permessage-deflate; server_max_window_bits=09", None, set()),
    "server window without a value": ("permessage-deflate; server_max_window_bits", None, set()),
    "flag with a value": ("permessage-deflate; server_no_context_takeover=1", None, set()),
    "parameter twice": ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", None, set()),
    "unknown parameter": ("permessage-deflate; level=9", None, set()),
    "deflate-stream": ("deflate-stream", None, set()),
    "x-webkit-deflate-frame": ("x-webkit-deflate-frame", None, set()),
    "permessage-bzip2": ("permessage-bzip2", None, set()),
    "unknown": ("x-foo; bar=1", None, set()),
}


@pytest.fixture
def compressing(gateway, backend):
    server = backend("websockets")
    return server, gateway(proxied(server.address, compression={"mode": "terminate", "threshold": 0}))


def test_terminate_answers_each_offer_as_rfc_7692_says(gateway, backend, wire, compressing):
    server, running = compressing
    problems = []
    for name, (offer, expected, forbidden) in OFFERS.items():
        client = wire.open(running, fields=[(EXTENSIONS, offer)])
        answer = client.response.get(EXTENSIONS)
        if expected is None:
            if answer is not None:
                problems.append(f"{name}: expected no extension for {offer!r}, got {answer!r}")
        elif answer is None:
            problems.append(f"{name}: expected an answer to {offer!r}, got none")
        else:
            got = parameters(answer)
            for key, value in expected.items():
                if key not in got or (value is not None and got[key] != value):
                    problems.append(f"{name}: expected {key}={value} for {offer!r}, got {answer!r}")
            if forbidden & got.keys():
                problems.append(f"{name}: {forbidden & got.keys()} in {answer!r}, which {offer!r} did not allow")
            for key in ("client_max_window_bits", "server_max_window_bits"):
                if key in got:
                    assert 9 <= int(got[key]) <= 15
        round_trip(client)
        client.close()
        assert EXTENSIONS.lower() not in server.last_fields, f"{name}: the server was offered something"
    assert not problems, "\n".join(problems)


def test_several_field_lines_are_one_list(wire, compressing):
    _, running = compressing
    client = wire.open(running, fields=[(EXTENSIONS, "x-foo"), (EXTENSIONS, "permessage-deflate")])
    assert parameters(client.response.get(EXTENSIONS)) is not None
    round_trip(client)


def test_refused_extensions_are_counted_by_name(gateway, wire, compressing):
    _, running = compressing
    for offer in ("deflate-stream", "deflate-stream, permessage-deflate", "x-webkit-deflate-frame", "mux, x-foo"):
        wire.open(running, fields=[(EXTENSIONS, offer)]).close()
    refused = running.route()["extensions_refused"]
    assert refused == {"deflate-stream": 2, "x-webkit-deflate-frame": 1, "mux": 1, "x-foo": 1}


def test_configured_window_and_context_takeover(gateway, backend, wire):
    running = gateway(proxied(
        backend().address, compression={"mode": "terminate", "window_bits": 10, "context_takeover": False}))
    client = wire.open(running, fields=[(EXTENSIONS, "permessage-deflate; client_max_window_bits")])
    got = parameters(client.response.get(EXTENSIONS))
    assert got["client_max_window_bits"] == "10"
    assert "server_no_context_takeover" in got and "client_no_context_takeover" in got
    round_trip(client)


def test_messages_to_the_client_are_compressed_above_the_threshold_only(gateway, backend, wire):
    running = gateway(proxied(backend().address, compression={"mode": "terminate", "threshold": 64}))
    client = wire.open(running, fields=[(EXTENSIONS, "permessage-deflate")])
    codec = Deflate(client.response.get(EXTENSIONS), "client")
    client.send_frame(TEXT, b"short")
    assert client.read_message() == (TEXT, b"short", False)
    long = b"long and repeated " * 50
    client.send_frame(TEXT, long)
    opcode, payload, compressed = client.read_message()
    assert compressed and len(payload) < len(long) // 4
    assert codec.decompress(payload) == long
    counted = running.route()["compression"]
    assert counted["active"] == 1
    assert counted["messages_compressed"] == 1
    assert counted["bytes_before"] == len(long)
    assert counted["bytes_after"] == len(payload)
    assert counted["memory_bytes"] >= 0


def test_a_repeated_message_shrinks_with_context_takeover(gateway, backend, wire):
    running = gateway(proxied(backend().address))
    client = wire.open(running, fields=[(EXTENSIONS, "permessage-deflate")])
    codec = Deflate(client.response.get(EXTENSIONS), "client")
    text = os.urandom(300).hex().encode()
    sizes = []
    for _ in range(2):
        client.send_frame(TEXT, codec.compress(text), rsv=4)
        _, payload, compressed = client.read_message()
        assert compressed and codec.decompress(payload) == text
        sizes.append(len(payload))
    assert sizes[1] < sizes[0] // 5


def test_a_message_to_many_clients_arrives_at_each_between_messages_of_its_own(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, compression={"mode": "terminate", "window_bits": 15, "memory_level": 8}))
    clients = []
    for number in range(40):
        offer = "permessage-deflate" + ("; server_no_context_takeover" if number % 4 == 0 else "")
        client, peer = wire.pair(running, server, fields=[(EXTENSIONS, offer)])
        clients.append((client, peer, Deflate(client.response.get(EXTENSIONS), "client")))
    sizes = []
    news = [os.urandom(700).hex().encode() for _ in range(5)]
    for text in news:
        for number, (client, peer, _) in enumerate(clients):
            peer.send_frame(TEXT, b"for you %d " % number + text[:200])
            peer.send_frame(TEXT, text)
            peer.send_frame(TEXT, text[-300:] + b" for you %d" % number)
        for number, (client, _, codec) in enumerate(clients):
            for expected in (
                b"for you %d " % number + text[:200], text, text[-300:] + b" for you %d" % number,
            ):
                opcode, payload, compressed = client.read_message()
                assert compressed and (opcode, codec.decompress(payload)) == (TEXT, expected)
                sizes.append((number % 4 != 0, expected is text, len(payload)))
    # What refers back to the message before is small, also where that one was compressed for others.
    own = [size for takeover, shared, size in sizes if takeover and not shared][1::2]
    assert max(own) < 60, f"expected messages that repeat 300 bytes to shrink to less than 60, got {sorted(set(own))}"


def test_the_level_of_a_reload_is_that_of_new_connections(gateway, backend, wire):
    def config(level):
        return proxied(server.address, compression={"mode": "terminate", "level": level, "window_bits": 15})

    def size(client):
        codec = Deflate(client.response.get(EXTENSIONS), "client")
        client.send_frame(TEXT, text)
        _, payload, compressed = client.read_message()
        assert compressed and codec.decompress(payload) == text
        return len(payload)

    server = backend()
    text = " ".join(f"{number * number} is the square of {number}" for number in range(2000)).encode()
    running = gateway(config(1))
    before, kept = (wire.open(running, fields=[(EXTENSIONS, "permessage-deflate")]) for _ in range(2))
    fast = size(before)
    running.reload(config(9))
    assert size(kept) == fast, "a connection keeps the level it began with"
    small = size(wire.open(running, fields=[(EXTENSIONS, "permessage-deflate")]))
    assert small < fast


def test_a_compressed_message_may_be_fragmented_anywhere(gateway, wire, backend):
    running = gateway(proxied(backend().address))
    client = wire.open(running, fields=[(EXTENSIONS, "permessage-deflate")])
    codec = Deflate(client.response.get(EXTENSIONS), "client")
    text = b"in pieces " * 300
    data = codec.compress(text)
    for size in (1, 7, len(data)):
        pieces = [data[start : start + size] for start in range(0, len(data), size)]
        for number, piece in enumerate(pieces):
            first, last = number == 0, number == len(pieces) - 1
            client.send_frame(TEXT if first else CONTINUATION, piece, fin=last, rsv=4 if first else 0)
            if number == 1:
                client.send_frame(PING, b"between")
        opcode, payload, compressed = client.read_message()
        assert (opcode, codec.decompress(payload) if compressed else payload) == (TEXT, text)
        data = codec.compress(text)


def test_the_server_gets_plain_frames_when_only_the_client_compresses(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address))
    client, peer = wire.pair(running, server, fields=[(EXTENSIONS, "permessage-deflate")])
    assert peer.request.get(EXTENSIONS) is None
    codec = Deflate(client.response.get(EXTENSIONS), "client")
    client.send_frame(TEXT, codec.compress(b"Hello" * 10), rsv=4)
    assert peer.read_message() == (TEXT, b"Hello" * 10, False)


@pytest.mark.parametrize("client_compresses", [True, False])
def test_terminate_with_the_upstream_on(gateway, backend, client_compresses):
    server = backend(compression=True)
    running = gateway(proxied(server.address, compression={"mode": "terminate", "upstream": "on", "threshold": 0}))
    with websockets.sync.client.connect(
        running.url(), compression="deflate" if client_compresses else None, proxy=None
    ) as client:
        for message in ("Hello", "Hello", "", os.urandom(70_000), "abcdefgh" * 3000):
            client.send(message)
            assert client.recv(timeout=10) == message
    assert "permessage-deflate" in server.last_fields[EXTENSIONS.lower()]


def test_upstream_on_accepts_what_servers_answer_unasked(gateway, wire):
    # µWebSockets' shared compressor forces both no-takeover parameters, its 4 KB one server_max_window_bits.
    server = wire.server()
    running = gateway(proxied(server.address, compression={"mode": "terminate", "upstream": "on", "threshold": 0}))
    client = wire.connect(running).send_upgrade("/")
    peer = wire.accept(server)
    peer.read_upgrade()
    answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9"
    peer.accept_upgrade([(EXTENSIONS, answer)])
    assert client.read_response().status == 101
    assert client.response.get(EXTENSIONS) is None
    codec = Deflate(answer, "server")
    for _ in range(2):
        client.send_frame(TEXT, b"Hello" * 100)
        opcode, payload, compressed = peer.read_message()
        assert (opcode, codec.decompress(payload) if compressed else payload) == (TEXT, b"Hello" * 100)
        peer.send_frame(TEXT, codec.compress(b"back" * 100), rsv=4)
        assert client.read_message() == (TEXT, b"back" * 100, False)


# What a server that does not know some parameters makes of offers with all of them: it leaves them out of its answer.
UNECHOED = {
    "no takeover": "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
    "no windows": "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    "its own takeover": "permessage-deflate; client_no_context_takeover; server_max_window_bits=10",
    "nothing": "permessage-deflate",
    "nothing, in capitals": "PerMessage-Deflate",
    "all, in capitals": "PERMESSAGE-DEFLATE; Server_No_Context_Takeover; Client_No_Context_Takeover; "
                        "SERVER_MAX_WINDOW_BITS=11",
}


@pytest.mark.parametrize("answer", UNECHOED.values(), ids=UNECHOED)
@pytest.mark.parametrize("client_offer", [None, "permessage-deflate; client_max_window_bits"], ids=["plain", "deflate"])
def test_a_server_that_leaves_parameters_out_of_its_answer_is_understood(gateway, wire, answer, client_offer):
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"retries": 0}, compression={
        "mode": "terminate", "upstream": "on", "threshold": 0, "context_takeover": False}))
    client = wire.connect(running).send_upgrade("/", [(EXTENSIONS, client_offer)] if client_offer else [])
    peer = wire.accept(server)
    offers = [offer.strip() for offer in peer.read_upgrade().get(EXTENSIONS).split(",")]
    assert parameters(offers[0]) == {
        "server_no_context_takeover": None, "client_no_context_takeover": None, "server_max_window_bits": "12",
        "client_max_window_bits": None}
    assert offers[-1] == "permessage-deflate" and len(offers) == 4, offers
    peer.accept_upgrade([(EXTENSIONS, answer)])
    assert client.read_response().status == 101
    mine = client.response.get(EXTENSIONS)
    if client_offer:
        told = parameters(mine)
        assert {"server_no_context_takeover", "client_no_context_takeover"} <= told.keys(), told
    near = Deflate(mine, "client") if client_offer else None
    # The server's half keeps its context where it did not agree to forget it: the gateway has to remember as much.
    far = Deflate(answer.lower(), "server")
    text = os.urandom(600).hex().encode()
    for _ in range(3):
        peer.send_frame(TEXT, far.compress(text), rsv=4)
        opcode, payload, compressed = client.read_message()
        assert (opcode, near.decompress(payload) if compressed else payload) == (TEXT, text)
        client.send_frame(TEXT, near.compress(text) if near else text, rsv=4 if near else 0)
        opcode, payload, compressed = peer.read_message()
        assert (opcode, far.decompress(payload) if compressed else payload) == (TEXT, text)


def test_a_client_that_writes_the_name_in_capitals_gets_compression_and_is_not_counted_as_refused(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, compression={"mode": "terminate", "threshold": 0}))
    offer = "PerMessage-Deflate; Client_Max_Window_Bits, X-Foo"
    client, peer = wire.pair(running, server, fields=[(EXTENSIONS, offer)])
    assert parameters(client.response.get(EXTENSIONS)) == {"client_max_window_bits": "12"}
    client.send_frame(TEXT, Deflate(client.response.get(EXTENSIONS), "client").compress(b"hello"), rsv=4)
    assert peer.read_message() == (TEXT, b"hello", False)
    (route,) = running.stats()["routes"].values()
    assert route["extensions_refused"] == {"x-foo": 1}


@pytest.mark.parametrize("size", [64 * 1024, 3 * 64 * 1024, 64 * 1024 + 1])
@pytest.mark.parametrize("cut", [None, 0, 1000], ids=["whole", "an empty end", "an empty end and a cut"])
def test_no_rewritten_message_ends_with_an_empty_fragment(gateway, wire, size, cut):
    server = wire.server()
    running = gateway(proxied(server.address, compression={"mode": "terminate", "threshold": 0}))
    client, peer = wire.pair(running, server, fields=[(EXTENSIONS, "permessage-deflate")])
    codec = Deflate(client.response.get(EXTENSIONS), "client")

    def send(side, payload, rsv):
        if cut is None:
            side.send_frame(BINARY, payload, rsv=rsv)
            return
        side.send_frame(BINARY, payload[:cut or len(payload)], rsv=rsv, fin=False)
        if cut:
            side.send_frame(CONTINUATION, b"", fin=False)
            side.send_frame(CONTINUATION, payload[cut:], fin=False)
        side.send_frame(CONTINUATION)

    def lengths(side):
        frames = [side.read_frame()]
        while not frames[-1].fin:
            frames.append(side.read_frame())
        return [len(frame.payload) for frame in frames], b"".join(frame.payload for frame in frames)

    payload = os.urandom(size)
    send(client, codec.compress(payload), 4)
    inflated, got = lengths(peer)
    assert got == payload
    assert inflated == [64 * 1024] * (size // (64 * 1024)) + [size % (64 * 1024)] * (size % (64 * 1024) > 0)
    send(peer, payload, 0)
    deflated, got = lengths(client)
    assert codec.decompress(got) == payload
    assert 0 not in deflated, deflated


def test_passthrough_lets_offer_choice_and_frames_go_as_they_are(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, compression="passthrough"))
    offer = "permessage-deflate; client_max_window_bits; server_max_window_bits=11"
    answer = "permessage-deflate; server_max_window_bits=11; client_max_window_bits=13"
    client, peer = wire.pair(running, server, fields=[(EXTENSIONS, offer)], answer=[(EXTENSIONS, answer)])
    assert parameters(peer.request.get(EXTENSIONS)) == parameters(offer)
    assert parameters(client.response.get(EXTENSIONS)) == parameters(answer)
    here, there = Deflate(answer, "client"), Deflate(answer, "server")
    for text in (b"Hello", b"Hello", b"x" * 20_000):
        sent = client.frame(TEXT, here.compress(text), rsv=4)
        client.send(sent)
        frame = peer.read_frame()
        assert frame.wire == sent
        assert there.decompress(frame.payload) == text
        peer.send(sent := peer.frame(TEXT, there.compress(text), rsv=4))
        assert client.read_frame().wire == sent


def test_passthrough_with_real_peers(gateway, backend):
    server = backend(compression=True)
    running = gateway(proxied(server.address, compression="passthrough"))
    with websockets.sync.client.connect(running.url(), proxy=None) as client:
        assert [extension.name for extension in client.protocol.extensions] == ["permessage-deflate"]
        for message in ("Hello", "Hello", "", os.urandom(70_000), "abcdefgh" * 3000):
            client.send(message)
            assert client.recv(timeout=10) == message


def test_passthrough_leaves_out_what_is_never_accepted(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, compression="passthrough"))
    offer = "deflate-stream, x-webkit-deflate-frame, permessage-deflate"
    wire.connect(running).send_upgrade("/", [(EXTENSIONS, offer)])
    offered = wire.accept(server).read_upgrade().get(EXTENSIONS)
    assert offered is not None and parameters(offered) == {}


@pytest.mark.parametrize("offer, answer", [
    ("permessage-deflate", "permessage-deflate; client_max_window_bits=10"),
    ("permessage-deflate; server_max_window_bits=10", "permessage-deflate; server_max_window_bits=12"),
    ("permessage-deflate", "permessage-deflate; level=3"),
    ("permessage-deflate", "permessage-deflate, permessage-deflate"),
    ("permessage-deflate", "x-foo"),
])
def test_passthrough_checks_the_choice_of_the_server(gateway, wire, offer, answer):
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"retries": 0}, compression="passthrough"))
    client = wire.connect(running).send_upgrade("/", [(EXTENSIONS, offer)])
    peer = wire.accept(server)
    peer.read_upgrade()
    peer.accept_upgrade([(EXTENSIONS, answer)])
    assert client.read_response().status == 502


def test_off_means_that_nobody_is_offered_anything(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, compression="off"))
    client, peer = wire.pair(running, server, fields=[(EXTENSIONS, "permessage-deflate")])
    assert peer.request.get(EXTENSIONS) is None
    assert client.response.get(EXTENSIONS) is None
    client.send_frame(TEXT, b"f", rsv=4)
    assert client.expect_close()[0] == 1002


def test_a_compressed_control_frame_is_a_protocol_error(wire, compressing):
    _, running = compressing
    client = wire.open(running, fields=[(EXTENSIONS, "permessage-deflate")])
    client.send_frame(PING, b"x", rsv=4)
    assert client.expect_close()[0] == 1002


def test_rsv1_on_a_continuation_is_a_protocol_error(wire, compressing):
    _, running = compressing
    client = wire.open(running, fields=[(EXTENSIONS, "permessage-deflate")])
    client.send_frame(TEXT, b"", fin=False)
    client.send_frame(CONTINUATION, b"", rsv=4)
    assert client.expect_close()[0] == 1002


@pytest.mark.parametrize("payload", [b"\xff\xff\xff\xff", b"\x06\x00", b"\xed\xfd" * 20])
def test_data_that_does_not_inflate_closes_with_1007(wire, compressing, payload):
    _, running = compressing
    client = wire.open(running, fields=[(EXTENSIONS, "permessage-deflate")])
    client.send_frame(BINARY, payload, rsv=4)
    assert client.expect_close()[0] == 1007


def test_compressed_text_that_is_not_utf8_closes_with_1007(wire, compressing):
    _, running = compressing
    client = wire.open(running, fields=[(EXTENSIONS, "permessage-deflate")])
    client.send_frame(TEXT, Deflate("permessage-deflate", "client").compress(b"caf\xe9!"), rsv=4)
    assert client.expect_close()[0] == 1007


@pytest.mark.parametrize("compression, size", [
    ({"mode": "terminate", "max_ratio": 50}, "16MiB"),
    ({"mode": "terminate", "max_ratio": 0}, "64KiB"),
])
def test_a_bomb_closes_with_1009_and_the_other_side_gets_1001(gateway, wire, compression, size):
    server = wire.server()
    running = gateway(proxied(
        server.address, compression=compression, max_message_size=size, close_timeout="300ms"))
    client, peer = wire.pair(running, server, fields=[(EXTENSIONS, "permessage-deflate")])
    client.send_frame(BINARY, Deflate("permessage-deflate", "client").compress(bytes(4 * 1024 * 1024)), rsv=4)
    assert client.expect_close()[0] == 1009
    # A message cut off in the middle leaves no boundary to write a Close at: then the socket is dropped.
    data = peer.read_to_end()
    assert len(data) < 1024 * 1024
    running.eventually(
        lambda stats: stats["routes"]["all"]["close_codes"]["gateway"].get("1009") == 1, "1009 to be counted")


def test_an_empty_compressed_message(wire, compressing):
    _, running = compressing
    client = wire.open(running, fields=[(EXTENSIONS, "permessage-deflate")])
    client.send_frame(TEXT, b"\x00", rsv=4)  # RFC 7692 §7.2.3.6
    _, payload, compressed = client.read_message()
    assert (Deflate("permessage-deflate", "client").decompress(payload) if compressed else payload) == b""


@pytest.mark.parametrize("wire_bytes", [
    "f248cdc9c90700", "f348cdc9c9070000", "000500faff48656c6c6f00",
], ids=["one block", "BFINAL", "no compression"])
def test_the_examples_of_rfc_7692(wire, compressing, wire_bytes):
    _, running = compressing
    client = wire.open(running, fields=[(EXTENSIONS, "permessage-deflate")])
    for _ in range(2):
        client.send_frame(TEXT, bytes.fromhex(wire_bytes), rsv=4)
    codec = Deflate(client.response.get(EXTENSIONS), "client")
    for _ in range(2):
        opcode, payload, compressed = client.read_message()
        assert (opcode, codec.decompress(payload) if compressed else payload) == (TEXT, b"Hello")


def test_past_compression_memory_new_connections_get_no_takeover_or_no_compression(gateway, backend, wire):
    running = gateway(proxied(
        backend().address, compression={"mode": "terminate", "threshold": 0},
        sections={"limits": {"compression_memory": "16KiB"}}))
    for _ in range(4):
        client = wire.open(running, fields=[(EXTENSIONS, "permessage-deflate; client_max_window_bits")])
        answer = client.response.get(EXTENSIONS)
        assert answer is None or "server_no_context_takeover" in answer, answer
        round_trip(client, [b"Hello", b"Hello " * 40, b"Hello"])
    assert running.route()["active"] == 4


def test_compression_memory_runs_out_step_by_step(gateway, backend, wire):
    # 96 KiB: what one connection with context takeover needs (39 to inflate, 38 to compress) and an eighth beside it.
    running = gateway(proxied(backend().address, sections={"limits": {"compression_memory": "96KiB"}}))
    offer = [(EXTENSIONS, "permessage-deflate")]
    first = wire.open(running, fields=offer)
    assert "server_no_context_takeover" not in parameters(first.response.get(EXTENSIONS))
    second = wire.open(running, fields=offer)
    agreed = parameters(second.response.get(EXTENSIONS))
    assert {"server_no_context_takeover", "client_no_context_takeover"} <= agreed.keys()
    first.close()
    running.eventually(lambda stats: stats["routes"]["all"]["active"] == 1, "the first connection to be gone")
    third = wire.open(running, fields=offer)
    assert "server_no_context_takeover" not in parameters(third.response.get(EXTENSIONS))
    for client in (second, third):
        round_trip(client)

    none = gateway(proxied(backend().address, sections={"limits": {"compression_memory": "16KiB"}}))
    client = wire.open(none, fields=offer)
    assert client.response.get(EXTENSIONS) is None
    round_trip(client)
