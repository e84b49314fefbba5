import NIOCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One end of the connection between two processes of a takeover. Its calls block, up to a deadline: they are made on
/// a thread that may wait, one at a time.
final class TakeoverConnection: Sendable {
    /// Bytes, its end included.
    static let longestLine = 64 * 1024

    private struct State {
        /// -1: closed.
        var socket: CInt
        var bytes: [UInt8] = []
        var descriptors: [CInt] = []
    }

    private let state: Mutex<State>
    private let mostDescriptors: Int

    /// - Parameters:
    ///   - socket: connected; from now on this object's.
    ///   - mostDescriptors: how many may come in all; one more ends the connection.
    init(_ socket: CInt, mostDescriptors: Int) {
        state = Mutex(State(socket: socket))
        self.mostDescriptors = mostDescriptors
    }

    deinit { close() }

    private var socket: CInt { state.withLock { $0.socket } }

    /// Ends the connection, and closes descriptors that came and were not taken.
    func close() {
        state.withLock { state in
            for descriptor in state.descriptors { closeDescriptor(descriptor) }
            if state.socket >= 0 { closeDescriptor(state.socket) }
            state = State(socket: -1)
        }
    }

    /// Makes a `readLine` that waits, and every later one, find the end of the connection. From any thread.
    func stopReading() {
        state.withLock { if $0.socket >= 0 { _ = shutdown($0.socket, CInt(SHUT_RD)) } }
    }

    /// The other process, as the kernel knows it (SO_PEERCRED): as it was when it connected, or began to listen.
    func peer() throws -> (pid: Int32, user: UInt32) {
        // struct ucred: process, user and group.
        var credentials: [UInt32] = [0, 0, 0]
        var size = socklen_t(MemoryLayout<UInt32>.size * credentials.count)
        guard getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 else {
            throw IOError(errnoCode: errno, reason: "SO_PEERCRED")
        }
        return (Int32(bitPattern: credentials[0]), credentials[1])
    }

    /// Sends a line, with descriptors whose number is not that large that there is no byte for each 253 of them.
    ///
    /// They travel with the bytes of the line: who has read the line has them all.
    ///
    /// - Throws: `IOError`, or `TakeoverError` when the other side does not take it in time.
    func send(_ line: [UInt8], with descriptors: [CInt] = [], by deadline: ContinuousClock.Instant) throws {
        var bytes = line[...]
        var waiting = descriptors[...]
        while !bytes.isEmpty {
            let batch = waiting.prefix(DescriptorPassing.mostPerMessage)
            // While there are more descriptors, a byte for each batch.
            let part = batch.count < waiting.count ? bytes.prefix(1) : bytes
            do {
                bytes = bytes.dropFirst(try DescriptorPassing.send(part, with: batch, to: socket))
                waiting = waiting.dropFirst(batch.count)
            } catch let error as IOError where error.errnoCode == EAGAIN {
                try wait(for: POLLOUT, by: deadline)
            }
        }
        guard waiting.isEmpty else { throw IOError(errnoCode: EMSGSIZE, reason: "too many descriptors for their line") }
    }

    /// The next line without its end; nil at the end of the connection.
    ///
    /// - Parameters:
    ///   - visitors: a listening socket that is looked after meanwhile.
    ///   - visit: called when somebody has connected to it.
    /// - Throws: `IOError`, or `TakeoverError` for a line that is too long, too many descriptors, or no line in time.
    func readLine(
        by deadline: ContinuousClock.Instant, visitors: CInt? = nil, visit: () -> Void = {}
    ) throws -> [UInt8]? {
        while true {
            if let line = try takeLine() { return line }
            do {
                let (bytes, descriptors) = try DescriptorPassing.receive(from: socket, atMost: 8192)
                if bytes.isEmpty, descriptors.isEmpty { return nil }
                let count = state.withLock { state in
                    state.bytes += bytes
                    state.descriptors += descriptors
                    return state.descriptors.count
                }
                guard count <= mostDescriptors else {
                    throw TakeoverError(
                        description:
                            "expected at most \(mostDescriptors) descriptors from the other process, got \(count)")
                }
            } catch let error as IOError where error.errnoCode == EAGAIN {
                try wait(for: POLLIN, by: deadline, visitors: visitors, visit: visit)
            }
        }
    }

    /// Sends a line and reads the next one, which the other side may have said before it ended the connection; nil when
    /// it has said nothing more.
    ///
    /// - Throws: as `send` and `readLine`.
    func ask(_ line: [UInt8], by deadline: ContinuousClock.Instant) throws -> [UInt8]? {
        do {
            try send(line, by: deadline)
        } catch let error as IOError where error.errnoCode == EPIPE || error.errnoCode == ECONNRESET {}
        do {
            return try readLine(by: deadline)
        } catch let error as IOError where error.errnoCode == ECONNRESET {
            // It has not read all that it was sent.
            return nil
        }
    }

    /// What came with the lines so far; from now on the caller's to close.
    func takeDescriptors() -> [CInt] {
        state.withLock { state in
            defer { state.descriptors = [] }
            return state.descriptors
        }
    }

    private func takeLine() throws -> [UInt8]? {
        try state.withLock { state in
            let end = state.bytes.firstIndex(of: UInt8(ascii: "\n"))
            guard end ?? state.bytes.count < Self.longestLine else {
                throw TakeoverError(
                    description: "expected a line of at most \(Self.longestLine) bytes from the other process, got more"
                )
            }
            guard let end else { return nil }
            defer { state.bytes.removeFirst(end + 1) }
            return Array(state.bytes[..<end])
        }
    }

    private func wait(
        for events: CInt, by deadline: ContinuousClock.Instant, visitors: CInt? = nil, visit: () -> Void = {}
    ) throws {
        while true {
            let rest = deadline - .now
            guard rest > .zero else {
                throw TakeoverError(description: "the other process did not answer in time")
            }
            // poll leaves a negative descriptor out.
            var waiting = [
                pollfd(fd: socket, events: Int16(events), revents: 0),
                pollfd(fd: visitors ?? -1, events: Int16(POLLIN), revents: 0),
            ]
            // Rounded up, so that it does not spin through the last millisecond.
            let milliseconds =
                min(rest.components.seconds, 3600) * 1000 + rest.components.attoseconds / 1_000_000_000_000_000 + 1
            let count = poll(&waiting, nfds_t(waiting.count), CInt(milliseconds))
            guard count >= 0 || errno == EINTR else { throw IOError(errnoCode: errno, reason: "poll") }
            guard count > 0 else { continue }
            // First, as a visitor need not be sent away once the connection has ended.
            if waiting[0].revents != 0 { return }
            if waiting[1].revents != 0 { visit() }
        }
    }
}

/// `close` is this type's own word as well.
private func closeDescriptor(_ descriptor: CInt) { close(descriptor) }
