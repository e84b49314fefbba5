"""A program as a server: each line of input is a message of the client, each line of output becomes one to it."""

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
