"""An end never overtakes the bytes before it: what a peer says in the packet it leaves with arrives, in every pairing."""

import contextlib
import ssl
import threading

import pytest

from http2_peer import connect
from hurried import ENDINGS, MESSAGE, REASON, HurriedServer, byte_by_byte, in_one_write, in_three_writes, last_words
from raw import CLOSE, TEXT, Ended, close_payload, encode_frame
from sluice import configuration

WRITES = {"one write": in_one_write, "three writes": in_three_writes, "byte by byte": byte_by_byte}
CLIENTS = ["h1", "h1-tls", "h2", "h2-tls"]


@pytest.fixture(scope="module")
def server_tls(site):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(site.certificate, site.private_key)
    return context


@pytest.fixture
def hurried(gateway, wire, both_listeners, authority):
    """`hurried(server)` is a gateway with a listener of each kind before that server."""
    def start(server, **upstream):
        return gateway(configuration(
            {"name": "all", "upstream": "backend"}, listeners=both_listeners,
            upstreams=[{"name": "backend", "retries": 0, "servers": [{"address": server.address}], **upstream}]))
    return start


@pytest.fixture
def clients(stage, wire, trusting, authority):
    """`clients(running, kind)` makes clients of a kind; those over HTTP/2 share a connection."""
    with contextlib.ExitStack() as stack:
        links = {}

        def client(running, kind):
            listener = "tls" if kind.endswith("tls") else "plain"
            if kind.startswith("h1"):
                return wire.connect(running, listener, tls=trusting if listener == "tls" else None)
            if kind not in links:
                tls = None
                if listener == "tls":
                    tls = ssl.create_default_context(cafile=str(authority.file))
                    tls.set_alpn_protocols(["h2"])
                links[kind] = connect(stage, running.addresses[listener], tls)
                stack.callback(links[kind].close)
            return links[kind].stream()

        yield client


def heard(client):
    """What a client gets of the last words."""
    client.send_upgrade()
    response = client.read_response()
    assert response.status in (101, 200), response
    try:
        return client.read_message()[1].decode(), client.expect_close()
    except Ended as end:
        return str(end)
    finally:
        client.close()


def all_heard(make, tries):
    """Every one of so many clients gets the message and the Close."""
    lost = [words for words in (heard(make()) for _ in range(tries)) if words != (MESSAGE, REASON)]
    assert not lost, f"{len(lost)} of {tries} lost something: {lost[0]}"


# A reset throws away what its sender's kernel still holds, and of so many small packets it holds most.
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("writes", "ending"),
    [(writes, ending) for writes in WRITES for ending in ENDINGS if (writes, ending) != ("byte by byte", "reset")])
def test_the_last_words_of_a_server_arrive(hurried, clients, client, ending, writes):
    server = HurriedServer(WRITES[writes], ending)
    with contextlib.closing(server):
        running = hurried(server)
        all_heard(lambda: clients(running, client), 100 if client == "h1" and writes != "byte by byte" else 20)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("ending", ["half", "whole"])
@pytest.mark.parametrize("writes", ["one write", "three writes"])
def test_the_last_words_of_a_server_over_tls_arrive(hurried, clients, server_tls, authority, client, ending, writes):
    server = HurriedServer(WRITES[writes], ending, server_tls)
    with contextlib.closing(server):
        running = hurried(server, tls={"ca": str(authority.file), "server_name": "localhost"})
        all_heard(lambda: clients(running, client), 20)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("ending", ["END_STREAM", "NO_ERROR", "GOAWAY"])
def test_the_last_words_of_a_server_over_http2_arrive(hurried, clients, http2_backend, client, ending):
    server = http2_backend()
    running = hurried(server, protocol="h2")

    def speak(stream):
        stream.answer(200, ends=False)
        stream.queue(b"".join(last_words()), ends=True)
        if ending == "NO_ERROR":
            # RFC 9113 §8.1: it needs nothing more from the client.
            stream.link.h2.reset_stream(stream.number, 0)
        if ending == "GOAWAY":
            stream.link.h2.close_connection(0)
            stream.link.flush()
            stream.link.transport.close()

    server.next(*[speak] * 20)
    all_heard(lambda: clients(running, client), 20)


def test_the_last_words_of_many_servers_arrive_under_load(hurried, clients, wire):
    server = HurriedServer(in_one_write, "whole")
    with contextlib.closing(server):
        running = hurried(server)
        results = []

        def work():
            for _ in range(50):
                results.append(heard(running.connect()))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    lost = [words for words in results if words != (MESSAGE, REASON)]
    assert len(results) == 400 and not lost, f"{len(lost)} of {len(results)} lost something: {lost[:1]}"


# With neither a length nor an orderly end nothing says that a body is whole.
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("framing", "ending"), [("length", "half"), ("length", "whole"), ("length", "reset"), ("end", "half"), ("end", "whole")])
def test_a_refusal_arrives_whole_though_its_server_is_gone(hurried, clients, client, ending, framing):
    body = b"your session has expired\n" * 2000

    def refuse(request):
        length = f"Content-Length: {len(body)}\r\n" if framing == "length" else ""
        return [f"HTTP/1.1 403 Forbidden\r\n{length}Connection: close\r\n\r\n".encode() + body]

    server = HurriedServer(refuse, ending)
    with contextlib.closing(server):
        running = hurried(server)
        for _ in range(20):
            peer = clients(running, client)
            response = peer.send_upgrade().read_response()
            assert (response.status, response.body) == (403, body), f"{len(response.body)} of {len(body)} bytes"
            peer.close()


@pytest.mark.parametrize("client", CLIENTS)
def test_the_last_words_of_a_client_arrive(hurried, clients, wire, client):
    """Its first packet behind the 101 is its last."""
    server = wire.server()
    running = hurried(server)
    for _ in range(20):
        one = clients(running, client)
        one.send_upgrade()
        peer = wire.accept(server)
        peer.accept_upgrade()
        one.read_response()
        one.send(one.frame(TEXT, MESSAGE) + one.frame(CLOSE, close_payload(*REASON)))
        # Over TLS it waits for the other side's close_notify.
        ending = threading.Thread(target=one.finish_sending)
        ending.start()
        assert (peer.read_message()[1].decode(), peer.expect_close()) == (MESSAGE, REASON)
        peer.close()
        ending.join(10)
        one.close()


@pytest.fixture
def slow_pair(hurried, clients, http2_backend):
    """A client over HTTP/2 that grants no window beyond the first, and the server's stream that it asks for."""
    server = http2_backend(echo=False)
    client = clients(hurried(server, protocol="h2"), "h2")
    client.withhold()
    client.send_upgrade()
    return client, server.accept(), server


def leave(stream, how, server):
    """Says nothing more and goes, once the gateway has taken all that was said."""
    server.wait(lambda: not stream.unsent, "everything sent")
    if how == "NO_ERROR":
        stream.link.run(lambda: stream.link.h2.reset_stream(stream.number, 0))
    else:
        stream.link.finish()


@pytest.mark.parametrize("how", ["NO_ERROR", "connection"])
def test_what_a_slow_client_has_not_taken_outlives_the_stream_it_came_on(slow_pair, how):
    client, stream, server = slow_pair
    # The client's window, what may wait to be sent, and most of the server's window.
    text = "x" * 170_000
    stream.accept_upgrade()
    stream.send_soon(encode_frame(TEXT, text) + encode_frame(CLOSE, close_payload(*REASON)))
    stream.finish_sending()
    leave(stream, how, server)
    assert client.read_response().status == 200
    client.grant()
    assert client.read_message()[1].decode() == text
    assert client.expect_close() == REASON


@pytest.mark.parametrize("how", ["NO_ERROR", "connection"])
def test_a_refusal_that_a_slow_client_has_not_taken_outlives_the_stream_it_came_on(slow_pair, how):
    client, stream, server = slow_pair
    body = b"x" * 170_000
    stream.answer(403, body=body)
    leave(stream, how, server)
    client.link.wait(lambda: client._answer, "the head of the refusal")
    client.grant()
    response = client.read_response()
    assert (response.status, len(response.body)) == (403, len(body))
