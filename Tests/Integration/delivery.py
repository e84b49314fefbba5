"""Ways for bytes to reach the gateway: whole, byte by byte, split at random."""

import os
import random
import socket
import struct
import time

from raw import DEADLINE

SEED = int(os.environ.get("HOSTILE_SEED") or int.from_bytes(os.urandom(4), "big"))
_SOCK_DIAG, _DIAG_BY_FAMILY, _ANY_STATE = 4, 20, 0xFFFFFFFF


def unread(sock):
    """Bytes that the other end of a loopback connection has received and its process has not read; 0 when it is gone.

    The kernel is asked (sock_diag(7)) for that very socket: /proc/net/tcp would take a thousand times as long.
    """
    try:
        here, there = sock.getsockname(), sock.getpeername()
    except OSError:
        return 0
    identity = struct.pack("!HH4s12x4s12x", there[1], here[1], socket.inet_aton(there[0]), socket.inet_aton(here[0]))
    request = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, _ANY_STATE)
    request += identity + struct.pack("=I", 0) + b"\xff" * 8
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.send(struct.pack("=IHHII", 16 + len(request), _DIAG_BY_FAMILY, 1, 1, 0) + request)
        answer = kernel.recv(65536)
    if struct.unpack_from("=H", answer, 4)[0] != _DIAG_BY_FAMILY:
        return 0
    # nlmsghdr (16), four bytes, inet_diag_sockid (48), expires (4), rqueue.
    return struct.unpack_from("=I", answer, 72)[0]


def wait_until_read(peer):
    """Waits until the gateway has read all that `peer` has sent, so that what is sent next is another read."""
    deadline = time.monotonic() + DEADLINE
    while (left := unread(peer.sock)) > 0:
        assert time.monotonic() < deadline, f"expected the gateway to read on, {left} bytes wait for {DEADLINE:g} s"
        os.sched_yield()


def _in_pieces(peer, data, size):
    position = 0
    try:
        while position < len(data):
            step = size()
            peer.send(data[position : position + step])
            position += step
            wait_until_read(peer)
    except OSError:
        pass  # whoever breaks a rule need not be heard to the end


def whole(peer, data):
    peer.send(data)


def byte_by_byte(peer, data):
    _in_pieces(peer, data, lambda: 1)


def split_at_random(peer, data):
    """In a few pieces of any length. HOSTILE_SEED repeats what the output of a failed test names."""
    print(f"HOSTILE_SEED={SEED}")
    chance = random.Random(f"{SEED} {data.hex()}")
    _in_pieces(peer, data, lambda: chance.choice((1, 2, 3, chance.randint(1, max(1, len(data))))))


DELIVERIES = [whole, byte_by_byte, split_at_random]
