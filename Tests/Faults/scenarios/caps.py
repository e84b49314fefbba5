"""Every cap on connections is filled, emptied by half, and filled again."""

from rig.stage import Stage

OVER = 50
ONE_ADDRESS = "127.200.0.1"


def caps(options, folder, account):
    """The route's cap, that of one address and that of the process: 503 above, and places come back one for one."""
    whole, route, address = options.connections, options.connections // 10, 20
    with Stage(options, folder, account, limits={"max_connections": whole, "max_connections_per_ip": address},
               capped={"max_connections": route}) as stage:
        stage.fill(whole // 2)
        stage.steady(1)
        for reason, cap, profile in (
            ("route_max_connections", lambda: route, {"path": "/capped"}),
            ("max_connections_per_ip", lambda: address, {"sources": [ONE_ADDRESS]}),
            ("max_connections", lambda: whole - stage.fleet.status()["open"], {}),
        ):
            _fill(stage, reason, cap(), profile)
        stage.settle()
        stage.judge_ends()


def _fill(stage, reason, cap, profile):
    account = stage.account

    def open_all(count):
        opened = stage.fleet.open(count, **profile)
        account.connections += opened["opened"]
        stage.check(opened["opened"] == count, f"{reason}: {count} connections to open", dict(opened["failures"]))
        return opened["numbers"]

    def expect_refusals(count):
        before = stage.gateway.stats()["connections"]["rejected_total"].get(reason, 0)
        over = stage.fleet.open(count, **profile)
        counted = stage.gateway.stats()["connections"]["rejected_total"].get(reason, 0) - before
        stage.check(over["failures"] == {"refused 503": count}, f"{reason}: {count} times 503 above the cap",
                    f"{over['opened']} open, {dict(over['failures'])}")
        stage.check(over["without_retry_after"] == 0, f"{reason}: Retry-After in each 503",
                    f"{over['without_retry_after']} without")
        stage.check(counted == count, f"{reason}: {count} more in rejected_total", counted)

    numbers = open_all(cap)
    expect_refusals(OVER)
    stage.judge_ends()
    going = numbers[: cap // 2]
    stage.fleet.end("close", numbers=going)
    stage.wait_for_active(stage.fleet.status()["open"])
    numbers = numbers[len(going) :] + open_all(len(going))
    expect_refusals(10)
    account.note(f"{reason}: {cap} filled, {len(going)} freed, {len(going)} filled again")
    stage.judge_ends()
    stage.fleet.end("close", numbers=numbers)
    stage.wait_for_active(stage.fleet.status()["open"])
