"""Field values are bytes (RFC 9110 §5.5): over HTTP/2 on both sides they arrive as they were sent, UTF-8 or not, and
the tables of HPACK stay in step. The peers' HPACK is the `hpack` library."""

import contextlib
import random

import hpack
import pytest

from http2_peer import connect
from http2_raw import END_HEADERS, END_STREAM, HEADERS, RawHTTP2, frame, literal, literals
from http2_server import HTTP2Server
from raw import Response
from sluice import Gateway, configuration, proxied

VALUES = {
    "Latin-1": b"caf\xe9", "UTF-8": "caf\u00e9".encode(), "half a character": b"\xc3",
    "what UTF-8 never has": b"\xff\xfe",
    "all of obs-text": bytes(range(0x80, 0x100)), "between ASCII": b"a \xe9\tb", "a long one": b"\xe9" * 5000,
}


@pytest.fixture(scope="module")
def bridge(tmp_path_factory, stage):
    """(gateway, server): HTTP/2 on both sides, fields of the server's read byte by byte."""
    server = stage.run(HTTP2Server("h2", stage, echo=False, header_encoding="latin-1").start())
    gateway = Gateway(configuration(
        {"name": "all", "match": {"path_prefix": "/ws"}, "upstream": "h2"},
        {"name": "page", "match": {"path_prefix": "/page"}, "respond": {"status": 200, "body": "hello"}},
        upstreams=[{"name": "h2", "protocol": "h2", "servers": [{"address": server.address}]}]),
        tmp_path_factory.mktemp("bytes")).start()
    try:
        yield gateway, server
        assert not server.failures, f"expected HTTP/2 in order, got {server.failures!r}"
        assert gateway.stop() == 0, gateway.tail()
    finally:
        gateway.kill()
        stage.run(server.stop())


@pytest.fixture
def client(request, bridge, stage):
    request.node.gateways = [bridge[0]]
    link = connect(stage, bridge[0].addresses["plain"], header_encoding="latin-1")
    yield link
    link.close()
    assert not link.failure, f"expected HTTP/2 in order, got {link.failure!r}"


@pytest.fixture
def raw(request, bridge):
    request.node.gateways = [bridge[0]]
    peer = bridge[0].connect()
    yield RawHTTP2(peer)
    peer.close()


def in_bytes(head, name):
    return [value.encode("latin-1") for value in head.all(name)]


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_values_of_a_request_and_its_answer_arrive_as_they_were_sent(bridge, client, value):
    stream = client.stream().send_upgrade("/ws", [(b"x-value", value), (b"x-value", b"text"), (b"x-value", value)])
    server = bridge[1].accept()
    assert in_bytes(server.request, "x-value") == [value, b"text", value]
    server.accept_upgrade([(b"x-answer", value), (b"x-answer", b"text"), (b"set-cookie", b"a=" + value)])
    answer = stream.read_response()
    assert answer.status == 200
    assert in_bytes(answer, "x-answer") == [value, b"text"]
    assert in_bytes(answer, "set-cookie") == [b"a=" + value]
    stream.close()
    server.close()


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_values_pass_from_http2_to_http1_and_back(gateway, wire, stage, value):
    server = wire.server()
    link = connect(stage, gateway(proxied(server.address)).addresses["plain"], header_encoding="latin-1")
    with contextlib.closing(link):
        stream = link.stream().send_upgrade("/", [(b"x-value", value), (b"cookie", b"a=" + value), (b"cookie", b"b")])
        peer = wire.accept(server)
        peer.read_upgrade()
        assert in_bytes(peer.request, "x-value") == [value]
        assert in_bytes(peer.request, "cookie") == [b"a=" + value + b"; b"]
        peer.accept_upgrade([("X-Answer", value.decode("latin-1"))])
        assert in_bytes(stream.read_response(), "x-answer") == [value]


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_values_pass_from_http1_to_http2_and_back(bridge, wire, value):
    client = wire.connect(bridge[0]).send_upgrade("/ws", [("X-Value", value.decode("latin-1"))])
    server = bridge[1].accept()
    assert in_bytes(server.request, "x-value") == [value]
    server.accept_upgrade([(b"x-answer", value)])
    assert in_bytes(client.read_response(), "x-answer") == [value]
    client.close()
    server.close()


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_cookies_that_came_apart_are_joined_by_their_bytes(bridge, client, value):
    stream = client.stream().send_upgrade("/ws", [(b"cookie", b"a=" + value), (b"cookie", b"b=2"), (b"cookie", value)])
    server = bridge[1].accept()
    assert b"; ".join(in_bytes(server.request, "cookie")) == b"a=" + value + b"; b=2; " + value
    server.answer(403)
    assert stream.read_response().status == 403


def random_fields(draw):
    """Names and values that come again, so that the tables are in use, and values that push them out."""
    def value():
        count = draw.choice([0, 1, 5, 40, 1500])
        text = bytes(draw.choice(b"aeiou~0\xe9\xc3\xa9\xff") for _ in range(count))
        return draw.choice([text, b"again", b"caf\xe9"])
    return [(draw.choice([b"x-a", b"x-b", b"x-a-longer-name", b"accept-language"]), value())
            for _ in range(draw.randrange(6))]


def test_the_tables_of_both_sides_stay_in_step(bridge, raw):
    """Other implementations write what the gateway reads, and read what it writes."""
    seed = random.randrange(1 << 32)
    draw = random.Random(seed)
    for number in range(150):
        fields = random_fields(draw)
        stream = raw.new_stream()
        if draw.random() < 0.05:
            raw.encoder.header_table_size = draw.choice([0, 100, 1000, 4096])
        block = raw.encoder.encode(
            [(name.encode(), value.encode()) for name, value in raw.connect_fields("/ws")] + fields,
            huffman=draw.random() < 0.5)
        raw.send(raw.fragmented(stream, block, flags=0))
        server = bridge[1].accept()
        sent = [(name, value) for name, value in fields]
        got = [(name.encode(), value.encode("latin-1")) for name, value in server.request.fields
               if name in {"x-a", "x-b", "x-a-longer-name", "accept-language"}]
        assert got == sent, f"request {number} with seed {seed}"
        server.answer(403)
        answer = raw.answer_or_reset(stream)
        assert isinstance(answer, Response) and answer.status == 403, f"request {number} with seed {seed}: {answer}"


@pytest.mark.parametrize("name", [":path", ":authority", ":scheme", ":method", ":protocol", "host"])
def test_where_text_is_expected_other_bytes_are_malformed(raw, name):
    fields = [field for field in raw.connect_fields("/ws") if field[0] != (":authority" if name == "host" else name)]
    odd = literal(name.encode(), b"/caf\xe9")
    block = literals(fields) + odd if name == "host" else odd + literals(fields)
    stream = raw.new_stream()
    raw.send(frame(HEADERS, block, stream=stream, flags=END_HEADERS))
    answer = raw.answer_or_reset(stream)
    assert answer == "PROTOCOL_ERROR" or answer.status == 400, f"expected 400 or PROTOCOL_ERROR, got {answer}"
    assert raw.get("/page").body == b"hello"


@pytest.mark.parametrize("value", [
    b" caf\xe9", b"caf\xe9 ", b"\tcaf\xe9", b"caf\xe9\t", b" a", b"a ", b"\xe9\n\xe9", b"\xe9\0",
])
def test_values_that_no_field_may_have_are_malformed(raw, value):
    """SP or HTAB around a value, line ends and NUL (RFC 9113 §8.2.1)."""
    stream = raw.new_stream()
    raw.send(frame(
        HEADERS, literals(raw.get_fields("/page")) + literal(b"x", value), stream=stream,
        flags=END_HEADERS | END_STREAM))
    answer = raw.answer_or_reset(stream)
    assert answer == "PROTOCOL_ERROR" or answer.status == 400, f"expected 400 or PROTOCOL_ERROR, got {answer}"
    assert raw.get("/page").body == b"hello"


def test_the_static_table_and_huffman_code_are_those_of_another_implementation(bridge, raw):
    """Every byte that a value may have, in Huffman codes, and every name of the static table."""
    names = sorted({name for name, _ in hpack.table.HeaderTable.STATIC_TABLE
                    if not name.startswith(b":") and name not in {
                        b"host", b"content-length", b"transfer-encoding", b"cookie", b"via"}})
    value = bytes(byte for byte in range(0x21, 0x100) if byte != 0x7F)
    fields = [(name, value + name) for name in names]
    # In several requests, as a list has a limit.
    for start in range(0, len(names), 15):
        stream = raw.new_stream()
        block = raw.encoder.encode(
            [(name.encode(), text.encode()) for name, text in raw.connect_fields("/ws")] + fields[start:start + 15])
        raw.send(raw.fragmented(stream, block, flags=0))
        server = bridge[1].accept()
        got = {name.encode(): text.encode("latin-1") for name, text in server.request.fields}
        for name, expected in fields[start:start + 15]:
            # Fields of one connection, and those that the gateway writes itself.
            if name in got:
                assert got[name] == expected, name
        assert len(set(got) & set(names[start:start + 15])) > 8, f"expected most of them, got {sorted(got)}"
        server.answer(403)
        assert raw.answer_or_reset(stream).status == 403
