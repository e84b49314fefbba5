/// What someone at `sluice top` has chosen, and the latest readings.
public struct TopState: Sendable {
    /// What a key leads to, beside another picture.
    public enum Outcome: Equatable, Sendable {
        case stay
        /// The picture needs what has not been read yet.
        case read
        /// Nothing on the screen is right.
        case redraw
        case suspend
        case quit
    }

    public private(set) var pane: TopPane = .routes
    public private(set) var isPaused = false
    var sorts: [TopPane: Int] = [:]
    var isReversed = false
    var filter = ""
    /// While it is typed.
    var isTypingFilter = false
    var showsHelp = false
    /// Lines that have been scrolled past.
    var offset = 0
    private(set) var latest: TopReading?
    private(set) var previous: TopReading?
    /// Why there is no newer reading.
    var failure: String?
    /// Of the admin endpoint.
    let address: String

    public init(address: String) {
        self.address = address
    }

    /// Whether the list of connections is to be read as well.
    public var wantsConnections: Bool { pane == .connections }

    /// Whether the latest reading has no list of connections.
    public var lacksConnections: Bool { latest?.connections == nil && !isPaused }

    /// While it is paused, the picture stays.
    public mutating func take(_ reading: TopReading) {
        failure = nil
        guard !isPaused else { return }
        previous = latest
        latest = reading
    }

    /// - Parameter failure: one sentence.
    public mutating func take(failure: String) {
        self.failure = failure
    }

    public mutating func take(_ key: TopKey, height: Int) -> Outcome {
        switch key {
        case .interrupt: return .quit
        case .suspend: return .suspend
        case .redraw: return .redraw
        default: break
        }
        if isTypingFilter { return type(key) }
        if showsHelp {
            showsHelp = false
            return key == .character("q") ? .quit : .stay
        }
        let page = max(1, height - TopScreen.fixedLines)
        switch key {
        case .character("q"): return .quit
        case .character("?"), .character("h"): showsHelp = true
        case .character("/"): (isTypingFilter, offset) = (true, 0)
        case .escape: (filter, offset) = ("", 0)
        case .character("s"): sort(by: sortColumn + 1)
        case .character("S"): sort(by: sortColumn + pane.columns.count - 1)
        case .character("r"): isReversed.toggle()
        case .character("p"), .character(" "): isPaused.toggle()
        case .character("1"): return show(.routes)
        case .character("2"): return show(.servers)
        case .character("3"): return show(.connections)
        case .tab: return show(next(1))
        case .backTab: return show(next(TopPane.allCases.count - 1))
        case .up, .character("k"): offset -= 1
        case .down, .character("j"): offset += 1
        case .pageUp: offset -= page
        case .pageDown: offset += page
        case .home, .character("g"): offset = 0
        case .end, .character("G"): offset = rows.count
        default: break
        }
        offset = max(0, min(offset, rows.count - page))
        return .stay
    }

    var sortColumn: Int { sorts[pane] ?? pane.firstSort }

    /// Filtered and sorted.
    var rows: [TopRow] {
        guard let latest else { return [] }
        let wanted = filter.lowercased()
        let column = sortColumn
        let rows = latest.rows(of: pane, since: previous)
            .filter { row in wanted.isEmpty || row.cells.contains { $0.lowercased().contains(wanted) } }
            .sorted { $0.precedes($1, by: column) }
        return isReversed ? rows.reversed() : rows
    }

    private mutating func type(_ key: TopKey) -> Outcome {
        switch key {
        case .enter: isTypingFilter = false
        case .escape: (isTypingFilter, filter) = (false, "")
        case .backspace: _ = filter.popLast()
        case .character(let character) where filter.count < 64: filter.append(character)
        default: break
        }
        offset = 0
        return .stay
    }

    private mutating func sort(by column: Int) {
        sorts[pane] = column % pane.columns.count
        offset = 0
    }

    private func next(_ steps: Int) -> TopPane {
        TopPane(rawValue: (pane.rawValue + steps) % TopPane.allCases.count) ?? .routes
    }

    private mutating func show(_ pane: TopPane) -> Outcome {
        (self.pane, offset) = (pane, 0)
        return pane == .connections ? .read : .stay
    }
}
