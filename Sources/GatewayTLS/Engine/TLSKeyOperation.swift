internal import CNIOBoringSSL
import Synchronization

/// One use of a private key that takes longer than the thread of a connection has for it: a handshake waits for its
/// result.
///
/// Any thread carries it out, once. The connection takes up the result the next time that it is given something to
/// receive.
public final class TLSKeyOperation: Sendable {
    /// What the key is used for.
    enum Work {
        /// A signature of CertificateVerify or ServerKeyExchange (RFC 8446 §4.4.3, RFC 5246 §7.4.3), by the number of the
        /// signature scheme.
        case sign(scheme: UInt16)
        /// The secret of RSA key exchange (RFC 5246 §7.4.7.1), with its padding, which BoringSSL judges in constant time.
        case decrypt
    }

    private enum State {
        case waiting
        /// nil: it has failed.
        case finished([UInt8]?)
        case abandoned
    }

    private let key: TLSPrivateKey
    private let work: Work
    private let input: [UInt8]
    private let state = Mutex(State.waiting)

    /// What signatures and decrypted secrets take at most, in bytes: as much as an RSA key of 16,384 bits, the largest
    /// that BoringSSL takes.
    private static let sizeLimit = 2048

    init(_ work: Work, key: TLSPrivateKey, input: [UInt8]) {
        self.work = work
        self.key = key
        self.input = input
    }

    /// Carries it out, unless its connection has gone meanwhile. Takes milliseconds with a long RSA key.
    public func carryOut() {
        guard isWaiting else { return }
        let result = output()
        state.withLock { if case .waiting = $0 { $0 = .finished(result) } }
    }

    /// Whether it still has to be carried out, for somebody.
    public var isWaiting: Bool {
        state.withLock { if case .waiting = $0 { true } else { false } }
    }

    /// Nobody wants the result any more.
    func abandon() { state.withLock { $0 = .abandoned } }

    enum Outcome {
        case underWay
        case failed
        case done([UInt8])
    }

    var outcome: Outcome {
        state.withLock {
            switch $0 {
            case .waiting: .underWay
            case .finished(let bytes?): .done(bytes)
            case .finished(nil), .abandoned: .failed
            }
        }
    }

    /// nil: BoringSSL can't.
    private func output() -> [UInt8]? {
        defer { ErrorQueue.clear() }
        var bytes = [UInt8](repeating: 0, count: Self.sizeLimit)
        var count = bytes.count
        let isDone: Bool
        switch work {
        case .sign(let scheme): isDone = sign(scheme, into: &bytes, &count)
        case .decrypt:
            isDone =
                EVP_PKEY_get0_RSA(key.raw).map {
                    RSA_decrypt($0, &count, &bytes, bytes.count, input, input.count, RSA_NO_PADDING) == 1
                } ?? false
        }
        return isDone ? Array(bytes[..<count]) : nil
    }

    private func sign(_ scheme: UInt16, into bytes: inout [UInt8], _ count: inout Int) -> Bool {
        var digest = EVP_MD_CTX()
        EVP_MD_CTX_init(&digest)
        defer { EVP_MD_CTX_cleanup(&digest) }
        var settings: OpaquePointer?
        guard
            EVP_DigestSignInit(&digest, &settings, SSL_get_signature_algorithm_digest(scheme), nil, key.raw) == 1
        else { return false }
        if SSL_is_signature_algorithm_rsa_pss(scheme) == 1 {
            guard EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) == 1,
                EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST) == 1
            else { return false }
        }
        return EVP_DigestSign(&digest, &bytes, &count, input, input.count) == 1
    }
}

/// How BoringSSL uses a key that takes long: it asks, and comes back for the result.
enum TLSKeyMethod {
    /// For as long as the process lives, as BoringSSL keeps the pointer.
    nonisolated(unsafe) static let pointer: UnsafePointer<SSL_PRIVATE_KEY_METHOD> = {
        let method = UnsafeMutablePointer<SSL_PRIVATE_KEY_METHOD>.allocate(capacity: 1)
        method.initialize(to: SSL_PRIVATE_KEY_METHOD())
        method.pointee.sign = { ssl, _, _, _, scheme, input, count in
            begin(.sign(scheme: scheme), ssl, input, count)
        }
        method.pointee.decrypt = { ssl, _, _, _, input, count in begin(.decrypt, ssl, input, count) }
        method.pointee.complete = { ssl, output, length, room in
            guard let operation = TLSWorkspace.of(ssl: ssl)?.current?.keyOperation, let output, let length else {
                return ssl_private_key_failure
            }
            switch operation.outcome {
            case .underWay: return ssl_private_key_retry
            case .failed: return ssl_private_key_failure
            case .done(let bytes):
                guard bytes.count <= room else { return ssl_private_key_failure }
                output.update(from: bytes, count: bytes.count)
                length.pointee = bytes.count
                return ssl_private_key_success
            }
        }
        return UnsafePointer(method)
    }()

    private static func begin(
        _ work: TLSKeyOperation.Work, _ ssl: OpaquePointer?, _ input: UnsafePointer<UInt8>?, _ count: Int
    ) -> ssl_private_key_result_t {
        guard let connection = TLSWorkspace.of(ssl: ssl)?.current,
            let key = TLSCredential.key(of: SSL_get0_selected_credential(ssl))
        else { return ssl_private_key_failure }
        connection.keyOperation = TLSKeyOperation(
            work, key: key, input: Array(UnsafeBufferPointer(start: input, count: count)))
        return ssl_private_key_retry
    }
}
