/// Names and what refers to them, collected while reading and checked at the end: sections come in any order.
struct References {
    struct Placed<Value> {
        var value: Value
        var place: Place
    }

    struct NamedMatch {
        var route: String
        var match: RouteMatchConfiguration
        var place: Place
    }

    var upstreams: [Placed<String>] = []
    var upstreamUses: [Placed<String>] = []
    var routes: [Placed<String>] = []
    var matches: [NamedMatch] = []
    var listeners: [Placed<String>] = []
    var listenerUses: [Placed<String>] = []
    /// Routes that take clients from any page, each with the upstream it leads to.
    var openRoutes: [Placed<String>] = []
    /// Upstreams that know a client again by a cookie.
    var stickyUpstreams: Set<String> = []
    /// Of listeners and the admin endpoint.
    var addresses: [Placed<Address>] = []

    func check(_ context: ReadingContext) {
        checkDistinct(listeners, kind: "listener", context)
        checkDistinct(routes, kind: "route", context)
        checkDistinct(upstreams, kind: "upstream", context)
        checkAddresses(context)
        checkMatches(context)
        checkUses(upstreamUses, of: upstreams, kind: "upstream", context)
        checkUses(listenerUses, of: listeners, kind: "listener", context)
        warnOfUnused(context)
        warnOfForeignPages(context)
    }

    private func warnOfUnused(_ context: ReadingContext) {
        let used = Set(upstreamUses.map(\.value))
        for upstream in upstreams where !used.contains(upstream.value) {
            // A misspelt name has been reported where it stands.
            let isMeant = used.contains { NearMiss.nearest(to: $0, among: [upstream.value]) != nil }
            guard !isMeant else { continue }
            context.warn(
                "no route uses upstream \(quoted(upstream.value)); add a route to it, or remove it",
                at: upstream.place)
        }
    }

    /// Browsers send cookies with the WebSockets of any page, so a route that lets in every page lets pages of others
    /// act for the user (RFC 6455 §10.2).
    private func warnOfForeignPages(_ context: ReadingContext) {
        for route in openRoutes where stickyUpstreams.contains(route.value) {
            context.warn(
                "this route accepts any page, and browsers send the sticky cookie of upstream \(quoted(route.value)) from "
                    + "any page; list the pages in origins, such as [\"https://example.com\"], or write [\"*\"] for any",
                at: route.place)
        }
    }

    private func checkUses(
        _ uses: [Placed<String>], of names: [Placed<String>], kind: String, _ context: ReadingContext
    ) {
        let known = Set(names.map(\.value))
        for use in uses where !known.contains(use.value) {
            let hint = NearMiss.hint(for: use.value, among: known)
            let remedy = hint.isEmpty ? "; add it to \(kind)s, or correct the name" : hint
            context.report("unknown \(kind) \(quoted(use.value))\(remedy)", at: use.place)
        }
    }

    private func checkDistinct(_ names: [Placed<String>], kind: String, _ context: ReadingContext) {
        var seen: [String: Int] = [:]
        for name in names {
            if let line = seen[name.value] {
                context.report(
                    "two \(kind)s are named \(quoted(name.value)), the first on line \(line); rename one",
                    at: name.place)
            } else {
                seen[name.value] = name.place.line
            }
        }
    }

    private func checkAddresses(_ context: ReadingContext) {
        var seen: [Address: Int] = [:]
        for address in addresses {
            if case .tcp(_, port: 0) = address.value { continue }
            if let line = seen[address.value] {
                context.report(
                    "line \(line) already listens on \(address.value); choose another address", at: address.place)
            } else {
                seen[address.value] = address.place.line
            }
        }
    }

    private func checkMatches(_ context: ReadingContext) {
        var seen: [Conditions: String] = [:]
        for named in matches {
            let conditions = Conditions(named.match)
            if let first = seen[conditions] {
                context.report(
                    "route \(quoted(named.route)) can never match, because route \(quoted(first)) above has the same conditions",
                    at: named.place)
            } else {
                seen[conditions] = named.route
            }
        }
    }

    /// The conditions of a route, the order of lists left out of account.
    private struct Conditions: Hashable {
        var hosts: Set<String>
        var path: String
        var headers: [String: String]
        var query: [String: String]
        var subprotocols: Set<String>
        var listeners: Set<String>

        init(_ match: RouteMatchConfiguration) {
            hosts = Set(match.hosts)
            path =
                switch match.path {
                case nil: ""
                case .exact(let path): "exact \(path)"
                case .prefix(let path): "prefix \(path)"
                case .regex(let pattern): "regex \(pattern)"
                }
            headers = match.headers
            query = match.query
            subprotocols = Set(match.subprotocols)
            listeners = Set(match.listeners)
        }
    }
}
