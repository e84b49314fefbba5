/// What `sluice check` prints of a configuration: a line for each listener and the table of routes, in the order of the
/// file. The values of header and query conditions are left out: they may be secrets.
public func summary(of configuration: GatewayConfiguration) -> String {
    ConfigurationSummary(configuration: configuration).text
}

private struct ConfigurationSummary {
    let configuration: GatewayConfiguration

    var text: String {
        var lines = configuration.listeners.map { listener in
            let security = listener.tls.map { tls in
                "TLS \(tls.minimumVersion.rawValue)+, certificates: \(tls.certificates.count)"
                    + (tls.clientCA == nil ? "" : ", client certificates")
            }
            let protocols = listener.protocols.map(\.rawValue).joined(separator: ", ")
            let header = listener.proxyProtocol ? ", PROXY protocol" : ""
            return "listener \(listener.name): \(listener.address) (\(security ?? "cleartext"), \(protocols)\(header))"
        }
        if let admin = configuration.admin {
            lines.append("admin: \(admin.address) (\(admin.token == nil ? "no token" : "token"))")
        }
        lines.append("")
        lines += Self.aligned([["NAME", "HOSTS", "PATH", "TO", "CONDITIONS", "COMPRESSION", "MESSAGE"]] + rows)
        lines += drafts
        return lines.joined(separator: "\n")
    }

    /// A line for each route that takes clients of before RFC 6455.
    private var drafts: [String] {
        configuration.routes.compactMap { route in
            guard route.hasWebSockets, !route.legacyVersions.isEmpty else { return nil }
            let versions = route.legacyVersions.map(\.rawValue).joined(separator: ", ")
            return "route \(route.name) accepts clients of the drafts \(versions)"
        }
    }

    private var rows: [[String]] {
        configuration.routes.map { route in
            let size = ByteSizeText.format(route.session.maxMessageSize)
            return [
                route.name, Self.list(route.match.hosts, none: "*"), path(of: route), target(of: route),
                conditions(of: route), route.hasWebSockets ? compression(of: route) : "-",
                route.hasWebSockets ? size : "-",
            ]
        }
    }

    private func path(of route: RouteConfiguration) -> String {
        switch route.match.path {
        case nil: "*"
        case .exact(let path): path
        case .prefix(let path): path.hasSuffix("/") ? "\(path)*" : "\(path)[/*]"
        case .regex(let pattern): "~ \(pattern)"
        }
    }

    private func target(of route: RouteConfiguration) -> String {
        switch route.action {
        case .upstream(let name):
            let upstream = configuration.upstreams.first { $0.name == name }
            let servers = Self.list(
                (upstream?.servers ?? []).map { server in
                    server.state == .active ? "\(server.address)" : "\(server.address) \(server.state.rawValue)"
                }, none: "no servers")
            let version = upstream?.protocol ?? .http1
            let check = upstream?.healthCheck.map { "; \($0)" } ?? ""
            return "\(name) (\(version == .http1 ? "" : "\(version.rawValue): ")\(servers)\(check))"
        case .redirect(let status, let location): return "\(status) \(location)"
        case .respond(let response): return "\(response.status)"
        // Arguments may be secrets.
        case .command(let command):
            return "command \(command.name)" + (command.framing == .line ? "" : " (\(command.framing.rawValue))")
        }
    }

    private func conditions(of route: RouteConfiguration) -> String {
        var conditions = route.match.headers.sorted { $0.key < $1.key }.map { "header \($0.key)" }
        conditions += route.match.query.sorted { $0.key < $1.key }.map { "query \($0.key)" }
        if !route.match.subprotocols.isEmpty {
            conditions.append("subprotocol \(route.match.subprotocols.joined(separator: " or "))")
        }
        if !route.match.listeners.isEmpty {
            conditions.append("listener \(route.match.listeners.joined(separator: " or "))")
        }
        return Self.list(conditions, none: "-")
    }

    private func compression(of route: RouteConfiguration) -> String {
        let settings = route.session.compression
        guard settings.mode == .terminate else { return settings.mode.rawValue }
        return "terminate \(settings.windowBits)/\(settings.memoryLevel)" + (settings.upstream ? " both legs" : "")
    }

    private static func list(_ items: [String], none: String) -> String {
        guard !items.isEmpty else { return none }
        let rest = items.count > 3 ? ", +\(items.count - 3)" : ""
        return items.prefix(3).joined(separator: ", ") + rest
    }

    private static func aligned(_ rows: [[String]]) -> [String] {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).map { cell, width in
                cell + String(repeating: " ", count: max(0, width - cell.count))
            }
            let line = cells.joined(separator: "  ")
            return String(
                line.prefix(upTo: line.lastIndex { $0 != " " }.map { line.index(after: $0) } ?? line.endIndex))
        }
    }
}

extension RouteConfiguration {
    /// Whether it leads WebSockets anywhere.
    fileprivate var hasWebSockets: Bool {
        switch action {
        case .upstream, .command: true
        case .redirect, .respond: false
        }
    }
}
