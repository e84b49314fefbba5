"""Runs a gateway in a network namespace of its own where two local ports are left for connections: `few_ports.py PORT
PROGRAM …`, under `unshare --net`. A server there accepts WebSockets at any address, on PORT, until the gateway ends."""

import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from hurried import switching  # noqa: E402

_SIOCSIFFLAGS, _UP = 0x8914, 1
_PR_SET_PDEATHSIG = 1


def serve(listening):
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def answer(connection):
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(4096)
        if not piece:
            return  # only a look
        head += piece
    connection.sendall(switching(head.decode("latin-1")))
    while connection.recv(4096):
        pass


def main():
    with socket.socket() as sock:
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _UP))
    Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("40000 40001")
    listening = socket.create_server(("0.0.0.0", int(sys.argv[1])))
    gateway = os.getpid()
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == gateway:
            serve(listening)
        return
    listening.close()
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
