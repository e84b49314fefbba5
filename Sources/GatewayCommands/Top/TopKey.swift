/// A key, as `sluice top` knows it.
public enum TopKey: Equatable, Sendable {
    case character(Character)
    case up, down, pageUp, pageDown, home, end
    case tab, backTab, enter, escape, backspace
    /// Ctrl-C, Ctrl-D.
    case interrupt
    /// Ctrl-L.
    case redraw
    /// Ctrl-Z.
    case suspend
}

/// Makes keys of the bytes that a terminal sends (ECMA-48 §5.4, xterm's control sequences).
public struct TopKeyReader: Sendable {
    /// More bytes than any key has: what is longer is no key.
    private static let limit = 16

    private var pending: [UInt8] = []

    public init() {}

    /// The keys that these bytes end. An escape that nothing follows in the same piece is the key itself: terminals send
    /// a key's bytes together.
    public mutating func keys(_ bytes: some Sequence<UInt8>) -> [TopKey] {
        pending += bytes
        var keys: [TopKey] = []
        while let first = pending.first {
            if first == 0x1B {
                guard let length = sequenceLength() else { break }
                if let key = Self.key(ofSequence: pending.prefix(length)) { keys.append(key) }
                pending.removeFirst(length)
                continue
            }
            guard let length = characterLength(first) else {
                pending.removeFirst()
                continue
            }
            guard pending.count >= length else { break }
            if let key = Self.key(of: pending.prefix(length)) { keys.append(key) }
            pending.removeFirst(length)
        }
        return keys
    }

    /// nil: the rest has not come yet.
    private func sequenceLength() -> Int? {
        guard pending.count > 1 else { return 1 }
        guard pending[1] == UInt8(ascii: "[") || pending[1] == UInt8(ascii: "O") else { return 1 }
        guard pending.count > 2 else { return nil }
        if let end = pending.dropFirst(2).firstIndex(where: { 0x40...0x7E ~= $0 }) { return end + 1 }
        return pending.count > Self.limit ? pending.count : nil
    }

    private static func key(ofSequence bytes: ArraySlice<UInt8>) -> TopKey? {
        guard bytes.count > 1 else { return .escape }
        switch String(decoding: bytes.dropFirst(2), as: UTF8.self) {
        case "A": return .up
        case "B": return .down
        case "H", "1~", "7~": return .home
        case "F", "4~", "8~": return .end
        case "5~": return .pageUp
        case "6~": return .pageDown
        case "Z": return .backTab
        default: return nil
        }
    }

    /// Of UTF-8 (RFC 3629 §3); nil: no character begins like this.
    private func characterLength(_ first: UInt8) -> Int? {
        switch first {
        case 0..<0x80: 1
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: nil
        }
    }

    private static func key(of bytes: ArraySlice<UInt8>) -> TopKey? {
        switch bytes.first {
        case 0x03, 0x04: return .interrupt
        case 0x09: return .tab
        case 0x0A, 0x0D: return .enter
        case 0x0C: return .redraw
        case 0x1A: return .suspend
        case 0x08, 0x7F: return .backspace
        case let byte? where byte < 0x20: return nil
        default:
            return String(validating: bytes, as: UTF8.self).flatMap(\.first).map(TopKey.character)
        }
    }
}
