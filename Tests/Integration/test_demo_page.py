"""The page of `sluice demo` in Chromium: with a mouse, with a keyboard alone, on a phone, and in every state."""

import json
import re

import pytest

import firefox
from dashboard import AXE_COLOURS, AXE_OPTIONS
from demo import DemoPage
from waiting import eventually

WIDE = (1440, 900)
PANELS = ("page", "web-worker")
FRAME = "document.querySelector('#beside iframe')?.contentDocument?.querySelector('#status .badge')?.textContent"


@pytest.fixture
def page(demo, browser):
    size(browser, *WIDE)
    return DemoPage(browser, demo).live()


def size(browser, width, height, mobile=False):
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)


def scheme(browser, name):
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])


def connect(page, endpoint="/echo", title="page"):
    page.choose(endpoint, title)
    page.click(page.panel("connect", "button", title))
    page.becomes("open", title)


def is_visible(page, selector):
    return page.evaluate(f"document.querySelector({json.dumps(selector)}).checkVisibility()")


# Talking


def test_the_focus_stays_where_it_is(page):
    connect(page)
    focused = f"document.activeElement === document.querySelector({json.dumps(page.panel('connect', 'button'))})"
    assert page.evaluate(focused), "expected the focus on the button that was pressed"
    assert page.text(page.panel("connect", "button")) == "Disconnect"
    page.press("Enter", 13, "\r")
    page.becomes("closed")
    assert page.evaluate(focused)
    assert "Closed with 1000" in page.text(page.panel("words", "field"))


def test_the_keyboard_alone_opens_and_talks(page):
    page.evaluate(f"document.querySelector({json.dumps(page.endpoint('/echo'))}).focus(); 0")
    for _ in range(2):
        page.press("Tab", 9)
    assert page.evaluate("document.activeElement.dataset.button") == "connect"
    page.press("Enter", 13, "\r")
    page.becomes("open")
    page.press("Tab", 9)
    assert page.evaluate("document.activeElement.dataset.input") == "text"
    page.press("Enter", 13, "\r")
    page.until("document.querySelector('.panel [role=log]').innerText.includes('received text, 25 bytes')", "the echo")
    assert page.evaluate("document.activeElement.dataset.input") == "text"


def test_a_button_that_can_not_work_says_why_and_stays_focusable(page):
    page.click(page.panel("text", "button"))
    assert "Connect first" in page.text(".panel [role=log]")
    assert page.evaluate("document.activeElement.dataset.button") == "text"


def test_the_log_is_a_list_inside_of_a_log(page):
    for log in ("'.panel [role=log]'", "'#drain-title ~ [role=log]'"):
        assert page.evaluate(f"document.querySelector({log}).tagName") == "DIV"
        assert page.evaluate(f"document.querySelector({log}).firstElementChild.tagName") == "OL"
    connect(page)
    page.until("Boolean(document.querySelector('.panel [role=log] ol > li > time'))", "an entry")


def test_the_chat_takes_text_and_tells_guests_apart(page):
    for title in PANELS:
        connect(page, "/chat", title)
    names = []
    for title in PANELS:
        page.shows("words", "You are guest-", title)
        names.append(re.search("guest-[0-9]+", page.text(page.panel("words", "field", title))).group())
    assert names[0] != names[1]
    for title in PANELS:
        assert not is_visible(page, page.panel("binary", "form", title)), "expected no bytes for a chat"
    page.fill(page.panel("text", "input"), "good <b>morning</b>")
    page.click(page.panel("text", "button"))
    other = "document.querySelectorAll('.panel [role=log]')[1].innerText"
    page.until(f"{other}.includes('good <b>morning</b>')", "the line on the other side")
    assert f"{names[0]}: good" in page.evaluate(other)
    assert f"{names[0]} (you): good" in page.text(".panel [role=log]")
    assert "{" not in page.text(".panel [role=log]"), "expected lines of people, not JSON"
    page.choose("/echo")
    page.shows("url", "/echo")
    page.becomes("open")
    assert is_visible(page, page.panel("binary", "form"))


# Rules


@pytest.mark.parametrize("rule, close, counted, why", [
    ("size", "1009", "1009 by the gateway", "after decompression"),
    ("ratio", "1009", "1009 by the gateway", "piece by piece"),
    ("idle", "1001", "1001 by the gateway", "The idle timeout was over"),
    ("text", "1001", "1007 by the gateway", "it gets 1007"),
    ("frame", "1001", "1002 by the gateway", "it gets 1002"),
    ("end", "1011", "1006 by the server", "the message has no end"),
])
def test_a_rule_is_broken_on_purpose(page, rule, close, counted, why):
    page.click(f"[data-rule={rule}]")
    page.until(f"document.querySelector('[data-result={rule}]').textContent.includes('The browser got')", "a Close", 20)
    said = page.text(f"[data-result={rule}]")
    assert f"The browser got {close}, “" in said and why in said, said
    page.until(f"document.querySelector('[data-count={rule}]').textContent !== ''", "the gateway's own count", 12)
    assert page.text(f"[data-count={rule}]") == f"The statistics count this end as {counted}."
    assert page.evaluate("document.activeElement.dataset.rule") == rule


def test_a_cap_is_hit(page):
    page.click("[data-rule=connections]")
    result = "document.querySelector('[data-result=connections]').textContent"
    page.until(f"{result}.includes('3 of 6 opened')", "the cap", 20)
    said = page.text("[data-result=connections]")
    assert "the gateway refused 3" in said and "503" in said, said
    count = "document.querySelector('[data-count=connections]').textContent"
    page.until(f"{count} === 'The statistics have 3 more of route_max_connections_per_ip.'", "the gateway's own count")
    page.until("document.querySelector('[data-figure=refused]').textContent >= '3'", "the figure on top")


def test_compression_is_compared(demo, page):
    savings = {}
    for sample in ("json", "log", "random"):
        page.fill("#sample", sample)
        page.click("#compression button")
        page.until("document.getElementById('compression-words').textContent.includes('became')", "figures", 20)
        rows = page.evaluate(
            "[...document.querySelectorAll('#compression ~ .scroll tbody tr')].map(row => row.innerText)")
        assert len(rows) == 2 and all("80.0 KiB" in row for row in rows), rows
        assert "nothing" in rows[1], rows
        savings[sample] = int(re.search(r"([0-9]+) % less", page.text("#compression-words")).group(1))
        page.evaluate("document.getElementById('compression-words').textContent = ''; 0")
    # 64 letters in random order hold 6 bits in each byte, and no more can be saved of them than a quarter.
    assert savings["json"] >= 80 and savings["log"] >= 60 and 15 <= savings["random"] <= 25, savings
    route = demo.stats()["routes"]["compression-on"]
    assert route["compression"]["messages_compressed"] >= 15 and route["active"] == 0


# Servers


def server_of_sockets(page):
    return page.evaluate(
        "[...document.querySelectorAll('#sockets li')].map(place => place.dataset.server ?? '').join()").split(",")


def test_a_drain_moves_the_sockets(demo, page):
    page.click("#fleet button")
    eventually(lambda: all(server_of_sockets(page)), "eight WebSockets")
    moving = server_of_sockets(page).count("1")
    assert 3 <= moving <= 5, server_of_sockets(page)
    assert page.text("#fleet button") == "Close the 8 WebSockets"
    page.click("button[data-server='1']")
    eventually(lambda: server_of_sockets(page) == ["2"] * 8, "all of them on the second server")
    moves = page.text("#drain-title ~ [role=log]")
    assert moves.count("left server 1: 1012, “server draining”") == moving, moves
    assert moves.count("is back on server 2") == moving, moves
    page.until("document.querySelector('.server .badge').textContent === 'drained'", "the first server's state")
    assert page.evaluate("document.activeElement.dataset.server") == "1", "expected the focus on the button"
    assert page.text(".server .count") == "0 WebSockets"
    active = [server["active"] for server in demo.stats()["upstreams"]["backend"]["servers"].values()]
    assert sorted(active) == [0, 8]
    assert page.text("button[data-server='1']") == "Bring server 1 back"
    page.click("button[data-server='1']")
    page.until("document.querySelector('.server .badge').textContent === 'up'", "the first server to be back")
    page.click("#fleet button")
    demo.eventually(lambda stats: stats["routes"]["server"]["active"] == 0, "the WebSockets to be closed")


def test_a_panel_follows_a_drain(demo, page):
    connect(page)
    servers = demo.stats()["upstreams"]["backend"]["servers"]
    [address] = [address for address, server in servers.items() if server["active"]]
    path = f"/upstreams/backend/servers/{address.replace(':', '%3A')}"
    assert demo.admin(f"{path}/drain", "POST")[0] == 202
    try:
        page.until("document.querySelector('.panel [role=log]').innerText.includes('closed: 1012')", "the Close", 15)
        page.becomes("open")
    finally:
        assert demo.admin(f"{path}/undrain", "POST")[0] == 202


# States


def test_a_gateway_that_is_gone_comes_back(another_demo, browser):
    first = another_demo()
    size(browser, *WIDE)
    page = DemoPage(browser, first).live()
    connect(page)
    connect(page, "/chat", "web-worker")
    first.kill()
    page.shows("words", "The gateway does not answer", timeout=15)
    page.becomes("waiting")
    assert page.text(page.panel("connect", "button")) == "Stop trying"
    page.shows("next", "Attempt ")
    page.until("document.querySelector('#standing .badge').textContent === 'Gateway does not answer'", "the badge", 15)
    assert "each run has another certificate" in page.text("#gone")
    assert page.violations({**AXE_OPTIONS, "iframes": False}) == []
    # An attempt may be under way; then it ends first.
    page.click(page.panel("connect", "button", "web-worker"))
    page.becomes("closed", "web-worker")
    another_demo("--port", str(first.own_port))
    page.becomes("open", timeout=40)
    page.live()
    assert not is_visible(page, "#gone")
    assert page.text(page.panel("state", "field", "web-worker")) == "closed", "expected it to stay as it was left"


def test_a_page_of_another_machine_asks_for_the_token(another_demo, browser):
    running = another_demo("--listen", "0.0.0.0")
    size(browser, *WIDE)
    page = DemoPage(browser, running)
    page.until("!document.getElementById('locked').hidden", "the notice")
    assert page.evaluate("document.getElementById('beside-frame').hidden")
    assert page.violations() == []
    connect(page)
    page.click("[data-rule=size]")
    page.until("document.querySelector('[data-result=size]').textContent.includes('1009')", "rules without figures")
    page.click("button[data-server='1']")
    page.until("document.getElementById('drain-words').textContent.includes('wants the admin token')", "a refusal")
    [token] = running.lines_after("Other machines reach this demo")
    browser.open(f"{running.page}/dashboard")
    page.evaluate(f"document.getElementById('token').value = {json.dumps(token)}; document.forms[0].submit(); 0")
    page.until("document.title === 'Sluice demo'", "the page again")
    page.live()
    assert page.evaluate("document.getElementById('locked').hidden")
    page.until(f"{FRAME} === 'Ready'", "the dashboard beside it")


# For everybody


def test_the_dashboard_stands_beside_the_page_where_there_is_room(page):
    page.until(f"{FRAME} === 'Ready'", "the dashboard")
    box = page.evaluate("document.querySelector('#beside iframe').getBoundingClientRect().toJSON()")
    assert box["left"] >= 700 and box["width"] >= 500 and box["bottom"] <= WIDE[1], box
    connect(page)
    inside = "document.querySelector('#beside iframe').contentDocument"
    page.until(f"{inside}.querySelector('#overview .value').innerText.trim() === '1'", "the WebSocket on the dashboard")
    page.click("#beside-switch")
    assert page.evaluate("document.getElementById('beside-frame').hidden && !document.querySelector('#beside iframe')")
    assert page.evaluate("document.activeElement.id") == "beside-switch"


@pytest.mark.parametrize("theme, options", [("light", AXE_OPTIONS), ("dark", AXE_COLOURS)])
def test_axe_finds_nothing(demo, browser, theme, options):
    size(browser, *WIDE)
    scheme(browser, theme)
    page = DemoPage(browser, demo).live()
    # The tests of the dashboard look into the frame.
    options = {**options, "iframes": False}
    found = {"at first": page.violations(options)}
    connect(page)
    connect(page, "/chat", "web-worker")
    page.click(page.panel("text", "button"))
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true; 0")
    page.click("[data-rule=size]")
    page.click("#compression button")
    page.click("#fleet button")
    page.until("document.getElementById('compression-words').textContent.includes('became')", "figures", 20)
    page.until("document.querySelector('[data-result=size]').textContent.includes('1009')", "a Close")
    eventually(lambda: all(server_of_sockets(page)), "all WebSockets to be open")
    found["in use"] = page.violations(options)
    scheme(browser, "light")
    assert not any(found.values()), found


def test_a_phone_scrolls_in_one_direction(demo, browser):
    size(browser, 375, 740, mobile=True)
    page = DemoPage(browser, demo).live()
    connect(page)
    page.click("#fleet button")
    page.click("#compression button")
    page.until("document.getElementById('compression-words').textContent.includes('became')", "figures", 20)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 375
    assert page.evaluate("document.querySelector('#beside iframe') === null"), "expected a link, and no frame"
    assert "Open it in another window" in page.text("#beside")
    page.click("#beside-switch")
    page.until("Boolean(document.querySelector('#beside iframe'))", "the frame for those who want it")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 375


def test_firefox_shows_it_too(demo, tmp_path):
    if firefox.find() is None:
        pytest.fail(f"no Firefox found; looked for {', '.join(firefox.NAMES)}: run scripts/prerequisites test")
    started = firefox.Browser(tmp_path)
    try:
        page = DemoPage(started, demo).live()
        page.until(f"{FRAME} === 'Ready'", "the dashboard")
        for endpoint, title in zip(("/echo", "/chat"), PANELS):
            connect(page, endpoint, title)
        page.click("[data-rule=text]")
        page.until("document.querySelector('[data-count=text]').textContent.includes('1007 by the gateway')", "it", 20)
        page.click("#fleet button")
        eventually(lambda: set(server_of_sockets(page)) == {"1", "2"}, "WebSockets on both servers")
        page.click("button[data-server='2']")
        eventually(lambda: server_of_sockets(page) == ["1"] * 8, "all of them on the first server")
        page.click("button[data-server='2']")
        page.until("document.querySelectorAll('.server .badge')[1].textContent === 'up'", "the second server again")
    finally:
        started.close()


def test_nothing_breaks_the_policy(demo, browser):
    size(browser, *WIDE)
    before = len(browser.messages)
    page = DemoPage(browser, demo).live()
    page.until(f"{FRAME} === 'Ready'", "the dashboard")
    connect(page, "/echo", "web-worker")
    assert [message for message in browser.messages[before:] if "Policy" in message or "exception" in message] == []
