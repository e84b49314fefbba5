#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Ends the wait of an event loop from another thread.
final class Waker: PolledDescriptor {
    let descriptor: CInt
    /// It was woken since this was last reset. On the thread of the loop alone.
    var isWoken = false

    init(descriptor: CInt) { self.descriptor = descriptor }

    deinit { SystemCall.close(descriptor) }

    func wake() {
        var one: UInt64 = 1
        _ = write(descriptor, &one, 8)
    }

    override func ready(_ events: PollEvents) {
        var count: UInt64 = 0
        _ = read(descriptor, &count, 8)
        isWoken = true
    }
}
