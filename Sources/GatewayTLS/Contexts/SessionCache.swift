internal import CNIOBoringSSL
import Synchronization

/// The sessions that servers have given, by server: so many that connections opened together find one each.
///
/// Bounded: what was given longest ago goes first.
final class SessionCache: Sendable {
    static let limit = 256
    static let limitOfOneServer = 4

    /// A session that is counted here.
    private struct Entry: @unchecked Sendable {
        let key: String
        let session: OpaquePointer
    }

    /// The latest last.
    private let entries = Mutex<[Entry]>([])

    deinit {
        entries.withLock { entries in
            for entry in entries { SSL_SESSION_free(entry.session) }
        }
    }

    var count: Int { entries.withLock { $0.count } }

    /// - Parameter session: counted by the cache from here on.
    func keep(_ session: OpaquePointer, for key: String) {
        let entry = Entry(key: key, session: session)
        entries.withLock { entries in
            entries.append(entry)
            let isFull = entries.count(where: { $0.key == key }) > Self.limitOfOneServer
            if let oldest = isFull ? entries.firstIndex(where: { $0.key == key }) : nil {
                SSL_SESSION_free(entries.remove(at: oldest).session)
            } else if entries.count > Self.limit {
                SSL_SESSION_free(entries.removeFirst().session)
            }
        }
    }

    /// Lets a connection offer the latest session of the server. One of TLS 1.3 serves once (RFC 8446 §C.4).
    func offer(for key: String, on ssl: OpaquePointer) {
        entries.withLock { entries in
            guard let place = entries.lastIndex(where: { $0.key == key }) else { return }
            let session = entries[place].session
            SSL_set_session(ssl, session)
            guard SSL_SESSION_should_be_single_use(session) == 1 else { return }
            entries.remove(at: place)
            SSL_SESSION_free(session)
        }
    }
}
