"""A desktop to look at from afar, as RFC 6143 has it: a picture of one colour, which each key that is pressed changes."""

import socketserver
import struct
import threading

WIDTH, HEIGHT = 640, 480
NAME = b"the tests' desktop"
# By the number of keys pressed so far: red, green, blue.
COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
SECURITY_NONE = 1
KEY_PRESSED = 1


class Desktop(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            self.serve()
        except EOFError:
            pass

    def serve(self):
        self.request.sendall(b"RFB 003.008\n")
        self.read(12)
        self.request.sendall(bytes([1, SECURITY_NONE]))
        self.read(1)
        self.request.sendall(struct.pack(">I", 0))
        self.read(1)
        pixels = struct.pack(">BBBBHHHBBBxxx", 32, 24, 0, 1, 255, 255, 255, 0, 8, 16)
        self.request.sendall(struct.pack(">HH", WIDTH, HEIGHT) + pixels + struct.pack(">I", len(NAME)) + NAME)
        pressed = drawn = 0
        waiting = False
        while True:
            kind, = self.read(1)
            if kind == 0:  # SetPixelFormat: 32 bits, the only one that is here
                self.read(19)
            elif kind == 2:  # SetEncodings: raw is always understood
                self.read(4 * struct.unpack(">xH", self.read(3))[0])
            elif kind == 3:  # FramebufferUpdateRequest
                incremental, = struct.unpack(">Bxxxxxxxx", self.read(9))
                waiting = True
                drawn = drawn if incremental else -1
            elif kind == 4:  # KeyEvent
                pressed += struct.unpack(">Bxxxxxx", self.read(7))[0] == KEY_PRESSED
            elif kind == 5:  # PointerEvent
                self.read(5)
            elif kind == 6:  # ClientCutText
                self.read(struct.unpack(">xxxI", self.read(7))[0])
            else:
                raise AssertionError(f"expected a message of RFC 6143 §7.5, got type {kind}")
            if waiting and drawn != pressed:
                self.request.sendall(picture(pressed))
                drawn, waiting = pressed, False

    def read(self, size):
        data = b""
        while len(data) < size:
            more = self.request.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data


def picture(pressed):
    """A FramebufferUpdate of the whole desktop, raw: 1.2 MB."""
    # The fourth byte means nothing in RFC 6143, but version 1.3 of noVNC can take it for the opacity.
    pixel = bytes([*COLOURS[pressed % len(COLOURS)], 255])
    return struct.pack(">BxHHHHHi", 0, 1, 0, 0, WIDTH, HEIGHT, 0) + pixel * (WIDTH * HEIGHT)


class DesktopServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Desktop)
        self.address = "127.0.0.1:%d" % self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()
