"""One run: its processes, and what the suite found with them."""

import contextlib

from harness.children import Failure

from . import outcomes, peers, wstest


def attempt(run, folder, program, certificates, excluded):
    """One wstest from its first case to its last; gives the results."""
    with contextlib.ExitStack() as stack:
        if run.side == "server":
            server = stack.enter_context(wstest.fuzzing_server(folder, run, program, excluded))
        elif run.peer == "trusting":
            server = stack.enter_context(peers.trusting_server(folder))
        else:
            server = stack.enter_context(peers.testee_server(folder, program))
        others = [server]
        if run.mode != "direct":
            others = stack.enter_context(
                peers.gateways(folder, run.mode, server.ports["ws"], certificates)) + others
        url = f"{run.transport}://127.0.0.1:{others[0].ports[run.transport]}"
        if run.side == "server":
            return wstest.run_testee_client(folder, run, program, url, server, others)
        return wstest.fuzz_servers(folder, run, program, url, excluded, others)


def results_of(run, folder, program, certificates, say):
    """The results of a run. A case that hangs is noted as such, and the others are run without it."""
    hanging = []
    while True:
        try:
            found = attempt(run, folder, program, certificates, hanging)
            return {**found, **{case: {"behavior": outcomes.HANGING} for case in hanging}}
        except wstest.Stalled as stalled:
            say(f"{run.name}: {stalled.case or 'the start'} hangs: nothing for {stalled.seconds} s")
            if stalled.case is None or stalled.case in hanging:
                raise Failure(f"wstest hangs; its logs are in {folder}") from None
            hanging.append(stalled.case)
            if len(hanging) > wstest.HANGING_CASES:
                raise Failure(f"these cases hang, and perhaps more: {', '.join(hanging)}") from None
