"""A server dies, and a server stands still."""

from rig.stage import Stage

VICTIM = 1


def went_with(server):
    """Ends that a dead server's clients may see: 1011; or the end of TCP as it came, which the gateway passes on when
    it falls between two messages; or a cut where a frame had begun, in which no Close can be written."""
    allowed = {"close 1011", "eof", "eof inside a frame", "reset inside a frame"}
    return lambda end: "its server died" if end["server"] == server and end["how"] in allowed else None


def given_up(server):
    """Ends that a silent server's clients may see: nothing was ended, so it is 1011 wherever a Close can be written."""
    allowed = {"close 1011", "eof inside a frame", "reset inside a frame"}
    return lambda end: "its server was silent" if end["server"] == server and end["how"] in allowed else None


def judge_silence(stage, account, victim, count):
    """A server has gone silent under `count` connections: new ones go elsewhere, and those are given up.

    A silent network is found by the connect timeout; where the kernel accepts, by the response timeout."""
    during = stage.fleet.open(60)
    account.connections += during["opened"]
    account.note(f"60 handshakes meanwhile: {dict(during['servers'])}, {dict(during['failures'])}")
    stage.check(set(during["failures"]) <= {"refused 504"} and victim.name not in during["servers"],
                "a WebSocket to another server, or 504", f"{dict(during['servers'])}, {during['failures']}")
    passed = stage.eventually(
        lambda: stage.fleet.on(victim.name) == 0, stage.timing.until_given_up, "the end of its connections")
    account.note(f"{count} connections to {victim.name} given up {passed:.1f} s after those handshakes")
    stage.judge_ends(given_up(victim.name))


def kill(options, folder, account):
    """SIGKILL of one of three servers; a new process on its port."""
    with Stage(options, folder, account) as stage:
        victim = stage.servers[VICTIM]
        stage.fill()
        stage.steady()
        count = stage.fleet.on(victim.name)
        stage.check(count > 0, f"connections to {victim.name}", count)
        victim.kill()
        passed = stage.eventually(lambda: stage.fleet.on(victim.name) == 0, 10, "the end of its connections")
        account.note(f"{count} connections to {victim.name} ended after {passed:.1f} s")
        stage.judge_ends(went_with(victim.name))
        again = stage.fleet.open(count)
        account.connections += again["opened"]
        stage.check(again["opened"] == count and victim.name not in again["servers"],
                    f"{count} new connections to the others", f"{dict(again['servers'])}, {dict(again['failures'])}")
        victim.start()
        account.recovery, refused = stage.wait_for_use(victim.name)
        stage.check(not refused, "no refusal while it comes back", dict(refused))
        stage.steady()
        stage.settle()
        stage.judge_ends()


def freeze(options, folder, account):
    """SIGSTOP of one of three servers, beyond its timeouts; SIGCONT."""
    with Stage(options, folder, account) as stage:
        victim = stage.servers[VICTIM]
        stage.fill()
        stage.steady()
        count = stage.fleet.on(victim.name)
        victim.freeze()
        try:
            judge_silence(stage, account, victim, count)
        finally:
            victim.thaw()
        account.recovery, refused = stage.wait_for_use(victim.name)
        stage.check(not refused, "no refusal while it comes back", dict(refused))
        stage.steady()
        stage.settle()
        stage.judge_ends()
