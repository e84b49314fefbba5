"""Requests over HTTP/1.1 whose end, or whose meaning, two readers could see in different places: name to `Case`.

Each is followed by `NEXT`, and most hold or are followed by `SMUGGLED`, which must never be a request of its own at the
server.
"""

from dataclasses import dataclass

HOST = b"Host: localhost\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
NEXT = b"GET /next HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
HELLO = b"5\r\nhello\r\n0\r\n\r\n"
KEY = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"


@dataclass(frozen=True)
class Case:
    """`refused`: with which statuses it may be. `method`, `target`, `body`: what the server may see of it instead;
    None: nothing at all. `gone`: fields that do not reach the server, in lower case; `kept`: those that do, with their
    values."""

    data: bytes
    refused: tuple = ()
    method: str | None = None
    target: str = "/case"
    body: bytes = b""
    gone: tuple = ()
    kept: tuple = ()
    may_end: bool = False  # the connection, behind its answer


def post(fields=b"", body=b"", *, line=b"POST /case HTTP/1.1", host=HOST):
    return line + b"\r\n" + host + fields + b"\r\n" + body


def refused(fields=b"", body=SMUGGLED, *statuses, **options):
    return Case(post(fields, body, **options), statuses or (400,))


def passed(fields=b"", sent=b"", *, body=b"", method="POST", target="/case", gone=(), kept=(), statuses=(),
           may_end=False, **options):
    """Reaches the server with this body; `statuses`: or is refused with one of them."""
    return Case(post(fields, sent, **options), statuses, method, target, body, gone, kept, may_end)


def either(*arguments, **options):
    return passed(*arguments, statuses=(400, 411, 413, 415, 417, 431, 501), **options)


def length(value, body=b"hello"):
    return refused(b"Content-Length: " + value + b"\r\n", body + SMUGGLED)


def coding(value, body=HELLO):
    """501 is what RFC 9112 §6.1 says of codings nobody knows."""
    return refused(b"Transfer-Encoding:" + value + b"\r\n", body + SMUGGLED, 400, 501)


def chunks(body):
    return refused(CHUNKED, body + SMUGGLED)


LENGTHS = {
    "CL.TE": refused(b"Content-Length: 6\r\n" + CHUNKED, b"0\r\n\r\nG"),
    "TE.CL": refused(CHUNKED + b"Content-Length: 4\r\n", b"5c\r\n" + SMUGGLED + b"0\r\n\r\n"),
    "CL.TE, the length right": refused(b"Content-Length: %d\r\n" % len(HELLO) + CHUNKED, HELLO),
    "CL.TE of length 0": refused(b"Content-Length: 0\r\n" + CHUNKED, HELLO),
    "CL.TE that folds": refused(b"Content-Length: 5\r\nTransfer-Encoding:\r\n chunked\r\n", HELLO),
    "CL.TE in HTTP/1.0": refused(b"Content-Length: 5\r\n" + CHUNKED, HELLO, line=b"POST /case HTTP/1.0"),
    "CL.CL": refused(b"Content-Length: 5\r\nContent-Length: 6\r\n", b"hello"),
    "CL.CL, first 0": refused(b"Content-Length: 0\r\nContent-Length: %d\r\n" % len(SMUGGLED)),
    "CL.CL, second 0": refused(b"Content-Length: %d\r\nContent-Length: 0\r\n" % len(SMUGGLED)),
    "CL.CL, one with a plus": refused(b"Content-Length: 5\r\nContent-Length: +5\r\n", b"hello"),
    "CL.CL, the same": either(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello", body=b"hello"),
    "a list of two lengths": length(b"5, 6"),
    "a list of one length": either(b"Content-Length: 5, 5\r\n", b"hello", body=b"hello"),
    "a length with a plus": length(b"+5"),
    "a length with a minus": length(b"-5"),
    "a length in hexadecimal": length(b"0x5"),
    "a length with letters behind": length(b"5a"),
    "a length with a space inside": length(b"5 5"),
    "a length with a comma behind": length(b"5,"),
    "a length with a parameter": length(b"5;q=1"),
    "a length with a fraction": length(b"5.0"),
    "a length with an exponent": length(b"5e0"),
    "a length with an underscore": length(b"5_0"),
    "a length in quotes": length(b'"5"'),
    "a length with NUL behind": length(b"5\0"),
    "a length with a vertical tab before": length(b"\x0b5"),
    "a length with a form feed behind": length(b"5\x0c"),
    "a length with a no-break space before": length(b"\xa05"),
    "a length in Arabic digits": length("٥".encode()),
    "a length of nothing": length(b""),
    "a length of 2^64 + 5": length(b"18446744073709551621"),
    "a length of 2^128 + 5": length(b"340282366920938463463374607431768211461"),
    "a length with zeros before": either(b"Content-Length: 0005\r\n", b"hello", body=b"hello"),
    "a length with spaces around": passed(b"Content-Length:   5  \r\n", b"hello", body=b"hello"),
    "a length with tabs around": either(b"Content-Length: \t 5 \t\r\n", b"hello", body=b"hello"),
    "a length with a space before its colon": refused(b"Content-Length : 5\r\n", b"hello"),
    "a length with a tab before its colon": refused(b"Content-Length\t: 5\r\n", b"hello"),
    "a length with NUL in its name": refused(b"Content-Length\0: 5\r\n", b"hello"),
    "a length behind a folded line": refused(b"X-A: a\r\n Content-Length: 5\r\n", b"hello"),
    "a length with a letter that is none": refused("Cοntent-Length: 5\r\n".encode(), b"hello"),
    "a length with an underscore in its name": passed(b"Content_Length: 50\r\n", gone=("content_length",)),
    "a length in odd case": passed(b"cOnTeNt-LeNgTh: 5\r\n", b"hello", body=b"hello"),
    "GET with a length": passed(
        b"Content-Length: %d\r\n" % len(SMUGGLED), SMUGGLED, body=SMUGGLED, method="GET", line=b"GET /case HTTP/1.1"),
    "GET with chunks": passed(CHUNKED, HELLO, body=b"hello", method="GET", line=b"GET /case HTTP/1.1"),
    "HEAD with a length": passed(
        b"Content-Length: 5\r\n", b"hello", body=b"hello", method="HEAD", line=b"HEAD /case HTTP/1.1"),
    "DELETE with chunks": passed(CHUNKED, HELLO, body=b"hello", method="DELETE", line=b"DELETE /case HTTP/1.1"),
    "OPTIONS with a length": passed(
        b"Content-Length: 5\r\n", b"hello", body=b"hello", method="OPTIONS", line=b"OPTIONS /case HTTP/1.1"),
    "TRACE with a length": either(
        b"Content-Length: 5\r\n", b"hello", body=b"hello", method="TRACE", line=b"TRACE /case HTTP/1.1"),
    "POST without a length": passed(b""),
    "POST of length 0": passed(b"Content-Length: 0\r\n"),
    "a length in HTTP/1.0": passed(b"Content-Length: 5\r\nConnection: keep-alive\r\n", b"hello", body=b"hello",
                                   line=b"POST /case HTTP/1.0"),
}
CODINGS = {
    "chunked twice": refused(CHUNKED * 2, HELLO),
    "chunked, chunked": coding(b" chunked, chunked"),
    "chunked, identity": coding(b" chunked, identity"),
    "identity, chunked": coding(b" identity, chunked"),
    "identity": coding(b" identity"),
    "identity with a length": refused(b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n", b"hello"),
    "gzip, chunked": coding(b" gzip, chunked"),
    "gzip": coding(b" gzip"),
    "chunked and gzip in two lines": refused(CHUNKED + b"Transfer-Encoding: gzip\r\n", HELLO),
    "gzip and chunked in two lines": refused(b"Transfer-Encoding: gzip\r\n" + CHUNKED, HELLO),
    "xchunked": coding(b" xchunked"),
    "chunkedx": coding(b" chunkedx"),
    "chunk": coding(b" chunk"),
    "chunked in quotes": coding(b' "chunked"'),
    "chunked with a parameter": coding(b" chunked;q=1"),
    "chunked with a semicolon": coding(b" chunked;"),
    "nothing": coding(b""),
    "a comma": coding(b" ,"),
    "a vertical tab before chunked": coding(b" \x0bchunked"),
    "a form feed before chunked": coding(b"\x0cchunked"),
    "a no-break space behind chunked": coding(b" chunked\xa0"),
    "NUL behind chunked": coding(b" chunked\0"),
    "CR behind chunked": coding(b" chunked\r"),
    "a fold before chunked": coding(b"\r\n chunked"),
    "a fold behind chunked": coding(b" chunked\r\n\t"),
    "a fold in it": coding(b" chun\r\n ked"),
    "a space before the colon": refused(b"Transfer-Encoding : chunked\r\n", HELLO),
    "a space before the name": refused(b"X-A: a\r\n Transfer-Encoding: chunked\r\n", HELLO),
    "a space before the name, first": refused(b"", HELLO, host=b" Transfer-Encoding: chunked\r\n" + HOST),
    "CR for a line end": refused(b"X-A: a\rTransfer-Encoding: chunked\r\n", HELLO),
    "LF for a line end": refused(b"X-A: a\nTransfer-Encoding: chunked\r\n", HELLO),
    "CR CR LF for a line end": refused(b"X-A: a\r\r\nTransfer-Encoding: chunked\r\n", HELLO),
    "a name that is no token": refused(b"Transfer Encoding: chunked\r\n", HELLO),
    "KELVIN SIGN for a k": coding(" chun\u212aed".encode()),
    "HTTP/1.0": refused(CHUNKED, HELLO, line=b"POST /case HTTP/1.0"),
    "HTTP/1.0 with keep-alive": refused(CHUNKED + b"Connection: keep-alive\r\n", HELLO, line=b"POST /case HTTP/1.0"),
    "an underscore in the name": passed(
        b"Transfer_Encoding: chunked\r\nContent-Length: 5\r\n", b"hello", body=b"hello", gone=("transfer_encoding",)),
    "a comma behind chunked": either(b"Transfer-Encoding: chunked,\r\n", HELLO, body=b"hello"),
    "odd case": passed(b"tRANSFER-eNCODING: CHUNKed\r\n", HELLO, body=b"hello"),
    "spaces around chunked": passed(b"Transfer-Encoding:   chunked  \r\n", HELLO, body=b"hello"),
    "tabs around chunked": either(b"Transfer-Encoding:\t chunked \t\r\n", HELLO, body=b"hello"),
}
CHUNKS = {
    "a chunk that holds a request": passed(
        CHUNKED, b"%x\r\n" % len(SMUGGLED) + SMUGGLED + b"\r\n0\r\n\r\n", body=SMUGGLED),
    "no chunks": passed(CHUNKED, b"0\r\n\r\n"),
    "an end of many zeros": passed(CHUNKED, b"5\r\nhello\r\n000\r\n\r\n", body=b"hello"),
    "a size in capitals": passed(CHUNKED, b"A\r\n0123456789\r\n0\r\n\r\n", body=b"0123456789"),
    "a size with zeros before": either(CHUNKED, b"0000000000000000000005\r\nhello\r\n0\r\n\r\n", body=b"hello"),
    "a size of 2^64 + 5": chunks(b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    "a size of nothing": chunks(b"\r\nhello\r\n0\r\n\r\n"),
    "a size of 0x5": chunks(b"0x5\r\nhello\r\n0\r\n\r\n"),
    "a size with a plus": chunks(b"+5\r\nhello\r\n0\r\n\r\n"),
    "a size with a minus": chunks(b"-5\r\nhello\r\n0\r\n\r\n"),
    "a size of no digits": chunks(b"g\r\nhello\r\n0\r\n\r\n"),
    "a size with a letter behind": chunks(b"5g\r\nhello\r\n0\r\n\r\n"),
    "a size with an underscore": chunks(b"0_5\r\nhello\r\n0\r\n\r\n"),
    "a size with a space before": chunks(b" 5\r\nhello\r\n0\r\n\r\n"),
    "a size with a space behind": either(CHUNKED, b"5 \r\nhello\r\n0\r\n\r\n", body=b"hello"),
    "a size with a vertical tab behind": chunks(b"5\x0b\r\nhello\r\n0\r\n\r\n"),
    "a size with NUL behind": chunks(b"5\0\r\nhello\r\n0\r\n\r\n"),
    "LF behind the size": chunks(b"5\nhello\r\n0\r\n\r\n"),
    "CR behind the size": chunks(b"5\rhello\r\n0\r\n\r\n"),
    "CR CR LF behind the size": chunks(b"5\r\r\nhello\r\n0\r\n\r\n"),
    "LF behind the data": chunks(b"5\r\nhello\n0\r\n\r\n"),
    "CR behind the data": chunks(b"5\r\nhello\r0\r\n\r\n"),
    "nothing behind the data": chunks(b"5\r\nhello0\r\n\r\n"),
    "a letter behind the data": chunks(b"5\r\nhellox\r\n0\r\n\r\n"),
    "two line ends behind the data": chunks(b"5\r\nhello\r\n\r\n0\r\n\r\n"),
    "LF behind the last size": chunks(b"5\r\nhello\r\n0\n\r\n"),
    "LF for the last line": chunks(b"5\r\nhello\r\n0\r\n\n"),
    "CR for the last line": chunks(b"5\r\nhello\r\n0\r\n\rX"),
    "an extension": passed(CHUNKED, b"5;a=b\r\nhello\r\n0;c\r\n\r\n", body=b"hello"),
    "an extension in quotes": passed(CHUNKED, b'5;a="b;c\\"d"\r\nhello\r\n0\r\n\r\n', body=b"hello"),
    "an extension with white space": either(CHUNKED, b"5 ; a = b\r\nhello\r\n0\r\n\r\n", body=b"hello"),
    "an extension without a name": either(CHUNKED, b"5;\r\nhello\r\n0\r\n\r\n", body=b"hello"),
    "an extension with LF": chunks(b"5;a\nhello\r\n0\r\n\r\n"),
    "an extension with LF that ends another chunk": chunks(b"2;\nxx\r\n%x\r\n0\r\n\r\n" % (len(SMUGGLED) + 7)),
    "an extension with CR": chunks(b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    "an extension with a line end in quotes": chunks(b'5;a="\r\n"\r\nhello\r\n0\r\n\r\n'),
    "an extension with LF in quotes": chunks(b'5;a="\n"\r\nhello\r\n0\r\n\r\n'),
    "an extension with NUL": either(CHUNKED, b"5;a=\0\r\nhello\r\n0\r\n\r\n", body=b"hello"),
    "an extension of 20 kB": either(CHUNKED, b"5;a=" + b"b" * 20_000 + b"\r\nhello\r\n0\r\n\r\n", body=b"hello"),
    "an extension that names a coding": passed(
        CHUNKED, b"5;Transfer-Encoding: gzip\r\nhello\r\n0\r\n\r\n", body=b"hello", statuses=(400,)),
}
TRAILERS = {
    "a trailer": passed(CHUNKED, b"5\r\nhello\r\n0\r\nX-A: b\r\n\r\n", body=b"hello"),
    **{f"{name} as a trailer": either(
        CHUNKED, b"5\r\nhello\r\n0\r\n" + name.encode() + b": " + value + b"\r\n\r\n", body=b"hello")
       for name, value in [
           ("Content-Length", b"50"), ("Transfer-Encoding", b"chunked"), ("Host", b"other"), ("Connection", b"x-a"),
           ("Trailer", b"X-A"), ("Upgrade", b"websocket"), ("Authorization", b"Basic eA=="), ("Cookie", b"a=b"),
           ("Expect", b"100-continue"), ("TE", b"trailers"), ("Content-Type", b"a/b")]},
    **{f"{name} as a trailer, where the server takes it for the gateway's": either(
        CHUNKED, b"0\r\n" + name.encode() + b": 192.0.2.1\r\n\r\n")
       for name in ["X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Request-Id", "X_Forwarded_For", "Via"]},
    "a trailer that folds": chunks(b"0\r\nX-A: a\r\n b\r\n\r\n"),
    "a trailer with a space before its colon": chunks(b"0\r\nX-A : a\r\n\r\n"),
    "a trailer with LF for its end": chunks(b"0\r\nX-A: a\n\r\n"),
    "a trailer with CR in it": chunks(b"0\r\nX-A: a\rb\r\n\r\n"),
    "a trailer with NUL in it": chunks(b"0\r\nX-A: a\0b\r\n\r\n"),
    "a trailer without a colon": chunks(b"0\r\nX-A\r\n\r\n"),
    "a trailer that is a request line": chunks(b"0\r\nGET /smuggled HTTP/1.1\r\n\r\n"),
}
GRAMMAR = {
    "a folded line": refused(b"X-A: a\r\n b\r\n"),
    "a line folded with a tab": refused(b"X-A: a\r\n\tb\r\n"),
    "CR in a value": refused(b"X-A: a\rb\r\n"),
    "LF for every line end": Case(post().replace(b"\r\n", b"\n") + SMUGGLED, (400,)),
    "LF after the request line": Case(post().replace(b"\r\n", b"\n", 1) + SMUGGLED, (400,)),
    "LF for the empty line": Case(post()[:-2] + b"\n" + SMUGGLED, (400,)),
    "CR for the empty line": Case(post()[:-2] + b"\r" + SMUGGLED, (400,)),
    "NUL in the target": refused(line=b"POST /ca\0se HTTP/1.1"),
    "NUL in a name": refused(b"X\0A: a\r\n"),
    "NUL in a value": refused(b"X-A: a\0b\r\n"),
    "a control character in a value": refused(b"X-A: a\x01b\r\n"),
    "DEL in a value": refused(b"X-A: a\x7fb\r\n"),
    "a space before the colon": refused(b"X-A : a\r\n"),
    "a name that is no token": refused(b"X(A): a\r\n"),
    "a name beyond ASCII": refused("X-É: a\r\n".encode()),
    "no name": refused(b": a\r\n"),
    "a name of HTTP/2's": refused(b":authority: other\r\n"),
    "no colon": refused(b"X-A\r\n"),
    "a space before the method": Case(b" " + post() + SMUGGLED, (400,)),
    "two spaces before the target": either(line=b"POST  /case HTTP/1.1"),
    "a tab before the target": refused(line=b"POST\t/case HTTP/1.1"),
    "a space in the target": refused(line=b"POST /case /x HTTP/1.1"),
    "a request line in the target": refused(line=b"POST /case HTTP/1.1 /x HTTP/1.1"),
    "a space behind the version": refused(line=b"POST /case HTTP/1.1 "),
    "a target beyond ASCII": refused(line="POST /cäse HTTP/1.1".encode()),
    "no version": Case(b"POST /case\r\n\r\n" + SMUGGLED, (400,)),
    "HTTP/0.9": Case(b"POST /case HTTP/0.9\r\n" + HOST + b"\r\n" + SMUGGLED, (400, 505)),
    "HTTP/1.2": either(line=b"POST /case HTTP/1.2"),
    "HTTP/2.0": Case(post(line=b"POST /case HTTP/2.0") + SMUGGLED, (400, 505)),
    "a method in lower case": either(line=b"post /case HTTP/1.1", method="post"),
    "a method nobody knows": either(line=b"BREW /case HTTP/1.1", method="BREW"),
    "CONNECT": refused(b"", SMUGGLED, 400, 405, 501, line=b"CONNECT localhost:80 HTTP/1.1"),
    "an empty line before": Case(b"\r\n" + post(), (400,), "POST"),
    "line ends in percent-encoding": either(
        line=b"POST /case%0d%0aX-A:%20a HTTP/1.1", target="/case%0d%0aX-A:%20a"),
    "bytes beyond ASCII in a value": passed("X-A: é\r\n".encode(), kept=(("x-a", "é".encode().decode("latin-1")),)),
}
HOSTS = {
    "no Host": refused(host=b""),
    "two Hosts": refused(b"Host: other\r\n"),
    "the same Host twice": refused(HOST),
    "a Host with a space before its colon": refused(host=b"Host : localhost\r\n"),
    "a Host that folds": refused(host=b"Host:\r\n localhost\r\n"),
    "a second Host that folds": refused(b" Host: other\r\n"),
    "a list of Hosts": refused(host=b"Host: localhost, other\r\n"),
    "a Host with a path": refused(host=b"Host: localhost/x\r\n"),
    "a Host with a user": refused(host=b"Host: x@localhost\r\n"),
    "a Host with a fragment": refused(host=b"Host: localhost#x\r\n"),
    "a Host with a line end in it": refused(host=b"Host: local\rhost\r\n"),
    "an absolute URL": passed(line=b"POST http://localhost/case HTTP/1.1", kept=(("host", "localhost"),)),
    "an absolute URL of another host": passed(
        line=b"POST http://other/case HTTP/1.1", kept=(("host", "other"),), statuses=(400,)),
    "an absolute URL of another scheme": refused(line=b"POST ftp://localhost/case HTTP/1.1"),
    "an absolute URL with a user": refused(line=b"POST http://x@localhost/case HTTP/1.1"),
    "an absolute URL without a host": refused(line=b"POST http:///case HTTP/1.1"),
    "an authority for a target": refused(line=b"POST localhost:80 HTTP/1.1"),
    "a path without its slash": refused(line=b"POST case HTTP/1.1"),
    "the asterisk with OPTIONS": either(line=b"OPTIONS * HTTP/1.1", method="OPTIONS", target="*"),
    "the asterisk with POST": refused(line=b"POST * HTTP/1.1"),
    "a fragment in the target": refused(line=b"POST /case#x HTTP/1.1"),
}
HOP_BY_HOP = {
    **{f"Connection that nominates {name}": either(
        b"Connection: " + name.encode() + b"\r\nContent-Length: 5\r\n", b"hello", body=b"hello")
       for name in ["Content-Length", "Host", "X-Forwarded-For", "Forwarded", "X-Forwarded-Proto", "Via", "Cookie"]},
    "Connection that nominates Transfer-Encoding": either(
        b"Connection: Transfer-Encoding\r\n" + CHUNKED, HELLO, body=b"hello"),
    "Connection that nominates X-A": passed(
        b"Connection: x-a, X-B\r\nX-A: a\r\nX-B: b\r\nX-C: c\r\n", gone=("x-a", "x-b"), kept=(("x-c", "c"),)),
    "two lines of Connection": passed(
        b"Connection: x-a\r\nConnection: keep-alive\r\nX-A: a\r\n", gone=("x-a",)),
    "Connection with empty elements": passed(b"Connection: ,, x-a ,\r\nX-A: a\r\n", gone=("x-a",)),
    "Keep-Alive": passed(b"Connection: keep-alive\r\nKeep-Alive: timeout=9\r\n", gone=("keep-alive",)),
    "Proxy-Connection": passed(b"Proxy-Connection: close\r\n", gone=("proxy-connection",), may_end=True),
    "TE of gzip": passed(b"TE: gzip\r\nConnection: TE\r\n", gone=("te",)),
    "an upgrade to h2c": passed(
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
        gone=("upgrade", "http2-settings"), may_end=True),
    "an upgrade to h2c with a body": passed(
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
        b"Content-Length: 5\r\n", b"hello", body=b"hello", gone=("upgrade", "http2-settings"), may_end=True),
    "an upgrade that Connection does not name": passed(b"Upgrade: h2c\r\n", gone=("upgrade",), may_end=True),
    "an upgrade to TLS": passed(b"Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n", gone=("upgrade",), may_end=True),
    "a WebSocket with a body": refused(
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n" + KEY, b"hello" + SMUGGLED,
        line=b"GET /case HTTP/1.1"),
    "a WebSocket with chunks": refused(
        b"Connection: Upgrade\r\nUpgrade: websocket\r\n" + CHUNKED + KEY, HELLO + SMUGGLED, line=b"GET /case HTTP/1.1"),
}
EXPECTATIONS = {
    "100-continue": passed(b"Expect: 100-continue\r\nContent-Length: 5\r\n", b"hello", body=b"hello"),
    "100-Continue in odd case": passed(b"Expect: 100-CONTINUE\r\nContent-Length: 5\r\n", b"hello", body=b"hello"),
    "100-continue without a body": passed(b"Expect: 100-continue\r\n"),
    "100-continue twice": either(
        b"Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 5\r\n", b"hello", body=b"hello"),
    "100-continue with chunks": passed(b"Expect: 100-continue\r\n" + CHUNKED, HELLO, body=b"hello"),
    "100-continue of HTTP/1.0": passed(
        b"Expect: 100-continue\r\nContent-Length: 5\r\nConnection: keep-alive\r\n", b"hello", body=b"hello",
        line=b"POST /case HTTP/1.0"),
    **{f"{value.decode()!r} expected": either(
        b"Expect: " + value + b"\r\nContent-Length: 5\r\n", b"hello", body=b"hello")
       for value in [b"", b"x", b"100-continue, x", b"y 100-continue", b"100-continue;q=1", b"200-ok"]},
}
GROUPS = {"length": LENGTHS, "coding": CODINGS, "chunks": CHUNKS, "trailers": TRAILERS, "grammar": GRAMMAR,
          "host": HOSTS, "hop by hop": HOP_BY_HOP, "expect": EXPECTATIONS}
CASES = {f"{group}: {name}": case for group, cases in GROUPS.items() for name, case in cases.items()}
