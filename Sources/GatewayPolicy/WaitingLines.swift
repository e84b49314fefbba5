import Synchronization

/// Where those wait who came while a cap was reached, until a place under it is given back: a line for each key.
///
/// Places are given back on any thread, and who waits has a thread of its own. So the place itself is handed on: it is
/// taken for the first of the line under the lock of the lines, and told when that is free again. Who comes later can't
/// take it meanwhile, and who has gone only has to drop it.
///
/// No place lies free while somebody waits for it: whoever comes says so (`arrivals`) before looking for a place, and
/// whoever gives one back does that before looking whether anyone came, so one of them sees the other. Looking for a
/// place takes locks of its own, under that of the lines; nothing that a waiter holds is freed there.
public final class WaitingLines<Key: Hashable & Sendable, Place: Sendable>: Sendable {
    /// What comes of looking for a place.
    public enum Attempt: Sendable {
        case place(Place)
        /// The cap is reached.
        case full
        /// It is of no use to wait.
        case refused(Refusal)
    }

    public enum Entry: Sendable {
        case place(Place)
        /// The place, or why there will be none, is told later.
        case waiting(WaitingTicket)
        case refused(Refusal)
    }

    /// Called once at most, on any thread, while no lock is held, and for one after the other in their order. A place that
    /// nobody wants any more is only to be dropped.
    public typealias Tell = @Sendable (Result<Place, Refusal>) -> Void

    private struct Waiter: Sendable {
        let attempt: @Sendable () -> Attempt
        let tell: Tell
    }

    private struct State: Sendable {
        var lines: [Key: WaitingLine<Waiter>] = [:]
        var nextNumber: UInt64 = 0
        /// Those who have left their line and are to be told.
        var news: [(waiter: Waiter, result: Result<Place, Refusal>)] = []
        /// Somebody tells them: never one inside the other, however much comes of what is told.
        var isTelling = false
    }

    private let state = Mutex(State())
    /// Who waits or is to be told, and who has come and looks for a place.
    private let arrivals = Atomic<Int>(0)

    public init() {}

    /// A place, or one in the line.
    ///
    /// - Parameters:
    ///   - key: of the line.
    ///   - group: whose waiters `size` counts, among those of the line.
    ///   - size: how many of the group may wait; 0: nobody, though those of other groups may, and come first then.
    ///   - refusal: what there is for who finds neither a place nor room in the line.
    ///   - attempt: looks for a place. It is called under the lock of the lines, now and whenever one may be free, and
    ///     must not give any back.
    ///   - tell: what came of waiting.
    public func enter(
        _ key: Key, group: String, size: Int, orElse refusal: Refusal, attempt: @escaping @Sendable () -> Attempt,
        tell: @escaping Tell
    ) -> Entry {
        arrivals.add(1, ordering: .sequentiallyConsistent)
        let waiter = Waiter(attempt: attempt, tell: tell)
        var entry = Entry.refused(refusal)
        change { state in
            // Those who wait may have come under another configuration, whose cap is reached while this one's is not.
            Self.serve(key, &state)
            if state.lines[key] == nil {
                switch attempt() {
                case .place(let place): return entry = .place(place)
                case .refused(let refusal): return entry = .refused(refusal)
                case .full: break
                }
            }
            guard state.lines[key]?.count(of: group) ?? 0 < size else { return }
            let number = state.nextNumber
            state.nextNumber += 1
            state.lines[key, default: WaitingLine()].join(waiter, as: number, group: group)
            entry = .waiting(WaitingTicket(refusal: refusal) { [weak self] in self?.leave(key, number) ?? false })
        }
        if case .waiting = entry { return entry }
        arrivals.subtract(1, ordering: .relaxed)
        return entry
    }

    /// Whether anyone waits in any line, or is about to.
    public var isAnyoneWaiting: Bool { arrivals.load(ordering: .relaxed) > 0 }

    /// How many wait there.
    public func count(_ key: Key) -> Int { state.withLock { $0.lines[key]?.count ?? 0 } }

    /// A place of this key was given back, or looking for one may come to something else for another reason.
    public func placeIsFree(_ key: Key) {
        guard arrivals.load(ordering: .sequentiallyConsistent) > 0 else { return }
        change { Self.serve(key, &$0) }
    }

    /// As ``placeIsFree(_:)``, for any key.
    public func placeIsFree() {
        guard arrivals.load(ordering: .sequentiallyConsistent) > 0 else { return }
        change { state in
            // The keys as a dictionary has them would hold the lines, and each change would copy them.
            for key in Array(state.lines.keys) { Self.serve(key, &state) }
        }
    }

    /// Whoever waits is told this.
    public func refuseAll(_ refusal: Refusal) {
        change { state in
            for key in Array(state.lines.keys) {
                while let waiter = state.lines[key]?.removeFirst() { state.news.append((waiter, .failure(refusal))) }
            }
            state.lines = [:]
        }
    }

    private func leave(_ key: Key, _ number: UInt64) -> Bool {
        // What it holds is freed when the lock is free again: a place may be among it.
        let waiter = state.withLock { state in
            let waiter = state.lines[key]?.leave(number)
            if state.lines[key]?.isEmpty == true { state.lines[key] = nil }
            return waiter
        }
        guard waiter != nil else { return false }
        arrivals.subtract(1, ordering: .relaxed)
        return true
    }

    /// Gives the first of the line what there is for them.
    private static func serve(_ key: Key, _ state: inout State) {
        while let waiter = state.lines[key]?.first {
            let result: Result<Place, Refusal>
            switch waiter.attempt() {
            case .full: return
            case .place(let place): result = .success(place)
            case .refused(let refusal): result = .failure(refusal)
            }
            _ = state.lines[key]?.removeFirst()
            state.news.append((waiter, result))
        }
        state.lines[key] = nil
    }

    /// Changes the lines, and tells those who have left them thereby.
    private func change(_ change: (inout State) -> Void) {
        var isMine = state.withLock { state in
            change(&state)
            guard !state.isTelling, !state.news.isEmpty else { return false }
            state.isTelling = true
            return true
        }
        while isMine {
            let news = state.withLock { state in
                let news = state.news
                state.news = []
                if news.isEmpty { state.isTelling = false }
                return news
            }
            isMine = !news.isEmpty
            arrivals.subtract(news.count, ordering: .relaxed)
            for each in news { each.waiter.tell(each.result) }
        }
    }
}

/// One place in a waiting line. Given up once, whoever comes first: ``leave()`` or the last reference going away.
public final class WaitingTicket: Sendable {
    /// What there is for who waits no longer.
    public let refusal: Refusal
    private let giveUp: @Sendable () -> Bool

    init(refusal: Refusal, giveUp: @escaping @Sendable () -> Bool) {
        self.refusal = refusal
        self.giveUp = giveUp
    }

    /// Leaves the line. Any thread.
    ///
    /// - Returns: whether nothing will be told any more; false: it was told, or is about to be.
    @discardableResult
    public func leave() -> Bool { giveUp() }

    deinit { _ = giveUp() }
}
