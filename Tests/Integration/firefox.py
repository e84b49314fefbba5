"""Headless Firefox, driven over WebDriver BiDi: https://w3c.github.io/webdriver-bidi/"""

import contextlib
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

import websockets.sync.client

NAMES = ("firefox-esr", "firefox")
START_DEADLINE = 30
# It asks nobody for anything but what the test wants.
PREFERENCES = {
    "app.update.enabled": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.proxy.type": 0,
    "remote.active-protocols": 1,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}


def find():
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One Firefox with one tab. It believes any certificate."""

    def __init__(self, profile):
        self.messages = []
        self._number = 0
        self._closing = contextlib.ExitStack()
        Path(profile, "user.js").write_text("".join(
            f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()))
        self._process = subprocess.Popen(
            [find(), "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0",
             "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
            env={**os.environ, "HOME": str(profile), "MOZ_CRASHREPORTER_DISABLE": "1"})
        self._output = []
        self._address = None
        self._news = threading.Condition()
        threading.Thread(target=self._read_output, daemon=True).start()
        with self._news:
            self._news.wait_for(lambda: self._address, START_DEADLINE)
        if not self._address:
            self.close()
            raise AssertionError("Firefox did not start:\n" + "\n".join(self._output[-20:]))
        self._connection = self._closing.enter_context(websockets.sync.client.connect(
            f"{self._address}/session", max_size=None, proxy=None, compression=None, ping_interval=None))
        self.call("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
        self.call("session.subscribe", events=["log.entryAdded"])
        self._tab = self.call("browsingContext.getTree")["contexts"][0]["context"]

    _connection = None

    def _read_output(self):
        for line in self._process.stderr:
            with self._news:
                self._output.append(line.rstrip())
                if line.startswith("WebDriver BiDi listening on "):
                    self._address = line.split()[-1]
                self._news.notify_all()

    def call(self, method, timeout=30, **parameters):
        """The result of one command of the protocol."""
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            reply = json.loads(self._connection.recv(timeout=timeout))
            if reply.get("id") == self._number:
                if reply["type"] == "error":
                    raise AssertionError(f"{method}: {reply['error']}: {reply['message']}")
                return reply["result"]
            if reply.get("method") == "log.entryAdded":
                self.messages.append(json.dumps(reply["params"])[:500])

    def open(self, url):
        """Navigates and waits until the page has loaded."""
        self.call("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def evaluate(self, expression, timeout=30):
        """The value of a JavaScript expression, as far as it is text, a number or a flag; a promise is awaited."""
        result = self.call(
            "script.evaluate", timeout, expression=expression, target={"context": self._tab}, awaitPromise=True,
            userActivation=True)
        if result["type"] == "exception":
            raise AssertionError(
                f"in the browser: {result['exceptionDetails']['text']}\n" + "\n".join(self.messages[-5:]))
        return result["result"].get("value")

    def close(self):
        if self._process.poll() is None:
            try:
                self.call("browser.close", timeout=3)
                self._process.wait(10)
            except Exception:
                self._process.kill()
        self._process.wait(10)
        with contextlib.suppress(Exception):
            self._closing.close()
        self._process.stderr.close()
