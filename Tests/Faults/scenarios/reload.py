"""Reloads in a row under live sockets."""

import contextlib
import copy
import socket
import statistics

from harness.children import Failure
from rig.account import MIB
from rig.stage import Stage
from rig.waiting import eventually, hold

SOCKETS = 1000
MARGIN_MIB = 8       # what memory after the last reload may differ from that after the first tenth of them
SETTLE_SECONDS = 8   # quiet compressors give their memory back after five
# A connection keeps no buffer, but what zlib keeps for it becomes resident as far as messages have reached in it. With short
# messages that is level soon, and what grows from then on is the reloads'.
LONGEST = 4096
LEVEL_SECONDS = 5
GUESTS = 4           # sockets of a route that goes with the next reload
BROKEN = "listeners: [\n"


def reload(options, folder, account):
    """A thousand reloads in a row (--quick: sixty), by SIGHUP and POST /reload in turn: what the live sockets have
    nothing to do with comes, changes and goes."""
    repeats = 60 if options.quick else 1000
    with Stage(options, folder, account, http2_share=0.5) as stage:
        stage.fill(min(options.connections, SOCKETS))
        _begin_load(stage)
        hold(LEVEL_SECONDS)
        reloads = Reloads(stage, repeats)
        samples = []
        for number in range(1, repeats + 1):
            reloads.step(number)
            if number % (repeats // 10) == 0:
                stage.judge_ends(reloads.was_asked_for)
                samples.append(stage.gateway.memory() / MIB)
            if number == repeats // 10:
                first = _measured(stage)
        last = _measured(stage)
        account.note(f"{repeats} reloads; PSS after each tenth: {', '.join(f'{size:.0f}' for size in samples)} MiB")
        account.note(f"at rest after the first tenth: {_words(first)}; after the last: {_words(last)}")
        grown = (last["memory"] - first["memory"]) / MIB
        stage.check(grown <= MARGIN_MIB, f"memory within {MARGIN_MIB} MiB of that after the first tenth",
                    f"{grown:+.1f} MiB")
        trend = statistics.mean(samples[-3:]) - statistics.mean(samples[1:4])
        stage.check(trend <= MARGIN_MIB, f"no growth under load beyond {MARGIN_MIB} MiB", f"{trend:+.1f} MiB")
        for what in ("descriptors", "threads"):
            stage.check(last[what] == first[what], f"{first[what]} {what}, as after the first tenth", last[what])
        reloads.leave()
        stage.settle()
        stage.judge_ends(reloads.was_asked_for)


def _measured(stage):
    """What the process takes at rest, the sockets being open."""
    stage.settle()
    seen = []

    def look():
        seen.append(stage.gateway.memory())
        return False

    eventually(look, SETTLE_SECONDS)
    found = {"memory": min(seen), "descriptors": stage.gateway.descriptors(), "threads": stage.gateway.threads()}
    _begin_load(stage)
    return found


def _begin_load(stage):
    stage.fleet.rate(stage.options.rate, LONGEST)


def _words(found):
    return f"{found['memory'] / MIB:.1f} MiB, {found['descriptors']} descriptors, {found['threads']} threads"


class Reloads:
    """The configurations one after another, and what has to be seen of each.

    Number N has a route `gN` to an upstream `uN` of its own, in the place of that of the one before; a route and an
    upstream `other` that are never the same; and what the live sockets use as it was."""

    def __init__(self, stage, repeats):
        self.stage = stage
        # Odd ones meet both ways to reload in turn.
        self.every = {name: max(3, repeats * share // 1000) for name, share in
                      (("guests", 21), ("listener", 50), ("broken", 100))}
        self.base = {name: set(stage.gateway.stats()[name]) for name in ("routes", "upstreams")}
        self.asked = set()         # numbers of the connections that a reload drains
        self.kept = []             # those of the present guests, where their route says that they stay
        self.listener = None       # port of the listener that comes and goes
        self.orphans = []          # connections that came by it

    def was_asked_for(self, end):
        return "its route went" if end["number"] in self.asked and end["how"] == "close 1012" else None

    def config(self, number):
        config = copy.deepcopy(self.stage.config)
        servers = [server.authority for server in self.stage.servers]
        fate = "keep" if self._keeps(number) else "drain"
        config["routes"] += [
            {"name": f"g{number}", "match": {"path": f"/g{number}"}, "upstream": f"u{number}", "compression": "off",
             "on_change": {"removed": fate}},
            {"name": "other", "match": {"path": "/other"}, "upstream": "other", "max_message_size": 1000 + number,
             "response_headers": {"set": {"X-Generation": str(number)}}}]
        config["upstreams"] += [
            {"name": f"u{number}", "servers": [{"address": servers[number % len(servers)], "weight": number % 9 + 1}]},
            {"name": "other", "servers": [
                {"address": f"127.0.0.1:{1 + port}", "weight": number % 7 + 1}
                for port in {number % 5, (number + 1) % 5, 7}]}]
        if number // self.every["listener"] % 2:
            config["listeners"].append({"name": "extra", "address": "127.0.0.1:0"})
        return config

    def _keeps(self, number):
        return number // self.every["guests"] % 2 == 0

    def step(self, number):
        guests, kept = [], self.kept
        self.kept = []
        if number > 1 and (number - 1) % self.every["guests"] == 0:
            guests = self._open(path=f"/g{number - 1}")
            if self._keeps(number - 1):
                self.kept = guests
            else:
                self.asked.update(guests)
        if number % self.every["broken"] == 0:
            if not kept:
                self._check_leftovers(number - 1)
            self._refuse(number)
        self._apply(number, drained=0 if self.kept else len(guests))
        if self.kept:
            here = self.stage.gateway.stats()["routes"].get(f"g{number - 1}", {}).get("active")
            self.stage.check(here == len(self.kept), f"{len(self.kept)} sockets of a route that went to live on", here)
        if kept:
            self.stage.fleet.end("close", numbers=kept)
        if number % self.every["listener"] == 0:
            self._listen()
        if number % 10 == 0 and not self.kept:
            self._check_leftovers(number)

    def _open(self, **options):
        opened = self.stage.fleet.open(GUESTS, **options)
        self.stage.account.connections += opened["opened"]
        self.stage.check(opened["opened"] == GUESTS, f"{GUESTS} connections to what came with the last reload",
                         dict(opened["failures"]))
        return opened["numbers"]

    def _apply(self, number, drained):
        gateway, check = self.stage.gateway, self.stage.check
        gateway.rewrite(self.config(number))
        if number % 2:
            gateway.hang_up()
        else:
            status, answer = gateway.reload()
            if not check(status == 200 and answer["applied"], "200 from POST /reload", f"{status} {answer}"):
                raise Failure(f"reload {number} was refused")
            sockets, routes = answer["sockets"], answer["routes"]
            check((sockets["drained"], sockets["closed"]) == (drained, 0),
                  f"{drained} sockets to be drained by reload {number}, and none closed", sockets)
            check((routes["added"], routes["changed"], routes["removed"])
                  == ([f"g{number}"], ["other"], [f"g{number - 1}"]), f"the routes of reload {number}", routes)
        # Its routes are in /stats before every event loop goes by it; it is counted after that.
        applied, passed = eventually(lambda: gateway.stats()["configuration"]["reloads_total"]["applied"] == number, 15)
        if not check(applied, f"reload {number} to be in force", f"not after {passed:.0f} s"):
            raise Failure(f"reload {number} did not come into force")

    def _refuse(self, number):
        """A file that is none changes nothing."""
        gateway = self.stage.gateway
        before = {name: set(gateway.stats()[name]) for name in ("routes", "upstreams")}
        gateway.rewrite(BROKEN)
        status, answer = gateway.reload()
        self.stage.check(status == 400 and not answer["applied"] and answer["errors"], "400 for a broken file",
                         f"{status} {answer}")
        after = {name: set(gateway.stats()[name]) for name in ("routes", "upstreams")}
        self.stage.check(after == before, f"a refused reload {number} to change nothing", f"{before}, then {after}")

    def _listen(self):
        """A listener has come, or gone; who came by it stays."""
        if self.orphans:
            self.stage.check(not _connects(self.listener), "the removed listener to be gone", "it still accepts")
            hows = self.stage.fleet.end("close", numbers=self.orphans)
            self.stage.check(hows == {"closed": GUESTS}, "the sockets of a removed listener to live on", dict(hows))
            self.orphans, self.listener = [], None
        else:
            value, _ = eventually(lambda: self._port_of_extra(), 10)
            if self.stage.check(value, "the added listener to listen", "no line about it in the log"):
                self.listener = value
                self.orphans = self._open(ports={"plain": value, "tls": value}, tls_share=0)

    def _port_of_extra(self):
        """By the last line about it."""
        address = self.stage.gateway.addresses().get("extra")
        port = address and int(address.rpartition(":")[2])
        return port if port and _connects(port) else None

    def _check_leftovers(self, number):
        """What was removed goes from /stats with its last session."""
        wanted = {"routes": self.base["routes"] | {"other", f"g{number}"},
                  "upstreams": self.base["upstreams"] | {"other", f"u{number}"}}

        def found():
            stats = self.stage.gateway.stats()
            return {name: set(stats[name]) for name in wanted}

        if not eventually(lambda: found() == wanted, 15)[0]:
            here = found()
            self.stage.check(False, f"nothing of what was removed in /stats after reload {number}",
                             {name: sorted(here[name] ^ wanted[name]) for name in wanted})

    def leave(self):
        """What the reloads have opened is closed."""
        numbers = self.kept + self.orphans
        if numbers:
            hows = self.stage.fleet.end("close", numbers=numbers)
            self.stage.check(hows == {"closed": len(numbers)}, "the guests to close in order", dict(hows))


def _connects(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False
