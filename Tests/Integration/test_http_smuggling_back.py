"""Answers over HTTP/2 that a client over HTTP/1.1 could read as something else, or that RFC 9113 §8.1.1 calls
malformed: the client gets 502 or sees that its answer was cut; the others on the server's connection notice nothing."""

from dataclasses import dataclass

import pytest

from http2_server import HTTP2Server
from raw import Ended
from sluice import Gateway, proxied
from strict_http1 import StrictReader

EVIL = "a\r\nX-Evil: 1"


@dataclass(frozen=True)
class Case:
    """HEADERS with `fields`, then DATA with each of `content`, then `trailers`; the last of them ends the stream.
    `served`: the (status, body) that the client may get, and has to where the answer `is_sound`; `method`: the request's.
    """

    fields: tuple
    content: tuple = ()
    trailers: tuple | None = None
    served: tuple | None = None
    method: str = "GET"
    is_sound: bool = False


def head(*fields, status="200", **options):
    return Case(((":status", status), *fields), **options)


CASES = {
    "a line end in a value": head(("x-a", EVIL)),
    "an answer in a value": head(("x-a", "a\r\n\r\nHTTP/1.1 200 OK\r\nX-Evil: 1\r\n\r\n")),
    "LF in a value": head(("x-a", "a\nX-Evil: 1")),
    "CR in a value": head(("x-a", "a\rX-Evil: 1")),
    "NUL in a value": head(("x-a", "a\0b")),
    "a line end in a name": head(("x-a: b\r\nx-evil", "1")),
    "a colon in a name": head(("x-a: b", "1")),
    "a space in a name": head(("x a", "1")),
    "Connection": head(("connection", "close")),
    "Transfer-Encoding": head(("transfer-encoding", "chunked"), content=(b"hello",)),
    "Keep-Alive": head(("keep-alive", "timeout=5")),
    "Upgrade": head(("upgrade", "h2c")),
    **{f"a status of {status!r}": head(status=status) for status in [
        "", "20", "2000", "abc", "099", "-200", "+200", "200 OK", "200\r\nX-Evil: 1", "101"]},
    "no status": Case((("x-a", "a"),)),
    "two statuses": Case(((":status", "200"), (":status", "201"))),
    "a status behind a field": Case((("x-a", "a"), (":status", "200"))),
    "a pseudo-field of requests": head((":path", "/")),
    "less than its length": head(("content-length", "10"), content=(b"hello",)),
    "more than its length": head(("content-length", "3"), content=(b"hello",)),
    "more than its length in two frames": head(("content-length", "5"), content=(b"hello", b"HTTP/1.1 200 OK\r\n"),
                                               served=(200, b"hello")),
    "nothing of its length": head(("content-length", "5")),
    "two lengths": head(("content-length", "5"), ("content-length", "6"), content=(b"hello",)),
    "a length with a plus": head(("content-length", "+5"), content=(b"hello",)),
    "a length in hexadecimal": head(("content-length", "0x5"), content=(b"hello",)),
    "a length of 2^64 + 5": head(("content-length", "18446744073709551621"), content=(b"hello",)),
    "204 with content": head(status="204", content=(b"hello",), served=(204, b"")),
    "304 with a length": head(("content-length", "5"), status="304", served=(304, b""), is_sound=True),
    "304 with content": head(status="304", content=(b"hello",), served=(304, b"")),
    "HEAD with a length": head(("content-length", "5"), method="HEAD", served=(200, b""), is_sound=True),
    "HEAD with content": head(("content-length", "5"), content=(b"hello",), method="HEAD", served=(200, b"")),
    "an interim answer that ends the stream": head(status="103"),
    "a line end in a trailer": head(content=(b"hello",), trailers=(("x-a", EVIL),)),
    "a pseudo-field among trailers": head(content=(b"hello",), trailers=((":status", "200"),)),
    "Transfer-Encoding among trailers": head(content=(b"hello",), trailers=(("transfer-encoding", "chunked"),)),
    "Content-Length among trailers": head(
        content=(b"hello",), trailers=(("content-length", "50"),), served=(200, b"hello")),
    "an answer": head(
        ("content-length", "5"), content=(b"he", b"llo"), trailers=(("x-a", "b"),), served=(200, b"hello"),
        is_sound=True),
}


@pytest.fixture(scope="module")
def behind(stage, tmp_path_factory):
    """(gateway, server over HTTP/2 behind it)"""
    server = HTTP2Server("back", stage, echo=False)
    stage.run(server.start())
    gateway = Gateway(
        proxied(server.address, upstream={"protocol": "h2", "retries": 0, "response_timeout": "2s"}),
        tmp_path_factory.mktemp("back")).start()
    yield gateway, server
    try:
        assert gateway.stop() == 0
    finally:
        gateway.kill()
        stage.run(server.stop())


def misbehave(stream, case):
    """Sends the case frame by frame; what h2 itself would never send goes round its state machine."""
    def write():
        link, last = stream.link, len(case.content) + (case.trailers is not None)
        frames = [("HEADERS", case.fields), *(("DATA", piece) for piece in case.content)]
        frames += [("HEADERS", case.trailers)] if case.trailers is not None else []
        link.flush()
        for number, (kind, what) in enumerate(frames):
            flags = 0x1 if number == last else 0
            if kind == "HEADERS":
                # Nothing is put into the table, which h2 keeps to itself.
                payload = b"".join(
                    b"\x10" + b"".join(integer(len(text)) + text for text in (name.encode(), value.encode()))
                    for name, value in what)
                flags |= 0x4
            else:
                payload = what
            kind = 0x1 if kind == "HEADERS" else 0x0
            link.transport.write(
                len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.number.to_bytes(4, "big") + payload)
    stream.link.run(write)


def integer(value):
    """A length with a prefix of seven bits, as far as these need one (RFC 7541 §5.1)."""
    return bytes([value]) if value < 127 else bytes([127, value - 127])


class Broken:
    """An answer that its client sees was cut."""


def ask(client, version, method):
    if version == "h1":
        client.send(f"{method} / HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return None
    stream = client.start(client.pseudo(method), end=True)
    stream.may_have_trailers = True
    return stream


def answer_to(client, stream, method):
    if stream is None:
        reader = StrictReader(client)
        try:
            return reader.read_final(method)
        except Ended as end:
            assert end.unread or reader.wire, "the connection ended without a word"
            return Broken
    client.wait(lambda: stream.is_over, "an answer")
    return Broken if stream.reset is not None else stream.response


@pytest.mark.parametrize("front", ["h1", "h2"])
@pytest.mark.parametrize("name", CASES)
def test_a_malformed_answer_is_not_passed_on(request, behind, wire, name, front):
    gateway, server = behind
    request.node.gateways = [gateway]
    case = CASES[name]
    client = wire.connect(gateway) if front == "h1" else wire.http2(gateway)
    stream = ask(client, front, case.method)
    misbehave(server.accept(), case)
    answer = answer_to(client, stream, case.method)
    if answer is Broken or answer.status == 502:
        assert not case.is_sound, answer
    else:
        assert case.served == (answer.status, answer.body), answer
        assert not [one for one, _ in answer.fields if one.lower() == "x-evil"]
    # The next stream on the same connection is served.
    other = wire.connect(gateway)
    ask(other, "h1", "GET")
    server.accept().answer(200, [("content-length", "5")], b"other")
    assert StrictReader(other).read_final().body == b"other"
    assert not server.failures, server.failures
