import TestSupport

@testable import GatewayTLS

/// The peer of a socket under test: what it sends is numbered by place, and what it gets is checked by it.
final class TransportPeer {
    /// TLS on both sides, with a certificate that nobody verifies.
    struct Site {
        static let shared = Result { try Site() }

        let server: TLSServerContext

        init() throws {
            let identity = try SiteIdentity()
            server = try TLSServerContext(
                TLSServerSettings(
                    identities: [.init(certificate: identity.certificate, privateKey: identity.privateKey)]))
        }

        /// One of its own for each input, so that none goes on with the session of another.
        static func client(isOld: Bool) throws -> TLSClientContext {
            var settings = TLSClientSettings()
            settings.verifies = false
            settings.maximumVersion = isOld ? .v12 : .v13
            return try TLSClientContext(settings)
        }
    }

    /// The byte at a place of what either side sends.
    static func byte(_ place: Int) -> UInt8 { UInt8(truncatingIfNeeded: place &* 31 &+ place &>> 8) }

    static func bytes(from place: Int, count: Int) -> [UInt8] { (place..<(place + count)).map(byte) }

    /// nil: in the clear.
    let tls: TLSConnection?
    private let workspace = TLSWorkspace()
    /// Made, and not yet with the kernel of the other side.
    var wire: [UInt8] = []
    private(set) var sent = 0
    private(set) var received = 0
    private(set) var hasSentEnd = false
    private(set) var hasSeenEnd = false
    private(set) var failure: TLSFailure?
    private var keyUpdates = 0

    init(_ tls: (TLSWorkspace) throws -> TLSConnection?) throws {
        self.tls = try tls(workspace)
        try self.tls?.start()
        takeOutput()
    }

    private func takeOutput() {
        wire += workspace.output
        workspace.clearOutput()
    }

    var canSend: Bool { !hasSentEnd && failure == nil && tls?.isHandshaking != true }

    func send(_ count: Int) throws {
        // What an input may cost is bounded.
        guard canSend, count > 0, sent < 500_000 else { return }
        let bytes = Self.bytes(from: sent, count: count)
        if let tls {
            try bytes.withUnsafeBytes { try tls.send($0) }
            takeOutput()
        } else {
            wire += bytes
        }
        sent += count
    }

    /// BoringSSL allows so many in a row, and no more.
    func updateKey(asks: Bool) throws {
        guard let tls, canSend, keyUpdates < 16 else { return }
        keyUpdates += 1
        tls.updateKey(asksPeer: asks)
        // It goes with the next record.
        try send(1)
    }

    func sayEnd() {
        guard let tls, canSend else { return }
        tls.end()
        hasSentEnd = true
        takeOutput()
    }

    /// - Throws: `BrokenInvariant`, where what has come is not what was sent.
    func receive(_ bytes: [UInt8]) throws {
        guard let tls else { return try check(bytes[...]) }
        guard failure == nil, !bytes.isEmpty else { return }
        var plaintext = [UInt8](repeating: 0, count: bytes.count + 16_640)
        do {
            let result = try bytes.withUnsafeBytes { wire in
                try plaintext.withUnsafeMutableBytes { try tls.receive(wire, into: $0) }
            }
            takeOutput()
            try check(plaintext.prefix(result.plaintextBytes))
            hasSeenEnd = hasSeenEnd || result.hasEnded
            failure = result.failure
        } catch let error as TLSFailure {
            takeOutput()
            failure = error
        }
    }

    private func check(_ bytes: ArraySlice<UInt8>) throws {
        for (place, byte) in zip(received..., bytes) where byte != Self.byte(place) {
            throw BrokenInvariant("the peer got byte \(byte) at \(place), expected \(Self.byte(place))")
        }
        received += bytes.count
    }
}
