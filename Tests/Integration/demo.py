"""`sluice demo` as a process, and its page in a browser."""

import json
import re
import shutil
import subprocess
import sys
import threading

from dashboard import OPENED, Page
from sluice import Gateway

START_DEADLINE = 30


class Demo(Gateway):
    """One `sluice demo`, on free ports unless the arguments say otherwise."""

    def __init__(self, directory, *arguments):
        for option in ("--port", "--admin-port"):
            if option not in arguments:
                arguments += (option, "0")
        super().__init__(None, directory, command=["demo", *arguments])

    def begin(self):
        """Starts it, and waits until it has said everything."""
        self.start(expected=set())
        self.wait_for_output(lambda line: "Ctrl-C" in line, "the end of what the terminal says", START_DEADLINE)
        said = "\n".join(self.output)
        self.page = re.search(r"https://[^/\s]+", said).group()
        self.addresses["admin"] = re.search(r"http://(127\.0\.0\.1:\d+)/", said).group(1)
        self.certificate = re.search(r"\S+/demo\.pem", said).group()
        return self

    @property
    def own_port(self):
        return int(self.page.rsplit(":", 1)[1])

    def lines_after(self, heading):
        """The indented lines below a line of the instructions that begins like this."""
        begin = next(number for number, line in enumerate(self.output) if line.startswith(heading))
        lines = []
        for line in self.output[begin + 1:]:
            if not line.startswith("  "):
                break
            lines.append(line.strip())
        return lines

    def socket_url(self, path):
        return self.page.replace("https", "wss") + path


def _shell(line):
    """The arguments that run a line of the instructions, with this Python as `python3`."""
    return [shutil.which("bash"), "-c", line.replace("python3 ", f"{sys.executable} ")]


def run_as_printed(line):
    """Runs a line of the instructions to its end: the completed process."""
    return subprocess.run(_shell(line), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)


def talk_as_printed(line, text, until):
    """Runs a line of the instructions, writes a line to it, and returns its output once this is in it."""
    output = ""
    with subprocess.Popen(
            _shell(line), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as program:
        # Ends the reading of a program that says nothing.
        deadline = threading.Timer(20, program.kill)
        deadline.start()
        program.stdin.write(f"{text}\n")
        program.stdin.flush()
        while until not in output and (more := program.stdout.read(1)):
            output += more
        program.stdin.close()
        program.wait()
        deadline.cancel()
    return output


class DemoPage(Page):
    """The demo's page, opened in a browser."""

    def __init__(self, browser, demo):
        self.browser = browser
        self.origin = demo.page
        # Each time another address, so that the page is loaded anew.
        browser.open(f"{demo.page}/?{next(OPENED)}")

    def live(self):
        self.until("document.querySelector('#standing .badge')?.textContent === 'Gateway is up'", "the page to be live")
        return self

    def panel(self, name, kind, title="page"):
        """A selector of a part of a panel, `page` or `web-worker`."""
        return f"article[aria-labelledby=title-{title}] [data-{kind}={name}]"

    def endpoint(self, path, title="page"):
        """A selector of the radio button that chooses an endpoint."""
        return f'article[aria-labelledby=title-{title}] input[value="{path}"]'

    def becomes(self, state, title="page", timeout=10.0):
        """Waits until a panel's WebSocket has this state."""
        self.shows("state", state, title, timeout)

    def shows(self, field, text, title="page", timeout=10.0):
        """Waits until a field of a panel has this text in it."""
        place = f"document.querySelector({json.dumps(self.panel(field, 'field', title))})"
        self.until(f"{place}.textContent.includes({json.dumps(text)})", f"{text!r} in {field}", timeout)

    def press(self, key, code, text=None):
        for kind in ("keyDown", "keyUp"):
            self.browser.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                **({"text": text} if text and kind == "keyDown" else {}))

    def choose(self, path, title="page"):
        self.evaluate(f"document.querySelector({json.dumps(self.endpoint(path, title))}).click(); 0")
