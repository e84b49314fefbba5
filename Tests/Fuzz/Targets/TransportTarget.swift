import NIOCore

@testable import GatewayTLS
@testable import SocketTransport

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// `StreamSocket`, in the clear and in TLS on either side, two of them on one event loop, over a kernel in memory.
///
/// Invariant: bytes arrive in order, none twice, both ways; none that stands before an end in order is lost; nothing is
/// told after the close; a read is asked for before it is made; `bufferedBytes` is what waits, and `isWritable` and its
/// changes are as the watermarks say; nothing that TLS has made for one connection is left for another; what an owner
/// keeps of the shared buffer does not change; nothing closes but for a reason. In the end, when the kernel takes and
/// gives whatever there is, all that was written has arrived.
///
/// Input: two bytes of settings for each socket, then steps: a byte whose bit 7 chooses the socket, and mostly one more.
enum TransportTarget {
    private struct Settings {
        let isTLS, isServer, isOld, noticesEnd, readsOn, hasEarly, isNarrow: Bool
        let limit: Int

        init(_ input: inout InputBytes) {
            let bits = input.byte()
            isTLS = bits & 1 != 0
            isServer = bits & 2 != 0
            isOld = bits & 4 != 0
            noticesEnd = bits & 8 != 0
            readsOn = bits & 16 == 0
            hasEarly = bits & 32 != 0
            isNarrow = bits & 64 != 0
            let size = Int(input.byte())
            limit = size == 0 ? .max : size * size
        }
    }

    /// Steps of one input.
    private static let steps = 400

    static func check(_ bytes: UnsafeRawBufferPointer) throws {
        var input = InputBytes(bytes)
        let kernel = TransportKernel()
        let loop = try SocketEventLoop(calls: kernel)
        loop.begin()
        defer { loop.windUp() }
        let ends = try [end(Settings(&input), kernel, loop), end(Settings(&input), kernel, loop)]
        ends[0].other = ends[1]
        ends[1].other = ends[0]
        for end in ends { try end.check() }
        for _ in 0..<steps where !input.isAtEnd {
            let code = input.byte()
            try step(code & 127, ends[Int(code >> 7)], &input)
            for end in ends { try end.check() }
        }
        for end in ends { try finish(end, all: ends) }
        for end in ends {
            try end.checkKept()
            end.close()
            try end.check()
        }
        try require(loop.poller.count == 1, "\(loop.poller.count - 1) closed sockets are watched")
    }

    private static func end(
        _ settings: Settings, _ kernel: TransportKernel, _ loop: SocketEventLoop
    ) throws -> TransportEnd {
        // The poller wants a descriptor; nothing else does.
        let descriptor = try SystemCall.check(socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0), "socket")
        kernel.connections[descriptor] = .init(limit: settings.limit)
        let own = StreamSocket(descriptor, on: loop)
        own.noticesEnd = settings.noticesEnd
        if settings.isNarrow { own.watermarks = .init(low: 100, high: 400) }
        let site = try TransportPeer.Site.shared.get()
        let client = settings.isTLS ? try TransportPeer.Site.client(isOld: settings.isOld) : nil
        let peer = try TransportPeer { workspace in
            guard let client else { return nil }
            return try settings.isServer
                ? TLSConnection(client: client, peer: .name("site.example"), workspace: workspace)
                : TLSConnection(server: site.server, workspace: workspace)
        }
        let end = TransportEnd(own, peer: peer, kernel: kernel, readsOn: settings.readsOn)
        try own.open()
        if settings.readsOn { end.read() }
        guard let client else { return end }
        if settings.isServer {
            let early = settings.hasEarly ? peer.wire.prefix(100) : []
            peer.wire.removeFirst(early.count)
            own.startTLS(server: site.server, early: early.isEmpty ? nil : .init(bytes: early))
        } else {
            try own.startTLS(client: client, peer: .name("site.example"), address: "")
        }
        return end
    }

    private static func step(_ code: UInt8, _ end: TransportEnd, _ input: inout InputBytes) throws {
        switch code & 15 {
        case 0:
            let count = 1 + input.word() % 20_000
            if canSend(end) { try end.peer.send(count) }
        case 1: carry(end, Int(input.byte()))
        case 2, 3: end.turn()
        case 4:
            let size = Int(input.byte())
            end.connection.limit = size == 0 ? .max : size * size
        case 5:
            let size = input.byte()
            end.connection.room = size == 255 ? .max : Int(size) * Int(size)
        case 6: end.connection.interruptions = Int(input.byte() & 3)
        case 7, 8: end.act(input.byte())
        case 9: endPeer(end, input.byte())
        case 10: try receive(end, 1 + Int(input.byte()))
        case 11:
            let asks = input.flag()
            if canSend(end) { try end.peer.updateKey(asks: asks) }
        case 12:
            let kind = input.byte()
            if let event = TransportEnd.Event(rawValue: Int(kind & 7)) { end.reactions[event] = input.byte() }
        case 13:
            // The peer reads and answers, as in a handshake.
            carry(end, 0)
            end.turn()
            try receive(end, .max)
        case 14: end.socket.noticesEnd.toggle()
        default: try receive(end, .max)
        }
    }

    private static func canSend(_ end: TransportEnd) -> Bool {
        !end.connection.inboundHasEnded && !end.connection.isReset
    }

    /// Hands wire bytes of the peer to the kernel; 0: all of them.
    private static func carry(_ end: TransportEnd, _ size: Int) {
        guard !end.connection.inboundHasEnded, !end.connection.isReset else { return end.peer.wire.removeAll() }
        let count = min(size == 0 ? .max : size, end.peer.wire.count)
        end.connection.inbound += end.peer.wire.prefix(count)
        end.peer.wire.removeFirst(count)
    }

    private static func receive(_ end: TransportEnd, _ size: Int) throws {
        let bytes = Array(end.connection.outbound.prefix(size))
        end.connection.outbound.removeFirst(bytes.count)
        try end.peer.receive(bytes)
        if let failure = end.peer.failure, !end.isCut {
            throw BrokenInvariant("the peer can't go on: \(failure)")
        }
    }

    /// The peer ends: in order, without saying so, amid what it has sent, or by a reset.
    private static func endPeer(_ end: TransportEnd, _ kind: UInt8) {
        guard !end.connection.inboundHasEnded, !end.connection.isReset else { return }
        switch kind & 7 {
        case 0, 1: end.peer.sayEnd()
        case 2, 3:
            end.peer.sayEnd()
            carry(end, 0)
            end.isCut = end.isCut || end.peer.tls?.isHandshaking == true
            end.connection.inboundHasEnded = true
        case 4:
            carry(end, 0)
            end.isCut = end.isCut || end.peer.tls?.isHandshaking == true
            end.connection.inboundHasEnded = true
        case 5:
            // What is on the way is lost.
            carry(end, Int(kind))
            end.isCut = true
            end.peer.wire.removeAll()
            end.connection.inboundHasEnded = true
        case 6:
            end.isCut = true
            end.connection.isReset = true
        default:
            // Bytes that are no TLS, or not those that are expected.
            guard end.peer.tls != nil else { return }
            end.isCut = true
            end.connection.inbound += [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]
        }
    }

    /// The kernel takes and gives whatever there is, and the owner reads on and flushes.
    private static func finish(_ end: TransportEnd, all: [TransportEnd]) throws {
        end.connection.limit = .max
        end.connection.room = .max
        end.connection.interruptions = 0
        end.readsOn = true
        for _ in 0..<60 {
            end.read()
            end.socket.flush()
            carry(end, 0)
            end.turn()
            try receive(end, .max)
            for end in all { try end.check() }
        }
        guard !end.isCut, !end.hasClosed else { return }
        try require(!end.socket.isHandshaking, "the handshake does not come to its end")
        try require(end.received == end.peer.sent, "\(end.received) bytes have come of \(end.peer.sent)")
        try require(end.peer.received == end.written, "\(end.peer.received) bytes have arrived of \(end.written)")
        try require(end.socket.outputIsEnding == end.outputHasEnded, "the end of the output does not come")
        if end.outputHasEnded, end.peer.tls != nil { try require(end.peer.hasSeenEnd, "close_notify does not come") }
        let hasEnd = end.peer.hasSentEnd || end.connection.inboundHasEnded
        try require(end.inputHasEnded == hasEnd, "the end of the input: \(hasEnd), told of: \(end.inputHasEnded)")
    }
}
