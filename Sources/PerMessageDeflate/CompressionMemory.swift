import Synchronization

/// The process-wide account of zlib memory, in bytes.
public final class CompressionMemory: Sendable {
    private let mostTaken: Atomic<Int>
    private let taken = Atomic<Int>(0)

    public init(limit: Int) {
        mostTaken = Atomic(limit)
    }

    /// What ``reserve(_:)`` does not go past. Lowered below what is taken, it takes nothing away from anyone.
    public var limit: Int {
        get { mostTaken.load(ordering: .relaxed) }
        set { mostTaken.store(newValue, ordering: .relaxed) }
    }

    /// May be over the limit, by what was taken without asking.
    public var used: Int { taken.load(ordering: .relaxed) }

    /// Takes `bytes` if that stays within the limit.
    public func reserve(_ bytes: Int) -> Bool {
        var current = used
        while true {
            let (sum, overflow) = current.addingReportingOverflow(bytes)
            guard !overflow, sum <= limit else { return false }
            let (exchanged, original) = taken.weakCompareExchange(
                expected: current, desired: sum, ordering: .relaxed)
            if exchanged { return true }
            current = original
        }
    }

    /// Takes `bytes` whatever the limit says: for what cannot be done without.
    public func take(_ bytes: Int) {
        taken.wrappingAdd(bytes, ordering: .relaxed)
    }

    /// Gives back what was reserved or taken.
    public func release(_ bytes: Int) {
        taken.wrappingSubtract(bytes, ordering: .relaxed)
    }
}
