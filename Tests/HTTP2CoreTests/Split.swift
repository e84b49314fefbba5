import NIOCore
import TestSupport
import Testing

/// How a stream of bytes is cut into what is read at once.
enum Split: Sendable, CustomTestStringConvertible {
    case whole, byByte
    case random(seed: UInt64)

    static let all: [Split] = [.whole, .byByte] + (1...8).map { .random(seed: $0) }

    var testDescription: String {
        switch self {
        case .whole: "whole"
        case .byByte: "byte by byte"
        case .random(let seed): "split with seed \(seed)"
        }
    }

    func pieces(of bytes: [UInt8]) -> [ByteBuffer] {
        switch self {
        case .whole:
            return [ByteBuffer(bytes: bytes)]
        case .byByte:
            return bytes.map { ByteBuffer(bytes: [$0]) }
        case .random(let seed):
            var generator = SeededGenerator(seed: seed)
            var pieces: [ByteBuffer] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let longest = [1, 3, 12, 40, 300, 5000].randomElement(using: &generator) ?? 1
                let piece = rest.prefix(Int.random(in: 1...longest, using: &generator))
                pieces.append(ByteBuffer(bytes: piece))
                rest = rest.dropFirst(piece.count)
            }
            return pieces
        }
    }
}
