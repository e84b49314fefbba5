import Synchronization

/// Reloads of the configuration. Any thread.
public final class ReloadCounters: Sendable {
    private let state = Mutex(ConfigurationSnapshot())

    public init() {}

    /// A configuration came into force, at the start as well.
    ///
    /// - Parameters:
    ///   - time: seconds since 1970.
    ///   - isReload: false at the start.
    public func applied(at time: Double, isReload: Bool) {
        state.withLock { state in
            if isReload { state.reloadsTotal.applied &+= 1 }
            state.loadedAt = time
            state.lastReloadRefused = false
        }
    }

    /// A reload changed nothing, as its file can't be used.
    public func refused() {
        state.withLock { state in
            state.reloadsTotal.refused &+= 1
            state.lastReloadRefused = true
        }
    }

    public var snapshot: ConfigurationSnapshot { state.withLock { $0 } }
}

/// The configuration in force, and what came of reloads.
public struct ConfigurationSnapshot: Encodable, Equatable, Sendable {
    public struct Reloads: Encodable, Equatable, Sendable {
        public var applied: UInt64 = 0
        public var refused: UInt64 = 0
    }

    /// When it came into force, in seconds since 1970.
    public var loadedAt: Double = 0
    /// Whether the file has changed since and could not be used.
    public var lastReloadRefused = false
    public var reloadsTotal = Reloads()

    enum CodingKeys: String, CodingKey {
        case loadedAt = "loaded_at_seconds"
        case lastReloadRefused = "last_reload_refused"
        case reloadsTotal = "reloads_total"
    }
}
