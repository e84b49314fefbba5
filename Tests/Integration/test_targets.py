"""Paths and hosts that can be written in several ways: no spelling talks a rule away, and both HTTP versions decide
alike: the same status, the same route, the same target at the server."""

import pytest

from sluice import configuration

OPEN = "open"


def routed(address, **listener):
    """Rules by path and host, and a route to one server for each thing that a rule can do to a path."""
    def route(name, **keys):
        return {"name": name, "upstream": "backend", "request_headers": {"set": {"X-Route": name}}, **keys}

    return configuration(
        {"name": "admin", "match": {"path_prefix": "/admin"}, "respond": 403},
        {"name": "at", "match": {"path": "/@admin"}, "respond": 403},
        {"name": "guard", "match": {"hosts": ["guard.test", "[::1]"]}, "respond": 403},
        route("app", match={"path_prefix": "/app"}, rewrite={"strip_prefix": "/app"}),
        route("moved", match={"path_prefix": "/moved"}, rewrite={"replace_prefix": {"from": "/moved", "to": "/to"}}),
        route("rule", match={"path_regex": "/rule/[a-z/]*"}),
        route("all"),
        upstreams=[{"name": "backend", "servers": [{"address": address}]}],
        listeners=[{"name": "plain", "address": "127.0.0.1:0", **listener}])


class Asking:
    """Asks for one target over both versions, and tells what became of it."""

    def __init__(self, gateway, wire, server):
        self.gateway, self.wire, self.server = gateway, wire, server

    def _outcome(self, status, before):
        if status not in (101, 200):
            assert len(self.server.requests) == before, f"{status}, and the server was asked"
            return status
        path, fields = self.server.requests[-1]
        return OPEN, dict(fields)["x-route"], path

    def http1(self, target, host):
        before = len(self.server.requests)
        client = self.wire.connect(self.gateway)
        client.send(b"GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                    % (target, host))
        return self._outcome(client.read_response().status, before)

    def http2(self, target, host):
        before = len(self.server.requests)
        client = self.wire.http2(self.gateway)
        stream = client.ask(target, authority=host)
        return self._outcome(client.answered(stream).status, before)

    def check(self, cases):
        wrong = []
        for target, host, expected in cases:
            found = {"HTTP/1.1": self.http1(target, host), "HTTP/2": self.http2(target, host)}
            wrong += [f"{target[:80]!r} at {host!r} over {version}: expected {expected}, got {outcome}"
                      for version, outcome in found.items() if outcome != expected]
        assert not wrong, "\n".join(wrong)


@pytest.fixture
def asking(gateway, wire, backend):
    server = backend()
    return lambda **listener: Asking(gateway(routed(server.address, **listener)), wire, server)


def kept(path, route="all"):
    return path, (OPEN, route, path.decode())


TARGETS = [
    # A rule by any spelling of its path.
    *((target, 403) for target in (
        b"/admin", b"/admin/x?y", b"/%61dmin", b"/%61%64%6d%69%6E", b"/x/../admin", b"/x/%2e%2E/admin", b"//admin",
        b"///admin//x", b"/./admin", b"/admin/.", b"/admin;x/../admin", b"/app/../admin", b"/%40admin", b"/@admin")),
    # What goes on untouched, as no rule is for it.
    kept(b"/"), kept(b"/chat?room=%61&x=//y/../z"), kept(b"/ch%61t"), kept(b"/x/../y"), kept(b"//x//y/"),
    kept(b"/Admin"), kept(b"/admin;v=1"), kept(b"/api/vhosts/%2F"), kept(b"/files/a%2fb%5Cc"), kept(b"/admin%2Fx"),
    kept(b"/x/..%2Fadmin"), kept(b"/x%2f..%2Fadmin"), kept(b"/x/..%5cadmin"),
    kept(b"/%2561dmin"), kept(b"/caf%c3%a9"), kept(b"/%ff"), kept(b"/a{b}|c"), kept(b"/?/../admin"), kept(b"/a?%zz%00"),
    # Prefixes are taken off the normal form.
    (b"/app/x?q=/app", (OPEN, "app", "/x?q=/app")), (b"/%61pp/%7ex", (OPEN, "app", "/~x")),
    (b"/app//evil.example/x", (OPEN, "app", "/evil.example/x")), (b"/app", (OPEN, "app", "/")),
    (b"/app/a/../b%2fc", (OPEN, "app", "/b%2Fc")), (b"/x/..//app/%3b", (OPEN, "app", "/%3B")),
    (b"/app/../secret", (OPEN, "all", "/app/../secret")), (b"/moved//a/./b", (OPEN, "moved", "/to/a/b")),
    # A regular expression sees the normal form too.
    kept(b"/rule/abc", "rule"), kept(b"/rule//%61", "rule"), kept(b"/rule/A"),
    (b"/rule/" + b"a" * 2042, (OPEN, "rule", "/rule/" + "a" * 2042)), (b"/rule/" + b"a" * 2043, 414),
    (b"/other/" + b"a" * 2048, 414), (b"/admin/" + b"a" * 4096, 403),
    (b"/app/" + b"a" * 4096, (OPEN, "app", "/" + "a" * 4096)), (b"/" + b"x/../" * 1000 + b"admin", 403),
    # What has no normal form, or two.
    *((target, 400) for target in (
        b"/%zz", b"/%", b"/a%4", b"/%00", b"/admin%00", b"/../admin", b"/a/../../b", b"/%2e%2e/b", b"/x//../admin",
        b"/a\\b", "/é".encode(), b"/\xe9", b"/\xff\xfe",
        b"/a b", b"/a\x7f", b"/a#b", b"*", b"admin", "/a?é".encode())),
]


def test_every_spelling_of_a_path_is_decided_on_alike(asking):
    asking().check([(target, b"localhost", expected) for target, expected in TARGETS])


def test_encoded_slashes_can_be_refused(asking):
    asking(encoded_slashes="reject").check([
        (b"/api/vhosts/%2F", b"localhost", 400), (b"/a%5cb", b"localhost", 400),
        (b"/a?b=%2F", b"localhost", (OPEN, "all", "/a?b=%2F"))])


HOSTS = [
    *((host, 403) for host in (
        b"guard.test", b"GUARD.test", b"guard.test.", b"guard.test:8443", b"guard.test:", b"[::1]", b"[0::1]:80")),
    *((host, (OPEN, "all", "/")) for host in (b"other.test", b"a_b.test:1", b"[::2]", b"127.0.0.1")),
    *((host, 400) for host in (
        b"[guard.test]", b"[]", b"[zz::1]", b"[::1", b"[::1%25lo]", b"a%zz", b"%", b"%67uard.test", b"guard%2etest",
        b"u@guard.test", b"guard..test", b"guard.test..", b":80", b"h:99999", b"h:x", "gu\u00e4rd.test".encode(), b"")),
]


def test_every_spelling_of_a_host_is_decided_on_alike(asking):
    asking().check([(b"/", host, expected) for host, expected in HOSTS])


# Two names of the host in one request: the first in the target or in :authority, with the scheme.
TWICE = [
    (b"ws", b"h.test:80", b"h.test", OPEN), (b"http", b"h.test", b"H.test:80", OPEN),
    (b"http", b"h.test", b"h.test", OPEN),
    (b"wss", b"h.test:443", b"h.test", OPEN), (b"http", b"h.test:443", b"h.test", 400),
    (b"http", b"h.test", b"other.test", 400), (b"http", b"h.test", b"[h.test]", 400),
    (b"http", b"guard.test", b"h.test", 400), (b"http", b"h.test:8080", b"h.test:8081", 400),
]


def test_default_ports_are_equal(asking):
    ask = asking()
    for scheme, named, host, expected in TWICE:
        status = ask.http1(scheme + b"://" + named + b"/x", host)
        assert (status[0] if isinstance(status, tuple) else status) == expected, f"{scheme} {named} {host}: {status}"
        client = ask.wire.http2(ask.gateway)
        stream = client.ask("/x", [("host", host)], authority=named, scheme=scheme.replace(b"ws", b"http"))
        status = client.answered(stream).status
        assert (OPEN if status == 200 else status) == expected, f"HTTP/2, {scheme} {named} {host}: {status}"


def test_a_path_too_long_for_a_rule_is_counted(asking):
    ask = asking()
    assert ask.http1(b"/rule/" + b"a" * 3000, b"localhost") == 414
    assert ask.gateway.stats()["connections"]["rejected_total"] == {"uri_too_long": 1}


# Fields

TRUSTING = {"trusted_proxies": ["127.0.0.0/8"]}
FOLDED = [("X_Forwarded_For", "6.6.6.6"), ("X-Forwarded_Proto", "https"), ("X_Remote_User", "admin"),
          ("X.Remote.User", "admin"), ("X_Request_Id", "6")]


def opened(ask, fields, version):
    """The fields that the server saw, or the status of a refusal."""
    if version == "HTTP/1.1":
        status = ask.wire.request(ask.gateway, "/", fields).status
    else:
        client = ask.wire.http2(ask.gateway)
        stream = client.ask("/", [(name.lower(), value) for name, value in fields])
        status = client.answered(stream).status
    if status not in (101, 200):
        return status
    return {name: value for name, value in ask.server.last_fields.items() if name.startswith(("x", "forwarded"))}


VERSIONS = pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])


@VERSIONS
@pytest.mark.parametrize("listener", [{}, TRUSTING], ids=["anyone", "a trusted proxy"])
def test_fields_that_servers_take_for_others_are_dropped(asking, version, listener):
    seen = opened(asking(**listener), FOLDED, version)
    assert set(seen) == {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-request-id", "x-route"}, seen
    assert (seen["x-forwarded-for"], seen["x-forwarded-proto"]) == ("127.0.0.1", "http"), seen


@VERSIONS
def test_fields_that_pass_are_never_taken_for_the_gateways_own(asking, version):
    seen = opened(asking(underscores="pass"), [*FOLDED, ("X_Route", "admin")], version)
    assert {name for name in seen if set(name) & set("_.")} == {"x_remote_user", "x.remote.user"}, seen
    assert seen["x-route"] == "all", seen


@VERSIONS
def test_fields_with_underscores_can_be_refused(asking, version):
    assert opened(asking(underscores="reject"), FOLDED[:1], version) == 400


@VERSIONS
@pytest.mark.parametrize("sent, expected", [
    ([("X-Forwarded-Proto", "https, http")], {"x-forwarded-proto": "https, http"}),
    ([("Forwarded", "for=203.0.113.9;proto=https;host=public.test")],
     {"x-forwarded-proto": "https", "x-forwarded-host": "public.test", "x-forwarded-for": "203.0.113.9, 127.0.0.1"}),
    ([("X-Request-Id", "4bf92f3577b34da6")], {"x-request-id": "4bf92f3577b34da6"}),
], ids=["a list of schemes", "Forwarded alone", "X-Request-Id"])
def test_a_trusted_proxys_word_is_kept(asking, version, sent, expected):
    seen = opened(asking(**TRUSTING), sent, version)
    assert {name: seen[name] for name in expected} == expected
    distrusted = opened(asking(), sent, version)
    assert all(distrusted[name] != value for name, value in expected.items()), distrusted


def test_the_kept_id_is_in_answers_and_in_the_log(asking):
    ask = asking(**TRUSTING)
    assert ask.wire.request(ask.gateway, "/admin", [("X-Request-Id", "kept-1")]).get("x-request-id") == "kept-1"
    assert ask.wire.request(ask.gateway, "/%zz", [("X-Request-Id", "kept-2")]).get("x-request-id") == "kept-2"
    ask.gateway.wait_for_output(lambda line: '"kept-2"' in line, "the refusal in the log")
    for bad in ("a b", "x" * 129, "\xe9"):
        answer = ask.wire.request(ask.gateway, "/admin", [("X-Request-Id", bad)])
        assert answer.get("x-request-id") not in (None, bad)
