public import NIOCore

extension ByteBuffer {
    /// Overwrites the bytes where they are, as the next read does in memory that all sockets of a loop share: whoever has
    /// kept them without a copy has others now.
    public func overwrite() {
        withVeryUnsafeBytes { memory in
            var place = UnsafeMutableRawBufferPointer(mutating: memory)[readerIndex..<writerIndex]
            for index in place.indices { place[index] = 0xA5 }
        }
    }
}
