"""What the statistics and the log say of plain requests."""

import pytest

from http_pairs import Reply, each_pair, exchanges, in_flight, origin, pair  # noqa: F401
from sluice import proxied
from strict_http1 import StrictReader
from waiting import eventually


def requests_of(running):
    return running.route()["requests"]


def line_of(running, path):
    """The access line of the request for `path`."""
    def found():
        return next((entry for entry in running.log()
                     if entry.get("message") == "request served" and entry.get("path") == path), None)
    return eventually(found, f"an access line of {path}")


@each_pair
def test_requests_are_counted_by_status_with_their_bytes_and_times(pair, versions):  # noqa: F811
    client, running, _ = pair(versions, lambda request: Reply(b"x" * 1000, int(request.target[1:])))
    for status in (200, 201, 304, 404, 500, 200):
        client.exchange("POST", f"/{status}", body=b"y" * 100)
    requests = eventually(
        lambda: (now := requests_of(running))["total"] == 6 and now["active"] == 0 and now, "6 requests")
    statuses = {name: count for name, count in requests["statuses"].items() if count}
    assert statuses == {"2xx": 3, "3xx": 1, "4xx": 1, "5xx": 1}
    assert requests["max_requests"] == 0
    # Content; heads may be counted, too.
    assert 600 <= requests["bytes"]["from_client"] <= 6 * 1000
    assert 5000 <= requests["bytes"]["to_client"] <= 5000 + 6 * 1000
    seconds = requests["seconds"]
    assert seconds["count"] == 6
    assert 0 < seconds["sum"] < 60 and 0 <= seconds["p50"] <= seconds["p99"]
    buckets = seconds["buckets"]
    assert buckets["+Inf"] == 6
    bounds = sorted((float(bound), count) for bound, count in buckets.items() if bound != "+Inf")
    assert [count for _, count in bounds] == sorted(count for _, count in bounds), "buckets are not cumulative"
    assert running.route()["accepted_total"] == 0, "a request is no WebSocket"


def test_counters_move_while_a_request_lives(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address))
    client = wire.connect(running)
    client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    peer = wire.accept(server)
    StrictReader(peer).read_request()
    in_flight(running, 1)
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 100_000)
    client.read_through(b"\r\n\r\n")
    client.read_exactly(100_000)
    eventually(lambda: requests_of(running)["bytes"]["to_client"] >= 100_000, "its bytes to be counted")
    assert list(running.stats()["upstreams"]["backend"]["servers"].values())[0]["active"] == 1
    peer.send(b"x" * 100_000)
    client.read_exactly(100_000)
    in_flight(running, 0)
    assert list(running.stats()["upstreams"]["backend"]["servers"].values())[0]["active"] == 0


@each_pair
def test_each_request_has_its_line(pair, versions):  # noqa: F811
    client, running, server = pair(versions, lambda request: Reply(b"hello", 404))
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    client.exchange(
        "PUT", "/a/b?secret=x", fields=[("traceparent", f"00-{trace}-00f067aa0ba902b7-01")], body=b"x" * 50)
    line = eventually(
        lambda: next((entry for entry in running.log() if entry.get("message") == "request served"), None),
        "an access line")
    assert (line["listener"], line["route"], line["server"]) == ("plain", "all", server.address)
    assert (line["method"], str(line["status"]), line["outcome"]) == ("PUT", "404", "complete")
    assert line["path"].startswith("/a/b")
    assert line["client"].startswith("127.0.0.1")
    assert line["host"].startswith("localhost")
    protocols = {"h1": ("http/1.1", "HTTP/1.1"), "h2": ("h2", "HTTP/2")}
    assert line["client_protocol"] in protocols[versions[0]]
    assert line["server_protocol"] in protocols[versions[1]]
    assert float(line["duration_seconds"]) >= 0
    assert int(line["bytes_from_client"]) >= 50 and int(line["bytes_to_client"]) >= 5
    assert line["request_id"] == server.requests[-1].get("x-request-id")
    assert line["trace_id"] == trace


@pytest.mark.parametrize("outcome", ["client_aborted", "server_aborted", "timeout"])
def test_how_a_request_ended_is_in_its_line(gateway, wire, outcome):
    server = wire.server()
    running = gateway(proxied(server.address, upstream={"retries": 0}, idle_timeout="500ms"))
    client = wire.connect(running)
    client.send(b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
    peer = wire.accept(server)
    StrictReader(peer).read_request()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
    client.read_through(b"\r\n\r\nhello")
    if outcome == "client_aborted":
        client.reset()
    elif outcome == "server_aborted":
        peer.reset()
    line = line_of(running, "/x")
    assert line["outcome"] == outcome, line
    in_flight(running, 0)


def test_websockets_have_no_such_line(gateway, backend, connect):
    running = gateway(proxied(backend().address))
    with connect(running.url()) as socket:
        socket.send("hello")
        assert socket.recv() == "hello"
    running.eventually(lambda stats: stats["connections"]["active"] == 0, "no connection")
    assert not [entry for entry in running.log() if entry.get("message") == "request served"]
    assert requests_of(running)["total"] == 0


def test_the_metrics_have_the_same(pair):  # noqa: F811
    client, running, _ = pair(("h1", "h1"), lambda request: Reply(b"hello"))
    for _ in range(3):
        client.exchange()
    eventually(lambda: requests_of(running)["total"] == 3, "3 requests")
    text = running.admin("/metrics")[2].decode()
    lines = [line for line in text.splitlines() if 'route="all"' in line and line.endswith(" 3")]
    for name in ("sluice_requests_total{", "sluice_request_seconds_count{"):
        assert any(line.startswith(name) for line in lines), lines
    assert any(line.startswith("sluice_request_seconds_bucket{") and 'le="+Inf"' in line for line in lines), lines
    assert any(line.startswith("sluice_responses_total{") and "2xx" in line for line in lines), lines


def test_refusals_are_counted_by_their_reason(gateway, wire):
    server = wire.server()
    running = gateway(proxied(server.address, max_body_size=10))
    client = wire.connect(running)
    client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\n")
    assert StrictReader(client).read_final().status == 413
    rejected = running.stats()["connections"]["rejected_total"]
    assert sum(rejected.values()) == 1, rejected
