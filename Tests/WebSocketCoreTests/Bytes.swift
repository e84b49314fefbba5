/// Bytes written as in the RFCs: "81 05 48".
struct Bytes: ExpressibleByStringLiteral, CustomStringConvertible, Sendable, Equatable {
    var values: [UInt8]

    init(_ values: some Sequence<UInt8>) {
        self.values = Array(values)
    }

    init(stringLiteral text: String) {
        values = text.split(separator: " ").map { UInt8($0, radix: 16) ?? 0 }
    }

    var description: String {
        values.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }
}

/// Draws the same numbers for the same seed, so that a failure can be repeated (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
