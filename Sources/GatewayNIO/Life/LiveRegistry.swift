import Synchronization

/// Finds live things again by name. It keeps none of them: each lives as long as a generation, a session or a
/// connection refers to it.
final class LiveRegistry<Name: Hashable & Sendable, Live: AnyObject & Sendable>: Sendable {
    private struct Reference: Sendable {
        weak var live: Live?
    }

    private let references = Mutex<[Name: Reference]>([:])

    /// The one with that name, or a new one.
    func find(_ name: Name, make: () -> Live) -> Live {
        references.withLock { references in
            if let live = references[name]?.live { return live }
            let live = make()
            references = references.filter { $0.value.live != nil }
            references[name] = Reference(live: live)
            return live
        }
    }

    var all: [Live] { references.withLock { $0.values.compactMap(\.live) } }
}
