import HTTPTypes
import NIOCore

/// What an endpoint has announced of itself (RFC 9113 §6.5.2, RFC 8441 §3), beginning with the initial values.
public struct HTTP2Settings: Equatable, Sendable {
    /// Bytes of the table that header fields may be compressed with.
    public var headerTableSize: UInt32 = 4096
    public var enablePush = true
    /// Streams the peer may have open at once; nil: no limit was announced.
    public var maxConcurrentStreams: UInt32?
    /// A stream's flow-control window at its beginning, in bytes: up to 2^31 − 1.
    public var initialWindowSize: UInt32 = 65_535
    /// Bytes of a frame's payload: 16,384 to 16,777,215.
    public var maxFrameSize: UInt32 = 16_384
    /// Bytes of a header list, uncompressed, with 32 for each field; nil: no limit was announced.
    public var maxHeaderListSize: UInt32?
    /// Whether extended CONNECT may be used (RFC 8441 §3).
    public var enableConnectProtocol = false

    public init() {}

    private enum Identifier: UInt16 {
        case headerTableSize = 0x1
        case enablePush = 0x2
        case maxConcurrentStreams = 0x3
        case initialWindowSize = 0x4
        case maxFrameSize = 0x5
        case maxHeaderListSize = 0x6
        case enableConnectProtocol = 0x8
    }

    /// Takes over what a SETTINGS frame says, one value after the other; what is unknown is ignored.
    ///
    /// - Parameter sender: which side sent it.
    /// - Returns: the smallest table size on the way, which an encoder has to acknowledge (RFC 7541 §4.2); nil: none.
    /// - Throws: `HTTP2Failure` for a value out of its range.
    mutating func apply(
        _ payload: ByteBuffer, from sender: HTTP2Connection.Role
    ) throws(HTTP2Failure) -> UInt32? {
        var payload = payload
        var smallestTable: UInt32?
        while let number: UInt16 = payload.readInteger(), let value: UInt32 = payload.readInteger() {
            switch Identifier(rawValue: number) {
            case .headerTableSize:
                headerTableSize = value
                smallestTable = min(value, smallestTable ?? value)
            case .enablePush:
                enablePush = try Self.flag(value, "SETTINGS_ENABLE_PUSH")
                guard sender == .client || !enablePush else {
                    throw HTTP2Failure(.protocolError, "SETTINGS_ENABLE_PUSH of a server is 1, expected 0")
                }
            case .maxConcurrentStreams:
                maxConcurrentStreams = value
            case .initialWindowSize:
                guard value <= UInt32(Int32.max) else {
                    throw HTTP2Failure(
                        .flowControlError, "SETTINGS_INITIAL_WINDOW_SIZE is \(value), limit \(Int32.max)")
                }
                initialWindowSize = value
            case .maxFrameSize:
                guard (16_384...16_777_215).contains(value) else {
                    throw HTTP2Failure(
                        .protocolError, "SETTINGS_MAX_FRAME_SIZE is \(value), expected 16384 to 16777215")
                }
                maxFrameSize = value
            case .maxHeaderListSize:
                maxHeaderListSize = value
            case .enableConnectProtocol:
                let isOn = try Self.flag(value, "SETTINGS_ENABLE_CONNECT_PROTOCOL")
                guard isOn || !enableConnectProtocol || sender == .client else {
                    throw HTTP2Failure(
                        .protocolError, "SETTINGS_ENABLE_CONNECT_PROTOCOL went from 1 to 0, which RFC 8441 forbids")
                }
                enableConnectProtocol = isOn
            case nil:
                break
            }
        }
        return smallestTable
    }

    private static func flag(_ value: UInt32, _ name: String) throws(HTTP2Failure) -> Bool {
        guard value <= 1 else { throw HTTP2Failure(.protocolError, "\(name) is \(value), expected 0 or 1") }
        return value == 1
    }

    /// The payload of a SETTINGS frame with every value that differs from the initial ones.
    func payload() -> ByteBuffer {
        let initial = HTTP2Settings()
        var payload = ByteBuffer()
        func write(_ identifier: Identifier, _ value: UInt32) {
            payload.writeInteger(identifier.rawValue)
            payload.writeInteger(value)
        }
        if headerTableSize != initial.headerTableSize { write(.headerTableSize, headerTableSize) }
        if enablePush != initial.enablePush { write(.enablePush, enablePush ? 1 : 0) }
        if let maxConcurrentStreams { write(.maxConcurrentStreams, maxConcurrentStreams) }
        if initialWindowSize != initial.initialWindowSize { write(.initialWindowSize, initialWindowSize) }
        if maxFrameSize != initial.maxFrameSize { write(.maxFrameSize, maxFrameSize) }
        if let maxHeaderListSize { write(.maxHeaderListSize, maxHeaderListSize) }
        if enableConnectProtocol { write(.enableConnectProtocol, 1) }
        return payload
    }
}
