"""The lines about WebSockets and requests: what is in them, which are written, and what they don't show."""

import re

import pytest

from raw import TEXT
from sluice import configuration, proxied
from waiting import eventually

AGENT = ("User-Agent", "tests/1.0")


def lines(running, message):
    return [entry for entry in running.log() if entry.get("message") == message]


def line(running, message, count=1):
    """The last of `count` lines, once they are there."""
    return eventually(lambda: len(found := lines(running, message)) >= count and found[-1], f"{message!r} in the log")


def talk(client, code=1000):
    client.send_frame(TEXT, "hello")
    client.read_message()
    client.send_close(code)
    client.expect_close()
    client.close()


@pytest.mark.parametrize("listener", ["plain", "tls"])
def test_a_websocket_has_a_line_when_it_opens_and_one_when_it_ends(
        gateway, backend, wire, both_listeners, trusting, listener):
    running = gateway(proxied(backend().address, sections={"listeners": both_listeners}))
    client = wire.connect(running, listener, tls=trusting if listener == "tls" else None)
    client.send_upgrade("/a?secret=1", [
        AGENT, ("Origin", "https://example.com"), ("Sec-WebSocket-Extensions", "permessage-deflate")])
    response = client.read_response()
    opened = line(running, "connection opened")
    assert opened["request_id"] == response.get("x-request-id")
    assert opened["level"] == "info"
    said = {name: opened[name] for name in (
        "client", "listener", "client_protocol", "method", "host", "path", "origin", "user_agent", "route",
        "server_protocol", "extensions")}
    assert said == {
        "client": "127.0.0.1", "listener": listener, "client_protocol": "http/1.1", "method": "GET",
        "host": client.authority, "path": "/a", "origin": "https://example.com", "user_agent": "tests/1.0",
        "route": "all", "server_protocol": "http/1.1", "extensions": response.get("sec-websocket-extensions")}
    assert 0 <= opened["handshake_seconds"] < 60
    assert "query" not in opened and "subprotocol" not in opened
    assert opened.get("tls_version") == ("TLSv1.3" if listener == "tls" else None)
    assert opened.get("tls_cipher", "TLS_").startswith("TLS_") and ("tls_cipher" in opened) == (listener == "tls")
    assert not lines(running, "connection closed")
    client.send_close(1000)
    client.expect_close()
    closed = line(running, "connection closed")
    assert closed["request_id"] == opened["request_id"] and closed["trace_id"] == opened["trace_id"]
    assert (closed["closed_by"], closed["code"], closed["messages_from_client"]) == ("client", 1000, 0)
    assert isinstance(closed["duration_seconds"], float) or closed["duration_seconds"] == 0


def test_a_websocket_over_http2_has_the_same_lines(gateway, backend, wire, both_listeners, trusting):
    running = gateway(proxied(backend().address, sections={"listeners": both_listeners}))
    wire.http2(running, "tls", tls=trusting).websocket("/a").echo("there")
    opened = line(running, "connection opened")
    assert (opened["client_protocol"], opened["method"], opened["path"]) == ("h2", "CONNECT", "/a")
    assert opened["tls_version"] == "TLSv1.3" and opened["tls_cipher"].startswith("TLS_")


def test_the_answers_of_routes_have_lines(gateway, wire):
    running = gateway(configuration(
        {"name": "fixed", "match": {"path": "/fixed"}, "respond": {"status": 418, "body": "teapot"}},
        {"name": "moved", "match": {"path": "/moved"}, "redirect": {"to": "https://example.com/"}},
        upstreams=[]))
    client = wire.connect(running)
    for number, (path, route, status) in enumerate((("/fixed", "fixed", 418), ("/moved", "moved", None)), 1):
        client.send(f"GET {path}?q=1 HTTP/1.1\r\nHost: example.com\r\nUser-Agent: tests/1.0\r\n\r\n".encode())
        response = client.read_response()
        served = line(running, "request served", number)
        assert (served["route"], served["path"], served["status"]) == (route, path, status or response.status)
        assert (served["host"], served["user_agent"], served["outcome"]) == ("example.com", "tests/1.0", "complete")
        assert served["bytes_to_client"] == len(response.body)
        assert served["request_id"] == response.get("x-request-id")
        assert "server" not in served and "query" not in served


def test_a_refusal_has_what_is_known_of_the_request(gateway, wire):
    running = gateway(proxied(wire.server().address, origins=["https://example.com"]))
    client = wire.connect(running)
    client.send_upgrade("/x", [AGENT, ("Origin", "https://elsewhere.example")])
    response = client.read_response()
    refused = line(running, "request refused")
    assert (refused["refusal"], refused["status"], refused["route"]) == ("origin", 403, "all")
    assert (refused["method"], refused["host"], refused["path"]) == ("GET", client.authority, "/x")
    assert "origin" not in refused and "user_agent" not in refused
    assert refused["request_id"] == response.get("x-request-id")
    other = wire.connect(running)
    other.send(b"nonsense\r\n\r\n")
    assert other.read_response().status == 400
    refused = line(running, "request refused", 2)
    assert refused["refusal"] == "bad_request" and "path" not in refused


def test_long_values_are_cut(gateway, wire):
    running = gateway(proxied(wire.server().address, match={"path": "/elsewhere"}))
    client = wire.connect(running)
    client.send(b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    assert client.read_response().status == 404
    refused = line(running, "request refused")
    assert len(refused["path"]) == 1025 and refused["path"].endswith("x…")


def test_the_query_is_there_where_it_is_asked_for(gateway, backend, wire):
    running = gateway(proxied(backend().address, sections={"log": {"query": True}}))
    wire.open(running, "/a?b=c&d")
    assert line(running, "connection opened")["query"] == "b=c&d"


def test_fields_can_be_redacted(gateway, backend, wire):
    running = gateway(proxied(backend().address, sections={
        "log": {"redact": {"client": "hash", "path": "hide"}}}))
    for number in (1, 2):
        talk(wire.open(running, "/secret"))
        line(running, "connection closed", number)
    wire.connect(running).send(b"nonsense\r\n\r\n")
    clients = {entry["client"] for message in ("connection opened", "connection closed")
               for entry in lines(running, message)} | {line(running, "request refused")["client"]}
    assert len(clients) == 1 and re.fullmatch("[0-9a-f]{16}", clients.pop())
    assert {entry["path"] for entry in lines(running, "connection opened")} == {"[redacted]"}
    assert not any("secret" in text for text in running.output)


def test_of_a_sample_the_faults_are_all_there(gateway, backend, wire):
    running = gateway(proxied(backend().address, max_message_size=1024, sections={"log": {"sample": 0}}))
    talk(wire.open(running))
    client = wire.open(running)
    client.send_frame(TEXT, "x" * 2000)
    assert client.expect_close()[0] == 1009
    client.close()
    closed = line(running, "connection closed")
    assert (closed["closed_by"], closed["code"]) == ("gateway", 1009)
    assert len(lines(running, "connection closed")) == 1 and not lines(running, "connection opened")
    wire.connect(running).send(b"nonsense\r\n\r\n")
    line(running, "request refused")


@pytest.mark.parametrize("log", [{"access": False}, {"level": "notice"}])
def test_without_access_no_line_is_written(gateway, backend, wire, log):
    running = gateway(proxied(backend().address))
    usual = running.config
    running.reload({**usual, "log": log})
    talk(wire.open(running))
    running.eventually(lambda stats: stats["connections"]["closed_total"] == 1, "the WebSocket to be over")
    # What would have been written is there before the lines of another.
    running.reload(usual)
    talk(wire.open(running))
    line(running, "connection closed")
    assert len(lines(running, "connection closed")) == len(lines(running, "connection opened")) == 1


def test_the_answer_that_opens_a_websocket_has_the_identifier_of_a_trusted_proxy(gateway, backend, wire):
    running = gateway(proxied(backend().address, sections={"listeners": [
        {"name": "plain", "address": "127.0.0.1:0", "trusted_proxies": ["127.0.0.1"]}]}))
    for sent, is_kept in (("from-a-proxy/1", True), ("x" * 129, False)):
        client = wire.connect(running)
        client.send_upgrade("/", [("X-Request-Id", sent)])
        response = client.read_response()
        assert response.status == 101 and len(response.all("x-request-id")) == 1
        assert (response.get("x-request-id") == sent) is is_kept


def test_a_route_may_take_the_identifier_away(gateway, backend, wire):
    running = gateway(proxied(backend().address, response_headers={"remove": ["X-Request-Id"]}))
    client = wire.connect(running)
    client.send_upgrade("/")
    response = client.read_response()
    assert response.status == 101 and response.get("x-request-id") is None
