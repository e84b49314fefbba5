"""The admin endpoint: the shape of /stats, counters that move while a connection lives, metrics, health, the token."""

import re

import pytest

from changes import check_kept, edited, free_address
from raw import BINARY, TEXT, Deflate
from sluice import proxied
from waiting import eventually

NUMBER = (int, float)
# The shape of GET /stats: a type, a dictionary of them, or {str: shape} for names that are not fixed.
SIDES = {"text": int, "binary": int}
LIMITS = (
    "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30",
    "60", "+Inf")
HISTOGRAM = {"count": int, "sum": NUMBER, "p50": NUMBER, "p99": NUMBER, "buckets": dict.fromkeys(LIMITS, int)}
ROUTE = {
    "active": int, "max_connections": int, "accepted_total": int,
    "messages": {"from_client": SIDES, "to_client": SIDES},
    "bytes": {"from_client": int, "to_client": int},
    "compression": {
        "active": int, "messages_compressed": int, "bytes_before": int, "bytes_after": int, "memory_bytes": int},
    "extensions_refused": {str: int},
    "close_codes": {"client": {str: int}, "server": {str: int}, "gateway": {str: int}},
    "handshake_seconds": HISTOGRAM,
    "requests": {
        "active": int, "max_requests": int, "total": int,
        "statuses": {"1xx": int, "2xx": int, "3xx": int, "4xx": int, "5xx": int},
        "bytes": {"from_client": int, "to_client": int}, "seconds": HISTOGRAM},
}
SHAPE = {
    "version": str, "uptime_seconds": NUMBER, "draining": bool,
    "connections": {"active": int, "accepted_total": int, "closed_total": int, "rejected_total": {str: int}},
    "routes": {str: ROUTE},
    "upstreams": {str: {"servers": {str: {
        "healthy": bool, "active": int, "connections": int, "failures_total": int}}}},
}


def check_shape(value, shape, where="stats"):
    if not isinstance(shape, dict):
        assert isinstance(value, shape), f"{where}: expected {shape}, got {value!r}"
        return
    assert isinstance(value, dict), f"{where}: expected an object, got {value!r}"
    if list(shape) == [str]:
        for key, item in value.items():
            check_shape(item, shape[str], f"{where}.{key}")
    else:
        assert shape.keys() <= value.keys(), f"{where}: {shape.keys() - value.keys()} missing"
        for key, item in shape.items():
            check_shape(value[key], item, f"{where}.{key}")


@pytest.fixture
def observed(gateway, backend, wire):
    server = backend()
    running = gateway(proxied(server.address, max_connections=7))
    return running, server


def test_stats_have_the_documented_shape(observed, wire):
    running, server = observed
    check_shape(running.stats(), SHAPE)
    client = wire.open(running, fields=[("Sec-WebSocket-Extensions", "permessage-deflate, deflate-stream")])
    client.send_frame(TEXT, "Hello")
    client.read_message()
    wire.request(running, "/", [("Sec-WebSocket-Version", "7")])
    stats = running.stats()
    check_shape(stats, SHAPE)
    assert stats["routes"]["all"]["max_connections"] == 7
    assert stats["draining"] is False
    assert stats["upstreams"]["backend"]["servers"][server.address]["healthy"] is True
    status, fields, _ = running.admin("/stats")
    assert fields["Content-Type"].startswith("application/json")


def test_counters_move_while_a_connection_lives(observed, wire):
    running, server = observed
    client = wire.open(running, fields=[("Sec-WebSocket-Extensions", "permessage-deflate")])
    codec = Deflate("permessage-deflate", "client")
    for text in (b"Hello", b"w" * 1000):
        client.send_frame(TEXT, codec.compress(text), rsv=4)
        client.read_message()
    client.send_frame(BINARY, b"123")
    client.read_message()
    stats = running.stats()
    assert stats["connections"]["active"] == 1
    assert stats["connections"]["accepted_total"] == 1
    assert stats["connections"]["closed_total"] == 0
    route = stats["routes"]["all"]
    assert route["active"] == 1
    assert route["messages"] == {
        "from_client": {"text": 2, "binary": 1}, "to_client": {"text": 2, "binary": 1}}
    assert route["bytes"]["from_client"] > 0 and route["bytes"]["to_client"] > 0
    assert route["compression"]["active"] == 1
    assert route["compression"]["bytes_before"] >= 1000
    assert 0 < route["compression"]["bytes_after"] < 200
    assert route["handshake_seconds"]["count"] == 1
    assert 0 < route["handshake_seconds"]["p50"] < 5
    assert 0 < route["handshake_seconds"]["sum"] < 5
    buckets = [route["handshake_seconds"]["buckets"][limit] for limit in LIMITS]
    assert buckets == sorted(buckets) and buckets[-1] == 1, "each limit counts what the smaller ones do"
    upstream = stats["upstreams"]["backend"]["servers"][server.address]
    assert upstream["active"] == 1 and upstream["connections"] == 1

    client.send_close()
    client.expect_close()
    client.close()
    stats = running.eventually(
        lambda stats: stats["connections"]["closed_total"] == 1 and stats, "the end to be counted")
    assert stats["connections"]["active"] == 0
    assert stats["routes"]["all"]["compression"]["active"] == 0
    assert stats["routes"]["all"]["close_codes"]["client"] == {"1000": 1}
    assert stats["upstreams"]["backend"]["servers"][server.address]["active"] == 0


SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')


def check_histograms(samples, types):
    """What Prometheus wants of one: buckets that rise with their limits, of which the last is +Inf and the count."""
    series = {}
    for (name, labels), value in samples.items():
        base = name.removesuffix("_bucket")
        if base != name and types.get(base) == "histogram":
            limit, = (value for label, value in labels if label == "le")
            rest = frozenset(pair for pair in labels if pair[0] != "le")
            series.setdefault((base, rest), []).append((float(limit), value))
    assert {base for base, _ in series} == {name for name, kind in types.items() if kind == "histogram"}
    for (base, labels), buckets in series.items():
        counts = [count for _, count in sorted(buckets)]
        assert counts == sorted(counts), (base, labels)
        assert max(buckets)[0] == float("inf"), (base, labels)
        assert counts[-1] == samples[f"{base}_count", labels], (base, labels)
        assert (f"{base}_sum", labels) in samples, (base, labels)


def parse_metrics(text):
    """Prometheus text format 0.0.4: {(name, frozenset(labels)): value}, and the types; strict about both."""
    types, helps, samples = {}, set(), {}
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            assert name not in helps, f"HELP twice for {name}"
            helps.add(name)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ", 3)
            assert name not in types, f"TYPE twice for {name}"
            assert kind in ("counter", "gauge", "summary", "histogram", "untyped")
            types[name] = kind
        elif line and not line.startswith("#"):
            match = SAMPLE.match(line)
            assert match, f"not a sample: {line!r}"
            name, labels, value = match.groups()
            pairs = LABEL.findall(labels or "")
            assert "".join(f'{k}="{v}",' for k, v in pairs).rstrip(",") == (labels or "").rstrip(","), line
            key = (name, frozenset(pairs))
            assert key not in samples, f"sample twice: {line!r}"
            samples[key] = float(value)
            base = re.sub(r"_(count|sum|bucket)$", "", name)
            assert name in types or base in types, f"no TYPE for {name}"
    check_histograms(samples, types)
    for name, kind in types.items():
        assert name.startswith(("sluice_", "process_")), name
        assert name in helps, f"no HELP for {name}"
        assert kind != "counter" or name.endswith("_total"), f"counter {name} does not end in _total"
    return samples, types


def test_metrics_are_prometheus_text_with_the_same_counters(observed, wire):
    running, _ = observed
    client = wire.open(running)
    for _ in range(3):
        client.send_frame(TEXT, "Hello")
        client.read_message()
    status, fields, body = running.admin("/metrics")
    assert status == 200
    assert fields["Content-Type"].startswith("text/plain")
    samples, types = parse_metrics(body.decode())
    messages = {labels: value for (name, labels), value in samples.items() if "message" in name and value == 3}
    assert any(("route", "all") in labels for labels in messages), body.decode()
    assert types["sluice_handshake_seconds"] == "histogram"
    assert samples["sluice_handshake_seconds_bucket", frozenset({("route", "all"), ("le", "+Inf")})] == 1
    assert any(
        value == 1 and "connections" in name and types.get(name) == "gauge" for (name, _), value in samples.items())


def test_health_and_readiness(observed):
    running, _ = observed
    assert running.admin("/healthz")[0] == 200
    assert running.admin("/readyz")[0] == 200


def test_not_ready_when_no_server_is_up(gateway, wire):
    running = gateway(proxied(free_address()))
    wire.request(running)
    assert running.admin("/healthz")[0] == 200
    assert running.admin("/readyz")[0] == 503


def readiness(running):
    status, _, body = running.admin("/readyz")
    return status, body.decode().strip()


def messages(running, message):
    return [entry for entry in running.log() if entry.get("message") == message]


def test_readiness_follows_a_server_that_no_client_has_asked_for(gateway, wire):
    address = free_address()
    running = gateway(proxied(address))
    eventually(lambda: readiness(running) == (503, "no server up"), "503, as the only server does not listen", 5)
    # Meanwhile it is tried again and again, which is no news.
    eventually(lambda: running.stats()["uptime_seconds"] > 3, "time for some more tries")
    assert readiness(running) == (503, "no server up")
    server = running.stats()["upstreams"]["backend"]["servers"][address]
    assert (server["healthy"], server["failures_total"]) == (False, 0), "nobody was refused"
    wire.server(address=("127.0.0.1", int(address.rsplit(":", 1)[1])))
    eventually(lambda: readiness(running)[0] == 200, "200 again, as it listens")
    assert running.stats()["upstreams"]["backend"]["servers"][address]["healthy"] is True
    eventually(lambda: messages(running, "server is up"), "its line in the log")
    for message, level in (("server is down", "warning"), ("server is up", "info")):
        entry, = messages(running, message)
        assert (entry["level"], entry["upstream"], entry["server"]) == (level, "backend", address)


def test_a_server_that_is_late_is_ready_again_after_its_rest(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"response_timeout": "200ms"}))
    eventually(lambda: readiness(running)[0] == 200, "200: it listens")
    assert wire.request(running).status == 504
    assert readiness(running) == (503, "no server up")
    # A connection would be no answer to it: its rest has to be over.
    eventually(lambda: readiness(running)[0] == 200, "200 again without a client", 5)
    shown = running.stats()["upstreams"]["backend"]["servers"][server.address]
    assert (shown["healthy"], shown["failures_total"]) == (False, 1), "it has not answered since"


def test_stats_tell_the_state_of_each_server(gateway, wire):
    active, draining, down, removed = servers = [wire.server() for _ in range(4)]
    config = proxied(*(server.address for server in servers), on_change={"removed": "keep"},
                     upstream={"balance": "round_robin"})
    running = gateway(config)
    clients = []
    for _ in servers:
        client = wire.connect(running).send_upgrade("/")
        server, peer = eventually(lambda: next(
            ((server, peer) for server in servers if (peer := server.accept_now())), None), "a server to be asked")
        peer.read_upgrade()
        peer.accept_upgrade()
        assert client.read_response().status == 101
        clients.append((server, client, wire._keep(peer)))

    def states():
        shown = running.stats()["upstreams"]["backend"]["servers"]
        return {address: server["state"] for address, server in shown.items()}

    assert states() == dict.fromkeys((server.address for server in servers), "active")
    assert running.admin(f"/upstreams/backend/servers/{draining.address}/drain", "POST")[0] == 202

    def change(new):
        listed = new["upstreams"][0]["servers"]
        listed[2]["state"] = "down"
        del listed[3]

    running.reload(edited(config, change))
    expected = {active.address: "active", draining.address: "draining", down.address: "down",
                removed.address: "removed"}
    assert states() == expected
    # The last one is known as long as it has a socket.
    client, peer = next((client, peer) for server, client, peer in clients if server is removed)
    check_kept(client, peer)
    client.send_close(1000)
    peer.expect_close()
    peer.send_close(1000)
    peer.close()
    client.expect_close()
    eventually(lambda: removed.address not in states(), "it to be forgotten with its last socket")
    del expected[removed.address]
    assert states() == expected
    assert running.admin(f"/upstreams/backend/servers/{draining.address}/undrain", "POST")[0] == 202
    assert states()[draining.address] == "active"
    assert running.admin(f"/upstreams/backend/servers/{down.address}/undrain", "POST")[0] == 409
    assert states()[down.address] == "down"


def test_the_token_guards_all_but_health(gateway, backend):
    running = gateway(
        proxied(backend().address, sections={"admin": {"address": "127.0.0.1:0", "token": "${SLUICE_TOKEN}"}}),
        environment={"SLUICE_TOKEN": "s3cret"})
    for path in ("/healthz", "/readyz"):
        assert running.admin(path)[0] == 200
    for path in ("/stats", "/metrics", "/nothing"):
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic s3cret"},
                        {"Authorization": "Bearer s3cret "[:-2]}):
            status, fields, _ = running.admin(path, headers=headers)
            assert status == 401, f"{path} gave {status} for {headers}"
            assert fields["WWW-Authenticate"].startswith("Bearer")
    for path in ("/stats", "/metrics"):
        assert running.admin(path, headers={"Authorization": "Bearer s3cret"})[0] == 200
    assert "s3cret" not in "\n".join(running.output)


def test_a_page_of_another_origin_can_not_drain(observed):
    running, _ = observed
    for origin in ("http://evil.example", "null"):
        status, _, body = running.admin("/drain", "POST", {"Origin": origin, "Content-Type": "text/plain"})
        assert status == 403, f"expected 403 for the origin {origin}, got {status} {body!r}"
    assert running.stats()["draining"] is False
    assert running.admin("/readyz")[0] == 200


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/nothing", 404), ("POST", "/stats", 405), ("DELETE", "/metrics", 405), ("HEAD", "/healthz", 200),
])
def test_other_paths_and_methods(observed, method, path, status):
    running, _ = observed
    assert running.admin(path, method)[0] == status


def test_the_access_log_has_a_line_a_connection(observed, wire):
    running, server = observed
    client = wire.open(running, "/room?secret=1")
    client.send_frame(TEXT, "Hello")
    client.read_message()
    client.send_close(4002)
    client.expect_close()
    running.wait_for_output(lambda line: "4002" in line, "the access log line")
    entry = next(entry for entry in running.log() if "4002" in str(entry))
    assert entry.get("route") == "all"
