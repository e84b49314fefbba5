public import HTTPTypes

/// A connection error (RFC 9113 §5.4.1): what the GOAWAY says, and in one line what was expected and what arrived.
public struct HTTP2Failure: Error, Equatable, Sendable, CustomStringConvertible {
    public var code: HTTP2ErrorCode
    public var message: String

    public init(_ code: HTTP2ErrorCode, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(code.name): \(message)" }
}

extension HTTP2ErrorCode {
    private static let names = [
        "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
        "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
    ]

    /// The name in RFC 9113 §7, or the number of an unknown one.
    public var name: String {
        rawValue < Self.names.count ? Self.names[Int(rawValue)] : "error \(rawValue)"
    }
}
