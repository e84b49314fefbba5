/// What one configuration changes in another, and what becomes of the WebSockets that are open. Encodes its `changes`.
@dynamicMemberLookup
public struct ConfigurationDifference: Equatable, Sendable, Encodable {
    public typealias Names = ConfigurationChanges.Names

    public let changes: ConfigurationChanges
    private let fates: SessionFates

    public init(from old: GatewayConfiguration, to new: GatewayConfiguration) {
        changes = ConfigurationChanges(from: old, to: new)
        fates = SessionFates(from: old, to: new)
    }

    /// `listeners`, `routes`, `isEmpty`, `text` and the rest of `changes`.
    public subscript<Value>(dynamicMember path: KeyPath<ConfigurationChanges, Value>) -> Value {
        changes[keyPath: path]
    }

    /// What becomes of a WebSocket that is open: the severest of what its route, its upstream and its server ask for.
    ///
    /// Only what differs between the two configurations counts. A WebSocket that was opened under an older one, and whose
    /// route or server was gone already, has had its lot.
    ///
    /// - Parameters:
    ///   - route: the name of the route that it came by.
    ///   - upstream: the name of the upstream that the route led to when it was opened.
    ///   - server: the address, as configured, of the server that it was opened to.
    public func fate(route: String, upstream: String, server: Address) -> ChangeAction {
        fates.fate(route: route, upstream: upstream, server: server)
    }

    /// What becomes of a WebSocket whose server is a command of its route.
    public func fate(route: String) -> ChangeAction { fates.fate(route: route) }

    public func encode(to encoder: any Encoder) throws { try changes.encode(to: encoder) }
}

extension ConfigurationChanges {
    init(from old: GatewayConfiguration, to new: GatewayConfiguration) {
        listeners = Names(from: old.listeners, to: new.listeners, by: \.name)
        routes = Names(
            from: old.routes, to: new.routes, by: \.name, moved: Self.moved(from: old.routes, to: new.routes))
        upstreams = Names(from: old.upstreams, to: new.upstreams, by: \.name)
        let known = old.upstreams.keyed(by: \.name)
        for upstream in new.upstreams {
            guard let servers = known[upstream.name]?.servers, servers != upstream.servers else { continue }
            self.servers[upstream.name] = Names(from: servers, to: upstream.servers, by: \.address.description)
        }
        if old.admin != new.admin { sections.append("admin") }
        if old.drain != new.drain { sections.append("drain") }
        if old.limits != new.limits { sections.append("limits") }
        if old.limits.eventLoops != new.limits.eventLoops { restart.append("limits.event_loops") }
        if old.log != new.log { sections.append("log") }
    }

    /// As few routes as possible without which the others, of those that both have, stand in the same order.
    private static func moved(from old: [RouteConfiguration], to new: [RouteConfiguration]) -> Set<String> {
        let places = Dictionary(old.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        let common = new.compactMap { route in places[route.name].map { (name: route.name, place: $0) } }
        // The longest rising sequence of old places. `ends` holds for each length where the sequence that ends lowest ends.
        var ends: [Int] = []
        var before = [Int?](repeating: nil, count: common.count)
        for (index, route) in common.enumerated() {
            var (low, high) = (0, ends.count)
            while low < high {
                let middle = (low + high) / 2
                if common[ends[middle]].place < route.place { low = middle + 1 } else { high = middle }
            }
            before[index] = low > 0 ? ends[low - 1] : nil
            if low < ends.count { ends[low] = index } else { ends.append(index) }
        }
        var moved = Set(common.map(\.name))
        var index = ends.last
        while let current = index {
            moved.remove(common[current].name)
            index = before[current]
        }
        return moved
    }
}

extension ConfigurationChanges.Names {
    fileprivate init<Item: Equatable>(
        from old: [Item], to new: [Item], by name: (Item) -> String, moved: Set<String> = []
    ) {
        self.init()
        let before = old.keyed(by: name)
        let after = new.keyed(by: name)
        for (name, item) in after {
            switch before[name] {
            case nil: added.append(name)
            case item? where !moved.contains(name): unchanged.append(name)
            case .some: changed.append(name)
            }
        }
        removed = before.keys.filter { after[$0] == nil }.sorted()
        added.sort()
        changed.sort()
        unchanged.sort()
    }
}

extension Sequence {
    /// In a validated configuration no key comes twice.
    func keyed<Key: Hashable>(by key: (Element) -> Key) -> [Key: Element] {
        Dictionary(map { (key($0), $0) }, uniquingKeysWith: { first, _ in first })
    }
}
