/// The streams of a connection that are open, by their numbers.
///
/// Numbers only grow (RFC 9113 §5.1.1), so that streams stand in order as they are added. A stream is mostly where its
/// number says, and else found by halving. Each frame asks for one: hashing its number would cost more.
struct HTTP2Streams {
    /// Places of streams that are gone are given back when they are this many more than those in use.
    private static let mostGone = 32

    private var ids: [HTTP2StreamID] = []
    /// nil: it is gone.
    private var streams: [HTTP2Stream?] = []
    private(set) var count = 0

    /// Places, those of streams that are gone included.
    var places: Int { ids.count }

    /// In the order of their numbers.
    var all: [HTTP2Stream] { streams.compactMap { $0 } }

    subscript(id: HTTP2StreamID) -> HTTP2Stream? { index(of: id).flatMap { streams[$0] } }

    /// Adds a stream whose number is above all that were added before.
    mutating func add(_ stream: HTTP2Stream) {
        ids.append(stream.id)
        streams.append(stream)
        count += 1
    }

    mutating func remove(_ id: HTTP2StreamID) {
        guard let index = index(of: id), streams[index] != nil else { return }
        streams[index] = nil
        count -= 1
        guard ids.count > 2 * count + Self.mostGone else { return }
        let left = all
        ids = left.map(\.id)
        streams = left
    }

    private func index(of id: HTTP2StreamID) -> Int? {
        guard let first = ids.first, id >= first else { return nil }
        // One side's numbers are all odd or all even.
        let likely = Int((id - first) / 2)
        if likely < ids.count, ids[likely] == id { return likely }
        var low = 0
        var high = min(ids.count, likely + 1)
        while low < high {
            let middle = (low + high) / 2
            if ids[middle] < id { low = middle + 1 } else { high = middle }
        }
        return low < ids.count && ids[low] == id ? low : nil
    }
}
