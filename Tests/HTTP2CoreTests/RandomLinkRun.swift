import NIOCore
import TestSupport

@testable import HTTP2Core

/// Random streams on a random link, and what must be true in the end.
struct RandomLinkRun {
    private var generator: SeededGenerator
    private let link: SimulatedLink
    private let mayReset: Bool
    private let largestPiece: Int
    private var pings: [UInt64] = []

    init(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        link = SimulatedLink(
            maxStreams: Int.random(in: 1...30, using: &generator),
            capacity: [1, 100, 5000, 65_536, 300_000].randomElement(using: &generator) ?? 1)
        link.server.answers = generator.chance(70)
        mayReset = generator.chance(60)
        largestPiece = [7, 500, 20_000, 100_000].randomElement(using: &generator) ?? 1
        self.generator = generator
    }

    /// What went wrong.
    mutating func run() -> [String] {
        for _ in 0..<Int.random(in: 100...600, using: &generator) { act() }
        finish()
        return link.problems + judge()
    }

    private var anyEnd: SimulatedEnd { mutating get { generator.chance(50) ? link.client : link.server } }

    private mutating func act() {
        let end = anyEnd
        switch Int.random(in: 0..<20, using: &generator) {
        case 0...1: link.client.openStream()
        case 2: link.server.open.forEach { link.server.answer($0) }
        case 3...8:
            guard let use = anyUse(of: end) else { return }
            let largestWrite = [10, 2000, 30_000].randomElement(using: &generator) ?? 1
            end.write(Int.random(in: 1...largestWrite, using: &generator), on: use)
        case 9: if generator.chance(30), let use = anyUse(of: end) { end.end(use) }
        case 10: if mayReset, generator.chance(30), let use = anyUse(of: end) { end.reset(use) }
        case 11: anyUse(of: end)?.isStalled = true
        case 12:
            guard let use = anyUse(of: end) else { return }
            use.isStalled = false
            end.consume(use, now: link.now)
        case 13:
            pings.append(UInt64(pings.count))
            link.client.connection.ping(UInt64(pings.count - 1))
        case 14: link.advance(by: .milliseconds(Int64.random(in: 0...300, using: &generator)))
        case 15...16: link.flush(end)
        default:
            link.flush(end)
            link.deliver(from: end, Int.random(in: 1...largestPiece, using: &generator))
        }
    }

    private mutating func anyUse(of end: SimulatedEnd) -> SimulatedEnd.Use? {
        end.open.randomElement(using: &generator)
    }

    /// Everybody reads, answers and ends.
    private mutating func finish() {
        link.server.answers = true
        link.settle()
        for end in link.ends {
            for use in end.uses.values {
                use.isStalled = false
                end.consume(use, now: link.now)
                end.answer(use)
            }
        }
        link.settle()
        for end in link.ends { for use in end.open { end.end(use) } }
        link.settle()
    }

    private func judge() -> [String] {
        var problems: [String] = []
        for (end, other) in [(link.client, link.server), (link.server, link.client)] {
            if end.connection.streamCount != 0 { problems.append("\(end.connection.streamCount) streams are left") }
            if end.connection.sendWindow != other.connection.connectionReceiveWindow {
                problems.append(
                    "\(end.role) may send \(end.connection.sendWindow), the other expects "
                        + "\(other.connection.connectionReceiveWindow)")
            }
            if end.connection.growthBudget != 16 * 1024 * 1024 { problems.append("growth is not given back") }
            for (id, use) in end.uses where !use.isReset {
                guard let others = other.uses[id] else {
                    problems.append("stream \(id) of the \(end.role) is not the other's")
                    continue
                }
                guard !others.isReset else { continue }
                if use.received != others.written || !use.sawEnd {
                    problems.append("\(end.role) has \(use.received) of \(others.written) bytes of stream \(id)")
                }
            }
        }
        if link.client.pongs != pings { problems.append("\(link.client.pongs.count) of \(pings.count) pings answered") }
        return problems
    }
}
