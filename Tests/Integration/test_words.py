"""What an operator reads when an address, a server or a certificate does not do: one sentence, and its remedy."""

import contextlib
import datetime
import os
import re
import socket
import ssl
import subprocess
import threading

import pytest

from certificates import Authority
from changes import free_address
from raw import Listening
from sluice import Gateway, configuration, proxied
from test_refusals import check_refusal
from waiting import eventually

ROUTE = {"name": "all", "respond": {"status": 404}}
# What the libraries' own texts are made of: type names, calls, numbers and paths of the build.
RAW = re.compile(r"errno|Error[(.:]|NIO|BoringSSL|OPENSSL|ptr:|\.(cc|swift)\b|0x[0-9a-f]{6}|\d{8,}")


def check_words(text, expected):
    assert text == expected
    assert not RAW.search(text), f"expected an operator's words, got {text!r}"


# Listening


def refused_start(directory, listeners, *, prefix=(), **sections):
    """What a start that is refused writes; its exit code has to be 3."""
    running = Gateway(configuration(ROUTE, listeners=listeners, **sections), directory, prefix=prefix)
    try:
        with pytest.raises(AssertionError, match="it ended with 3"):
            running.start()
        assert len(running.output) == 1, f"expected one line, got\n{running.tail()}"
        return running.output[0]
    finally:
        running.kill()


def listener(address):
    return [{"name": "plain", "address": address}]


NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
AS_NOBODY = pytest.mark.skipif(
    os.geteuid() != 0 or subprocess.run([*NOBODY, "true"], capture_output=True).returncode != 0,
    reason="needs root, to become nobody")


def open_to_all(directory):
    """The directory, once everybody may look into it."""
    for folder in [directory, *directory.parents]:
        if folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(0o755)
    return directory


def test_an_address_in_use(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        words = f"the address is in use; ss -ltnp 'sport = :{port}' shows the process: stop it, or choose another port"
        check_words(
            refused_start(tmp_path / "a", listener(f"127.0.0.1:{port}")),
            f"error: listener plain can't listen on 127.0.0.1:{port}: {words}")
        check_words(
            refused_start(tmp_path / "b", listener("127.0.0.1:0"), admin={"address": f"127.0.0.1:{port}"}),
            f"error: admin can't listen on 127.0.0.1:{port}: {words}")


def test_an_address_of_no_interface(tmp_path):
    check_words(
        refused_start(tmp_path, listener("192.0.2.1:8080")),
        "error: listener plain can't listen on 192.0.2.1:8080: no interface of this machine has the address; ip "
        "address shows its addresses (if the address comes later, run sysctl net.ipv4.ip_nonlocal_bind=1)")


def test_a_name_without_an_address(tmp_path):
    check_words(
        refused_start(tmp_path, listener("nowhere.invalid:8080")),
        "error: listener plain can't listen on nowhere.invalid:8080: the name nowhere.invalid has no address; add it "
        "to DNS or /etc/hosts, or write an IP address")


@AS_NOBODY
def test_a_privileged_port(tmp_path):
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as start:
        if int(start.read()) <= 81:
            pytest.skip("this machine has no privileged ports")
    check_words(
        refused_start(open_to_all(tmp_path), listener("127.0.0.1:81"), prefix=NOBODY),
        "error: listener plain can't listen on 127.0.0.1:81: permission denied, because ports below 1024 are privileged; "
        "give the process CAP_NET_BIND_SERVICE (AmbientCapabilities=CAP_NET_BIND_SERVICE in a systemd unit), or run "
        "sysctl net.ipv4.ip_unprivileged_port_start=81")


def test_a_unix_socket_in_a_folder_that_is_not_there(tmp_path):
    folder = tmp_path / "missing"
    check_words(
        refused_start(tmp_path, listener(f"unix:{folder}/s")),
        f"error: listener plain can't listen on unix:{folder}/s: the folder {folder} does not exist; create it "
        "(RuntimeDirectory= in a systemd unit does so)")


@AS_NOBODY
def test_a_unix_socket_in_a_folder_of_somebody_else(tmp_path):
    folder = tmp_path / "theirs"
    open_to_all(tmp_path)
    folder.mkdir(mode=0o755)
    for address, sections in [(f"unix:{folder}/s", {}), ("127.0.0.1:0", {"admin": {"address": f"unix:{folder}/s"}})]:
        who = "admin" if sections else "listener plain"
        check_words(
            refused_start(tmp_path / who, listener(address), prefix=NOBODY, **sections),
            f"error: {who} can't listen on unix:{folder}/s: permission denied; the process needs write permission for "
            f"the folder {folder}, and search permission for the folders above it")


# Connecting


def reason(running, message="server failed"):
    """The reason of the first log line with this message."""
    return eventually(
        lambda: next((entry["reason"] for entry in running.log() if entry["message"] == message), None),
        f"{message!r} in the log")


REFUSED = "connection refused; nothing listens there: start the server, or correct its address"


def test_nobody_listens(gateway, wire, tmp_path):
    running = gateway(proxied(free_address()))
    check_refusal(wire.request(running), 502)
    check_words(reason(running), REFUSED)
    path = tmp_path / "left-behind"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    running = gateway(proxied(f"unix:{path}"))
    check_refusal(wire.request(running), 502)
    check_words(reason(running), REFUSED)


def test_no_such_unix_socket(gateway, wire, tmp_path):
    running = gateway(proxied(f"unix:{tmp_path}/missing"))
    check_refusal(wire.request(running), 502)
    check_words(reason(running), "there is no such unix socket; start the server, or correct its address")


def test_a_unix_socket_of_another_kind(gateway, wire, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(f"{tmp_path}/datagrams")
        running = gateway(proxied(f"unix:{tmp_path}/datagrams"))
        check_refusal(wire.request(running), 502)
    check_words(
        reason(running), "the unix socket is not a stream socket; correct the server's address")


@AS_NOBODY
def test_a_unix_socket_of_somebody_else(gateway, wire, tmp_path):
    open_to_all(tmp_path)
    server = wire.server(path=tmp_path / "s")
    (tmp_path / "s").chmod(0o600)
    running = gateway(proxied(server.address), prefix=NOBODY)
    check_refusal(wire.request(running), 502)
    check_words(
        reason(running),
        "permission denied; a unix socket must be writable for the process; over TCP a firewall or a route of this "
        "machine forbids the connection")


def test_a_host_that_does_not_answer(gateway, wire):
    # A queue that is full: further connections are left without an answer.
    with socket.socket() as full, contextlib.ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        for _ in range(4):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(address)
        running = gateway(proxied(f"127.0.0.1:{address[1]}", upstream={"connect_timeout": "300ms"}))
        check_refusal(wire.request(running), 502)
    check_words(
        reason(running),
        "the server did not accept the connection within 300ms (connect_timeout); the host is down, or a firewall drops "
        "the packets")


def test_a_name_that_is_not_known(gateway, wire):
    running = gateway(proxied("nowhere.invalid:80"))
    check_refusal(wire.request(running), 502)
    check_words(reason(running), "the server's name has no address; the line \"name lookup failed\" of the log says why")
    assert reason(running, "name lookup failed") in {
        "DNS and /etc/hosts do not know the name; correct it, or add it there",
        "no name server answered; the gateway asks again (/etc/resolv.conf names the servers)",
    }


def test_a_server_that_resets(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"retries": 0}))
    client = wire.connect(running)
    client.send_upgrade("/")
    peer = server.accept()
    peer.read_upgrade()
    peer.reset()
    check_refusal(client.read_response(), 502)
    check_words(
        reason(running),
        "the connection broke (the connection was reset by the server, or by something in between) before its answer")


# TLS


class TLSServer:
    """Takes connections and begins TLS on each, whatever becomes of it."""

    def __init__(self, context):
        self.context = context
        self.sock = Listening.on(("127.0.0.1", 0))
        self.address = f"localhost:{self.sock.getsockname()[1]}"
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.sock.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                with contextlib.suppress(OSError):
                    if self.context in (None, "ends"):
                        # Bytes that are left unread would make a reset of the end.
                        connection.recv(4096)
                    if self.context is None:
                        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
                    elif self.context != "ends":
                        with self.context.wrap_socket(connection, server_side=True) as tls:
                            tls.recv(4096)

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self.thread.join(10)


def serving(files, **settings):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.private_key)
    for name, value in settings.items():
        setattr(context, name, value)
    return context


def self_signed(directory):
    """Of localhost, and nobody's."""
    files = [directory / "own.pem", directory / "own.key"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2", "-out", files[0],
         "-keyout", files[1]],
        check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    return context


def wanting_certificates(files, authority, version):
    context = serving(files, minimum_version=version, maximum_version=version)
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def without_common_ciphers(files):
    context = serving(files, maximum_version=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("ECDHE-ECDSA-AES256-CCM")
    return context


def day(days):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%Y-%m-%d")


WANTS_CERTIFICATE = "the server requires a client certificate (alert certificate required)"
# With TLS 1.3 the client is through with its handshake when the server looks at the certificate (RFC 8446 §4.4.2.4).
BEHIND_THE_HANDSHAKE = {
    ("http/1.1", WANTS_CERTIFICATE): ("server failed", f"the connection broke ({WANTS_CERTIFICATE}) before its answer"),
    ("h2", WANTS_CERTIFICATE): (
        "server answered with a bad handshake",
        f"the server closed the connection before its SETTINGS ({WANTS_CERTIFICATE})"),
}


V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
NAMES = ["localhost", "127.0.0.1"]
FAILURES = {
    "self-signed": (
        lambda authority, folder: self_signed(folder),
        lambda: "the server's certificate is self-signed and not trusted; name a copy of it in ca of the "
        "upstream's tls"),
    "unknown issuer": (
        lambda authority, folder: serving(Authority(folder, "Strangers").issue("site", NAMES)),
        lambda: "the server's certificate is not trusted; CN=Strangers signed it: name the certificate of that "
        "authority in ca of the upstream's tls, or let the server send the intermediate certificates"),
    "expired": (
        lambda authority, folder: serving(authority.issue("old", NAMES, days=-1)),
        lambda: f"the server's certificate expired on {day(-1)}; renew it"),
    "not yet valid": (
        lambda authority, folder: serving(authority.issue("early", NAMES, begins=2, days=3)),
        lambda: f"the server's certificate is not valid before {day(2)}; correct the clock of this machine, or the "
        "certificate"),
    "another name": (
        lambda authority, folder: serving(authority.issue("other", ["a.example", "10.0.0.1"])),
        lambda: "the server's certificate is for a.example, 10.0.0.1, expected localhost; server_name of the "
        "upstream's tls sets the expected name"),
    "no TLS": (
        lambda authority, folder: None,
        lambda: "the server does not speak TLS on this port; correct its address, or remove tls from the upstream"),
    "it ends": (
        lambda authority, folder: "ends",
        lambda: "the server ended the connection inside the TLS handshake; perhaps it does not speak TLS on this port"),
    "no common cipher": (
        lambda authority, folder: without_common_ciphers(authority.issue("ccm", NAMES)),
        lambda: "the server refused the TLS handshake (alert handshake failure); it has no cipher suite, group or "
        "signature algorithm in common with the gateway, or requires a client certificate"),
    "client certificate, TLS 1.2": (
        lambda authority, folder: wanting_certificates(authority.issue("strict", NAMES), authority, V12),
        lambda: "the server refused the TLS handshake (alert handshake failure); it has no cipher suite, group or "
        "signature algorithm in common with the gateway, or requires a client certificate"),
    "client certificate, TLS 1.3": (
        lambda authority, folder: wanting_certificates(authority.issue("strict", NAMES), authority, V13),
        lambda: WANTS_CERTIFICATE),
}


@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
@pytest.mark.parametrize("case", FAILURES)
def test_tls_with_a_server(gateway, wire, authority, tmp_path, case, protocol):
    make, words = FAILURES[case]
    expected = words()
    message, expected = BEHIND_THE_HANDSHAKE.get((protocol, expected), ("server failed", expected))
    server = TLSServer(make(authority, tmp_path))
    try:
        running = gateway(proxied(
            server.address,
            upstream={"tls": {"ca": str(authority.file)}, "retries": 0, "protocol": protocol}))
        response = wire.request(running)
        check_refusal(response, 502)
        check_words(reason(running, message), expected)
        assert not RAW.search(response.body.decode()), response.body
    finally:
        server.close()


# The files of TLS


def test_files_that_were_replaced_and_do_not_do(gateway, authority, tmp_path):
    mine, other = (Authority(tmp_path / name).issue("site", ["localhost"]) for name in ("mine", "other"))
    certificate, key = mine.certificate, mine.private_key
    running = gateway(configuration(
        ROUTE, listeners=[{"name": "tls", "address": "127.0.0.1:0", "tls": {"certificates": [mine.setting]}}]))

    def refused(expected):
        message = "new certificates can't be used; the gateway keeps the old ones"
        eventually(
            lambda: [entry["reason"] for entry in running.log() if entry["message"] == message][-1:] == [expected],
            f"{expected!r} as the last reason, got {[entry for entry in running.log()][-1]!r}")
        assert not RAW.search(expected)

    key.write_bytes(other.private_key.read_bytes())
    refused(
        f'the private key in "{key}" belongs to another certificate than the first in "{certificate}"; replace both, '
        "or put the key's certificate first")
    key.write_text("no key")
    refused(f'expected a PEM private key in "{key}", found none')
    certificate.write_text("no certificate")
    refused(f'expected PEM certificates in "{certificate}", found none')
    certificate.unlink()
    refused(f'the file "{certificate}" could not be opened: No such file or directory')
