internal import CNIOBoringSSL

/// What all TLS connections of one thread share: the wire input that is being read, and the wire output that is made.
///
/// One BIO serves all of their SSLs, so that a connection holds no buffer while nothing is under way. Confined to the
/// thread of its connections.
public final class TLSWorkspace {
    /// The memory that `clearOutput` keeps, in bytes.
    static let keptCapacity = 256 * 1024

    /// nil: there was no memory for it. Connections then refuse to begin.
    let bio: OpaquePointer?
    /// The connection whose call into BoringSSL is under way, for callbacks.
    unowned(unsafe) var current: TLSConnection?
    /// Why the certificate of the current connection's peer does not do.
    var verificationFailure: TLSFailure?

    /// All of what is being read, and what BoringSSL has not asked for yet.
    private var wire = UnsafeRawBufferPointer(start: nil, count: 0)
    private var input = UnsafeRawBufferPointer(start: nil, count: 0)
    private var buffer: UnsafeMutableRawPointer?
    private(set) var capacity = 0
    private var count = 0

    public init() {
        bio = Self.method.flatMap { BIO_new($0) }
        BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
        BIO_set_init(bio, 1)
    }

    deinit {
        BIO_free(bio)
        buffer?.deallocate()
    }

    /// Wire bytes that the connection used last has made, and nobody took yet. Valid until the next call of that
    /// connection or `clearOutput`.
    public var output: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: buffer, count: count) }

    /// Drops the output, which the caller has taken. Memory up to 256 KiB stays for the next.
    public func clearOutput() {
        count = 0
        guard capacity > Self.keptCapacity else { return }
        buffer?.deallocate()
        buffer = nil
        capacity = 0
    }

    /// Makes `wire` the input of `connection`, which callbacks then find.
    func begin(_ connection: TLSConnection, reading wire: UnsafeRawBufferPointer) {
        assert(count == 0 || current == nil || current === connection, "the output of another connection is left")
        current = connection
        self.wire = wire
        input = wire
        verificationFailure = nil
    }

    /// Whether there is input that BoringSSL has not asked for.
    var hasInput: Bool { !input.isEmpty }

    /// Takes out the input that BoringSSL has not asked for.
    func takeInput() -> [UInt8] {
        defer { endReading() }
        return Array(input)
    }

    /// Forgets the input, which is valid during one call alone.
    func endReading() {
        wire = UnsafeRawBufferPointer(start: nil, count: 0)
        input = wire
    }

    /// The code of the alert that BoringSSL has asked for last, where it is a record in the clear that came in one piece;
    /// nil: it was something else.
    var latestAlertInTheClear: UInt8? {
        let start = wire.count - input.count - Self.alertRecord.count - 2
        guard start >= 0 else { return nil }
        let record = wire[start..<(wire.count - input.count)]
        return record.starts(with: Self.alertRecord) ? record.last : nil
    }

    /// Its type, the version that all records of TLS 1.3 have, and its length: a level and a code follow (RFC 8446 §5.1, §6).
    private static let alertRecord: [UInt8] = [21, 3, 3, 0, 2]

    /// The workspace of an SSL.
    static func of(ssl: OpaquePointer?) -> TLSWorkspace? { of(bio: SSL_get_rbio(ssl)) }

    private static func of(bio: OpaquePointer?) -> TLSWorkspace? {
        BIO_get_data(bio).map { Unmanaged<TLSWorkspace>.fromOpaque($0).takeUnretainedValue() }
    }

    private func read(into target: UnsafeMutableRawPointer, limit: Int) -> Int {
        let taken = min(limit, input.count)
        guard taken > 0, let start = input.baseAddress else { return 0 }
        target.copyMemory(from: start, byteCount: taken)
        input = UnsafeRawBufferPointer(rebasing: input[taken...])
        return taken
    }

    private func append(_ bytes: UnsafeRawPointer, count added: Int) {
        let needed = count + added
        if needed > capacity {
            // Doubled, so that a large message is not copied once a record.
            let larger = max(needed, capacity * 2, 4096)
            let grown = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
            if let buffer {
                grown.copyMemory(from: buffer, byteCount: count)
                buffer.deallocate()
            }
            buffer = grown
            capacity = larger
        }
        buffer?.advanced(by: count).copyMemory(from: bytes, byteCount: added)
        count = needed
    }

    /// What the BIO does: it reads from the input and writes to the output of its workspace.
    nonisolated(unsafe) private static let method: OpaquePointer? = {
        let method: OpaquePointer? = BIO_meth_new(0, "sluice")
        BIO_meth_set_read(method) { bio, target, limit in
            BIO_clear_retry_flags(bio)
            guard let target, limit > 0, let workspace = TLSWorkspace.of(bio: bio) else { return -1 }
            let count = workspace.read(into: target, limit: Int(limit))
            guard count > 0 else {
                BIO_set_retry_read(bio)
                return -1
            }
            return CInt(count)
        }
        BIO_meth_set_write(method) { bio, bytes, count in
            guard let bytes, count > 0, let workspace = TLSWorkspace.of(bio: bio) else { return 0 }
            workspace.append(bytes, count: Int(count))
            return count
        }
        // Nothing but a flush is asked for, and there is nothing to flush.
        BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
        return method
    }()
}
