public import GatewayConfig
public import NIOCore
public import NIOPosix

/// Listening sockets, and the channels that accept on them.
public final class AcceptingSockets: Sendable {
    public let descriptors: ListeningDescriptors
    private let channels: [any Channel]
    /// Those that connections are handed to.
    private let loops: [any EventLoop]

    private init(descriptors: ListeningDescriptors, channels: [any Channel], loops: [any EventLoop]) {
        self.descriptors = descriptors
        self.channels = channels
        self.loops = loops
    }

    public var boundAddress: Address { descriptors.boundAddress }

    /// Accepts on every socket. The descriptors are this object's, and closed should it throw.
    ///
    /// - Parameters:
    ///   - waits: whether nothing is accepted before `begin()`: another process still does.
    ///   - group: the event loops that connections may be handed to.
    ///   - bootstrap: sets up the channel of one socket, by its number, and those of its connections.
    /// - Throws: what NIO says.
    public static func accept(
        on descriptors: ListeningDescriptors, waits: Bool = false, group: any EventLoopGroup,
        bootstrap: (Int) -> ServerBootstrap
    ) async throws -> AcceptingSockets {
        var channels: [any Channel] = []
        var left: ArraySlice<CInt> = []
        do {
            left = try descriptors.duplicates()[...]
            // NIO closes one that it has been given, whatever comes of it.
            while let descriptor = left.popFirst() {
                channels.append(
                    try await bootstrap(channels.count).serverChannelOption(.autoRead, value: !waits)
                        .withBoundSocket(descriptor).get())
            }
            return AcceptingSockets(
                descriptors: descriptors, channels: channels, loops: Array(group.makeIterator()))
        } catch {
            SocketCall.close(Array(left))
            for channel in channels { try? await channel.close() }
            descriptors.close()
            throw error
        }
    }

    /// Accepts from now on what has waited.
    public func begin() async {
        for channel in channels { try? await channel.setOption(.autoRead, value: true).get() }
    }

    /// Stops accepting. The address is free unless another process has duplicates; the file of a unix socket is gone
    /// before it refuses anyone.
    ///
    /// - Parameter leavesFile: a successor listens on it.
    public func stop(leavesFile: Bool = false) async {
        if leavesFile { descriptors.giveFileAway() }
        // NIO drops a connection that is on its way to another loop when its listening socket closes.
        for channel in channels { try? await channel.setOption(.autoRead, value: false).get() }
        for loop in loops + channels.map(\.eventLoop) { try? await loop.submit {}.get() }
        descriptors.close()
        for channel in channels { try? await channel.close() }
    }
}
