import GatewayConfig

/// What someone means who writes a command that there is not.
public enum UsageHint {
    /// nil: `word` is one of `commands`, or an option.
    public static func unknownCommand(_ word: String, among commands: [String]) -> String? {
        guard !word.hasPrefix("-"), !commands.contains(word) else { return nil }
        guard let nearest = NearMiss.nearest(to: word, among: commands) else {
            return "unknown command \(word); there are \(commands.sorted().joined(separator: ", "))"
        }
        return "unknown command \(word); did you mean \(nearest)?"
    }
}
