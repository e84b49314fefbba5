"""NiceGUI, whose pages live on Socket.IO, in Chromium: straight, and two of them under a prefix of the gateway's."""

import pytest

from programs import nicegui
from sluice import configuration
from waiting import eventually

WAYS = ["direct", "http1", "h2"]


@pytest.fixture(scope="module")
def servers():
    started = [nicegui(f"server {number}").begin() for number in range(2)]
    yield [server.wait() for server in started]
    for server in started:
        print(server.output()[-4000:])
        server.stop()


@pytest.fixture(params=WAYS)
def page(request, browser, servers, gateway, site):
    """The browser, after it opened the page in this way; `.running` is the gateway."""
    browser.running = None
    url = f"http://localhost:{servers[0].ports[0]}/"
    if request.param != "direct":
        browser.running = gateway(configuration(
            # It hears of the prefix by X-Forwarded-Prefix, and puts it before all its addresses.
            {"name": "ui", "match": {"path_prefix": "/ui"}, "rewrite": {"strip_prefix": "/ui"}, "upstream": "ui"},
            upstreams=[{"name": "ui", "sticky": {"cookie": "sluice_server"},
                        "servers": [{"address": server.address} for server in servers]}],
            drain={"timeout": "500ms", "spread": "0s"},
            listeners=[{"name": "tls", "address": "127.0.0.1:0", "tls": {"certificates": [site.setting]},
                        "protocols": ["http/1.1"] if request.param == "http1" else ["h2", "http/1.1"]}]))
        url = browser.running.url("/ui/", "tls", "https", "localhost")
    browser.open(url)
    return browser


def text(page, name):
    return page.evaluate(f"document.getElementById('{name}')?.innerText")


def test_a_page_that_lives(page):
    eventually(lambda: text(page, "shown") == "not pressed", "the page to be drawn", 20)
    server = "server 0"
    for number in range(1, 4):
        page.evaluate("document.getElementById('press').click()")
        shown = eventually(
            lambda: (text(page, "shown") or "").startswith(f"pressed {number} times on ") and text(page, "shown"),
            f"{number} presses to be shown")
        server = shown.removeprefix(f"pressed {number} times on ")
    page.evaluate("document.querySelector('input').focus()")
    page.call("Input.insertText", text="κόσμε")
    eventually(lambda: text(page, "typed") == "typed κόσμε", "what was typed to be shown")
    if page.running:
        # The same page again leads to the same server, and all that the page loaded came through the route.
        page.open(page.running.url("/ui/?again", "tls", "https", "localhost"))
        eventually(lambda: text(page, "shown") == "not pressed", "the page to be drawn", 20)
        page.evaluate("document.getElementById('press').click()")
        eventually(lambda: text(page, "shown") == f"pressed 1 times on {server}", f"a press on {server}")
        assert page.running.stats()["connections"]["rejected_total"] == {}
        assert page.running.route("ui")["accepted_total"] >= 2
