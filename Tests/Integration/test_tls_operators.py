"""What operators set of TLS: kinds of keys side by side, ticket keys, OCSP responses, ciphers and groups, and what
servers are shown; each as openssl or Python's ssl sees it."""

import datetime
import os
import ssl
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from certificates import Authority
from changes import edited
from raw import TEXT
from sluice import command, configuration, proxied
from test_check import written
from test_refusals import check_refusal
from test_tls import listener
from waiting import eventually

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
VERSIONS = ["-tls1_2", "-tls1_3"]


def page(*certificates, **tls):
    """A configuration that answers each request by itself."""
    return configuration({"name": "page", "respond": 200}, listeners=listener(*certificates, **tls))


def s_client(running, *arguments):
    """What openssl s_client says of a connection over which it has made one request."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{running.port('tls')}", "-servername", "localhost", "-ign_eof",
         *map(str, arguments)], input=REQUEST, capture_output=True, timeout=30)
    return (done.stdout + done.stderr).decode(errors="replace")


def check_served(shown, *words):
    assert "HTTP/1.1 200" in shown, shown
    for word in words:
        assert word in shown, f"expected {word!r} in {shown}"


def replace(file, content):
    """In one step, as those who renew files do."""
    fresh = file.with_name(f"{file.name}.new")
    fresh.write_bytes(content)
    fresh.replace(file)


# Certificates


@pytest.mark.parametrize("version", VERSIONS)
def test_rsa_and_ecdsa_stand_side_by_side(gateway, authority, version):
    old = authority.issue("old", ["localhost"], key=rsa.generate_private_key(65537, 2048))
    new = authority.issue("new", ["localhost"])
    running = gateway(page(old, new))
    check_served(s_client(running, version), "CN = new", "Peer signature type: ECDSA")
    shown = s_client(running, version, "-sigalgs", "RSA-PSS+SHA256:RSA+SHA256")
    check_served(shown, "CN = old", "Peer signature type: RSA")


@pytest.mark.parametrize("key", [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP521R1())],
                         ids=["Ed25519", "P-521"])
def test_each_kind_of_key_is_served_and_verified(gateway, backend, wire, authority, key):
    site = authority.issue("kind", ["localhost"], key=key)
    inner = gateway(proxied(backend().address, sections={"listeners": listener(site)}))
    outer = gateway(proxied(
        f"127.0.0.1:{inner.port('tls')}", upstream={"tls": {"server_name": "localhost", "ca": str(authority.file)}}))
    client = wire.open(outer)
    client.send_frame(TEXT, "through both")
    assert client.read_message()[1] == b"through both"


def ocsp_response(authority, certificate, status, directory):
    """The DER of a response that openssl ocsp has made; `status`: V or R."""
    parsed = x509.load_pem_x509_certificate(certificate.read_bytes())
    serial = f"{parsed.serial_number:X}"
    expiry = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)).strftime("%y%m%d%H%M%SZ")
    revoked = "200101000000Z" if status == "R" else ""
    (directory / "index").write_text(
        "\t".join([status, expiry, revoked, serial.zfill(len(serial) + len(serial) % 2), "unknown", "/CN=x"]) + "\n")
    request, response = directory / "request", directory / "response"
    for arguments in (
        ["-issuer", authority.file, "-cert", certificate, "-reqout", request],
        ["-index", directory / "index", "-CA", authority.file, "-rsigner", authority.file, "-rkey",
         authority.key_file(), "-reqin", request, "-respout", response, "-ndays", "1"],
    ):
        subprocess.run(["openssl", "ocsp", *map(str, arguments)], check=True, capture_output=True, timeout=30)
    return response.read_bytes()


@pytest.mark.parametrize("version", VERSIONS)
def test_an_ocsp_response_is_stapled_and_followed(gateway, authority, site, tmp_path, version):
    file = tmp_path / "site.ocsp"
    file.write_bytes(ocsp_response(authority, site.certificate, "V", tmp_path))
    config = page(site)
    config["listeners"][0]["tls"]["certificates"][0]["ocsp"] = str(file)
    running = gateway(config)
    check_served(
        s_client(running, version, "-status"), "OCSP Response Status: successful", "Cert Status: good")
    assert "OCSP Response Data" not in s_client(running, version)
    replace(file, ocsp_response(authority, site.certificate, "R", tmp_path))
    eventually(
        lambda: "Cert Status: revoked" in s_client(running, version, "-status"), "the other response to be stapled")
    replace(file, b"no response")
    running.wait_for_output(lambda line: "expected an OCSP response (DER) in" in line, "an error about the response")
    assert "Cert Status: revoked" in s_client(running, version, "-status")


def test_what_is_odd_about_files_is_told_and_no_response_of_another_certificate_is_stapled(
        gateway, authority, site, tmp_path):
    other, response, tickets = authority.issue("other", ["localhost"]), tmp_path / "other.ocsp", tmp_path / "tickets"
    response.write_bytes(ocsp_response(authority, other.certificate, "V", tmp_path))
    tickets.write_bytes(os.urandom(80))
    tickets.chmod(0o644)
    config = page(site)
    tls = config["listeners"][0]["tls"]
    tls["certificates"][0]["ocsp"] = str(response)
    tls |= {"ticket_keys": str(tickets), "ciphers": ["ECDHE-RSA-AES128-GCM-SHA256"]}
    running = gateway(config)
    check_served(s_client(running, "-tls1_3", "-status"), "OCSP response: no response sent")
    checked = command("check", running.file)
    assert checked.returncode == 0
    said = checked.stdout + checked.stderr
    warnings = [
        f"the OCSP response in \"{response}\" is not for the certificate in \"{site.certificate}\"; the gateway "
        "does not staple it",
        "ciphers has no cipher suite for the ECDSA or Ed25519 key",
        f"every user of this machine can read the ticket keys in \"{tickets}\""]
    for warning in warnings:
        assert warning in said
        assert any(warning in str(entry.get("reason")) for entry in running.log()), f"not in the log: {warning}"
    replace(response, ocsp_response(authority, site.certificate, "V", tmp_path))
    eventually(lambda: "Cert Status: good" in s_client(running, "-tls1_3", "-status"), "the response to be stapled")


# Resumption


@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_go_on_across_renewals_and_reloads(gateway, authority, tmp_path, version):
    site = Authority(tmp_path / "tls").issue("site", ["localhost"])
    running = gateway(page(site))
    session = tmp_path / "session"
    assert "New, TLS" in s_client(running, version, "-sess_out", session)
    check_served(s_client(running, version, "-sess_in", session, "-sess_out", session), "Reused, TLS")

    other = Authority(tmp_path / "other").issue("site", ["localhost"])
    for file in ("certificate", "private_key"):
        replace(getattr(site, file), getattr(other, file).read_bytes())
    running.wait_for_output(lambda line: "certificates renewed" in line, "the certificate to be renewed")
    check_served(s_client(running, version, "-sess_in", session, "-sess_out", session), "Reused, TLS")

    more = authority.issue("more", ["more.example"])
    running.reload(page(site, more))
    check_served(s_client(running, version, "-sess_in", session), "Reused, TLS")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("length", [80, 48])
def test_instances_share_ticket_keys(gateway, site, tmp_path, version, length):
    keys = tmp_path / "tickets.bin"
    keys.write_bytes(os.urandom(length))
    first, second = (gateway(page(site, ticket_keys=str(keys))) for _ in range(2))
    session = tmp_path / "session"
    assert "New, TLS" in s_client(first, version, "-sess_out", session)
    check_served(s_client(second, version, "-sess_in", session), "Reused, TLS")

    # The old key opens still while it is behind the new one, and no more when it is gone.
    replace(keys, os.urandom(length) + keys.read_bytes())
    second.wait_for_output(lambda line: "ticket keys renewed" in line, "the ticket keys to be read again")
    check_served(s_client(second, version, "-sess_in", session), "Reused, TLS")
    replace(keys, os.urandom(length))
    eventually(
        lambda: sum("ticket keys renewed" in line for line in second.output) == 2, "the ticket keys to be read again")
    check_served(s_client(second, version, "-sess_in", session), "New, TLS")


def test_a_process_without_a_file_has_keys_of_its_own(gateway, site, tmp_path):
    first, second = gateway(page(site)), gateway(page(site))
    session = tmp_path / "session"
    s_client(first, "-sess_out", session)
    check_served(s_client(second, "-sess_in", session), "New, TLS")


def test_ticket_keys_that_can_not_be_used_leave_those_before(gateway, site, tmp_path):
    keys = tmp_path / "tickets.bin"
    keys.write_bytes(os.urandom(80))
    running = gateway(page(site, ticket_keys=str(keys)))
    session = tmp_path / "session"
    s_client(running, "-sess_out", session)
    replace(keys, b"short")
    message = "new ticket keys can't be used; the gateway keeps the old ones"
    running.wait_for_output(lambda line: message in line and "found 5 bytes" in line, "an error about the ticket keys")
    check_served(s_client(running, "-sess_in", session), "Reused, TLS")
    assert running.reload(status=400)["errors"]


# Ciphers and groups


def test_ciphers_are_those_that_are_set(gateway, site):
    running = gateway(page(site, ciphers=["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES128-SHA"]))
    check_served(s_client(running, "-tls1_2"), "Cipher is ECDHE-ECDSA-AES256-GCM-SHA384")
    check_served(
        s_client(running, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"), "Cipher is ECDHE-ECDSA-AES128-SHA")
    refused = s_client(running, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")
    assert "Cipher is (NONE)" in refused and "HTTP/1.1" not in refused
    check_served(s_client(running, "-tls1_3"), "Cipher is TLS_AES")


@pytest.mark.parametrize("version", VERSIONS)
def test_groups_are_those_that_are_set(gateway, authority, version):
    # With RSA: in TLS 1.2 a client's groups choose among the certificates with ECDSA as well.
    site = authority.issue("grouped", ["localhost"], key=rsa.generate_private_key(65537, 2048))
    running = gateway(page(site, groups=["P-384", "P-521"]))
    check_served(s_client(running, version, "-groups", "X25519:P-521:P-384"), "secp384r1")
    check_served(s_client(running, version, "-groups", "P-521"), "secp521r1")
    assert "HTTP/1.1" not in s_client(running, version, "-groups", "X25519:P-256")


# Towards servers


def serving(files, *, clients=None, version=None):
    """A server's TLS, and the names that it is asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.private_key)
    if version:
        context.minimum_version = context.maximum_version = version
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients)
    names = []
    context.sni_callback = lambda _, name, __: names.append(name)
    return context, names


def through(wire, running, server, context):
    """(client, server) of a WebSocket, the server over TLS."""
    client = wire.connect(running).send_upgrade("/")
    peer = wire.accept(server)
    peer.sock = context.wrap_socket(peer.sock, server_side=True)
    peer.read_upgrade()
    peer.accept_upgrade()
    assert client.read_response().status == 101
    return client, peer


def to(server, authority, **tls):
    return proxied(server.address, upstream={"tls": {"ca": str(authority.file), **tls}})


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_gets_the_certificate_that_it_asks_for(gateway, wire, authority, site, tmp_path, version):
    directory = tmp_path / "own"
    own = Authority(directory, "Clients").issue("gateway", client=True)
    context, _ = serving(site, clients=directory / "clients.pem", version=version)
    server = wire.server()
    config = to(server, authority, certificate=str(own.certificate), private_key=str(own.private_key))
    running = gateway(config)
    _, peer = through(wire, running, server, context)
    assert dict(part[0] for part in peer.sock.getpeercert()["subject"]) == {"commonName": "gateway"}

    # Another authority signs from now on; a reload follows it.
    renewed = Authority(directory, "Clients").issue("gateway", client=True)
    assert renewed.certificate == own.certificate
    running.reload()
    context, _ = serving(site, clients=directory / "clients.pem", version=version)
    _, peer = through(wire, running, server, context)
    assert peer.sock.getpeercert()["subject"]

    replace(own.private_key, b"no key")
    answer = running.reload(status=400)
    assert any("expected a PEM private key in" in error["message"] for error in answer["errors"]), answer


def test_a_server_is_verified_by_its_address(gateway, backend, wire, authority):
    context, names = serving(authority.issue("addressed", ["127.0.0.1"]))
    server = wire.server()
    running = gateway(to(server, authority, server_name="127.0.0.1"))
    through(wire, running, server, context)
    assert names == [None], "an address was sent as SNI"
    wrong, _ = serving(authority.issue("unaddressed", ["localhost", "127.0.0.2"]))
    refused = backend(tls=wrong)
    running = gateway(to(refused, authority, server_name="127.0.0.1"))
    check_refusal(wire.request(running), 502)


def test_the_dot_at_the_end_of_a_name_is_not_sent(gateway, wire, authority, site):
    context, names = serving(site)
    server = wire.server()
    running = gateway(to(server, authority, server_name="localhost."))
    through(wire, running, server, context)
    assert names == ["localhost"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_second_connection_to_a_server_resumes_the_session(gateway, wire, authority, site, version):
    context, _ = serving(site, version=version)
    server = wire.server()
    running = gateway(to(server, authority, server_name="localhost"))
    assert [through(wire, running, server, context)[1].sock.session_reused for _ in range(2)] == [False, True]


# Words


def test_check_start_and_renewal_say_the_same(gateway, tmp_path):
    site = Authority(tmp_path / "tls").issue("site", ["localhost"])
    running = gateway(page(site))
    expired = Authority(tmp_path / "expired").issue("site", ["localhost"], days=-1)
    for file in ("certificate", "private_key"):
        replace(getattr(site, file), getattr(expired, file).read_bytes())
    sentence = f'the certificate in "{site.certificate}" expired on '
    line = running.wait_for_output(lambda line: "expired on" in line, "an error about the certificate")
    assert sentence in next(entry["reason"] for entry in running.log() if "expired on" in entry.get("reason", "")), line
    for verb in ("check", "run"):
        done = command(verb, written(tmp_path, page(site)))
        assert done.returncode == 1
        assert sentence in done.stderr
    answer = running.reload(status=400)
    assert sentence in answer["errors"][0]["message"]


def test_an_odd_certificate_in_a_bundle_is_a_warning(gateway, authority, site, tmp_path):
    bundle = tmp_path / "bundle.pem"
    odd = b"-----BEGIN CERTIFICATE-----\nMIIBAAAA\n-----END CERTIFICATE-----\n"
    bundle.write_bytes(odd + authority.file.read_bytes())
    config = page(site, client_ca=str(bundle))
    done = command("check", written(tmp_path, config))
    assert done.returncode == 0, done.stderr
    assert f'warning: certificate 1 of 2 in "{bundle}" is damaged: ' in done.stderr
    running = gateway(config)
    friend = authority.issue("friend", client=True)
    check_served(s_client(running, "-cert", friend.certificate, "-key", friend.private_key))
    changed = edited(config, lambda new: new["listeners"][0]["tls"].update(minimum_version="1.3"))
    assert len(running.reload(changed)["warnings"]) == 1
