public import GatewayConfig
import GatewayNIO
import NIOCore
import NIOPosix

/// Listening sockets that were open before this process began: those of a predecessor, or of systemd.
public struct InheritedSockets: Sendable {
    /// By listener.
    var listeners: [String: ListeningDescriptors] = [:]
    var admin: ListeningDescriptors?

    public init() {}

    /// What the endpoint of stats and commands is called among the listeners.
    static let adminName = "admin"

    /// The sockets of a predecessor that this configuration has a use for, found by address; where any free port was
    /// asked for, by name. The rest is closed when the takeover is ready.
    ///
    /// - Throws: `StartError` for sockets that can't be used.
    public init(_ takeover: Takeover, for configuration: GatewayConfiguration) throws {
        try self.init(configuration) { name, address in
            let found = takeover.sockets.first { socket in
                if case .tcp(_, port: 0) = address { return socket.name == name }
                return socket.address == "\(address)"
            }
            guard let found else { return nil }
            // Listeners have a socket for each loop; the predecessor may have had fewer loops.
            return try ListeningDescriptors(
                adopting: takeover.claim(found), address: address,
                count: name == Self.adminName ? 0 : configuration.limits.loopCount, backlog: GatewayServer.backlog,
                ownsFile: false)
        }
    }

    /// The sockets that systemd has opened, by the names of listeners.
    ///
    /// - Throws: `StartError` for a name that no listener has, and for sockets that listen elsewhere than the listener.
    public init(_ sockets: [SystemdSocket], for configuration: GatewayConfiguration) throws {
        let known = Set(configuration.listeners.map(\.name) + (configuration.admin == nil ? [] : [Self.adminName]))
        if let unknown = sockets.first(where: { !known.contains($0.name) }) {
            throw StartError(
                description: "systemd passes a socket named \(unknown.name), expected the name of a listener"
                    + " (\(known.sorted().joined(separator: ", "))): set FileDescriptorName= in its socket unit")
        }
        try self.init(configuration) { name, address in
            let descriptors = sockets.filter { $0.name == name }.map(\.descriptor)
            guard !descriptors.isEmpty else { return nil }
            return try ListeningDescriptors(adopting: descriptors, address: address, ownsFile: false)
        }
    }

    private init(
        _ configuration: GatewayConfiguration,
        find: (_ name: String, _ address: Address) throws -> ListeningDescriptors?
    ) throws {
        func adopt(_ name: String, _ address: Address) throws -> ListeningDescriptors? {
            do {
                return try find(name, address)
            } catch {
                let reason = ListenFailure.text(for: error, address: address)
                throw StartError(description: "listener \(name) can't listen on \(address): \(reason)")
            }
        }
        for listener in configuration.listeners {
            listeners[listener.name] = try adopt(listener.name, listener.address)
        }
        admin = try configuration.admin.flatMap { try adopt(Self.adminName, $0.address) }
    }
}
