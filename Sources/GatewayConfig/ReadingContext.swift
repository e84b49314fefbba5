#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What every reader needs, and where every mistake goes.
final class ReadingContext {
    let file: String
    let directory: String
    let environment: [String: String]
    let now: Date
    /// nil: nothing that the file names is opened or looked for.
    let judge: (any TLSFileJudge)?
    /// Errors alone.
    private(set) var issues: [ConfigurationIssue] = []
    private var warnings: [ConfigurationIssue] = []

    init(
        file: String, directory: String, environment: [String: String], now: Date, judge: (any TLSFileJudge)?
    ) {
        self.file = file
        self.directory = directory
        self.environment = environment
        self.now = now
        self.judge = judge
    }

    /// The keys that readers asked each section for, by the section's path: what the tests compare with the descriptions.
    private(set) var asked: [String: Set<String>] = [:]

    func note(_ key: String, of section: KeySection) { asked[section.path, default: []].insert(key) }

    /// Whether what the file names has to be there.
    var checksFiles: Bool { judge != nil }

    /// `now`, as certificates count.
    var secondsSince1970: Int64 { Int64(now.timeIntervalSince1970.rounded(.down)) }

    /// The same mistake at the same place is kept once: an alias leads to one place many times.
    func report(_ message: String, at place: Place) {
        guard reported.insert(IssueKey(place: place, message: message)).inserted else { return }
        issues.append(issue(.error, message, at: place))
    }

    /// What the file may say, though hardly anyone wants it.
    func warn(_ message: String, at place: Place) {
        guard reported.insert(IssueKey(place: place, message: message)).inserted else { return }
        warnings.append(issue(.warning, message, at: place))
    }

    var sortedIssues: [ConfigurationIssue] { Self.sorted(issues) }

    var sortedWarnings: [ConfigurationIssue] { Self.sorted(warnings) }

    private func issue(
        _ severity: ConfigurationIssue.Severity, _ message: String, at place: Place
    ) -> ConfigurationIssue {
        ConfigurationIssue(severity: severity, file: file, line: place.line, column: place.column, message: message)
    }

    /// The sort is stable: mistakes at one place stay in the order they were found in.
    private static func sorted(_ issues: [ConfigurationIssue]) -> [ConfigurationIssue] {
        issues.sorted { ($0.line, $0.column) < ($1.line, $1.column) }
    }

    /// A path of the file made absolute.
    func absolutePath(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        return directory.hasSuffix("/") ? directory + path : directory + "/" + path
    }

    private struct IssueKey: Hashable {
        var place: Place
        var message: String
    }

    private var reported: Set<IssueKey> = []
}
