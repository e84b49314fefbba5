"""Clients that break the rules of HTTP/2 (RFC 9113, RFC 7541): each gets the code the RFC names, on its stream or its
connection, and nobody beside them notices. Floods are in test_http2_floods.py."""

import struct

import pytest

from http2_attack import attack, attacked_http2  # noqa: F401
from http2_client import alpn
from http2_raw import (
    ACK, CODES, CONTINUATION, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PREFACE, PRIORITIZED, PRIORITY,
    PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, RawHTTP2, data, frame, integer, literal, rst_stream, settings,
    window_update)
from raw import TEXT, Response

MAX_WINDOW = (1 << 31) - 1
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_STREAMS, INITIAL_WINDOW, MAX_FRAME, MAX_LIST, _, CONNECT_PROTOCOL = range(1, 9)


def get(client, path="/page", *fields):
    return client.block(client.get_fields(path, *fields))


def headers(stream, block, flags=END_HEADERS | END_STREAM):
    return frame(HEADERS, block, stream=stream, flags=flags)


def setting(identifier, value):
    return lambda client: settings((identifier, value))


def block(*pieces):
    """A request on stream 3 whose header block is made of these pieces behind a good list."""
    return lambda client: headers(3, get(client) + b"".join(pieces))


def inside_block(*frames):
    """Frames behind HEADERS that do not end their block."""
    return lambda client: headers(3, get(client), END_STREAM) + b"".join(frames)


# Connection errors: what is sent, given the client's end, and the codes that may be answered.
CONNECTION_ERRORS = {
    # Streams that can't be (RFC 9113 §5.1, §6)
    "DATA on stream 0": (lambda _: data(0, b"x"), "PROTOCOL_ERROR"),
    "HEADERS on stream 0": (lambda c: headers(0, get(c)), "PROTOCOL_ERROR"),
    "PRIORITY on stream 0": (lambda _: frame(PRIORITY, bytes(5)), "PROTOCOL_ERROR"),
    "RST_STREAM on stream 0": (lambda _: rst_stream(0), "PROTOCOL_ERROR"),
    "CONTINUATION on stream 0": (lambda _: frame(CONTINUATION, flags=END_HEADERS), "PROTOCOL_ERROR"),
    "SETTINGS on a stream": (lambda _: frame(SETTINGS, stream=1), "PROTOCOL_ERROR"),
    "PING on a stream": (lambda _: frame(PING, bytes(8), stream=1), "PROTOCOL_ERROR"),
    "GOAWAY on a stream": (lambda _: frame(GOAWAY, bytes(8), stream=1), "PROTOCOL_ERROR"),
    "DATA on an idle stream": (lambda _: data(5, b"x"), "PROTOCOL_ERROR"),
    "RST_STREAM on an idle stream": (lambda _: rst_stream(5), "PROTOCOL_ERROR"),
    "WINDOW_UPDATE on an idle stream": (lambda _: window_update(5, 1), "PROTOCOL_ERROR"),
    "DATA on a stream of the server's": (lambda _: data(2, b"x"), "PROTOCOL_ERROR"),
    "a stream with an even number": (lambda c: headers(4, get(c)), "PROTOCOL_ERROR"),
    "a stream with a smaller number": (
        lambda c: headers(9, get(c)) + headers(7, get(c)), "PROTOCOL_ERROR", "STREAM_CLOSED"),
    "a stream a second time": (
        lambda c: headers(3, get(c)) + headers(3, get(c)), "PROTOCOL_ERROR", "STREAM_CLOSED"),
    "PUSH_PROMISE": (lambda c: frame(PUSH_PROMISE, bytes([0, 0, 0, 2]) + get(c), stream=1, flags=END_HEADERS),
                     "PROTOCOL_ERROR"),
    # Header blocks (§4.3, §6.10)
    "CONTINUATION of nothing": (lambda _: frame(CONTINUATION, b"", stream=1, flags=END_HEADERS), "PROTOCOL_ERROR"),
    "CONTINUATION behind a block that has ended": (
        lambda c: headers(3, get(c)) + frame(CONTINUATION, stream=3, flags=END_HEADERS), "PROTOCOL_ERROR"),
    "DATA inside a block": (inside_block(data(1, b"x")), "PROTOCOL_ERROR"),
    "PING inside a block": (inside_block(frame(PING, bytes(8))), "PROTOCOL_ERROR"),
    "an unknown frame inside a block": (inside_block(frame(0xFA, b"x")), "PROTOCOL_ERROR"),
    "RST_STREAM of the stream inside its block": (inside_block(rst_stream(3)), "PROTOCOL_ERROR"),
    "another stream's CONTINUATION": (
        inside_block(frame(CONTINUATION, stream=1, flags=END_HEADERS)), "PROTOCOL_ERROR"),
    "HEADERS inside a block": (inside_block(headers(5, b"")), "PROTOCOL_ERROR"),
    # Sizes (§4.2, §6)
    "DATA of 16,385 bytes": (lambda _: data(1, bytes(16_385)), "FRAME_SIZE_ERROR"),
    "HEADERS of 16,385 bytes": (lambda _: headers(3, bytes(16_385)), "FRAME_SIZE_ERROR"),
    "a header of 16 MiB": (lambda _: frame(HEADERS, length=(1 << 24) - 1, stream=3), "FRAME_SIZE_ERROR"),
    "an unknown frame of 16,385 bytes": (lambda _: frame(0xFA, bytes(16_385)), "FRAME_SIZE_ERROR"),
    "SETTINGS of 5 bytes": (lambda _: frame(SETTINGS, bytes(5)), "FRAME_SIZE_ERROR"),
    "an acknowledgement with values": (lambda _: frame(SETTINGS, bytes(6), flags=ACK), "FRAME_SIZE_ERROR"),
    "PING of 7 bytes": (lambda _: frame(PING, bytes(7)), "FRAME_SIZE_ERROR"),
    "PING of 9 bytes": (lambda _: frame(PING, bytes(9)), "FRAME_SIZE_ERROR"),
    "an empty PING": (lambda _: frame(PING), "FRAME_SIZE_ERROR"),
    "GOAWAY of 7 bytes": (lambda _: frame(GOAWAY, bytes(7)), "FRAME_SIZE_ERROR"),
    "RST_STREAM of 3 bytes": (lambda _: frame(RST_STREAM, bytes(3), stream=1), "FRAME_SIZE_ERROR"),
    "RST_STREAM of 5 bytes": (lambda _: frame(RST_STREAM, bytes(5), stream=1), "FRAME_SIZE_ERROR"),
    "WINDOW_UPDATE of 3 bytes": (lambda _: frame(WINDOW_UPDATE, bytes(3)), "FRAME_SIZE_ERROR"),
    "WINDOW_UPDATE of 5 bytes": (lambda _: frame(WINDOW_UPDATE, bytes(5), stream=1), "FRAME_SIZE_ERROR"),
    "HEADERS without room for its priority": (
        lambda _: headers(3, bytes(4), END_HEADERS | PRIORITIZED), "FRAME_SIZE_ERROR"),
    "padded HEADERS without a byte": (
        lambda _: headers(3, b"", END_HEADERS | PADDED), "FRAME_SIZE_ERROR", "PROTOCOL_ERROR"),
    "padded DATA without a byte": (lambda _: data(1, b"", PADDED), "FRAME_SIZE_ERROR", "PROTOCOL_ERROR"),
    "padding longer than its DATA": (lambda _: data(1, b"\x05abcd", PADDED), "PROTOCOL_ERROR"),
    "padding longer than its HEADERS": (
        lambda c: headers(3, b"\xff" + get(c), END_HEADERS | PADDED), "PROTOCOL_ERROR"),
    # Windows (§6.9)
    "WINDOW_UPDATE of 0": (lambda _: window_update(0, 0), "PROTOCOL_ERROR"),
    "a window over 2^31 - 1": (lambda _: window_update(0, MAX_WINDOW), "FLOW_CONTROL_ERROR"),
    "a window over 2^31 - 1 in two steps": (
        lambda _: window_update(0, 1 << 30) + window_update(0, 1 << 30), "FLOW_CONTROL_ERROR"),
    # Values (§6.5.2, RFC 8441 §3)
    "SETTINGS_ENABLE_PUSH of 2": (setting(ENABLE_PUSH, 2), "PROTOCOL_ERROR"),
    "SETTINGS_INITIAL_WINDOW_SIZE of 2^31": (setting(INITIAL_WINDOW, 1 << 31), "FLOW_CONTROL_ERROR"),
    "SETTINGS_INITIAL_WINDOW_SIZE that a stream can't have": (
        lambda _: window_update(1, 1 << 30) + settings((INITIAL_WINDOW, MAX_WINDOW)), "FLOW_CONTROL_ERROR"),
    "SETTINGS_MAX_FRAME_SIZE of 16,383": (setting(MAX_FRAME, 16_383), "PROTOCOL_ERROR"),
    "SETTINGS_MAX_FRAME_SIZE of 2^24": (setting(MAX_FRAME, 1 << 24), "PROTOCOL_ERROR"),
    "SETTINGS_ENABLE_CONNECT_PROTOCOL of 2": (setting(CONNECT_PROTOCOL, 2), "PROTOCOL_ERROR"),
    # HPACK (RFC 7541)
    "index 0": (block(b"\x80"), "COMPRESSION_ERROR"),
    "an index that the table does not have": (block(b"\xff\x7f"), "COMPRESSION_ERROR"),
    "the name of an index that the table does not have": (block(b"\x7f\x7f\x01v"), "COMPRESSION_ERROR"),
    "a literal that is cut": (block(b"\x00\x05ab"), "COMPRESSION_ERROR"),
    "an integer that is cut": (block(b"\xff\xff"), "COMPRESSION_ERROR"),
    "an integer without end": (block(b"\xff" + b"\xff" * 20 + b"\x01"), "COMPRESSION_ERROR"),
    "a length of 2^62": (block(b"\x00" + integer(1 << 62, 7)), "COMPRESSION_ERROR"),
    "EOS in a Huffman code": (block(b"\x00\x84\xff\xff\xff\xff\x01v"), "COMPRESSION_ERROR"),
    "Huffman padding that is not of ones": (block(b"\x00\x81\x00\x01v"), "COMPRESSION_ERROR"),
    "a table larger than announced": (
        lambda c: headers(3, bytes([0x20 | integer(65_536, 5)[0]]) + integer(65_536, 5)[1:] + get(c)),
        "COMPRESSION_ERROR"),
    "a table size behind a field": (block(b"\x20"), "COMPRESSION_ERROR"),
}


@pytest.mark.parametrize("case", CONNECTION_ERRORS, ids=str)
def test_a_connection_error_gets_its_code_and_ends_the_connection(attack, case):  # noqa: F811
    make, *codes = CONNECTION_ERRORS[case]
    one = attack()
    one.send(make(one.client))
    one.expect_connection_error(*codes)


def test_a_connection_error_over_tls(attack, trusting):  # noqa: F811
    one = attack(listener="tls", tls=trusting)
    one.send(data(0, b"x"))
    one.expect_connection_error("PROTOCOL_ERROR")


def test_what_came_before_a_connection_error_is_delivered(attack):  # noqa: F811
    one = attack()
    one.send(data(1, one.client.peer.frame(TEXT, "last words")) + data(0, b"x"))
    assert one.peer.read_message()[1] == b"last words"
    one.expect_connection_error("PROTOCOL_ERROR")


# Stream errors


STREAM_ERRORS = {
    "WINDOW_UPDATE of 0": (lambda s: window_update(s, 0), "PROTOCOL_ERROR"),
    "a window over 2^31 - 1": (lambda s: window_update(s, MAX_WINDOW), "FLOW_CONTROL_ERROR"),
    "HEADERS inside a WebSocket": (lambda s: headers(s, literal(b"x", b"y"), END_HEADERS), "PROTOCOL_ERROR"),
    "trailers, which a connected stream has not": (lambda s: headers(s, literal(b"x", b"y")), "PROTOCOL_ERROR"),
    "DATA behind END_STREAM": (lambda s: data(s, b"", END_STREAM) + data(s, b"x"), "STREAM_CLOSED"),
    "HEADERS behind END_STREAM": (
        lambda s: data(s, b"", END_STREAM) + headers(s, literal(b"x", b"y")), "STREAM_CLOSED"),
}


@pytest.mark.parametrize("case", STREAM_ERRORS, ids=str)
def test_a_stream_error_gets_its_code_and_stops_nobody_else(attack, case):  # noqa: F811
    make, *codes = STREAM_ERRORS[case]
    one = attack()
    stream, peer = one.open()
    one.send(make(stream))
    one.expect_stream_error(stream, *codes)
    peer.read_to_end()


@pytest.mark.parametrize("size", [4, 6])
def test_priority_of_another_size(attack, size):  # noqa: F811
    one = attack()
    stream, _ = one.open()
    one.send(frame(PRIORITY, bytes(size), stream=stream))
    got = one.client.frame_of(RST_STREAM, GOAWAY)
    assert got.code == "FRAME_SIZE_ERROR", f"expected FRAME_SIZE_ERROR, got {got}"


def test_data_beyond_the_window(attack):  # noqa: F811
    """Nothing of it is taken before the server has answered: the window stays what it was announced."""
    one = attack()
    full, over = one.client.ask("/ws"), one.client.ask("/ws")
    peers = [one.wire.accept(one.attacked.server) for _ in range(2)]
    for stream in (full, over):
        for size in (16_384, 16_384, 16_384, 16_383):
            one.send(data(stream, bytes(size)))
    one.send(data(over, b"x"))
    one.expect_stream_error(over, "FLOW_CONTROL_ERROR")
    for peer in peers:
        peer.close()


def test_frames_on_streams_that_are_gone_are_ignored(attack):  # noqa: F811
    """As they may have been sent before the end was known (RFC 9113 §5.1)."""
    one = attack()
    assert one.client.get("/page").status == 200
    stream, peer = one.open()
    peer.reset()
    one.client.frame_of(WINDOW_UPDATE, RST_STREAM, 0, stream=stream)
    for gone in (3, stream):
        one.send(window_update(gone, 1) + rst_stream(gone) + frame(PRIORITY, bytes(5), stream=gone))
    one.expect_unharmed()


def test_what_is_unknown_is_ignored(attack):  # noqa: F811
    """Types of frames, settings, flags and error codes (RFC 9113 §4.1, §5.5, §6.5.2, §7)."""
    one = attack()
    one.send(frame(0xFA, b"x" * 100) + frame(0xFA, b"", stream=99) + settings((0xF000, 1), (MAX_LIST, 1 << 31)))
    one.send(frame(PING, b"flags!!!", flags=0xFE) + frame(SETTINGS, flags=0xF0 & ~ACK))
    one.send(frame(PRIORITY, bytes(5), stream=77) + struct.pack("!BHBBI", 0, 8, PING, 0, 1 << 31) + b"reserved")
    stream, peer = one.open()
    one.send(rst_stream(stream, 0xFFFF_FFFF))
    assert peer.expect_close()[0] == 1001
    one.expect_unharmed()


def test_settings_at_their_limits(attack):  # noqa: F811
    one = attack()
    one.send(settings(
        (HEADER_TABLE_SIZE, (1 << 32) - 1), (ENABLE_PUSH, 0), (ENABLE_PUSH, 1), (MAX_STREAMS, 0), (MAX_FRAME, 16_384),
        (MAX_FRAME, (1 << 24) - 1), (INITIAL_WINDOW, MAX_WINDOW), (INITIAL_WINDOW, 65_535), (MAX_LIST, 0)))
    one.expect_unharmed()
    assert one.client.get("/page").body == b"hello"
    one.send(settings((HEADER_TABLE_SIZE, 0)) + settings((HEADER_TABLE_SIZE, 100)))
    for _ in range(3):
        assert one.client.get("/page").body == b"hello"


def test_goaway_from_the_client_leaves_its_streams(attack):  # noqa: F811
    """It is about streams of the server's, which has none."""
    one = attack()
    one.send(frame(GOAWAY, struct.pack("!II", 0, CODES.index("NO_ERROR")) + b"bye"))
    one.expect_unharmed()
    one.send(data(1, b"", END_STREAM))
    assert one.peer.expect_end() == "eof"


def test_a_request_in_pieces(attack):  # noqa: F811
    """Padding, priority and empty continuations are in order."""
    one = attack()
    whole = get(one.client)
    stream = one.client.new_stream()
    head = bytes([10]) + struct.pack("!IB", 0, 16) + whole[:7] + bytes(10)
    one.send(headers(stream, head, END_STREAM | PADDED | PRIORITIZED) + frame(CONTINUATION, stream=stream))
    one.send(frame(CONTINUATION, whole[7:20], stream=stream))
    one.send(frame(CONTINUATION, whole[20:], stream=stream, flags=END_HEADERS))
    assert one.client.answer_or_reset(stream).body == b"hello"
    one.send(data(1, bytes([255]) + bytes(255), PADDED))
    one.expect_unharmed()


# How a connection begins


@pytest.mark.parametrize("first", [
    frame(PING, bytes(8)), data(1, b"x"), frame(SETTINGS, flags=ACK), window_update(0, 1), frame(0xFA),
    headers(1, literal(b":method", b"GET")), b"GET / HTTP/1.1\r\n\r\n"],
    ids=["PING", "DATA", "an acknowledgement", "WINDOW_UPDATE", "unknown", "HEADERS", "HTTP/1.1"])
def test_the_first_frame_is_no_settings(attack, attacked_http2, wire, first):  # noqa: F811
    client = RawHTTP2(wire.connect(attacked_http2.gateway), greet=False)
    client.send(PREFACE + first)
    client.expect_goaway("PROTOCOL_ERROR", "FRAME_SIZE_ERROR" if first.startswith(b"GET") else "PROTOCOL_ERROR")


@pytest.mark.parametrize("sent", [
    PREFACE[:-1] + b"\r", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + settings(), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"],
    ids=["a wrong last byte", "a wrong second half", "HTTP/1.1"])
def test_what_is_no_preface_where_alpn_has_chosen_h2(attack, attacked_http2, wire, trusting, sent):  # noqa: F811
    client = RawHTTP2(wire.connect(attacked_http2.gateway, "tls", tls=alpn(trusting, "h2")), greet=False)
    client.send(sent)
    client.expect_goaway("PROTOCOL_ERROR")


@pytest.mark.parametrize("sent", [b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", b"PRI * HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_what_only_begins_like_the_preface_is_http_1(attack, attacked_http2, wire, sent):  # noqa: F811
    client = wire.connect(attacked_http2.gateway)
    client.send(sent)
    response = client.read_response()
    assert response.start_line.startswith("HTTP/1.1 ") and response.status in (400, 404, 405, 426, 505), response
    client.read_to_end()


# Malformed requests (RFC 9113 §8)


def replaced(fields, name, *values):
    """A list in which this field has these values, in the place where it was, or at the end."""
    own = [(name, value) for value in values]
    place = next((number for number, field in enumerate(fields) if field[0] == name), len(fields))
    rest = [field for field in fields if field[0] != name]
    return [*rest[:place], *own, *rest[place:]]


def change(name, *values):
    return lambda fields: replaced(fields, name, *values)


def add(*fields):
    return lambda list: [*list, *fields]


# What may be wrong with any request: with a GET to a page and with a WebSocket.
MALFORMED = {
    "a name in upper case": add(("X-Upper", "a")),
    "a name with one letter in upper case": add(("x-uppeR", "a")),
    "a name with a space": add(("x y", "a")),
    "a name with a colon": add(("x:y", "a")),
    "a name with a control": add(("x\x01", "a")),
    "a name that is not ASCII": add(("x-\u00e9", "a")),
    "a value with CR and LF": add(("x", "a\r\nInjected: b")),
    "a value with LF": add(("x", "a\nb")),
    "a value with NUL": add(("x", "a\0b")),
    "a value that begins with a space": add(("x", " a")),
    "a value that ends with a tab": add(("x", "a\t")),
    "connection": add(("connection", "keep-alive")),
    "connection: upgrade": add(("connection", "upgrade"), ("upgrade", "websocket")),
    "upgrade": add(("upgrade", "websocket")),
    "keep-alive": add(("keep-alive", "timeout=5")),
    "proxy-connection": add(("proxy-connection", "keep-alive")),
    "transfer-encoding": add(("transfer-encoding", "chunked")),
    "te: gzip": add(("te", "gzip")),
    "no :method": change(":method"),
    "two :method": change(":method", "GET", "GET"),
    "an empty :method": change(":method", ""),
    ":method that is no token": change(":method", "GE T"),
    "no :scheme": change(":scheme"),
    "two :scheme": change(":scheme", "http", "http"),
    "no :path": change(":path"),
    "an empty :path": change(":path", ""),
    "two :path": change(":path", "/page", "/ws"),
    ":path without a slash": change(":path", "page"),
    ":path that is a URL": change(":path", "http://localhost/page"),
    ":path that is an asterisk": change(":path", "*"),
    ":path with a space": change(":path", "/page /x"),
    ":path with CR and LF": change(":path", "/page HTTP/1.1\r\nInjected: b"),
    ":path with NUL": change(":path", "/page\0"),
    ":path with a fragment": change(":path", "/page#x"),
    "two :authority": change(":authority", "localhost", "localhost"),
    "an empty :authority": change(":authority", ""),
    "neither :authority nor host": change(":authority"),
    ":authority with a user": change(":authority", "user@localhost"),
    ":authority with a path": change(":authority", "localhost/x"),
    ":authority with a space": change(":authority", "local host"),
    ":authority with CR and LF": change(":authority", "localhost\r\nInjected: b"),
    "host that names another": add(("host", "elsewhere.example")),
    "two hosts": add(("host", "localhost"), ("host", "localhost")),
    "an unknown pseudo-field": lambda fields: [(":unknown", "x"), *fields],
    ":status": lambda fields: [(":status", "200"), *fields],
    "a pseudo-field behind others": lambda fields: [*replaced(fields, ":path"), ("x", "y"), (":path", "/page")],
    "content-length that is no number": add(("content-length", "five")),
    "content-length with a sign": add(("content-length", "+0")),
    "two content-lengths": add(("content-length", "0"), ("content-length", "5")),
}


@pytest.mark.parametrize("kind", ["page", "websocket"])
@pytest.mark.parametrize("case", MALFORMED, ids=str)
def test_a_malformed_request_gets_400_or_protocol_error(attack, case, kind):  # noqa: F811
    one = attack()
    if kind == "page":
        fields, flags = one.client.get_fields("/page"), END_HEADERS | END_STREAM
    else:
        fields, flags = one.client.connect_fields("/ws"), END_HEADERS
    stream, sent = one.client.headers(MALFORMED[case](fields), flags)
    one.send(sent)
    one.expect_refused(stream)


@pytest.mark.parametrize("count", [1, 5000])
def test_fields_without_a_name(attack, count):  # noqa: F811
    """5,000 of them are 20,000 bytes of a block, and more than 160,000 of a header list (CVE-2019-9516)."""
    one = attack()
    block = get(one.client) + b"\x00\x00\x01v" * count
    one.send(one.client.fragmented(one.client.new_stream(), block))
    got = one.client.frame_of(HEADERS, RST_STREAM, GOAWAY)
    if got.kind == HEADERS:
        assert one.client.response(3).status in (400, 431), f"expected 400 or 431, got {one.client.response(3)}"
    else:
        # A stream error may be made one of the connection (RFC 9113 §5.4.1).
        assert got.code in ("PROTOCOL_ERROR", "COMPRESSION_ERROR", "ENHANCE_YOUR_CALM"), f"expected an error, got {got}"


# (kind, change of its list, flags)
MALFORMED_CONNECT = {
    ":protocol with GET": ("page", lambda fields: [(":protocol", "websocket"), *fields], END_HEADERS | END_STREAM),
    "two :protocol": ("ws", change(":protocol", "websocket", "websocket"), END_HEADERS),
    "CONNECT with :path and without :protocol": ("ws", change(":protocol"), END_HEADERS),
    "END_STREAM with CONNECT": ("ws", add(), END_HEADERS | END_STREAM),
    "content-length with CONNECT": ("ws", add(("content-length", "5")), END_HEADERS),
    "content-length without content": ("page", add(("content-length", "5")), END_HEADERS | END_STREAM),
}


@pytest.mark.parametrize("case", MALFORMED_CONNECT, ids=str)
def test_a_malformed_connect_or_length(attack, case):  # noqa: F811
    kind, make, flags = MALFORMED_CONNECT[case]
    one = attack()
    fields = one.client.get_fields("/page") if kind == "page" else one.client.connect_fields("/ws")
    stream, sent = one.client.headers(make(fields), flags)
    one.send(sent)
    one.expect_refused(stream)


@pytest.mark.parametrize("field", [
    ("te", "trailers"), ("x-empty", ""), ("x-obs", "\u00e9t\u00e9"), ("host", None), ("x", "a\tb  c"), ("x_y!#$", "1"),
], ids=lambda field: field[0])
def test_what_looks_odd_and_is_in_order(attack, field):  # noqa: F811
    one = attack()
    name, value = field
    answer = one.client.get("/page", (name, value if value is not None else one.client.peer.authority))
    assert (answer.status, answer.body) == (200, b"hello")


@pytest.mark.parametrize("times", [1, 5])
def test_a_header_list_over_the_limit_gets_431_and_keeps_the_table(attack, times):  # noqa: F811
    """What a refused list put into the table of HPACK is there for the next."""
    one = attack()
    for _ in range(times):
        stream = one.client.new_stream()
        one.send(one.client.fragmented(stream, one.client.block(one.client.get_fields(
            "/page", ("x-kept", "k" * 100), *((f"x-{n}", "v" * 500) for n in range(40))))))
        answer = one.client.answer_or_reset(stream)
        assert isinstance(answer, Response) and answer.status == 431, f"expected 431, got {answer}"
        assert one.client.get("/page", ("x-kept", "k" * 100)).body == b"hello"
    one.expect_unharmed()


@pytest.mark.parametrize("where", ["the names", "one value"])
def test_a_header_list_far_over_the_limit_ends_the_connection(attack, where):  # noqa: F811
    one = attack()
    fields = [("x" * 60_000, "")] * 2 if where == "the names" else [("x", "v" * 200_000)]
    stream = one.client.new_stream()
    one.client.try_send(one.client.fragmented(stream, one.client.block(one.client.get_fields("/page", *fields))))
    one.expect_connection_error("ENHANCE_YOUR_CALM", "COMPRESSION_ERROR")
