"""uWSGI behind the gateway: a server that makes variables of field names, where `X_A` and `X-A` are the same."""

import http.client
import json

import pytest

from products import uwsgi
from sluice import proxied

FIELDS = [("X_Forwarded_For", "6.6.6.6"), ("X-Forwarded_Proto", "https"), ("X_Remote_User", "admin")]


def environ(wire, gateway, version):
    """The variables that uWSGI made of a request with FIELDS."""
    if version == "HTTP/1.1":
        response = wire.request(gateway, "/", FIELDS)
    else:
        response = wire.http2(gateway).refused("/", [(name.lower(), value) for name, value in FIELDS])
    assert response.status == 403, f"expected uWSGI's refusal, got {response}"
    return json.loads(response.body)


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("underscores", ["drop", "pass"])
def test_a_folded_field_is_not_taken_for_the_gateways_own(product, gateway, wire, version, underscores):
    running = gateway(proxied(
        product(uwsgi).address, request_headers={"remove": ["X-Remote-User"]}, sections={"listeners": [
            {"name": "plain", "address": "127.0.0.1:0", "underscores": underscores}]}))
    seen = environ(wire, running, version)
    assert seen["HTTP_X_FORWARDED_FOR"] == "127.0.0.1", seen
    assert seen["HTTP_X_FORWARDED_PROTO"] == "http", seen
    assert "HTTP_X_REMOTE_USER" not in seen, seen


def test_uwsgi_takes_the_one_for_the_other(product):
    """Why the gateway has to care."""
    host, port = product(uwsgi).address.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request("GET", "/", headers={"X_Remote_User": "admin"})
    seen = json.loads(connection.getresponse().read())
    connection.close()
    assert seen["HTTP_X_REMOTE_USER"] == "admin", seen
