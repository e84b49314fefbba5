public import Synchronization

/// A number that only grows, written by one event loop and read by anyone.
///
/// There is one writer, so adding is a load and a store instead of a locked instruction; a reader may be a moment
/// behind, and never sees half a number.
public struct Counter: ~Copyable, Sendable {
    @usableFromInline let storage = Atomic<UInt64>(0)

    public init() {}

    /// From the one writing thread only.
    @inlinable
    public func add(_ amount: UInt64 = 1) {
        storage.store(storage.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    @inlinable
    public var value: UInt64 { storage.load(ordering: .relaxed) }
}

/// A number that goes up and down, written by one event loop and read by anyone; otherwise like ``Counter``.
public struct Gauge: ~Copyable, Sendable {
    @usableFromInline let storage = Atomic<Int>(0)

    public init() {}

    /// From the one writing thread only. Negative amounts take away.
    @inlinable
    public func add(_ amount: Int = 1) {
        storage.store(storage.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    @inlinable
    public func subtract(_ amount: Int = 1) {
        add(0 &- amount)
    }

    @inlinable
    public var value: Int { storage.load(ordering: .relaxed) }
}

/// A number that goes up and down, written and read by any thread.
public struct SharedGauge: ~Copyable, Sendable {
    private let storage = Atomic<Int>(0)

    public init() {}

    public func add(_ amount: Int) { storage.wrappingAdd(amount, ordering: .relaxed) }
    public func set(_ value: Int) { storage.store(value, ordering: .relaxed) }
    public var value: Int { storage.load(ordering: .relaxed) }
}
