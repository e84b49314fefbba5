/// The 32-bit masking key of a client's frame (RFC 6455 §5.3), in the byte order of the wire.
public struct MaskKey: Hashable, Sendable {
    /// The four bytes of the wire as they lie in memory, whatever the byte order of the machine.
    public var raw: UInt32

    /// - Parameter raw: the key's bytes loaded from memory without swapping.
    @inlinable
    public init(raw: UInt32) {
        self.raw = raw
    }

    /// The key for payload that starts `offset` bytes (any value ≥ 0) into the frame's payload.
    @inlinable
    public func rotated(by offset: Int) -> MaskKey {
        let bits = UInt32(truncatingIfNeeded: offset & 3) &* 8
        guard bits != 0 else { return self }
        let key = UInt32(littleEndian: raw)
        return MaskKey(raw: UInt32(littleEndian: key &>> bits | key &<< (32 &- bits)))
    }

    /// Masks or unmasks in place; the two are the same operation.
    ///
    /// - Parameter offset: position in the frame's payload of the first of `bytes`, ≥ 0.
    public func apply(to bytes: UnsafeMutableRawBufferPointer, offset: Int) {
        guard let base = bytes.baseAddress else { return }
        let key = rotated(by: offset).raw
        let wide = UInt64(key) | UInt64(key) &<< 32
        let count = bytes.count
        let wideEnd = count & ~7
        var index = 0
        // The compiler turns this loop into vector instructions; the shape (one index, no calls, no traps) is why.
        while index < wideEnd {
            let word = base.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            base.storeBytes(of: word ^ wide, toByteOffset: index, as: UInt64.self)
            index &+= 8
        }
        let little = UInt32(littleEndian: key)
        while index < count {
            let byte = base.load(fromByteOffset: index, as: UInt8.self)
            let shift = UInt32(truncatingIfNeeded: index & 3) &* 8
            base.storeBytes(
                of: byte ^ UInt8(truncatingIfNeeded: little &>> shift), toByteOffset: index, as: UInt8.self)
            index &+= 1
        }
    }
}
