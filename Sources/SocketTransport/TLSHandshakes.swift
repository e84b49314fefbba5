import GatewayTLS
import NIOCore

/// A client's TLS handshake, from the beginning of its connection to its end.
final class ClientHandshake {
    enum Stage {
        /// Not a byte has come. It takes no more than a connection in the clear does.
        case silent
        /// Bytes have come, and wait in the kernel: as many handshakes as may be are under way.
        case inLine
        /// It has memory of BoringSSL's.
        case underWay
        case over
    }

    /// Outlives this: it lets go of it when it closes.
    unowned let socket: StreamSocket
    let context: TLSServerContext
    fileprivate(set) var stage = Stage.silent
    /// Wire bytes that came before TLS was begun.
    var early: ByteBuffer?
    /// When something was last done for it.
    var lastTurn = NIODeadline.now()
    /// Among those that are under way.
    fileprivate var place = 0

    init(of socket: StreamSocket, with context: TLSServerContext) {
        self.socket = socket
        self.context = context
    }

    /// Whether nothing but its client keeps it from going on.
    fileprivate func awaitsClient(since time: NIODeadline) -> Bool {
        !socket.awaitsKey && !socket.awaitsHandshakeTurn && lastTurn < time
    }
}

/// The TLS handshakes of one event loop: whose turn it is, and which clients' have a place.
///
/// A crowd of them is not to hold up what is open, so that a turn of the loop gives them a moment only, behind the open
/// sockets. Nor is it to take memory without bound: clients' handshakes have so many places, and who finds none waits
/// in line, in the order in which they came, with its ClientHello unread.
final class TLSHandshakes {
    /// While others wait in line, a client may keep a handshake waiting for so long.
    var patience = TimeAmount.seconds(3)
    /// How often that is looked after.
    var interval = TimeAmount.milliseconds(500)

    /// How many places there are, at least one.
    var limit = SocketEventLoop.handshakeLimit {
        didSet { letIn() }
    }

    private var turns = TurnLine<StreamSocket>()
    private var underWay: [ClientHandshake] = []
    private var line = CircularBuffer<ClientHandshake>()
    /// Of those in line, how many have left it.
    private var gone = 0
    private var isLookingAfter = false

    // MARK: Turns

    /// Whether some can go on.
    var areDue: Bool { !turns.isEmpty }

    /// Has the handshake of a socket go on when the open sockets have had their turn.
    func giveTurn(to socket: StreamSocket) {
        guard !socket.awaitsHandshakeTurn else { return }
        socket.awaitsHandshakeTurn = true
        turns.append(socket, socket.descriptor, at: socket.loop.turnTime)
    }

    /// The loop has ended: no handshake goes on.
    func removeTurns() { turns.removeAll() }

    /// At least one goes on, and others until a point in time. What takes long in one step, the use of a long key, is done
    /// elsewhere.
    func takeTurns(until end: NIODeadline) {
        while let entry = turns.popFirst() {
            let socket = entry.watched
            socket.continueHandshake()
            socket.loop.poller.unmute(socket, entry.descriptor)
            guard NIODeadline.now() < end else { return turns.muteRest(in: socket.loop.poller) }
        }
    }

    // MARK: Places

    /// Of those under way, and in line.
    var counts: (underWay: Int, inLine: Int) { (underWay.count, line.count - gone) }

    /// Gives a handshake a place, unless it has one.
    ///
    /// - Returns: false: there is none, and it waits in line.
    func admit(_ handshake: ClientHandshake) -> Bool {
        switch handshake.stage {
        case .underWay: return true
        case .inLine, .over: return false
        case .silent: break
        }
        guard underWay.count >= limit || counts.inLine > 0 else {
            begin(handshake)
            return true
        }
        handshake.stage = .inLine
        line.append(handshake)
        lookAfter(on: handshake.socket.loop)
        return false
    }

    /// A handshake is done, or its connection closed.
    func end(_ handshake: ClientHandshake) {
        defer { handshake.stage = .over }
        switch handshake.stage {
        case .silent, .over: return
        case .inLine:
            gone += 1
            // Each of them keeps memory until it is taken out.
            guard gone > 64, gone > line.count / 2 else { return }
            handshake.stage = .over
            line.removeAll { $0.stage == .over }
            gone = 0
        case .underWay:
            guard let last = underWay.popLast() else { return }
            if last !== handshake {
                last.place = handshake.place
                underWay[handshake.place] = last
            }
            letIn()
        }
    }

    private func begin(_ handshake: ClientHandshake) {
        handshake.stage = .underWay
        handshake.place = underWay.count
        handshake.lastTurn = .now()
        underWay.append(handshake)
    }

    /// Gives places that have become free to those who have waited longest.
    private func letIn() {
        while underWay.count < limit, let next = line.popFirst() {
            guard next.stage == .inLine else {
                gone -= 1
                continue
            }
            begin(next)
            giveTurn(to: next.socket)
        }
    }

    /// As long as somebody waits in line, those who keep their place without saying anything lose it.
    private func lookAfter(on loop: SocketEventLoop) {
        guard !isLookingAfter else { return }
        isLookingAfter = true
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleTask(in: interval) { bound.value.endSilent(on: loop) }
    }

    private func endSilent(on loop: SocketEventLoop) {
        isLookingAfter = false
        guard counts.inLine > 0 else { return }
        let time = NIODeadline.now() - patience
        var places = counts.inLine
        for handshake in underWay.filter({ $0.awaitsClient(since: time) }) {
            // The end of one may have been that of another.
            guard places > 0, handshake.stage == .underWay else { continue }
            places -= 1
            handshake.socket.close(because: Self.silence)
        }
        if counts.inLine > 0 { lookAfter(on: loop) }
    }

    private static let silence = TLSFailure(
        .cutShort, "the client sent nothing for 3 s in its TLS handshake, and other clients waited for its place")
}

extension SocketEventLoop {
    /// So many clients' TLS handshakes are under way on a loop at once, where nothing less is set.
    public static let handshakeLimit = 1024

    /// Sets how many clients' TLS handshakes may be under way at once, between 1 and ``handshakeLimit``. On the loop.
    public func limitHandshakes(to count: Int) { handshakes.limit = min(max(1, count), Self.handshakeLimit) }
}

/// Wakes the handshake of a socket from another thread, if there is one still.
final class HandshakeWait: @unchecked Sendable {
    /// Read on its loop alone.
    private weak var socket: StreamSocket?

    init(_ socket: StreamSocket) { self.socket = socket }

    func isOver() {
        guard let socket, socket.isOpen else { return }
        socket.loop.handshakes.giveTurn(to: socket)
    }
}
