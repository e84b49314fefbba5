import HTTPTypes

// What can be said of a frame before its payload is here (RFC 9113 §6).
extension HTTP2FrameHeader {
    /// Stream numbers and lengths, which can be judged before the payload is here.
    ///
    /// - Throws: `HTTP2Failure` for a connection error.
    func check() throws(HTTP2Failure) {
        switch kind {
        case .data, .headers, .priority, .rstStream:
            guard stream != 0 else {
                throw HTTP2Failure(.protocolError, "\(name) on stream 0, expected the number of a stream")
            }
        case .settings, .ping, .goAway:
            guard stream == 0 else {
                throw HTTP2Failure(.protocolError, "\(name) on stream \(stream), expected stream 0")
            }
        case .continuation:
            throw HTTP2Failure(.protocolError, "CONTINUATION without a header block before it")
        case .pushPromise:
            throw HTTP2Failure(.protocolError, "PUSH_PROMISE, which was not allowed")
        case .windowUpdate, nil:
            break
        }
        let expected: Int
        switch kind {
        case .priority: expected = 5
        case .rstStream, .windowUpdate: expected = 4
        case .ping: expected = 8
        case .settings where flags.contains(.ack): expected = 0
        case .settings where payloadLength % 6 != 0:
            throw HTTP2Failure(.frameSizeError, "SETTINGS frame is \(payloadLength) bytes, expected a multiple of 6")
        case .goAway where payloadLength < 8:
            throw HTTP2Failure(.frameSizeError, "GOAWAY frame is \(payloadLength) bytes, expected at least 8")
        default: return
        }
        guard payloadLength == expected else {
            throw HTTP2Failure(
                .frameSizeError, "\(name) frame is \(payloadLength) bytes, expected \(expected)")
        }
    }

    var name: String {
        switch kind {
        case .data: "DATA"
        case .headers: "HEADERS"
        case .priority: "PRIORITY"
        case .rstStream: "RST_STREAM"
        case .settings: "SETTINGS"
        case .pushPromise: "PUSH_PROMISE"
        case .ping: "PING"
        case .goAway: "GOAWAY"
        case .windowUpdate: "WINDOW_UPDATE"
        case .continuation: "CONTINUATION"
        case nil: "a frame of unknown type"
        }
    }
}
