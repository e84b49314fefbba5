import Foundation
import GatewayConfig

/// A file that is valid but for one part, where a test puts its lines.
enum Section: Sendable {
    /// From line 4, column 1.
    case root
    /// From line 4, column 5, as are route and upstream.
    case listener
    case route
    case upstream
    /// From line 5, column 7.
    case match

    func file(with lines: String) -> String {
        let listener = "listeners:\n  - name: l\n    address: a:1\n"
        let route = "routes:\n  - name: r\n    upstream: u\n"
        let upstream = "upstreams:\n  - name: u\n    servers: [{ address: \"s:1\" }]\n"
        let shortListener = "listeners: [{ name: l, address: \"a:1\" }]\n"
        let shortRoute = "routes: [{ name: r, upstream: u }]\n"
        let shortUpstream = "upstreams: [{ name: u, servers: [{ address: \"s:1\" }] }]\n"
        func indented(_ count: Int) -> String {
            lines.split(separator: "\n").map { String(repeating: " ", count: count) + $0 + "\n" }.joined()
        }
        return switch self {
        case .root: shortListener + shortRoute + shortUpstream + lines + "\n"
        case .listener: listener + indented(4) + shortRoute + shortUpstream
        case .route: route + indented(4) + shortListener + shortUpstream
        case .match: route + "    match:\n" + indented(6) + shortListener + shortUpstream
        case .upstream: upstream + indented(4) + shortListener + shortRoute
        }
    }
}

/// 2026-01-01T00:00:00Z.
let newYear = Date(timeIntervalSince1970: 1_767_225_600)

/// Says of each file what a test wants, by how it is shown; of the others nothing.
struct FakeJudge: TLSFileJudge {
    var findings: [TLSFinding] = []

    func findings(on files: TLSFiles, now: Int64) -> [TLSFinding] {
        switch files {
        case .identity(_, _, let ocsp, _):
            findings.filter { [.certificate, .privateKey].contains($0.part) || ocsp != nil && $0.part == .ocsp }
        case .authorities: findings.filter { $0.part == .authorities }
        case .ticketKeys: findings.filter { $0.part == .ticketKeys }
        }
    }
}

func parse(
    _ text: String, environment: [String: String] = [:], directory: String = "/etc/sluice",
    judge: (any TLSFileJudge)? = nil
) throws(ConfigurationErrors) -> GatewayConfiguration {
    try ConfigurationFile.parse(
        text, file: "test.yaml", directory: directory, environment: environment, now: newYear, judge: judge)
}

func parse(
    _ section: Section, _ lines: String, environment: [String: String] = [:]
) throws(ConfigurationErrors) -> GatewayConfiguration {
    try parse(section.file(with: lines), environment: environment)
}

/// Each as `LINE:COLUMN: error: MESSAGE`; empty when the text is accepted.
func problems(
    _ text: String, environment: [String: String] = [:], directory: String = "/etc/sluice",
    judge: (any TLSFileJudge)? = nil
) -> [String] {
    do {
        _ = try parse(text, environment: environment, directory: directory, judge: judge)
        return []
    } catch {
        return error.errors.map { String($0.description.dropFirst("test.yaml:".count)) }
    }
}

func problems(_ section: Section, _ lines: String, environment: [String: String] = [:]) -> [String] {
    problems(section.file(with: lines), environment: environment)
}
