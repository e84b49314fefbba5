import GatewayConfig
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Where the demo listens, and by which names and addresses browsers reach it there.
///
/// The certificate names all of them, and pages of all of them may open WebSockets.
public struct DemoAddress: Equatable, Sendable {
    /// What the gateway binds: a name, or an IP address without brackets.
    public let bound: String
    /// Names and addresses, without brackets. The first is the one to show.
    public let hosts: [String]
    /// Whether only this machine reaches it.
    public let isLoopback: Bool

    /// This machine's loopback interface: what the demo listens on when nobody asks for anything else.
    public static let loopback = DemoAddress(
        bound: "127.0.0.1", hosts: ["localhost", "127.0.0.1", "::1"], isLoopback: true)

    private init(bound: String, hosts: [String], isLoopback: Bool) {
        self.bound = bound
        self.hosts = hosts
        self.isLoopback = isLoopback
    }

    /// - Parameters:
    ///   - text: A name or an IP address, with or without brackets around IPv6. `0.0.0.0` and `::` stand for every
    ///     address of the machine.
    ///   - machine: Whose addresses these are.
    /// - Throws: `DemoAddressError` when the text is neither.
    public init(_ text: String, machine: DemoMachine) throws(DemoAddressError) {
        let isBracketed = text.hasPrefix("[") && text.hasSuffix("]")
        let host = (isBracketed ? String(text.dropFirst().dropLast()) : text).lowercased()
        if host == "localhost" {
            self = .loopback
            return
        }
        guard let bytes = host.contains("/") ? nil : IPPrefix(host)?.bytes, !isBracketed || bytes.count == 16 else {
            guard !isBracketed, HostName.isValid(host) else { throw DemoAddressError(text: text) }
            self.init(bound: host, hosts: [host], isLoopback: false)
            return
        }
        if bytes.allSatisfy({ $0 == 0 }) {
            let isIPv6 = bytes.count == 16
            let own = machine.addresses.filter { isIPv6 || !$0.contains(":") }
            let hosts = ["localhost", "127.0.0.1"] + (isIPv6 ? ["::1"] : []) + own + machine.names
            self.init(bound: host, hosts: Self.unique(hosts), isLoopback: false)
        } else if bytes == [UInt8](repeating: 0, count: 15) + [1] {
            self.init(bound: host, hosts: ["localhost", "::1"], isLoopback: true)
        } else if bytes == [127, 0, 0, 1] {
            self = .loopback
        } else {
            self.init(bound: host, hosts: [host], isLoopback: bytes.count == 4 && bytes[0] == 127)
        }
    }

    /// The hosts as URLs have them (RFC 3986 §3.2.2).
    public var authorities: [String] { hosts.map { $0.contains(":") ? "[\($0)]" : $0 } }

    /// The hosts that are names of their own. The admin endpoint knows addresses and `localhost` without being told.
    var names: [String] { hosts.filter { IPPrefix($0) == nil && $0 != "localhost" } }

    /// `https://` with each host, without the port if it is the default (RFC 6454 §6.1).
    public func origins(port: Int) -> [String] {
        authorities.map { port == 443 ? "https://\($0)" : "https://\($0):\(port)" }
    }

    private static func unique(_ hosts: [String]) -> [String] {
        var seen: Set<String> = []
        return hosts.filter { seen.insert($0).inserted }
    }
}

/// `--listen` has neither a name nor an address.
public struct DemoAddressError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What it has.
    public let text: String

    public var description: String {
        let shown = VisibleText.escaped(String(text.prefix(100)))
        let expected = "expected a name or an IP address such as demo.example, 192.0.2.1 or 0.0.0.0, found \"\(shown)\""
        let end = text.split(separator: ":", omittingEmptySubsequences: false)
        let hasPort = end.count == 2 && Int(decimalDigits: end[1]) != nil || text.contains("]:")
        return hasPort ? "\(expected); --port sets the port" : expected
    }
}

/// What other machines may call this one.
public struct DemoMachine: Equatable, Sendable {
    /// IP addresses of its interfaces, without loopback and link-local ones.
    public let addresses: [String]
    /// Its host name, if it has one.
    public let names: [String]

    public init(addresses: [String], names: [String]) {
        self.addresses = addresses
        self.names = names
    }

    /// This machine as it is now.
    public static func current() -> DemoMachine {
        let devices = (try? System.enumerateDevices()) ?? []
        return DemoMachine(
            addresses: devices.compactMap { $0.address?.ipAddress }.filter(isReachable),
            names: hostName().map { [$0] } ?? [])
    }

    /// Whether other machines may reach the address without naming an interface.
    static func isReachable(_ address: String) -> Bool {
        guard let bytes = IPPrefix(address)?.bytes else { return false }
        guard bytes.count == 16 else { return bytes[0] != 127 && bytes[...1] != [169, 254] }
        return bytes != [UInt8](repeating: 0, count: 15) + [1] && !(bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80)
    }

    private static func hostName() -> String? {
        var bytes = [CChar](repeating: 0, count: 256)
        guard gethostname(&bytes, bytes.count - 1) == 0 else { return nil }
        let name = String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self).lowercased()
        return HostName.isValid(name) ? name : nil
    }
}
