"""TLS in front: certificates by server name, versions, client certificates; and listening on a unix socket."""

import ssl
import subprocess
from shutil import copy

import pytest
import websockets.sync.client

from certificates import Authority
from raw import TEXT
from sluice import configuration, proxied
from waiting import eventually


def listener(*certificates, **tls):
    return [{"name": "tls", "address": "127.0.0.1:0", "tls": {
        "certificates": [certificate.setting for certificate in certificates], **tls}}]


def subject(running, name):
    """The subject that openssl s_client is shown for a server name (None: none is sent)."""
    address = f"127.0.0.1:{running.port('tls')}"
    sni = ["-servername", name] if name else ["-noservername"]
    shown = subprocess.run(
        ["openssl", "s_client", "-connect", address, *sni], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=20)
    line = next(line for line in shown.stdout.splitlines() if line.startswith("subject="))
    return line.split("CN", 1)[1].lstrip(" =")


def test_the_certificate_is_chosen_by_server_name(gateway, wire, authority):
    server = wire.server()
    first = authority.issue("first", ["first.example"])
    second = authority.issue("second", ["second.example", "*.second.example"])
    running = gateway(proxied(server.address, sections={"listeners": listener(first, second)}))
    assert subject(running, "first.example") == "first"
    assert subject(running, "second.example") == "second"
    assert subject(running, "a.second.example") == "second"
    assert subject(running, "unknown.example") == "first"
    assert subject(running, None) == "first"


def test_a_renewed_certificate_is_used_without_a_restart(gateway, wire, authority, tmp_path):
    def install(issued):
        # As certificate clients do: written beside it, then moved over it.
        for source, target in ((issued.certificate, "site.pem"), (issued.private_key, "site.key")):
            copy(source, tmp_path / "new")
            (tmp_path / "new").rename(tmp_path / target)

    server = wire.server()
    install(authority.issue("before", ["localhost"]))
    files = {"certificate": str(tmp_path / "site.pem"), "private_key": str(tmp_path / "site.key")}
    running = gateway(proxied(server.address, sections={"listeners": [
        {"name": "tls", "address": "127.0.0.1:0", "tls": {"certificates": [files]}}]}))
    trusting = ssl.create_default_context(cafile=str(authority.file))
    client, peer = wire.pair(running, server, listener="tls", tls=trusting)
    assert subject(running, "localhost") == "before"
    install(authority.issue("after", ["localhost"]))
    eventually(lambda: subject(running, "localhost") == "after", "the renewed certificate to be shown")

    def refusals():
        return sum("can't be used" in line for line in running.output)

    before = refusals()
    (tmp_path / "site.key").write_text("no key")
    eventually(lambda: refusals() > before, "an error about the key in the log")
    assert subject(running, "localhost") == "after"
    client.send_frame(TEXT, "still here")
    assert peer.read_message()[1] == b"still here"


@pytest.mark.parametrize("minimum, version, accepted", [
    ("1.3", ssl.TLSVersion.TLSv1_2, False), ("1.3", ssl.TLSVersion.TLSv1_3, True),
    ("1.2", ssl.TLSVersion.TLSv1_2, True), ("1.2", ssl.TLSVersion.TLSv1_3, True),
])
def test_minimum_version(gateway, backend, wire, authority, site, minimum, version, accepted):
    running = gateway(proxied(backend().address, sections={"listeners": listener(site, minimum_version=minimum)}))
    context = ssl.create_default_context(cafile=str(authority.file))
    context.minimum_version = context.maximum_version = version
    if accepted:
        client = wire.open(running, listener="tls", tls=context)
        client.send_frame(TEXT, "over TLS")
        assert client.read_message()[1] == b"over TLS"
    else:
        with pytest.raises(ssl.SSLError):
            wire.connect(running, "tls", tls=context)


def test_a_client_certificate_is_wanted_and_verified(gateway, backend, wire, authority, site, tmp_path):
    running = gateway(proxied(
        backend().address, sections={"listeners": listener(site, client_ca=str(authority.file))}))

    def context(files=None):
        context = ssl.create_default_context(cafile=str(authority.file))
        if files:
            context.load_cert_chain(files.certificate, files.private_key)
        return context

    friend = authority.issue("friend", client=True)
    client = wire.open(running, listener="tls", tls=context(friend))
    client.send_frame(TEXT, "it is me")
    assert client.read_message()[1] == b"it is me"
    stranger = Authority(tmp_path / "strangers", "Strangers").issue("stranger", client=True)
    for files in (None, stranger):
        # With TLS 1.3 the client learns of its refusal only when it reads.
        with pytest.raises((ssl.SSLError, OSError, Exception)) as refused:
            wire.open(running, listener="tls", tls=context(files))
        assert "101" not in str(refused.value)


def test_a_listener_on_a_unix_socket(gateway, backend, tmp_path):
    path = tmp_path / "front.sock"
    running = gateway(proxied(
        backend().address, sections={"listeners": [{"name": "plain", "address": f"unix:{path}"}]}))
    with websockets.sync.client.unix_connect(str(path), "ws://localhost/") as client:
        client.send("Hello")
        assert client.recv(timeout=10) == "Hello"
    running.stop()
    assert not path.exists(), "the socket's file was left behind"


def test_a_stale_unix_socket_is_replaced(gateway, backend, tmp_path):
    path = tmp_path / "front.sock"
    config = proxied(backend().address, sections={"listeners": [{"name": "plain", "address": f"unix:{path}"}]})
    gateway(config).kill()
    gateway(config)
    with websockets.sync.client.unix_connect(str(path), "ws://localhost/") as client:
        client.send("Hello")
        assert client.recv(timeout=10) == "Hello"


def test_a_close_notify_without_a_close_frame_ends_the_other_side_in_order(gateway, wire, site, trusting):
    server = wire.server()
    running = gateway(proxied(server.address, close_timeout="500ms", sections={"listeners": listener(site)}))
    client, peer = wire.pair(running, server, listener="tls", tls=trusting)
    client.send_frame(TEXT, "last words")
    client.finish_sending()
    assert peer.read_message()[1] == b"last words"
    peer.expect_end()


def test_cleartext_on_a_tls_listener_ends(gateway, wire, site):
    server = wire.server()
    running = gateway(proxied(server.address, sections={"listeners": listener(site)}))
    client = wire.connect(running, "tls")
    client.send_upgrade("/")
    client.read_to_end()


@pytest.mark.parametrize("protocols, offered, chosen", [
    (None, ["h2", "http/1.1"], "h2"), (None, ["http/1.1"], "http/1.1"), (["http/1.1"], ["h2", "http/1.1"], "http/1.1"),
    (["http/1.1", "h2"], ["h2", "http/1.1"], "http/1.1"), (["h2"], ["h2", "http/1.1"], "h2"), (None, ["spdy/3"], None),
])
def test_alpn_offers_what_is_configured(gateway, wire, authority, site, protocols, offered, chosen):
    listeners = listener(site)
    if protocols:
        listeners[0]["protocols"] = protocols
    running = gateway(proxied(wire.server().address, sections={"listeners": listeners}))
    context = ssl.create_default_context(cafile=str(authority.file))
    context.set_alpn_protocols(offered)
    assert wire.connect(running, "tls", tls=context).sock.selected_alpn_protocol() == chosen


@pytest.mark.parametrize("over_tls", [False, True], ids=["cleartext", "TLS"])
def test_http_1_1_is_refused_where_only_http2_is_spoken(gateway, wire, authority, site, over_tls):
    listeners = listener(site) if over_tls else [{"name": "tls", "address": "127.0.0.1:0"}]
    listeners[0]["protocols"] = ["h2"]
    running = gateway(proxied(wire.server().address, sections={"listeners": listeners}))
    context = ssl.create_default_context(cafile=str(authority.file)) if over_tls else None
    response = wire.request(running, "/", listener="tls", tls=context)
    assert response.status == 400
    assert b"only HTTP/2" in response.body


def test_the_files_of_an_upstream_are_followed(gateway, authority, wire, site, tmp_path):
    inner = gateway(configuration(
        {"name": "page", "match": {"path": "/page"}, "respond": {"status": 200, "body": "here"}},
        listeners=listener(site)))
    trusted = tmp_path / "ca.pem"
    copy(Authority(tmp_path / "strangers", "Strangers").file, trusted)
    outer = gateway(proxied(f"127.0.0.1:{inner.port('tls')}", upstream={
        "tls": {"server_name": "localhost", "ca": str(trusted)}}))
    assert wire.request(outer, "/page").status == 502
    trusted.write_text("nothing")
    outer.wait_for_output(
        lambda line: "can't be used" in line and "expected PEM certificates" in line, "an error about the authorities")
    copy(authority.file, tmp_path / "new")
    (tmp_path / "new").rename(trusted)
    eventually(lambda: wire.request(outer, "/page").status == 200, "the other authority to be trusted")
    assert any("certificates renewed" in line and '"backend"' in line for line in outer.output)
