import GatewayConfig
import NIOCore
import NIOHTTP1
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Why there is no answer from an admin endpoint.
enum AdminFailure: Error {
    case notConnected(any Error)
    case timedOut(seconds: Int)
    /// The connection ended before the answer did.
    case cut
    /// In bytes.
    case tooLong(limit: Int)
    case noHTTP

    init(_ error: any Error) {
        switch error {
        case let failure as AdminFailure: self = failure
        case HTTPParserError.invalidEOFState: self = .cut
        case is HTTPParserError: self = .noHTTP
        case let error as NIOHTTPObjectAggregatorError where error == .frameTooLong:
            self = .tooLong(limit: AdminClient.answerLimit)
        default: self = .cut
        }
    }

    /// Whether nobody listens at the address.
    var isGone: Bool {
        guard case .notConnected(let error) = self else { return false }
        let codes = Self.codes(of: error)
        return !codes.isEmpty && codes.allSatisfy { [ECONNREFUSED, ENOENT].contains($0) }
    }

    /// One sentence, with what to do about it.
    func text(of address: Address) -> String {
        switch self {
        case .notConnected(let error):
            "no gateway answers at \(address): \(Self.reason(of: error)); start it with sluice run, or give the address "
                + "of its admin endpoint with --admin"
        case .timedOut(let seconds):
            "the gateway at \(address) did not answer within \(seconds) s; its log may say why"
        case .cut:
            "the connection to \(address) ended without an answer; the gateway's log may say why, or the address is not "
                + "its admin endpoint: give that with --admin"
        case .tooLong(let limit):
            "the answer of \(address) is longer than \(limit) bytes, so it does not come from a gateway; give the "
                + "address of the gateway's admin endpoint with --admin"
        case .noHTTP:
            "the program at \(address) does not speak HTTP/1.1; give the address of the admin endpoint with --admin"
        }
    }

    private static func reason(of error: any Error) -> String {
        if let code = codes(of: error).first { return String(cString: strerror(code)) }
        if let error = error as? NIOConnectionError {
            if error.dnsAError != nil || error.dnsAAAAError != nil { return "the name has no address" }
            if let first = error.connectionErrors.first { return reason(of: first.error) }
        }
        if case .connectTimeout? = error as? ChannelError { return "it did not accept the connection in time" }
        return "the connection failed"
    }

    private static func codes(of error: any Error) -> [CInt] {
        switch error {
        case let error as IOError: [error.errnoCode]
        case let error as NIOConnectionError: error.connectionErrors.flatMap { codes(of: $0.error) }
        default: []
        }
    }
}
