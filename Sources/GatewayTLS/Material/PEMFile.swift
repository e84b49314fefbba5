/// The blocks of a PEM file (RFC 7468). What stands between them is a comment, in whatever encoding.
///
/// Read as openssl reads it, and a little more forgivingly: lines may end in any way, or hold spaces at their ends; a
/// block may begin right behind the one before, as `cat` leaves it where a file has no newline at its end.
struct PEMFile {
    struct Block {
        /// Such as "CERTIFICATE".
        let label: String
        /// Where it begins, counted from 1.
        let line: Int
        /// What is in it; nil: what is wrong with its text is `problem`.
        let content: [UInt8]?
        let problem: String
        /// Whether it says that it is encrypted (RFC 1421 §4.6.1.1), as old keys do.
        let isEncrypted: Bool
    }

    let blocks: [Block]

    init(_ bytes: [UInt8]) {
        var reader = Reader(bytes: bytes)
        blocks = reader.blocks()
    }

    private struct Reader {
        let bytes: [UInt8]
        var place = 0
        var line = 1

        private static let begin = Array("-----BEGIN ".utf8)
        private static let end = Array("-----END ".utf8)
        private static let dashes = Array("-----".utf8)

        init(bytes: [UInt8]) { self.bytes = bytes }

        mutating func blocks() -> [Block] {
            var blocks: [Block] = []
            while skip(to: Self.begin) {
                let line = line
                guard let label = label() else { continue }
                blocks.append(block(label, line))
            }
            return blocks
        }

        /// Behind the next `mark`; false: there is none.
        private mutating func skip(to mark: [UInt8]) -> Bool {
            while place < bytes.count {
                if bytes[place] == UInt8(ascii: "-"), has(mark) {
                    place += mark.count
                    return true
                }
                advance()
            }
            return false
        }

        private mutating func advance() {
            if bytes[place] == UInt8(ascii: "\n") { line += 1 }
            place += 1
        }

        private func has(_ mark: [UInt8]) -> Bool { bytes[place...].starts(with: mark) }

        /// The text before the dashes that end it in the same line; nil: none do.
        private mutating func label() -> String? {
            let start = place
            while place < bytes.count, bytes[place] != UInt8(ascii: "\n"), place - start < 64 {
                if bytes[place] == UInt8(ascii: "-"), has(Self.dashes) {
                    defer { place += Self.dashes.count }
                    return String(decoding: bytes[start..<place], as: UTF8.self)
                }
                place += 1
            }
            return nil
        }

        private mutating func block(_ label: String, _ line: Int) -> Block {
            let start = place
            while place < bytes.count, bytes[place] != UInt8(ascii: "-") || !has(Self.end) {
                // Another block begins before this one's end.
                if bytes[place] == UInt8(ascii: "-"), has(Self.begin) { break }
                advance()
            }
            var text = bytes[start..<place]
            guard place < bytes.count, has(Self.end) else {
                return Block(
                    label: label, line: line, content: nil, problem: "it has no line -----END \(label)-----",
                    isEncrypted: false)
            }
            place += Self.end.count
            let endLabel = self.label()
            var isEncrypted = false
            // Headers of RFC 1421 end with an empty line, and no base64 has a colon.
            if text.contains(UInt8(ascii: ":")) {
                isEncrypted = true
                text = text.prefix(0)
            }
            guard endLabel == label else {
                return Block(
                    label: label, line: line, content: nil,
                    problem: "it ends with -----END \(endLabel ?? "")-----", isEncrypted: isEncrypted)
            }
            let content = Base64Text.decode(text)
            return Block(
                label: label, line: line, content: content, problem: "its text is not base64", isEncrypted: isEncrypted)
        }
    }
}
