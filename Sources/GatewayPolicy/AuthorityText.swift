/// What may stand in `Host` and `:authority`.
public enum AuthorityText {
    /// A host and perhaps a port (RFC 9110 §7.2), or nothing: see ``Authority/init(_:)``.
    public static func isValid(_ text: String) -> Bool { Authority(text) != nil }

    /// Whether two authorities that a request names are one (RFC 9110 §4.2.3, §7.2); not, when one of them is none.
    public static func isSame(_ first: String, _ second: String, scheme: String) -> Bool {
        guard let first = Authority(first), let second = Authority(second), first != .none else { return false }
        return first.isSame(as: second, scheme: scheme)
    }
}
