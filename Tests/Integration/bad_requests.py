"""Opening handshakes that are refused: name to bytes, status and fields of the answer."""

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
HOST = b"Host: localhost\r\n"
UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY + b"\r\n")
# A handshake that is in order: where another reading of the request before it would make it the next one, it would
# be served.
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + UPGRADE + b"\r\n"


def request(fields=b"", line=b"GET / HTTP/1.1", *, host=HOST, upgrade=UPGRADE, body=b""):
    return line + b"\r\n" + host + upgrade + fields + b"\r\n" + body + SMUGGLED


def keyed(key):
    return request(upgrade=UPGRADE.replace(KEY, key))


def versioned(version):
    return request(upgrade=UPGRADE.replace(b"13", version))


BODY_ENDS_IN_DOUBT = {
    "chunked": request(b"Transfer-Encoding: chunked\r\n", body=b"0\r\n\r\n"),
    "chunks with an extension": request(b"Transfer-Encoding: chunked\r\n", body=b"5;x=\"\r\n\"\r\nhello\r\n0\r\n\r\n"),
    "chunked, then a length": request(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", body=b"0\r\n\r\n"),
    "a length, then chunked": request(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", body=b"0\r\n\r\n"),
    "chunked twice": request(b"Transfer-Encoding: chunked\r\n" * 2, body=b"0\r\n\r\n"),
    "chunked, identity": request(b"Transfer-Encoding: chunked, identity\r\n", body=b"0\r\n\r\n"),
    "identity": request(b"Transfer-Encoding: identity\r\n"),
    "gzip, chunked": request(b"Transfer-Encoding: gzip, chunked\r\n", body=b"0\r\n\r\n"),
    "xchunked": request(b"Transfer-Encoding: xchunked\r\n"),
    "a vertical tab before chunked": request(b"Transfer-Encoding: \x0bchunked\r\n", body=b"0\r\n\r\n"),
    "a space after Transfer-Encoding": request(b"Transfer-Encoding : chunked\r\n", body=b"0\r\n\r\n"),
    "a fold before chunked": request(b"Transfer-Encoding:\r\n chunked\r\n", body=b"0\r\n\r\n"),
    "a body": request(b"Content-Length: 5\r\n", body=b"hello"),
    "the smuggled request as the body": request(b"Content-Length: %d\r\n" % len(SMUGGLED)),
    "the same length twice": request(b"Content-Length: 0\r\nContent-Length: 0\r\n"),
    "two lengths": request(b"Content-Length: 0\r\nContent-Length: 5\r\n", body=b"hello"),
    "a list of lengths": request(b"Content-Length: 0, 0\r\n"),
    "a length with a sign": request(b"Content-Length: +0\r\n"),
    "a length below zero": request(b"Content-Length: -1\r\n"),
    "a length in hexadecimal": request(b"Content-Length: 0x0\r\n"),
    "a length of two zeros": request(b"Content-Length: 00\r\n"),
    "a length of nothing": request(b"Content-Length:\r\n"),
    "a length of 2^64 - 1": request(b"Content-Length: 18446744073709551615\r\n"),
    "a length of 2^64": request(b"Content-Length: 18446744073709551616\r\n"),
}
GRAMMAR = {
    "a folded line": request(b"X-A: a\r\n b\r\n"),
    "a line folded with a tab": request(b"X-A: a\r\n\tb\r\n"),
    "a fold before the first field": request(host=b" X-A: a\r\n" + HOST),
    "CR in a value": request(b"X-A: a\rb\r\n"),
    "CR for a line end": request(b"X-A: a\rX-B: b\r\n"),
    "CR before CR LF": request(b"X-A: a\r\r\n"),
    "LF for a line end": request(b"X-A: a\nX-B: b\r\n"),
    "LF for every line end": request().replace(b"\r\n", b"\n"),
    "LF after the request line": request().replace(b"\r\n", b"\n", 1),
    "LF for the empty line": b"GET / HTTP/1.1\r\n" + HOST + UPGRADE + b"\n" + SMUGGLED,
    "NUL before everything": b"\0" + request(),
    "NUL in the target": request(line=b"GET /a\0b HTTP/1.1"),
    "NUL in a name": request(b"X\0A: a\r\n"),
    "NUL in a value": request(b"X-A: a\0b\r\n"),
    "a control character in a value": request(b"X-A: a\x01b\r\n"),
    "DEL in a value": request(b"X-A: a\x7fb\r\n"),
    "a space before the colon": request(b"X-A : a\r\n"),
    "a tab before the colon": request(b"X-A\t: a\r\n"),
    "a space in a name": request(b"X A: a\r\n"),
    "a name that is no token": request(b"X(A): a\r\n"),
    "a name beyond ASCII": request("X-É: a\r\n".encode()),
    "no name": request(b": a\r\n"),
    "no colon": request(b"X-A\r\n"),
    "a space before the method": request(line=b" GET / HTTP/1.1"),
    "a tab for a space": request(line=b"GET\t/ HTTP/1.1"),
    "a space after the version": request(line=b"GET / HTTP/1.1 "),
    "a space in the target": request(line=b"GET /a b HTTP/1.1"),
    "a method nobody knows": request(line=b"BREW / HTTP/1.1"),
    "a method in lower case": request(line=b"get / HTTP/1.1"),
    "http in lower case": request(line=b"GET / http/1.1"),
}
HOSTS = {
    "no Host": request(host=b""),
    "the same Host twice": request(HOST),
    "two Hosts": request(b"Host: other\r\n"),
    "an empty Host": request(host=b"Host:\r\n"),
    "a list of Hosts": request(host=b"Host: localhost, other\r\n"),
    "a Host with a path": request(host=b"Host: localhost/x\r\n"),
    "a Host with a user": request(host=b"Host: user@localhost\r\n"),
    "a Host with a space": request(host=b"Host: local host\r\n"),
    "a Host with two colons": request(host=b"Host: localhost:80:80\r\n"),
    "a Host whose port is no number": request(host=b"Host: localhost:http\r\n"),
    "a Host with a bracket that closes nothing": request(host=b"Host: local]host\r\n"),
    "a Host with a bracket that is not closed": request(host=b"Host: [::1\r\n"),
    "a Host beyond ASCII": request(host="Host: höst\r\n".encode()),
}
TARGETS = {
    "an absolute URL of another host": request(line=b"GET http://other/ HTTP/1.1"),
    "an absolute URL with a user": request(line=b"GET http://user@localhost/ HTTP/1.1"),
    "an absolute URL of another scheme": request(line=b"GET ftp://localhost/ HTTP/1.1"),
    "an absolute URL without a host": request(line=b"GET http:///x HTTP/1.1"),
    "the asterisk": request(line=b"OPTIONS * HTTP/1.1"),
    "the asterisk with GET": request(line=b"GET * HTTP/1.1"),
    "CONNECT": request(line=b"CONNECT localhost:80 HTTP/1.1"),
    "CONNECT without an upgrade": request(line=b"CONNECT localhost:80 HTTP/1.1", upgrade=b""),
    "an authority with GET": request(line=b"GET localhost:80 HTTP/1.1"),
    "a path without its slash": request(line=b"GET x HTTP/1.1"),
    "a fragment": request(line=b"GET /x#y HTTP/1.1"),
    "a target beyond ASCII": request(line="GET /é HTTP/1.1".encode()),
    "no target": request(line=b"GET HTTP/1.1"),
}
VERSIONS_OF_HTTP = {
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/0.9 by name": request(line=b"GET / HTTP/0.9"),
    "HTTP/1.2": request(line=b"GET / HTTP/1.2"),
    "HTTP/2.0": request(line=b"GET / HTTP/2.0"),
    "HTTP/11.1": request(line=b"GET / HTTP/11.1"),
    "HTTP/1.1x": request(line=b"GET / HTTP/1.1x"),
}
OTHER_PROTOCOLS = {
    "a preface of HTTP/2 gone wrong": b"PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n\0\0\0\4\0\0\0\0\0",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 2,
    "an SSL 2 hello": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(range(37)),
    "PROXY, version 1": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + request(),
    "PROXY, version 2": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12) + request(),
    "SSH": b"SSH-2.0-OpenSSH_9.0\r\n",
    "SMTP": b"EHLO localhost\r\n",
    "SOCKS 5": b"\x05\x01\x00",
    "a frame": b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
}
KEYS = {
    "no key": keyed(b""),
    "the same key twice": request(b"Sec-WebSocket-Key: " + KEY + b"\r\n"),
    "a list of keys": keyed(KEY + b", " + KEY),
    "a key in quotes": keyed(b'"' + KEY + b'"'),
    "a key of 15 bytes": keyed(b"AAAAAAAAAAAAAAAAAAAA"),
    "a key of 17 bytes": keyed(b"AQIDBAUGBwgJCgsMDQ4PEBE="),
    "a key of 18 bytes": keyed(b"A" * 24),
    "a key without padding": keyed(KEY.rstrip(b"=")),
    "a key with a space in it": keyed(KEY[:23] + b" ="),
    "a key for URLs": keyed(b"-_" + KEY[2:]),
    "a key of 300 letters": keyed(b"A" * 300),
}
MALFORMED = {
    **BODY_ENDS_IN_DOUBT, **GRAMMAR, **HOSTS, **TARGETS, **VERSIONS_OF_HTTP, **OTHER_PROTOCOLS, **KEYS,
}
WRONG_VERSIONS = {
    **{f"version {text}": versioned(text.encode())
       for text in ("0", "7", "8", "12", "14", "255", "013", "13.0", "+13", "-13", "thirteen", "13, 8", "8, 13", "")},
    "version 13 twice": request(b"Sec-WebSocket-Version: 13\r\n"),
    "draft 7": b"GET / HTTP/1.1\r\n" + HOST + UPGRADE.replace(b"13", b"7")
               + b"Sec-WebSocket-Origin: http://localhost\r\n"
               + b"Sec-WebSocket-Extensions: deflate-stream\r\n\r\n" + SMUGGLED,
    "hixie-75": b"GET / HTTP/1.1\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n" + HOST
                + b"Origin: http://localhost\r\n\r\n" + SMUGGLED,
    "hixie-76": b"GET / HTTP/1.1\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n" + HOST
                + b"Origin: http://localhost\r\nSec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n"
                + b"Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n\r\n^n:ds[4U" + SMUGGLED,
}
NO_WEBSOCKET = {
    "HTTP/1.0": request(line=b"GET / HTTP/1.0"),
    "HTTP/1.0 without Host": request(line=b"GET / HTTP/1.0", host=b""),
    "a POST with a body": request(b"Content-Length: 5\r\n", b"POST / HTTP/1.1", upgrade=b"", body=b"hello"),
    "Upgrade alone": request(b"Upgrade: websocket\r\n", upgrade=b"Connection: close\r\n"),
}
OVERSIZED = {
    "a long target": request(line=b"GET /" + b"a" * 20_000 + b" HTTP/1.1"),
    "a target of 2 MB": request(line=b"GET /" + b"a" * 2_000_000 + b" HTTP/1.1"),
    "a long query": request(line=b"GET /?" + b"a" * 20_000 + b" HTTP/1.1"),
    "a long value": request(b"X-A: " + b"a" * 20_000 + b"\r\n"),
    "a long name": request(b"A" * 20_000 + b": a\r\n"),
    "a long cookie of many lines": request(b"Cookie: a=b; c=d\r\n" * 1000),
    "many fields": request(b"".join(b"X-%d: a\r\n" % number for number in range(3000))),
    "many empty fields": request(b"X:\r\n" * 5000),
    # Five are there already.
    "257 fields": request(b"X: a\r\n" * 252),
}
CASES = {
    **{name: (data, 400, {}) for name, data in MALFORMED.items()},
    **{name: (data, 426, {"sec_websocket_version": "13"}) for name, data in WRONG_VERSIONS.items()},
    **{name: (data, 426, {"upgrade": "websocket"}) for name, data in NO_WEBSOCKET.items()},
    **{name: (data, 431, {}) for name, data in OVERSIZED.items()},
}
