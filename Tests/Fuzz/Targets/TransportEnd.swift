import NIOCore

@testable import GatewayTLS
@testable import SocketTransport

/// A socket under test with its owner, which does what an input says, and checks what it is told.
final class TransportEnd: StreamSocketDelegate {
    enum Event: Int { case received, secured, readComplete, inputEnded, writability, drained, outputEnded, closed }

    let socket: StreamSocket
    let peer: TransportPeer
    private let kernel: TransportKernel
    private let descriptor: CInt
    /// The other socket of the loop.
    weak var other: TransportEnd?
    /// What the owner does at the next event of a kind: see `act`.
    var reactions: [Event: UInt8] = [:]
    var readsOn: Bool
    private(set) var broken: BrokenInvariant?

    /// Bytes that the socket has taken, and bytes that it has given.
    private(set) var written = 0
    private(set) var received = 0
    private var hasAsked = false
    private var isReadOpen = false
    private var wasWritable = true
    private(set) var inputHasEnded = false
    private(set) var outputHasEnded = false
    private(set) var hasClosed = false
    private var ownerHasClosed = false
    /// The input cuts what the peer has sent, so that TLS fails.
    var isCut = false
    /// What a slow reader keeps, and where it began.
    private var kept: [(place: Int, bytes: ByteBuffer)] = []

    init(_ socket: StreamSocket, peer: TransportPeer, kernel: TransportKernel, readsOn: Bool) {
        self.socket = socket
        self.peer = peer
        self.kernel = kernel
        self.readsOn = readsOn
        descriptor = socket.descriptor
        socket.delegate = self
    }

    var connection: TransportKernel.Connection {
        get { kernel.connections[descriptor] ?? .init() }
        set { kernel.connections[descriptor] = newValue }
    }

    private func expect(_ condition: Bool, _ message: @autoclosure () -> String) {
        if !condition, broken == nil { broken = BrokenInvariant(message()) }
    }

    // MARK: What the owner does

    func read() {
        if socket.isOpen, !inputHasEnded { hasAsked = true }
        socket.read()
    }

    func stopReading() {
        hasAsked = false
        socket.stopReading()
    }

    func write(_ sizes: [Int]) {
        // What an input may cost is bounded.
        for size in sizes where socket.isOpen && !socket.outputIsEnding && written < 500_000 {
            let bytes = ByteBuffer(bytes: TransportPeer.bytes(from: written, count: size))
            // Counted first: the call may tell of writability, and the owner write again.
            written += size
            socket.write(bytes)
        }
    }

    func close() {
        ownerHasClosed = true
        socket.close()
    }

    /// What `code` stands for; bits 3 to 7 say how much.
    func act(_ code: UInt8) {
        let amount = Int(code >> 3)
        switch code & 7 {
        case 0: write([1 + amount * amount * 40])
        case 1:
            write([10, 1 + amount * 300, 3, 9000])
            socket.flush()
        case 2: socket.flush()
        case 3: socket.endOutput()
        case 4: stopReading()
        case 5: read()
        case 6 where amount & 1 == 0: close()
        case 6: if let other { other.write([5, 6, amount * 500, 7]); other.socket.flush() }
        default: if amount & 3 == 0 { other?.close() } else { readsOn.toggle() }
        }
    }

    /// The loop's turn, as far as it concerns this socket.
    func turn() {
        guard socket.isOpen, socket.place != nil else { return }
        let always: PollEvents = [.failed, .hungUp]
        let events = connection.events.intersection(socket.interest.union(always))
        if !events.isEmpty { socket.ready(events) }
        socket.loop.deferred.serve(until: .distantFuture, watchedBy: socket.loop.poller)
        socket.loop.handshakes.takeTurns(until: .distantFuture)
    }

    // MARK: What is checked between the steps

    func check() throws {
        if let broken { throw broken }
        try require(socket.isOpen != hasClosed, "the socket is open: \(socket.isOpen), told of its close: \(hasClosed)")
        try require(socket.loop.buffers.tls.output.isEmpty, "output of TLS is left for another connection")
        guard socket.isOpen else {
            return try require(socket.bufferedBytes == 0, "\(socket.bufferedBytes) bytes are kept after the close")
        }
        let buffered = socket.bufferedBytes
        // A broken connection takes nothing more, and waits for what is left to be read.
        guard socket.failure == nil else {
            try require(buffered == 0, "\(buffered) bytes are kept for a broken connection")
            return try require(connection.isReset, "broken without a reset")
        }
        if peer.tls == nil {
            try require(
                buffered == written - connection.accepted,
                "\(buffered) bytes wait, expected \(written - connection.accepted)")
        }
        try require(buffered <= written * 2 + 40_000, "\(buffered) bytes wait of \(written)")
        // What TLS itself has to say is not counted when it is made.
        let isCounted = peer.tls == nil || !(socket.isHandshaking || socket.outputIsEnding)
        try require(
            !(socket.isWritable && isCounted && buffered > socket.watermarks.high), "writable with \(buffered) bytes")
        try require(socket.isWritable || buffered >= socket.watermarks.low, "not writable with \(buffered) bytes")
        if let waiting = socket.waiting {
            try require(waiting.readableBytes > 0, "nothing waits, and is kept")
            try require(socket.interest.contains(.writable), "nobody watches for room, and bytes wait")
        }
    }

    /// Whether the slow reader has what it had been given.
    func checkKept() throws {
        for (place, bytes) in kept {
            try require(
                bytes.readableBytesView.elementsEqual(TransportPeer.bytes(from: place, count: bytes.readableBytes)),
                "bytes that the owner kept have changed")
        }
    }

    private func note(_ event: Event) {
        expect(!hasClosed || event == .closed, "\(event) came after the close")
        if let code = reactions.removeValue(forKey: event) { act(code) }
    }

    // MARK: StreamSocketDelegate

    func socket(_ socket: StreamSocket, received bytes: ByteBuffer) {
        expect(!inputHasEnded, "bytes came after the end of the input")
        expect(bytes.readableBytes > 0 && bytes.readableBytes <= 65_536 + 16_640, "\(bytes.readableBytes) bytes came")
        let isAhead = socket.noticesEnd && (connection.inboundHasEnded || connection.isReset)
        let isFirst = peer.tls != nil && received == 0
        expect(hasAsked || isAhead || isFirst, "bytes came that nobody had asked for")
        hasAsked = false
        isReadOpen = true
        expect(
            bytes.readableBytesView.elementsEqual(TransportPeer.bytes(from: received, count: bytes.readableBytes)),
            "the owner got other bytes at \(received) than were sent")
        if kept.count < 3 { kept.append((received, bytes)) }
        received += bytes.readableBytes
        expect(received <= peer.sent, "\(received) bytes came of \(peer.sent)")
        note(.received)
    }

    func socketSecured(_ socket: StreamSocket, applicationProtocol: String?) {
        expect(received == 0 && peer.tls != nil, "secured behind bytes")
        note(.secured)
    }

    func socketReadComplete(_ socket: StreamSocket) {
        expect(isReadOpen, "a read is complete that has given nothing")
        isReadOpen = false
        if readsOn { read() }
        note(.readComplete)
    }

    func socketInputEnded(_ socket: StreamSocket) {
        expect(!inputHasEnded, "the input ended twice")
        expect(!isReadOpen, "the end came before the read was complete")
        expect(received == peer.sent || isCut, "the input ended after \(received) bytes of \(peer.sent)")
        inputHasEnded = true
        note(.inputEnded)
    }

    func socketWritabilityChanged(_ socket: StreamSocket) {
        expect(socket.isWritable != wasWritable, "told twice that it is writable: \(wasWritable)")
        wasWritable = socket.isWritable
        note(.writability)
    }

    func socketDrained(_ socket: StreamSocket) {
        expect(socket.isDrained, "it is not drained")
        note(.drained)
    }

    func socketOutputEnded(_ socket: StreamSocket) {
        expect(!outputHasEnded && connection.outputHasEnded, "the output ended twice, or not at all")
        if peer.tls == nil {
            expect(connection.accepted == written, "the output ended after \(connection.accepted) bytes of \(written)")
        }
        outputHasEnded = true
        note(.outputEnded)
    }

    func socketClosed(_ socket: StreamSocket, error: (any Error)?) {
        expect(!hasClosed, "closed twice")
        hasClosed = true
        if error == nil {
            expect(ownerHasClosed || (inputHasEnded && outputHasEnded), "closed though nobody has ended it")
        } else {
            let isLost = !ownerHasClosed && connection.isReset && peer.tls == nil && !inputHasEnded
            expect(!isLost || connection.inbound.isEmpty, "\(connection.inbound.count) bytes before the reset are lost")
            // TLS fails where it is cut; the handshake also where an end of the output comes before it.
            expect(connection.isReset || isCut, "closed by \(error.map { "\($0)" } ?? "")")
        }
        note(.closed)
    }
}
