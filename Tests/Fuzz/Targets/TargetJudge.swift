import GatewayConfig
import GatewayPolicy
import HTTPTypes

/// Reads targets and hosts naively from the bytes of a head, to check what the gateway made of them.
///
/// Invariants: a request goes on as it came, or its prefix taken off the normal form, or it is refused; a normal form
/// has one spelling and no dot segments; no path that a `respond` rule covers, read naively, leads to a server; and no
/// host with brackets is a name.
enum TargetJudge {
    private static let listener = ListenerConfiguration(name: "fuzzed", address: .tcp(host: "a", port: 1))
    private static let routes = RouteTable(routes: [
        RouteConfiguration(
            name: "guard", match: .init(path: .prefix("/fixed")), action: .respond(FixedResponse(status: 403))),
        RouteConfiguration(
            name: "host", match: .init(hosts: ["example.com"]), action: .respond(FixedResponse(status: 403))),
        RouteConfiguration(name: "all", action: .upstream("any")),
    ])
    private static let strip = PathRewrite.stripPrefix("/ws")

    /// - Parameter wasServed: whether the gateway sought a server, which has routes for `/ws` and `/origin` alone.
    static func check(_ head: RawHead, wasServed: Bool) throws {
        let words = head.startLine.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3 else { return }
        let target = originForm(String(words[1]))
        let naive = read(path(of: target))
        if wasServed {
            try require(
                ["/ws", "/origin"].contains { naive == $0 || naive.hasPrefix($0 + "/") },
                "a server was sought for \(target), which is \(naive)")
        }
        let host = head.values("host").first ?? ""
        let request = HTTPRequest(method: .get, scheme: "http", authority: host, path: target)
        guard let checked = try? CheckedRequest(request, on: listener) else { return }
        try checkTarget(checked.target, sent: target, naive: naive)
        try require(
            !checked.authority.host.hasPrefix("[") || checked.authority.host.contains(":"),
            "\(host) was taken for a host")
        let routed = RoutedRequest(host: checked.authority, target: checked.target)
        guard let index = try? routes.match(routed), routes.routes[index].name == "all" else { return }
        try require(naive != "/fixed" && !naive.hasPrefix("/fixed/"), "\(target) talked the rule for /fixed away")
        let name = host.split(separator: ":").first.map { $0.lowercased() } ?? ""
        try require(name != "example.com" && name != "example.com.", "\(host) talked the rule for the host away")
    }

    private static func checkTarget(_ target: RequestTarget, sent: String, naive: String) throws {
        try require(PathRewriter.rewrite(target, by: nil) == sent, "\(sent) did not go on as it came")
        let normal = target.path
        for form in [normal.text, normal.comparable] {
            try require(
                form.hasPrefix("/") && !form.contains("//") && !(form + "/").contains("/../")
                    && !(form + "/").contains("/./"), "\(form) is no normal form")
            try require(read(form) == naive, "\(sent) became \(form), and reads \(read(form)), not \(naive)")
            let again = try? NormalizedPath(form)
            try require(again?.comparable == normal.comparable, "\(form) has another normal form")
        }
        let rewritten = PathRewriter.rewrite(target, by: strip)
        let query = target.query.map { "?\($0)" } ?? ""
        let isBelow = naive == "/ws" || naive.hasPrefix("/ws/")
        try require(isBelow || rewritten == sent, "\(sent) is not below the prefix, and became \(rewritten)")
        if isBelow {
            let rest = normal.text.dropFirst(normal.text.utf8.count - restLength(normal.text))
            let expected = (rest.isEmpty ? "/" : String(rest)) + query
            try require(rewritten == expected, "\(sent) without its prefix became \(rewritten), expected \(expected)")
        }
    }

    /// Bytes from the second slash on.
    private static func restLength(_ path: String) -> Int {
        let bytes = Array(path.utf8)
        let second = bytes.dropFirst().firstIndex(of: UInt8(ascii: "/")) ?? bytes.count
        return bytes.count - second
    }

    private static func originForm(_ target: String) -> String {
        guard !target.hasPrefix("/"), let colon = target.firstIndex(of: ":"), target[colon...].hasPrefix("://") else {
            return target
        }
        let rest = target[colon...].dropFirst(3)
        let path = rest[(rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex)...]
        return path.hasPrefix("/") ? String(path) : "/" + path
    }

    private static func path(of target: String) -> String {
        String(target.prefix { $0 != "?" })
    }

    /// As a server reads it that decodes everything but slashes, merges slashes and resolves dot segments.
    private static func read(_ path: String) -> String {
        let bytes = Array(path.utf8)
        var decoded: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let byte = UInt8(String(decoding: bytes[(index + 1)...(index + 2)], as: UTF8.self), radix: 16),
                byte != UInt8(ascii: "/")
            {
                decoded.append(byte)
                index += 3
            } else if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count {
                decoded += [UInt8(ascii: "%"), bytes[index + 1], bytes[index + 2] & 0x5F]
                index += 3
            } else {
                decoded.append(bytes[index])
                index += 1
            }
        }
        var segments: [String] = []
        for segment in decoded.split(separator: UInt8(ascii: "/")) {
            switch String(decoding: segment, as: UTF8.self) {
            case ".": break
            case "..": _ = segments.popLast()
            case let name: segments.append(name)
            }
        }
        return "/" + segments.joined(separator: "/")
    }
}
