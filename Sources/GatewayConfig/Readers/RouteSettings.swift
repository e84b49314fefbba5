/// What `defaults` and a route both can set.
struct RouteSettings {
    var origins: [String]?
    var allowMissingOrigin = true
    var maxConnections = 0
    var maxConnectionsPerIP = 0
    var http = true
    var maxBodySize = 0
    var maxRequests = 0
    var queue: QueueConfiguration?
    var session = SessionSettings()
    var requestHeaders = HeaderEdits()
    var responseHeaders = HeaderEdits()
    var onChange = OnChange()
    var legacyVersions: [LegacyVersion] = []

    enum MissingOrigin: String, CaseIterable { case allow, deny }

    var missingOrigin: MissingOrigin { allowMissingOrigin ? .allow : .deny }

    /// `missing_origin: deny` alone asks for some `Origin`.
    var originPolicy: OriginPolicy? {
        if let origins { return OriginPolicy(allowed: origins, allowMissing: allowMissingOrigin) }
        return allowMissingOrigin ? nil : OriginPolicy(allowed: ["*"], allowMissing: false)
    }
}

/// Reads them over inherited ones.
struct RouteSettingsReader {
    let context: ReadingContext

    func read(defaults node: YAMLNode) -> RouteSettings {
        guard let section = MappingReader(node, .defaults, context: context, expecting: "a mapping of route settings")
        else {
            return RouteSettings()
        }
        let settings = read(section, over: RouteSettings())
        section.finish()
        return settings
    }

    /// Takes the keys of settings from `section` and leaves the others.
    func read(_ section: MappingReader, over inherited: RouteSettings) -> RouteSettings {
        var settings = inherited
        if let list = section.list("origins", expecting: "a list of origins such as [\"https://example.com\"]") {
            settings.origins = list.compactMap { OriginText.read($0, context: context) }
            if list.isEmpty, let place = section.node("origins")?.place {
                context.report(
                    "the list of origins is empty; name the origins that may connect, or write [\"*\"] for any",
                    at: place)
            }
        }
        if let word = section.word("missing_origin", RouteSettings.MissingOrigin.self) {
            settings.allowMissingOrigin = word == .allow
            if word == .allow, let origins = settings.origins, origins != ["*"],
                let entry = section.entry("missing_origin")
            {
                context.warn(
                    "a client that is not a browser can omit Origin and connect despite the list of origins; write "
                        + "deny if only these pages may connect",
                    at: entry.value.place)
            }
        }
        if let value = section.integer("max_connections") { settings.maxConnections = value }
        if let value = section.integer("max_connections_per_ip") {
            settings.maxConnectionsPerIP = value
        }
        if let value = section.onOff("http") { settings.http = value }
        if let value = section.size("max_body_size") { settings.maxBodySize = value }
        if let value = section.integer("max_requests") { settings.maxRequests = value }
        if let node = section.node("queue") {
            settings.queue = QueueReader(context: context).read(node, over: inherited.queue)
        }
        settings.session = session(section, over: inherited.session)
        if let node = section.node("request_headers") {
            settings.requestHeaders = HeaderEditsReader.read(
                node, inherited: inherited.requestHeaders, context: context)
        }
        if let node = section.node("response_headers") {
            settings.responseHeaders = HeaderEditsReader.read(
                node, inherited: inherited.responseHeaders, context: context)
        }
        if let node = section.node("on_change") {
            settings.onChange = onChange(node, over: inherited.onChange)
        }
        if let list = section.list("legacy_versions", expecting: "a list of drafts such as [8, 7, hixie-76]") {
            settings.legacyVersions = legacyVersions(list)
        }
        return settings
    }

    private func legacyVersions(_ nodes: [YAMLNode]) -> [LegacyVersion] {
        var versions: [LegacyVersion] = []
        let expected = "8, 7 or hixie-76"
        for node in nodes {
            guard let word = context.scalar(node, expecting: expected) else { continue }
            guard let version = LegacyVersion(rawValue: word.text) else {
                // Other numbers are no slips of the pen.
                let hint =
                    word.text == "13"
                    ? "; 13 is RFC 6455, and every route accepts it"
                    : NearMiss.hint(for: word.text, among: [LegacyVersion.hixie76.rawValue])
                context.report("expected \(expected), found \(word.shown)\(hint)", at: word.place)
                continue
            }
            if versions.contains(version) {
                context.report("version \(version.rawValue) is already in the list", at: word.place)
            } else {
                versions.append(version)
            }
        }
        return versions
    }

    private func onChange(_ node: YAMLNode, over inherited: OnChange) -> OnChange {
        var onChange = inherited
        let expected = "\(KeySection.onChange.expected), each keep, drain or close"
        guard let section = MappingReader(node, .onChange, context: context, expecting: expected) else {
            return onChange
        }
        if let action = section.word("changed", ChangeAction.self) { onChange.changed = action }
        if let action = section.word("removed", ChangeAction.self) { onChange.removed = action }
        section.finish()
        return onChange
    }

    private func session(_ section: MappingReader, over inherited: SessionSettings) -> SessionSettings {
        var session = inherited
        if let value = section.size("max_message_size") { session.maxMessageSize = value }
        if let value = section.duration("idle_timeout") { session.idleTimeout = value }
        if let value = section.duration("max_lifetime") { session.maxLifetime = value }
        if let value = section.duration("ping_interval") { session.pingInterval = value }
        if let value = section.duration("pong_timeout") { session.pongTimeout = value }
        if let value = section.duration("close_timeout") { session.closeTimeout = value }
        if let value = section.flag("validate_utf8") { session.validateUTF8 = value }
        if let node = section.node("compression") {
            session.compression = CompressionReader(context: context).read(node, over: inherited.compression)
        }
        return session
    }
}
