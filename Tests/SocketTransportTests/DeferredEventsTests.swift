import NIOCore
import Testing

@testable import SocketTransport

@Suite("Events that wait until the sockets with precedence have been served", .timeLimit(.minutes(1)))
struct DeferredEventsTests {
    /// What was served, in order.
    private final class Diary {
        var names: [String] = []
    }

    /// A descriptor with something to read, which is served in its turn, or at once where it has precedence.
    private final class Ready: PolledDescriptor {
        let name: String
        let hasPrecedence: Bool
        let driven: DrivenLoop
        let diary: Diary
        let own: RawPeer
        let peer: RawPeer
        /// What one service takes at least.
        var cost = TimeAmount.zero
        /// How often it is served before nothing is left to read.
        var times = 1
        var answer: () -> Void = {}

        init(_ name: String, hasPrecedence: Bool = false, on driven: DrivenLoop, _ diary: Diary) throws {
            self.name = name
            self.hasPrecedence = hasPrecedence
            self.driven = driven
            self.diary = diary
            (own, peer) = try RawPeer.pair()
            super.init()
            peer.write("a")
            try driven.loop.poller.add(self, own.descriptor, for: .readable)
        }

        func leave() { driven.loop.poller.remove(self, own.descriptor) }

        override func ready(_ events: PollEvents) {
            if hasPrecedence {
                serve(events)
            } else {
                driven.loop.deferEvents(events, of: self, own.descriptor)
            }
        }

        override func serve(_ events: PollEvents) {
            #expect(events.contains(.readable))
            diary.names.append(name)
            let end = NIODeadline.now() + cost
            while NIODeadline.now() < end {}
            times -= 1
            if times == 0 { leave() }
            answer()
        }
    }

    private let driven: DrivenLoop
    private let diary = Diary()

    init() throws { driven = try DrivenLoop() }

    private func ready(_ name: String, hasPrecedence: Bool = false) throws -> Ready {
        try Ready(name, hasPrecedence: hasPrecedence, on: driven, diary)
    }

    @Test("in one turn, what has precedence comes first, whichever the kernel names first")
    func precedence() throws {
        _ = try ready("request")
        _ = try ready("message", hasPrecedence: true)
        _ = try ready("another request")
        _ = driven.loop.turn(limit: 0)
        #expect(diary.names == ["message", "request", "another request"])
        #expect(driven.loop.deferred.isEmpty)
    }

    @Test("what a socket with precedence has to read comes first", arguments: [true, false])
    func sockets(hasPrecedence: Bool) throws {
        let (socket, peer) = try RawPeer.joined(to: driven.loop)
        let told = SocketDiary()
        let diary = diary
        told.answer = { event, _ in
            if case .received = event { diary.names.append("message") }
        }
        socket.delegate = told
        socket.hasPrecedence = hasPrecedence
        try socket.open()
        socket.read()
        _ = try ready("request")
        peer.write("a")
        _ = driven.loop.turn(limit: 0)
        #expect(diary.names == (hasPrecedence ? ["message", "request"] : ["request", "message"]))
        socket.close()
    }

    @Test("a crowd gets a millisecond of a turn, and what has precedence its service in each")
    func crowd() throws {
        for number in 0..<100 { try ready("\(number)").cost = .microseconds(300) }
        let message = try ready("message", hasPrecedence: true)
        message.times = .max
        driven.turns { diary.names.count { $0 != "message" } == 100 }
        message.leave()
        // Four that take 300 µs at least are over a millisecond.
        let runs = diary.names.split(separator: "message", omittingEmptySubsequences: false)
        #expect(runs.allSatisfy { $0.count <= 4 }, "\(runs.map(\.count))")
        #expect(diary.names.filter { $0 != "message" } == (0..<100).map(String.init), "in the order in which they came")
    }

    @Test("one that always has more to do keeps nobody else from being served")
    func fairness() throws {
        let busy = try ready("busy")
        busy.times = .max
        busy.cost = .milliseconds(2)
        for number in 0..<10 { try ready("\(number)").cost = .milliseconds(2) }
        driven.turns { diary.names.count { $0 != "busy" } == 10 }
        busy.leave()
        for number in 1..<10 {
            let services = diary.names.split(separator: "\(number)").first?.split(separator: "\(number - 1)").last
            #expect((services ?? []).count { $0 == "busy" } <= 1, "\(diary.names)")
        }
    }

    @Test("one that closes while it waits is not served, nor kept")
    func goneMeanwhile() throws {
        let first = try ready("first")
        weak var second: Ready?
        do {
            let waiting = try ready("second")
            second = waiting
            first.answer = { [unowned waiting] in waiting.leave() }
        }
        _ = driven.loop.turn(limit: 0)
        #expect(diary.names == ["first"])
        #expect(second == nil)
    }

    @Test("a timer whose time comes while something waits to be served runs after it")
    func timers() throws {
        let deadline = NIODeadline.now() + .milliseconds(20)
        let diary = NIOLoopBound(diary, eventLoop: driven.loop)
        driven.loop.scheduleTask(deadline: deadline) { diary.value.names.append("timer") }
        try ready("slow").cost = .milliseconds(30)
        _ = try ready("what the timer waits for")
        driven.turns { self.diary.names.count == 3 }
        #expect(self.diary.names == ["slow", "what the timer waits for", "timer"])
    }

    @Test("the loop does not sleep while something waits, of which the kernel tells no more until it is served")
    func waiting() throws {
        let all = try (0..<3).map { number in
            let one = try ready("\(number)")
            one.cost = .milliseconds(2)
            one.times = 2
            return one
        }
        _ = driven.loop.turn(limit: 0)
        #expect(diary.names == ["0"])
        #expect(all.map(\.isMuted) == [false, true, true])
        #expect(driven.loop.poller.wait(timeout: 0) == 1, "of the first, which has more to read")
        _ = driven.loop.turn()
        _ = driven.loop.turn()
        #expect(diary.names == ["0", "1", "2"])
        driven.turns { self.diary.names.count == 6 }
        #expect(diary.names == ["0", "1", "2", "0", "1", "2"])
        #expect(all.allSatisfy { !$0.isMuted })
    }

    @Test("what a muted one is watched for may change; the kernel tells of that once it is served")
    func changeWhileMuted() throws {
        try ready("slow").cost = .milliseconds(2)
        let muted = try ready("muted")
        _ = driven.loop.turn(limit: 0)
        #expect(muted.isMuted)
        driven.loop.poller.change(muted, muted.own.descriptor, to: .writable)
        muted.times = 2
        #expect(driven.loop.poller.wait(timeout: 0) == 0)
        _ = driven.loop.turn(limit: 0)
        #expect(diary.names == ["slow", "muted"])
        #expect(driven.loop.poller.wait(timeout: 0) == 1)
        muted.leave()
    }

    @Test("one that leaves the poller while muted, and comes back, is watched as any other")
    func backAfterMute() throws {
        try ready("slow").cost = .milliseconds(2)
        let muted = try ready("muted")
        _ = driven.loop.turn(limit: 0)
        muted.leave()
        #expect(!muted.isMuted)
        _ = driven.loop.turn(limit: 0)
        try driven.loop.poller.add(muted, muted.own.descriptor, for: .readable)
        driven.turns { self.diary.names == ["slow", "muted"] }
    }
}
