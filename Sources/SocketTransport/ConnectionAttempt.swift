public import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One try to connect to an address, on an event loop.
public final class ConnectionAttempt: PolledDescriptor {
    private let loop: SocketEventLoop
    private let promise: EventLoopPromise<StreamSocket>
    private var descriptor: CInt = -1
    private var timeout: Scheduled<Void>?

    private init(on loop: SocketEventLoop) {
        self.loop = loop
        promise = loop.makePromise()
    }

    deinit { if descriptor >= 0 { SystemCall.close(descriptor) } }

    /// The connected socket, which nobody watches yet; or what the system says, `ChannelError.connectTimeout` when the time
    /// was up.
    public var result: EventLoopFuture<StreamSocket> { promise.futureResult }

    /// Begins to connect. On the event loop.
    ///
    /// - Parameters:
    ///   - source: the local address; nil: the system chooses.
    ///   - timeout: after which it is given up.
    public static func begin(
        to address: SocketAddress, from source: SocketAddress?, timeout: TimeAmount, on loop: SocketEventLoop
    ) -> ConnectionAttempt {
        let attempt = ConnectionAttempt(on: loop)
        do {
            try attempt.begin(to: address, from: source)
        } catch {
            attempt.fail(error)
            return attempt
        }
        if attempt.descriptor >= 0 {
            let bound = NIOLoopBound(attempt, eventLoop: loop)
            attempt.timeout = loop.scheduleTask(in: timeout) {
                bound.value.fail(ChannelError.connectTimeout(timeout))
            }
        }
        return attempt
    }

    private func begin(to address: SocketAddress, from source: SocketAddress?) throws {
        let kind = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
        descriptor = try SystemCall.check(socket(CInt(address.protocol.rawValue), kind, 0), "socket")
        guard !loop.reserve.contains(descriptor) else { throw IOError(errnoCode: EMFILE, reason: "socket") }
        if let source {
            // The port is chosen with the connection, so that one port serves towards many addresses (ip(7)).
            try? SystemCall.setOption(
                descriptor, level: CInt(IPPROTO_IP), name: IP_BIND_ADDRESS_NO_PORT, value: 1)
            try source.withSockAddr { address, size in
                _ = try SystemCall.check(bind(descriptor, address, socklen_t(size)), "bind")
            }
        }
        if address.port != nil {
            try SystemCall.setOption(descriptor, level: CInt(IPPROTO_TCP), name: TCP_NODELAY, value: 1)
        }
        let status = address.withSockAddr { address, size in connect(descriptor, address, socklen_t(size)) }
        if status == 0 { return succeed() }
        guard errno == EINPROGRESS else { throw IOError(errnoCode: errno, reason: "connect") }
        try loop.poller.add(self, descriptor, for: .writable)
    }

    override func ready(_ events: PollEvents) { loop.deferEvents(events, of: self, descriptor) }

    override func serve(_ events: PollEvents) {
        let code = (try? SystemCall.option(descriptor, level: SOL_SOCKET, name: SO_ERROR)) ?? EIO
        if code == 0 { succeed() } else { fail(IOError(errnoCode: code, reason: "connect")) }
    }

    private func succeed() {
        let socket = StreamSocket(descriptor, on: loop)
        loop.poller.remove(self, descriptor)
        descriptor = -1
        timeout?.cancel()
        promise.assumeIsolated().succeed(socket)
    }

    private func fail(_ error: any Error) {
        if descriptor >= 0 {
            loop.poller.remove(self, descriptor)
            SystemCall.close(descriptor)
            descriptor = -1
        }
        timeout?.cancel()
        promise.fail(error)
    }

    /// Nobody waits for the connection any more.
    public func cancel() {
        guard descriptor >= 0 else { return }
        fail(CancellationError())
    }
}

extension ConnectionAttempt: ClosedWithLoop {
    func closeWithLoop() { fail(EventLoopError.shutdown) }
}
