"""Whoever reads the log may stall: nobody else waits for that, and what it missed is told."""

import json

from raw import TEXT
from sluice import proxied
from waiting import eventually

# 1 MiB waits and a pipe holds 64 KiB; a line has more than 300 bytes.
REFUSALS = 4500
KEY = "\\" * 64


def test_a_log_that_nobody_reads_holds_nobody_up(gateway, wire):
    server = wire.server()
    # Nobody answers pings meanwhile, however long it takes.
    running = gateway(proxied(server.address, ping_interval="0s"))
    client, peer = wire.pair(running, server)

    def refuse():
        refused = running.connect().send_upgrade(key=KEY)
        assert refused.read_response().status == 400
        refused.close()

    with running.output_unread():
        for _ in range(REFUSALS):
            refuse()
        assert running.admin("/healthz")[0] == 200
        client.send_frame(TEXT, "still here")
        assert peer.read_message()[1] == b"still here"
    notice = running.wait_for_output(
        lambda text: "log lines dropped" in text, "a line that says how many were dropped")
    assert json.loads(notice)["level"] == "warning"
    dropped = int(json.loads(notice)["count"])
    assert 0 < dropped < REFUSALS

    def told():
        return dropped + sum("request refused" in line for line in list(running.output))

    eventually(lambda: told() == REFUSALS, f"{REFUSALS} lines, written or dropped")
