import NIOCore
import PerMessageDeflate
import TestSupport

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
