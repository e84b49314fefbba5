import GatewayTLS
import Synchronization

/// What became of a look at files of TLS.
enum TLSRenewal {
    case unchanged
    /// - Parameter warnings: what is odd about the files, and no reason to refuse them.
    case renewed(warnings: [String])
    /// They changed, but can't be used; those read before stay. News once a reason: a certificate and its key are
    /// seldom replaced in the same moment.
    case refused(TLSMaterialFailure, isNews: Bool)
}

/// Something that was made of files of TLS, and is made anew when one of them changes. What can't be used is tried at each
/// look: a certificate that is not valid yet will be.
final class FollowedFiles<Value: Sendable>: Sendable {
    /// Makes it of the files as they are. Blocks.
    ///
    /// - Parameter previous: what was made before; nil: this is the first.
    typealias Maker = @Sendable (_ previous: Value?) throws(TLSMaterialFailure) -> (value: Value, warnings: [String])

    private struct State {
        var value: Value
        /// What the files looked like when they were last read.
        var stamps: [FileStamp?]
        /// Why they could not be used then.
        var failure: TLSMaterialFailure?
    }

    private let paths: [String]
    private let make: Maker
    private let state: Mutex<State>

    /// - Throws: `TLSMaterialFailure`.
    init(_ paths: [String], make: @escaping Maker) throws(TLSMaterialFailure) {
        self.paths = paths
        self.make = make
        // Before they are read: what changes meanwhile is a change.
        let stamps = paths.map { FileStamp(path: $0) }
        let value = try make(nil).value
        state = Mutex(State(value: value, stamps: stamps))
    }

    var value: Value { state.withLock { $0.value } }

    /// Looks whether a file has changed, and reads them all if so. Blocks.
    ///
    /// - Parameter isOutdated: whether it has to be made anew though none has.
    func renew(isOutdated: (Value) -> Bool = { _ in false }) -> TLSRenewal {
        let stamps = paths.map { FileStamp(path: $0) }
        let (previous, known, failure) = state.withLock { ($0.value, $0.stamps, $0.failure) }
        guard known != stamps || failure != nil || isOutdated(previous) else { return .unchanged }
        do throws(TLSMaterialFailure) {
            let made = try make(previous)
            state.withLock { $0 = State(value: made.value, stamps: stamps) }
            return .renewed(warnings: made.warnings)
        } catch {
            state.withLock {
                $0.stamps = stamps
                $0.failure = error
            }
            return .refused(error, isNews: error != failure)
        }
    }
}
