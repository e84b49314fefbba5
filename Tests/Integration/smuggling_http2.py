"""Requests over HTTP/2 that would be more than one, or another one, written down for a server over HTTP/1.1: name to
`Case`."""

from dataclasses import dataclass

from http2_raw import END_HEADERS, END_STREAM, data, frame, HEADERS, literal
from smuggling import SMUGGLED

SPLIT = b"HTTP/1.1\r\nHost: localhost\r\n\r\nGET /smuggled"
PSEUDO = {b":method": b"POST", b":scheme": b"http", b":path": b"/case", b":authority": b"localhost"}


@dataclass(frozen=True)
class Case:
    """`fields`: of the request, pseudo-fields included; `content`: payloads of DATA; `trailers`: None: there are none.
    `is_refused`: whether it may, or must, be refused; the rest as in `smuggling.Case`."""

    fields: tuple
    content: tuple = ()
    trailers: tuple | None = None
    is_refused: bool = False
    method: str | None = None
    target: str = "/case"
    body: bytes = b""
    gone: tuple = ()
    kept: tuple = ()

    def frames(self, stream):
        """All of it on this stream."""
        block = b"".join(literal(*one) for one in self.fields)
        ends = END_STREAM if not self.content and self.trailers is None else 0
        frames = [frame(HEADERS, block, stream=stream, flags=END_HEADERS | ends)]
        for number, payload in enumerate(self.content, 1):
            ends = END_STREAM if number == len(self.content) and self.trailers is None else 0
            frames.append(data(stream, payload, ends))
        if self.trailers is not None:
            block = b"".join(literal(*one) for one in self.trailers)
            frames.append(frame(HEADERS, block, stream=stream, flags=END_HEADERS | END_STREAM))
        return frames


def _request(fields, replaced):
    pseudo = {**PSEUDO, **{b":" + name.encode(): value for name, value in replaced.items()}}
    return (*((name, value) for name, value in pseudo.items() if value is not None), *fields)


def refused(*fields, content=(), trailers=None, **replaced):
    return Case(_request(fields, replaced), content, trailers, True)


def passed(*fields, content=(), trailers=None, body=None, sees=None, gone=(), kept=(), is_refused=False, **replaced):
    method = replaced.get("method", b"POST").decode()
    target = replaced.get("path", b"/case").decode("latin-1")
    return Case(_request(fields, replaced), content, trailers, is_refused, method, sees or target,
                b"".join(content) if body is None else body, gone, kept)


def either(*fields, **options):
    return passed(*fields, is_refused=True, **options)


def with_field(name, value):
    return refused((name, value))


def of_length(value, *content):
    return refused((b"content-length", value), content=content)


PSEUDO_FIELDS = {
    "a request in the path": refused(path=b"/case " + SPLIT),
    "a space in the path": refused(path=b"/case x"),
    "a line end in the path": refused(path=b"/case\r\nX-A: a"),
    "LF in the path": refused(path=b"/case\nX-A: a"),
    "CR in the path": refused(path=b"/case\rX-A: a"),
    "a tab in the path": refused(path=b"/case\tx"),
    "NUL in the path": refused(path=b"/case\0"),
    "DEL in the path": refused(path=b"/case\x7f"),
    "a path beyond ASCII": refused(path="/cäse".encode()),
    "a path of nothing": refused(path=b""),
    "no path": refused(path=None),
    "a path without its slash": refused(path=b"case"),
    "a URL for a path": refused(path=b"http://other/case"),
    "an authority before the path": refused(path=b"other/case"),
    "a fragment in the path": refused(path=b"/case#x"),
    "the asterisk with POST": refused(path=b"*"),
    "a path of two slashes": either(path=b"//other/case"),
    "a request in the method": refused(method=b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\nGET"),
    "a target in the method": refused(method=b"GET /smuggled"),
    "a line end in the method": refused(method=b"GET\r\n"),
    "a tab in the method": refused(method=b"GET\t/smuggled"),
    "a method of nothing": refused(method=b""),
    "no method": refused(method=None),
    "a method that is no token": refused(method=b"GET/"),
    "a method beyond ASCII": refused(method="GÉT".encode()),
    "CONNECT": refused(method=b"CONNECT"),
    "CONNECT as it has to be": refused(method=b"CONNECT", scheme=None, path=None, authority=b"localhost:80"),
    "CONNECT of another protocol": refused(method=b"CONNECT", protocol=b"connect-udp"),
    "a protocol without CONNECT": refused(protocol=b"websocket"),
    "a method nobody knows": either(method=b"BREW"),
    "a line end in the scheme": refused(scheme=b"http\r\nX-A: a"),
    "a URL in the scheme": refused(scheme=b"http://other/smuggled"),
    "no scheme": refused(scheme=None),
    "a scheme of nothing": refused(scheme=b""),
    "a line end in the authority": refused(authority=b"localhost\r\nX-A: a"),
    "a request in the authority": refused(authority=b"localhost\r\n\r\n" + SMUGGLED),
    "a space in the authority": refused(authority=b"local host"),
    "a path in the authority": refused(authority=b"localhost/x"),
    "a user in the authority": refused(authority=b"x@localhost"),
    "an authority beyond ASCII": refused(authority="höst".encode()),
    "no authority and no Host": refused(authority=None),
    "Host for an authority": passed((b"host", b"localhost"), authority=None, kept=(("host", "localhost"),)),
    "another Host": refused((b"host", b"other")),
    "the same Host": passed((b"host", b"localhost"), kept=(("host", "localhost"),)),
    "two Hosts": refused((b"host", b"localhost"), (b"host", b"localhost"), authority=None),
    "two Hosts, one another": refused((b"host", b"localhost"), (b"host", b"other")),
    "two paths": refused((b":path", b"/smuggled")),
    "a pseudo-field behind a field": refused((b"x-a", b"a"), (b":path", b"/case"), path=None),
    "a pseudo-field nobody knows": refused((b":x", b"a")),
    "a pseudo-field of answers": refused((b":status", b"200")),
}
FIELDS = {
    "Transfer-Encoding": with_field(b"transfer-encoding", b"chunked"),
    "Transfer-Encoding of identity": with_field(b"transfer-encoding", b"identity"),
    "Transfer-Encoding and chunks": refused(
        (b"transfer-encoding", b"chunked"), content=(b"0\r\n\r\n" + SMUGGLED,)),
    "Connection": with_field(b"connection", b"close"),
    "Connection that nominates": refused((b"connection", b"x-a"), (b"x-a", b"a")),
    "Keep-Alive": with_field(b"keep-alive", b"timeout=9"),
    "Proxy-Connection": with_field(b"proxy-connection", b"keep-alive"),
    "Upgrade": with_field(b"upgrade", b"h2c"),
    "TE of gzip": with_field(b"te", b"gzip"),
    "TE of trailers": passed((b"te", b"trailers")),
    "a line end in a value": with_field(b"x-a", b"a\r\nX-B: b"),
    "a request in a value": with_field(b"x-a", b"a\r\n\r\n" + SMUGGLED),
    "LF in a value": with_field(b"x-a", b"a\nX-B: b"),
    "CR in a value": with_field(b"x-a", b"a\rX-B: b"),
    "NUL in a value": with_field(b"x-a", b"a\0b"),
    "LF at the end of a value": with_field(b"x-a", b"a\n"),
    "a length behind a line end in a value": refused((b"x-a", b"a\r\nContent-Length: 0"), content=(SMUGGLED,)),
    "chunked behind a line end in a value": refused(
        (b"x-a", b"a\r\nTransfer-Encoding: chunked"), content=(b"0\r\n\r\n" + SMUGGLED,)),
    "a control character in a value": either((b"x-a", b"a\x01b"), gone=("x-a",)),
    "white space around a value": either((b"x-a", b" a "), kept=(("x-a", "a"),)),
    "a line end in a name": with_field(b"x-a: a\r\nx-b", b"b"),
    "a line end in a name, and no colon": with_field(b"x-a\r\n", b"b"),
    "a colon in a name": with_field(b"x-a: a", b"b"),
    "a name that ends with a colon": with_field(b"transfer-encoding:", b"chunked"),
    "a space behind a name": with_field(b"transfer-encoding ", b"chunked"),
    "a space before a name": with_field(b" transfer-encoding", b"chunked"),
    "a name in capitals": with_field(b"X-A", b"a"),
    "Transfer-Encoding in capitals": with_field(b"Transfer-Encoding", b"chunked"),
    "NUL in a name": with_field(b"x\0a", b"a"),
    "a name beyond ASCII": with_field("é".encode(), b"a"),
    "an underscore for a hyphen": passed((b"transfer_encoding", b"chunked"), gone=("transfer_encoding",)),
    "crumbs of a cookie": passed(
        (b"cookie", b"a=b"), (b"x-a", b"a"), (b"cookie", b"c=d; e=f"), (b"cookie", b"g=h"),
        kept=(("cookie", "a=b; c=d; e=f; g=h"),)),
    "a forged address": passed((b"x-forwarded-for", b"192.0.2.1"), (b"x-forwarded-proto", b"https")),
    "bytes beyond ASCII in a value": passed(
        (b"x-a", "é".encode()), kept=(("x-a", "é".encode().decode("latin-1")),)),
}
CONTENT = {
    "a length": passed((b"content-length", b"5"), content=(b"hello",)),
    "a length in two frames": passed((b"content-length", b"5"), content=(b"he", b"llo")),
    "a length of 0": passed((b"content-length", b"0")),
    "no length": passed(content=(b"hello",)),
    "a request for a body": passed(content=(SMUGGLED,)),
    "a request behind chunks for a body": passed(content=(b"0\r\n\r\n" + SMUGGLED,)),
    "chunks for a body with a length": passed(
        (b"content-length", b"%d" % (5 + len(SMUGGLED))), content=(b"0\r\n\r\n" + SMUGGLED,)),
    "frames of nothing": passed(content=(b"", b"", b"hello", b"")),
    "a body of nothing": passed(content=(b"",)),
    "GET with a body": passed(content=(b"hello",), method=b"GET"),
    "GET with a request for a body": passed(content=(SMUGGLED,), method=b"GET"),
    "GET with a length of 0": passed((b"content-length", b"0"), method=b"GET"),
    "less than its length": of_length(b"10", b"hello"),
    "less than its length, a request": of_length(b"%d" % (len(SMUGGLED) + 5), SMUGGLED),
    "nothing of its length": of_length(b"5"),
    "frames of nothing for its length": of_length(b"5", b"", b""),
    "more than its length": of_length(b"3", b"hello"),
    "more than its length, a request": of_length(b"0", SMUGGLED),
    "a request behind its length": of_length(b"5", b"hello" + SMUGGLED),
    # The first frame is a whole request already: what comes then can not make it another.
    "a request in the frame behind its length": either(
        (b"content-length", b"5"), content=(b"hello", SMUGGLED), body=b"hello"),
    "GET with less than its length": refused((b"content-length", b"5"), method=b"GET"),
    "two lengths": refused((b"content-length", b"5"), (b"content-length", b"6"), content=(b"hello",)),
    "the same length twice": either((b"content-length", b"5"), (b"content-length", b"5"), content=(b"hello",)),
    "a list of lengths": of_length(b"5, 6", b"hello"),
    "a length with a plus": of_length(b"+5", b"hello"),
    "a length with a minus": of_length(b"-5", b"hello"),
    "a length in hexadecimal": of_length(b"0x5", b"hello"),
    "a length of nothing": of_length(b"", b"hello"),
    "a length of words": of_length(b"five", b"hello"),
    "a length with a space inside": of_length(b"5 5", b"hello"),
    "a length of 2^64 + 5": of_length(b"18446744073709551621", b"hello"),
    "100-continue": passed((b"expect", b"100-continue"), content=(b"hello",)),
    "a WebSocket of HTTP/1.1": refused(
        (b"connection", b"Upgrade"), (b"upgrade", b"websocket"), (b"sec-websocket-version", b"13"), method=b"GET"),
}
TRAILERS = {
    "trailers": passed(content=(b"hello",), trailers=((b"x-a", b"a"),)),
    "trailers and a length": passed((b"content-length", b"5"), content=(b"hello",), trailers=((b"x-a", b"a"),)),
    "trailers and no body": passed(trailers=((b"x-a", b"a"),)),
    "trailers of nothing": passed(content=(b"hello",), trailers=()),
    "trailers before the length is there": refused(
        (b"content-length", b"10"), content=(b"hello",), trailers=((b"x-a", b"a"),)),
    "a pseudo-field among trailers": refused(content=(b"hello",), trailers=((b":path", b"/smuggled"),)),
    "a line end among trailers": refused(content=(b"hello",), trailers=((b"x-a", b"a\r\n\r\n" + SMUGGLED),)),
    "a line end in the name of a trailer": refused(
        content=(b"hello",), trailers=((b"x-a\r\n\r\nget /smuggled", b"a"),)),
    "a name in capitals among trailers": refused(content=(b"hello",), trailers=((b"X-A", b"a"),)),
    "Connection among trailers": refused(content=(b"hello",), trailers=((b"connection", b"close"),)),
    "Transfer-Encoding among trailers": refused(content=(b"hello",), trailers=((b"transfer-encoding", b"chunked"),)),
    **{f"{name.decode()} among trailers": either(content=(b"hello",), trailers=((name, value),))
       for name, value in [(b"content-length", b"50"), (b"host", b"other"), (b"expect", b"100-continue"),
                           (b"authorization", b"Basic eA=="), (b"cookie", b"a=b"), (b"trailer", b"x-a"),
                           (b"x-forwarded-for", b"192.0.2.1"), (b"forwarded", b"for=192.0.2.1"),
                           (b"x-request-id", b"x"), (b"via", b"1.0 x")]},
}
GROUPS = {"pseudo": PSEUDO_FIELDS, "fields": FIELDS, "content": CONTENT, "trailers": TRAILERS}
CASES = {f"{group}: {name}": case for group, cases in GROUPS.items() for name, case in cases.items()}
