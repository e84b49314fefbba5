import GatewayConfig
import PerMessageDeflate
import WebSocketCore

/// What a direction has only where compression was agreed on. Without it there is no state, and nothing to give back.
///
/// The zlib states and the counters are not repeated here: each call of an accessor that yields them would allocate
/// memory.
extension RelayDirection {
    var settings: SessionSettings { rules.settings }

    var compression: DirectionCompression { compressed?.compression ?? DirectionCompression() }

    var maskKeys: (any MaskKeySource)? { compressed?.maskKeys }

    /// Present while a message is being rewritten.
    var transcoding: Transcoding? { compressed?.transcoding }

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
