"""Browsers that load a page over HTTP/2 and open WebSockets on the same connection."""

import contextlib
import json
import signal

import pytest

import browser as chromium
import firefox
from conversation import closings
from hurried import HurriedServer
from sluice import configuration
from test_browser import TALK
from waiting import eventually

BROWSERS = {"chromium": chromium, "firefox": firefox}
PAGE = "<!doctype html><html lang=en><link rel=icon href=data:,><title>A page</title><p>Hello"
# What a page does with several sockets, each by its name.
SOCKETS = """
globalThis.sockets = {};
globalThis.openSocket = (name, path, protocols) => new Promise(done => {
  const socket = sockets[name] = new WebSocket(location.origin.replace('https', 'wss') + path, protocols ?? []);
  socket.closed = new Promise(done => socket.onclose =
    ({ code, reason, wasClean }) => done(JSON.stringify({ code, reason, wasClean })));
  socket.onopen = () => done('open ' + socket.protocol);
  socket.onerror = () => done('failed');
});
globalThis.ask = (name, message) => new Promise(done => {
  sockets[name].onmessage = ({ data }) => done(data);
  sockets[name].send(message);
});
'ready'
"""


@pytest.fixture(scope="module", params=BROWSERS)
def browser(request, tmp_path_factory):
    kind = BROWSERS[request.param]
    if kind.find() is None:
        pytest.fail(f"none of {', '.join(kind.NAMES)} found: run scripts/prerequisites test")
    started = kind.Browser(tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


@pytest.fixture
def site_before(gateway, backend, site):
    """`site_before(…)` starts a gateway with a page at / and an echo server at /echo; `.page` is the page's address."""
    def start(listener=None, **route):
        server = backend(subprotocols=["chat", "superchat"])
        running = gateway(configuration(
            {"name": "page", "match": {"path": "/"},
             "respond": {"status": 200, "body": PAGE, "content_type": "text/html; charset=utf-8"}},
            {"name": "data", "match": {"path": "/data"}, "respond": {"status": 200, "body": "some data"}},
            {"name": "echo", "match": {"path_prefix": "/echo"}, "upstream": "backend", **route},
            upstreams=[{"name": "backend", "servers": [{"address": server.address}]}],
            # What a browser has connected in advance, and never used, would hold the end up for longer.
            drain={"timeout": "500ms", "spread": "0s"},
            listeners=[{"name": "tls", "address": "127.0.0.1:0", "tls": {"certificates": [site.setting]},
                        **(listener or {})}]))
        running.server = server
        running.page = f"https://localhost:{running.port('tls')}/"
        return running

    return start


def load(browser, running):
    browser.open(running.page)
    assert browser.evaluate("document.title") == "A page"
    assert browser.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"
    assert browser.evaluate(SOCKETS) == "ready"
    assert running.stats()["http2"]["client"]["connections"] >= 1


def listed(running, count):
    """The entries of the list of connections, once there are so many."""
    def find():
        status, _, body = running.admin("/connections")
        assert status == 200, f"GET /connections gave {status}: {body!r}"
        found = json.loads(body)
        return found if len(found) == count else None

    return eventually(find, f"{count} connections in the list")


def test_two_sockets_share_the_pages_connection(browser, site_before):
    running = site_before()
    load(browser, running)
    assert browser.evaluate("openSocket('one', '/echo/one')") == "open "
    assert browser.evaluate("openSocket('two', '/echo/two', ['superchat', 'chat'])") == "open superchat"
    for name in ("one", "two"):
        assert browser.evaluate(f"ask('{name}', 'κόσμε 🜁 {name}')") == f"κόσμε 🜁 {name}"
    assert running.stats()["http2"]["client"]["streams"] == 2
    assert running.route("echo")["protocols"]["client"]["h2"] == 2
    entries = listed(running, 2)
    assert {entry["protocol"]["client"] for entry in entries} == {"h2"}
    assert len({entry["client_connection"]["id"] for entry in entries}) == 1
    assert {entry["client_connection"]["streams"] for entry in entries} == {2}
    seen = json.loads(browser.evaluate("ask('one', 'request')"))
    fields = dict((name, value) for name, value in seen["fields"])
    assert seen["path"] == "/echo/one"
    assert (fields["host"], fields["origin"]) == (f"localhost:{running.port('tls')}", running.page.rstrip("/"))
    # The page's own requests go on, on the same connection.
    assert browser.evaluate("fetch('/data').then(answer => answer.text())") == "some data"
    assert browser.evaluate("sockets.one.close(4001, 'enough'), sockets.one.closed") == \
        '{"code":4001,"reason":"enough","wasClean":true}'
    assert browser.evaluate("ask('two', 'still here')") == "still here"
    browser.evaluate("sockets.two.close(4002)")
    running.eventually(lambda stats: stats["routes"]["echo"]["active"] == 0, "both to be over")
    assert running.route("echo")["close_codes"]["client"] == {"4001": 1, "4002": 1}
    assert [entry["client_protocol"] for entry in closings(running, 2)] == ["h2", "h2"]
    assert running.stats()["http2"]["client"]["errors_total"] == {}


def test_text_and_binary(browser, site_before):
    running = site_before()
    load(browser, running)
    result = json.loads(browser.evaluate(
        f"{TALK}; talk({json.dumps(running.page.replace('https', 'wss') + 'echo')})"))
    assert result["equal"] == [True] * 10
    assert result["extensions"].startswith("permessage-deflate")
    assert result["closed"] == {"code": 4000, "reason": "enough", "wasClean": True}
    assert running.stats()["http2"]["client"]["streams_total"] >= 2
    running.eventually(
        lambda stats: stats["routes"]["echo"]["close_codes"]["client"] == {"4000": 1}, "its Close to be counted")
    running.eventually(lambda stats: stats["routes"]["echo"]["active"] == 0, "it to be over")
    assert [entry["client_protocol"] for entry in closings(running, 1)] == ["h2"]


def test_a_close_of_the_server(browser, site_before):
    running = site_before()
    load(browser, running)
    browser.evaluate("openSocket('one', '/echo')")
    browser.evaluate("sockets.one.send('close 4003 because')")
    assert browser.evaluate("sockets.one.closed") == '{"code":4003,"reason":"because","wasClean":true}'


def test_a_drain(browser, site_before):
    running = site_before()
    load(browser, running)
    browser.evaluate("openSocket('one', '/echo')")
    browser.evaluate("openSocket('two', '/echo')")
    running.signal(signal.SIGTERM)
    for name in ("one", "two"):
        assert json.loads(browser.evaluate(f"sockets.{name}.closed")) == {
            "code": 1012, "reason": "restarting", "wasClean": True}
    assert running.wait() == 0


def test_a_refused_socket_harms_no_other(browser, site_before):
    running = site_before(max_connections=1)
    load(browser, running)
    assert browser.evaluate("openSocket('one', '/echo')") == "open "
    assert browser.evaluate("openSocket('two', '/echo')") == "failed"
    assert json.loads(browser.evaluate("sockets.two.closed"))["code"] == 1006
    assert running.stats()["connections"]["rejected_total"] == {"route_max_connections": 1}
    assert browser.evaluate("ask('one', 'still here')") == "still here"


@pytest.mark.parametrize("behind", ["a server with a file", "a fixed response"])
def test_success_of_anything_else_opens_no_socket(browser, gateway, site, wire, behind):
    """RFC 8441 §5: a browser takes any 2xx for the answer to its WebSocket."""
    file = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\n\x81\x05hello"
    server = HurriedServer(lambda request: [file], "whole")
    with contextlib.closing(server):
        running = gateway(configuration(
            {"name": "page", "match": {"path": "/"},
             "respond": {"status": 200, "body": PAGE, "content_type": "text/html; charset=utf-8"}},
            {"name": "file", "match": {"path": "/file"}, **(
                {"upstream": "backend"} if behind == "a server with a file" else {"respond": {"body": "hello"}})},
            upstreams=[{"name": "backend", "servers": [{"address": server.address}]}]
            if behind == "a server with a file" else [],
            drain={"timeout": "500ms", "spread": "0s"},
            listeners=[{"name": "tls", "address": "127.0.0.1:0", "tls": {"certificates": [site.setting]}}]))
        running.page = f"https://localhost:{running.port('tls')}/"
        load(browser, running)
        assert browser.evaluate("openSocket('one', '/file')") == "failed"
        assert json.loads(browser.evaluate("sockets.one.closed"))["code"] == 1006
        assert sum(running.stats()["connections"]["rejected_total"].values()) >= 1


def test_many_sockets_on_one_connection(browser, site_before):
    running = site_before()
    load(browser, running)
    assert browser.evaluate("""
      Promise.all(Array.from({ length: 12 }, async (_, number) => {
        await openSocket(number, '/echo');
        const text = (number + ' ').repeat(10000);
        return await ask(number, text) === text;
      })).then(equal => equal.every(Boolean))""") is True
    assert running.stats()["http2"]["client"]["streams"] == 12
    assert len({entry["client_connection"]["id"] for entry in listed(running, 12)}) == 1
    browser.evaluate("Object.values(sockets).forEach(socket => socket.close())")
    running.eventually(lambda stats: stats["routes"]["echo"]["active"] == 0, "all to be over")
    assert running.route("echo")["close_codes"]["client"] == {"1005": 12}


def test_a_reload_of_the_page_ends_its_sockets(browser, site_before):
    running = site_before()
    load(browser, running)
    browser.evaluate("openSocket('one', '/echo')")
    # A page with such a handler is not kept for the way back, where its sockets would stay open.
    browser.evaluate("addEventListener('unload', () => {})")
    browser.open(running.page + "?again")
    running.eventually(lambda stats: stats["routes"]["echo"]["active"] == 0, "the socket to be over")


def test_the_switch_that_leaves_websockets_to_http1(browser, site_before):
    running = site_before({"websocket_over_http2": False})
    load(browser, running)
    assert browser.evaluate("openSocket('one', '/echo')") == "open "
    assert browser.evaluate("ask('one', 'Hello')") == "Hello"
    entry, = listed(running, 1)
    assert entry["protocol"]["client"] == "http/1.1"
