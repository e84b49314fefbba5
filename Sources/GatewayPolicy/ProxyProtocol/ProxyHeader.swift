/// What stands before a connection's own bytes in the PROXY protocol, version 1 or 2 (HAProxy's proxy-protocol.txt).
public struct ProxyHeader: Equatable, Sendable {
    /// nil: the connection speaks for itself, as the header is LOCAL, UNKNOWN or of no known family.
    public let endpoints: ConnectionEndpoints?
    /// Bytes of the header, behind which the connection's own begin.
    public let length: Int

    /// The longest line of version 1, its CR LF included (§2.1).
    static let maximumLineLength = 107
    /// What may follow the first 16 bytes of version 2: addresses, and TLVs that nobody here reads.
    static let maximumBlockLength = 4096

    private static let lineBeginning = Array("PROXY ".utf8)
    private static let signature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]

    /// Whether bytes are the beginning of a header. No request of HTTP and no TLS record begins like one.
    public enum Beginning: Sendable {
        case header
        case other
        /// More bytes will tell.
        case undecided
    }

    public static func beginning(of bytes: some RandomAccessCollection<UInt8>) -> Beginning {
        for mark in [lineBeginning, signature] where mark.starts(with: bytes.prefix(mark.count)) {
            return bytes.count >= mark.count ? .header : .undecided
        }
        return .other
    }

    /// Reads what a connection begins with; nil: the header is not complete yet. Of what there can be no header of, no
    /// more is waited for.
    public init?(readingBeginningOf bytes: some RandomAccessCollection<UInt8>) throws(ProxyHeaderError) {
        switch Self.beginning(of: bytes) {
        case .undecided: return nil
        case .other:
            throw ProxyHeaderError("expected a PROXY protocol header of version 1 or 2, found something else")
        case .header: break
        }
        let header =
            bytes.first == Self.signature.first ? try Self.readBlock(bytes) : try Self.readLine(bytes)
        guard let header else { return nil }
        self = header
    }

    private init(endpoints: ConnectionEndpoints?, length: Int) {
        self.endpoints = endpoints
        self.length = length
    }

    // MARK: Version 1

    private static func readLine(_ bytes: some RandomAccessCollection<UInt8>) throws(ProxyHeaderError) -> ProxyHeader? {
        let beginning = Array(bytes.prefix(maximumLineLength))
        guard let end = beginning.firstIndex(of: 0x0A) else {
            guard beginning.count < maximumLineLength else {
                throw ProxyHeaderError("expected a line of at most \(maximumLineLength) bytes, found a longer one")
            }
            return nil
        }
        guard beginning[end - 1] == 0x0D else {
            throw ProxyHeaderError("expected CR LF after the line, found LF alone")
        }
        let line = String(decoding: beginning[..<(end - 1)], as: UTF8.self)
        let words = line.split(separator: " ", omittingEmptySubsequences: false)
        // Behind UNKNOWN anything may stand.
        if words.count > 1, words[1] == "UNKNOWN" { return ProxyHeader(endpoints: nil, length: end + 1) }
        guard words.count == 6, words[1] == "TCP4" || words[1] == "TCP6" else {
            throw ProxyHeaderError(
                "expected TCP4 or TCP6 with two addresses and two ports, or UNKNOWN, found another line")
        }
        let isIPv6 = words[1] == "TCP6"
        guard words[2].contains(":") == isIPv6, words[3].contains(":") == isIPv6,
            let source = ClientAddress(parsing: words[2]), let destination = ClientAddress(parsing: words[3])
        else { throw ProxyHeaderError("expected two addresses of \(words[1]), found something else") }
        guard let sourcePort = port(words[4]), let destinationPort = port(words[5]) else {
            throw ProxyHeaderError("expected ports from 0 to 65535 without leading zeros, found something else")
        }
        return ProxyHeader(
            endpoints: ConnectionEndpoints(
                source: source, sourcePort: sourcePort, destination: destination, destinationPort: destinationPort),
            length: end + 1)
    }

    private static func port(_ text: Substring) -> UInt16? {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard text.utf8.allSatisfy(digits.contains), text == "0" || !text.hasPrefix("0") else { return nil }
        return UInt16(text)
    }

    // MARK: Version 2

    private static func readBlock(
        _ bytes: some RandomAccessCollection<UInt8>
    ) throws(ProxyHeaderError) -> ProxyHeader? {
        let head = Array(bytes.prefix(signature.count + 4))
        let command = head.count > 12 ? head[12] : 0x20
        guard command == 0x20 || command == 0x21 else {
            throw ProxyHeaderError("expected version 2 with LOCAL or PROXY, found \(hexadecimal(command))")
        }
        guard head.count == signature.count + 4 else { return nil }
        let blockLength = Int(head[14]) << 8 | Int(head[15])
        guard blockLength <= maximumBlockLength else {
            throw ProxyHeaderError(
                "expected at most \(maximumBlockLength) bytes of addresses and TLVs, found \(blockLength)")
        }
        let family = head[13]
        // The family of a LOCAL connection is to be ignored (§2.2).
        let needed = command == 0x20 ? 0 : try addressesLength(ofFamily: family)
        guard blockLength >= needed else {
            throw ProxyHeaderError(
                "expected \(needed) bytes of addresses of the family \(hexadecimal(family)), found \(blockLength)")
        }
        let length = head.count + blockLength
        guard bytes.count >= length else { return nil }
        let addresses = Array(bytes.dropFirst(head.count).prefix(needed))
        return ProxyHeader(endpoints: endpoints(in: addresses), length: length)
    }

    /// Other families and transports than these are to be refused (§2.2).
    private static func addressesLength(ofFamily family: UInt8) throws(ProxyHeaderError) -> Int {
        switch family {
        case 0x00: 0
        case 0x11, 0x12: 12
        case 0x21, 0x22: 36
        case 0x31, 0x32: 216
        default:
            throw ProxyHeaderError("expected the family of IPv4, IPv6 or unix sockets, found \(hexadecimal(family))")
        }
    }

    /// - Parameter block: as long as the addresses of its family.
    private static func endpoints(in block: [UInt8]) -> ConnectionEndpoints? {
        let size: Int
        switch block.count {
        case 12: size = 4
        case 36: size = 16
        case 216:
            return ConnectionEndpoints(source: .unix, sourcePort: 0, destination: .unix, destinationPort: 0)
        default: return nil
        }
        guard let source = ClientAddress(bytes: block[..<size]),
            let destination = ClientAddress(bytes: block[size..<(2 * size)])
        else { return nil }
        let ports = block[(2 * size)...].map(UInt16.init)
        return ConnectionEndpoints(
            source: source, sourcePort: ports[0] << 8 | ports[1], destination: destination,
            destinationPort: ports[2] << 8 | ports[3])
    }

    private static func hexadecimal(_ byte: UInt8) -> String { "0x" + String(byte, radix: 16) }
}

extension ProxyHeader {
    /// How a connection of version 1 begins that says nothing of its client.
    private static let unknownLine = Array("PROXY UNKNOWN\r\n".utf8)

    /// The header to send.
    ///
    /// - Parameter endpoints: nil, or a source on a unix socket: the connection speaks for itself (UNKNOWN, or LOCAL).
    public static func bytes(version: Version, naming endpoints: ConnectionEndpoints?) -> [UInt8] {
        let isNamed = endpoints.map { $0.source != .unix } ?? false
        guard let endpoints, isNamed else {
            return version == .v1 ? unknownLine : signature + [0x20, 0x00, 0x00, 0x00]
        }
        let isIPv6 = endpoints.source.bytes.count == 16 || endpoints.destination.bytes.count == 16
        switch version {
        case .v1:
            let addresses = [endpoints.source, endpoints.destination].map { text($0, isIPv6: isIPv6) }
            let line =
                "PROXY \(isIPv6 ? "TCP6" : "TCP4") \(addresses[0]) \(addresses[1])"
                + " \(endpoints.sourcePort) \(endpoints.destinationPort)\r\n"
            return Array(line.utf8)
        case .v2:
            var block = bytes(of: endpoints.source, isIPv6: isIPv6) + bytes(of: endpoints.destination, isIPv6: isIPv6)
            for port in [endpoints.sourcePort, endpoints.destinationPort] {
                block += [UInt8(truncatingIfNeeded: port >> 8), UInt8(truncatingIfNeeded: port)]
            }
            return signature + [0x21, isIPv6 ? 0x21 : 0x11, 0x00, UInt8(truncatingIfNeeded: block.count)] + block
        }
    }

    /// An address that is not known, such as that of a unix socket, is the family's "any".
    private static func bytes(of address: ClientAddress, isIPv6: Bool) -> [UInt8] {
        let bytes = address.bytes
        switch (bytes.count, isIPv6) {
        case (4, true): return [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF] + bytes
        case (0, _): return [UInt8](repeating: 0, count: isIPv6 ? 16 : 4)
        default: return bytes
        }
    }

    private static func text(_ address: ClientAddress, isIPv6: Bool) -> String {
        switch address {
        case .ipv4: isIPv6 ? "::ffff:\(address)" : "\(address)"
        case .ipv6: "\(address)"
        case .unix: isIPv6 ? "::" : "0.0.0.0"
        }
    }

    /// Of the protocol: a line of text, or bytes.
    public enum Version: Sendable {
        case v1
        case v2
    }
}

/// Why a connection does not begin as it has to.
public struct ProxyHeaderError: Error, Equatable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}
