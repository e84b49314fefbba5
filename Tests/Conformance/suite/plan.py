"""What is run: each run is one wstest with one gateway, which has one route; or with two of them in a row."""

from dataclasses import dataclass

# The modes, and the `compression` of the route. `direct` has no gateway: the suite's two ends alone, to tell what is
# the gateway's doing from what is theirs.
MODES = {
    "off": "off",
    "passthrough": "passthrough",
    "terminate": {"mode": "terminate"},
    "both": {"mode": "terminate", "upstream": "on"},
    "chain": {"mode": "terminate"},
    "direct": None,
}
DEFAULT_MODES = ["off", "passthrough", "terminate", "both", "chain"]
# Two gateways in a row, which share a few HTTP/2 connections for all WebSockets.
CHAINED = {"chain"}

PROTOCOL = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"]
SAMPLE = [f"12.{group}.{case}" for group in (1, 2, 3, 5) for case in (1, 4, 11)]
SAMPLE += [f"13.{group}.{case}" for group in range(1, 8) for case in (1, 11)]
ALL = ["*"]
# One corpus of group 12 and one set of parameters of group 13, for time: `--cases '*'` runs all of them.
FUZZING_SERVER = PROTOCOL + ["9.*", "12.1.*", "13.3.*"]

# What a minute is enough for: each corpus of group 12 and each set of parameters of group 13 once, and of either one
# case with large messages.
QUICK_CLIENT = PROTOCOL + ["12.1.1", "12.2.4", "12.3.4", "12.4.1", "12.5.11"]
QUICK_CLIENT += [f"13.{group}.1" for group in range(1, 7)] + ["13.7.11"]
QUICK_SERVER = PROTOCOL + ["12.1.1", "13.3.4"]
# By side: together these read and write both sides' frames, and every form of compression of the gateway's own.
QUICK_MODES = {"client": ["terminate"], "server": ["both"]}
# What frames, fragments and ends can meet with on HTTP/2; the rest is no different there.
QUICK_CHAIN = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.1.*", "6.2.*", "6.3.*", "7.*", "10.*", "12.1.1"]


@dataclass(frozen=True)
class Run:
    """`side` says whom the suite's fuzzer plays: `client`, in front of the gateway, or `server`, behind it."""

    side: str
    mode: str
    peer: str  # what is on the gateway's other side: the suite's testee, or a server that trusts what it gets
    transport: str  # ws or wss, between the client and the gateway
    cases: tuple

    @property
    def name(self):
        return f"{self.side}/{self.mode}/{self.transport}/{self.peer}"


def runs(modes=None, quick=False, cases=None):
    """The runs of these modes, or of those that are run by default. `cases` replaces what each would run."""
    found = []

    def add(side, mode, peer, transport, own_cases):
        found.append(Run(side, mode, peer, transport, tuple(cases or own_cases)))

    if quick:
        for side, own_cases in (("client", QUICK_CLIENT), ("server", QUICK_SERVER)):
            for mode in modes or QUICK_MODES[side]:
                add(side, mode, "testee", "ws", own_cases)
            if not modes:
                add(side, "chain", "testee", "ws", QUICK_CHAIN)
        return found
    for mode in modes or DEFAULT_MODES:
        if mode in CHAINED:
            add("client", mode, "testee", "ws", PROTOCOL + SAMPLE + ["9.*"])
            add("server", mode, "testee", "ws", PROTOCOL + ["9.*"])
            continue
        add("client", mode, "testee", "ws", ALL)
        if mode != "direct":
            add("client", mode, "testee", "wss", PROTOCOL + SAMPLE)
            add("client", mode, "trusting", "ws", PROTOCOL + SAMPLE + ["9.*"])
        add("server", mode, "testee", "ws", FUZZING_SERVER)
    return found
