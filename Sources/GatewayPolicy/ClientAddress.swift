import GatewayConfig

/// The network address of a client, in the form that caps are counted by and fields are written with.
///
/// IPv4-mapped IPv6 addresses (RFC 4291 §2.5.5.2) are normalised to IPv4, so that a client is the same one on a
/// dual-stack listener and on an IPv4 one.
public enum ClientAddress: Hashable, Sendable {
    /// Network byte order read as a number: `1.2.3.4` is `0x01020304`.
    case ipv4(UInt32)
    /// The upper and lower 64 bits.
    case ipv6(UInt64, UInt64)
    /// A peer on a unix domain socket, which has no network address and is never counted.
    case unix

    /// What caps are counted by: an IPv4 address, or the /64 that an IPv6 address lies in, since one IPv6 client
    /// commonly has a whole /64 to choose addresses from (RFC 6177 §2).
    enum CapKey: Hashable, Sendable {
        case ipv4(UInt32)
        case ipv6Prefix64(UInt64)
    }

    /// nil for a unix peer: uncounted.
    var capKey: CapKey? {
        switch self {
        case .ipv4(let bits): .ipv4(bits)
        case .ipv6(let upper, _): .ipv6Prefix64(upper)
        case .unix: nil
        }
    }

    /// From 4 or 16 bytes in network byte order; nil for any other count.
    public init?(bytes: some Collection<UInt8>) {
        switch bytes.count {
        case 4:
            self = .ipv4(bytes.reduce(0) { $0 << 8 | UInt32($1) })
        case 16:
            let upper = bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            let lower = bytes.suffix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            self.init(upper: upper, lower: lower)
        default:
            return nil
        }
    }

    private init(upper: UInt64, lower: UInt64) {
        if upper == 0, lower >> 32 == 0xFFFF {
            self = .ipv4(UInt32(truncatingIfNeeded: lower))
        } else {
            self = .ipv6(upper, lower)
        }
    }

    /// From text: a dotted-decimal IPv4 address without leading zeros, or an IPv6 address (RFC 4291 §2.2) without
    /// brackets and zone; nil for anything else.
    public init?(parsing text: some StringProtocol) {
        // The longest IPv6 text is 45 characters, "xxxx:" six times and an IPv4 tail.
        guard text.utf8.count <= 45 else { return nil }
        let bytes = Array(text.utf8)
        if bytes.contains(UInt8(ascii: ":")) {
            guard let groups = Self.parseIPv6(bytes) else { return nil }
            let upper = groups[0..<4].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
            let lower = groups[4..<8].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
            self.init(upper: upper, lower: lower)
        } else {
            guard let bits = Self.parseIPv4(bytes[...]) else { return nil }
            self = .ipv4(bits)
        }
    }

    /// Network-order bytes: 4, 16, or none for a unix peer.
    public var bytes: [UInt8] {
        switch self {
        case .ipv4(let bits):
            (0..<4).map { UInt8(truncatingIfNeeded: bits >> (24 - 8 * $0)) }
        case .ipv6(let upper, let lower):
            [upper, lower].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> (56 - 8 * $0)) } }
        case .unix:
            []
        }
    }

    private static func parseIPv4(_ text: ArraySlice<UInt8>) -> UInt32? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0") else { return nil }
            var octet: UInt32 = 0
            for digit in part {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
                octet = octet * 10 + UInt32(digit - UInt8(ascii: "0"))
            }
            guard octet <= 255 else { return nil }
            bits = bits << 8 | octet
        }
        return bits
    }

    /// Eight 16-bit groups.
    private static func parseIPv6(_ text: [UInt8]) -> [UInt16]? {
        guard let gap = doubleColon(in: text) else {
            guard let groups = parseGroups(text[...], allowsIPv4Tail: true), groups.count == 8 else { return nil }
            return groups
        }
        guard let head = parseGroups(text[..<gap], allowsIPv4Tail: false),
            let tail = parseGroups(text[(gap + 2)...], allowsIPv4Tail: true),
            head.count + tail.count <= 7
        else { return nil }
        return head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail
    }

    private static func doubleColon(in text: [UInt8]) -> Int? {
        text.indices.dropLast().first { text[$0] == UInt8(ascii: ":") && text[$0 + 1] == UInt8(ascii: ":") }
    }

    private static func parseGroups(_ text: ArraySlice<UInt8>, allowsIPv4Tail: Bool) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count <= 8 else { return nil }
        var groups: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if allowsIPv4Tail, index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
                guard let bits = parseIPv4(part) else { return nil }
                groups.append(UInt16(truncatingIfNeeded: bits >> 16))
                groups.append(UInt16(truncatingIfNeeded: bits))
                continue
            }
            guard (1...4).contains(part.count) else { return nil }
            var group: UInt16 = 0
            for digit in part {
                guard let value = UInt8(hexadecimalDigit: digit) else { return nil }
                group = group << 4 | UInt16(value)
            }
            groups.append(group)
        }
        return groups
    }
}

extension ClientAddress: CustomStringConvertible {
    /// Dotted decimal, the canonical IPv6 text of RFC 5952 (lower case, the longest run of zeros as `::`), or `unix`.
    public var description: String {
        switch self {
        case .ipv4(let bits):
            return Self.text(of: bits)
        case .ipv6(let upper, let lower):
            let groups = [upper, lower].flatMap { half in
                (0..<4).map { UInt16(truncatingIfNeeded: half >> (48 - 16 * $0)) }
            }
            return Self.text(of: groups)
        case .unix:
            return "unix"
        }
    }

    private static func text(of bits: UInt32) -> String {
        String(unsafeUninitializedCapacity: 15) { text in
            var count = 0
            func write(_ byte: UInt8) {
                text[count] = byte
                count += 1
            }
            for shift in stride(from: 24, through: 0, by: -8) {
                let octet = UInt8(truncatingIfNeeded: bits >> UInt32(shift))
                if octet >= 100 { write(UInt8(ascii: "0") + octet / 100) }
                if octet >= 10 { write(UInt8(ascii: "0") + octet / 10 % 10) }
                write(UInt8(ascii: "0") + octet % 10)
                if shift > 0 { write(UInt8(ascii: ".")) }
            }
            return count
        }
    }

    private static func text(of groups: [UInt16]) -> String {
        func join(_ groups: ArraySlice<UInt16>) -> String {
            groups.map { String($0, radix: 16) }.joined(separator: ":")
        }
        let run = longestZeroRun(in: groups)
        guard run.count >= 2 else { return join(groups[...]) }
        return "\(join(groups[..<run.lowerBound]))::\(join(groups[run.upperBound...]))"
    }

    /// The first of the longest runs (RFC 5952 §4.2.3).
    private static func longestZeroRun(in groups: [UInt16]) -> Range<Int> {
        var longest = 0..<0
        var start = 0
        for index in groups.indices {
            if groups[index] != 0 {
                start = index + 1
            } else if index + 1 - start > longest.count {
                longest = start..<(index + 1)
            }
        }
        return longest
    }
}
