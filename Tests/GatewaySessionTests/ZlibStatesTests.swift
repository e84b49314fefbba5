import GatewayConfig
import NIOCore
import PerMessageDeflate
import Testing
import WebSocketCore

@testable import GatewaySession

@Suite struct ZlibStatesTests {
    /// States and where they are taken from; a class, as expectations can't take what is not copyable.
    private final class Holder {
        private var states: ZlibStates
        private let pool: ZlibPool
        let account: CompressionMemory

        init(
            incoming: DirectionCompression.Half? = nil, outgoing: DirectionCompression.Half? = nil,
            limit: Int = 1 << 20, route: String? = nil, beside other: Holder? = nil,
            change: (inout CompressionSettings) -> Void = { _ in }
        ) {
            var settings = CompressionSettings()
            change(&settings)
            account = other?.account ?? CompressionMemory(limit: limit)
            pool = other?.pool ?? ZlibPool(memory: account)
            states = ZlibStates(
                pool: pool, compression: DirectionCompression(incoming: incoming, outgoing: outgoing),
                settings: settings, route: route)
        }

        var shares: Bool { states.shares }

        /// As a direction does it: a message is shared, or compressed by itself. Gives what goes to the peer.
        func send(_ message: [UInt8]) throws -> (frame: [UInt8], isShared: Bool) {
            guard states.readyDeflater() else { return ([], false) }
            defer { states.messageEnded() }
            return try message.withUnsafeBytes { bytes in
                if let frame = states.sharedFrame(of: bytes, opcode: .binary) {
                    return (Array(frame.readableBytesView), true)
                }
                var work = Transcoding(opcode: .binary, inflates: false, deflates: true, expecting: bytes.count)
                _ = try states.deflate(bytes, into: &work)
                _ = try states.finishDeflating(into: &work)
                return (Array(work.takeFrame(fin: true, maskKey: nil).readableBytesView), false)
            }
        }

        var memory: Int { states.memory }
        var holdsDeflater: Bool { states.holdsDeflater }
        func readyInflater() -> Bool { states.readyInflater() == nil }
        func readyDeflater() -> Bool { states.readyDeflater() }
        func messageEnded() { states.messageEnded() }
        func releaseDeflater() { states.releaseDeflater() }
        func releaseAll() { states.releaseAll() }
        func trim() { pool.trim() }
    }

    @Test("an inflater that will be kept is counted from the start, and never refused")
    func promise() {
        let states = Holder(incoming: .init(windowBits: 15, takeover: true), limit: 1)
        #expect(states.memory == 0)
        #expect(states.account.used == Inflater.memory(windowBits: 15))
        #expect(states.readyInflater())
        states.messageEnded()
        #expect(states.memory == Inflater.memory(windowBits: 15))
        #expect(states.account.used == Inflater.memory(windowBits: 15))
        states.releaseAll()
        #expect(states.memory == 0 && states.account.used == 0)
    }

    @Test("an inflater for one message is refused when there is no room for it")
    func noRoom() {
        let states = Holder(incoming: .init(windowBits: 15, takeover: false), limit: 1)
        #expect(!states.readyInflater())
        #expect(states.account.used == 0)
    }

    @Test("nothing is held until a message needs it, and nothing is kept without context takeover")
    func holdsForMessage() {
        let states = Holder(
            incoming: .init(windowBits: 15, takeover: false), outgoing: .init(windowBits: 12, takeover: false))
        #expect(states.memory == 0 && states.account.used == 0)
        #expect(states.readyInflater())
        #expect(states.memory == Inflater.memory(windowBits: 15))
        #expect(states.readyDeflater())
        #expect(states.holdsDeflater)
        #expect(states.memory == Inflater.memory(windowBits: 15) + Deflater.memory(windowBits: 12, memoryLevel: 5))
        #expect(states.account.used == states.memory)
        states.messageEnded()
        #expect(states.memory == 0 && !states.holdsDeflater)
        states.trim()
        #expect(states.account.used == 0)
    }

    @Test("with context takeover the windows stay; the compressor may go between messages, the inflater may not")
    func keepsWindows() {
        let states = Holder(
            incoming: .init(windowBits: 10, takeover: true), outgoing: .init(windowBits: 12, takeover: true))
        _ = states.readyInflater()
        _ = states.readyDeflater()
        let held = states.memory
        states.messageEnded()
        #expect(states.memory == held)
        states.releaseDeflater()
        #expect(states.memory == Inflater.memory(windowBits: 10))
        states.releaseAll()
        #expect(states.memory == 0)
        states.trim()
        #expect(states.account.used == 0)
    }

    @Test(
        "compresses with the narrower of what was agreed and what is configured",
        arguments: [(15, 12, 12), (10, 12, 10), (9, 15, 9)])
    func choosesWindow(agreed: Int, configured: Int, used: Int) {
        let states = Holder(outgoing: .init(windowBits: agreed, takeover: true)) {
            $0.windowBits = configured
            $0.memoryLevel = 3
        }
        #expect(states.readyDeflater())
        #expect(states.memory == Deflater.memory(windowBits: used, memoryLevel: 3))
        states.releaseAll()
    }

    @Test("context_takeover: false gives the compressor up although the peer would keep its window")
    func forgetsAsConfigured() {
        let states = Holder(outgoing: .init(windowBits: 12, takeover: true)) { $0.contextTakeover = false }
        #expect(states.readyDeflater())
        states.messageEnded()
        #expect(!states.holdsDeflater)
    }

    @Test("shares where the destination compresses, the source does not, and the route has a name")
    func sharesBetweenSessions() {
        let half = DirectionCompression.Half(windowBits: 12, takeover: true)
        #expect(Holder(outgoing: half, route: "r").shares)
        #expect(!Holder(outgoing: half).shares)
        #expect(!Holder(incoming: half, outgoing: half, route: "r").shares)
        #expect(!Holder(incoming: half, route: "r").shares)
        let states = Holder(outgoing: half, route: "r")
        states.releaseAll()
        #expect(!states.shares)
    }

    @Test("level says how hard to look for what repeats")
    func usesLevel() throws {
        let text = sampleText(20_000)
        let sizes = try [1, 6, 9].map { level in
            try Holder(outgoing: .init(windowBits: 15, takeover: false)) {
                $0.windowBits = 15
                $0.level = level
            }.send(text).frame.count
        }
        #expect(sizes[0] > sizes[1] && sizes[1] >= sizes[2])
    }

    @Test(
        "a connection that gets only what others compressed holds no compressor, one that did for a while gives it up")
    func givesCompressorUp() throws {
        let half = DirectionCompression.Half(windowBits: 12, takeover: true)
        let first = Holder(outgoing: half, route: "r")
        let second = Holder(outgoing: half, route: "r", beside: first)
        let third = Holder(outgoing: half, route: "r", beside: first)
        var kept = 0
        for number in 0..<6 {
            let message = [UInt8](repeating: UInt8(number), count: 5000)
            let isShared = try [first, second, third].map { try $0.send(message).isShared }
            #expect(isShared == [false, true, true])
            #expect(!second.holdsDeflater && !third.holdsDeflater)
        }
        #expect(first.holdsDeflater)
        // From now on the first comes last.
        for number in 10..<20 {
            let message = [UInt8](repeating: UInt8(number), count: 5000)
            #expect(try [second, third, first].map { try $0.send(message).isShared } == [false, true, true])
            if first.holdsDeflater { kept += 1 }
        }
        #expect(kept == 3, "it follows less than four windows of others' messages")
    }

    @Test("without agreement there is neither; without memory there is no compressor, but an inflater")
    func goesWithout() {
        let none = Holder()
        #expect(none.readyInflater())
        #expect(!none.readyDeflater())
        #expect(none.memory == 0)
        let states = Holder(
            incoming: .init(windowBits: 15, takeover: true), outgoing: .init(windowBits: 12, takeover: true), limit: 100
        )
        #expect(!states.readyDeflater())
        #expect(states.readyInflater())
        #expect(states.memory == Inflater.memory(windowBits: 15))
        states.releaseAll()
        states.trim()
        #expect(states.account.used == 0)
    }
}
