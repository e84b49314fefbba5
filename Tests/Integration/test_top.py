"""`sluice top` in a terminal: tmux shows what is on the screen, and types."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess

import pytest

from raw import TEXT
from sluice import BINARY, configuration
from waiting import SLOWDOWN, eventually

pytestmark = pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")


class Screen:
    """A shell in a terminal of tmux, 80×24."""

    def __init__(self, folder):
        self.socket = folder / "tmux"
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "-s", "t", "env", "PS1=ready> ", "sh")
        self.shows("ready>")

    def tmux(self, *arguments):
        return subprocess.run(
            ["tmux", "-S", self.socket, *arguments], capture_output=True, text=True, check=True, timeout=10 * SLOWDOWN,
            env={**os.environ, "TERM": "xterm-256color"}).stdout

    def type(self, *keys):
        self.tmux("send-keys", "-t", "t", *keys)

    def run(self, *words):
        self.type(shlex.join(map(str, words)), "Enter")

    def text(self, colours=False):
        return self.tmux("capture-pane", "-p", *(["-e"] if colours else []), "-t", "t")

    def shows(self, *words):
        def check():
            text = self.text()
            return all(word in text for word in words) and text

        try:
            return eventually(check, f"{words} on the screen")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text()}") from None

    def lacks(self, word):
        eventually(lambda: word not in self.text(), f"no {word} on the screen:\n{self.text()}")

    def pid(self):
        """Of the program that runs in the shell."""
        shell = self.tmux("display-message", "-p", "-t", "t", "#{pane_pid}").strip()
        found = subprocess.run(["ps", "--ppid", shell, "-o", "pid="], capture_output=True, text=True).stdout.split()
        return int(found[0])

    def close(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            self.tmux("kill-server")


@pytest.fixture
def screen(tmp_path):
    screen = Screen(tmp_path)
    yield screen
    screen.close()


@pytest.fixture
def watched(gateway, wire):
    server = wire.server()
    running = gateway(configuration(
        {"name": "chat-room", "match": {"path": "/chat"}, "upstream": "backend"}, {"name": "echo", "upstream": "backend"},
        upstreams=[{"name": "backend", "servers": [{"address": server.address}]}]))
    running.pair = wire.pair(running, server, "/chat")
    running.backend = server.address
    running.eventually(lambda stats: stats["connections"]["active"] == 1, "a WebSocket")
    return running


def start(screen, watched, *arguments):
    screen.run("env", "NO_COLOR=1", BINARY, "top", "--admin", watched.addresses["admin"], "--interval", "100ms", *arguments)
    return screen.shows("serving, up", "[1 routes]", "chat-room", "echo", "q quit")


def gone(screen):
    """The screen of before is back, with its cursor and echo."""
    text = screen.shows("ready>")
    screen.lacks("[1 routes]")
    assert screen.tmux("display-message", "-p", "-t", "t", "#{alternate_on} #{cursor_flag}").split() == ["0", "1"]
    screen.type("echo back $((6*7))", "Enter")
    screen.shows("echo back", "back 42")
    return text


def test_panes_filter_and_quit(screen, watched):
    text = start(screen, watched)
    assert len(text.splitlines()) == 24 and "ready>" not in text
    client, peer = watched.pair
    for _ in range(3):
        client.send_frame(TEXT, "x" * 100)
        peer.read_message()
    screen.type("2")
    screen.shows("[2 servers]", watched.backend, "backend")
    screen.type("Tab")
    screen.shows("[3 connections]", "CLIENT", "chat-room", watched.backend)
    screen.type("BTab")
    screen.shows("[2 servers]")
    screen.type("1", "/", "e", "c", "h")
    screen.shows("filter: ech")
    screen.lacks("chat-room")
    screen.type("Enter")
    screen.shows("q quit")
    screen.type("Escape")
    screen.shows("chat-room")
    screen.type("s")
    screen.shows("by CAP")
    screen.type("?")
    screen.shows("Any key closes this help")
    screen.type("x")
    screen.shows("by CAP", "chat-room")
    screen.type("q")
    gone(screen)


def test_it_follows_the_size_of_the_terminal(screen, watched):
    start(screen, watched)
    screen.tmux("set-option", "-t", "t", "window-size", "manual")
    for width, height in ((40, 10), (120, 40)):
        screen.tmux("resize-window", "-t", "t", "-x", str(width), "-y", str(height))
        # The last line is where it belongs, and nothing of the larger screen is left.
        eventually(
            lambda: len(lines := screen.text().splitlines()) == height and lines[-1].startswith("q quit")
            and sum("[1 routes]" in line for line in lines) == 1, f"a screen of {height} lines:\n{screen.text()}")
    assert "serving" in screen.text()


@pytest.mark.parametrize("way", ["C-c", "SIGTERM", "SIGHUP", "SIGINT"])
def test_the_terminal_is_as_before(screen, watched, way):
    start(screen, watched)
    if way == "C-c":
        screen.type("C-c")
    else:
        os.kill(screen.pid(), getattr(signal, way))
    gone(screen)


def test_it_is_suspended_and_comes_back(screen, watched):
    start(screen, watched)
    screen.type("C-z")
    gone(screen)
    screen.type("fg", "Enter")
    screen.shows("[1 routes]", "q quit")
    screen.type("q")
    gone(screen)


def test_a_gateway_that_goes_is_told_and_one_that_comes_is_shown(screen, watched):
    start(screen, watched)
    assert watched.stop() == 0
    screen.shows("no gateway answers at", "chat-room")
    screen.type("q")
    gone(screen)


def test_colours_are_for_those_who_want_them(screen, watched):
    start(screen, watched)
    assert "\x1b[7m" not in screen.text(colours=True)
    screen.type("q")
    gone(screen)
    screen.run(BINARY, "top", "--admin", watched.addresses["admin"])
    screen.shows("1 routes", "q quit")
    assert "\x1b[7m" in screen.text(colours=True)


def test_nobody_there_leaves_the_screen_alone(screen):
    screen.type(f"{shlex.quote(str(BINARY))} top --admin 127.0.0.1:1; echo code $?", "Enter")
    screen.shows("no gateway answers at", "code 3")
    assert screen.tmux("display-message", "-p", "-t", "t", "#{alternate_on}") == "0\n"
