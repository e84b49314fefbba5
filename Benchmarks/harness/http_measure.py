"""The measurement of plain HTTP: small requests, downloads and uploads over kept-alive connections."""

from dataclasses import asdict, dataclass

from . import http_load
from .children import Failure
from .process_tree import cpu_time
from .rows import Row, Subject, interleaved, per_event
from .web_server import LARGE, SMALL

MEBIBYTES = LARGE / 2**20
H2_CONNECTIONS = 5  # that clients of HTTP/2 share
TRANSFERS_UNDER_WAY = 4


@dataclass(frozen=True)
class Work:
    """What is asked of every proxy of a table."""

    name: str
    title: str
    path: str
    answer: int  # bytes of the answer's body
    events: float = 1  # what the proxy's CPU time is divided by, for each request
    sends: bool = False  # a body of LARGE bytes

    @property
    def unit(self):
        return "request" if self.events == 1 else "MiB"

    @property
    def units(self):
        return "requests" if self.events == 1 else "MiB"

    @property
    def digits(self):
        return 1 if self.events == 1 else 0


WORKS = {work.name: work for work in (
    Work("get", "GET of 1 KiB", "/small", SMALL),
    Work("download", "Download of 16 MiB", "/large", LARGE, MEBIBYTES),
    Work("upload", "Upload of 16 MiB", "/upload", len("received"), MEBIBYTES, True))}

CLIENTS = {"tls": ("tls", "http/1.1"), "plain": ("plain", "http/1.1"), "h2": ("tls", "h2")}


def add_arguments(parser):
    """The options of http mode."""
    def some_of(allowed):
        return lambda text: [word for word in text.split(",") if word in allowed or parser.error(
            f"unknown: {word}; expected some of {', '.join(allowed)}")]

    parser.add_argument("--http-works", type=some_of(WORKS), default=list(WORKS), help="get,download,upload")
    parser.add_argument("--http-clients", type=some_of(CLIENTS), default=list(CLIENTS),
                        help="HTTP/1.1 over TLS and in the clear, HTTP/2 over TLS (tls,plain,h2)")
    parser.add_argument("--http-requests", type=int, default=20000, help="small requests of a measurement (20000)")
    parser.add_argument("--http-rate", type=float, default=5000,
                        help="of them a second (5000); 0: as fast as they are answered")
    parser.add_argument("--http-connections", type=int, default=50, help="of which each has one under way (50)")
    parser.add_argument("--http-transfers", type=int, default=40, help="downloads or uploads of a measurement (40)")


def load_options(folder, work, protocol, options):
    """What h2load is told, but for the number of requests and their rate."""
    lanes = options.http_connections if work.events == 1 else TRANSFERS_UNDER_WAY
    shared = min(H2_CONNECTIONS, lanes) if protocol == "h2" else lanes
    body = None
    if work.sends:
        body = folder / "upload"
        if not body.exists():
            body.write_bytes(bytes(LARGE))
    return {"connections": shared, "streams": lanes // shared, "protocol": protocol, "body": body,
            "expected_bytes": work.answer}


def title_of(work, client, options):
    transport, protocol = CLIENTS[client]
    if work.events > 1:
        load = f"{TRANSFERS_UNDER_WAY} at a time"
    else:
        load = (f"{options.http_connections} at a time" if not options.http_rate
                else f"{options.http_rate:.0f} a second")
    return f"{work.title}, {transport}, {protocol}, {load}: CPU of the proxy per {work.unit}"


def _answered(proxy, result, url, expected_bytes):
    """Refuses to go on with answers that are not what was asked for: they would cost less, or more."""
    if result["errors_total"]:
        raise Failure(f"{proxy.name}: {url} was answered with {result['statuses']} and {result['body_bytes']} bytes "
                      f"in all, expected 200 each time, with {expected_bytes} bytes")


def _opening(folder, proxy, transport, load):
    """CPU time of a proxy for opening the connections, with one small request on each connection or stream."""
    small = {**load, "body": None, "expected_bytes": SMALL}
    url = proxy.url(transport, WORKS["get"].path)
    before = cpu_time(proxy.processes())
    result = http_load.run(folder, url, requests=load["connections"] * load["streams"], **small)
    _answered(proxy, result, url, SMALL)
    return (cpu_time(proxy.processes()) - before).total


def requests(folder, running, work, client, options, say):
    """CPU of each proxy for each request, or for each MiB of its body. What it takes to open the connections is
    measured before, and taken off."""
    transport, protocol = CLIENTS[client]
    load = load_options(folder, work, protocol, options)
    lanes = load["connections"] * load["streams"]
    is_small = work.events == 1
    count = options.http_requests if is_small else options.http_transfers
    # The small requests of the opening are taken off with it.
    extra = lanes if is_small else 0
    rate = options.http_rate if is_small else None

    for proxy in running.values():
        url = proxy.url(transport, work.path)
        _answered(proxy, http_load.run(folder, url, requests=lanes, **load), url, work.answer)

    def measure(row):
        proxy = running[row.subject.proxy]
        opening = _opening(folder, proxy, transport, load)
        processes = proxy.processes()
        before = cpu_time(processes)
        result = http_load.run(folder, proxy.url(transport, work.path), requests=count + extra, rate=rate, **load)
        spent = cpu_time(processes) - before
        # The kernel's ticks are too coarse for the part that is taken off; they give the share of each part alone.
        entry = per_event(result | {"cpu_seconds": {**asdict(spent), "total": spent.total - opening}},
                          count * work.events, processes)
        entry["rate"] *= work.events
        entry["summary"] = (f"{entry['cpu_us']:.1f} µs/{work.unit}, {entry['rate']:.0f}/s, "
                            f"{entry['errors']} errors")
        return entry

    rows = [Row(Subject(name, work.path), transport) for name in running]
    interleaved(rows, options.rounds, measure, say)
    return rows
