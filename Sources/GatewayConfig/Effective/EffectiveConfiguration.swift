extension GatewayConfiguration {
    /// All of it as a file would have it: defaults filled in, those of `defaults` in the routes, paths absolute, keys in
    /// the order of the reference. Keys that have no value of their own are left out.
    ///
    /// Values that may be secrets are masked, so that ``ConfigurationFile`` reads the result as it reads the file, and
    /// what it has read gives the same result again: the admin token, the secrets of cookies, values of header and query
    /// conditions and of header edits, queries of locations and of health checks, arguments and environment of commands,
    /// bodies and fields of fixed answers.
    public var effective: ConfigurationValue {
        var masks = SecretMasks()
        return .section([
            "listeners": .list(listeners.map(\.effective)),
            "admin": admin.map { $0.effective(&masks) },
            "limits": limits.effective,
            "routes": .list(routes.map { $0.effective(&masks) }),
            "upstreams": .list(upstreams.map { $0.effective(&masks) }),
            "log": log.effective,
            "drain": drain.effective,
        ])
    }

    /// ``effective`` as the text of a file.
    ///
    /// - Throws: what libyaml says, when it has no memory for the text.
    public func effectiveText() throws -> String { try YAMLText.write(effective) }
}

extension ConfigurationValue {
    /// A mapping of those that have a value.
    static func section(_ entries: KeyValuePairs<String, ConfigurationValue?>) -> ConfigurationValue {
        .mapping(entries.compactMap { key, value in value.map { Entry(key, $0) } })
    }

    /// nil for an empty list, where the file may not have one.
    static func atLeastOne(_ texts: [String]) -> ConfigurationValue? { texts.isEmpty ? nil : .texts(texts) }

    /// nil for no entry.
    var unlessEmpty: ConfigurationValue? {
        if case .mapping(let entries) = self, entries.isEmpty { nil } else { self }
    }
}
