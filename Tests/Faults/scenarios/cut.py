"""A server's network goes silent: first for a moment, then for longer than the timeouts."""

from rig.network import can_make_namespaces, severable_server
from rig.stage import Stage
from rig.waiting import hold

from .servers import judge_silence


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
        judge_silence(stage, account, victim, count)
        victim.mend()
        account.recovery, refused = stage.wait_for_use(victim.name)
        stage.check(set(refused) <= {"refused 504"}, "nothing but 504 while it comes back", dict(refused))
        stage.steady()
        stage.settle()
        stage.judge_ends()
