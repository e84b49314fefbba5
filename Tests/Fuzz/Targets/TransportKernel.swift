@testable import SocketTransport

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A kernel in memory: what the system does with the connections of one event loop, as an input says.
final class TransportKernel: SocketCalls {
    /// One connection, as the system sees it.
    struct Connection {
        /// What has come from the peer and is not read.
        var inbound: [UInt8] = []
        var inboundHasEnded = false
        var isReset = false
        /// What was taken for the peer, and how much more there is room for.
        var outbound: [UInt8] = []
        var accepted = 0
        var room = Int.max
        var outputHasEnded = false
        /// The most that one call takes or gives.
        var limit = Int.max
        /// So many calls fail by EINTR first.
        var interruptions = 0

        var events: PollEvents {
            var events: PollEvents = []
            if !inbound.isEmpty || inboundHasEnded || isReset { events.insert(.readable) }
            if room > 0 || isReset { events.insert(.writable) }
            if inboundHasEnded || isReset { events.insert(.peerEnded) }
            if isReset { events.formUnion([.failed, .hungUp]) }
            if inboundHasEnded, outputHasEnded { events.insert(.hungUp) }
            return events
        }
    }

    var connections: [CInt: Connection] = [:]

    override func read(_ descriptor: CInt, _ memory: UnsafeMutableRawBufferPointer) -> Int {
        guard let connection = connections[descriptor] else { return fail(EBADF) }
        if connection.interruptions > 0 {
            connections[descriptor]?.interruptions -= 1
            return fail(EINTR)
        }
        let count = min(memory.count, connection.inbound.count, connection.limit)
        if count > 0 {
            memory.copyBytes(from: connection.inbound[..<count])
            connections[descriptor]?.inbound.removeFirst(count)
            return count
        }
        if connection.isReset { return fail(ECONNRESET) }
        return connection.inboundHasEnded ? 0 : fail(EAGAIN)
    }

    override func hasUnread(_ descriptor: CInt) -> Bool { connections[descriptor]?.inbound.isEmpty == false }

    override func write(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer, isSocket: Bool) -> Int {
        guard let (room, limit) = connections[descriptor].map({ ($0.room, $0.limit) }) else { return fail(EBADF) }
        if let left = connections[descriptor]?.interruptions, left > 0 {
            connections[descriptor]?.interruptions = left - 1
            return fail(EINTR)
        }
        if connections[descriptor]?.isReset == true || connections[descriptor]?.outputHasEnded == true {
            return fail(EPIPE)
        }
        // Many bytes go in longer pieces, too: there are only so many cuts of interest.
        let count = min(bytes.count, room, max(limit, bytes.count / 50))
        guard count > 0 else { return fail(EAGAIN) }
        if room < Int.max { connections[descriptor]?.room = room - count }
        connections[descriptor]?.outbound += bytes[..<count]
        connections[descriptor]?.accepted += count
        return count
    }

    override func endOutput(_ descriptor: CInt) { connections[descriptor]?.outputHasEnded = true }

    private func fail(_ code: CInt) -> Int {
        errno = code
        return -1
    }
}
