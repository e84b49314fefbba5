/// An HTTP/1.1 head read naively from its bytes, to check what a real parser and the gateway made of it.
struct RawHead {
    var startLine: String
    /// Names in lower case, values without the whitespace around them.
    var fields: [(name: String, value: String)] = []
    /// Bytes up to the end of the empty line.
    var length: Int

    /// The head at the start of `bytes`, empty lines before it skipped; nil when its end has not come.
    init?(_ bytes: some Collection<UInt8>) {
        var lines: [String] = []
        var line: [UInt8] = []
        length = 0
        var isWhole = false
        for byte in bytes {
            length += 1
            guard byte == UInt8(ascii: "\n") else {
                line.append(byte)
                continue
            }
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            if line.isEmpty && !lines.isEmpty {
                isWhole = true
                break
            }
            if !line.isEmpty { lines.append(String(decoding: line, as: UTF8.self)) }
            line = []
        }
        guard isWhole, let first = lines.first else { return nil }
        startLine = first
        for line in lines.dropFirst() {
            if let lead = line.utf8.first, lead == 0x20 || lead == 0x09, !fields.isEmpty {
                // A folded line goes on with the value before it (RFC 9112 §5.2).
                fields[fields.count - 1].value += " " + trimmed(line)
            } else if let colon = line.firstIndex(of: ":") {
                fields.append((trimmed(line[..<colon]).lowercased(), trimmed(line[line.index(after: colon)...])))
            }
        }
    }

    func values(_ name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }

    /// Whether a field that is a list has this element, in any case.
    func lists(_ name: String, _ token: String) -> Bool {
        values(name).contains { value in
            value.split(separator: ",").contains { trimmed($0).lowercased() == token }
        }
    }
}

private func trimmed(_ text: some StringProtocol) -> String {
    let kept = text.unicodeScalars.drop { $0 == " " || $0 == "\t" }
    var end = Array(kept)
    while let last = end.last, last == " " || last == "\t" { end.removeLast() }
    var view = String.UnicodeScalarView()
    view.append(contentsOf: end)
    return String(view)
}
