import NIOCore
import PerMessageDeflate
import WebSocketCore

/// What a direction has besides where compression was agreed on for one of its legs.
final class CompressedDirection {
    let compression: DirectionCompression
    let maskKeys: any MaskKeySource
    var zlib: ZlibStates
    /// Present while a message is being rewritten.
    var transcoding: Transcoding?
    /// What is counted of messages that are inflated or compressed.
    var traffic = DirectionTraffic()

    init(_ compression: DirectionCompression, zlib: consuming ZlibStates, maskKeys: any MaskKeySource) {
        self.compression = compression
        self.zlib = zlib
        self.maskKeys = maskKeys
    }
}
