"""What a client of the library `websockets` says to an echo server, and what it must hear."""

import pytest
import websockets.exceptions

from waiting import eventually

MESSAGES = ("", "Hello", b"", b"\x00\xff" * 1000, "κόσμε 🜁", " ".join(map(str, range(50_000))), bytes(1_000_000))


def talk(client):
    """Each message has to come back."""
    for message in MESSAGES:
        client.send(message)
        assert client.recv(timeout=10) == message


def check_gone(client, code, reason=None):
    """The next that comes is a Close with this code, and with this reason if one is given."""
    with pytest.raises(websockets.exceptions.ConnectionClosed):
        client.recv(timeout=10)
    assert client.close_code == code, f"expected {code}, got {client.close_code} {client.close_reason!r}"
    assert reason is None or client.close_reason == reason


def check_close(client, code, reason=""):
    """The server is asked to close, and its Close has to arrive."""
    client.send(f"close {code} {reason}".rstrip())
    check_gone(client, code, reason)


def over(running):
    """Waits until the gateway has no WebSocket any more."""
    running.eventually(lambda stats: stats["connections"]["active"] == 0, "every WebSocket to be over")


def closings(running, count):
    """The lines of the log about so many WebSockets that have ended, once they are written."""
    def written():
        lines = [entry for entry in running.log() if entry.get("message") == "connection closed"]
        return lines if len(lines) >= count else None

    return eventually(written, f"{count} lines about WebSockets that have ended")
