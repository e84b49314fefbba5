#!/usr/bin/env python3
"""Stands in for `wstest` where it is tested what Tests/Conformance/run makes of its behaviour: takes the same options,
prints the same lines, writes a report of the same form. The variable WSTEST_DOUBLE says what happens:

passes          every case is OK
strict          case 3.2 is NON-STRICT
skips           case 3.2 has no result
dies            the fuzzer ends with status 7 in case 3.2
peer-dies       the echo server ends with status 9, once the fuzzer is in case 3.2
waits           case 3.2 goes on for ever
no-report       the fuzzer ends with status 0 and writes nothing
no-results      it writes a report with nothing in it
no-cases        no case is chosen
"""

import json
import os
import signal
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

CASES = ["1.1.1", "3.2"]
UPGRADE = (b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")


def option(name):
    return sys.argv[sys.argv.index(name) + 1]


def echo_server(behaviour):
    port = urlsplit(option("-w")).port
    with socket.create_server(("127.0.0.1", port)) as server:
        if behaviour != "peer-dies":
            signal.pause()
        server.accept()
    print("the double's echo server gives up", file=sys.stderr)
    sys.exit(9)


def fuzzer(behaviour):
    specification = json.loads(Path(option("-s")).read_text())
    cases = [] if behaviour == "no-cases" else CASES
    print(f"Cases = {[str(case) for case in cases]}", flush=True)
    for case in cases:
        print(f"Running test case ID {case} for agent double from peer tcp4:127.0.0.1:1", flush=True)
    if behaviour == "dies":
        print("the double's fuzzer gives up", file=sys.stderr)
        sys.exit(7)
    if behaviour == "peer-dies":
        # By way of the gateway, as the fuzzer would reach it.
        url = urlsplit(specification["servers"][0]["url"])
        with socket.create_connection((url.hostname, url.port)) as connection:
            connection.sendall(f"GET / HTTP/1.1\r\nHost: {url.netloc}\r\n".encode() + UPGRADE)
            signal.pause()
    if behaviour == "waits":
        signal.pause()
    if behaviour == "no-report":
        return
    results = {case: {"behavior": "OK", "behaviorClose": "OK"} for case in cases}
    if behaviour == "strict":
        results["3.2"]["behavior"] = "NON-STRICT"
    if behaviour == "skips":
        del results["3.2"]
    agents = {} if behaviour == "no-results" else {specification["servers"][0]["agent"]: results}
    (Path(specification["outdir"]) / "index.json").write_text(json.dumps(agents))


def main():
    if "--autobahnversion" in sys.argv:
        print("double of wstest")
        return
    behaviour = os.environ["WSTEST_DOUBLE"]
    {"testeeserver": echo_server, "fuzzingclient": fuzzer}[option("-m")](behaviour)


main()
