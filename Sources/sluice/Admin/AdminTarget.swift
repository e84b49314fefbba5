import ArgumentParser
import GatewayConfig

/// A running gateway's admin endpoint, and the token it wants.
struct AdminTarget {
    var address: Address
    /// nil: none is sent.
    var token: String?

    /// Where a gateway that listens there is reached from this machine: a wildcard stands for every address of the
    /// machine, and is none itself. nil: the port is not known.
    static func reachable(_ address: Address) -> Address? {
        guard case .tcp(let host, let port) = address else { return address }
        guard port > 0 else { return nil }
        guard let bytes = IPPrefix(host)?.bytes, bytes.allSatisfy({ $0 == 0 }) else { return address }
        return .tcp(host: bytes.count == 4 ? "127.0.0.1" : "::1", port: port)
    }

    /// Whether the gateway runs on this machine.
    var isHere: Bool {
        guard case .tcp(let host, _) = address else { return true }
        if host == "localhost" { return true }
        guard let bytes = IPPrefix(host)?.bytes else { return false }
        return bytes.count == 4 ? bytes[0] == 127 : bytes == [UInt8](repeating: 0, count: 15) + [1]
    }

    /// Of `--admin`.
    static func address(_ text: String) throws -> Address {
        let expected = "an address such as 127.0.0.1:9901, [::1]:9901 or unix:/run/sluice.sock"
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst("unix:".count))
            // `sun_path` has 108 bytes on Linux, the last of them zero.
            guard (1...107).contains(path.utf8.count) else {
                throw ValidationError(
                    "expected a path of 1 to 107 bytes after unix:, found \(path.utf8.count) bytes")
            }
            return .unix(path: path)
        }
        guard let colon = text.lastIndex(of: ":"),
            let port = Int(decimalDigits: text[text.index(after: colon)...]), (1...65_535).contains(port)
        else {
            throw ValidationError("expected \(expected)")
        }
        var host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        guard !host.isEmpty, isBracketed == host.contains(":"), !host.contains("/"),
            !isBracketed || IPPrefix(String(host))?.bytes.count == 16
        else {
            throw ValidationError("expected \(expected)")
        }
        return reachable(.tcp(host: String(host), port: port)) ?? .tcp(host: String(host), port: port)
    }
}
