public import GatewayConfig
public import NIOCore
public import NIOPosix

/// A listening unix socket whose file is this process's own.
///
/// NIO would remove the file by its path when it closes, which may meanwhile be that of a successor. Here it goes only
/// while it is the one that was made.
public struct UnixListeningSocket: Sendable {
    public let channel: any Channel
    private let file: UnixSocketFile

    /// Replaces a socket file that is there. Mode and owners are set before anyone can connect.
    ///
    /// - Parameter bootstrap: sets up the listening socket's pipeline and those of its connections.
    /// - Throws: `UnixSocketError` or `IOError`, with nothing left behind, or what NIO says.
    public static func bind(
        _ bootstrap: ServerBootstrap, path: String, access: UnixSocketAccess, backlog: Int32
    ) async throws -> UnixListeningSocket {
        let (descriptor, file) = try UnixSocketFile.listen(
            at: path, access: access, backlog: backlog, replacesLive: true)
        do {
            let channel = try await bootstrap.withBoundSocket(descriptor).get()
            return UnixListeningSocket(channel: channel, file: file)
        } catch {
            file.remove()
            throw error
        }
    }

    public func close() async {
        file.remove()
        try? await channel.close()
    }
}
