import TestSupport

@testable import GatewayTLS

/// Two engines joined in memory.
final class EnginePair {
    /// How wire bytes are cut on their way.
    enum Cut: CustomStringConvertible, Sendable {
        case whole
        case bytewise
        case random(seed: UInt64)

        var description: String {
            switch self {
            case .whole: "whole"
            case .bytewise: "byte by byte"
            case .random(let seed): "at random (seed \(seed))"
            }
        }
    }

    /// One end, and what came of it.
    final class End {
        let connection: TLSConnection
        let workspace: TLSWorkspace
        var plaintext: [UInt8] = []
        var completions = 0
        var hasEnded = false
        var failure: TLSFailure?
        /// Whether keys that take long are used at once.
        var usesKeys = true
        /// What waits to be carried out otherwise.
        private(set) var keyOperation: TLSKeyOperation?

        init(_ connection: TLSConnection, _ workspace: TLSWorkspace) {
            self.connection = connection
            self.workspace = workspace
        }

        /// The wire bytes that it has made.
        func take() -> [UInt8] {
            defer { workspace.clearOutput() }
            return Array(workspace.output)
        }

        /// Everything that the connection makes of a piece, and its failure.
        func receive(_ wire: some Collection<UInt8>) {
            take(wire)
            guard let operation = connection.takeKeyOperation() else { return }
            guard usesKeys else {
                keyOperation = operation
                return
            }
            operation.carryOut()
            take([])
        }

        private func take(_ wire: some Collection<UInt8>) {
            let wire = Array(wire)
            var buffer = [UInt8](repeating: 0xEE, count: connection.heldBytes + wire.count + 16_640)
            do {
                let received = try wire.withUnsafeBytes { wire in
                    try buffer.withUnsafeMutableBytes { try connection.receive(wire, into: $0) }
                }
                plaintext += buffer.prefix(received.plaintextBytes)
                completions += received.hasCompletedHandshake ? 1 : 0
                hasEnded = hasEnded || received.hasEnded
                failure = failure ?? received.failure
            } catch {
                failure = failure ?? (error as? TLSFailure)
            }
        }

        func send(_ bytes: some Collection<UInt8>) throws {
            try Array(bytes).withUnsafeBytes { try connection.send($0) }
        }
    }

    let server: End
    let client: End
    private let cut: Cut
    private var generator: SeededGenerator

    init(
        _ server: TLSServerContext, _ client: TLSClientContext, peer: TLSPeerName = .name("site.example"),
        cut: Cut = .whole
    ) throws {
        let workspaces = (TLSWorkspace(), TLSWorkspace())
        self.server = End(try TLSConnection(server: server, workspace: workspaces.0), workspaces.0)
        self.client = End(try TLSConnection(client: client, peer: peer, workspace: workspaces.1), workspaces.1)
        self.cut = cut
        if case .random(let seed) = cut { generator = SeededGenerator(seed: seed) } else { generator = .init(seed: 0) }
    }

    /// Begins, and lets both talk until neither has more to say.
    @discardableResult
    func shakeHands() throws -> EnginePair {
        try client.connection.start()
        carry()
        return self
    }

    /// Carries wire bytes both ways until there are none.
    func carry() {
        while true {
            let toServer = client.take()
            pass(toServer, to: server)
            let toClient = server.take()
            pass(toClient, to: client)
            if toServer.isEmpty, toClient.isEmpty { return }
        }
    }

    /// Gives an end wire bytes, cut as the pair cuts them. What it answers stays in its workspace.
    func pass(_ bytes: [UInt8], to end: End) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count: Int
            switch cut {
            case .whole: count = rest.count
            case .bytewise: count = 1
            case .random: count = Int.random(in: 1...min(rest.count, 2000), using: &generator)
            }
            end.receive(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
    }

    /// The failures of both ends, the server's first.
    var failures: [TLSFailure] { [server.failure, client.failure].compactMap { $0 } }
}
