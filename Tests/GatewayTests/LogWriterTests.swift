import Foundation
import Synchronization
import Testing

@testable import Gateway

@Suite struct LogWriterTests {
    private let pipe = Pipe()

    private func writer(limit: Int) -> LogWriter {
        LogWriter(descriptor: pipe.fileHandleForWriting.fileDescriptor, limit: limit)
    }

    /// Reads from now on, on a thread of its own; calling what it returns gives the lines up to the end of the pipe.
    private func startReading() -> () -> [Substring] {
        let reader = pipe.fileHandleForReading
        let result = Mutex<[Substring]>([])
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            var data = Data()
            while case let more = reader.availableData, !more.isEmpty { data += more }
            result.withLock { $0 = String(decoding: data, as: UTF8.self).split(separator: "\n") }
            done.signal()
        }
        return {
            done.wait()
            return result.withLock { $0 }
        }
    }

    /// Leaves no room in the pipe, and tells how many bytes that took.
    private func fill() -> Int {
        let descriptor = pipe.fileHandleForWriting.fileDescriptor
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        var count = 0
        while write(descriptor, "\n", 1) == 1 { count += 1 }
        return count
    }

    @Test("lines come out whole and in the order of each thread")
    func keepsOrder() throws {
        let writer = writer(limit: 1 << 20)
        let lines = startReading()
        DispatchQueue.concurrentPerform(iterations: 4) { task in
            for number in 0..<200 { writer.write(Array("\(task) \(number)\n".utf8)) { Array("\($0) dropped\n".utf8) } }
        }
        writer.flush(milliseconds: 10_000)
        try pipe.fileHandleForWriting.close()
        let all = lines()
        #expect(all.count == 800)
        for task in 0..<4 {
            let numbers = all.filter { $0.hasPrefix("\(task) ") }.map { $0.dropFirst(2) }
            #expect(numbers == (0..<200).map { Substring("\($0)") })
        }
    }

    @Test("a reader that does not read costs the lines past the limit, which are counted, and nobody's time")
    func dropsForSlowReader() throws {
        let writer = writer(limit: 4096)
        #expect(fill() > 0)
        let line = String(repeating: "x", count: 1023)
        for _ in 0..<100 { writer.write(Array("\(line)\n".utf8)) { Array("\($0) dropped\n".utf8) } }
        let lines = startReading()
        writer.flush(milliseconds: 10_000)
        try pipe.fileHandleForWriting.close()
        let all = lines()
        let whole = all.count { $0 == line }
        // Four may wait, and as many be on their way already.
        #expect((4...8).contains(whole), "\(whole) lines got through")
        // One notice, or two when the writer's thread first had its turn behind some that were dropped.
        let notices = all.filter { $0 != line }
        #expect((1...2).contains(notices.count), "\(notices)")
        #expect(all.last == notices.last)
        let dropped = notices.compactMap { Int($0.prefix { $0 != " " }) }.reduce(0, +)
        #expect(dropped == 100 - whole)
    }

    @Test("a reader that is gone is no reason to stand")
    func survivesClosedReader() throws {
        signal(SIGPIPE, SIG_IGN)
        try pipe.fileHandleForReading.close()
        let writer = writer(limit: 4096)
        for _ in 0..<100 { writer.write(Array("nobody reads this\n".utf8)) { Array("\($0) dropped\n".utf8) } }
        writer.flush()
    }
}
