"""A child process that is asked by lines on its standard input and answers by lines of JSON."""

import json
import queue
import subprocess
import threading

from harness.children import Failure, start, stop, tail


class Conversation:
    def __init__(self, command, log, name, **options):
        self.name, self.log = name, log
        self.child = start(command, log, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)
        self._lines = queue.Queue()
        threading.Thread(target=self._read, args=(self.child.stdout,), daemon=True).start()

    def _read(self, stream):
        try:
            for line in stream:
                self._lines.put(line)
        except ValueError:
            pass  # closed while it was read: the child has been stopped
        self._lines.put(None)

    def say(self, line):
        try:
            self.child.stdin.write(line + "\n")
            self.child.stdin.flush()
        except BrokenPipeError:
            raise Failure(f"{self.name} is gone:\n{tail(self.log)}") from None

    def hear(self, seconds):
        """The next line."""
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise Failure(f"{self.name}: expected an answer within {seconds:g} s, got none\n{tail(self.log)}") from None
        if line is None:
            raise Failure(f"{self.name} ended with status {self.child.poll()}:\n{tail(self.log)}")
        return line

    def hear_json(self, seconds):
        return json.loads(self.hear(seconds))

    def stop(self, patience=5):
        stop(self.child, patience)
