"""Servers that say their last word in their first packet."""

from rig.stage import Stage


def farewell(options, folder, account):
    """All servers accept new WebSockets only to say why they will not have them, and end TCP in the same packet."""
    with Stage(options, folder, account) as stage:
        stage.fill()
        stage.steady(1)
        for server in stage.servers:
            server.bid_farewell(True)
        count = options.connections // 3
        refused = stage.fleet.open(count)
        account.connections += refused["opened"]
        stage.check(refused["opened"] == count, f"{count} connections to open", dict(refused["failures"]))
        stage.eventually(
            lambda: stage.fleet.status()["open"] == options.connections, 15, "the end of those, and of no other")
        for server in stage.servers:
            server.bid_farewell(False)
        stage.judge_ends(lambda end: "its server bade it farewell" if end["how"] == "close 4001" else None)
        again = stage.fleet.open(60)
        account.connections += again["opened"]
        stage.check(again["opened"] == 60, "60 new connections", dict(again["failures"]))
        stage.settle()
        stage.judge_ends()
