import GatewayConfig

/// What someone means who writes a command that there is not.
public enum UsageHint {
    /// What ArgumentParser says, in the words of this program: the culprit, then the nearest right one.
    public static func rephrased(_ message: String) -> String {
        let prefix = "Error: "
        guard message.hasPrefix(prefix) else { return message }
        let line = message.dropFirst(prefix.count).prefix { $0 != "\n" }
        let rest = message[line.endIndex...]
        let words = line.split(separator: "'", omittingEmptySubsequences: false)
        switch (words.first, words.count) {
        case ("Unknown option ", 3): return "error: unknown option \(words[1])\(rest)"
        case ("Unknown option ", 5) where words[2] == ". Did you mean ":
            return "error: unknown option \(words[1]); did you mean \(words[3])?\(rest)"
        default: return "error: \(line)\(rest)"
        }
    }

    /// nil: `word` is one of `commands`, or an option.
    public static func unknownCommand(_ word: String, among commands: [String]) -> String? {
        guard !word.hasPrefix("-"), !commands.contains(word) else { return nil }
        guard let nearest = NearMiss.nearest(to: word, among: commands) else {
            return "unknown command \(word); expected one of \(commands.sorted().joined(separator: ", "))"
        }
        return "unknown command \(word); did you mean \(nearest)?"
    }
}
