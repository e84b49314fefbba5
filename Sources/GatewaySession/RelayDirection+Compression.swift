import GatewayConfig
import PerMessageDeflate
import WebSocketCore

/// What a direction has only where compression was agreed on. Without it there is no state, nothing to give back, and
/// what is written to it is lost.
///
/// The setters are mutating, though a class keeps what they set. With ThreadSanitizer, Swift 6.3 fails to compile a
/// nonmutating setter of a type that can't be copied.
extension RelayDirection {
    var settings: SessionSettings { rules.settings }

    var compression: DirectionCompression { compressed?.compression ?? DirectionCompression() }

    var maskKeys: (any MaskKeySource)? { compressed?.maskKeys }

    /// Present while a message is being rewritten.
    var transcoding: Transcoding? {
        get { compressed?.transcoding }
        set { compressed?.transcoding = newValue }
    }

    var zlib: ZlibStates {
        _read { if let compressed { yield compressed.zlib } else { yield.none } }
        _modify {
            if let compressed {
                yield &compressed.zlib
            } else {
                var none = ZlibStates.none
                yield &none
            }
        }
    }

    /// What is counted of messages that are inflated or compressed.
    var traffic: DirectionTraffic {
        get { compressed?.traffic ?? DirectionTraffic() }
        _modify {
            if let compressed {
                yield &compressed.traffic
            } else {
                var none = DirectionTraffic()
                yield &none
            }
        }
    }

    var zlibMemory: Int { compressed?.zlib.memory ?? 0 }

    /// Whether a compressor is held between two messages.
    var holdsIdleDeflater: Bool {
        guard let compressed, message == nil else { return false }
        return compressed.zlib.holdsDeflater
    }

    func releaseIdleDeflater() {
        if message == nil { compressed?.zlib.releaseDeflater() }
    }
}

extension ZlibStates {
    /// Of a direction without compression.
    fileprivate static var none: ZlibStates {
        ZlibStates(
            pool: ZlibPool(memory: CompressionMemory(limit: 0)), compression: DirectionCompression(),
            settings: CompressionSettings())
    }
}
