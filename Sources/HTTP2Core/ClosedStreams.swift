import NIOCore

/// How the last streams ended, and so what may still come for them (RFC 9113 §5.1): frames that were on their way are
/// no fault, others are.
struct ClosedStreams {
    enum Ending {
        /// END_STREAM came: nothing but WINDOW_UPDATE and RST_STREAM may follow.
        case peerEnded
        /// RST_STREAM came: nothing may follow.
        case peerReset
        /// This side has reset it, or never accepted it, while the peer could still send anything.
        case abandoned
    }

    private struct Entry {
        var ending: Ending
        /// Frames without content that may still come for nothing: a head, trailers, an end.
        var lateFrames: UInt8 = 4
    }

    /// More than are closed in the time that a frame is on its way.
    static let capacity = 256

    private var entries: [HTTP2StreamID: Entry] = [:]
    private var order = CircularBuffer<HTTP2StreamID>()
    private var newestForgotten: HTTP2StreamID = 0

    mutating func add(_ id: HTTP2StreamID, _ ending: Ending) {
        if entries.updateValue(Entry(ending: ending), forKey: id) == nil { order.append(id) }
        if order.count > Self.capacity, let oldest = order.popFirst() {
            entries[oldest] = nil
            newestForgotten = max(newestForgotten, oldest)
        }
    }

    /// How it ended; nil: it is forgotten, or was never open.
    subscript(id: HTTP2StreamID) -> Ending? { entries[id]?.ending }

    /// Whether a stream that is not known here may have been open once.
    func mayHaveForgotten(_ id: HTTP2StreamID) -> Bool { id <= newestForgotten }

    /// Whether a frame without content can have been on its way; a few of each stream can.
    mutating func expectsLateFrame(_ id: HTTP2StreamID) -> Bool {
        guard let left = entries[id]?.lateFrames, left > 0 else { return false }
        entries[id]?.lateFrames = left - 1
        return true
    }

    /// RST_STREAM came for it.
    mutating func peerHasReset(_ id: HTTP2StreamID) { entries[id]?.ending = .peerReset }
}
