/// A part of a configuration in words for people: what is in force, defaults filled in, secrets left out.
public struct ConfigurationSection: Encodable, Equatable, Sendable {
    /// One line: a key as the file has it, and its value.
    public struct Line: Encodable, Equatable, Sendable {
        public var key: String
        public var value: String
    }

    /// One listener, route or upstream, or all of a section that has no names.
    public struct Item: Encodable, Equatable, Sendable {
        /// Empty: the section has no names.
        public var name: String
        public private(set) var lines: [Line] = []

        init(_ name: String = "") { self.name = name }

        mutating func add(_ key: String, _ value: String?) {
            guard let value, !value.isEmpty else { return }
            lines.append(Line(key: key, value: value))
        }

        mutating func add(_ key: String, _ values: [String]) { add(key, values.joined(separator: ", ")) }
    }

    public var title: String
    public var items: [Item]
}

/// What stands in the place of a value that may be a secret.
enum Masked {
    static let text = "••••"

    /// The names, without what they are set to.
    static func names(of values: [String: String]) -> [String] { values.keys.sorted().map { "\($0): \(text)" } }
}

extension GatewayConfiguration {
    /// All of it, in the order of the file.
    ///
    /// Values that may be secrets are masked: the admin token, the keys of cookies, values of header and query
    /// conditions and of header edits, arguments and environment of commands, bodies of fixed answers.
    public var sections: [ConfigurationSection] {
        [
            ConfigurationSection(title: "Listeners", items: listeners.map(\.item)),
            ConfigurationSection(title: "Routes", items: routes.map(\.item)),
            ConfigurationSection(title: "Upstreams", items: upstreams.map(\.item)),
            ConfigurationSection(title: "Limits", items: [limits.item]),
            ConfigurationSection(title: "Admin", items: admin.map { [$0.item] } ?? []),
            ConfigurationSection(title: "Log", items: [log.item]),
            ConfigurationSection(title: "Drain", items: [drain.item]),
        ]
    }
}

/// How values are written in sections.
enum SectionText {
    static func time(_ duration: Duration, zero: String = "0s") -> String {
        duration == .zero ? zero : DurationText.format(duration)
    }

    static func size(_ bytes: Int, zero: String = "0") -> String { bytes == 0 ? zero : ByteSizeText.format(bytes) }

    static func cap(_ number: Int) -> String { number == 0 ? "no cap" : "\(number)" }

    /// `10.0.0.0/8`, or `2001:db8:0:0:0:0:0:0/32`.
    static func prefix(_ prefix: IPPrefix) -> String {
        let address: String
        if prefix.bytes.count == 4 {
            address = prefix.bytes.map(String.init).joined(separator: ".")
        } else {
            address = stride(from: 0, to: prefix.bytes.count - 1, by: 2).map { index in
                String(UInt16(prefix.bytes[index]) << 8 | UInt16(prefix.bytes[index + 1]), radix: 16)
            }.joined(separator: ":")
        }
        return "\(address)/\(prefix.length)"
    }

    static func flag(_ isOn: Bool) -> String { isOn ? "on" : "off" }
}
