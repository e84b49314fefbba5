"""What a service manager does for a program: it listens for what the program says of itself, and opens its sockets."""

import select
import socket
import sys
import time

from waiting import eventually


class Notices:
    """An ear for NOTIFY_SOCKET. `environment` is what the program is started with."""

    def __init__(self, path):
        self.environment = {"NOTIFY_SOCKET": str(path)}
        self.lines = []
        self.messages = []  # (when it was read, its lines)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(str(path))

    def poll(self):
        """All assignments so far."""
        while select.select([self.sock], [], [], 0)[0]:
            lines = self.sock.recv(65536).decode().splitlines()
            self.messages.append((time.monotonic(), lines))
            self.lines += lines
        return self.lines

    def heard(self, line):
        eventually(lambda: line in self.poll(), f"{line} at NOTIFY_SOCKET")

    def said(self, *names):
        """The assignments to these variables so far, in order."""
        return [line for line in self.poll() if line.partition("=")[0] in names]

    def close(self):
        self.sock.close()


# Opens a socket for each `NAME=HOST:PORT` of its first argument, and becomes the rest of its arguments.
ACTIVATE = """
import os, socket, sys
names = []
pairs = sys.argv[1].split(",")
addresses = [pair.partition("=")[2] for pair in pairs]
for number, pair in enumerate(pairs, 3):
    name, _, address = pair.partition("=")
    host, _, port = address.rpartition(":")
    opened = socket.create_server((host, int(port)), reuse_port=addresses.count(address) > 1)
    os.dup2(opened.detach(), 100 + number)
    names.append(name)
for number in range(3, 3 + len(names)):
    os.dup2(100 + number, number)
    os.close(100 + number)
os.environ.update(LISTEN_FDS=str(len(names)), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=":".join(names))
os.execv(sys.argv[2], sys.argv[2:])
"""


def activated(*pairs):
    """What a program is run by that is to inherit sockets: for each (name, address) one that listens there."""
    return [sys.executable, "-c", ACTIVATE, ",".join(f"{name}={address}" for name, address in pairs)]
