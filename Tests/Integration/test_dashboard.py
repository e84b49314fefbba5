"""The dashboard: in Chromium and Firefox, under load, in every state, and for those who see or steer otherwise."""

import json

import pytest

import browser as chromium
import firefox
from backends import BACKENDS
from dashboard import AXE_COLOURS, AXE_OPTIONS, SECTIONS, Crowd, Page
from sluice import Gateway, configuration
from waiting import eventually

CROWD = 300


def two_servers(stage, name):
    return [stage.run(BACKENDS["websockets"](f"{name}-{number}").start(subprotocols=["chat.v1"])) for number in (1, 2)]


@pytest.fixture(scope="module")
def servers(stage):
    started = two_servers(stage, "dashboard")
    yield started
    for server in started:
        stage.run(server.stop())


def config(servers, listeners, **admin):
    return configuration(
        {"name": "chat", "match": {"path_prefix": "/chat"}, "upstream": "rooms", "max_connections": 2000},
        {"name": "news", "match": {"path_prefix": "/news"}, "upstream": "rooms"},
        {"name": "gone", "match": {"path_prefix": "/gone"}, "upstream": "dark"},
        upstreams=[
            {"name": "rooms", "servers": [{"address": server.address} for server in servers]},
            {"name": "dark", "servers": [{"address": "127.0.0.1:1"}], "retries": 0}],
        listeners=listeners, admin={"address": "127.0.0.1:0", **admin}, log={"access": False})


@pytest.fixture(scope="module")
def busy(tmp_path_factory, stage, servers, both_listeners):
    """A gateway with hundreds of WebSockets."""
    running = Gateway(config(servers, both_listeners), tmp_path_factory.mktemp("busy"))
    try:
        running.start()
        crowd = Crowd(stage, running.url("/chat/room"), CROWD)
        running.crowd = crowd
        yield running
        crowd.leave()
        assert running.stop() == 0, running.tail()
    finally:
        running.kill()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if chromium.find() is None:
        pytest.fail(f"no Chromium found; looked for {', '.join(chromium.NAMES)}: run scripts/prerequisites test")
    started = chromium.Browser(tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


@pytest.fixture
def page(busy, browser):
    size(browser, 1280, 900)
    return Page(browser, busy).live()


def size(browser, width, height, mobile=False):
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)


def scheme(browser, name):
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])


@pytest.fixture
def guarded(gateway, servers, both_listeners):
    return gateway(config(servers, both_listeners, token="open-sesame-4711"))


def events(response, count):
    """The first events of a stream: names and data."""
    found = []
    block = {}
    for line in response.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            block[name] = value
        elif block:
            found.append((block["event"], json.loads(block["data"])))
            block = {}
            if len(found) >= count:
                return found
    return found


# The stream


def test_the_stream_tells_what_stats_do(busy, http_client):
    with http_client(f"http://{busy.addresses['admin']}").stream("GET", "/live") as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream"
        assert response.headers["cache-control"] == "no-store"
        told = dict(events(response, 4))
    assert set(told) == {"configuration", "state", "samples", "warnings"}
    stats = busy.stats()
    assert told["state"]["stats"]["connections"]["active"] == stats["connections"]["active"]
    assert told["state"]["readiness"] == "ready"
    assert told["state"]["stats"]["routes"]["chat"]["subprotocols"] == {"chat.v1": CROWD}
    assert len(told["state"]["slow_handshakes"]["chat"]) == 8
    loops = busy.eventually(
        lambda stats: stats["event_loops"] if any(loop["load"] for loop in stats["event_loops"]) else None,
        "a loop to be at work", 15)
    assert sum(loop["active"] for loop in loops) == CROWD and all(0 <= loop["load"] <= 1 for loop in loops)
    assert told["samples"]["interval"] * told["samples"]["capacity"] == 1800
    assert [s["title"] for s in told["configuration"]["sections"]][:3] == ["Listeners", "Routes", "Upstreams"]
    [certificate] = told["configuration"]["certificates"]
    assert certificate["names"] == ["localhost"] and certificate["listener"] == "tls"


def test_streams_are_bounded(busy, http_client):
    clients = [http_client(f"http://{busy.addresses['admin']}") for _ in range(17)]
    streams = [client.stream("GET", "/live") for client in clients]
    try:
        statuses = [stream.__enter__().status_code for stream in streams]
    finally:
        for stream in streams:
            stream.__exit__(None, None, None)
    # Pages of other tests may watch as well.
    assert statuses[0] == 200 and statuses[-1] == 503 and sorted(statuses) == statuses
    eventually(
        lambda: clients[0].get("/stats").status_code == 200 and stream_is_granted(clients[1]), "places to come back")


def stream_is_granted(client):
    with client.stream("GET", "/live") as response:
        return response.status_code == 200


# The list


def test_the_gateway_sorts_searches_and_cuts_the_list(busy):
    def listed(query):
        status, fields, body = busy.admin(f"/connections?{query}")
        assert status == 200
        return json.loads(body), int(fields["X-Total-Count"])

    first, total = listed("limit=50")
    second, _ = listed("limit=50&offset=50")
    assert total == CROWD and len(first) == len(second) == 50
    assert not {row["id"] for row in first} & {row["id"] for row in second}
    assert first[0]["host"] == f"127.0.0.1:{busy.port()}" and first[0]["path"] == "/chat/room"
    ages = [row["age_seconds"] for row in first]
    assert ages == sorted(ages, reverse=True)
    bytes_up = [sum(row["bytes"].values()) for row in listed("sort=bytes&order=asc&limit=300")[0]]
    assert bytes_up == sorted(bytes_up)
    servers = [row["server"] for row in listed("sort=server&limit=300")[0]]
    assert servers == sorted(servers) and len(set(servers)) == 2
    one = first[7]
    assert [row["id"] for row in listed(f"search={one['request_id']}")[0]] == [one["id"]]
    assert one["id"] in [row["id"] for row in listed(f"search={one['id']}&limit=300")[0]]
    assert listed("search=ROOM&limit=1")[1] == CROWD
    assert listed("search=number%3D7") == ([], 0), "queries of clients are no part of it"
    assert listed(f"server={servers[0]}&limit=1")[1] == servers.count(servers[0])
    assert busy.admin("/connections?sort=size")[0] == 400


# The page


def test_the_page_shows_what_the_gateway_does(busy, page):
    page.until(f"document.querySelector('#overview .value').innerText.trim() === '{CROWD}'", f"{CROWD} WebSockets")
    page.until("/[1-9].*\\/s in/.test(document.querySelectorAll('#overview .card')[2].innerText)", "messages a second")
    assert "% " in page.text("#overview .card:nth-child(6) .value"), "expected what compression saved"
    page.until("document.querySelector('#overview .chart .line').getAttribute('d').includes('L')", "a chart", 15)
    page.go("routes")
    assert "chat" in page.text("#routes tbody tr") and "2,000" in page.text("#routes tbody tr")
    page.click("#routes tbody button", "chat")
    page.until("document.querySelector('dialog').innerText.includes('chat.v1')", "the route's subprotocols")
    assert "Slowest handshakes" in page.text("dialog")
    page.click("dialog .top button")
    assert page.evaluate("document.activeElement.textContent") == "chat", "expected the focus to come back"


def test_no_script_or_style_but_the_pages_own(page):
    assert page.evaluate("""
      new Promise(done => {
        document.addEventListener('securitypolicyviolation', event => done(event.effectiveDirective), { once: true });
        const script = document.createElement('style');
        script.textContent = 'body { color: red }';
        document.head.append(script);
        setTimeout(() => done('none'), 3000);
      })""") == "style-src-elem"
    seen = [message for message in page.browser.messages if "Content Security Policy" in message]
    assert len(seen) <= 1, seen


def test_connections_are_searched_sorted_and_closed(busy, page):
    page.go("connections")
    page.until("document.querySelectorAll('#connections tbody tr').length === 50", "a page of 50")
    assert f"1 to 50 of {CROWD}" in page.text("#connections .pages")
    page.click("#connections .pages button", "Next")
    page.until("document.querySelector('#connections .pages p').innerText.startsWith('51 to')", "the second page")
    page.click("#connections th button", "Bytes")
    page.until("document.querySelectorAll('#connections th[aria-sort=descending]').length === 1", "it to be sorted")
    [row] = json.loads(busy.admin("/connections?limit=1")[2])
    page.fill("#connections input[type=search]", row["request_id"])
    page.until("document.querySelectorAll('#connections tbody tr').length === 1", "the one that is searched for")
    page.click("#connections tbody button")
    page.until("document.querySelector('dialog dl').innerText.includes('/chat/room')", "its detail")
    # What is typed, and where, outlives what the page refreshes.
    page.fill("dialog form input:not([list])", "too loud")
    page.until(
        "document.querySelector('dialog dl').innerText.includes('messages/s') &&"
        " document.activeElement.value === 'too loud'", "rates, and the focus where it was", 15)
    page.fill("dialog form input[list]", "4001")
    page.click("dialog form button")
    eventually(lambda: (4001, "too loud") in busy.crowd.closed, "the client to get the Close")
    page.until("document.querySelector('#connections .empty').innerText === 'No WebSocket matches.'", "it to be gone")


def test_a_server_is_drained_and_taken_back(busy, page, servers):
    page.go("upstreams")
    address = servers[0].address
    page.click("#upstreams tbody button", address)
    page.fill("dialog input[type=number]", "5")
    page.click("dialog form button")
    page.until("document.getElementById('operations').innerText.includes('Closes sent')", "the drain under way")
    page.until("document.querySelector('#upstreams').innerText.includes('draining')", "the server's badge")
    page.click("dialog button", "Undrain")
    eventually(
        lambda: busy.stats()["upstreams"]["rooms"]["servers"][address]["state"] == "active", "the server to be back")
    page.until("document.getElementById('operations').hidden", "the drain to end")


def test_a_reload_shows_what_it_changes_first(busy, page):
    changed = json.loads(json.dumps(busy.config))
    changed["routes"][1]["max_connections"] = 7
    busy.rewrite(changed)
    page.click("#reload")
    page.until("document.querySelector('dialog').innerText.includes('1 changed (news)')", "what would change")
    assert busy.stats()["configuration"]["reloads_total"]["applied"] == 0
    page.click("dialog button", "Reload now")
    eventually(lambda: busy.stats()["configuration"]["reloads_total"]["applied"] == 1, "the reload")
    page.go("configuration")
    page.until("[...document.querySelectorAll('#configuration dd')].some(dd => dd.textContent === '7')", "the new cap")

    busy.rewrite("listeners: nonsense")
    page.click("#reload")
    page.until("document.querySelector('dialog pre')?.innerText.includes('error:')", "why the file can't be used")
    assert page.evaluate("[...document.querySelectorAll('dialog button')].at(-1).disabled")
    busy.reload(status=400)
    page.until("!document.getElementById('banner').hidden", "the banner")
    assert "refused" in page.text("#banner")
    page.click("dialog .top button")
    page.go("log")
    page.until("document.getElementById('log').innerText.includes('configuration refused')", "the log's line")
    busy.reload(changed)


# For everybody


@pytest.mark.parametrize("theme, options", [("light", AXE_OPTIONS), ("dark", AXE_COLOURS)])
def test_axe_finds_nothing(busy, browser, theme, options):
    size(browser, 1280, 900)
    scheme(browser, theme)
    page = Page(browser, busy).live()
    found = {}
    for section in SECTIONS:
        page.go(section)
        if section == "connections":
            # A few rows will do: they are all alike.
            [row] = json.loads(busy.admin("/connections?limit=1")[2])
            page.fill("#connections input[type=search]", row["request_id"])
            page.until("document.querySelectorAll('#connections tbody tr').length === 1", "the list")
        found[section] = page.violations(options)
        button = {"routes": "chat", "upstreams": None, "connections": None}.get(section, "")
        if button != "":
            page.click(f"#{section} tbody button", button)
            found[f"a dialog of {section}"] = page.violations(options)
            page.click("dialog .top button")
    page.click("#drain")
    found["the drain"] = page.violations(options)
    page.click("dialog .top button")
    assert not any(found.values()), {name: list_ for name, list_ in found.items() if list_}


def test_the_switch_of_the_theme_stays(busy, browser):
    scheme(browser, "light")
    page = Page(browser, busy).live()
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.fill("#theme", "dark")
    dark = page.evaluate(background)
    assert dark != light
    again = Page(browser, busy).live()
    assert again.evaluate(background) == dark
    again.fill("#theme", "auto")
    assert again.evaluate(background) == light


def test_a_phone_scrolls_in_one_direction(busy, browser):
    size(browser, 375, 740, mobile=True)
    page = Page(browser, busy).live()
    for section in SECTIONS:
        page.go(section)
        width = page.evaluate("document.scrollingElement.scrollWidth")
        assert width <= 375, f"{section} is {width} wide"
    size(browser, 1280, 900)


def test_the_keyboard_reaches_everything(page):
    def press(key, code):
        for kind in ("keyDown", "keyUp"):
            page.browser.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    seen = []
    for _ in range(12):
        press("Tab", 9)
        seen.append(page.evaluate("document.activeElement.innerText || document.activeElement.id"))
    assert seen[0] == "Skip to content" and "Reload…" in seen and "Routes" in seen, seen
    page.click("#drain")
    page.until("document.querySelector('dialog')?.open", "the dialog")
    press("Escape", 27)
    page.until("!document.querySelector('dialog')", "Escape to close it")
    assert page.evaluate("document.activeElement.id") == "drain"


def test_firefox_shows_it_too(busy, tmp_path):
    if firefox.find() is None:
        pytest.fail(f"no Firefox found; looked for {', '.join(firefox.NAMES)}: run scripts/prerequisites test")
    started = firefox.Browser(tmp_path)
    try:
        page = Page(started, busy, "connections").live()
        page.until("document.querySelectorAll('#connections tbody tr').length === 50", "a page of 50")
        page.click("#connections tbody button")
        page.until("document.querySelector('dialog')?.innerText.includes('/chat/room') ?? false", "a detail")
    finally:
        started.close()


# Every state


def test_an_idle_gateway_says_so(gateway, servers, both_listeners, browser):
    running = gateway(config(servers, both_listeners))
    page = Page(browser, running).live()
    assert "The gateway has refused no client." in page.text("#overview")
    assert "No WebSocket has ended yet." in page.text("#overview")
    page.go("connections")
    page.until("document.querySelector('#connections .empty').innerText === 'No WebSocket is open.'", "the empty list")
    page.go("log")
    assert "No warnings" in page.text("#log") or "server is down" in page.text("#log")
    assert page.violations() == []


def test_a_gateway_that_is_gone_comes_back(gateway, servers, both_listeners, browser):
    running = gateway(config(servers, both_listeners))
    page = Page(browser, running).live()
    running.kill()
    page.until("document.querySelector('#status .badge').textContent === 'No answer'", "the page to notice", 15)
    assert "has not answered since" in page.text("#banner")
    assert page.evaluate("document.getElementById('reload').disabled")
    assert page.violations() == []
    again = json.loads(json.dumps(running.config))
    again["admin"]["address"] = running.addresses["admin"]
    gateway(again)
    page.live()
    assert page.evaluate("document.getElementById('banner').hidden")


def test_the_token_opens_the_page_and_logging_out_closes_it(guarded, browser, http_client):
    page = Page(browser, guarded)
    page.until("document.querySelector('form[action=\"/login\"]')", "the form")
    assert page.violations() == []
    page.evaluate("document.getElementById('token').value = 'wrong'; document.forms[0].submit(); 0")
    page.until("document.querySelector('.problem')?.innerText ?? ''", "what is wrong")
    assert page.violations() == []
    page.evaluate("document.getElementById('token').value = 'open-sesame-4711'; document.forms[0].submit(); 0")
    page.live()
    assert page.evaluate("document.cookie") == "", "expected a cookie that scripts don't see"
    [cookie] = [c for c in browser.call("Network.getCookies", urls=[page.origin])["cookies"]]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["secure"]) == (True, "Strict", False)
    assert "sesame" not in cookie["value"]
    assert "open-sesame" not in page.evaluate("document.documentElement.outerHTML")
    page.go("configuration")
    assert "••••" in page.text("#configuration")
    page.click("#logout button")
    page.until("document.querySelector('form[action=\"/login\"]')", "the form again")
    client = http_client(page.origin)
    old = {"Cookie": f"{cookie['name']}={cookie['value']}"}
    assert client.get("/stats", headers=old).status_code == 401
    assert client.get("/stats", headers={"Authorization": "Bearer open-sesame-4711"}).status_code == 200
    assert "open-sesame" not in "\n".join(guarded.output)


def test_another_token_ends_the_session(guarded, browser):
    page = Page(browser, guarded)
    page.evaluate("document.getElementById('token').value = 'open-sesame-4711'; document.forms[0].submit(); 0")
    page.live()
    changed = json.loads(json.dumps(guarded.config))
    changed["admin"]["token"] = "another-token-0815"
    guarded.reload(changed, headers={"Authorization": "Bearer open-sesame-4711"})
    page.until("document.querySelector('#status .badge').textContent === 'Logged out'", "the page to notice")
    assert "Log in again" in page.text("#banner")
    assert page.violations() == []
