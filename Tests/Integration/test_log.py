"""Whoever reads the log may stall: nobody else waits for that, and what it missed is told."""

import json

from sluice import proxied

# 1 MiB waits, and a pipe holds 64 KiB; a line has some 230 bytes.
REFUSALS = 8000


def test_a_log_that_nobody_reads_holds_nobody_up(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, match={"path": "/ws"}))
    client, peer = wire.pair(running, server, "/ws")
    with running.output_unread():
        refused = wire.connect(running)
        request = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for _ in range(REFUSALS):
            refused.send(request)
            assert refused.read_response().status == 404
        assert running.admin("/healthz")[0] == 200
        client.send_frame(0x1, "still here")
        assert peer.read_message()[1] == b"still here"
    # The next line brings the number of those that are missing.
    refused.send(request)
    refused.read_response()
    notice = running.wait_for_output(
        lambda text: "log lines dropped" in text, "a line that says how many were dropped")
    dropped = sum(int(entry["count"]) for entry in running.log() if entry["message"].startswith("log lines dropped"))
    written = lambda: sum(entry["message"] == "request refused" for entry in running.log())  # noqa: E731
    running.wait_for_output(lambda _: written() + dropped == REFUSALS + 1, f"{REFUSALS + 1} lines, written or dropped")
    assert json.loads(notice)["level"] == "warning"
    assert 0 < dropped < REFUSALS
