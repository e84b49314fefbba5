import GatewayTLS
public import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Whoever uses a `StreamSocket`. All calls come on its event loop.
public protocol StreamSocketDelegate: AnyObject {
    /// Bytes came. They are in memory that all sockets of the loop share: whoever keeps them beyond the call keeps 64 KiB.
    func socket(_ socket: StreamSocket, received bytes: ByteBuffer)
    /// The TLS handshake is done.
    ///
    /// - Parameter applicationProtocol: what ALPN has chosen (RFC 7301); nil: nothing.
    func socketSecured(_ socket: StreamSocket, applicationProtocol: String?)
    /// The peer speaks HTTP where TLS is expected, and its connection is closed next.
    ///
    /// - Returns: what goes out before, as it is; nil: nothing.
    func socketMetPlainHTTP(_ socket: StreamSocket) -> ByteBuffer?
    /// What one read has given has been told.
    func socketReadComplete(_ socket: StreamSocket)
    /// The peer has ended its sending half in order; everything that it has sent was told before.
    func socketInputEnded(_ socket: StreamSocket)
    /// `isWritable` has changed.
    func socketWritabilityChanged(_ socket: StreamSocket)
    /// Everything that was flushed is with the kernel, after some of it had to wait.
    func socketDrained(_ socket: StreamSocket)
    /// The sending half has ended, behind everything that was written.
    func socketOutputEnded(_ socket: StreamSocket)
    /// The socket is closed, and nothing follows.
    ///
    /// - Parameter error: what broke it; nil: it was closed from here, or by the ends of both halves.
    func socketClosed(_ socket: StreamSocket, error: (any Error)?)
}

extension StreamSocketDelegate {
    public func socketMetPlainHTTP(_ socket: StreamSocket) -> ByteBuffer? { nil }
}

/// Whoever counts sockets: told once, when one has closed, whoever its delegate is by then.
public protocol StreamSocketObserver: AnyObject {
    func socketHasClosed()
}

/// A connected stream socket, or one end of a pipe: bytes in order, with backpressure, on its event loop.
///
/// It holds nothing while nothing waits. What is read is in the buffer of the loop; what is flushed goes to the kernel at
/// once, and only what the kernel does not take is copied and kept.
public final class StreamSocket: PolledDescriptor {
    /// Bytes that wait to be sent: above the high mark `isWritable` is false, until they are below the low one.
    public struct Watermarks: Sendable {
        public var low: Int
        public var high: Int

        public init(low: Int, high: Int) {
            self.low = low
            self.high = high
        }
    }

    enum Kind {
        case socket
        /// One end of a pipe, which is either read or written.
        case pipe
    }

    public let loop: SocketEventLoop
    let kind: Kind
    /// -1: it is closed.
    final private(set) var descriptor: CInt
    /// Kept until the socket has closed.
    public var delegate: (any StreamSocketDelegate)?
    public var observer: (any StreamSocketObserver)?
    public var watermarks = Watermarks(low: 32 * 1024, high: 128 * 1024)
    /// Whether it is served in each turn before connections that begin, requests and the like: it carries messages.
    public var hasPrecedence = false

    /// Whether the end of the peer's sending half is noticed, and what is before it read, while no read is wanted.
    public var noticesEnd = false
    var wantsRead = false
    var inputHasEnded = false
    /// The peer has ended, and there was more before its end than is read ahead.
    var hasReadAhead = false
    /// The output ends behind what waits.
    var outputIsEnding = false
    var outputHasEnded = false
    public internal(set) var isWritable = true

    /// nil: the connection is in the clear.
    var tls: TLSConnection?
    /// The input has ended without TLS saying so.
    public internal(set) var lacksCloseNotify = false
    /// The handshake goes on when the other sockets have had their turn.
    var awaitsHandshakeTurn = false
    /// The handshake goes on when a private key was used.
    var awaitsKey = false
    /// nil: this is no client's connection, or its handshake is done.
    var clientHandshake: ClientHandshake?

    /// What was written since the last flush. Mostly it is one piece.
    var unflushed: ByteBuffer?
    var moreUnflushed: [ByteBuffer] = []
    var unflushedBytes = 0
    /// What was flushed and the kernel has not taken.
    var waiting: ByteBuffer?
    /// What broke the connection. The socket is closed for it once what the peer has sent before is read, and nothing that
    /// the sockets of the loop share is in use: its delegate may then send something on another socket.
    var failure: (any Error)?
    /// The connection is broken, and somebody is to read what is left of it before long.
    var awaitsReader = false
    /// That was done since it was last looked at.
    var hasBeenRead = false

    /// Takes a descriptor that does not block; it is closed with the socket. Nothing happens before `open`.
    public convenience init(_ descriptor: CInt, on loop: SocketEventLoop) {
        self.init(descriptor, kind: .socket, on: loop)
    }

    private init(_ descriptor: CInt, kind: Kind, on loop: SocketEventLoop) {
        self.descriptor = descriptor
        self.kind = kind
        self.loop = loop
    }

    /// Takes the end of a pipe, which blocks no longer; it is closed with the socket. Nothing happens before `open`.
    ///
    /// - Throws: `IOError`; the descriptor is closed then.
    public convenience init(pipe descriptor: CInt, on loop: SocketEventLoop) throws {
        self.init(descriptor, kind: .pipe, on: loop)
        try SystemCall.setNonBlocking(descriptor)
    }

    deinit {
        if descriptor >= 0 { SystemCall.close(descriptor) }
    }

    public var isOpen: Bool { descriptor >= 0 }
    /// It is closed, or will be once what the peer has sent before is read.
    var isBroken: Bool { failure != nil || !isOpen }

    /// Has the loop watch the socket.
    ///
    /// - Throws: `IOError`, when the kernel has no memory for it, or does not watch files of that kind.
    public func open() throws {
        // It is watched already where something was flushed that the kernel did not take.
        guard place == nil else { return loopWatches() }
        try loop.poller.add(self, descriptor, for: wantedInterest)
    }

    // MARK: What it is watched for

    private var wantedInterest: PollEvents {
        var interest: PollEvents = []
        if handshakeStandsStill {
            // It is read when that is over.
            if awaitsKeyForClient { interest = .peerEnded }
        } else if wantsRead || isHandshaking, !inputHasEnded {
            interest = .readable
        } else if noticesEnd, !inputHasEnded, !hasReadAhead {
            interest = failure == nil ? .peerEnded : .readable
        }
        if waiting != nil, failure == nil { interest.insert(.writable) }
        return interest
    }

    /// Asks for more input: for one read.
    public func read() {
        guard !wantsRead, !inputHasEnded, isOpen else { return }
        wantsRead = true
        // Mostly it is watched for that already.
        if !interest.contains(.readable) || place == nil { loopWatches() }
    }

    /// The read that was asked for is not wanted any more.
    public func stopReading() { wantsRead = false }

    /// Has the loop watch the socket for what is wanted now.
    func loopWatches() {
        guard isOpen else { return }
        let wantedInterest = wantedInterest
        // A broken one is told of in every turn, whatever it is watched for.
        if failure != nil, wantedInterest.isEmpty { return stopWatching() }
        if place == nil {
            do {
                try loop.poller.add(self, descriptor, for: wantedInterest)
            } catch {
                // Nothing would ever be told of it. Whoever has asked for it is in the middle of something.
                loop._executeIsolatedUnsafeUnchecked { self.close(because: error) }
            }
        } else {
            loop.poller.change(self, descriptor, to: wantedInterest)
        }
    }

    /// A socket that both ends have closed is told of in every turn, whatever it is watched for: it is not while there is
    /// nothing to do for it.
    func stopWatching() { loop.poller.remove(self, descriptor) }

    override func ready(_ events: PollEvents) {
        // Handshakes have turns of their own.
        if hasPrecedence || isHandshaking { serve(events) } else { loop.deferEvents(events, of: self, descriptor) }
    }

    override func serve(_ events: PollEvents) {
        if waiting != nil, failure == nil, !events.isDisjoint(with: [.writable, .failed, .hungUp]) { sendWaiting() }
        guard isOpen else { return }
        if isHandshaking {
            guard !handshakeStandsStill else {
                // Both halves have ended, or the connection is broken: there is nobody to go on with.
                if !events.isDisjoint(with: [.failed, .hungUp]) { return close(because: failure ?? reportedFailure) }
                guard awaitsKeyForClient, events.contains(.peerEnded) else { return loopWatches() }
                return close(because: tls?.receivedEnd())
            }
            return loop.handshakes.giveTurn(to: self)
        }
        if wantsRead, !inputHasEnded {
            if !events.isDisjoint(with: [.readable, .peerEnded, .hungUp, .failed]) { receive() }
            return
        }
        if events.contains(.failed), failure == nil {
            failure = reportedFailure
            closeIfBroken()
            guard isOpen else { return }
        }
        if noticesEnd, !inputHasEnded, !hasReadAhead,
            failure != nil || !events.isDisjoint(with: [.peerEnded, .hungUp])
        {
            receiveToEnd()
        } else if events.contains(.hungUp) {
            if inputHasEnded { close(because: failure) } else { stopWatching() }
        } else {
            // It is watched for something that is not wanted any more.
            loopWatches()
        }
    }

    /// What the kernel says has happened.
    private var reportedFailure: any Error {
        let code = kind == .pipe ? EPIPE : (try? SystemCall.option(descriptor, level: SOL_SOCKET, name: SO_ERROR)) ?? 0
        return IOError(errnoCode: code == 0 ? ECONNRESET : code, reason: "poll")
    }

    // MARK: The end

    /// Closes the socket now. What waits is lost.
    public func close() { close(because: nil) }

    func close(because error: (any Error)?) {
        guard isOpen else { return }
        if error == nil { sayGoodbye() }
        tls = nil
        clientHandshake.take().map { loop.handshakes.end($0) }
        loop.poller.remove(self, descriptor)
        SystemCall.close(descriptor)
        descriptor = -1
        waiting = nil
        unflushed = nil
        moreUnflushed = []
        unflushedBytes = 0
        observer.take()?.socketHasClosed()
        delegate.take()?.socketClosed(self, error: error)
    }

    // MARK: Facts

    public var localAddress: SocketAddress? { SystemCall.address { getsockname(descriptor, $0, $1) } }
    public var remoteAddress: SocketAddress? { SystemCall.address { getpeername(descriptor, $0, $1) } }

    /// Sets an option of the socket (setsockopt(2)).
    public func setOption(level: CInt, name: CInt, value: CInt) throws {
        try SystemCall.setOption(descriptor, level: level, name: name, value: value)
    }

    /// Whether neither side has ended a TCP connection, as far as the kernel knows; the loop may not have been told yet.
    public var isEstablished: Bool {
        var info = tcp_info()
        var size = socklen_t(MemoryLayout<tcp_info>.size)
        guard getsockopt(descriptor, CInt(IPPROTO_TCP), TCP_INFO, &info, &size) == 0 else {
            // It is none over TCP.
            return isOpen && !inputHasEnded
        }
        return info.tcpi_state == 1
    }
}

extension StreamSocket: ClosedWithLoop {
    func closeWithLoop() { close(because: EventLoopError.shutdown) }
}
