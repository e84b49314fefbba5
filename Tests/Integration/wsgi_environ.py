"""Tells a client, as the body of a refusal, what of its request a WSGI server made variables of."""

import json


def application(environ, start_response):
    body = json.dumps({name: value for name, value in environ.items() if name.startswith("HTTP_")}).encode()
    start_response("403 Forbidden", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
