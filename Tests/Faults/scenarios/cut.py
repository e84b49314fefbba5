"""A server's network goes silent: first for a moment, then for longer than the timeouts."""

from rig.network import can_make_namespaces, severable_server
from rig.stage import Stage
from rig.waiting import hold

from .servers import given_up


def cut(options, folder, account):
    """Packets to and from one of three servers vanish; then they pass again."""
    namespaces = can_make_namespaces()
    with Stage(options, folder, account,
               severed=lambda where, name: severable_server(where, name, namespaces)) as stage:
        victim = stage.servers[-1]
        account.note(f"cut by a {victim.means}")
        stage.fill()
        stage.steady()
        victim.cut()
        hold(0.7)
        victim.mend()
        stage.settle()
        stage.judge_ends()
        account.note("0.7 s without its network: nothing ended")
        stage.fleet.rate(options.rate)
        stage.steady(1)
        count = stage.fleet.on(victim.name)
        victim.cut()
        # A silent network is found by the connect timeout; where the kernel accepts, by the response timeout.
        during = stage.fleet.open(60)
        account.connections += during["opened"]
        account.note(f"60 handshakes meanwhile: {dict(during['servers'])}, {dict(during['failures'])}")
        stage.check(set(during["failures"]) <= {"refused 504"} and victim.name not in during["servers"],
                    "a WebSocket to another server, or 504", f"{dict(during['servers'])}, {during['failures']}")
        passed = stage.eventually(
            lambda: stage.fleet.on(victim.name) == 0, stage.timing.until_given_up, "the end of its connections")
        account.note(f"{count} connections to {victim.name} given up {passed:.1f} s after those handshakes")
        stage.judge_ends(given_up(victim.name))
        victim.mend()
        account.recovery, refused = stage.wait_for_use(victim.name)
        stage.check(set(refused) <= {"refused 504"}, "nothing but 504 while it comes back", dict(refused))
        stage.steady()
        stage.settle()
        stage.judge_ends()
