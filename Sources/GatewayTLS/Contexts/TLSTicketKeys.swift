internal import CNIOBoringSSL
import Synchronization

/// The keys that session tickets are sealed with (RFC 5077 §4, RFC 8446 §4.6.1).
///
/// The process makes and rotates them: one seals for 12 hours and opens for 24 more. Or a file has them, which several
/// instances share: bytes without any encoding, one key behind another, each of 80 bytes (16 of name, 32 of HMAC key, 32
/// of AES-256 key) or each of 48 (16 of name, 16 of AES-128 key, 16 of HMAC key), as nginx has them. The first seals, all
/// open. A file whose length is a multiple of both has keys of 80.
public final class TLSTicketKeys: Sendable {
    struct Key: Sendable, Equatable {
        let name: [UInt8]
        let cipherKey: [UInt8]
        let hmacKey: [UInt8]
    }

    /// How long a key of the process's own seals.
    static let sealingTime = Duration.seconds(12 * 3600)
    /// How long it opens after that.
    static let openingTime = Duration.seconds(24 * 3600)
    /// More keys than that in a file are a mistake: each ticket is looked up among them.
    static let countLimit = 64

    private struct Dated {
        let key: Key
        let madeAt: ContinuousClock.Instant
    }

    private let file: String?
    /// The file, as messages name it.
    private let shown: String
    private let now: @Sendable () -> ContinuousClock.Instant
    /// The sealing one first.
    private let keys: Mutex<[Dated]>

    /// Keys of the process's own.
    public convenience init() { self.init(now: { .now }) }

    init(now: @escaping @Sendable () -> ContinuousClock.Instant) {
        file = nil
        shown = ""
        self.now = now
        keys = Mutex([])
    }

    /// Keys of a file. Blocks.
    ///
    /// - Throws: `TLSMaterialFailure` for a file that can't be used.
    ///
    /// - Parameter shown: how messages name the file; nil: by its path in quotes.
    public init(file: String, shownAs shown: String? = nil) throws(TLSMaterialFailure) {
        self.file = file
        let shown = shown ?? MaterialFile.quoted(file)
        self.shown = shown
        let instant = ContinuousClock.now
        now = { instant }
        keys = Mutex(try Self.read(file, shown).map { Dated(key: $0, madeAt: instant) })
    }

    /// Reads the file again, where there is one. Blocks.
    ///
    /// - Throws: `TLSMaterialFailure` for a file that can't be used; the keys read before stay.
    public func reload() throws(TLSMaterialFailure) {
        guard let file else { return }
        let read = try Self.read(file, shown)
        let instant = now()
        keys.withLock { $0 = read.map { Dated(key: $0, madeAt: instant) } }
    }

    /// What is odd about the file, and no reason to refuse it. Blocks.
    public var warnings: [String] {
        guard let file, MaterialFile.isReadableByOthers(file) else { return [] }
        return [
            "every user of this machine can read the ticket keys in \(shown), and decrypt connections of TLS 1.2 with them; run"
                + " chmod o-r on the file"
        ]
    }

    /// The key for new tickets; nil: there is no randomness to make one, so no ticket is given.
    func sealing() -> Key? {
        let now = now()
        return keys.withLock { keys in
            if let first = keys.first, file != nil || first.madeAt.duration(to: now) < Self.sealingTime {
                return first.key
            }
            guard let key = Self.make() else { return nil }
            keys.removeAll { $0.madeAt.duration(to: now) >= Self.sealingTime + Self.openingTime }
            keys.insert(Dated(key: key, madeAt: now), at: 0)
            return key
        }
    }

    /// The key of that name, and whether a ticket of it is to be replaced; nil: there is none any more.
    func opening(_ name: UnsafeBufferPointer<UInt8>) -> (key: Key, isOld: Bool)? {
        let now = now()
        return keys.withLock { keys in
            guard let place = keys.firstIndex(where: { $0.key.name.elementsEqual(name) }) else { return nil }
            let age = keys[place].madeAt.duration(to: now)
            guard file != nil || age < Self.sealingTime + Self.openingTime else { return nil }
            return (keys[place].key, place > 0 || (file == nil && age >= Self.sealingTime))
        }
    }

    private static func make() -> Key? {
        var bytes = [UInt8](repeating: 0, count: 80)
        guard RAND_bytes(&bytes, bytes.count) == 1 else { return nil }
        return key(bytes[...])
    }

    private static func read(_ file: String, _ shown: String) throws(TLSMaterialFailure) -> [Key] {
        let bytes = try MaterialFile.bytes(file, shownAs: shown)
        let length = bytes.count % 80 == 0 ? 80 : 48
        guard !bytes.isEmpty, bytes.count % length == 0 else {
            throw TLSMaterialFailure(
                file: file,
                reason: "expected ticket keys of 80 or 48 bytes each in \(shown), found \(bytes.count) bytes; make one"
                    + " with openssl rand 80")
        }
        guard bytes.count / length <= countLimit else {
            throw TLSMaterialFailure(
                file: file,
                reason: "expected up to \(countLimit) ticket keys in \(shown), found \(bytes.count / length)")
        }
        return stride(from: 0, to: bytes.count, by: length).map { key(bytes[$0..<$0 + length]) }
    }

    private static func key(_ bytes: ArraySlice<UInt8>) -> Key {
        let name = Array(bytes.prefix(16))
        let rest = bytes.dropFirst(16)
        let half = rest.count / 2
        return bytes.count == 80
            ? Key(name: name, cipherKey: Array(rest.suffix(half)), hmacKey: Array(rest.prefix(half)))
            : Key(name: name, cipherKey: Array(rest.prefix(half)), hmacKey: Array(rest.suffix(half)))
    }
}
