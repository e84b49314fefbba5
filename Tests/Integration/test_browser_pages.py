"""Chromium and Firefox on a site with pages, events, uploads and sockets: straight, and through the gateway over both
HTTP versions, with two servers behind one route."""

import itertools
import json

import pytest

import browser as chromium
import firefox
from programs import pages
from sluice import Gateway, configuration
from test_browser import TALK
from waiting import eventually

BROWSERS = {"chromium": chromium, "firefox": firefox}
WAYS = ["direct", "http1", "h2"]
SCRIPT = """
globalThis.opened = {};
globalThis.listen = name => new Promise(done => {
  const source = opened[name] = new EventSource('/events?name=' + name);
  source.seen = [];
  source.waiting = [];
  source.onmessage = ({ data, lastEventId }) => {
    const event = { data, id: lastEventId };
    source.waiting.length ? source.waiting.shift()(event) : source.seen.push(event);
  };
  source.onopen = () => done();
});
globalThis.nextEvent = name => opened[name].seen.length
  ? opened[name].seen.shift() : new Promise(done => opened[name].waiting.push(done));
globalThis.post = (path, body) => fetch(path, { method: 'POST', body });
globalThis.digest = async bytes => Array.from(
  new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)), byte => byte.toString(16).padStart(2, '0')).join('');
'ready'
"""
STREAMED = """(async () => {
  let number = 0;
  const body = new ReadableStream({
    async pull(controller) {
      if (++number > 20) return controller.close();
      controller.enqueue(new Uint8Array(50_000).fill(number));
      await new Promise(done => setTimeout(done));
    }
  });
  return (await fetch('/upload', { method: 'POST', body, duplex: 'half' })).json();
})()"""
_numbers = itertools.count()


@pytest.fixture(scope="module")
def servers():
    started = [pages(f"server {number}").begin() for number in range(2)]
    yield [server.wait() for server in started]
    for server in started:
        print(server.output()[-4000:])
        server.stop()


@pytest.fixture(scope="module")
def running(servers, site, tmp_path_factory):
    tls = {"certificates": [site.setting]}
    gateway = Gateway(configuration(
        {"name": "site", "upstream": "site"},
        upstreams=[{"name": "site", "sticky": {"cookie": "sluice_server"},
                    "servers": [{"address": server.address} for server in servers]}],
        drain={"timeout": "500ms", "spread": "0s"},
        listeners=[{"name": "http1", "address": "127.0.0.1:0", "tls": tls, "protocols": ["http/1.1"]},
                   {"name": "h2", "address": "127.0.0.1:0", "tls": tls}]), tmp_path_factory.mktemp("gateway"))
    try:
        yield gateway.start()
        assert gateway.stop() == 0, gateway.tail()
    finally:
        print(gateway.tail(200))
        gateway.kill()


@pytest.fixture(scope="module", params=BROWSERS)
def browser(request, tmp_path_factory):
    kind = BROWSERS[request.param]
    if kind.find() is None:
        pytest.fail(f"none of {', '.join(kind.NAMES)} found: run scripts/prerequisites test")
    started = kind.Browser(tmp_path_factory.mktemp("profile"))
    started.kind = request.param
    yield started
    started.close()


@pytest.fixture(params=WAYS)
def tab(request, browser, servers):
    """A browser on the site's page; what its scripts leave open ends with the test."""
    browser.way = request.param
    if browser.way == "direct":
        browser.site = f"http://localhost:{servers[0].ports[0]}"
    else:
        gateway = request.getfixturevalue("running")
        request.node.gateways = [gateway]  # whose log is shown when the test fails
        browser.site = f"https://localhost:{gateway.port(browser.way)}"
    browser.open(f"{browser.site}/")
    assert browser.evaluate(SCRIPT) == "ready"
    hop = browser.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol")
    assert hop == ("h2" if browser.way == "h2" else "http/1.1")
    browser.name = f"test-{next(_numbers)}"
    yield browser
    browser.evaluate("Object.values(globalThis.opened ?? {}).forEach(one => one.close()), 0")


def value(tab, expression):
    return json.loads(tab.evaluate(f"(async () => JSON.stringify(await ({expression})))()"))


def server_of(tab, servers):
    """The process that the browser's cookie leads to."""
    name = value(tab, "fetch('/state').then(answer => answer.json())")["server"]
    return servers[int(name.removeprefix("server "))]


def test_events_arrive_at_once(tab):
    tab.evaluate(f"listen('{tab.name}')")
    first = value(tab, f"nextEvent('{tab.name}')")
    assert (json.loads(first["data"])["last"], first["id"]) == (None, "1")
    for number in range(5):
        tab.evaluate(f"post('/say?name={tab.name}', 'event {number}').then(answer => answer.status)")
        assert value(tab, f"nextEvent('{tab.name}')") == {"data": f"event {number}", "id": str(number + 2)}
    # That the browser closes it, the server gets to know.
    tab.evaluate(f"opened['{tab.name}'].close(), 0")
    eventually(
        lambda: tab.name not in value(tab, "fetch('/state').then(answer => answer.json())")["streams"],
        "the server's end of the stream to be over")


def test_events_go_on_after_the_server_died(tab, servers):
    tab.evaluate(f"listen('{tab.name}')")
    first = value(tab, f"nextEvent('{tab.name}')")
    server = server_of(tab, servers)
    tab.evaluate(f"post('/say?name={tab.name}', 'before').then(answer => answer.status)")
    assert value(tab, f"nextEvent('{tab.name}')") == {"data": "before", "id": "2"}
    server.kill()
    if tab.way == "direct":
        server.start()
    again = value(tab, f"nextEvent('{tab.name}')")
    assert json.loads(again["data"])["last"] == "2"
    if tab.way != "direct":
        assert json.loads(again["data"])["server"] != json.loads(first["data"])["server"]
    tab.evaluate(f"post('/say?name={tab.name}', 'after').then(answer => answer.status)")
    assert value(tab, f"nextEvent('{tab.name}')") == {"data": "after", "id": "4"}
    if tab.way != "direct":
        server.start()


def test_a_response_that_streams(tab):
    pieces = value(tab, f"""(async () => {{
      const reader = (await fetch('/stream?name={tab.name}')).body.getReader();
      const seen = [];
      for (;;) {{
        const {{ value, done }} = await reader.read();
        if (done) return seen;
        seen.push(new TextDecoder().decode(value));
        await post('/next?name={tab.name}');
      }}
    }})()""")
    assert pieces == [f"piece {number}" for number in range(5)]


def test_a_fetch_that_is_given_up(tab):
    tab.evaluate(f"""(async () => {{
      const controller = new AbortController();
      const answer = await fetch('/stream?name={tab.name}', {{ signal: controller.signal }});
      await answer.body.getReader().read();
      controller.abort();
    }})()""")
    eventually(
        lambda: tab.name not in value(tab, "fetch('/state').then(answer => answer.json())")["steps"],
        "the server to notice")


def test_uploads_and_downloads(tab):
    result = value(tab, """(async () => {
      const bytes = new Uint8Array(5_000_000).map((_, index) => index * 7 & 255);
      const up = await (await post('/upload', new Blob([bytes], { type: 'image/x-test' }))).json();
      const down = await (await fetch('/large?size=8388608')).arrayBuffer();
      return { up, digest: await digest(bytes), length: down.byteLength,
               equal: new Uint8Array(down).every((byte, index) => byte === (index & 255)) };
    })()""")
    assert result["up"] == {"size": 5_000_000, "sha256": result["digest"], "type": "image/x-test"}
    assert (result["length"], result["equal"]) == (8 << 20, True)
    if (tab.kind, tab.way) == ("chromium", "h2"):  # Chromium streams uploads over HTTP/2 alone, Firefox none.
        assert value(tab, STREAMED)["size"] == 1_000_000


def test_forms(tab):
    result = value(tab, """(async () => {
      const form = new FormData();
      form.append('name', 'κόσμε');
      form.append('file', new File([new Uint8Array(200_000)], 'a file.bin'));
      return (await post('/form', form)).json();
    })()""")
    assert result == {"name": "κόσμε", "file": ["a file.bin", 200_000]}
    tab.evaluate(f"""
      document.querySelector('[name=name]').value = '{tab.name}', document.querySelector('form').submit()""")
    shown = f"Hello {tab.name}, your colour is blue; and green"
    eventually(lambda: text(tab) == shown, f"the page to say {shown!r}")
    assert tab.evaluate("location.pathname") == "/home"
    # The session is known to one server alone.
    for _ in range(4):
        assert shown in tab.evaluate("fetch('/home').then(answer => answer.text())")
    assert tab.evaluate("document.cookie.includes('session')") is False


def text(tab):
    try:
        return tab.evaluate("document.body.innerText")
    except AssertionError:  # the page was left meanwhile
        return None


def test_redirects(tab):
    result = value(tab, """(async () => {
      const kept = await post('/moved', 'content that stays');
      return { kept: await kept.json(), redirected: kept.redirected, url: kept.url };
    })()""")
    assert (result["kept"]["size"], result["redirected"]) == (len("content that stays"), True)
    assert result["url"] == f"{tab.site}/upload"


def test_a_websocket(tab):
    url = tab.site.replace("http", "ws") + "/socket"
    result = json.loads(tab.evaluate(f"{TALK}; talk({json.dumps(url)})"))
    assert result["equal"] == [True] * 10
    assert result["closed"]["wasClean"]
    # Events and a WebSocket on one page, of one origin.
    tab.evaluate(f"listen('{tab.name}')")
    assert json.loads(value(tab, f"nextEvent('{tab.name}')")["data"])["last"] is None
    result = json.loads(tab.evaluate(f"{TALK}; talk({json.dumps(url)})"))
    assert result["equal"] == [True] * 10
