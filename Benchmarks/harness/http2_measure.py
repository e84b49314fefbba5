"""The measurements over HTTP/2: thousands of WebSockets on a few connections, and small messages beside bulk data."""

from . import tools
from .load_measure import CALIBRATION, KEEPS_UP
from .proxies.shared_connections import SERVER_CONNECTIONS
from .rows import Row, Subject, interleaved, per_event, process_list
from .sizes import sizes

CLIENT_CONNECTIONS = 10  # that thousands of WebSockets share
SMALL_STREAMS = 49
SMALL_RATE = 1000  # messages a second, over all of them
BULK = 65536


def add_arguments(parser):
    """The options of the modes over HTTP/2."""
    parser.add_argument("--h2-connections", type=int, default=5000, help="WebSockets in h2-echo and h2-idle (5000)")
    parser.add_argument("--h2-sizes", type=sizes, default=[100], help="payloads in h2-echo (100)")
    parser.add_argument("--h2-transports", type=lambda text: text.split(","), default=["tls"],
                        help="of the h2 modes (tls), some of tls,plain")


def shared(options):
    """How the WebSockets share connections, for a title."""
    return (f"{options.h2_connections} WebSockets, over h2 on {CLIENT_CONNECTIONS} client connections and at most "
            f"{SERVER_CONNECTIONS} to the server")


def subjects_of(proxies, client_connections=CLIENT_CONNECTIONS):
    """Two rows for each proxy, HTTP/2 on both sides and HTTP/1.1 on both sides; without a proxy, HTTP/2 alone."""
    for name in proxies:
        yield Subject(name, "/h2/echo", pairing="h2", client_connections=client_connections)
        if name != "direct":
            yield Subject(name, "/h1/echo", pairing="http/1.1")


def shared_connections(subject, proxy):
    """How many connections to the server the WebSockets of a row share, and 1 when they were not to be so many."""
    if not subject.client_connections:
        return {}, 0
    count = proxy.connections_to_server()
    return {"server_connections": count}, int(count > SERVER_CONNECTIONS)


def _rates(folder, running, subjects, transport, size, options, say):
    """The load by pairing, the same for all: a share of what HAProxy can echo so, a rate that was asked for, or none."""
    if options.rate or options.load == "max" or "haproxy" not in running:
        return {subject.pairing: options.rate for subject in subjects}
    found = {}
    for subject in subjects:
        if subject.proxy == "haproxy":
            best = tools.run_load(
                folder, running["haproxy"].url(transport, subject.path), connections=options.h2_connections,
                size=size, **CALIBRATION, **subject.load_options)["rate"]
            found[subject.pairing] = best * options.load
            say(f"  haproxy echoes {best:.0f} a second over {subject.pairing}; all get {best * options.load:.0f}")
    return found


def echo(folder, running, subjects, transport, size, options, say):
    """CPU of each proxy for each echo, with thousands of WebSockets on a few connections."""
    subjects = list(subjects)
    rates = _rates(folder, running, subjects, transport, size, options, say)

    def measure(row):
        proxy = running[row.subject.proxy]
        processes = proxy.processes()
        rate = rates[row.subject.pairing]
        result = tools.run_load(
            folder, proxy.url(transport, row.subject.path), connections=options.h2_connections, size=size,
            duration=options.seconds, warmup=options.warmup, rate=rate, inflight=options.inflight,
            binary=options.binary, cpu_of=process_list(processes), **row.subject.load_options)
        entry = per_event(result, result["messages"], processes)
        entry["behind"] = bool(rate) and result["rate"] < KEEPS_UP * rate
        shared, excess = shared_connections(row.subject, proxy)
        entry |= shared
        entry["errors"] += excess
        entry["summary"] = (f"{entry.get('cpu_us', 0):.2f} µs, {entry['rate']:.0f}/s, "
                            f"{entry.get('server_connections', '–')} to the server, {entry['errors']} errors")
        return entry

    rows = [Row(subject, transport) for subject in subjects]
    interleaved(rows, options.rounds, measure, say)
    return rows


def mixed(folder, running, subjects, transport, options, say):
    """Latency of small messages at a fixed rate, by themselves and beside one WebSocket that moves bulk data; over
    HTTP/2, all are streams of one connection."""
    def load(row, processes, **bulk):
        proxy = running[row.subject.proxy]
        return tools.run_load(
            folder, proxy.url(transport, row.subject.path), size=100, rate=SMALL_RATE, duration=options.seconds,
            warmup=options.warmup, binary=options.binary, cpu_of=process_list(processes), **bulk,
            **row.subject.load_options)

    def measure(row):
        processes = running[row.subject.proxy].processes()
        alone = load(row, processes, connections=SMALL_STREAMS)
        beside = load(row, processes, connections=SMALL_STREAMS + 1, bulk=BULK)
        mebibytes = beside["bulk"]["messages"] * BULK / 2**20
        entry = per_event(beside, mebibytes, processes)
        entry |= {"alone_p50_us": alone["latency_us"]["p50"], "alone_p99_us": alone["latency_us"]["p99"],
                  "alone": alone, "mib_per_second": beside["bulk"]["bytes_per_second"] / 2**20}
        entry["errors"] += alone["errors_total"]
        entry["summary"] = (f"p50 {entry['p50_us']:.0f} µs, p99 {entry['p99_us']:.0f} µs, "
                            f"{entry['mib_per_second']:.0f} MiB/s, {entry['errors']} errors")
        return entry

    rows = [Row(subject, transport) for subject in subjects]
    interleaved(rows, options.rounds, measure, say)
    return rows
