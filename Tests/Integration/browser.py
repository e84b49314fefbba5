"""Headless Chromium, driven over the DevTools protocol: https://chromedevtools.github.io/devtools-protocol/"""

import contextlib
import json
import shutil
import subprocess
import threading

import websockets.sync.client

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
START_DEADLINE = 30


def find():
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One Chromium with one tab. It believes any certificate, since the demonstration signs its own."""

    def __init__(self, profile):
        self.messages = []
        self._number = 0
        self._closing = contextlib.ExitStack()
        self._process = subprocess.Popen(
            [find(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--ignore-certificate-errors", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--no-proxy-server",
             "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
        self._output = []
        self._address = None
        self._news = threading.Condition()
        threading.Thread(target=self._read_output, daemon=True).start()
        with self._news:
            self._news.wait_for(lambda: self._address, START_DEADLINE)
        if not self._address:
            self.close()
            raise AssertionError("Chromium did not start:\n" + "\n".join(self._output[-20:]))
        self._connection = self._closing.enter_context(websockets.sync.client.connect(
            self._address, max_size=None, proxy=None, compression=None, ping_interval=None))
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    _session = None

    def _read_output(self):
        for line in self._process.stderr:
            with self._news:
                self._output.append(line.rstrip())
                if line.startswith("DevTools listening on "):
                    self._address = line.split()[-1]
                self._news.notify_all()

    def call(self, method, timeout=30, **parameters):
        """The result of one command of the protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._connection.send(json.dumps(message))
        while True:
            reply = json.loads(self._connection.recv(timeout=timeout))
            if reply.get("id") == self._number:
                if "error" in reply:
                    raise AssertionError(f"{method}: {reply['error']}")
                return reply["result"]
            self._note(reply)

    def _note(self, event):
        if event.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"):
            self.messages.append(json.dumps(event["params"])[:500])

    def open(self, url):
        """Navigates and waits until the page has loaded."""
        self.call("Page.navigate", url=url)
        self.evaluate(
            "new Promise(done => document.readyState === 'complete' && location.href !== 'about:blank'"
            " ? done() : addEventListener('load', () => done()))")

    def evaluate(self, expression, timeout=30):
        """The value of a JavaScript expression; a promise is awaited."""
        result = self.call(
            "Runtime.evaluate", timeout, expression=expression, awaitPromise=True, returnByValue=True,
            userGesture=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            text = details.get("exception", {}).get("description") or details.get("text")
            raise AssertionError(f"in the browser: {text}\n" + "\n".join(self.messages[-5:]))
        return result["result"].get("value")

    def close(self):
        if self._process.poll() is None:
            try:
                self._session = None
                self.call("Browser.close", timeout=3)
                self._process.wait(5)
            except Exception:
                self._process.kill()
        self._process.wait(10)
        self._process.stderr.close()
        self._closing.close()
