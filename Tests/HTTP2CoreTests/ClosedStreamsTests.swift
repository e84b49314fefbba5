import Testing

@testable import HTTP2Core

@Suite("Streams that are no more (RFC 9113 §5.1)")
struct ClosedStreamsTests {
    @Test("are known by their end")
    func endings() {
        var streams = ClosedStreams()
        streams.add(1, .peerEnded)
        streams.add(3, .abandoned)
        streams.add(5, .peerReset)
        #expect(streams[1] == .peerEnded)
        #expect(streams[3] == .abandoned)
        #expect(streams[5] == .peerReset)
        #expect(streams[7] == nil)
        #expect(!streams.mayHaveForgotten(7))
        streams.peerHasReset(3)
        #expect(streams[3] == .peerReset)
        streams.peerHasReset(9)
        #expect(streams[9] == nil)
    }

    @Test("are forgotten, the oldest first, and only what is forgotten may have been")
    func forgotten() {
        var streams = ClosedStreams()
        let count = UInt32(ClosedStreams.capacity)
        // The first one lives longest.
        for number in 1...count { streams.add(2 * number + 1, .abandoned) }
        streams.add(1, .peerEnded)
        #expect(streams[3] == nil)
        #expect(streams[1] == .peerEnded)
        #expect(streams[5] == .abandoned)
        #expect(streams.mayHaveForgotten(3))
        #expect(!streams.mayHaveForgotten(5))
    }

    @Test("adding one again changes its end and forgets no other")
    func again() {
        var streams = ClosedStreams()
        for number in 0..<UInt32(ClosedStreams.capacity) { streams.add(2 * number + 1, .peerReset) }
        for _ in 0..<10 { streams.add(1, .abandoned) }
        #expect(streams[1] == .abandoned)
        #expect(!streams.mayHaveForgotten(1))
    }

    @Test("a few frames of each may be late")
    func late() {
        var streams = ClosedStreams()
        streams.add(1, .abandoned)
        let expected = (0..<6).map { _ in streams.expectsLateFrame(1) }
        #expect(expected == [true, true, true, true, false, false])
        let unknown = streams.expectsLateFrame(3)
        #expect(!unknown)
    }
}
