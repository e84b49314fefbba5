"""A program with `framing: binary`: a message, in both directions, is its length in four bytes and then its bytes."""

import hashlib
import os
import struct
import sys

name = os.environ["PATH_INFO"].strip("/") or os.environ["DEFAULT_DIGEST"]
if name not in hashlib.algorithms_guaranteed or name.startswith("shake"):
    sys.exit(f"no such digest: {name}")  # a status other than 0: the client gets 1011
while length := sys.stdin.buffer.read(4):
    message = sys.stdin.buffer.read(struct.unpack(">I", length)[0])
    answer = hashlib.new(name, message).digest()
    sys.stdout.buffer.write(struct.pack(">I", len(answer)) + answer)
    sys.stdout.buffer.flush()
