"""The tests' own HTTP/2 peers, with each other and without a gateway: what they claim to do, they do."""

import h2.events
import pytest
from h2.settings import SettingCodes

from http2_peer import PING, REFUSED_STREAM, SETTINGS, connect, offering_http2
from http2_server import answer, go_away, refuse, tls_context
from raw import BINARY, PONG, TEXT, Ended


@pytest.fixture
def link_to(stage):
    """`link_to(server)` connects to it; closed at the end."""
    links = []

    def open_link(server, **options):
        links.append(connect(stage, server.address, **options))
        return links[-1]

    yield open_link
    for link in links:
        link.close()


@pytest.mark.parametrize("tls", [False, True], ids=["cleartext", "TLS"])
def test_an_echo(http2_backend, link_to, site, authority, tls):
    server = http2_backend(tls=tls_context(site) if tls else None)
    link = link_to(server, tls=offering_http2(authority) if tls else None)
    stream = link.stream().open("/a?b", [("X-A", "1")])
    assert link.settled()[SettingCodes.ENABLE_CONNECT_PROTOCOL] == 1
    for payload in (b"", b"Hello", b"x" * 1_000_000):
        stream.send_frame(TEXT, payload)
        assert stream.read_message()[:2] == (TEXT, payload)
    stream.send_frame(0x9, b"ping")
    assert stream.read_frame().opcode == PONG
    assert server.requests == [("/a?b", [("sec-websocket-version", "13"), ("x-a", "1")])]
    stream.send_close(4000, "enough")
    assert stream.expect_close() == (4000, "enough")
    stream.finish_sending()
    assert stream.expect_end() == "eof"
    assert server.closes == [(4000, "enough")]
    server.wait(lambda: not server.open_streams, "no stream left")
    assert not link.open_streams


def test_answers_and_ends(http2_backend, link_to):
    server = http2_backend()
    server.next(refuse(), answer(401, [("x-a", "1")], b"x" * 100_000))
    link = link_to(server)
    refused = link.stream().send_upgrade()
    with pytest.raises(Ended) as end:
        refused.read_response()
    assert (end.value.how, refused.reset_code) == ("reset", REFUSED_STREAM)
    response = link.stream().send_upgrade().read_response()
    assert (response.status, response.get("x-a"), len(response.body)) == (401, "1", 100_000)
    gone = link.stream().open()
    server.request(2).reset(code=11)
    assert (gone.expect_end(), gone.reset_code) == ("reset", 11)
    cut = link.stream().open()
    server.links[0].reset()
    assert (cut.expect_end(), link.ended) == ("reset", "reset")


def test_go_away_and_streams_that_go_on(http2_backend, link_to):
    server = http2_backend(echo=False)
    link = link_to(server)
    old = link.stream().send_upgrade()
    server.accept().accept_upgrade()
    server.next(go_away)
    link.stream().send_upgrade()
    link.wait(lambda: link.goaways, "GOAWAY")
    assert link.goaways == [(1, 0)]
    server.request(0).send_frame(BINARY, b"still here")
    assert old.read_response().status == 200
    assert old.read_message()[1] == b"still here"


def test_windows_that_are_withheld(http2_backend, link_to):
    server = http2_backend(echo=False)
    link = link_to(server)
    stream = link.stream().send_upgrade()
    peer = server.accept().accept_upgrade()
    peer.withhold()
    stream.send_soon(b"x" * 100_000)
    server.wait(lambda: peer.received == 65_535, "as much as the window allows")
    assert stream.unsent == 100_000 - 65_535
    other = link.stream().send_upgrade()
    other.send(b"y" * 65_535)
    assert server.accept().accept_upgrade().read_exactly(65_535) == b"y" * 65_535
    peer.grant()
    assert peer.read_exactly(100_000) == b"x" * 100_000
    assert stream.unsent == 0


def test_what_is_held_or_never_sent(http2_backend, link_to):
    server = http2_backend(holding=True, unsent=[PING])
    link = link_to(server)
    server.wait(lambda: server.links and server.links[0].frames[SETTINGS], "the client's SETTINGS")
    assert not link.frames
    server.links[0].release()
    link.settled()
    link.run(lambda: link.h2.ping(b"01234567"))
    link.stream().open()
    assert server.links[0].frames[PING] == 1
    assert not link.frames[PING] and not link.count(h2.events.PingAckReceived)
