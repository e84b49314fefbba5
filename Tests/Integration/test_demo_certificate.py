"""The certificate that `sluice demo` makes, as OpenSSL and another reader of X.509 see it."""

import ipaddress
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, SignatureAlgorithmOID


def shown(port, context, name="localhost"):
    """The certificate that a server shows, as DER."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        with context.wrap_socket(connection, server_hostname=name) as secured:
            return secured.getpeercert(binary_form=True)


@pytest.fixture(scope="module")
def certificate(demo):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return x509.load_der_x509_certificate(shown(demo.own_port, context))


def test_it_says_what_browsers_want_to_read(certificate):
    assert certificate.version == x509.Version.v3
    assert 0 < certificate.serial_number < 2 ** 159
    assert isinstance(certificate.public_key().curve, ec.SECP256R1)
    assert certificate.signature_algorithm_oid == SignatureAlgorithmOID.ECDSA_WITH_SHA256
    name, = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == "localhost"
    extensions = certificate.extensions
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical and not constraints.value.ca
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical and usage.value.digital_signature and not usage.value.key_cert_sign
    purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.SERVER_AUTH]
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    addresses = names.get_values_for_type(x509.IPAddress)
    assert {ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")} <= set(addresses)


def test_it_signs_itself(certificate):
    certificate.verify_directly_issued_by(certificate)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_openssl_takes_it_for_its_names_once_it_is_trusted(demo, certificate, name):
    text = ssl.DER_cert_to_PEM_cert(certificate.public_bytes(Encoding.DER))
    assert shown(demo.own_port, ssl.create_default_context(cadata=text), name)
    with pytest.raises(ssl.SSLCertVerificationError):
        shown(demo.own_port, ssl.create_default_context(cadata=text), "example.com")
