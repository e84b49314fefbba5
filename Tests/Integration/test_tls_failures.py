"""Clients that get no TLS connection: they are counted by reason, and one of each is in the log."""

import contextlib
import socket
import ssl

import pytest

from certificates import Authority
from raw import DEADLINE, Peer
from sluice import proxied
from waiting import eventually


@pytest.fixture
def running(gateway, backend, site):
    return gateway(proxied(backend().address, sections={"listeners": [
        {"name": name, "address": "127.0.0.1:0",
         "tls": {"certificates": [site.setting], "minimum_version": version}}
        for name, version in (("tls", "1.3"), ("old", "1.2"))]}))


def failures(running, listener="tls"):
    return running.stats()["listeners"][listener]["tls_failures_total"]


def logged(running):
    return [entry for entry in running.log() if entry.get("message") == "TLS handshake failed"]


def raw(running):
    return Peer(socket.create_connection(("127.0.0.1", running.port("tls")), timeout=DEADLINE), "client")


@pytest.mark.parametrize("request_line", ["GET / HTTP/1.1", "POST /x HTTP/1.1", "HEAD / HTTP/1.1"])
def test_plain_http_on_a_tls_port_is_told_so(running, request_line):
    with contextlib.closing(raw(running)) as client:
        client.send(f"{request_line}\r\nHost: localhost\r\nCookie: {'x' * 3000}\r\n\r\n".encode())
        response = client.read_response()
        assert response.status == 400
        assert b"https://" in response.body
        assert response.get("connection") == "close" and response.get("date")
        client.expect_end()
    refused = eventually(lambda: [entry for entry in running.log() if entry.get("refusal") == "plain_http"],
                         "the refusal in the log")[0]
    assert refused["request_id"] == response.get("x-request-id") and refused["client"] == "127.0.0.1"
    eventually(lambda: failures(running) == {"plain_http": 1}, "the failure to be counted")
    assert running.stats()["connections"]["rejected_total"] == {"plain_http": 1}
    assert not logged(running)


def old_version(running, authority):
    context = ssl.create_default_context(cafile=str(authority.file))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        running.connect("tls", tls=context)


def distrust(running, authority):
    # With TLS 1.3 OpenSSL sends its alert in the clear, behind a handshake that has begun to encrypt.
    with pytest.raises(ssl.SSLError):
        running.connect("tls", tls=ssl.create_default_context())


def distrust_with_an_old_version(running, authority):
    context = ssl.create_default_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        running.connect("old", tls=context)


def nonsense(running, authority):
    with contextlib.closing(raw(running)) as client:
        client.send(b"\x00\x01\x02\x03nonsense")
        client.read_to_end()


def gone(running, authority):
    with contextlib.closing(raw(running)) as client:
        client.send(b"\x16\x03\x01")
        client.finish_sending()
        client.read_to_end()


@pytest.mark.parametrize("fail, listener, reason", [
    (old_version, "tls", "no_common_version"), (distrust, "tls", "refused_by_peer"),
    (distrust_with_an_old_version, "old", "refused_by_peer"), (nonsense, "tls", "no_tls"),
    (gone, "tls", "cut_short")])
def test_failures_are_counted_and_one_is_logged(running, authority, fail, listener, reason):
    for _ in range(3):
        fail(running, authority)
    eventually(lambda: failures(running, listener) == {reason: 3}, f"3 times {reason}")
    entry, = logged(running)
    assert (entry["level"], entry["listener"], entry["error"], entry["left_out"]) == ("info", listener, reason, 0)
    assert entry["client"] == "127.0.0.1" and entry["reason"]
    text = running.admin("/metrics")[2].decode()
    assert f'sluice_tls_handshake_failures_total{{listener="{listener}",reason="{reason}"}} 3' in text.splitlines()


def test_a_client_without_a_certificate_is_counted(gateway, backend, site, trusting, authority, tmp_path):
    clients = Authority(tmp_path, "Clients")
    running = gateway(proxied(backend().address, sections={"listeners": [
        {"name": "tls", "address": "127.0.0.1:0",
         "tls": {"certificates": [site.setting], "client_ca": str(clients.file)}}]}))
    with contextlib.suppress(OSError), contextlib.closing(running.connect("tls", tls=trusting)) as client:
        client.read_to_end()
    eventually(lambda: failures(running) == {"no_certificate": 1}, "the client to be counted")


def test_a_client_that_speaks_tls_leaves_no_failure(running, trusting, wire):
    wire.open(running, listener="tls", tls=trusting)
    assert failures(running) == {} and not logged(running)
    text = running.admin("/metrics")[2].decode()
    assert 'sluice_tls_handshake_failures_total{listener="tls",reason="plain_http"} 0' in text.splitlines()
    assert 'sluice_certificate_not_after_seconds{listener="tls",name="localhost"} 1' in text
