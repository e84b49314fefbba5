"""What a proxy spends on traffic: echoes, handshakes, one message to many, and few talking among thousands."""

from . import tools
from .rows import Row, Subject, interleaved, per_event, process_list, unmet_offer

CALIBRATION = {"duration": 0.8, "warmup": 0.4}  # seconds to find out how much a proxy can do
BULK = 256 * 1024  # messages from this size on go over few connections: all of them are under way at once
BULK_CONNECTIONS = 16
HANDSHAKES_UNDER_WAY = 32
KEEPS_UP = 0.95  # of the rate that was asked for: who does less does not the same work in the same time


def _run(folder, proxy, transport, subject, processes=(), **options):
    return tools.run_load(folder, proxy.url(transport, subject.path), cpu_of=process_list(processes), **options,
                          **subject.load_options)


def _entry(subject, result, count, processes, unit):
    entry = per_event(result, count, processes)
    entry["errors"] += unmet_offer(subject, result)
    entry["extensions"] = result["extensions"]
    digits = 0 if entry["cpu_us"] >= 100 else 2
    entry["summary"] = f"{entry['cpu_us']:.{digits}f} µs/{unit}, {entry['rate']:.0f}/s, {entry['errors']} errors"
    return entry


def connections_for(size, options):
    return min(options.connections, BULK_CONNECTIONS) if size >= BULK else options.connections


def saturation(folder, running, subjects, transport, size, options):
    """Messages a second that the best of the peers echoes when each WebSocket sends as soon as it may."""
    rates = [_run(folder, running[subject.proxy], transport, subject, size=size, binary=options.binary,
                  connections=connections_for(size, options), **CALIBRATION)["rate"]
             for subject in subjects if subject.proxy != "sluice"]
    return max(rates, default=0)


def rate_for(folder, running, subjects, transport, size, options, say):
    """The load that all get alike: a share of what the best peer can do, a rate that was asked for, or no limit."""
    if options.load == "max":
        return None
    if options.rate:
        return options.rate
    best = saturation(folder, running, subjects, transport, size, options)
    rate = best * options.load
    say(f"  the best peer echoes {best:.0f} a second; all get {rate:.0f}" if best else "  no peer: no limit")
    return rate or None


def echo(folder, running, subjects, transport, size, options, say):
    """CPU of each proxy for each echo, that is for two relayed messages, and the latency at the same load."""
    rate = rate_for(folder, running, subjects, transport, size, options, say)

    def measure(row):
        proxy = running[row.subject.proxy]
        processes = proxy.processes()
        result = _run(folder, proxy, transport, row.subject, processes, size=size, duration=options.seconds,
                      connections=connections_for(size, options), warmup=options.warmup, rate=rate,
                      inflight=options.inflight, binary=options.binary)
        entry = _entry(row.subject, result, result["messages"], processes, "echo")
        if result["messages"]:
            entry["bytes_back"] = result["bytes_received"] / result["messages"]
        entry["rate_wanted"] = rate
        entry["behind"] = bool(rate) and result["rate"] < KEEPS_UP * rate
        return entry

    return interleaved([Row(subject, transport) for subject in subjects], options.rounds, measure, say)


def handshakes(folder, running, subjects, transport, options, say):
    """CPU of each proxy for one connection: TCP, TLS, upgrade, Close, both legs."""
    def measure(row):
        proxy = running[row.subject.proxy]
        processes = proxy.processes()
        result = _run(folder, proxy, transport, row.subject, processes, churn=True, connections=HANDSHAKES_UNDER_WAY,
                      duration=options.seconds, warmup=options.warmup)
        entry = _entry(row.subject, result, result["handshakes"], processes, "handshake")
        entry["resumed_share"] = result["resumed"] / max(1, result["handshakes"])
        # Each connection that is open when counting begins or ends is counted by one of its two ends alone.
        expected = 1 if row.subject.resume else 0
        entry["errors"] += int(abs(entry["resumed_share"] - expected) > 0.05)
        entry["summary"] += f", {entry['resumed_share']:.0%} resumed"
        return entry

    return interleaved([Row(subject, transport) for subject in subjects], options.rounds, measure, say)


def fanout(folder, running, subjects, transport, size, options, say):
    """CPU of each proxy for each message that reaches a client, when the server sends one to all of them."""
    def measure(row):
        proxy = running[row.subject.proxy]
        processes = proxy.processes()
        result = _run(folder, proxy, transport, row.subject, processes, fanout=True, size=size,
                      connections=options.fanout_connections, duration=options.seconds, warmup=options.warmup)
        entry = _entry(row.subject, result, result["messages"], processes, "message")
        if result["messages"]:
            entry["bytes_back"] = result["bytes_received"] / result["messages"]
            entry["errors"] += int(row.subject.offer_deflate and not result["compressed_messages"])
        return entry

    return interleaved([Row(subject, transport) for subject in subjects], options.rounds, measure, say)


def crowd_subjects(proxies, options):
    """Two rows for each proxy: few WebSockets, and thousands with the same traffic in all."""
    for name in proxies:
        for connections in (options.connections, options.crowd):
            yield Subject(name, connections=connections)


def crowd(folder, running, subjects, transport, options, say):
    """CPU for each echo of 100 B at the same rate, with few WebSockets and with thousands."""
    def measure(row):
        proxy = running[row.subject.proxy]
        processes = proxy.processes()
        result = _run(folder, proxy, transport, row.subject, processes, size=100, duration=options.seconds,
                      connections=row.subject.connections, warmup=options.warmup, rate=options.crowd_rate)
        return _entry(row.subject, result, result["messages"], processes, "echo")

    rounds = min(options.rounds, 3)
    return interleaved([Row(subject, transport) for subject in subjects], rounds, measure, say)
