"""websockify, which brings a TCP server to WebSockets, before a desktop, and noVNC's pages that it serves, in
Chromium."""

import contextlib
import struct
from pathlib import Path

import pytest

from conversation import over
from programs import websockify
from rfb_server import COLOURS, HEIGHT, NAME, WIDTH, DesktopServer, picture
from sluice import configuration
from waiting import eventually

PAGES = "/usr/share/novnc"
WAYS = ["direct", "http/1.1", "h2"]
DEADLINE = 10


@pytest.fixture(scope="module")
def servers():
    with contextlib.closing(DesktopServer()) as desktop:
        started = [websockify(desktop.address, PAGES).begin() for _ in range(2)]
        yield [server.wait() for server in started]
        for server in started:
            print(server.output()[-4000:])
            server.stop()


@pytest.fixture
def entrance(gateway, servers, site):
    """`entrance(way)` is (the page's address, the gateway or None)."""
    def start(way):
        if way == "direct":
            return f"http://{servers[0].address}", None
        running = gateway(configuration(
            {"name": "desktop", "upstream": "desktop"},
            upstreams=[{"name": "desktop", "balance": "round_robin",
                        "servers": [{"address": server.address} for server in servers]}],
            drain={"timeout": "500ms", "spread": "0s"},
            listeners=[{"name": "tls", "address": "127.0.0.1:0", "tls": {"certificates": [site.setting]},
                        "protocols": ["h2", "http/1.1"] if way == "h2" else ["http/1.1"]}]))
        return f"https://localhost:{running.port('tls')}", running

    return start


class Viewer:
    """A client of RFC 6143 on a WebSocket; what a message holds says nothing about what belongs together."""

    def __init__(self, socket):
        self.socket = socket
        self._bytes = b""

    def read(self, size):
        while len(self._bytes) < size:
            more = self.socket.recv(timeout=DEADLINE)
            assert isinstance(more, bytes), f"expected binary, got {more!r}"
            self._bytes += more
        data, self._bytes = self._bytes[:size], self._bytes[size:]
        return data

    def begin(self):
        assert self.read(12) == b"RFB 003.008\n"
        self.socket.send(b"RFB 003.008\n")
        assert self.read(2) == b"\x01\x01"
        self.socket.send(b"\x01")
        assert self.read(4) == bytes(4)
        self.socket.send(b"\x01")
        width, height = struct.unpack(">HH16x", self.read(20))
        assert (width, height) == (WIDTH, HEIGHT)
        assert self.read(struct.unpack(">I", self.read(4))[0]) == NAME

    def ask(self, incremental):
        self.socket.send(struct.pack(">BBHHHH", 3, incremental, 0, 0, WIDTH, HEIGHT))

    def press(self, key):
        self.socket.send(struct.pack(">BBxxI", 4, 1, key) + struct.pack(">BBxxI", 4, 0, key))


@pytest.mark.parametrize("subprotocols", [["binary"], None], ids=["binary", "none"])
@pytest.mark.parametrize("way", ["direct", "http/1.1"])
def test_a_desktop(entrance, connect, trusting, way, subprotocols):
    url, running = entrance(way)
    viewers = [
        Viewer(connect(f"{url.replace('http', 'ws')}/websockify", subprotocols=subprotocols,
                       **({"ssl": trusting} if running else {})))
        for _ in range(2)]
    for viewer in viewers:
        assert viewer.socket.subprotocol == (subprotocols[0] if subprotocols else None)
        viewer.begin()
        viewer.ask(False)
        assert viewer.read(len(picture(0))) == picture(0)
        viewer.ask(True)
        viewer.press(ord("a"))
        assert viewer.read(len(picture(1))) == picture(1)
    if running:
        assert [server["active"] for server in running.stats()["upstreams"]["desktop"]["servers"].values()] == [1, 1]
        for viewer in viewers:
            viewer.socket.close()
        over(running)


@pytest.mark.parametrize("way", WAYS)
def test_the_files_of_the_page(entrance, http_client, way):
    url, _ = entrance(way)
    client = http_client(url, "http/1.1" if way == "direct" else way)
    for path in ("/vnc.html", "/core/rfb.js", "/app/images/icons/novnc-192x192.png"):
        content = Path(PAGES + path).read_bytes()
        for _ in range(2):
            answer = client.get(path)
            assert (answer.status_code, answer.content) == (200, content)
        head = client.head(path)
        assert (head.headers["content-length"], head.content) == (str(len(content)), b"")
    assert client.get("/core").headers["location"].endswith("/core/")
    assert client.get("/nothing").status_code == 404


@pytest.mark.parametrize("way", WAYS)
def test_novnc(entrance, browser, way):
    url, running = entrance(way)
    browser.open(f"{url}/vnc_lite.html")
    for colour in COLOURS:
        eventually(lambda: seen(browser) == [*colour, 255], f"a desktop of the colour {colour}", 20)
        # What a key does, the page does not find out by itself.
        browser.evaluate("document.querySelector('#screen canvas').focus()")
        for kind in ("keyDown", "keyUp"):
            browser.call(
                "Input.dispatchKeyEvent", type=kind, key="a", code="KeyA", text="a" if kind == "keyDown" else "")
    assert NAME.decode() in browser.evaluate("document.getElementById('status').textContent")
    if running:
        hop = browser.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol")
        assert hop == way
        # The page is left, and the WebSocket with it. With such a handler the page is not kept for the way back.
        browser.evaluate("addEventListener('unload', () => {})")
        browser.open(f"{url}/app/styles/lite.css")
        over(running)


def seen(browser):
    """The colour in the middle of the desktop, if there is one yet."""
    return browser.evaluate(f"""(() => {{
      const canvas = document.querySelector('#screen canvas');
      return canvas && canvas.width === {WIDTH}
        ? Array.from(canvas.getContext('2d').getImageData({WIDTH // 2}, {HEIGHT // 2}, 1, 1).data) : null;
    }})()""")
