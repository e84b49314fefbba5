"""Names of a gateway's own: a hosts file and a DNS server that it alone sees, in a mount namespace of its own."""

import contextlib
import os
import random
import socket
import struct
import subprocess
import threading

import pytest

SCRIPT = 'mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/resolv.conf && shift 2 && exec "$@"'


class Names:
    """`prefix` is what to run a gateway by."""

    def __init__(self, directory):
        self._hosts, self._resolver = directory / "hosts", directory / "resolv.conf"
        # Nobody answers there, and says so at once.
        self.resolve_by("127.0.0.1")
        self.set({})
        self.prefix = ["unshare", "--mount", "--propagation", "private", "sh", "-c", SCRIPT, "sh",
                       str(self._hosts), str(self._resolver)]
        if os.geteuid() != 0 or subprocess.run([*self.prefix, "true"], capture_output=True).returncode != 0:
            pytest.skip("only root can give a process names of its own (unshare --mount)")

    def set(self, names):
        """What the hosts file says from now on: addresses by name."""
        lines = [f"{address} {name}" for name, addresses in names.items() for address in addresses]
        # In place: another file would not be the one that is mounted.
        with self._hosts.open("w") as file:
            file.write("\n".join(["127.0.0.1 localhost", *lines, ""]))

    def resolve_by(self, server):
        self._resolver.write_text(f"nameserver {server}\noptions timeout:10 attempts:3\n")


class SilentNameServer:
    """Takes questions, and answers none until `answer` is called: then each with this address."""

    def __init__(self):
        self.address = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((self.address, 53))
        self.asked = threading.Event()
        self._answer = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def answer(self):
        self._answer.set()

    def _serve(self):
        try:
            while True:
                question, peer = self.sock.recvfrom(4096)
                self.asked.set()
                threading.Thread(target=self._reply, args=(question, peer), daemon=True).start()
        except OSError:
            pass

    def _reply(self, question, peer):
        self._answer.wait(60)
        end = question.index(b"\0", 12) + 5
        kind = struct.unpack("!H", question[end - 4 : end - 2])[0]
        record = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x7f\0\0\x01" if kind == 1 else b""
        head = question[:2] + b"\x81\x80\0\x01" + struct.pack("!H", 1 if record else 0) + b"\0\0\0\0"
        with contextlib.suppress(OSError):  # closed meanwhile
            self.sock.sendto(head + question[12:end] + record, peer)

    def close(self):
        self._answer.set()
        self.sock.close()


class NameServer:
    """Answers with the addresses that `names` has at the time, or that there is no such name; while `hold` is on, with
    nothing."""

    def __init__(self, names):
        self.names = names
        self.address = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((self.address, 53))
        self.asked = threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                question, peer = self.sock.recvfrom(4096)
                self.asked.set()
                self.may_answer.wait(60)
                self.sock.sendto(self._reply(question), peer)

    def _reply(self, question):
        end = question.index(b"\0", 12) + 5
        labels, place = [], 12
        while question[place]:
            labels.append(question[place + 1 : place + 1 + question[place]].decode())
            place += 1 + question[place]
        kind = struct.unpack("!H", question[end - 4 : end - 2])[0]
        known = self.names.get(".".join(labels).lower())
        families = {1: socket.AF_INET, 28: socket.AF_INET6}
        packed = [
            socket.inet_pton(families[kind], address) for address in known or ()
            if kind in families and (":" in address) == (kind == 28)]
        records = b"".join(
            b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 1, len(address)) + address for address in packed)
        code = b"\x81\x80" if known else b"\x81\x83"
        return question[:2] + code + struct.pack("!HHHH", 1, len(packed), 0, 0) + question[12:end] + records

    def close(self):
        self.may_answer.set()
        self.sock.close()


class BlackHole:
    """An address that swallows SYN: a socket that listens, whose queue is full."""

    def __init__(self, host, port):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.socket(family)
        self.sock.bind((host, port))
        self.sock.listen(0)
        self._filling = []
        for _ in range(4):
            filler = socket.socket(family)
            filler.setblocking(False)
            filler.connect_ex((host, port))
            self._filling.append(filler)

    def wake(self):
        """From now on it accepts; gives the connections that it gets, those that filled it aside."""
        mine = {filler.getsockname() for filler in self._filling}
        self.sock.settimeout(0.2)
        found = []
        try:
            while True:
                connection, peer = self.sock.accept()
                with connection:
                    if peer not in mine:
                        found.append(peer)
        except (TimeoutError, socket.timeout):
            return found

    def close(self):
        for sock in [self.sock, *self._filling]:
            sock.close()
