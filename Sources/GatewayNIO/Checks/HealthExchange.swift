import GatewayConfig
import HTTPTypes
import NIOCore
import WebSocketCore

/// What is said on one connection to a server, so as to know whether it is well. Bytes in, bytes and a verdict out.
protocol HealthExchange: AnyObject {
    /// nil: not known yet. The first one counts.
    var verdict: HealthVerdict? { get }
    /// Nothing more is wanted of the connection.
    var isOver: Bool { get }
    func receive(_ bytes: ByteBuffer, now: NIODeadline)
    /// What is to be sent now.
    func takeOutput() -> ByteBuffer?
}

enum HealthVerdict: Equatable {
    case passed
    /// Why, in words for whoever runs the gateway.
    case failed(String)
}

/// What a server is asked, over either HTTP version.
struct HealthQuestion {
    enum Wanted {
        case status([ClosedRange<Int>])
        case pong
    }

    var path: String
    var host: String
    var isTLS: Bool
    var wanted: Wanted

    /// nil: a connection is enough.
    init?(_ check: HealthCheck, of address: Address, tls: UpstreamTLS?) {
        switch check.kind {
        case .tcp: return nil
        case .http(let path, let statuses):
            self.path = path
            wanted = .status(statuses)
        case .webSocket(let path):
            self.path = path
            wanted = .pong
        }
        isTLS = tls != nil
        if let host = check.host ?? tls?.serverName {
            self.host = host
        } else if case .tcp = address {
            host = address.description
        } else {
            host = "localhost"
        }
    }

    var isForWebSocket: Bool { if case .pong = wanted { true } else { false } }

    /// Beside those of a WebSocket's handshake.
    static let fields: HTTPFields = [.userAgent: "sluice-health-check"]

    /// Judges the status of an answer to a GET.
    static func verdict(on status: Int, wanted: [ClosedRange<Int>]) -> HealthVerdict {
        if wanted.contains(where: { $0.contains(status) }) { return .passed }
        let ranges = wanted.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
        return .failed("status is \(status), expected \(ranges.joined(separator: ", "))")
    }

    /// Judges what a server made of an offer without extensions.
    static func refusal(of extensions: [ExtensionOffer]) -> HealthVerdict? {
        extensions.isEmpty ? nil : .failed("the server chose an extension that the check did not offer")
    }
}
