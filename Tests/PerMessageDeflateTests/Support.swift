import NIOCore
import PerMessageDeflate

/// Bytes written as in the RFC: "f2 48 cd".
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

/// Text that compresses some, so that all kinds of block occur.
func sample(_ count: Int, using generator: inout SeededGenerator) -> [UInt8] {
    let words = ["lorem ", "ipsum ", "dolor ", "{\"id\":", "0123456789", "\u{0}", "Ω≈ç√"].map { Array($0.utf8) }
    var bytes: [UInt8] = []
    while bytes.count < count {
        switch Int.random(in: 0..<10, using: &generator) {
        case 0: bytes += (0..<40).map { _ in UInt8.random(in: 0...255, using: &generator) }
        case 1: bytes += Array(repeating: UInt8.random(in: 0...255, using: &generator), count: 300)
        default: bytes += words[Int.random(in: 0..<words.count, using: &generator)]
        }
    }
    return Array(bytes.prefix(count))
}

/// A whole message, with a limit on every call.
func compress(
    _ message: [UInt8], with deflater: inout Deflater, limit: Int = .max
) throws -> [UInt8] {
    var output = ByteBuffer()
    var used = 0
    try message.withUnsafeBytes { bytes in
        while used < bytes.count {
            used += try deflater.compress(UnsafeRawBufferPointer(rebasing: bytes[used...]), into: &output, limit: limit)
        }
    }
    while try !deflater.finishMessage(into: &output, limit: limit) {}
    return Array(output.readableBytesView)
}

/// A whole message, in the pieces that end at `splits`, with a limit on every call.
func inflate(
    _ payload: [UInt8], with inflater: inout Inflater, splits: [Int] = [], limit: Int = .max
) throws -> [UInt8] {
    var output = ByteBuffer()
    var start = 0
    try payload.withUnsafeBytes { bytes in
        for end in splits + [bytes.count] {
            repeat {
                let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
                start += try inflater.inflate(piece, into: &output, limit: limit).consumed
            } while start < end
        }
    }
    while try !inflater.finishMessage(into: &output, limit: limit) {}
    return Array(output.readableBytesView)
}

/// A whole message, looked at piece by piece.
func inspect(_ payload: [UInt8], with inflater: inout Inflater) throws -> [UInt8] {
    var seen: [UInt8] = []
    let isWhole =
        try payload.withUnsafeBytes { bytes in
            try inflater.inspect(bytes) { piece in
                seen += Array(piece)
                return true
            }
        }
        && inflater.finishInspecting { piece in
            seen += Array(piece)
            return true
        }
    return isWhole ? seen : []
}
