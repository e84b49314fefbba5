/// Why certificates, keys, trusted authorities or settings of TLS can't be used, in an operator's words.
public struct TLSMaterialFailure: Error, CustomStringConvertible, Sendable, Equatable {
    /// nil: it is about none.
    public let file: String?
    /// Which PEM block of the file, counted from 1 among those of its kind; nil: it is about none.
    public let block: Int?
    /// Where that block begins, counted from 1.
    public let line: Int?
    /// One sentence, which names the file. Nothing of a key is in it.
    public let reason: String

    public var description: String { reason }

    init(file: String? = nil, block: Int? = nil, line: Int? = nil, reason: String) {
        self.file = file
        self.block = block
        self.line = line
        self.reason = reason
    }

    static let noMemory = TLSMaterialFailure(reason: "there is no memory for the TLS settings")
}
