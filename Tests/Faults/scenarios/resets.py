"""Half of the clients reset their connections at once."""

from rig.stage import Stage

# 1001 wherever a Close can be written; 1000 is the warm-up's. Where nobody has connected to a server for ten seconds, as
# on a slow machine, the gateway connects once without a request to see whether it is there.
AS_SERVERS_SEE = {"close 1000", "close 1001", "eof inside a frame", "reset inside a frame", "no request"}


def resets(options, folder, account):
    """RST (SO_LINGER 0) from half of the clients; the servers must be told, the other half feel nothing."""
    with Stage(options, folder, account) as stage:
        stage.fill()
        stage.steady()
        before = stage.fleet.status()["open"]
        aborted = stage.fleet.end("abort", share=0.5)["aborted"]
        account.ends["reset by the client"] = aborted
        account.recovery = stage.eventually(
            lambda: stage.gateway.stats()["connections"]["active"] == before - aborted, 15,
            f"connections.active of {before - aborted}")
        stage.eventually(lambda: sum(server.report()["open"] for server in stage.servers) == before - aborted, 15,
                         "the servers' sessions to end with them")
        ends = {how: sum(server.report()["ends"].get(how, 0) for server in stage.servers)
                for server in stage.servers for how in server.report()["ends"]}
        account.note(f"how the servers saw connections end, the warm-up's included: {ends}")
        stage.check(set(ends) <= AS_SERVERS_SEE, f"servers to see none but {sorted(AS_SERVERS_SEE)}", ends)
        stage.judge_ends()
        again = stage.fleet.open(aborted)
        account.connections += again["opened"]
        stage.check(again["opened"] == aborted, f"{aborted} new connections", again["failures"])
        stage.steady(1)
        stage.settle()
        stage.judge_ends()
