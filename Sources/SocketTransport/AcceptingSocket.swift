public import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A listening socket that accepts connections on its event loop, and hands each to one of some loops.
public final class AcceptingSocket: PolledDescriptor, @unchecked Sendable {
    /// What becomes of a connection: called on its event loop, with a channel that is not active yet.
    public typealias Initializer = @Sendable (SocketChannel) throws -> Void

    /// So many are accepted before other sockets have their turn.
    private static let most = 16
    /// Short, as one more client of the queue is served for each try while a descriptor is free now and then.
    private static let pause = TimeAmount.milliseconds(10)

    private let descriptor: CInt
    private let loop: SocketEventLoop
    private let targets: [SocketEventLoop]
    private let initializer: Initializer
    private let shortage: @Sendable (any Error) -> Void
    // On the event loop alone.
    private var turn = 0
    private var isAccepting = false
    private var isPaused = false
    /// So that it is told once that the process runs short, not for each try.
    private var isShort = false
    private var isClosed = false

    /// - Parameters:
    ///   - descriptor: listens and does not block; closed with this object.
    ///   - targets: the loops that connections are handed to, in turn.
    ///   - shortage: called when there is no file descriptor or memory for another connection, or the kernel can't watch the
    ///     socket.
    public init(
        _ descriptor: CInt, on loop: SocketEventLoop, targets: [SocketEventLoop],
        shortage: @escaping @Sendable (any Error) -> Void, initializer: @escaping Initializer
    ) {
        self.descriptor = descriptor
        self.loop = loop
        self.targets = targets.isEmpty ? [loop] : targets
        self.shortage = shortage
        self.initializer = initializer
    }

    deinit { if !isClosed { SystemCall.close(descriptor) } }

    /// Accepts from now on.
    public func begin() -> EventLoopFuture<Void> {
        loop.submit {
            self.isAccepting = true
            try self.watch()
        }
    }

    /// Accepts from now on. Where the kernel can't watch the socket now, that is told as a shortage, and tried again until
    /// it can.
    public func beginWhenPossible() -> EventLoopFuture<Void> {
        loop.submit {
            self.isAccepting = true
            self.watchOrWait()
        }
    }

    /// Accepts nothing from now on; the queue goes on filling.
    public func stop() -> EventLoopFuture<Void> {
        loop.submit {
            self.isAccepting = false
            self.loop.poller.remove(self, self.descriptor)
        }
    }

    /// Accepts nothing from now on, and lets go of the socket.
    public func close() -> EventLoopFuture<Void> { loop.submit { self.closeWithLoop() } }

    private func watch() throws {
        guard isAccepting, !isPaused, !isClosed, place == nil else { return }
        try loop.poller.add(self, descriptor, for: .readable)
    }

    private func watchOrWait() {
        do { try watch() } catch { wait(because: error) }
    }

    override func ready(_ events: PollEvents) { loop.deferEvents(events, of: self, descriptor) }

    override func serve(_ events: PollEvents) {
        for _ in 0..<Self.most where isAccepting && !isPaused {
            let accepted = loop.calls.accept(descriptor)
            guard accepted < 0 else {
                isShort = false
                begin(accepted)
                continue
            }
            switch errno {
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: return wait(because: IOError(errnoCode: errno, reason: "accept"))
            case EAGAIN: return
            // The connection broke while it waited in the queue (accept(2)): the next one need not have.
            default: continue
            }
        }
    }

    private func begin(_ accepted: CInt) {
        turn = (turn + 1) % targets.count
        let target = targets[turn]
        // A unix socket has no such option.
        try? SystemCall.setOption(accepted, level: CInt(IPPROTO_TCP), name: TCP_NODELAY, value: 1)
        // It owns the descriptor from here on: a loop that has ended drops the task, and the connection with it.
        let socket = StreamSocket(accepted, on: target)
        guard target !== loop else { return open(socket) }
        let handed = Handed(socket: socket)
        target.execute { self.open(handed.socket) }
    }

    /// A socket on its way to its loop: nobody else uses it.
    private struct Handed: @unchecked Sendable {
        let socket: StreamSocket
    }

    private func open(_ socket: StreamSocket) {
        let channel = SocketChannel(socket)
        do {
            try initializer(channel)
            try channel.activate()
        } catch {
            socket.close()
        }
    }

    /// Without a pause the listening socket would stay ready, and all time of the loop go into tries that fail.
    private func wait(because error: any Error) {
        if !isShort {
            isShort = true
            shortage(error)
        }
        isPaused = true
        loop.poller.remove(self, descriptor)
        loop.scheduleTask(in: Self.pause) {
            self.isPaused = false
            self.watchOrWait()
        }
    }
}

extension AcceptingSocket: ClosedWithLoop {
    func closeWithLoop() {
        guard !isClosed else { return }
        isAccepting = false
        isClosed = true
        loop.poller.remove(self, descriptor)
        SystemCall.close(descriptor)
    }
}
