"""A server that is a program: a line in is a message of the client, a line out is one for it."""

import os
import sys

print(f"Hello {os.environ['REMOTE_ADDR']}, who are you?")
for line in sys.stdin:
    name = line.rstrip("\n")
    if not name:
        print("Goodbye!")
        break  # the end of the program is the end of the WebSocket
    print(f"Nice to meet you, {name}.")
    print(f"met {name}", file=sys.stderr)  # goes to the gateway's log
