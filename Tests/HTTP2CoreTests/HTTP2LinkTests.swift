import Foundation
import NIOCore
import Testing

@testable import HTTP2Core

/// Two connections that talk to each other, over a link that takes and hands on bytes as it likes.
///
/// `SLUICE_SIMULATION_RUNS` sets how many random links there are (400), `SLUICE_SIMULATION_SEED` the first seed (1).
@Suite("Two connections on a link")
struct HTTP2LinkTests {
    private static let shards = 4
    private static let runs = number("SLUICE_SIMULATION_RUNS") ?? 400
    private static let firstSeed = number("SLUICE_SIMULATION_SEED") ?? 1

    private static func number(_ name: String) -> UInt64? {
        ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
    }

    @Test(
        "nothing is lost, doubled or reordered, no window overrun, and what is held is bounded", arguments: 0..<shards)
    func random(shard: Int) {
        var seed = Self.firstSeed + UInt64(shard)
        while seed < Self.firstSeed + Self.runs {
            var run = RandomLinkRun(seed: seed)
            let problems = run.run()
            #expect(problems == [], "SLUICE_SIMULATION_SEED=\(seed) SLUICE_SIMULATION_RUNS=1")
            seed += UInt64(Self.shards)
        }
    }

    /// A link with so many streams that are answered.
    private static func link(streams: Int, capacity: Int = 65_536) -> SimulatedLink {
        let link = SimulatedLink(capacity: capacity)
        link.settle()
        for _ in 0..<streams { link.client.openStream() }
        link.settle()
        return link
    }

    /// Writes for as long as the streams take it; how much is left.
    private static func pump(_ left: inout [UInt32: Int], from end: SimulatedEnd, over link: SimulatedLink) {
        for _ in 0..<3000 {
            for use in end.open {
                let count = min(left[use.stream.id] ?? 0, 20_000)
                guard count > 0, use.stream.isWritable else { continue }
                end.write(count, on: use)
                left[use.stream.id]? -= count
            }
            for end in link.ends {
                link.flush(end)
                link.deliver(from: end, 30_000)
            }
            link.advance(by: .milliseconds(1))
        }
    }

    @Test("a slow reader stops its own stream and no other, and what is held for it is bounded")
    func slowReader() throws {
        for sender in [\SimulatedLink.client, \.server] {
            let link = Self.link(streams: 5)
            let from = link[keyPath: sender]
            let to = from === link.client ? link.server : link.client
            to.stalls = [3]
            var left = Dictionary(uniqueKeysWithValues: from.uses.keys.map { ($0, 1_000_000) })
            Self.pump(&left, from: from, over: link)
            for (id, use) in to.uses { #expect(use.received == (id == 3 ? 65_535 : 1_000_000), "stream \(id)") }
            let slow = try #require(from.uses[3])
            #expect(!slow.stream.isWritable)
            #expect(slow.stream.pendingBytes <= HTTP2Stream.highWatermark + 20_000)
            to.stalls = []
            to.consume(try #require(to.uses[3]), now: link.now)
            Self.pump(&left, from: from, over: link)
            #expect(to.uses[3]?.received == 1_000_000)
            #expect(link.problems == [])
        }
    }

    @Test("a small message waits for what is ready, and for a frame of each bulk stream", arguments: [1, 4, 20])
    func smallBesideBulk(bulks: Int) throws {
        let link = Self.link(streams: bulks + 1, capacity: 1)
        let small = try #require(link.server.uses[UInt32(2 * bulks + 1)])
        let received = try #require(link.client.uses[small.stream.id])
        var waits: [Int] = []
        for turn in 0..<200 {
            for use in link.server.open where use !== small { link.server.write(30_000, on: use) }
            if turn % 10 == 5 {
                link.server.write(5, on: small)
                let before = link.toClient.content - link.toClient.count
                while received.received < small.written {
                    for use in link.server.open where use !== small { link.server.write(30_000, on: use) }
                    for end in link.ends {
                        link.flush(end)
                        link.deliver(from: end, 5000)
                    }
                }
                waits.append(link.toClient.content - link.toClient.count - before)
            }
            for end in link.ends {
                link.flush(end)
                link.deliver(from: end, 5000)
            }
        }
        // On the wire and ready, each 64 KiB, and one frame of each.
        let bound = 2 * HTTP2Connection.outputLimit + bulks * 16_384 + 5000
        #expect((waits.max() ?? .max) <= bound)
        #expect(waits.count == 20)
        #expect(link.problems == [])
    }

    @Test("windows grow for who reads fast, and only for who reads fast")
    func growth() throws {
        let link = Self.link(streams: 2)
        var left: [UInt32: Int] = [1: 20_000_000]
        Self.pump(&left, from: link.client, over: link)
        #expect(link.server.uses[1]?.received == 20_000_000)
        #expect(link.server.uses[1].map { $0.stream.receiveWindow.size >= 65_535 << 6 } == true, "6 times doubled")
        for _ in 0..<20 {
            link.advance(by: .seconds(1))
            if let use = link.client.uses[3] { link.client.write(30_000, on: use) }
            link.settle()
        }
        #expect(link.server.uses[3]?.stream.receiveWindow.size == ReceiveWindow.initialSize)
        #expect(link.problems == [])
    }

    @Test("a reset in the middle of everything ends one stream, and leaves the windows of the connection whole")
    func resets() {
        let link = Self.link(streams: 20)
        for round in 0..<20 {
            for end in link.ends { for use in end.open { end.write(30_000, on: use) } }
            let end = link.ends[round % 2]
            if let use = end.open.first { end.reset(use) }
            for end in link.ends {
                link.flush(end)
                link.deliver(from: end, 10_000)
            }
        }
        for use in link.client.open { link.client.reset(use) }
        link.settle()
        #expect(link.client.connection.streamCount == 0 && link.server.connection.streamCount == 0)
        #expect(link.client.connection.sendWindow == link.server.connection.connectionReceiveWindow)
        #expect(link.server.connection.sendWindow == link.client.connection.connectionReceiveWindow)
        #expect(link.problems == [])
    }
}
