"""The measurements by name: what each runs, tables and figures it makes."""

import contextlib

from . import (goals, http2_measure, http_measure, instructions, load_measure, memory_measure, tables, tools)
from .memory_measure import SPOKEN_SIZES
from .proxies import HTTP2_PROXIES, HTTP_PROXIES, PROXIES, Nginx, Sluice
from .proxies.ws import Ws
from .rows import Row, Subject
from .sizes import size_name
from .web_server import web_server

FANOUT_SIZE = 1024
DEFLATE_SIZES = (1024, 16 * 1024)
IDLE_ROUNDS = 3  # memory hardly moves from round to round
CALLGRIND_PROXIES = ("sluice", "nginx", "haproxy")


class Bench:
    """What every measurement needs."""

    def __init__(self, folder, echo_port, options, record, say):
        self.folder, self.echo_port, self.options, self.record, self.say = folder, echo_port, options, record, say

    def of(self, transport, allowed=PROXIES):
        """The chosen proxies that speak so with their clients, and that are allowed."""
        return [name for name in self.options.proxies if transport in PROXIES[name].transports and name in allowed]

    @contextlib.contextmanager
    def running(self, names, proxies=PROXIES):
        """All of them side by side; one at a time has work."""
        with contextlib.ExitStack() as stack:
            yield {name: stack.enter_context(proxies[name](self.folder, self.echo_port).running()) for name in names}

    def cpu_rows(self, mode, title, rows, event, events, digits, figures=()):
        self.record.add(mode, title, rows, tables.cpu_table(title, rows, event, events, digits), figures)


def echo(bench):
    options = bench.options
    with bench.running(options.proxies) as running:
        for transport in options.transports:
            for payload in options.sizes:
                connections = load_measure.connections_for(payload, options)
                title = (f"Echo, {transport}, {size_name(payload)}, {connections} connections: CPU of the proxy per "
                         "echo (two relayed messages)")
                bench.say(title)
                subjects = list(map(Subject, bench.of(transport)))
                rows = load_measure.echo(bench.folder, running, subjects, transport, payload, options, bench.say)
                bench.cpu_rows("echo", title, rows, "echo", "echoes", 2, goals.echo(rows, transport, payload))


def handshake(bench):
    options = bench.options
    with bench.running(options.proxies) as running:
        for transport in options.transports:
            title = f"Handshakes, {transport}: CPU of the proxy per connection opened and closed"
            bench.say(title)
            subjects = [Subject(name, resume=resume) for name in bench.of(transport)
                        for resume in ((False, True) if transport == "tls" else (False,))]
            rows = load_measure.handshakes(bench.folder, running, subjects, transport, options, bench.say)
            bench.cpu_rows("handshake", title, rows, "handshake", "handshakes", 0, goals.handshakes(rows, transport))


def idle(bench):
    options = bench.options
    title = f"Idle, {options.idle_connections} connections: memory (PSS) of the proxy per connection"
    bench.say(title)

    def subjects(transport):
        for name in bench.of(transport):
            yield Subject(name)
            if name == "sluice":
                yield Subject(name, "/deflate/echo", offer_deflate=True)

    sizes = SPOKEN_SIZES[-1:] if options.quick else SPOKEN_SIZES

    def measure(subject, transport):
        return memory_measure.idle(bench.folder, lambda name: PROXIES[name](bench.folder, bench.echo_port), subject,
                                   transport, options.idle_connections, sizes, bench.say)

    rounds = 1 if options.quick else min(options.rounds, IDLE_ROUNDS)
    rows = memory_measure.rows_of(subjects, options.transports, rounds, measure)
    bench.record.add("idle", title, rows, tables.memory_table(title, rows, sizes),
                     goals.memory(rows, sizes))


def fanout(bench):
    options = bench.options
    with bench.running(options.proxies) as running:
        for transport in options.transports:
            title = (f"One message of {size_name(FANOUT_SIZE)} to {options.fanout_connections} clients, {transport}: "
                     "CPU of the proxy for each that it reaches")
            bench.say(title)
            subjects = [Subject(name, "/off/room") for name in bench.of(transport)]
            if "sluice" in options.proxies:
                subjects.insert(0, Subject("sluice", "/deflate/room", offer_deflate=True))
            rows = load_measure.fanout(bench.folder, running, subjects, transport, FANOUT_SIZE, options, bench.say)
            bench.cpu_rows("fanout", title, rows, "message", "messages", 2, goals.fanout(rows, transport))


def crowd(bench):
    options = bench.options
    with bench.running(bench.of("tls", CALLGRIND_PROXIES)) as running:
        title = (f"Echo, tls, 100 B, {options.crowd_rate:,.0f} a second over few and over {options.crowd:,} "
                 "connections: CPU of the proxy per echo")
        bench.say(title)
        subjects = load_measure.crowd_subjects(running, options)
        rows = load_measure.crowd(bench.folder, running, subjects, "tls", options, bench.say)
        bench.cpu_rows("crowd", title, rows, "echo", "echoes", 2, goals.crowd(rows, options))


def deflate(bench):
    """Compressed both ways; the other proxies would let client and server do the work."""
    if "sluice" not in bench.options.proxies:
        return
    with bench.running(["sluice", "ws"], {"sluice": Sluice, "ws": Ws}) as running:
        for payload in DEFLATE_SIZES:
            title = (f"Compressed echo, plain, {size_name(payload)}, {bench.options.connections} connections: CPU per "
                     "echo (one inflated message, one compressed)")
            bench.say(title)
            subjects = [Subject("sluice", "/deflate/echo", compress=True), Subject("ws", "/", compress=True)]
            rows = load_measure.echo(bench.folder, running, subjects, "plain", payload, bench.options, bench.say)
            bench.cpu_rows("deflate", title, rows, "echo", "echoes", 2, goals.deflate(rows, payload))


def count_instructions(bench):
    """Under valgrind; on the chosen transports, 100 B."""
    names = [name for name in bench.options.proxies if name in CALLGRIND_PROXIES]
    program, Nginx.single_process = Sluice.program, True
    if "sluice" in names:
        Sluice.program = instructions.without_debug_information(bench.options.sluice, bench.folder)
    try:
        for transport in bench.options.transports:
            title = f"Instructions of the proxy per echo, {transport}, 100 B, without the kernel's"
            bench.say(title)
            rows = [Row(Subject(name), transport) for name in names]
            for row in rows:
                count, once, twice = instructions.per_message(
                    bench.folder, bench.echo_port, row.subject, transport, bench.options.messages,
                    bench.folder / f"callgrind.{row.subject.proxy}-{transport}")
                row.rounds.append({"instructions": count, "once": once, "twice": twice, "errors": 0})
                bench.say(f"  {row.subject.label}: {count:,.0f}")
            bench.record.add("instructions", title, rows, tables.instructions_table(title, rows),
                             goals.instructions(rows, transport, 100))
    finally:
        Sluice.program, Nginx.single_process = program, False


def http2_echo(bench):
    options = bench.options
    names = [name for name in options.proxies if name in HTTP2_PROXIES]
    with bench.running([*names, "direct"], HTTP2_PROXIES) as running:
        for transport in options.h2_transports:
            beside = names + (["direct"] if transport == "plain" else [])
            for payload in options.h2_sizes:
                title = (f"Echo, {transport}, {size_name(payload)}, {http2_measure.shared(options)}: CPU of the proxy "
                         "per echo")
                bench.say(title)
                rows = http2_measure.echo(bench.folder, running, http2_measure.subjects_of(beside), transport, payload,
                                          options, bench.say)
                bench.record.add("h2-echo", title, rows, tables.pairing_cpu_table(title, rows),
                                 goals.http2(rows, transport, payload), size=payload)


def http2_mixed(bench):
    options = bench.options
    names = [name for name in options.proxies if name in HTTP2_PROXIES]
    with bench.running([*names, "direct"], HTTP2_PROXIES) as running:
        for transport in options.h2_transports:
            title = (f"Mixed, {transport}: {http2_measure.SMALL_STREAMS} WebSockets with {http2_measure.SMALL_RATE} "
                     "messages of 100 B a second, beside one with bulk data, over h2 on the same connection")
            bench.say(title)
            subjects = http2_measure.subjects_of(names + (["direct"] if transport == "plain" else []), 1)
            rows = http2_measure.mixed(bench.folder, running, subjects, transport, options, bench.say)
            bench.record.add("h2-mixed", title, rows, tables.mixed_table(title, rows))


def http2_idle(bench):
    options = bench.options
    names = [name for name in options.proxies if name in HTTP2_PROXIES]
    title = f"Idle, {http2_measure.shared(options)}: memory (PSS) of the proxy per WebSocket"
    bench.say(title)

    def measure(subject, transport):
        return memory_measure.idle(
            bench.folder, lambda name: HTTP2_PROXIES[name](bench.folder, bench.echo_port), subject, transport,
            options.h2_connections, [FANOUT_SIZE], bench.say, http2_measure.shared_connections)

    rows = memory_measure.rows_of(lambda _: http2_measure.subjects_of(names), options.h2_transports, 1, measure)
    bench.record.add("h2-idle", title, rows, tables.pairing_memory_table(title, rows, FANOUT_SIZE))


def http(bench):
    """Plain HTTP, before a web server."""
    options = bench.options
    names = [name for name in options.proxies if name in HTTP_PROXIES]
    with web_server(bench.folder) as port:
        before_web = Bench(bench.folder, port, options, bench.record, bench.say)
        with before_web.running(names, HTTP_PROXIES) as running:
            for work in map(http_measure.WORKS.get, options.http_works):
                for client in options.http_clients:
                    title = http_measure.title_of(work, client, options)
                    bench.say(title)
                    rows = http_measure.requests(bench.folder, running, work, client, options, bench.say)
                    bench.cpu_rows("http", title, rows, work.unit, work.units, work.digits)


# Those with goals, and all.
GOALS = {"echo": echo, "handshake": handshake, "idle": idle, "fanout": fanout, "crowd": crowd, "deflate": deflate,
         "h2-echo": http2_echo, "instructions": count_instructions}
MODES = {**GOALS, "h2-mixed": http2_mixed, "h2-idle": http2_idle, "http": http}


def programs_for(options):
    """What the chosen measurements need from the system."""
    needed = {"cc", "openssl", *(name for name in options.proxies if name != "sluice")}
    needed |= {"h2load", "nginx"} if "http" in options.modes else set()
    needed |= {"valgrind"} if "instructions" in options.modes else set()
    needed |= {"node"} if "deflate" in options.modes else set()
    return needed


def run(folder, options, record, say):
    with tools.echo_server(folder) as echo_port:
        bench = Bench(folder, echo_port, options, record, say)
        for mode in options.modes:
            MODES[mode](bench)
