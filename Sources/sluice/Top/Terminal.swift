import Dispatch

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The terminal on standard output, its alternate screen, and the keys of the one on standard input.
struct Terminal {
    /// As it was; nil: standard input is no terminal, and there are no keys.
    private let original: termios?

    /// nil: standard output is no terminal.
    init?() {
        guard isatty(STDOUT_FILENO) == 1 else { return nil }
        var attributes = termios()
        original = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &attributes) == 0 ? attributes : nil
    }

    /// In characters. Some terminals do not know it.
    var size: (width: Int, height: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return (80, 24)
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Keys come one by one and are not shown; the alternate screen is there, without a cursor. Does no harm twice.
    func enter() {
        if var raw = original {
            cfmakeraw(&raw)
            tcsetattr(STDIN_FILENO, TCSANOW, &raw)
        }
        write("\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l\u{1B}[2J")
    }

    /// Everything is as it was before.
    func leave() {
        write("\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l")
        if var original { tcsetattr(STDIN_FILENO, TCSANOW, &original) }
    }

    func clear() {
        write("\u{1B}[2J")
    }

    /// Stops the process as a shell expects it; returns when it is continued.
    func suspend() {
        leave()
        raise(SIGSTOP)
        enter()
    }

    /// Replaces what the screen shows.
    func draw(_ lines: [String]) {
        write("\u{1B}[H" + lines.joined(separator: "\u{1B}[K\r\n") + "\u{1B}[K")
    }

    /// Gives the bytes of keys to `take` until the process ends. They are read on a thread of their own.
    func readKeys(_ take: @escaping @Sendable ([UInt8]) -> Void) {
        guard original != nil else { return }
        DispatchQueue(label: "keys").async {
            while true {
                var bytes = [UInt8](repeating: 0, count: 256)
                let count = bytes.withUnsafeMutableBytes { read(STDIN_FILENO, $0.baseAddress, $0.count) }
                if count < 0, errno == EINTR { continue }
                // The terminal is gone; SIGHUP says so as well.
                guard count > 0 else { return }
                take(Array(bytes.prefix(count)))
            }
        }
    }

    private func write(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            var sent = 0
            while sent < bytes.count {
                let count = posixWrite(STDOUT_FILENO, bytes.baseAddress?.advanced(by: sent), bytes.count - sent)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                sent += count
            }
        }
    }
}
