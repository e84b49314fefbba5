import GatewayConfig
import NIOCore
import PerMessageDeflate
import Testing

@testable import GatewaySession

@Suite struct ZlibStatesTests {
    /// States and where they are taken from; a class, as expectations can't take what is not copyable.
    private final class Holder {
        private var states: ZlibStates
        private let pool: ZlibPool
        let account: CompressionMemory

        init(
            incoming: DirectionCompression.Half? = nil, outgoing: DirectionCompression.Half? = nil,
            limit: Int = 1 << 20, change: (inout CompressionSettings) -> Void = { _ in }
        ) {
            var settings = CompressionSettings()
            change(&settings)
            account = CompressionMemory(limit: limit)
            pool = ZlibPool(memory: account)
            states = ZlibStates(
                pool: pool, compression: DirectionCompression(incoming: incoming, outgoing: outgoing),
                settings: settings)
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
