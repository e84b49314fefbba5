"""Answers of a server over HTTP/1.1 whose end, or whose meaning, two readers could see in different places: name to
`Case`."""

from dataclasses import dataclass

from recording import plain

EVIL = plain(b"evil", fields=b"X-Evil: 1\r\n")
CHUNKED = b"Transfer-Encoding: chunked\r\n"
HELLO = b"5\r\nhello\r\n0\r\n\r\n"


@dataclass(frozen=True)
class Case:
    """What may become of `data`: `bad`: 502; `broken`: an answer that is seen not to be whole; `served`: (status,
    body), which the client gets in order. `ends`: how the server ends the connection behind it, "eof" or "reset"."""

    data: bytes
    bad: bool = False
    broken: bool = False
    served: tuple | None = None
    method: str = "GET"
    ends: str | None = None
    gone: tuple = ()


def ok(fields=b"", body=b"", status=b"200 OK"):
    return b"HTTP/1.1 " + status + b"\r\n" + fields + b"\r\n" + body


def bad(fields=b"", body=b"hello", **options):
    return Case(ok(fields, body) + EVIL, bad=True, **options)


def either(fields, body, **options):
    return Case(ok(fields, body) + EVIL, bad=True, served=(200, b"hello"), **options)


def served(fields=b"", body=b"", status=b"200 OK", *, text=b"hello", behind=EVIL, **options):
    return Case(ok(fields, body, status) + behind, served=(int(status[:3]), text), **options)


def chunks(body):
    """What has gone on before it went wrong can't be taken back."""
    return Case(ok(CHUNKED, body) + EVIL, bad=True, broken=True)


def line(first):
    return Case(first + b"\r\nContent-Length: 5\r\n\r\nhello" + EVIL, bad=True)


FRAMING = {
    "TE and CL": either(b"Content-Length: 3\r\n" + CHUNKED, HELLO),
    "CL and TE": either(CHUNKED + b"Content-Length: 3\r\n", HELLO),
    "two lengths": bad(b"Content-Length: 5\r\nContent-Length: 6\r\n"),
    "the same length twice": either(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello"),
    "a list of lengths": bad(b"Content-Length: 5, 6\r\n"),
    **{f"a length of {value.decode()!r}": bad(b"Content-Length: " + value + b"\r\n")
       for value in [b"+5", b"-5", b"0x5", b"5 5", b"", b"5,", b"5a", b"18446744073709551621", b"\x0b5"]},
    "chunked twice": bad(CHUNKED * 2, HELLO),
    **{f"a coding of {value.decode()!r}": bad(b"Transfer-Encoding: " + value + b"\r\n", HELLO)
       for value in [b"gzip, chunked", b"chunked, chunked", b"chunked, gzip", b"\x0bchunked", b'"chunked"']},
    "a space before the colon of a length": Case(
        ok(b"Content-Length : 5\r\n", b"hello") + EVIL, bad=True, served=(200, b"hello")),
    "a coding that folds": Case(
        ok(b"Transfer-Encoding:\r\n chunked\r\n", HELLO) + EVIL, bad=True, served=(200, b"hello")),
    "Connection that nominates the length": served(
        b"Connection: Content-Length\r\nContent-Length: 5\r\n", b"hello"),
    "Connection that nominates the coding": served(b"Connection: Transfer-Encoding\r\n" + CHUNKED, HELLO),
    "chunks": served(CHUNKED, HELLO),
    "chunks with extensions": served(CHUNKED, b'5;a="b"\r\nhello\r\n0;c\r\n\r\n'),
    "chunks and a trailer": served(CHUNKED, b"5\r\nhello\r\n0\r\nX-A: a\r\n\r\n"),
    "a length": served(b"Content-Length: 5\r\n", b"hello"),
    "a length of 0": served(b"Content-Length: 0\r\n", text=b""),
}
CHUNKS = {
    name: chunks(body) for name, body in {
        "a size of 2^64 + 5": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
        "a size of no digits": b"g\r\nhello\r\n0\r\n\r\n",
        "a size of 0x5": b"0x5\r\nhello\r\n0\r\n\r\n",
        "a size with a minus": b"-5\r\nhello\r\n0\r\n\r\n",
        "a size of nothing": b"\r\nhello\r\n0\r\n\r\n",
        "LF behind a size": b"5\nhello\r\n0\r\n\r\n",
        "LF behind data": b"5\r\nhello\n0\r\n\r\n",
        "nothing behind data": b"5\r\nhello0\r\n\r\n",
        "a letter behind data": b"5\r\nhellox\r\n0\r\n\r\n",
        "LF in an extension": b"5;a\nhello\r\n0\r\n\r\n",
        "CR in an extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
        "LF for the last line": b"5\r\nhello\r\n0\r\n\n",
        "a trailer that folds": b"5\r\nhello\r\n0\r\nX-A: a\r\n b\r\n\r\n",
        "a trailer with NUL": b"5\r\nhello\r\n0\r\nX-A: a\0b\r\n\r\n",
        "a trailer without a colon": b"5\r\nhello\r\n0\r\nX-A\r\n\r\n",
        "a bad chunk behind a good one": b"5\r\nhello\r\nx\r\n",
    }.items()
}
NO_CONTENT = {
    "204 with a length": served(b"Content-Length: 5\r\n", b"hello", b"204 No Content", text=b""),
    "204 with chunks": served(CHUNKED, HELLO, b"204 No Content", text=b""),
    "204 with a body": served(b"", b"hello", b"204 No Content", text=b""),
    "204 and an answer behind": served(b"", b"", b"204 No Content", text=b""),
    "304 with a length": served(b"Content-Length: 5\r\n", b"", b"304 Not Modified", text=b"", behind=b""),
    "304 with a length and a body": served(b"Content-Length: 5\r\n", b"hello", b"304 Not Modified", text=b""),
    "304 with chunks": served(CHUNKED, HELLO, b"304 Not Modified", text=b""),
    "HEAD with a length": served(b"Content-Length: 5\r\n", text=b"", method="HEAD", behind=b""),
    "HEAD with a body": served(b"Content-Length: 5\r\n", b"hello", text=b"", method="HEAD"),
    "HEAD with chunks": served(CHUNKED, text=b"", method="HEAD", behind=b""),
    "HEAD with chunks and a body": served(CHUNKED, HELLO, text=b"", method="HEAD"),
    "HEAD without a length": served(text=b"", method="HEAD", behind=b""),
}
INTERIM = {
    "100 before": Case(b"HTTP/1.1 100 Continue\r\n\r\n" + plain(b"hello"), served=(200, b"hello")),
    "102 before": Case(b"HTTP/1.1 102 Processing\r\n\r\n" + plain(b"hello"), served=(200, b"hello")),
    "103 before, twice": Case(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 2 + plain(b"hello"), served=(200, b"hello")),
    "103 with a length": Case(
        b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nhello" + plain(b"hello"), bad=True),
    "103 with chunks": Case(
        b"HTTP/1.1 103 Early Hints\r\n" + CHUNKED + b"\r\n" + HELLO + plain(b"hello"), bad=True),
    "101 that nobody asked for": Case(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + EVIL, bad=True),
    "101 to a WebSocket that nobody asked for": Case(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello",
        bad=True),
}
LINES = {
    **{f"a status line of {first.decode('latin-1')!r}": line(first) for first in [
        b"HTTP/1.1 099 OK", b"HTTP/1.1 1000 OK", b"HTTP/1.1 20 OK", b"HTTP/1.1 2xx OK", b"HTTP/1.1 -200 OK",
        b"HTTP/1.1  200 OK", b"HTTP/2 200 OK", b"HTTP/2.0 200 OK", b"ICY 200 OK", b"hello", b" HTTP/1.1 200 OK",
        b"\0HTTP/1.1 200 OK", b"GET / HTTP/1.1"]},
    "LF for every line end": Case(b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello" + EVIL, bad=True),
    "LF for the empty line": Case(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\nhello" + EVIL, bad=True),
    "NUL in a value": bad(b"X-A: a\0b\r\nContent-Length: 5\r\n"),
    "CR in a value": bad(b"X-A: a\rb\r\nContent-Length: 5\r\n"),
    "CR and a field in a value": bad(b"X-A: a\rTransfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
    "LF for a line end": bad(b"X-A: a\nX-B: b\r\nContent-Length: 5\r\n"),
    "a name that is no token": bad(b"X A: a\r\nContent-Length: 5\r\n"),
    "a name of HTTP/2's": bad(b":status: 201\r\nContent-Length: 5\r\n"),
    "a field without a colon": bad(b"X-A\r\nContent-Length: 5\r\n"),
    "a line that folds": either(b"X-A: a\r\n b\r\nContent-Length: 5\r\n", b"hello"),
    "hop by hop": served(
        b"Connection: X-A, keep-alive\r\nX-A: a\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n"
        b"Upgrade: h2c\r\nContent-Length: 5\r\n", b"hello", gone=("x-a", "keep-alive", "proxy-connection", "upgrade")),
    "a reason of bytes beyond ASCII": Case(
        "HTTP/1.1 200 Schön\r\nContent-Length: 5\r\n\r\nhello".encode() + EVIL, served=(200, b"hello")),
}
ENDS = {
    "the end of the connection for the end": served(b"", b"hello", behind=b"", ends="eof"),
    "the end in HTTP/1.0": Case(b"HTTP/1.0 200 OK\r\n\r\nhello", served=(200, b"hello"), ends="eof"),
    "a length in HTTP/1.0": Case(
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", served=(200, b"hello"), ends="eof"),
    "a length in HTTP/1.0 that stays": Case(
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", served=(200, b"hello")),
    "chunks in HTTP/1.0": Case(
        b"HTTP/1.0 200 OK\r\n" + CHUNKED + b"\r\n" + HELLO, bad=True, served=(200, b"hello"), ends="eof"),
    "less than its length": Case(ok(b"Content-Length: 10\r\n", b"hello"), broken=True, bad=True, ends="eof"),
    "nothing of its length": Case(ok(b"Content-Length: 10\r\n"), broken=True, bad=True, ends="eof"),
    "chunks without their end": Case(ok(CHUNKED, b"5\r\nhello\r\n"), broken=True, bad=True, ends="eof"),
    "chunks without their last line": Case(ok(CHUNKED, b"5\r\nhello\r\n0\r\n"), broken=True, bad=True, ends="eof"),
    "half a chunk": Case(ok(CHUNKED, b"a\r\nhello"), broken=True, bad=True, ends="eof"),
    "half a head": Case(b"HTTP/1.1 200 OK\r\nContent-Le", bad=True, ends="eof"),
    "nothing": Case(b"", bad=True, ends="eof"),
    "a reset for an answer": Case(b"", bad=True, ends="reset"),
    "a reset inside the length": Case(ok(b"Content-Length: 10\r\n", b"hello"), broken=True, bad=True, ends="reset"),
    "a reset inside a body without a length": Case(ok(b"", b"hello"), broken=True, bad=True, ends="reset"),
    "a reset inside a head behind 100": Case(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200", bad=True, ends="reset"),
}
GROUPS = {"framing": FRAMING, "chunks": CHUNKS, "no content": NO_CONTENT, "interim": INTERIM, "lines": LINES,
          "ends": ENDS}
CASES = {f"{group}: {name}": case for group, cases in GROUPS.items() for name, case in cases.items()}
