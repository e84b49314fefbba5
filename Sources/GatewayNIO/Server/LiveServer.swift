public import GatewayConfig
public import GatewayPolicy
public import GatewayTelemetry
import NIOCore
public import SocketTransport
import Synchronization

/// One server of an upstream as it lives through configurations and lookups: what is known of it, where it is found, what
/// is open to it.
public final class LiveServer: Sendable {
    /// The entry of the configuration that it belongs to, which names it to TLS and in `Host`.
    public let configured: Address
    /// Kept as long as one of its servers.
    let upstream: LiveUpstream
    public let record: ServerRecord
    /// Transport connections.
    public let connections = SharedGauge()
    /// Streams on those that are HTTP/2.
    public let streams = SharedGauge()
    let addresses = ServerAddresses()
    private struct State {
        weak var entry: ServerEntry?
        var hasLeft = false
        /// Until when it is taken for one without HTTP/2, and without WebSockets over it, where `protocol` is `auto`.
        var http1Until = (all: NIODeadline.distantPast, webSockets: NIODeadline.distantPast)
    }
    private let state = Mutex(State())

    init(_ configured: Address, of upstream: LiveUpstream) {
        self.configured = configured
        self.upstream = upstream
        record = ServerRecord(address: configured, lines: upstream.lines)
    }

    /// What it is called in the log, statistics and commands: what the configuration says, or its own address, where its
    /// name stands for several servers.
    public var address: Address { record.address }

    /// The entry that leads to it; nil: none does any more.
    var entry: ServerEntry? { state.withLock { $0.hasLeft ? nil : $0.entry } }

    /// Its name does not stand for it any more: it gets no new connections.
    var hasLeft: Bool { state.withLock { $0.hasLeft } }

    func join(_ entry: ServerEntry) {
        state.withLock { state in
            state.entry = entry
            state.hasLeft = false
        }
    }

    func leave() { state.withLock { $0.hasLeft = true } }

    /// How long a server that had no HTTP/2, or no WebSockets over it, is not asked again.
    static let http1Memory = TimeAmount.minutes(10)

    /// Whether the server may have HTTP/2, and WebSockets over it (RFC 8441) where one is asked for, as far as it is known.
    func mayHaveHTTP2(forWebSocket: Bool, now: NIODeadline) -> Bool {
        state.withLock { $0.http1Until.all <= now && (!forWebSocket || $0.http1Until.webSockets <= now) }
    }

    /// It turned out to have no HTTP/2.
    func lacksHTTP2(now: NIODeadline) { state.withLock { $0.http1Until.all = now + Self.http1Memory } }

    /// It turned out to have no WebSockets over HTTP/2; other requests may go on.
    func lacksWebSocketsOverHTTP2(now: NIODeadline) {
        state.withLock { $0.http1Until.webSockets = now + Self.http1Memory }
    }
}

extension LiveServer: StreamSocketObserver {
    /// One of its connections has closed.
    public func socketHasClosed() { connections.add(-1) }
}
