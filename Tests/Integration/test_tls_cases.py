"""Clients that break the rules of TLS: each ends with the alert or the answer that the RFCs have for it, none hangs,
and healthy neighbours on the same event loops do not notice. And what an audit says that was not made for this
gateway."""

import os
import re
import shutil
import ssl
import subprocess
from xml.etree import ElementTree

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tlslite.constants import CipherSuite
from tlslite.messages import ClientKeyExchange
from tlslite.utils.cryptomath import numBytes, numberToByteArray

from hostile import Neighbour, beside
from raw import RawServer
from sluice import Gateway, configuration
from tls_cases import BAD_MAC, CASES, LIBRARY, MIDDLE, OPEN_CASES, RAW
from tls_saboteur import (
    DATA, SERVED, V12, V13, Handshake, ask, connect, message, outcome, raw_outcome, wait_for_end)

OLD_CIPHERS = ["ECDHE-RSA-AES128-SHA", "AES128-SHA", "AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"]


class Site:
    """A gateway with a certificate for ECDSA (`tls`), one for RSA (`rsa`), and that with the ciphers of old clients
    (`old`)."""

    def __init__(self, site, long, directory):
        server = RawServer()

        def listener(name, files, **tls):
            return {"name": name, "address": "127.0.0.1:0", "tls": {"certificates": [files.setting], **tls}}

        config = configuration(
            {"name": "page", "match": {"path": "/page"}, "respond": {"status": 200, "body": "here"}},
            listeners=[
                {"name": "plain", "address": "127.0.0.1:0"}, listener("tls", site), listener("rsa", long),
                listener("old", long, ciphers=OLD_CIPHERS)])
        self.gateway = Gateway(beside(config, server.address), directory).start()
        self.neighbour = Neighbour(self.gateway, server)

    def port(self, name):
        return self.gateway.port(name)

    def end(self):
        try:
            self.neighbour.finish()
            assert self.gateway.stop() == 0
        finally:
            self.gateway.kill()


@pytest.fixture(scope="module")
def shared_site(authority, site, tmp_path_factory):
    long = authority.issue("long", ["localhost"], key=rsa.generate_private_key(65537, 2048))
    shared = Site(site, long, tmp_path_factory.mktemp("tls-cases"))
    yield shared
    shared.end()


@pytest.fixture
def case_site(request, shared_site):
    request.node.gateways = [shared_site.gateway]
    yield shared_site
    shared_site.neighbour.check(rounds=0)


def named(cases):
    return [pytest.param(*case, id=f"{'1.2' if case[0] == V12 else '1.3'}: {case[1][0]}") for case in cases]


def check(name, expected, body):
    expected = expected or [LIBRARY[name][0]]
    got = outcome(lambda: body(ask if SERVED in expected else wait_for_end))
    assert got in expected, f"{name}: expected {' or '.join(expected)}, got {got}"


@pytest.mark.parametrize("version, case", named(CASES))
def test_messages_of_the_handshake(case_site, version, case):
    name, sabotage, expected = case
    check(name, expected, lambda end: end(connect(case_site.port("tls"), sabotage, version=version)))


@pytest.mark.parametrize("version, case", named(MIDDLE))
def test_the_middle_of_a_handshake_that_waits_for_a_long_key(case_site, version, case):
    name, sabotage, expected = case
    check(name, expected, lambda end: end(connect(case_site.port("rsa"), sabotage, version=version)))


@pytest.mark.parametrize("version, case", named(OPEN_CASES))
def test_records_behind_the_handshake(case_site, version, case):
    name, act, expected = case

    def body(end):
        client = connect(case_site.port("tls"), version=version)
        act(client)
        end(client)

    check(name, expected, body)


@pytest.mark.parametrize("name, data, ends, expected", RAW, ids=[case[0] for case in RAW])
def test_what_is_no_tls(case_site, name, data, ends, expected):
    got = raw_outcome(case_site.port("tls"), data, ends)
    assert got in expected, f"{name}: expected {' or '.join(expected)}, got {got}"


# What a server must not let clients tell apart


def old_settings(*ciphers):
    return {"cipherNames": ["aes128", "aes128gcm"], "keyExchangeNames": list(ciphers), "macNames": ["sha", "aead"]}


PREMASTER = bytes([3, 3]) + bytes(range(46))


def padded(size, kind=2, gap=0, secret=PREMASTER, start=0):
    """The padded secret of RSA key exchange (RFC 8017 §7.2.1), or one that is padded wrong."""
    filler = bytes([0x55]) * (size - 3 - len(secret))
    return bytes([start, kind]) + filler + bytes([gap]) + secret


# Bleichenbacher's attack and its sequels, such as ROBOT, live on any difference between these.
SECRETS = {
    "another secret": {},
    "of another kind": {"kind": 1},
    "beginning otherwise": {"start": 1},
    "without a zero byte": {"gap": 0x55},
    "with another version": {"secret": bytes([2, 3]) + PREMASTER[2:]},
    "too short": {"secret": PREMASTER[:-1]},
    "too long": {"secret": PREMASTER + b"x"},
    "empty": {"secret": b""},
}


@pytest.mark.parametrize("name", SECRETS)
def test_a_badly_padded_secret_is_answered_as_another_secret_is(case_site, name):
    def sabotage(client, sent):
        if not isinstance(sent, ClientKeyExchange):
            return [sent]
        number = int.from_bytes(padded(numBytes(key.n), **SECRETS[name]), "big")
        encrypted = numberToByteArray(pow(number, key.e, key.n), numBytes(key.n))
        return [Handshake(message(16, len(encrypted).to_bytes(2, "big") + bytes(encrypted)))]

    good = connect(case_site.port("old"), version=V12, settings=old_settings("rsa"))
    assert good.session.cipherSuite in CipherSuite.certSuites, "expected RSA key exchange"
    key = good.session.serverCertChain.getEndEntityPublicKey()
    good.close()
    got = outcome(lambda: wait_for_end(
        connect(case_site.port("old"), sabotage, version=V12, settings=old_settings("rsa"))))
    assert got == BAD_MAC


@pytest.mark.parametrize("place", [0, 16, 32, 47, -33, -18, -17, -16, -2, -1])
def test_any_change_of_a_record_in_cbc_is_answered_alike(case_site, place):
    """Padding oracles, such as POODLE and Lucky Thirteen, live on differences."""
    client = connect(case_site.port("old"), version=V12, settings={
        **old_settings("ecdhe_rsa"), "cipherNames": ["aes128"], "useEncryptThenMAC": False})
    assert client._recordLayer.isCBCMode()
    data = bytearray(client.protect(DATA, b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    data[5 + place if place >= 0 else place] ^= 0x41

    def body():
        client.raw.sendall(bytes(data))
        wait_for_end(client)

    assert outcome(body) == BAD_MAC


# Tickets


PLACES = [0, 15, 16, 31, 32, 60, -33, -1]


def test_a_ticket_that_was_changed_is_worth_nothing(case_site):
    port = case_site.port("tls")
    client = connect(port)
    ask(client)
    ticket, session = client.session.tickets[0], client.session
    good = bytes(ticket.ticket)
    again = connect(port, session=session)
    assert again.resumed, "expected that a ticket as it was resumes its session"
    ask(again)
    for place in PLACES:
        changed = bytearray(good)
        changed[place] ^= 1
        ticket.ticket = changed
        other = connect(port, session=session)
        assert not other.resumed, f"expected that a ticket that was changed at {place} resumes nothing"
        ask(other)
    for changed in (good[:15], good[:40], good[:-1], good + b"x"):
        ticket.ticket = bytearray(changed)
        other = connect(port, session=session)
        assert not other.resumed, f"expected that {len(changed)} bytes of a ticket of {len(good)} resume nothing"
        ask(other)


def test_a_ticket_of_tls_1_2_that_was_changed_is_worth_nothing(case_site, tmp_path):
    def s_client(*arguments):
        shown = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{case_site.port('tls')}", "-tls1_2", *map(str, arguments)],
            input="", capture_output=True, text=True, timeout=20)
        return next(line for line in shown.stdout.splitlines() if line.startswith(("New, ", "Reused, ")))

    kept, changed = tmp_path / "session", tmp_path / "changed"
    assert s_client("-sess_out", kept).startswith("New")
    assert s_client("-sess_in", kept).startswith("Reused")
    text = subprocess.run(
        ["openssl", "sess_id", "-in", kept, "-noout", "-text"], capture_output=True, text=True, check=True).stdout
    dump = re.findall(r"^ +[0-9a-f]{4} - (.{47})", text.split("ticket:\n")[1], re.MULTILINE)
    ticket = bytes.fromhex("".join(dump).replace("-", "").replace(" ", ""))
    der = ssl.PEM_cert_to_DER_cert(
        kept.read_text().replace("SSL SESSION PARAMETERS", "CERTIFICATE"))
    assert der.count(ticket) == 1
    for place in PLACES:
        other = bytearray(ticket)
        other[place] ^= 1
        changed.write_text(ssl.DER_cert_to_PEM_cert(der.replace(ticket, bytes(other))).replace(
            "CERTIFICATE", "SSL SESSION PARAMETERS"))
        assert s_client("-sess_in", changed).startswith("New"), f"a ticket that was changed at {place} was taken"


def test_a_ticket_with_another_binder_ends_the_handshake(case_site):
    """RFC 8446 §4.2.11: decrypt_error."""
    def sabotage(client, sent):
        for one in getattr(sent, "extensions", None) or []:
            if one.extType == 41:
                one.binders[0][0] ^= 1
        return [sent]

    client = connect(case_site.port("tls"))
    ask(client)
    got = outcome(lambda: connect(case_site.port("tls"), sabotage, session=client.session))
    assert got in ("decrypt_error", "illegal_parameter")


def test_the_end_of_a_downgrade_is_marked(case_site):
    """RFC 8446 §4.1.3: a client that speaks TLS 1.3 learns from the server's random that it could have had it."""
    client = connect(case_site.port("tls"), version=V12)
    assert bytes(client._serverRandom[-8:]) == b"DOWNGRD\x01"


# Others' judgement


@pytest.mark.parametrize("listener", ["tls", "rsa"])
def test_an_audit_finds_nothing_weak(case_site, listener):
    program = shutil.which("sslscan")
    assert program, "sslscan is not there; install it with scripts/prerequisites test"
    report = subprocess.run(
        [program, "--no-colour", "--xml=-", "--timeout=5", f"127.0.0.1:{case_site.port(listener)}"],
        capture_output=True, text=True, timeout=60, env={**os.environ, "LC_ALL": "C"}, check=True)
    found = ElementTree.fromstring(report.stdout).find("ssltest")
    enabled = {f"{one.get('type')}{one.get('version')}" for one in found.iter("protocol") if one.get("enabled") == "1"}
    assert enabled == {"tls1.2", "tls1.3"}
    renegotiation = found.find("renegotiation")
    assert renegotiation.get("supported") == "0" or renegotiation.get("secure") == "1"
    assert {one.get("vulnerable") for one in found.iter("heartbleed")} == {"0"}
    ciphers = {one.get("cipher") for one in found.iter("cipher")}
    assert ciphers, "expected that the audit finds ciphers"
    assert {one.get("strength") for one in found.iter("cipher")} <= {"strong", "acceptable"}
    for cipher in ciphers:
        assert cipher.startswith(("TLS_", "ECDHE-")) and ("GCM" in cipher or "CHACHA20" in cipher), cipher
