"""Plain requests over HTTP/2 where it is about the streams themselves: how they end, when they are tried again, and
connections to servers that have HTTP/2, but no WebSockets over it."""

import signal

import pytest
from h2.errors import ErrorCodes

from http2_client import INITIAL_WINDOW, NO_ERROR
from http2_server import answer, refuse, secured
from test_http2_back import check_echo, over_http2
from test_http2_openings import COUNT, LOOPS, automatic, doorman  # noqa: F401
from test_refusals import check_refusal

DATA = 0x0


# Servers without WebSockets over HTTP/2

def test_auto_has_pages_over_http2_and_websockets_over_http1(
        gateway, backend, http2_backend, doorman, wire):  # noqa: F811
    over_http1, over_2 = backend(), http2_backend(extended_connect=False)
    over_2.next(*[answer(200, body=b"a page")] * COUNT)
    running = gateway(automatic(doorman(over_http1, over_2).address))
    for _ in range(COUNT):
        check_echo(wire.open(running))
        client = wire.http2(running)
        response = client.request("/page")
        assert (response.status, response.body) == (200, b"a page")
    assert (len(over_http1.requests), len(over_2.streams)) == (COUNT, COUNT)
    assert len(over_2.links) <= LOOPS, f"expected one connection a loop, got {len(over_2.links)}"
    assert len(over_2.open_links) == len(over_2.links), "a connection was closed that pages can use"


def test_a_server_without_extended_connect_answers_pages_beside_the_refusal(gateway, http2_backend, wire):
    server = http2_backend(extended_connect=False)
    server.next(answer(200, body=b"a page"))
    running = gateway(over_http2(server))
    client = wire.http2(running)
    assert client.refused("/socket").status == 502
    assert client.request("/page").body == b"a page"
    assert len(server.links) == 1


def test_auto_has_pages_over_http1_where_there_is_no_http2(gateway, wire, backend, doorman):  # noqa: F811
    server = backend()
    door = doorman(server)
    running = gateway(automatic(door.address))
    for _ in range(COUNT):
        client = wire.http2(running)
        assert client.request("/page").status == 426  # the echo server's own
    assert 1 <= door.seen["h2"] <= LOOPS, f"HTTP/2 was tried {door.seen['h2']} times"


# What is tried again

class Refusing:
    """Refuses the stream when the first of the content has come."""

    def __init__(self, stream):
        self.stream = stream

    def data_received(self, data):
        self.stream.reset(ErrorCodes.REFUSED_STREAM)

    def input_ended(self):
        pass


def refuse_content(stream):
    stream.echo = Refusing(stream)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_stream_that_the_server_refuses_is_asked_for_again(gateway, http2_backend, wire, method):
    server = http2_backend()
    server.next(refuse(), answer(200, body=b"the second time"))
    running = gateway(over_http2(server))
    assert wire.http2(running).request("/", method=method).body == b"the second time"
    assert len(server.streams) == 2


def test_content_that_has_gone_is_not_made_up(gateway, http2_backend, wire):
    server = http2_backend()
    server.next(refuse_content, answer(200))
    running = gateway(over_http2(server))
    client = wire.http2(running)
    check_refusal(client.request("/", method="POST", body=b"once"), 503)
    assert len(server.streams) == 1
    counted, = running.stats()["upstreams"]["backend"]["servers"].values()
    assert counted["healthy"], "a refused stream is no failure"


def test_a_connection_that_breaks_before_the_answer_is_replaced(gateway, http2_backend, wire):
    server = http2_backend()
    server.next(answer(200), lambda stream: stream.link.transport.abort(), answer(200, body=b"on another connection"))
    running = gateway(over_http2(server))
    client = wire.http2(running)
    assert client.request("/").status == 200
    assert client.request("/").body == b"on another connection"
    assert len(server.links) == 2


# Ends

@pytest.mark.parametrize("status", [204, 304, 404])
def test_an_answer_without_content_is_one_frame(gateway, http2_backend, http2_link, status):
    server = http2_backend()
    server.next(answer(status))
    running = gateway(over_http2(server))
    link = http2_link(running)
    stream = link.stream()

    def ask():
        stream.number = link.h2.get_next_available_stream_id()
        link.streams[stream.number] = stream
        link.h2.send_headers(stream.number, [
            (":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "localhost")], end_stream=True)
        stream.queue(ends=False)

    link.run(ask)
    link.wait(lambda: stream._input, "the end of the stream")
    assert stream._answer.start_line == f"HTTP/2 {status}"
    assert link.frames[DATA] == 0, "END_STREAM came on a frame of its own"


def test_behind_a_whole_answer_the_rest_of_the_request_is_not_wanted(gateway, http2_backend, wire):
    server = http2_backend()
    server.next(answer(413, body=b"too much"))
    running = gateway(over_http2(server))
    client = wire.http2(running)
    stream = client.start(client.pseudo("POST"))
    client.send(stream, b"some of it")
    response = client.whole(stream)
    assert (response.status, response.body) == (413, b"too much")
    client.wait(lambda: stream.reset is not None, "RST_STREAM behind the answer")
    assert stream.reset == NO_ERROR
    upstream = server.request(0)
    server.wait(lambda: upstream.is_over, "the end of the request at the server")


@pytest.mark.parametrize("over_tls", [False, True], ids=["cleartext", "TLS"])
def test_a_drain_waits_for_a_slow_reader_of_an_answer_that_is_whole(
        gateway, http2_backend, wire, authority, site, over_tls):
    context, trust = secured(authority, site) if over_tls else (None, None)
    server = http2_backend(tls=context)
    body = bytes(range(256)) * 200  # the gateway holds less than 64 KiB without asking anybody to wait
    server.next(answer(200, body=body))
    config = over_http2(server, upstream={"tls": trust} if over_tls else {})
    config["drain"] = {"timeout": "20s", "spread": "0s"}
    running = gateway(config)
    client = wire.http2(running, settings={INITIAL_WINDOW: 1000})
    stream = client.start(client.pseudo(), end=True)
    stream.held = True
    client.wait(lambda: stream.received == 1000, "as much as the window takes")
    server.wait(lambda: server.request(0).is_over, "the end of the server's answer")
    running.eventually(lambda stats: sum(
        route["requests"]["active"] for route in stats["routes"].values()) == 0, "the request to be over")
    running.signal(signal.SIGTERM)
    client.wait(lambda: client.goaways, "GOAWAY")
    client.read_what_comes(0.3)
    assert not stream.is_over
    client.release(stream)
    while not stream.is_over:
        client.wait(lambda before=stream.received: stream.received > before or stream.is_over, "more of the answer")
    assert stream.has_ended and bytes(stream.data) == body
    client.close()
    assert running.wait() == 0
