import TestSupport
import Testing

@testable import HTTP2Core

@Suite("The open streams of a connection")
struct HTTP2StreamsTests {
    @Test("a stream is found by its number as long as it is open, whichever numbers are left out", arguments: 1...8)
    func found(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var streams = HTTP2Streams()
        var expected: [UInt32: HTTP2Stream] = [:]
        var next: UInt32 = 1
        for _ in 0..<3000 {
            if Bool.random(using: &generator) {
                // A peer may leave numbers out.
                next += 2 * UInt32([0, 0, 0, 1, 500].randomElement(using: &generator) ?? 0)
                let stream = HTTP2Stream(id: next, sendWindow: 0)
                streams.add(stream)
                expected[next] = stream
                next += 2
            } else if let id = expected.keys.sorted().randomElement(using: &generator) {
                streams.remove(id)
                expected[id] = nil
            }
            let asked = UInt32.random(in: 0...next, using: &generator)
            #expect(streams[asked] === expected[asked], "stream \(asked)")
            #expect(streams.count == expected.count)
        }
        #expect(streams.all.map(\.id) == expected.keys.sorted())
        for (id, stream) in expected { #expect(streams[id] === stream) }
    }

    @Test("streams that come and go beside one that stays take no more room")
    func room() {
        var streams = HTTP2Streams()
        streams.add(HTTP2Stream(id: 1, sendWindow: 0))
        for number in 1...10_000 {
            let id = UInt32(2 * number + 1)
            streams.add(HTTP2Stream(id: id, sendWindow: 0))
            streams.remove(id)
            #expect(streams.places <= 40)
        }
        #expect(streams.count == 1 && streams[1] != nil)
        streams.remove(1)
        streams.remove(1)
        #expect(streams.count == 0 && streams.all.isEmpty)
    }
}
