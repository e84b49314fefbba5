/// A response of OCSP (RFC 6960 §4.2.1), as far as it has to be known before it is stapled.
enum OCSPResponse {
    /// id-pkix-ocsp-basic, 1.3.6.1.5.5.7.48.1.1.
    private static let basic: [UInt8] = [0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01]
    private static let errors: [UInt8: String] = [
        1: "malformedRequest", 2: "internalError", 3: "tryLater", 5: "sigRequired", 6: "unauthorized",
    ]

    /// The DER of a file that holds a basic response.
    ///
    /// - Throws: `TLSMaterialFailure` for a file that can't be read or holds something else, a response that says no
    ///   more than why there is none included.
    static func bytes(_ path: String, shownAs name: String) throws(TLSMaterialFailure) -> [UInt8] {
        let bytes = try MaterialFile.bytes(path, shownAs: name)
        func failure(_ found: String) -> TLSMaterialFailure {
            TLSMaterialFailure(file: path, reason: "expected an OCSP response (DER) in \(name), found \(found)")
        }
        var file = DERReader(bytes[...])
        guard let response = file.read(0x30), file.isAtEnd else { throw failure("something else") }
        var parts = DERReader(response)
        guard let status = parts.read(0x0A), status.count == 1, let code = status.first else {
            throw failure("something else")
        }
        guard code == 0 else { throw failure("one that is an error (\(errors[code] ?? "\(code)"))") }
        guard let explicit = parts.read(0xA0), parts.isAtEnd else { throw failure("one that is empty") }
        var inner = DERReader(explicit)
        guard let typed = inner.read(0x30) else { throw failure("something else") }
        var fields = DERReader(typed)
        guard let kind = fields.read(0x06), fields.read(0x04) != nil, fields.isAtEnd else {
            throw failure("something else")
        }
        guard Array(kind) == basic else { throw failure("one of an unknown kind") }
        return bytes
    }
}
