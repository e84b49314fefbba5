"""nghttp and h2load of nghttp2, an implementation of HTTP/2 that shares nothing with ours."""

import re
import subprocess

import pytest

from sluice import configuration

LISTENERS = pytest.mark.parametrize("listener", ["plain", "tls"])


@pytest.fixture
def serving(gateway, wire, both_listeners):
    return gateway(configuration(
        {"name": "page", "match": {"path": "/page"}, "respond": {"status": 200, "body": "hello"}},
        {"name": "large", "match": {"path": "/large"}, "respond": {"status": 200, "body": "x" * 50_000}},
        {"name": "ws", "match": {"path": "/ws"}, "upstream": "backend", "http": "off"},
        upstreams=[{"name": "backend", "servers": [{"address": wire.server().address}]}], listeners=both_listeners))


def run(*arguments):
    done = subprocess.run(
        list(map(str, arguments)), stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
        timeout=30)
    assert done.returncode == 0, f"{arguments[0]} ended with {done.returncode}: {done.stdout[-500:]} {done.stderr}"
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)


def url(running, listener, path):
    return running.url(path, listener, "https" if listener == "tls" else "http", "localhost")


def received(output):
    """The frames that nghttp shows as received: type to the lines about them."""
    frames = {}
    for part in re.split(r"\n(?=\[ *\d)", output):
        if match := re.match(r"\[ *[\d.]+\] recv (\w+) frame (.*)", part, re.DOTALL):
            frames.setdefault(match[1], []).append(match[2])
    return frames


@LISTENERS
def test_nghttp_shows_the_settings_and_the_response(serving, listener):
    output = run("nghttp", "--null-out", "--verbose", "--no-verify-peer", url(serving, listener, "/page"))
    frames = received(output)
    announced = frames["SETTINGS"][0]
    assert "SETTINGS_ENABLE_CONNECT_PROTOCOL(0x08):1" in announced, announced
    assert "SETTINGS_MAX_CONCURRENT_STREAMS(0x03):1000" in announced, announced
    assert "SETTINGS_MAX_HEADER_LIST_SIZE(0x06):16384" in announced, announced
    assert any("ACK" in one for one in frames["SETTINGS"]), frames["SETTINGS"]
    assert "WINDOW_UPDATE" in frames, output
    assert re.search(r"recv \(stream_id=\d+\) :status: 200", output), output
    assert re.search(r"recv \(stream_id=\d+\) x-request-id: \w{8}", output), output
    assert "length=5" in frames["DATA"][0] and "END_STREAM" in frames["DATA"][-1], frames["DATA"]
    assert "RST_STREAM" not in frames and "GOAWAY" not in frames, output


@LISTENERS
@pytest.mark.parametrize("path, status", [("/nothing", 404), ("/ws", 426)])
def test_nghttp_shows_a_refusal(serving, listener, path, status):
    output = run("nghttp", "--null-out", "--verbose", "--no-verify-peer", url(serving, listener, path))
    assert re.search(rf"recv \(stream_id=\d+\) :status: {status}", output), output
    assert "GOAWAY" not in received(output), output


def test_nghttp_reads_a_large_body_with_a_small_window(serving):
    output = run("nghttp", "--window-bits=10", "--connection-window-bits=16", url(serving, "plain", "/large"))
    assert output == "x" * 50_000


def test_nghttp_sends_a_body_padding_and_continuations(gateway, tmp_path):
    running = gateway(configuration(
        {"name": "page", "match": {"path": "/page"}, "respond": {"status": 200, "body": "hello"}},
        limits={"max_header_size": "64KiB"}))
    body = tmp_path / "body"
    body.write_bytes(b"b" * 20_000)
    output = run("nghttp", "--padding=100", "--continuation", f"--data={body}", url(running, "plain", "/page"))
    assert output == "hello"


@LISTENERS
def test_h2load_fails_nothing(serving, listener):
    output = run(
        "h2load", "--requests=600", "--clients=6", "--max-concurrent-streams=20", "--threads=1",
        url(serving, listener, "/page"), url(serving, listener, "/large"))
    assert (
        "requests: 600 total, 600 started, 600 done, 600 succeeded, 0 failed, 0 errored, 0 timeout" in output), output
    assert "status codes: 600 2xx" in output, output
    stats = serving.eventually(
        lambda stats: stats["http2"]["client"]["connections"] == 0 and stats["http2"]["client"], "no connection left")
    assert (stats["connections_total"], stats["streams_total"], stats["streams"]) == (6, 600, 0), stats
    assert stats["errors_total"] == {}, stats
