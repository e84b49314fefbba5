/// `health_check` of an upstream.
struct HealthCheckReader {
    let context: ReadingContext

    private static let expected = "\(KeySection.healthCheck.expected); {} checks by a connection alone"

    func read(_ node: YAMLNode) -> HealthCheck? {
        guard let section = MappingReader(node, .healthCheck, context: context, expecting: Self.expected) else {
            return nil
        }
        var check = HealthCheck(kind: kind(of: section))
        if let host = section.node("host") {
            check.host = self.host(host)
            if case .tcp = check.kind {
                report("host", in: section, "remove it, or add path, because a connection alone has no Host")
            }
        }
        if let value = section.duration("interval") { check.interval = value }
        if let value = section.duration("timeout") { check.timeout = value }
        if let value = section.integer("unhealthy_after") { check.unhealthyAfter = value }
        if let value = section.integer("healthy_after") { check.healthyAfter = value }
        section.finish()
        return check
    }

    private func kind(of section: MappingReader) -> HealthCheck.Kind {
        let path = section.node("path").flatMap(self.path)
        let hasPath = section.entry("path") != nil
        let statuses = section.node("status").flatMap(self.statuses)
        let isWebSocket = section.flag("websocket") ?? false
        let isTCP = section.flag("tcp")
        if isTCP == true, hasPath || isWebSocket {
            report("tcp", in: section, "remove it, or remove \(isWebSocket ? "websocket" : "path")")
        }
        if isTCP == false, !hasPath, !isWebSocket {
            report("tcp", in: section, "remove it, or add path or websocket: true")
        }
        if isWebSocket {
            if section.entry("status") != nil {
                report("status", in: section, "remove it, because a server accepts a WebSocket with 101")
            }
            return .webSocket(path: path ?? "/")
        }
        guard hasPath else {
            if section.entry("status") != nil {
                report("status", in: section, "remove it, or add path, because a connection alone has no status")
            }
            return .tcp
        }
        return .http(path: path ?? "/", statuses: statuses ?? HealthCheck.defaultStatuses)
    }

    private func report(_ key: String, in section: MappingReader, _ remedy: String) {
        guard let entry = section.entry(key) else { return }
        context.report("\(key) does not fit the rest of this health_check; \(remedy)", at: entry.place)
    }

    /// Path and query as they are sent.
    private func path(_ node: YAMLNode) -> String? {
        context.value(node, expecting: "a path that starts with /, with or without a query") { text in
            guard text.hasPrefix("/"), text.utf8.count <= 2048 else { return nil }
            return text.utf8.allSatisfy { 0x21...0x7E ~= $0 && $0 != UInt8(ascii: "#") } ? text : nil
        }
    }

    private func host(_ node: YAMLNode) -> String? {
        context.value(node, expecting: "a host such as backend.internal or backend.internal:8080") { text in
            let end = text.hasPrefix("[") ? text.firstIndex(of: "]").map(text.index(after:)) : text.firstIndex(of: ":")
            let name = text[..<(end ?? text.endIndex)]
            guard HostName.isValid(name) || HostName.isBracketedV6(name) else { return nil }
            guard name.endIndex < text.endIndex else { return text.lowercased() }
            let port = text[name.endIndex...]
            guard port.hasPrefix(":"), let number = Int(decimalDigits: port.dropFirst()), 1...65535 ~= number else {
                return nil
            }
            return text.lowercased()
        }
    }

    /// One, a range, or a list of those.
    private func statuses(_ node: YAMLNode) -> [ClosedRange<Int>]? {
        guard case .sequence(let elements) = node.kind else { return range(node).map { [$0] } }
        if elements.isEmpty {
            context.report("expected a list of at least one status, found an empty list", at: node.place)
            return nil
        }
        return elements.compactMap(range)
    }

    private func range(_ node: YAMLNode) -> ClosedRange<Int>? {
        context.value(node, expecting: "a status from 200 to 599, or a range such as 200-399") { text in
            let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { end in
                end.utf8.count == 3 ? Int(decimalDigits: end) : nil
            }
            guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1],
                first <= last, FixedResponse.statuses ~= first, FixedResponse.statuses ~= last
            else { return nil }
            return first...last
        }
    }
}
