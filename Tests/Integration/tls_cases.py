"""What a client may do wrong in TLS, and what the RFCs have a server answer: the tables of `test_tls_cases`.

A case is a name, what the client does, and the outcomes that do: the names of alerts, `SERVED` or `ENDED`. More than
one stands there where the RFCs leave it open, and `ENDED` beside an alert where the client sends on, so that its system
may drop the alert for the reset behind it. What the gateway's library answers otherwise than the RFC wants stands in
`LIBRARY`, with what the RFC wants; all of these end the connection, or harm nobody.
"""

import struct

from tlslite.extensions import TLSExtension
from tlslite.messages import ChangeCipherSpec, ClientHello, ClientKeyExchange, Finished, Message

from tls_saboteur import ALERT, CCS, DATA, ENDED, HANDSHAKE, SERVED, V12, V13, Handshake, message, record

UNEXPECTED = "unexpected_message"
DECODE = "decode_error"
ILLEGAL = "illegal_parameter"
DECRYPT = "decrypt_error"
BAD_MAC = "bad_record_mac"

# (alert that comes, what RFC 8446 wants) by case.
LIBRARY = {
    "an empty name": ("unrecognized_name", DECODE),
    "a name of another type": ("unrecognized_name", DECODE),
    "a name with a zero byte": ("unrecognized_name", ILLEGAL),
    "supported_versions of an odd length": (SERVED, DECODE),
    "no signature_algorithms": ("handshake_failure", "missing_extension"),
    "change_cipher_spec of another value in TLS 1.3": (BAD_MAC, UNEXPECTED),
    "change_cipher_spec of two bytes in TLS 1.3": (BAD_MAC, UNEXPECTED),
    "change_cipher_spec behind the handshake": (BAD_MAC, UNEXPECTED),
    "a record of nothing but padding": (DECRYPT, UNEXPECTED),
    "KeyUpdate of another value": (DECODE, ILLEGAL),
}

SERVER_NAME, GROUPS, SIGNATURES, ALPN, EXTENDED_SECRET, TICKET = 0, 10, 13, 16, 23, 35
PSK, EARLY_DATA, VERSIONS, COOKIE, PSK_MODES, KEY_SHARE, RENEGOTIATION = 41, 42, 43, 44, 45, 51, 0xFF01
HEARTBEAT, FRAGMENT_LENGTH, STATUS = 15, 1, 5


def vector(size, data):
    """A vector with a length of `size` bytes (RFC 8446 §3.4)."""
    return len(data).to_bytes(size, "big") + bytes(data)


# Ways to change what is sent


def before(kind, *parts):
    """Puts something before the first message of a kind."""
    return lambda client, sent: [*parts, sent] if isinstance(sent, kind) else [sent]


def after(kind, *parts):
    return lambda client, sent: [sent, *parts] if isinstance(sent, kind) else [sent]


def instead(kind, *parts):
    return lambda client, sent: list(parts) if isinstance(sent, kind) else [sent]


def changed(kind, change):
    """Has `change` make other bytes of the bytes of a handshake message."""
    return lambda client, sent: [Handshake(change(bytearray(sent.write())))] if isinstance(sent, kind) else [sent]


def in_pieces(kind, size):
    """Sends a message in records of so many bytes each."""
    def sabotage(client, sent):
        if not isinstance(sent, kind):
            return [sent]
        data = sent.write()
        return [Handshake(data[start:start + size]) for start in range(0, len(data), size)]
    return sabotage


def hello(change):
    """Has `change` work on the ClientHello."""
    def sabotage(client, sent):
        if isinstance(sent, ClientHello):
            change(sent)
        return [sent]
    return sabotage


def attribute(name, value):
    return hello(lambda sent: setattr(sent, name, value))


def extension(kind, data=None):
    """Puts an extension in the place of the one of its kind, or before the others; without data it goes."""
    def change(sent):
        place = next((index for index, one in enumerate(sent.extensions) if one.extType == kind), None)
        fresh = [] if data is None else [Extension(extType=kind).create(kind, bytearray(data))]
        if place is None:
            sent.extensions[:0] = fresh
        else:
            sent.extensions[place:place + 1] = fresh
    return hello(change)


class Extension(TLSExtension):
    """One of any content. The client looks for these in its own extensions."""

    hostNames = [bytearray(b"localhost")]  # noqa: N815
    client_shares = ()


def twice(kind):
    def change(sent):
        sent.extensions += [one for one in sent.extensions if one.extType == kind]
    return hello(change)


def last(kind, data):
    return hello(lambda sent: sent.extensions.append(Extension(extType=kind).create(kind, bytearray(data))))


def host_names(*names, kind=0):
    return vector(2, b"".join(bytes([kind]) + vector(2, name) for name in names))


def both(first, second):
    return lambda client, sent: second(client, first(client, sent)[0])


def share(group, key):
    return vector(2, struct.pack("!H", group) + vector(2, key))


def psk(identities=1, binders=1, identity=b"x" * 32):
    return (
        vector(2, b"".join(vector(2, identity) + bytes(4) for _ in range(identities)))
        + vector(2, b"".join(vector(1, bytes(32)) for _ in range(binders))))


def with_psk(*arguments, **options):
    """psk_key_exchange_modes, and pre_shared_key as the last extension."""
    return both(extension(PSK_MODES, b"\x01\x01"), last(PSK, psk(*arguments, **options)))


X25519, P256 = 0x001D, 0x0017


def p256_alone(key):
    return both(extension(GROUPS, vector(2, struct.pack("!H", P256))), extension(KEY_SHARE, share(P256, key)))


# (name, what is done to the messages, outcomes): before and in the ClientHello, in either version.
HELLO = [
    ("nothing wrong", lambda client, sent: [sent], [SERVED]),
    ("ClientHello in records of one byte", in_pieces(ClientHello, 1), [SERVED]),
    ("ClientHello in records of seven bytes", in_pieces(ClientHello, 7), [SERVED]),
    ("an empty record of handshake before", before(ClientHello, record(HANDSHAKE, b"")), [SERVED, UNEXPECTED, DECODE]),
    ("40 empty records of handshake", before(ClientHello, record(HANDSHAKE, b"") * 40), [UNEXPECTED, DECODE]),
    ("an empty record of an alert", before(ClientHello, record(ALERT, b"")), [UNEXPECTED, DECODE]),
    ("half an alert", before(ClientHello, record(ALERT, b"\x02")), [DECODE, UNEXPECTED]),
    ("two alerts in one record", before(ClientHello, record(ALERT, b"\x01\x5a\x01\x5a")), [DECODE, UNEXPECTED]),
    ("an alert of level 3", before(ClientHello, record(ALERT, b"\x03\x5a")), [ILLEGAL]),
    ("a fatal alert", before(ClientHello, record(ALERT, b"\x02\x28")), [ENDED]),
    ("close_notify", before(ClientHello, record(ALERT, b"\x01\x00")), [ENDED]),
    ("a flood of warnings", before(ClientHello, record(ALERT, b"\x01\x5a") * 40), [UNEXPECTED, DECODE]),
    ("change_cipher_spec first", before(ClientHello, record(CCS, b"\x01")), [UNEXPECTED]),
    ("application data first", before(ClientHello, record(DATA, b"hello")), [UNEXPECTED]),
    ("a heartbeat first", before(ClientHello, record(24, b"\x01\xff\xff")), [UNEXPECTED]),
    ("an unknown record first", before(ClientHello, record(99, b"hello")), [UNEXPECTED]),
    ("Finished first", before(ClientHello, record(HANDSHAKE, message(20, bytes(12)))), [UNEXPECTED]),
    ("ServerHello first", before(ClientHello, record(HANDSHAKE, message(2, bytes(40)))), [UNEXPECTED]),
    ("HelloRequest first", before(ClientHello, record(HANDSHAKE, message(0))), [UNEXPECTED]),
    ("an unknown message first", before(ClientHello, record(HANDSHAKE, message(77, b"x"))), [UNEXPECTED]),
    ("ClientHello twice in one flight", lambda client, sent: [
        sent, record(HANDSHAKE, sent.write(), (3, 3))] if isinstance(sent, ClientHello) else [sent],
     [UNEXPECTED, BAD_MAC]),
    ("a message of 1 MiB announced", before(ClientHello, record(HANDSHAKE, message(1, b"x" * 100, 1 << 20))),
     [ILLEGAL, DECODE, "record_overflow"]),
    ("a record of 16,385 bytes", before(ClientHello, record(HANDSHAKE, bytes(2 ** 14 + 1))), ["record_overflow"]),
    ("a record of 65,535 bytes announced", before(ClientHello, record(HANDSHAKE, b"", length=65535)),
     ["record_overflow"]),
    ("a record of SSL 2.0", before(ClientHello, record(HANDSHAKE, b"x", version=(2, 0))), ["protocol_version"]),
    ("a record of version 4", before(ClientHello, record(HANDSHAKE, b"x", version=(4, 1))), ["protocol_version"]),
    ("the message is a byte short", changed(ClientHello, lambda data: message(1, data[4:-1])), [DECODE]),
    ("a byte behind the extensions",
     changed(ClientHello, lambda data: message(1, data[4:] + b"\x00")), [DECODE]),
    ("an empty ClientHello", changed(ClientHello, lambda data: message(1)), [DECODE]),
    ("a session_id of 33 bytes", attribute("session_id", bytearray(33)), [DECODE]),
    ("no cipher suite", attribute("cipher_suites", []), [DECODE]),
    ("unknown cipher suites alone", attribute("cipher_suites", [0x1A1A, 0xEEEE]), ["handshake_failure"]),
    ("export and NULL cipher suites alone", attribute("cipher_suites", [0x0000, 0x0001, 0x0003, 0x0019, 0x003B]),
     ["handshake_failure"]),
    ("no compression method", attribute("compression_methods", []), [DECODE, ILLEGAL]),
    ("DEFLATE without null", attribute("compression_methods", [1]), [ILLEGAL, DECODE]),
    ("an unknown extension", extension(0x1234, b"anything"), [SERVED]),
    ("an unknown extension of 12,000 bytes", extension(0x1234, bytes(12_000)), [SERVED]),
    ("an unknown extension of 20,000 bytes", extension(0x1234, bytes(20_000)), [ILLEGAL, DECODE]),
    ("an unknown extension twice",
     both(extension(0x1234, b"x"), last(0x1234, b"x")), [DECODE, ILLEGAL]),
    ("supported_groups twice", twice(GROUPS), [DECODE, ILLEGAL]),
    ("server_name twice", twice(SERVER_NAME), [DECODE, ILLEGAL]),
    ("no name in server_name", extension(SERVER_NAME, vector(2, b"")), [DECODE]),
    ("server_name without content", extension(SERVER_NAME, b""), [DECODE]),
    ("an empty name", extension(SERVER_NAME, host_names(b"")), []),
    ("two names", extension(SERVER_NAME, host_names(b"localhost", b"localhost")), [DECODE, ILLEGAL]),
    ("a name of another type", extension(SERVER_NAME, host_names(b"localhost", kind=7)), []),
    ("a name with a zero byte", extension(SERVER_NAME, host_names(b"local\x00host")), []),
    ("a name of 300 bytes", extension(SERVER_NAME, host_names(b"a" * 300)), [DECODE, "unrecognized_name"]),
    ("a name of 255 bytes", extension(SERVER_NAME, host_names(b"a" * 255)), [SERVED]),
    ("an address as a name", extension(SERVER_NAME, host_names(b"127.0.0.1")), [SERVED]),
    ("a name that ends with a dot", extension(SERVER_NAME, host_names(b"localhost.")), [SERVED]),
    ("a name that is no UTF-8", extension(SERVER_NAME, host_names(b"\xff\xfe.example")), [SERVED]),
    ("an unknown name", extension(SERVER_NAME, host_names(b"elsewhere.example")), [SERVED]),
    ("no server_name", extension(SERVER_NAME), [SERVED]),
    ("ALPN without a protocol", extension(ALPN, vector(2, b"")), [DECODE]),
    ("ALPN with an empty protocol", extension(ALPN, vector(2, vector(1, b""))), [DECODE]),
    ("ALPN with a wrong length", extension(ALPN, vector(2, b"\x08h2")), [DECODE]),
    ("ALPN with bytes behind it", extension(ALPN, vector(2, vector(1, b"h2")) + b"x"), [DECODE]),
    ("signature_algorithms without any", extension(SIGNATURES, vector(2, b"")), [DECODE]),
    ("signature_algorithms of an odd length", extension(SIGNATURES, vector(2, b"\x04\x03\x08")), [DECODE]),
    ("unknown signature_algorithms alone", extension(SIGNATURES, vector(2, b"\xfe\xfe")), ["handshake_failure"]),
    ("SHA-1 and MD5 alone", extension(SIGNATURES, vector(2, b"\x02\x03\x02\x01\x01\x01")), ["handshake_failure"]),
    ("supported_groups of an odd length", extension(GROUPS, vector(2, b"\x00\x1d\x00")), [DECODE]),
    ("a renegotiation_info that goes on with something", extension(RENEGOTIATION, vector(1, bytes(12))),
     ["handshake_failure", SERVED]),
    ("a heartbeat extension", extension(HEARTBEAT, b"\x01"), [SERVED]),
    ("max_fragment_length", extension(FRAGMENT_LENGTH, b"\x01"), [SERVED]),
    ("an unknown max_fragment_length", extension(FRAGMENT_LENGTH, b"\x09"), [SERVED, ILLEGAL]),
    ("status_request that is cut", extension(STATUS, b"\x01\x00"), [DECODE, SERVED]),
    ("extended_master_secret with content", extension(EXTENDED_SECRET, b"x"), [DECODE, SERVED]),
    ("a ticket that is none", extension(TICKET, b"x" * 200), [SERVED]),
    ("a ticket of one byte", extension(TICKET, b"x"), [SERVED]),
]

HELLO_12 = [
    ("TLS 1.1", attribute("client_version", (3, 2)), ["protocol_version"]),
    ("TLS 1.0", attribute("client_version", (3, 1)), ["protocol_version"]),
    ("SSL 3.0", attribute("client_version", (3, 0)), ["protocol_version"]),
    ("version 2.0", attribute("client_version", (2, 0)), ["protocol_version"]),
    ("a fallback (RFC 7507)", hello(lambda sent: sent.cipher_suites.append(0x5600)), ["inappropriate_fallback"]),
    ("renegotiation_info by the cipher suite", extension(RENEGOTIATION), [SERVED]),
    ("compression beside null", attribute("compression_methods", [1, 0]), [SERVED]),
    ("ec_point_formats without uncompressed", extension(11, vector(1, b"\x01")),
     [ILLEGAL, "handshake_failure", SERVED]),
]

HELLO_13 = [
    ("compression beside null", attribute("compression_methods", [1, 0]), [ILLEGAL, DECODE]),
    ("no version that is known", extension(VERSIONS, vector(1, b"\x0a\x0a\x7f\x1c")), ["protocol_version"]),
    ("TLS 1.1 alone", extension(VERSIONS, vector(1, b"\x03\x02")), ["protocol_version"]),
    ("an unknown version beside 1.3", extension(VERSIONS, vector(1, b"\x0a\x0a\x03\x04")), [SERVED]),
    ("supported_versions of an odd length", extension(VERSIONS, vector(1, b"\x03\x04\x03")), []),
    ("supported_versions without any", extension(VERSIONS, vector(1, b"")), [DECODE]),
    ("no key_share", extension(KEY_SHARE), ["missing_extension"]),
    ("no supported_groups", extension(GROUPS), ["missing_extension", ILLEGAL]),
    ("no signature_algorithms", extension(SIGNATURES), []),
    ("no group that is known", extension(GROUPS, vector(2, b"\xfe\xfe")), ["handshake_failure", ILLEGAL]),
    ("an X25519 share that is a byte short", extension(KEY_SHARE, share(X25519, bytes(31))), [ILLEGAL, DECODE]),
    ("an X25519 share of small order", extension(KEY_SHARE, share(X25519, bytes(32))), [ILLEGAL, "handshake_failure"]),
    ("a P-256 share that is no point", p256_alone(b"\x04" + b"\x01" * 64), [ILLEGAL]),
    ("a P-256 share that is compressed", p256_alone(b"\x02" + b"\x01" * 32), [ILLEGAL]),
    ("an empty share", extension(KEY_SHARE, share(X25519, b"")), [DECODE, ILLEGAL]),
    ("a key_share that is cut", extension(KEY_SHARE, b"\x00\x24\x00\x1d\x00\x20"), [DECODE]),
    ("the same share twice", extension(
        KEY_SHARE, vector(2, 2 * (struct.pack("!H", X25519) + vector(2, b"\x09" + bytes(31))))), [ILLEGAL]),
    ("a PSK that nobody knows", with_psk(), [SERVED]),
    ("a PSK with an empty identity", with_psk(identity=b""), [DECODE, ILLEGAL, SERVED]),
    ("more binders than identities", with_psk(1, 2), [ILLEGAL]),
    ("more identities than binders", with_psk(2, 1), [ILLEGAL]),
    ("no binder", with_psk(1, 0), [DECODE, ILLEGAL]),
    ("a PSK before other extensions", hello(
        lambda sent: sent.extensions.insert(0, Extension(extType=PSK).create(PSK, bytearray(psk())))), [ILLEGAL]),
    ("a PSK without its modes", both(extension(PSK_MODES), last(PSK, psk())), ["missing_extension"]),
    ("early_data without a PSK", extension(EARLY_DATA, b""), [SERVED, ILLEGAL]),
    ("a cookie that nobody gave", extension(COOKIE, vector(2, b"x" * 32)), [SERVED, ILLEGAL]),
    ("a fallback signal beside 1.3", hello(lambda sent: sent.cipher_suites.append(0x5600)), [SERVED]),
    ("legacy_version of TLS 1.0", attribute("client_version", (3, 1)), [SERVED, "protocol_version"]),
]


def other_finished(change):
    return changed(Finished, change)


# In the middle of the handshake: (name, what is done, outcomes).
MIDDLE_12 = [
    ("change_cipher_spec before the keys", before(ClientKeyExchange, ChangeCipherSpec()), [UNEXPECTED]),
    ("no change_cipher_spec", instead(ChangeCipherSpec), [UNEXPECTED, BAD_MAC]),
    ("change_cipher_spec of two bytes", instead(ChangeCipherSpec, record(CCS, b"\x01\x01", (3, 3))),
     [UNEXPECTED, DECODE, ILLEGAL]),
    ("change_cipher_spec of another value", instead(ChangeCipherSpec, record(CCS, b"\x02", (3, 3))),
     [UNEXPECTED, ILLEGAL, DECODE]),
    ("change_cipher_spec twice", before(ChangeCipherSpec, record(CCS, b"\x01", (3, 3))), [UNEXPECTED, BAD_MAC]),
    ("Finished of other bytes", other_finished(lambda data: data[:-1] + bytes([data[-1] ^ 1])), [DECRYPT]),
    ("Finished a byte short", other_finished(lambda data: message(20, data[4:-1])), [DECODE, DECRYPT]),
    ("Finished a byte long", other_finished(lambda data: message(20, data[4:] + b"x")), [DECODE, DECRYPT]),
    ("an empty Finished", other_finished(lambda data: message(20)), [DECODE, DECRYPT]),
    ("no ClientKeyExchange", instead(ClientKeyExchange), [UNEXPECTED]),
    ("ClientKeyExchange twice", after(ClientKeyExchange, Handshake(message(16, vector(1, bytes(32))))), [UNEXPECTED]),
    ("an empty ClientKeyExchange", changed(ClientKeyExchange, lambda data: message(16)), [DECODE]),
    ("a byte behind the keys", changed(ClientKeyExchange, lambda data: message(16, data[4:] + b"x")), [DECODE]),
    ("a share of small order", changed(ClientKeyExchange, lambda data: message(16, vector(1, bytes(32)))),
     [ILLEGAL, "handshake_failure", DECODE]),
    ("a share a byte short", changed(ClientKeyExchange, lambda data: message(16, vector(1, data[5:-1]))),
     [ILLEGAL, DECODE]),
    ("ClientHello once more", before(ClientKeyExchange, Handshake(message(1, bytes(40)))), [UNEXPECTED]),
    ("a Certificate that nobody asked for", before(ClientKeyExchange, Handshake(message(11, bytes(3)))), [UNEXPECTED]),
    ("a CertificateVerify without a certificate", after(ClientKeyExchange, Handshake(message(15, bytes(70)))),
     [UNEXPECTED]),
    ("application data before Finished", before(ChangeCipherSpec, record(DATA, b"GET /", (3, 3))), [UNEXPECTED]),
    ("a heartbeat", before(ClientKeyExchange, record(24, b"\x01\xff\xff", (3, 3))), [UNEXPECTED]),
    ("a fatal alert", before(ClientKeyExchange, record(ALERT, b"\x02\x28", (3, 3))), [ENDED]),
    ("a record of version 2.9", instead(ClientKeyExchange, record(HANDSHAKE, b"x", (2, 9))), ["protocol_version"]),
    ("in records of one byte", in_pieces((ClientKeyExchange, Finished), 1), [SERVED]),
    ("change_cipher_spec inside a message", lambda client, sent: [
        Handshake(sent.write()[:9]), ChangeCipherSpec(), Handshake(sent.write()[9:])
    ] if isinstance(sent, ClientKeyExchange) else [sent], [UNEXPECTED]),
]

MIDDLE_13 = [
    ("Finished of other bytes", other_finished(lambda data: data[:-1] + bytes([data[-1] ^ 1])), [DECRYPT]),
    ("Finished a byte short", other_finished(lambda data: message(20, data[4:-1])), [DECODE, DECRYPT]),
    ("Finished a byte long", other_finished(lambda data: message(20, data[4:] + b"x")), [DECODE, DECRYPT]),
    ("an empty Finished", other_finished(lambda data: message(20)), [DECODE, DECRYPT]),
    ("something behind Finished in its record", other_finished(lambda data: data + message(24, b"\x00")), [UNEXPECTED]),
    ("application data before Finished", before(Finished, Message(DATA, bytearray(b"GET /"))), [UNEXPECTED]),
    ("Finished in the clear", lambda client, sent: [
        record(HANDSHAKE, sent.write(), (3, 3))] if isinstance(sent, Finished) else [sent], [UNEXPECTED, BAD_MAC]),
    ("a KeyUpdate before Finished", before(Finished, Handshake(message(24, b"\x00"))), [UNEXPECTED]),
    ("a Certificate that nobody asked for", before(Finished, Handshake(message(11, bytes(4)))), [UNEXPECTED]),
    ("EndOfEarlyData without early data", before(Finished, Handshake(message(5))), [UNEXPECTED]),
    ("ClientHello once more", before(Finished, Handshake(message(1, bytes(40)))), [UNEXPECTED]),
    ("change_cipher_spec of another value in TLS 1.3", instead(Finished, record(CCS, b"\x02", (3, 3))), []),
    ("change_cipher_spec of two bytes in TLS 1.3", instead(Finished, record(CCS, b"\x01\x01", (3, 3))), []),
    ("a few change_cipher_spec", before(Finished, record(CCS, b"\x01", (3, 3)) * 3), [SERVED]),
    ("a flood of change_cipher_spec", instead(Finished, record(CCS, b"\x01", (3, 3)) * 60), [UNEXPECTED, ENDED]),
    ("a record that was changed", instead(Finished, record(DATA, bytes(40), (3, 3))), [BAD_MAC]),
    ("a record too short for its tag", instead(Finished, record(DATA, bytes(3), (3, 3))), [BAD_MAC, DECODE]),
    ("a fatal alert", before(Finished, Message(ALERT, bytearray(b"\x02\x28"))), [ENDED]),
    ("in records of one byte", in_pieces(Finished, 1), [SERVED]),
]

# In TLS 1.2 any message behind the handshake may be taken for a renegotiation.
OUT_OF_PLACE = [UNEXPECTED, "no_renegotiation"]

# Behind the handshake: (name, what the client does, outcomes). `SERVED`: its next request is answered.
OPEN = [
    ("a record that was changed", lambda client: client.raw.sendall(spoiled(client.protect(DATA, b"hello"))),
     [BAD_MAC]),
    ("a record that comes twice", lambda client: client.raw.sendall(2 * client.protect(DATA, b"GET / HT")), [BAD_MAC]),
    ("a record that is left out", lambda client: (client.protect(DATA, b"x"), client.put(DATA, b"y")), [BAD_MAC]),
    ("a record too short for its tag", lambda client: client.raw.sendall(record(DATA, b"abc", (3, 3))),
     [BAD_MAC, DECODE]),
    ("a record of 65,535 bytes announced", lambda client: client.raw.sendall(record(DATA, b"", (3, 3), 65535)),
     ["record_overflow"]),
    ("a record of another version", lambda client: client.raw.sendall(record(DATA, bytes(40), (2, 9))),
     ["protocol_version"]),
    ("a record with too much in it", lambda client: client.put(DATA, bytes(2 ** 14 + 1)), ["record_overflow"]),
    ("an unknown record", lambda client: client.put(99, b"hello"), [UNEXPECTED]),
    ("a heartbeat", lambda client: client.put(24, b"\x01\x40\x00" + bytes(19)), [UNEXPECTED]),
    ("an unknown message", lambda client: client.put(HANDSHAKE, message(77, b"x")), OUT_OF_PLACE),
    ("HelloRequest", lambda client: client.put(HANDSHAKE, message(0)), OUT_OF_PLACE),
    ("NewSessionTicket", lambda client: client.put(HANDSHAKE, message(4, bytes(30))), OUT_OF_PLACE),
    ("Finished once more", lambda client: client.put(HANDSHAKE, message(20, bytes(12))), OUT_OF_PLACE),
    ("a few empty records", lambda client: [client.put(DATA, b"") for _ in range(10)], [SERVED]),
    ("a flood of empty records", lambda client: [client.put(DATA, b"") for _ in range(60)],
     [UNEXPECTED, DECODE, ENDED]),
    ("half an alert", lambda client: client.put(ALERT, b"\x01"), [DECODE, UNEXPECTED]),
    ("an alert of level 3", lambda client: client.put(ALERT, b"\x03\x5a"), [ILLEGAL, ENDED]),
    ("a fatal alert", lambda client: client.put(ALERT, b"\x02\x50"), [ENDED]),
    ("close_notify", lambda client: client.put(ALERT, b"\x01\x00"), [ENDED]),
    ("a record in pieces", lambda client: [client.raw.sendall(bytes([byte])) for byte in client.protect(DATA, b"")],
     [SERVED]),
]

OPEN_12 = [
    ("a renegotiation", lambda client: client.put(HANDSHAKE, message(1, b"\x03\x03" + bytes(40))),
     ["no_renegotiation", UNEXPECTED]),
    ("warnings", lambda client: [client.put(ALERT, b"\x01\x5a") for _ in range(3)], [SERVED]),
    ("a flood of warnings", lambda client: [client.put(ALERT, b"\x01\x5a") for _ in range(40)], [UNEXPECTED, ENDED]),
    ("KeyUpdate", lambda client: client.put(HANDSHAKE, message(24, b"\x00")), OUT_OF_PLACE),
    ("change_cipher_spec", lambda client: client.put(CCS, b"\x01"), [UNEXPECTED]),
]

OPEN_13 = [
    ("ClientHello", lambda client: client.put(HANDSHAKE, message(1, b"\x03\x03" + bytes(40))), [UNEXPECTED]),
    ("change_cipher_spec behind the handshake", lambda client: client.raw.sendall(record(CCS, b"\x01", (3, 3))), []),
    ("a message that is begun and not ended, then data",
     lambda client: client.raw.sendall(
         client.protect(HANDSHAKE, message(24, b"", 1)) + client.protect(DATA, b"GET /")), [UNEXPECTED]),
    ("an alert in the clear", lambda client: client.raw.sendall(record(ALERT, b"\x01\x00", (3, 3))),
     [UNEXPECTED, BAD_MAC]),
    ("a record of nothing but padding", lambda client: client.raw.sendall(unpadded(client)), []),
    ("KeyUpdate of another value", lambda client: client.put(HANDSHAKE, message(24, b"\x02")), []),
    ("KeyUpdate of two bytes", lambda client: client.put(HANDSHAKE, message(24, b"\x00\x00")), [DECODE]),
    ("KeyUpdate without content", lambda client: client.put(HANDSHAKE, message(24)), [DECODE]),
    ("KeyUpdate before more in its record",
     lambda client: client.put(HANDSHAKE, message(24, b"\x00") + message(24, b"\x00")), [UNEXPECTED]),
    ("KeyUpdate", lambda client: updated(client, 0), [SERVED]),
    ("KeyUpdate that asks for one", lambda client: updated(client, 1), [SERVED]),
    ("a flood of KeyUpdates", lambda client: [updated(client, 0) for _ in range(60)], [UNEXPECTED, ENDED]),
    ("a flood of KeyUpdates that ask for one", lambda client: [updated(client, 1) for _ in range(60)],
     [UNEXPECTED, ENDED]),
    ("user_canceled", lambda client: client.put(ALERT, b"\x01\x5a"), [SERVED]),
    ("another warning", lambda client: client.put(ALERT, b"\x01\x29"), [DECODE, ILLEGAL, ENDED, SERVED]),
    ("a CertificateRequest", lambda client: client.put(HANDSHAKE, message(13, bytes(3))), [UNEXPECTED]),
]


def spoiled(data):
    return data[:-1] + bytes([data[-1] ^ 1])


def unpadded(client):
    """A record whose content is zero bytes alone, type included (RFC 8446 §5.4)."""
    return client.protect(0, bytes(20))


def updated(client, asks):
    """Sends a KeyUpdate, and goes on under the next key."""
    client.put(HANDSHAKE, message(24, bytes([asks])))
    layer, session = client._recordLayer, client.session
    session.cl_app_secret, session.sr_app_secret = layer.calcTLS1_3KeyUpdate_reciever(
        session.cipherSuite, session.cl_app_secret, session.sr_app_secret)


# What comes before any TLS: (name, bytes, whether the client ends then, outcomes).
RAW = [
    ("nothing", b"", True, [ENDED]),
    ("half a record's header", b"\x16\x03", True, [ENDED]),
    ("half a record", record(HANDSHAKE, message(1, bytes(30)), length=200), True, [ENDED]),
    ("SSL 2.0's hello", b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80" + bytes(34), False,
     [ENDED, "protocol_version", UNEXPECTED, DECODE]),
    ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n", False, [ENDED, "protocol_version", UNEXPECTED]),
    ("zero bytes", bytes(64), False, [ENDED, "protocol_version", UNEXPECTED]),
    ("0xff bytes", b"\xff" * 64, False, [ENDED, "protocol_version", UNEXPECTED, "record_overflow"]),
]

CASES = [
    *((version, case) for version in (V12, V13) for case in HELLO),
    *((V12, case) for case in HELLO_12 + MIDDLE_12), *((V13, case) for case in HELLO_13 + MIDDLE_13),
]
MIDDLE = [*((V12, case) for case in MIDDLE_12), *((V13, case) for case in MIDDLE_13)]
OPEN_CASES = [
    *((version, case) for version in (V12, V13) for case in OPEN),
    *((V12, case) for case in OPEN_12), *((V13, case) for case in OPEN_13),
]
