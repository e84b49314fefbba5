"""What passes between the two HTTP versions, and what is added on the way: answers that are none, bytes that are no text,
Date, Via and Upgrade."""

import contextlib
import email.utils
import time

import pytest

from http2_peer import connect
from hurried import HurriedServer
from raw import TEXT, accept_for
from sluice import configuration, proxied
from test_refusals import check_refusal
from waiting import eventually


@pytest.fixture
def running(gateway, wire):
    """(gateway, raw server behind it)"""
    server = wire.server()
    return gateway(proxied(server.address, upstream={"retries": 0}, request_headers={"set": {"X-Env": "caf"}})), server


@pytest.fixture
def client(stage, wire, running):
    """`client("h1")`, `client("h2")`: one that has sent nothing yet."""
    with contextlib.ExitStack() as stack:
        def make(version):
            if version == "h1":
                return wire.connect(running[0])
            link = connect(stage, running[0].addresses["plain"])
            stack.callback(link.close)
            return link.stream()

        yield make


both_versions = pytest.mark.parametrize("version", ["h1", "h2"])


def ask(running, wire, client, fields=()):
    """(client, server) with the request sent and read."""
    client.send_upgrade(fields=fields)
    peer = wire.accept(running[1])
    peer.read_upgrade()
    return client, peer


# An answer that opens nothing

@pytest.mark.parametrize("status", [200, 201, 204, 206, 299])
def test_success_over_http1_opens_no_websocket_over_http2(running, wire, client, status):
    """RFC 8441 §5: a client over HTTP/2 takes any 2xx for its open WebSocket."""
    one, peer = ask(running, wire, client("h2"))
    peer.send(b"HTTP/1.1 %d Fine\r\nContent-Length: 5\r\n\r\nhello" % status)
    check_refusal(one.read_response(), 502)
    peer.expect_end()
    assert running[0].stats()["connections"]["rejected_total"] == {"bad_answer": 1}
    assert running[0].log()[-1]["reason"] == f"status is {status}, expected 101 or a refusal"


@pytest.mark.parametrize("status", [200, 206, 299])
def test_success_over_http1_passes_over_http1(running, wire, client, status):
    one, peer = ask(running, wire, client("h1"))
    peer.send(b"HTTP/1.1 %d Fine\r\nContent-Length: 5\r\n\r\nhello" % status)
    response = one.read_response()
    assert (response.status, response.body) == (status, b"hello")


@both_versions
@pytest.mark.parametrize("status", [200, 201])
def test_a_fixed_response_opens_no_websocket(gateway, wire, stage, version, status):
    running = gateway(configuration(
        {"name": "page", "respond": {"status": status, "body": "hello"}}))
    if version == "h1":
        response = wire.request(running)
        assert (response.status, response.body) == (status, b"hello")
        return
    link = connect(stage, running.addresses["plain"])
    with contextlib.closing(link):
        response = link.stream().send_upgrade().read_response()
        check_refusal(response, 405, allow="GET, HEAD")
    assert running.stats()["connections"]["rejected_total"] == {"no_websocket": 1}


# Answers without content (RFC 9112 §6.3)

@pytest.mark.parametrize("framing", [b"", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"])
@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_answers_that_have_no_content_get_none(running, wire, client, status, framing):
    one, peer = ask(running, wire, client("h1"))
    peer.send(b"HTTP/1.1 " + status + b"\r\nX-A: b\r\n" + framing + b"\r\n")
    head = one.read_head()
    assert head.status == int(status[:3])
    assert head.get("transfer-encoding") is None
    assert head.get("x-a") == "b"
    assert one.read_to_end() == b""


# Upgrade

def test_a_426_of_the_servers_says_what_to_upgrade_to(running, wire, client):
    one, peer = ask(running, wire, client("h1"))
    peer.send(b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              b"Sec-WebSocket-Version: 14\r\nContent-Length: 0\r\n\r\n")
    response = one.read_response()
    assert (response.status, response.get("upgrade"), response.get("sec-websocket-version")) == (426, "websocket", "14")
    assert response.get("connection") == "upgrade, close"


def test_a_426_of_the_servers_has_no_upgrade_over_http2(running, wire, client):
    one, peer = ask(running, wire, client("h2"))
    peer.send(b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n")
    response = one.read_response()
    assert (response.status, response.get("upgrade"), response.get("connection")) == (426, None, None)


@pytest.mark.parametrize("upgrade", ["Upgrade: h2c, websocket", "Upgrade: h2c\r\nUpgrade: websocket"])
def test_a_101_to_more_than_websocket_is_none(running, wire, client, upgrade):
    one, peer = ask(running, wire, client("h1"))
    accept = accept_for(peer.request.get("sec-websocket-key"))
    peer.send(f"HTTP/1.1 101 Switching Protocols\r\n{upgrade}\r\nConnection: Upgrade\r\n"
              f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode())
    check_refusal(one.read_response(), 502)


# Date (RFC 9110 §6.6.1)

def is_now(date):
    return abs(email.utils.parsedate_to_datetime(date).timestamp() - time.time()) < 30


@both_versions
def test_every_answer_has_a_date(gateway, wire, stage, version):
    running = gateway(configuration(
        {"name": "page", "match": {"path": "/page"}, "respond": {"status": 404, "body": "hello"}},
        {"name": "moved", "match": {"path": "/moved"}, "redirect": {"to": "https://example.com/"}}))
    with contextlib.ExitStack() as stack:
        for path in ["/page", "/moved", "/nothing"]:
            if version == "h1":
                response = wire.request(running, path)
            else:
                link = stack.enter_context(contextlib.closing(connect(stage, running.addresses["plain"])))
                response = link.stream().send_upgrade(path).read_response()
            assert len(response.all("date")) == 1 and is_now(response.get("date")), response


@both_versions
@pytest.mark.parametrize("date", [None, "Sun, 06 Nov 1994 08:49:37 GMT"])
def test_a_server_s_refusal_keeps_its_date_or_gets_one(running, wire, client, version, date):
    one, peer = ask(running, wire, client(version))
    line = f"Date: {date}\r\n" if date else ""
    peer.send(f"HTTP/1.1 403 Forbidden\r\n{line}Content-Length: 0\r\n\r\n".encode())
    dates = one.read_response().all("date")
    assert dates == [date] if date else len(dates) == 1 and is_now(dates[0])


# Via (RFC 9110 §7.6.3)

@both_versions
def test_the_server_sees_which_way_a_request_came(running, wire, client, version):
    _, peer = ask(running, wire, client(version), [("Via", "1.0 fred, 1.1 p.example.net")])
    first, own = peer.request.all("via")
    assert first == "1.0 fred, 1.1 p.example.net"
    number, pseudonym = own.split(" ")
    assert number == {"h1": "1.1", "h2": "2.0"}[version]
    assert pseudonym.startswith("sluice-")


def test_via_can_be_left_out(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, sections={
        "listeners": [{"name": "plain", "address": "127.0.0.1:0", "via": "off"}]}))
    wire.connect(running).send_upgrade(fields=[("Via", "1.0 fred")])
    assert wire.accept(server).read_upgrade().all("via") == ["1.0 fred"]


@both_versions
def test_a_request_that_comes_back_is_508(running, wire, client, version):
    _, peer = ask(running, wire, client(version))
    own = peer.request.get("via")
    for again in ("h1", "h2"):
        response = client(again).send_upgrade(fields=[("Via", f"1.0 fred, {own}"), ("Via", "1.1 other")]).read_response()
        check_refusal(response, 508)
    assert running[0].stats()["connections"]["rejected_total"] == {"loop": 2}


# Bytes of values (RFC 9110 §5.5, RFC 9112 §5.1)

@pytest.mark.parametrize("value", [
    b"caf\xe9", "grüße".encode(), b"\xff\xfe", b"a\tb", b"\x80", b"x" * 500 + b"\xe9" + b"y" * 500])
def test_values_pass_as_the_bytes_that_came(running, wire, client, value):
    one = client("h1")
    one.send_upgrade(fields=[("Cookie", b"a=".decode() + value.decode("latin-1"))])
    peer = wire.accept(running[1])
    peer.read_upgrade()
    assert peer.request.get("cookie").encode("latin-1") == b"a=" + value
    peer.accept_upgrade([("X-Name", value.decode("latin-1"))], extra=peer.frame(TEXT, b"\xc3\xa9"))
    assert one.read_head().get("x-name").encode("latin-1") == value
    assert one.read_message()[1] == b"\xc3\xa9"


@pytest.mark.parametrize("split", [False, True])
def test_values_of_a_refusal_pass_as_the_bytes_that_came(running, wire, client, split):
    one, peer = ask(running, wire, client("h1"))
    answer = b"HTTP/1.1 403 Nein\r\nX-Name: caf\xe9\r\nContent-Length: 4\r\n\r\n\xe9\xff\x00a"
    for piece in [bytes([byte]) for byte in answer] if split else [answer]:
        peer.send(piece)
    response = one.read_response()
    assert response.get("x-name").encode("latin-1") == b"caf\xe9"
    assert response.body == b"\xe9\xff\x00a"


@pytest.mark.parametrize("path", [b"/caf\xe9", "/grüße".encode(), b"/plain"])
def test_a_location_gets_its_prefix_back_and_keeps_its_bytes(gateway, wire, path):
    server = wire.server()
    running = gateway(proxied(server.address, match={"path_prefix": "/app"}, rewrite={"strip_prefix": "/app"}))
    one = wire.connect(running).send_upgrade("/app/x")
    peer = wire.accept(server)
    assert peer.read_upgrade().target == "/x"
    peer.send(b"HTTP/1.1 302 Found\r\nLocation: " + path + b"\r\nContent-Length: 0\r\n\r\n")
    assert one.read_response().get("location").encode("latin-1") == b"/app" + path


@pytest.mark.parametrize("padding", [" ", "\t", " \t \t"])
def test_white_space_around_a_value_is_no_part_of_it(running, wire, client, padding):
    one = client("h1")
    one.send_upgrade(fields=[
        ("Host", f"{one.authority}{padding}"), ("Upgrade", f"websocket{padding}"), ("Connection", f"{padding}Upgrade{padding}"),
        ("Sec-WebSocket-Version", f"13{padding}"), ("X-A", f"{padding}v{padding}"), ("X-Empty", padding)])
    peer = wire.accept(running[1])
    lines = peer.read_through(b"\r\n\r\n").split(b"\r\n")
    assert b"X-A: v" in lines
    assert any(line.strip() == b"X-Empty:" for line in lines)


# Servers that speak no HTTP

NO_HTTP = {
    "a banner": (b"SSH-2.0-OpenSSH_9.2\r\n", 'begins with "SSH-2.0-OpenSSH_9.2'),
    "TLS": (b"\x15\x03\x01\x00\x02\x02\x46", r'begins with "\x15\x03\x01\x00'),
    "line ends without CR": (b"HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\n\n", 'begins with "HTTP/1.1 101'),
    "HTTP/2": (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", r'begins with "\x00\x00\x12'),
    "another version": (b"HTTP/3.0 101 Switching Protocols\r\n\r\n", 'begins with "HTTP/3.0 101'),
    "a field without a name": (b"HTTP/1.1 403 No\r\n: x\r\n\r\n", 'begins with "HTTP/1.1 403'),
}


@both_versions
@pytest.mark.parametrize("case", NO_HTTP)
def test_a_server_that_speaks_no_http_gives_a_bad_answer(running, wire, client, version, case):
    data, shown = NO_HTTP[case]
    one, peer = ask(running, wire, client(version))
    peer.send(data)
    check_refusal(one.read_response(), 502)
    stats = running[0].stats()
    assert stats["connections"]["rejected_total"] == {"bad_answer": 1}
    # The server is there: it does not rest.
    assert list(stats["upstreams"]["backend"]["servers"].values())[0]["healthy"] is True
    eventually(lambda: any(shown in entry.get("reason", "") for entry in running[0].log()), f"a line with {shown!r}")


BROKEN = {
    "no answer": (b"", "before its answer"),
    "half an answer": (b"HTTP/1.1 101 Switching Protocols\r\nUpgra", 'begins with "HTTP/1.1 101'),
}


@both_versions
@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("ending", ["half", "whole", "reset"])
def test_a_server_that_breaks_off_gives_a_bad_answer_after_the_others_were_tried(
        gateway, stage, backend, case, ending, version):
    data, shown = BROKEN[case]
    broken = HurriedServer(lambda request: [data], ending)
    with contextlib.closing(broken):
        running = gateway(configuration(
            {"name": "alone", "match": {"path": "/alone"}, "upstream": "alone"},
            {"name": "both", "match": {"path": "/both"}, "upstream": "both"},
            upstreams=[{"name": "alone", "servers": [{"address": broken.address}]},
                       {"name": "both", "balance": "round_robin", "servers": [
                           {"address": broken.address, "weight": 1000}, {"address": backend().address}]}]))
        with contextlib.ExitStack() as stack:
            def response(path):
                if version == "h1":
                    peer = stack.enter_context(contextlib.closing(running.connect()))
                else:
                    link = stack.enter_context(contextlib.closing(connect(stage, running.addresses["plain"])))
                    peer = link.stream()
                return peer.send_upgrade(path).read_response()

            check_refusal(response("/alone"), 502)
            assert response("/both").status in (101, 200)
        stats = running.stats()
        assert stats["connections"]["rejected_total"] == {"bad_answer": 1}
        assert stats["upstreams"]["alone"]["servers"][broken.address]["healthy"] is False
        assert any(shown in entry.get("reason", "") for entry in running.log())
