"""A TCP proxy that stops relaying when told: `dropping_proxy.py PORT` leads to 127.0.0.1:PORT and prints
`listening PORT`; then `cut` and `mend` on standard input, each answered by `done`. While it is cut nothing is read,
relayed, accepted or ended."""

import os
import select
import socket
import sys

_LIMIT = 1 << 18


class Pipe:
    """One end of a relayed connection; `other` is the far one."""

    def __init__(self, sock):
        self.sock, self.fd, self.other = sock, sock.fileno(), None
        self.out = bytearray()
        self.has_ended = False


class Proxy:
    def __init__(self, port):
        self.target = ("127.0.0.1", port)
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.listening.setblocking(False)
        self.epoll = select.epoll()
        self.epoll.register(self.listening.fileno(), select.EPOLLIN)
        self.pipes = {}
        self.is_cut = False

    def run(self):
        print("listening", self.listening.getsockname()[1], flush=True)
        control = select.epoll()
        control.register(0, select.EPOLLIN)
        self.epoll.register(0, select.EPOLLIN)
        while True:
            for fd, events in (control if self.is_cut else self.epoll).poll():
                if fd == 0:
                    words = os.read(0, 4096).split()
                    if not words:
                        return
                    for word in words:
                        self.is_cut = word == b"cut"
                        print("done", flush=True)
                    break
                if fd == self.listening.fileno():
                    self.accept()
                elif fd in self.pipes:
                    self.move(self.pipes[fd], events)

    def accept(self):
        try:
            near = Pipe(self.listening.accept()[0])
        except OSError:
            return
        far = Pipe(socket.socket())
        near.other, far.other = far, near
        for pipe in (near, far):
            pipe.sock.setblocking(False)
            pipe.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        far.sock.connect_ex(self.target)
        for pipe in (near, far):
            self.pipes[pipe.fd] = pipe
            self.epoll.register(pipe.fd, 0)
            self.watch(pipe)

    def move(self, pipe, events):
        try:
            if events & select.EPOLLOUT:
                self.flush(pipe)
            if events & ~select.EPOLLOUT and not pipe.has_ended:
                data = pipe.sock.recv(1 << 16)
                pipe.has_ended = not data
                pipe.other.out += data
                self.flush(pipe.other)
            if pipe.has_ended and pipe.other.has_ended:
                return self.end(pipe)
        except BlockingIOError:
            pass
        except OSError:
            return self.end(pipe)
        self.watch(pipe)
        self.watch(pipe.other)

    def flush(self, pipe):
        try:
            while pipe.out:
                del pipe.out[: pipe.sock.send(pipe.out)]
            if pipe.other.has_ended:
                pipe.sock.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass

    def watch(self, pipe):
        reads = not pipe.has_ended and len(pipe.other.out) < _LIMIT
        self.epoll.modify(pipe.fd, (select.EPOLLIN if reads else 0) | (select.EPOLLOUT if pipe.out else 0))

    def end(self, pipe):
        for one in (pipe, pipe.other):
            if self.pipes.pop(one.fd, None) is not None:
                self.epoll.unregister(one.fd)
                one.sock.close()


if __name__ == "__main__":
    Proxy(int(sys.argv[1])).run()
