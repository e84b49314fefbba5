/// A part of the open WebSockets, as it was asked for.
public struct ConnectionList: Equatable, Sendable {
    public var connections: [ConnectionSnapshot]
    /// How many the filter lets through, the limit aside.
    public var total: Int

    public init(_ connections: [ConnectionSnapshot] = [], total: Int? = nil) {
        self.connections = connections
        self.total = total ?? connections.count
    }
}

/// What a list of WebSockets is sorted by.
public enum ConnectionSort: String, CaseIterable, Sendable {
    case age, client, host, path, route, server, `protocol`, messages, bytes, rate, queue, compression

    /// Whether the greatest comes first unless an order is asked for.
    public var isDescending: Bool {
        switch self {
        case .age, .messages, .bytes, .rate, .queue: true
        case .client, .host, .path, .route, .server, .protocol, .compression: false
        }
    }

    /// What one WebSocket is compared by.
    public enum Key: Equatable, Sendable {
        case number(Double)
        case text(String)

        func precedes(_ other: Key) -> Bool {
            switch (self, other) {
            case (.number(let own), .number(let other)): own < other
            case (.text(let own), .text(let other)): own < other
            case (.number, .text): true
            case (.text, .number): false
            }
        }
    }

    /// A WebSocket and what it is compared by.
    public struct Ranked<Value> {
        public var key: Key
        public var id: UInt64
        public var value: Value

        public init(key: Key, id: UInt64, value: Value) {
            self.key = key
            self.id = id
            self.value = value
        }
    }

    /// Those from `offset` on, `limit` at most. Where keys are equal, the lower number comes first.
    public static func page<Value>(
        _ ranked: [Ranked<Value>], descending: Bool, offset: Int = 0, limit: Int
    ) -> [Ranked<Value>] {
        let sorted = ranked.sorted { left, right in
            if left.key == right.key { return left.id < right.id }
            return descending ? right.key.precedes(left.key) : left.key.precedes(right.key)
        }
        return Array(sorted.dropFirst(max(0, offset)).prefix(max(0, limit)))
    }
}

extension ConnectionSort.Ranked: Sendable where Value: Sendable {}

/// Text that is looked for, without regard to the case of ASCII letters.
public struct SearchText: Sendable {
    private let bytes: [UInt8]

    public init(_ text: String) { bytes = text.utf8.map(Self.folded) }

    public var isEmpty: Bool { bytes.isEmpty }

    public func isIn(_ text: String) -> Bool {
        guard let first = bytes.first else { return true }
        var text = text
        return text.withUTF8 { text in
            guard text.count >= bytes.count else { return false }
            for start in 0...(text.count - bytes.count) where Self.folded(text[start]) == first {
                if bytes.indices.allSatisfy({ Self.folded(text[start + $0]) == bytes[$0] }) { return true }
            }
            return false
        }
    }

    private static func folded(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}
