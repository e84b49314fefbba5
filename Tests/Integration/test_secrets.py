"""What a client or a server sends as a value may be a secret: no answer and no log line of the gateway has it."""

import pytest

from sluice import proxied

SECRET = "s3cr3t.t0ken"

# Fields of an opening handshake that is refused, and the status.
REFUSED = {
    "a subprotocol twice": ([("Sec-WebSocket-Protocol", f"chat, {SECRET}, {SECRET}")], 400),
    "subprotocols that are none": ([("Sec-WebSocket-Protocol", f"chat, {SECRET} x")], 400),
    "a key that is none": ([("Sec-WebSocket-Key", SECRET)], 400),
    "a length": ([("Content-Length", "7"), ("X-Token", SECRET)], 400),
    "a transfer coding": ([("Transfer-Encoding", SECRET)], 400),
    "a version": ([("Sec-WebSocket-Version", SECRET)], 426),
    "the value of an extension's parameter": ([("Sec-WebSocket-Extensions", f"x; token={SECRET}; =")], 400),
    "a host": ([("Host", f"{SECRET} x")], 400),
    "a cookie beside": ([("Cookie", SECRET), ("Sec-WebSocket-Key", "x")], 400),
    "a query and an origin": ([("Origin", f"https://{SECRET}.example")], 403),
}


def all_text(running):
    return "\n".join(running.output)


@pytest.mark.parametrize("fields, status", REFUSED.values(), ids=REFUSED)
def test_no_value_of_a_refused_request_is_answered_or_logged(gateway, wire, fields, status):
    server = wire.server()
    running = gateway(proxied(server.address, origins=["https://example.com"]))
    response = wire.request(running, f"/?access_token={SECRET}", fields)
    assert response.status == status
    assert SECRET not in response.body.decode()
    running.wait_for_output(lambda line: "request refused" in line, "the line about the refusal")
    assert SECRET not in all_text(running)


@pytest.mark.parametrize("answer", [
    [("Sec-WebSocket-Protocol", "other")], [("Sec-WebSocket-Protocol", SECRET + "x")],
    [("Sec-WebSocket-Protocol", SECRET), ("Sec-WebSocket-Protocol", SECRET)],
    [("Upgrade", SECRET)], [("Connection", SECRET)], [("Sec-WebSocket-Accept", SECRET)],
    [("Sec-WebSocket-Extensions", f"permessage-deflate; server_max_window_bits={SECRET}")],
    [("Sec-WebSocket-Extensions", f"permessage-deflate; server_no_context_takeover={SECRET}")],
])
def test_no_offer_is_logged_when_the_server_chooses_another(gateway, wire, answer):
    server = wire.server()
    running = gateway(proxied(server.address, compression={"upstream": True}))
    client = wire.connect(running).send_upgrade("/", [("Sec-WebSocket-Protocol", f"chat, {SECRET}, mqtt")])
    wire.accept(server).accept_upgrade(answer)
    response = client.read_response()
    assert response.status == 502
    assert SECRET not in response.body.decode()
    line = running.wait_for_output(lambda line: "bad_answer" in line, "the line about the answer")
    if answer == [("Sec-WebSocket-Protocol", "other")]:
        assert "the server chose a subprotocol that the gateway did not offer (it offered 3)" in line
    assert SECRET not in all_text(running)
