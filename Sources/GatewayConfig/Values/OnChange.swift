/// What becomes of an open WebSocket when another configuration takes over; the greater is the more severe.
public enum ChangeAction: String, CaseIterable, Comparable, Sendable {
    /// It lives on with the settings that it was opened with.
    case keep
    /// It is closed at the pace of `DrainConfiguration`, with its code.
    case drain
    /// It is closed at once, with the same code.
    case close

    private var severity: Int {
        switch self {
        case .keep: 0
        case .drain: 1
        case .close: 2
        }
    }

    public static func < (left: ChangeAction, right: ChangeAction) -> Bool { left.severity < right.severity }
}

/// `on_change` of a route.
public struct OnChange: Equatable, Sendable {
    /// For WebSockets whose route has other settings now, leads elsewhere, or speaks to its servers in another way.
    public var changed: ChangeAction
    /// For WebSockets whose route or server is gone.
    public var removed: ChangeAction

    public init(changed: ChangeAction = .keep, removed: ChangeAction = .drain) {
        self.changed = changed
        self.removed = removed
    }
}
