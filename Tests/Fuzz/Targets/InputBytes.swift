/// Reads choices and data from the front of an input. An input that is too short gives zeros, so that each one means
/// something, and a mutation in front does not move what is behind it.
struct InputBytes {
    private var rest: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func byte() -> UInt8 {
        guard let first = rest.first else { return 0 }
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst())
        return first
    }

    mutating func flag() -> Bool { byte() & 1 == 1 }

    /// 0…65,535.
    mutating func word() -> Int { Int(byte()) << 8 | Int(byte()) }

    /// The next `count` bytes, or what is left.
    mutating func bytes(_ count: Int) -> UnsafeRawBufferPointer {
        let taken = UnsafeRawBufferPointer(rebasing: rest.prefix(count))
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        return taken
    }

    mutating func all() -> UnsafeRawBufferPointer { bytes(rest.count) }
}

/// Lengths of pieces drawn from one number: some of a byte, some of a few, some long.
struct Pieces {
    private var state: UInt32

    init(seed: Int) { state = UInt32(truncatingIfNeeded: seed) &* 2_654_435_761 | 1 }

    mutating func next() -> Int {
        state ^= state &<< 13
        state ^= state &>> 17
        state ^= state &<< 5
        let draw = Int(state &>> 8)
        switch draw & 3 {
        case 0: return 1
        case 1: return 1 + (draw &>> 2) % 4
        case 2: return 1 + (draw &>> 2) % 16
        default: return 1 + (draw &>> 2) % 300
        }
    }
}
