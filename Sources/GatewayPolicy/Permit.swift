import Synchronization

/// One admitted connection's place under the caps. Given back once, whoever comes first: ``release()`` or the last
/// reference going away.
public final class Permit: Sendable {
    private let isReleased = Atomic(false)
    private let giveBack: @Sendable () -> Void

    init(giveBack: @escaping @Sendable () -> Void) {
        self.giveBack = giveBack
    }

    /// Gives the place back; does nothing the second time. Any thread.
    public func release() {
        guard !isReleased.exchange(true, ordering: .acquiringAndReleasing) else { return }
        giveBack()
    }

    deinit { release() }
}

/// One connection's place on a server. Given back once, like ``Permit``.
public final class ServerPermit: Sendable {
    public let server: ServerRecord
    private let isReleased = Atomic(false)

    init(server: ServerRecord) {
        self.server = server
    }

    /// Gives the place back; does nothing the second time. Any thread.
    public func release() {
        guard !isReleased.exchange(true, ordering: .acquiringAndReleasing) else { return }
        server.giveBack()
    }

    deinit { release() }
}
