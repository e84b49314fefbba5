extension ReadingContext {
    /// The name of a listener, route or upstream: it becomes a metrics label and part of messages.
    func name(_ node: YAMLNode) -> ScalarText? {
        let expected = "a name of letters, digits, - _ and ., at most 64"
        guard let scalar = scalar(node, expecting: expected) else { return nil }
        let isName = scalar.text.utf8.allSatisfy { isNameByte($0) }
        guard isName, (1...64).contains(scalar.text.utf8.count) else {
            report("expected \(expected), found \(scalar.shown)", at: scalar.place)
            return nil
        }
        return scalar
    }

    private func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}
