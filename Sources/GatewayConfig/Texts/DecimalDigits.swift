extension FixedWidthInteger {
    /// The number that `text` writes in decimal digits alone.
    ///
    /// Swift's own initialisers also take a sign: `+5` is a number to them, and to no grammar of HTTP or of the
    /// configuration.
    ///
    /// - Returns: nil for no digit, anything else than the digits 0 to 9, and numbers that this type can't hold.
    public init?(decimalDigits text: some StringProtocol) {
        guard !text.isEmpty, text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else { return nil }
        self.init(text, radix: 10)
    }
}
