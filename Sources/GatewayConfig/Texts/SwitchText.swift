/// What other formats take for true and false: YAML 1.1 knows `yes`, `on` and `y`, others know 1 and `enabled`.
enum SwitchText {
    /// nil: neither.
    static func meaning(of text: String) -> Bool? {
        switch text.lowercased() {
        case "true", "yes", "on", "y", "t", "1", "enable", "enabled": true
        case "false", "no", "off", "n", "f", "0", "disable", "disabled": false
        default: nil
        }
    }
}
