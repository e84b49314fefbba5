"""Restarts by takeover under a storm of connections."""

import random
import socket
import threading
import urllib.request

from rig.stage import Stage
from rig.waiting import hold

SOCKETS = 500
VISITORS = 200        # a second
DRAIN_SECONDS = 5
EXIT_SECONDS = DRAIN_SECONDS + 5


def takeover(options, folder, account):
    """Ten restarts by takeover (--quick: three), while 200 clients a second come over TLS, say and hear a word, and
    go, beside sockets that stay."""
    def fix(config):
        # Both processes read the same file, so its ports have to be named.
        for listener in config["listeners"]:
            listener["address"] = _free_address()
        config["admin"] = {"address": _free_address(), "takeover_socket": str(folder / "takeover")}
        config["drain"] = {"timeout": f"{DRAIN_SECONDS}s", "spread": "1s"}

    with Stage(options, folder, account, change=fix) as stage:
        stage.fill(min(options.connections, SOCKETS))
        stage.steady(1)
        with Asking(stage.config["admin"]["address"]) as asking:
            visitors = stage.fleet.visiting(VISITORS, tls_share=1)
            hold(1)
            for number in range(1, (3 if options.quick else 10) + 1):
                _restart(stage, number)
            stage.fleet.leave()
            result = visitors.merged()
        account.connections += result["came"]
        account.note(f"{result['came']} visitors: {dict(result['hows'])}; "
                     f"{asking.answered} answers of the admin address")
        # Who is told in the middle of a visit had been let in: that is no refusal.
        stage.check(set(result["hows"]) <= {"closed", "close 1012"}, "no refusal and no failed handshake",
                    dict(result["hows"]))
        stage.check(result["hows"].get("closed", 0) > result["came"] * 0.9, "most to hear their answer",
                    dict(result["hows"]))
        stage.check(asking.answered and not asking.failures, "the admin address to answer throughout",
                    f"{len(asking.failures)} failures of {asking.answered}: {asking.failures[:3]}")
        stage.steady(1)
        stage.settle()
        stage.judge_ends()


def _restart(stage, number):
    old = stage.take_over()
    status = old.wait(EXIT_SECONDS)
    stage.check(status == 0, f"process {number} to exit with 0 within {EXIT_SECONDS} s of the takeover", status)
    before = stage.account.ends["close 1012"]
    stage.judge_ends(lambda end: "its process was replaced" if end["how"] == "close 1012" else None)
    went = stage.account.ends["close 1012"] - before
    stage.check(went == min(stage.options.connections, SOCKETS), "each old socket to get a Close", went)
    again = stage.fleet.open(went)
    stage.account.connections += again["opened"]
    stage.check(again["opened"] == went, f"{went} connections to the new process", dict(again["failures"]))


def _free_address():
    """Outside the range from which the kernel gives ports to clients, so that it is still free in a moment."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return f"127.0.0.1:{port}"


class Asking:
    """Asks the admin endpoint for its health without a pause, each time over a connection of its own."""

    def __init__(self, address):
        self._url = f"http://{address}/healthz"
        self.answered, self.failures = 0, []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join(10)

    def _ask(self):
        while not self._done.wait(0.01):
            try:
                with urllib.request.urlopen(self._url, timeout=5) as response:
                    response.read()
                self.answered += 1
            except OSError as error:  # a refusal, and any status but 200
                self.failures.append(str(error))
