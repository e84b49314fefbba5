import Foundation

@testable import SocketTransport

/// Calls of the system that do as a test says, and count.
final class ScriptedCalls: SocketCalls {
    /// What a read gives instead of the system's: a count of bytes, or a code below zero. nil: the system's.
    var reading: (UnsafeMutableRawBufferPointer) -> Int? = { _ in nil }
    /// The same for a write.
    var writing: (UnsafeRawBufferPointer) -> Int? = { _ in nil }
    var accepting: () -> CInt? = { nil }
    private(set) var written: [Int] = []
    private(set) var reads = 0

    override func read(_ descriptor: CInt, _ memory: UnsafeMutableRawBufferPointer) -> Int {
        reads += 1
        return outcome(reading(memory)) ?? super.read(descriptor, memory)
    }

    override func write(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer, isSocket: Bool) -> Int {
        written.append(bytes.count)
        return outcome(writing(bytes)) ?? super.write(descriptor, bytes, isSocket: isSocket)
    }

    override func accept(_ descriptor: CInt) -> CInt {
        outcome(accepting().map { Int($0) }).map { CInt($0) } ?? super.accept(descriptor)
    }

    func clearCounts() {
        written = []
        reads = 0
    }

    private func outcome(_ result: Int?) -> Int? {
        guard let result, result < 0 else { return result }
        errno = CInt(-result)
        return -1
    }
}
