public import GatewayConfig
import HTTPTypes

/// Finds the route of a request: of those whose conditions all hold, the most specific one.
///
/// Specificity is decided by, in this order:
/// 1. the host: an exact name, then the longest wildcard, then any host;
/// 2. the path: an exact path, then the longest prefix, then a regular expression, then any path. A prefix of `/` says
///    nothing about the path and counts as any;
/// 3. the number of other conditions: one for each header field, each query parameter, the list of subprotocols and that
///    of listeners;
/// 4. the order of the routes.
///
/// Hosts are compared in lower case, without port and trailing dot. Paths are compared in their normal form
/// (`NormalizedPath.comparable`), without the query.
public struct RouteTable: Sendable {
    public let routes: [RouteConfiguration]

    /// Most specific first. A route has one entry for each of its hosts.
    private let entries: [Entry]

    /// A path pattern that does not compile (the configuration is checked for that) matches nothing.
    public init(routes: [RouteConfiguration]) {
        self.routes = routes
        entries = routes.enumerated()
            .flatMap { index, route in
                let path = PathCondition(route.match.path)
                let fields = route.match.headers.compactMap { name, value in
                    HTTPField.Name(name).map { Entry.Field(name: $0, value: value) }
                }
                // A name that no field can have never matches; dropping the condition would match everything.
                let impossible = fields.count < route.match.headers.count
                let hosts = route.match.hosts.isEmpty ? [.any] : route.match.hosts.map(HostCondition.init)
                return impossible
                    ? [] : hosts.map { Entry(route: index, host: $0, path: path, fields: fields, match: route.match) }
            }
            .sorted { $0.rank == $1.rank ? $0.route < $1.route : $1.rank.lexicographicallyPrecedes($0.rank) }
    }

    /// The index into ``routes`` of the most specific route that matches; nil: none does (404).
    ///
    /// - Throws: `Refusal.uriTooLong` when the route hangs on a regular expression that the path is too long for.
    public func match(_ request: RoutedRequest) throws(Refusal) -> Int? {
        let host = request.host.host
        let target = request.target
        let path = target.path.comparable[...]
        var parameters: [(name: [UInt8], value: [UInt8])]?
        let entry = entries.first { entry in
            guard entry.host.matches(host), entry.path.mayMatch(path), entry.matchesFields(of: request),
                entry.matchesSubprotocols(of: request), entry.matchesListener(of: request)
            else { return false }
            guard !entry.query.isEmpty else { return true }
            let decoded = parameters ?? target.queryParameters()
            parameters = decoded
            return entry.matchesQuery(decoded)
        }
        guard let entry else { return nil }
        guard !entry.path.isBeyondTelling(path) else { throw .uriTooLong }
        return entry.route
    }
}

extension RouteTable {
    /// One host of one route, with the route's other conditions.
    private struct Entry {
        struct Field {
            let name: HTTPField.Name
            let value: String
        }

        let route: Int
        let host: HostCondition
        let path: PathCondition
        let fields: [Field]
        let query: [(name: [UInt8], value: [UInt8])]
        let subprotocols: [String]
        let listeners: [String]

        init(
            route: Int, host: HostCondition, path: PathCondition, fields: [Field], match: RouteMatchConfiguration
        ) {
            self.route = route
            self.host = host
            self.path = path
            self.fields = fields
            query = match.query.map { (Array($0.key.utf8), Array($0.value.utf8)) }
            subprotocols = match.subprotocols
            listeners = match.listeners
        }

        /// Compared from the left, the higher is the more specific.
        var rank: [Int] {
            let lists = (subprotocols.isEmpty ? 0 : 1) + (listeners.isEmpty ? 0 : 1)
            return host.rank + path.rank + [fields.count + query.count + lists]
        }

        /// Any one of several fields of a name may have the value.
        func matchesFields(of request: RoutedRequest) -> Bool {
            fields.allSatisfy { field in
                request.fields[values: field.name].contains { $0.hasSameBytes(as: field.value) }
            }
        }

        func matchesQuery(_ parameters: [(name: [UInt8], value: [UInt8])]) -> Bool {
            query.allSatisfy { condition in
                parameters.contains { $0.name == condition.name && $0.value == condition.value }
            }
        }

        func matchesSubprotocols(of request: RoutedRequest) -> Bool {
            subprotocols.isEmpty || subprotocols.contains(where: request.subprotocols.contains)
        }

        func matchesListener(of request: RoutedRequest) -> Bool {
            listeners.isEmpty || listeners.contains(request.listener)
        }
    }

    private enum HostCondition {
        case exact(String)
        /// The suffix with its leading dot: `.example.com`.
        case below(String)
        case any

        init(_ host: String) {
            if host == "*" {
                self = .any
            } else if host.hasPrefix("*.") {
                self = .below("." + Self.comparable(host.dropFirst(2)))
            } else {
                self = .exact(Self.comparable(host[...]))
            }
        }

        /// What is no host (the configuration is checked for that) is the host of no request.
        private static func comparable(_ host: Substring) -> String { Authority(host)?.host ?? String(host) }

        var rank: [Int] {
            switch self {
            case .exact: [2, 0]
            case .below(let suffix): [1, suffix.utf8.count]
            case .any: [0, 0]
            }
        }

        func matches(_ host: String) -> Bool {
            switch self {
            case .exact(let name): name.hasSameBytes(as: host)
            case .below(let suffix):
                host.utf8.count > suffix.utf8.count && host.utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
            case .any: true
            }
        }
    }

    private enum PathCondition {
        case exact(String)
        case prefix(String)
        case pattern(PathPattern)
        case any
        case never

        init(_ path: RouteMatchConfiguration.Path?) {
            switch path {
            case .exact(let path): self = .exact(path)
            case .prefix("/"), nil: self = .any
            case .prefix(let prefix): self = .prefix(prefix)
            case .regex(let pattern): self = (try? PathPattern(pattern)).map(Self.pattern) ?? .never
            }
        }

        var rank: [Int] {
            switch self {
            case .exact: [3, 0]
            case .prefix(let prefix): [2, prefix.utf8.count]
            case .pattern: [1, 0]
            case .any, .never: [0, 0]
            }
        }

        /// Also when the path is too long to tell.
        func mayMatch(_ path: Substring) -> Bool {
            switch self {
            case .exact(let exact): exact.hasSameBytes(as: path)
            case .prefix(let prefix): path.remainder(belowPathPrefix: prefix[...]) != nil
            case .pattern(let pattern): pattern.isTooLong(path) || pattern.matches(path)
            case .any: true
            case .never: false
            }
        }

        func isBeyondTelling(_ path: Substring) -> Bool {
            if case .pattern(let pattern) = self { pattern.isTooLong(path) } else { false }
        }
    }
}
