/// Bytes written as in the RFCs, "81 05 48", and shown so when a test fails.
package struct Bytes: ExpressibleByStringLiteral, CustomStringConvertible, Sendable, Equatable {
    package var values: [UInt8]

    package init(_ values: some Sequence<UInt8>) {
        self.values = Array(values)
    }

    package init(stringLiteral digits: String) {
        self.init(hexadecimal: digits)
    }

    /// Two hexadecimal digits a byte, with spaces anywhere between bytes. Anything else is a mistake in the test, and traps.
    package init(hexadecimal digits: String) {
        values = digits.split(separator: " ").flatMap { group in
            precondition(
                group.utf8.count.isMultiple(of: 2) && group.allSatisfy { $0.isHexDigit && $0.isASCII },
                "expected two hexadecimal digits a byte, found \"\(group)\" in \"\(digits)\"")
            let halves = group.compactMap { $0.hexDigitValue.map(UInt8.init) }
            return stride(from: 0, to: halves.count, by: 2).map { halves[$0] << 4 | halves[$0 + 1] }
        }
    }

    package var description: String {
        values.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }
}
