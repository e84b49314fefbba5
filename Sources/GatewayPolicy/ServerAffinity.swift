import GatewayConfig

/// How near each server is to a key: consistent hashing by weighted rendezvous.
///
/// Of each key and server a hash makes a number from the exponential distribution whose rate is the server's weight; the
/// smallest wins, the next smallest comes next. So each server is first for its share of the keys, and when one comes,
/// goes or changes its weight, only keys move that it gets or gives up; a ring of points has that only roughly, and not
/// when weights change. The same on every instance.
struct ServerAffinity: Sendable {
    private let hashes: [UInt64]

    init(_ servers: [Address]) {
        hashes = servers.map { address in
            var hash = StableHash()
            hash.add("\(address)".utf8)
            return hash.value
        }
    }

    /// - Parameters:
    ///   - server: its place among those given.
    ///   - weight: 1 or more.
    func distance(of server: Int, weight: Int, from key: UInt64) -> Double {
        Double(Self.negativeLogarithm(StableHash.mixed(hashes[server] ^ key))) / Double(max(1, weight))
    }

    /// -log2(bits / 2^64), times 2^32. In whole numbers, as libraries round logarithms each in their own way, and all
    /// instances have to agree.
    static func negativeLogarithm(_ bits: UInt64) -> UInt64 {
        let bits = max(1, bits)
        let zeros = bits.leadingZeroBitCount
        // From 1 up to 2, with 63 bits behind the point.
        var mantissa = bits << UInt64(zeros)
        var fraction: UInt64 = 0
        for _ in 0..<32 {
            let square = mantissa.multipliedFullWidth(by: mantissa).high
            let isTwoOrMore = square >> 63 == 1
            fraction = fraction << 1 | (isTwoOrMore ? 1 : 0)
            mantissa = isTwoOrMore ? square : square << 1
        }
        return (UInt64(zeros + 1) << 32) - fraction
    }
}
