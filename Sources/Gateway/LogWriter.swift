import Dispatch
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Writes lines to a file descriptor from a thread of its own, so that a reader which falls behind or stops reading
/// holds nobody up but itself.
///
/// What it can't take waits, up to a limit; lines past that are dropped and counted, and a line says how many once there
/// is room again. Lines keep their order, and none is ever cut by another.
public final class LogWriter: Sendable {
    /// Of this process.
    public static let standardError = LogWriter(descriptor: STDERR_FILENO)

    private struct State {
        var waiting: [UInt8] = []
        var dropped = 0
        var notice: @Sendable (Int) -> [UInt8] = { _ in [] }
        var isWriting = false

        /// The line that says how many were dropped since the last such line.
        mutating func takeNotice() -> [UInt8] {
            guard dropped > 0 else { return [] }
            defer { dropped = 0 }
            return notice(dropped)
        }
    }

    private let descriptor: CInt
    private let limit: Int
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "sluice.log")

    /// - Parameter limit: bytes of lines that may wait.
    init(descriptor: CInt, limit: Int = 1 << 20) {
        self.descriptor = descriptor
        self.limit = limit
    }

    /// Takes a line, with its line end, to be written soon. Any thread; never waits for the reader.
    ///
    /// - Parameter notice: makes the line that says how many were dropped, should this be one of them.
    func write(_ line: [UInt8], notice: @escaping @Sendable (Int) -> [UInt8]) {
        let mustStart = state.withLock { state in
            guard state.waiting.count + line.count <= limit else {
                state.dropped += 1
                state.notice = notice
                return false
            }
            state.waiting += state.takeNotice()
            state.waiting += line
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if mustStart { queue.async { self.writeWaiting() } }
    }

    /// Waits until everything is written, no longer than `milliseconds`: for the last lines of a process.
    public func flush(milliseconds: Int = 500) {
        let done = DispatchSemaphore(value: 0)
        queue.async { done.signal() }
        _ = done.wait(timeout: .now() + .milliseconds(milliseconds))
    }

    private func writeWaiting() {
        while true {
            let bytes = state.withLock { state in
                var bytes: [UInt8] = []
                swap(&bytes, &state.waiting)
                if bytes.isEmpty { bytes += state.takeNotice() }
                state.isWriting = !bytes.isEmpty
                return bytes
            }
            if bytes.isEmpty { return }
            bytes.withUnsafeBytes(writeAll)
        }
    }

    private func writeAll(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = UnsafeRawBufferPointer(rebasing: rest)
            #if canImport(Glibc)
                let count = Glibc.write(descriptor, piece.baseAddress, piece.count)
            #else
                let count = Musl.write(descriptor, piece.baseAddress, piece.count)
            #endif
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                // A descriptor that someone else has made non-blocking.
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&waiting, 1, -1)
            } else if errno != EINTR {
                // Nobody reads any more: there is nowhere left to say so.
                return
            }
        }
    }
}
