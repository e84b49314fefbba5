"""What is run: each run is one wstest with one gateway, which has one route."""

from dataclasses import dataclass

# The modes, and the `compression` of the route. `direct` has no gateway: the suite's two ends alone, to tell what is
# the gateway's doing from what is theirs.
MODES = {
    "off": "off",
    "passthrough": "passthrough",
    "terminate": {"mode": "terminate"},
    "both": {"mode": "terminate", "upstream": "on"},
    "direct": None,
}
DEFAULT_MODES = ["off", "passthrough", "terminate", "both"]
QUICK_MODES = ["off", "terminate"]

PROTOCOL = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"]
SAMPLE = [f"12.{group}.{case}" for group in (1, 2, 3, 5) for case in (1, 4, 11)]
SAMPLE += [f"13.{group}.{case}" for group in range(1, 8) for case in (1, 11)]
QUICK = PROTOCOL + SAMPLE
ALL = ["*"]
FUZZING_SERVER = PROTOCOL + ["9.*", "12.1.*", "13.3.*"]


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


def runs(modes, quick, cases=None):
    """The runs of these modes. `cases` replaces what each of them would run."""
    found = []

    def add(side, mode, peer, transport, own_cases):
        found.append(Run(side, mode, peer, transport, tuple(cases or own_cases)))

    for mode in modes:
        add("client", mode, "testee", "ws", QUICK if quick else ALL)
        if quick:
            continue
        if mode != "direct":
            add("client", mode, "testee", "wss", QUICK)
            add("client", mode, "trusting", "ws", QUICK + ["9.*"])
        add("server", mode, "testee", "ws", FUZZING_SERVER)
    return found
