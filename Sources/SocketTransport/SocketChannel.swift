public import GatewayTLS
public import NIOCore
import NIOTLS
import Synchronization

/// A `StreamSocket` with a pipeline of channel handlers: what a connection is as long as it speaks HTTP.
///
/// `detach()` takes the socket out of it, for whoever needs no pipeline.
public final class SocketChannel: Channel, @unchecked Sendable {
    /// The most of a read that is copied, so that a handler which keeps a few bytes of it keeps no more than those.
    private static let mostCopied = 16 * 1024

    let loop: SocketEventLoop
    private(set) var socket: StreamSocket?
    private let closePromise: EventLoopPromise<Void>
    private let isActiveFlag = Atomic<Bool>(false)
    private let isWritableFlag = Atomic<Bool>(true)
    // On the event loop alone.
    private var pipelineIfMade: ChannelPipeline?
    var autoRead = true
    private var flushed: [EventLoopPromise<Void>] = []
    private var unflushed: [EventLoopPromise<Void>] = []
    private var outputPromises: [EventLoopPromise<Void>] = []

    /// - Parameter socket: not watched yet; nobody else's.
    public init(_ socket: StreamSocket) {
        self.socket = socket
        loop = socket.loop
        closePromise = socket.loop.makePromise()
        pipelineIfMade = ChannelPipeline(channel: self)
        socket.noticesEnd = true
        socket.delegate = self
    }

    /// Begins: handlers are told that the channel is active, and reads are asked for.
    ///
    /// - Throws: `IOError`, when the kernel has no memory for it; the socket is closed then.
    public func activate() throws {
        guard let socket else { throw ChannelError.ioOnClosedChannel }
        do {
            try socket.open()
        } catch {
            socket.close()
            throw error
        }
        isActiveFlag.store(true, ordering: .relaxed)
        let pipeline = pipeline.syncOperations
        pipeline.fireChannelRegistered()
        pipeline.fireChannelActive()
        readIfAutomatic()
    }

    /// Takes the socket out of the channel. Its handlers are removed; none is told that the channel became inactive.
    ///
    /// - Returns: nil: it has closed.
    public func detach() -> StreamSocket? {
        guard let socket = socket.take() else { return nil }
        socket.delegate = nil
        socket.noticesEnd = false
        leave(failing: ChannelError.ioOnClosedChannel)
        return socket
    }

    /// Has an observer told when the socket has closed, be that after `detach()`.
    public func observe(by observer: any StreamSocketObserver) { socket?.observer = observer }

    /// Whether neither side has ended the connection, as far as the kernel knows.
    public var isEstablished: Bool { socket?.isEstablished ?? false }

    /// From now on the connection speaks TLS, as a client's server; handlers are told by `TLSUserEvent`.
    ///
    /// - Parameter early: wire bytes that came before.
    public func startTLS(server context: TLSServerContext, early: ByteBuffer? = nil) throws {
        guard let socket else { throw ChannelError.ioOnClosedChannel }
        socket.startTLS(server: context, early: early)
    }

    /// From now on the connection speaks TLS, as a server's client; handlers are told by `TLSUserEvent`.
    ///
    /// - Parameters:
    ///   - peer: what the server's certificate has to be for.
    ///   - address: which server it is: sessions are resumed with the same alone.
    public func startTLS(client context: TLSClientContext, peer: TLSPeerName, address: String) throws {
        guard let socket else { throw ChannelError.ioOnClosedChannel }
        try socket.startTLS(client: context, peer: peer, address: address)
    }

    private func readIfAutomatic() {
        if autoRead, isActive { pipeline.syncOperations.read() }
    }

    /// The channel has no socket any more.
    private func leave(failing error: any Error) {
        isActiveFlag.store(false, ordering: .relaxed)
        let promises = flushed + unflushed
        flushed = []
        unflushed = []
        for promise in promises { promise.fail(error) }
        for promise in outputPromises { promise.succeed(()) }
        outputPromises = []
        // Handlers may be on the way through the pipeline at this moment.
        loop._executeIsolatedUnsafeUnchecked { [self] in
            removeHandlers(pipeline: pipeline)
            closePromise.succeed(())
        }
    }

    // MARK: Channel

    public var eventLoop: any EventLoop { loop }
    public var allocator: ByteBufferAllocator { ByteBufferAllocator() }
    public var closeFuture: EventLoopFuture<Void> { closePromise.futureResult }
    public var pipeline: ChannelPipeline {
        if let pipelineIfMade { return pipelineIfMade }
        let pipeline = ChannelPipeline(channel: self)
        pipelineIfMade = pipeline
        return pipeline
    }
    public var parent: (any Channel)? { nil }
    public var isWritable: Bool { isWritableFlag.load(ordering: .relaxed) }
    public var isActive: Bool { isActiveFlag.load(ordering: .relaxed) }
    public var _channelCore: any ChannelCore { self }
    /// The end of the connection on this machine; nil once it has closed. On the event loop.
    public var localAddress: SocketAddress? { socket?.localAddress }
    /// The peer; nil once it has closed. On the event loop.
    public var remoteAddress: SocketAddress? { socket?.remoteAddress }
}

// MARK: - What the pipeline asks for

extension SocketChannel: ChannelCore {
    public func localAddress0() throws -> SocketAddress {
        guard let localAddress else { throw ChannelError.unknownLocalAddress }
        return localAddress
    }

    public func remoteAddress0() throws -> SocketAddress {
        guard let remoteAddress else { throw ChannelError.operationUnsupported }
        return remoteAddress
    }

    public func register0(promise: EventLoopPromise<Void>?) { promise?.fail(ChannelError.operationUnsupported) }

    public func bind0(to address: SocketAddress, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }

    public func connect0(to address: SocketAddress, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }

    public func write0(_ data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard let socket else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        guard let bytes = bytes(in: data) else {
            promise?.fail(ChannelError.operationUnsupported)
            return
        }
        guard !socket.outputIsEnding else {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        if let promise { unflushed.append(promise) }
        socket.write(bytes)
    }

    private func bytes(in data: NIOAny) -> ByteBuffer? {
        if let bytes = tryUnwrapData(data, as: ByteBuffer.self) { return bytes }
        guard case .byteBuffer(let bytes) = tryUnwrapData(data, as: IOData.self) else { return nil }
        return bytes
    }

    public func flush0() {
        guard let socket else { return }
        flushed += unflushed
        unflushed = []
        socket.flush()
        if socket.isOpen, socket.isDrained { succeedFlushed() }
    }

    private func succeedFlushed() {
        guard !flushed.isEmpty else { return }
        let promises = flushed
        flushed = []
        for promise in promises { promise.succeed(()) }
    }

    public func read0() { socket?.read() }

    public func close0(error: any Error, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard let socket else {
            promise?.fail(ChannelError.alreadyClosed)
            return
        }
        switch mode {
        case .output:
            guard !socket.outputHasEnded else {
                promise?.succeed(())
                return
            }
            if let promise { outputPromises.append(promise) }
            socket.endOutput()
        case .all:
            if let promise { closePromise.futureResult.cascade(to: promise) }
            socket.close()
        case .input:
            promise?.fail(ChannelError.operationUnsupported)
        }
    }

    public func triggerUserOutboundEvent0(_ event: Any, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }

    public func channelRead0(_ data: NIOAny) {}

    /// Nobody in the pipeline has dealt with it.
    public func errorCaught0(error: any Error) {}
}

// MARK: - What the socket tells

extension SocketChannel: StreamSocketDelegate {
    public func socket(_ socket: StreamSocket, received bytes: ByteBuffer) {
        let isCopied = bytes.readableBytes <= Self.mostCopied
        let own = isCopied ? ByteBuffer(bytes: bytes.readableBytesView) : bytes
        pipeline.syncOperations.fireChannelRead(NIOAny(own))
    }

    public func socketSecured(_ socket: StreamSocket, applicationProtocol: String?) {
        pipeline.syncOperations.fireUserInboundEventTriggered(
            TLSUserEvent.handshakeCompleted(negotiatedProtocol: applicationProtocol))
    }

    public func socketReadComplete(_ socket: StreamSocket) {
        pipeline.syncOperations.fireChannelReadComplete()
        readIfAutomatic()
    }

    public func socketInputEnded(_ socket: StreamSocket) {
        if socket.lacksCloseNotify { pipeline.syncOperations.fireErrorCaught(UncleanTLSEnd()) }
        guard socket.isOpen else { return }
        pipeline.syncOperations.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }

    public func socketWritabilityChanged(_ socket: StreamSocket) {
        isWritableFlag.store(socket.isWritable, ordering: .relaxed)
        pipeline.syncOperations.fireChannelWritabilityChanged()
    }

    public func socketDrained(_ socket: StreamSocket) { succeedFlushed() }

    public func socketOutputEnded(_ socket: StreamSocket) {
        for promise in outputPromises { promise.succeed(()) }
        outputPromises = []
        pipeline.syncOperations.fireUserInboundEventTriggered(ChannelEvent.outputClosed)
    }

    public func socketClosed(_ socket: StreamSocket, error: (any Error)?) {
        let pipeline = pipeline.syncOperations
        let wasActive = isActive
        self.socket = nil
        if wasActive, let error { pipeline.fireErrorCaught(error) }
        isActiveFlag.store(false, ordering: .relaxed)
        if wasActive {
            pipeline.fireChannelInactive()
            pipeline.fireChannelUnregistered()
        }
        leave(failing: error ?? ChannelError.ioOnClosedChannel)
    }
}
