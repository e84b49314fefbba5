import GatewayConfig

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a gateway says of a reload, done or only compared.
struct ReloadAnswer {
    /// That it reads, absolute.
    var file: String
    var outcome: Outcome

    enum Outcome {
        case taken(ConfigurationChanges, Sockets, warnings: [ConfigurationIssue])
        /// Why not: a line for each error.
        case refused(String)
    }

    /// What becomes of the WebSockets that are open.
    struct Sockets: Decodable {
        var kept: Int
        var drained: Int
        var closed: Int
    }

    /// nil: the answer is not in the form that a gateway has.
    init?(_ answer: AdminClient.Answer) {
        let decoder = JSONDecoder()
        let body = Data(answer.body)
        if answer.status == 200 {
            guard let taken = try? decoder.decode(Taken.self, from: body),
                let changes = try? decoder.decode(ConfigurationChanges.self, from: body)
            else { return nil }
            file = taken.file
            outcome = .taken(changes, taken.sockets, warnings: taken.warnings.map(\.issue))
        } else {
            guard let refused = try? decoder.decode(Refused.self, from: body) else { return nil }
            file = refused.file
            outcome = .refused(refused.text)
        }
    }

    /// Prints it: what changes as the command's result, warnings and errors for the person at the terminal. Exits with 1
    /// when the gateway refuses the file.
    ///
    /// - Parameter isHere: whether the gateway's file is on this machine.
    func report(isHere: Bool) throws {
        switch outcome {
        case .taken(let changes, let sockets, let warnings):
            StandardError.show(lines: warnings.map(\.description).joined(separator: "\n"), of: file, isHere: isHere)
            StandardOutput.print(changes.text)
            guard !changes.isEmpty else { return }
            StandardOutput.print(
                "sockets: \(sockets.kept) kept, \(sockets.drained) drained, \(sockets.closed) closed")
        case .refused(let text):
            StandardError.show(lines: text, of: file, isHere: isHere)
            throw Exit.configurationRefused
        }
    }

    /// For whoever has shown them already.
    var withoutWarnings: ReloadAnswer {
        guard case .taken(let changes, let sockets, _) = outcome else { return self }
        var answer = self
        answer.outcome = .taken(changes, sockets, warnings: [])
        return answer
    }

    private struct Taken: Decodable {
        var file: String
        var sockets: Sockets
        var warnings: [Warning]
    }

    private struct Warning: Decodable {
        var file: String
        var line: Int
        var column: Int
        var message: String

        var issue: ConfigurationIssue {
            ConfigurationIssue(severity: .warning, file: file, line: line, column: column, message: message)
        }
    }

    private struct Refused: Decodable {
        var file: String
        var text: String
    }
}

/// Whether two paths lead to one file.
enum SamePath {
    static func isOne(_ first: String, _ second: String) -> Bool { resolved(first) == resolved(second) }

    /// Absolute and without links, as far as the path exists.
    private static func resolved(_ path: String) -> String {
        URL(fileURLWithPath: path).resolvingSymlinksInPath().standardizedFileURL.path
    }
}
