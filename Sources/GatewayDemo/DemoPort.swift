import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A port that the demo is going to listen on.
public enum DemoPort {
    /// Finds out whether the port is free, and which port 0 stands for: the page, its origins and the certificate's
    /// users name the port, so the demo has to know it before the gateway starts.
    ///
    /// - Parameters:
    ///   - port: 0 to 65535.
    ///   - host: The name or address that the gateway binds.
    ///   - option: The option that sets the port, for the message.
    /// - Returns: The port, or a free one for 0.
    /// - Throws: `DemoPortError` when another program listens there. Whatever else stands in the way, the gateway says
    ///   when it starts.
    public static func resolve(_ port: Int, host: String, option: String) async throws -> Int {
        do {
            // SO_REUSEADDR, as the gateway has it: connections of an earlier run may still be in TIME_WAIT.
            let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: host, port: port).get()
            let found = channel.localAddress?.port ?? port
            try await channel.close()
            return found
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw DemoPortError(port: port, host: host, option: option)
        } catch {
            return port
        }
    }
}

/// Another program has the port.
public struct DemoPortError: Error, Equatable, Sendable, CustomStringConvertible {
    public let port: Int
    public let host: String
    /// The option that chooses another one.
    public let option: String

    public var description: String {
        """
        another program listens on port \(port) of \(host); ss -ltnp 'sport = :\(port)' shows which one. Stop it, or \
        choose another port with \(option), such as \(option) 0 for any free port
        """
    }
}
