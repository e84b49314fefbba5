"""The dashboard in a browser, and WebSockets by the hundred to look at."""

import asyncio
import importlib.resources
import itertools
import json

import websockets.asyncio.client

from waiting import eventually

AXE = importlib.resources.files("axe_core_python").joinpath("axe.min.js")
# Rules of the levels that the page promises to keep.
AXE_OPTIONS = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
# Makes each address new, so that the browser loads the page anew.
OPENED = itertools.count()
# The rule that looks at colours.
AXE_COLOURS = {"runOnly": ["color-contrast"]}
SECTIONS = ("overview", "routes", "upstreams", "connections", "configuration", "log")


class Crowd:
    """Clients that are connected, and each send a message now and then."""

    def __init__(self, stage, url, count, *, text="Hello, this is a message of some length. " * 8, period=1.0):
        self._stage = stage
        self.closed = []
        self._tasks = []
        self._sockets = stage.run(self._open(url, count), 60)
        stage.run(self._begin(text, period))

    async def _open(self, url, count):
        sockets = []
        for begin in range(0, count, 25):
            sockets += await asyncio.gather(*[
                websockets.asyncio.client.connect(
                    f"{url}?number={number}", proxy=None, ping_interval=None, open_timeout=30,
                    subprotocols=["chat.v1"])
                for number in range(begin, min(begin + 25, count))])
        return sockets

    async def _begin(self, text, period):
        self._tasks = [asyncio.create_task(self._talk(socket, text, period)) for socket in self._sockets]

    async def _talk(self, socket, text, period):
        try:
            while True:
                await socket.send(text)
                await socket.recv()
                await asyncio.sleep(period)
        except websockets.ConnectionClosed as error:
            self.closed.append((error.rcvd.code, error.rcvd.reason) if error.rcvd else (1006, ""))

    def leave(self):
        async def end():
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await asyncio.gather(*[socket.close() for socket in self._sockets], return_exceptions=True)
        self._stage.run(end(), 60)


class Page:
    """The dashboard of a gateway, opened in a browser."""

    def __init__(self, browser, gateway, section="overview"):
        self.browser = browser
        self.origin = f"http://{gateway.addresses['admin']}"
        browser.open(f"{self.origin}/?{next(OPENED)}#/{section}")

    def evaluate(self, expression):
        return self.browser.evaluate(expression)

    def until(self, expression, expectation, timeout=10.0):
        """Waits until a JavaScript expression is true."""
        def check():
            try:
                return self.evaluate(expression)
            except AssertionError as error:
                # Another page is being loaded.
                if "navigated" in str(error) or "context" in str(error):
                    return None
                raise
        return eventually(check, expectation, timeout)

    def live(self):
        self.until("document.querySelector('#status .badge')?.textContent === 'Ready'", "the page to be live")
        return self

    def go(self, section):
        self.evaluate(f"location.hash = '#/{section}'; 0")
        self.until(f"!document.getElementById('{section}').hidden", f"the section {section}")

    def text(self, selector):
        return self.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def click(self, selector, text=None):
        """Clicks the first element that matches, and has this text."""
        found = self.evaluate(f"""
          (() => {{
            const all = [...document.querySelectorAll({json.dumps(selector)})];
            const one = all.find(e => {json.dumps(text)} === null || e.textContent.trim() === {json.dumps(text)});
            one?.focus(); one?.click(); return Boolean(one);
          }})()""")
        assert found, f"expected {selector} with the text {text!r}"

    def fill(self, selector, value):
        self.evaluate(f"""
          (() => {{
            const field = document.querySelector({json.dumps(selector)});
            field.focus(); field.value = {json.dumps(value)};
            field.dispatchEvent(new Event('input', {{ bubbles: true }}));
            field.dispatchEvent(new Event('change', {{ bubbles: true }}));
          }})(); 0""")

    def violations(self, options=AXE_OPTIONS):
        """What axe finds, in words."""
        if not self.evaluate("Boolean(window.axe)"):
            self.browser.evaluate(AXE.read_text() + "; 0")
        return json.loads(self.evaluate(f"""
          axe.run(document, {json.dumps(options)}).then(result => JSON.stringify(result.violations.map(
            one => `${{one.id}}: ${{one.help}}: ${{one.nodes.map(node => node.html + ' ' +
              node.any.concat(node.all).map(check => check.message).join('; ')).slice(0, 3).join(' | ')}}`)))"""))
