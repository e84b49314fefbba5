"""What each fault happens on: servers, a gateway and the load, from a warm start to everything being closed again."""

import time
from collections import Counter
from dataclasses import dataclass

from .account import MIB, say
from .fleet import Fleet
from .gateway import Gateway, configuration
from .servers import Server
from .waiting import eventually, hold

# What may stay in the gateway's process when all connections are gone: freed memory that the allocator keeps.
KEPT_MIB = 24
KEPT_SHARE = 0.25  # or so much of what the load had added, if that is more
RETURNED_MIB = 8
RETURN_SECONDS = 6  # it looks every two seconds whether there is much to return
CLOSE_SECONDS = 15


@dataclass(frozen=True)
class Timing:
    """The gateway's timeouts: short, so that a run is over soon; in seconds."""

    ping: int
    pong: int
    response: int

    ping_interval = property(lambda self: f"{self.ping}s")
    pong_timeout = property(lambda self: f"{self.pong}s")
    response_timeout = property(lambda self: f"{self.response}s")

    @property
    def until_given_up(self):
        """A silent peer is given up after so long, with room for a busy machine."""
        return self.ping + self.pong + 8


class Stage:
    """Use as a context. `severed`: the last server is made by this function, to be cut off; `http2_share`: of the
    clients that have HTTP/2; `capped`, `limits`, `change` and `descriptors` go to the gateway."""

    def __init__(self, options, folder, account, *, severed=None, limits=None, capped=None, change=None,
                 descriptors=None, http2_share=0):
        self.options, self.folder, self.account = options, folder, account
        self.timing = Timing(1, 3, 2) if options.quick else Timing(2, 4, 3)
        self.servers = [Server(folder, f"s{index}") for index in range(3 if severed is None else 2)]
        if severed is not None:
            self.servers.append(severed(folder, "s2"))
        self._gateway_options = {"limits": limits, "capped": capped, "change": change}
        self._descriptors, self._http2_share = descriptors, http2_share
        self.config = None
        self.gateways = []
        self.fleet = Fleet(folder, options.workers, f"{options.seed}/{account.fault}", str(folder / "cert.pem"))
        self.before = {}
        self._begin = time.monotonic()

    def __enter__(self):
        try:
            for server in self.servers:
                server.start()
            self.config = configuration(self.folder, self.servers, self.timing, **self._gateway_options)
            self._start_gateway()
            self.fleet.start()
            self.fleet.profile = {"ports": self.gateway.ports, "tls_share": 0.4, "deflate_share": 0.4,
                                  "http2_share": self._http2_share}
            self._warm_up()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self._finish()
        finally:
            self._stop()

    @property
    def gateway(self):
        """The one that serves."""
        return self.gateways[-1]

    def _start_gateway(self):
        self.gateways.append(Gateway(self.folder, self.config, self._descriptors, len(self.gateways)))
        self.gateway.wait_until_started()

    def take_over(self):
        """Starts a gateway that takes the place of the one that runs; gives that one."""
        before = self.gateway
        self._start_gateway()
        return before

    def _stop(self):
        self.fleet.stop()
        for gateway in self.gateways:
            gateway.stop()
        for server in self.servers:
            server.stop()
        self.account.seconds = time.monotonic() - self._begin

    # Baseline

    def _warm_up(self):
        """Code is loaded, tables have grown: what the process takes from here on is the load's."""
        count = min(200, self.options.connections // 2, (self._descriptors or 10_000) // 5)
        opened = self.fleet.open(count)
        self.check(opened["opened"] == count, f"{count} connections for the warm-up", opened["failures"])
        self.fleet.rate(500)
        hold(1)
        self.fleet.quiet(10)
        self.fleet.end("close")
        self.wait_for_active(0)
        hold(0.5)
        self.before = {"memory": self.gateway.memory(), "descriptors": self.gateway.descriptors()}
        self.gateway.peak = 0

    def fill(self, count=None, **options):
        """Opens the connections that the fault is to hit, with the load running."""
        count = self.options.connections if count is None else count
        opened = self.fleet.open(count, **options)
        self.check(opened["opened"] == count, f"{count} connections to open", opened["failures"])
        self.account.connections += opened["opened"]
        self.fleet.rate(self.options.rate)
        return opened

    def steady(self, seconds=None):
        """The load runs undisturbed."""
        hold((1 if self.options.quick else 3) if seconds is None else seconds)

    # Checks

    def check(self, condition, expected, got):
        return self.account.check(condition, expected, got)

    def eventually(self, check, seconds, expected):
        """Waits for a condition, which is a check; gives the seconds it took."""
        value, passed = eventually(check, seconds)
        self.check(value, f"{expected} within {seconds:g} s", "not so")
        return passed

    def judge_ends(self, allowed=lambda end: None):
        """Looks at the connections that ended by themselves: `allowed` gives a reason for which an end is as it may be,
        or None. Every other end is a loss."""
        lost = []
        # A Close counts as an end when TCP has ended, too.
        eventually(lambda: self.fleet.status()["closing"] == 0, CLOSE_SECONDS)
        for end in self.fleet.ends():
            self.account.ends[end["how"]] += 1
            if allowed(end) is None:
                lost.append(end)
        self.account.others_lost += len(lost)
        some = "; ".join(f"{end['number']} on {end['server']}: {end['how']}" for end in lost[:5])
        self.check(not lost, "no other connection to end", f"{len(lost)}: {some}")

    def wait_for_active(self, expected, seconds=15):
        def active():
            return self.gateway.stats()["connections"]["active"]
        value, _ = eventually(lambda: active() == expected, seconds)
        if not value:
            self.check(False, f"connections.active of {expected}, as many as are open", active())

    def settle(self, without=()):
        """The load stops; every message must have been answered, and the gateway's count be that of the clients."""
        unanswered = self.fleet.quiet(20, without)
        if unanswered:
            self.account.faults["unanswered"] += unanswered
        self.check(unanswered == 0, "an answer to every message on an open connection", f"{unanswered} unanswered")
        self.wait_for_active(self.fleet.status()["open"])

    def wait_for_use(self, server, seconds=40):
        """Opens a few connections at a time until one leads to this server; gives the seconds it took."""
        def used():
            opened = self.fleet.open(4)
            self.account.connections += opened["opened"]
            for how, count in opened["failures"].items():
                refused[how] += count
            return opened["servers"].get(server, 0) > 0
        refused = Counter()
        value, passed = eventually(used, seconds)
        self.check(value, f"a new connection to {server} within {seconds} s", "none")
        return passed, refused

    # The end

    def _finish(self):
        """Everything is closed in order; what it took must come back."""
        self.settle()
        self.judge_ends()
        hows = self.fleet.end("close")
        self.check(set(hows) <= {"closed"}, "each Close to be answered with 1000", dict(hows))
        self._count_messages()
        self.wait_for_active(0)
        for server in self.servers:
            self.eventually(lambda s=server: s.report()["open"] == 0, 10, f"no connection left at {server.name}")
        for name, expected, found in (
            ("zlib's memory_bytes", 0, self._zlib_bytes), ("connections of servers", 0, self._server_connections),
            ("transports.active", 0, lambda: self.gateway.stats()["transports"]["active"]),
            ("file descriptors", self.before["descriptors"], self.gateway.descriptors),
        ):
            value, _ = eventually(lambda: found() <= expected, 10)
            if not value:
                self.check(False, f"{name} of {expected} after all is closed", found())
        self._judge_memory()

    def _zlib_bytes(self):
        return sum(route["compression"]["memory_bytes"] for route in self.gateway.stats()["routes"].values())

    def _server_connections(self):
        servers = self.gateway.stats()["upstreams"]["echo"]["servers"].values()
        return sum(server["active"] + server["connections"] for server in servers)

    def _count_messages(self):
        reports = [self.fleet.status(), *(server.report() for server in self.servers)]
        for report in reports:
            self.account.checked += report["checked"]
            self.account.faults.update(report["faults"])
            for sample in report["samples"]:
                say(f"  {sample}")
        found = {kind: count for kind, count in self.account.faults.items() if count and kind != "unanswered"}
        self.check(not found, "every message once, in order and whole", found)

    def _judge_memory(self):
        before = self.before["memory"]
        peak = max(self.gateway.peak, before)
        allowed = before + max(KEPT_MIB * MIB, int((peak - before) * KEPT_SHARE))
        # What the gateway has done by then is told, though the check would be content with less.
        eventually(lambda: self.gateway.memory() <= before + RETURNED_MIB * MIB, RETURN_SECONDS)
        after = self.gateway.memory()
        self.account.memory = {"before": before, "peak": peak, "after": after}
        self.check(after <= allowed, f"memory of at most {allowed / MIB:.0f} MiB after all is closed",
                   f"{after / MIB:.0f} MiB; it was {before / MIB:.0f} MiB before, {peak / MIB:.0f} MiB at its peak")
