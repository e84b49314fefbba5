"""Thousands of connections that come to go, beside a load that must not feel it."""

from rig.stage import Stage


def storm(options, folder, account):
    """Connect and close at once, half a handshake, a reset once open, a Close once open: in equal parts."""
    count = options.storm
    with Stage(options, folder, account) as stage:
        stage.fill()
        stage.steady()
        asked = stage.fleet.storming(count)
        result = asked.merged()
        account.connections += count
        account.note(f"storm of {count}: open {dict(result['reached'])}")
        stage.check(not result["failures"], "every handshake to succeed and every Close to be answered",
                    dict(result["failures"]))
        account.recovery = stage.eventually(
            lambda: stage.gateway.stats()["connections"]["active"] == stage.fleet.status()["open"], 20,
            "connections.active to be that of the steady load")
        stage.judge_ends()
        stage.steady(1)
        stage.settle()
        handshaking = stage.gateway.stats()["transports"]["handshaking"]
        stage.check(handshaking == 0, "no handshake left behind", handshaking)
