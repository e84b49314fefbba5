/// Reads what a connection sends, without its code: whole frames of an allowed size, in an allowed order, and no more
/// content than its peer could have granted.
struct HTTP2Judge {
    private var unread: [UInt8] = []
    private var isFirst = true
    private let isClient: Bool
    /// What was sent last on each stream.
    private var over: Set<UInt32> = []
    private var sent: [UInt32: Int] = [:]
    private var blockStream: UInt32?
    private var hasFailed = false
    private(set) var goAwayCode: UInt32?
    /// Of all frames but DATA.
    private(set) var controlBytes = 0
    private(set) var lastStreams: [UInt32] = []

    /// The most that the peer can have granted each stream, and all of them: what it sent, read as it came.
    private var granted = Grants()

    init(isClient: Bool) { self.isClient = isClient }

    // MARK: What the peer grants

    private struct Grants {
        var initial = 65_535
        var streams: [UInt32: Int] = [:]
        var connection = 65_535
        var rest: [UInt8] = []
        var skipsPreface = 0

        mutating func add(_ bytes: some Sequence<UInt8>) {
            rest += bytes
            var position = 0
            if skipsPreface > 0 {
                let count = min(skipsPreface, rest.count)
                position = count
                skipsPreface -= count
            }
            while rest.count - position >= 9 {
                let count = Int(rest[position]) << 16 | Int(rest[position + 1]) << 8 | Int(rest[position + 2])
                guard count <= 16_384, rest.count - position >= 9 + count else { break }
                read(rest[position + 3], word(at: position + 5) & 0x7FFF_FFFF, position + 9, count)
                position += 9 + count
            }
            rest.removeFirst(position)
        }

        private func word(at position: Int) -> UInt32 {
            rest[position..<(position + 4)].reduce(0) { $0 << 8 | UInt32($1) }
        }

        private mutating func read(_ type: UInt8, _ stream: UInt32, _ position: Int, _ count: Int) {
            if type == 8, count == 4 {
                let increment = Int(word(at: position) & 0x7FFF_FFFF)
                if stream == 0 { connection += increment } else { streams[stream, default: 0] += increment }
            } else if type == 4 {
                for entry in stride(from: position, to: position + count - 5, by: 6)
                where rest[entry] == 0 && rest[entry + 1] == 4 {
                    initial = max(initial, Int(word(at: entry + 2)))
                }
            }
        }
    }

    /// What the peer sends next; `preface`: with the client's 24 bytes first.
    mutating func peerSends(_ bytes: some Sequence<UInt8>, preface: Bool = false) {
        if preface { granted.skipsPreface = 24 }
        granted.add(bytes)
    }

    // MARK: What is sent

    mutating func take(_ bytes: some Sequence<UInt8>) throws {
        unread += bytes
        var position = 0
        if isFirst, isClient {
            try require(unread.starts(with: Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)), "no preface is sent")
            position = 24
        }
        while unread.count - position >= 9 {
            let header = unread[position..<(position + 9)]
            let count = Int(header[position]) << 16 | Int(header[position + 1]) << 8 | Int(header[position + 2])
            guard unread.count - position >= 9 + count else { break }
            let stream = unread[(position + 5)..<(position + 9)].reduce(0) { $0 << 8 | UInt32($1) }
            let payload = unread[(position + 9)..<(position + 9 + count)]
            try judge(header[position + 3], header[position + 4], stream, payload)
            position += 9 + count
        }
        unread.removeFirst(position)
        try require(unread.isEmpty, "\(unread.count) bytes are sent that are no whole frame")
    }

    private mutating func judge(
        _ type: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: ArraySlice<UInt8>
    ) throws {
        let name = "frame of type \(type), flags \(flags), \(payload.count) bytes on stream \(stream)"
        try require(!hasFailed, "\(name) is sent behind the last GOAWAY")
        try require(payload.count <= 16_384, "\(name) is too large")
        try require(!isFirst || type == 4 && flags == 0, "\(name) is sent first, expected SETTINGS")
        isFirst = false
        try require(
            (type == 9) == (blockStream != nil), "\(name) is sent, and a header block is open: \(blockStream != nil)")
        try require(stream != 0 || [4, 6, 7, 8].contains(type), "\(name) needs a stream")
        try require(stream == 0 || stream & 1 == 1, "\(name) is sent on a stream that nobody opens")
        if type != 0 { controlBytes += 9 + payload.count }
        switch type {
        case 0:
            try require(!over.contains(stream), "\(name) is sent behind the stream's end")
            sent[0, default: 0] += payload.count
            sent[stream, default: 0] += payload.count
            let window = granted.initial + granted.streams[stream, default: 0]
            try require(sent[stream, default: 0] <= window, "\(name) is beyond the stream's window of \(window)")
            try require(
                sent[0, default: 0] <= granted.connection, "\(name) is beyond the window of \(granted.connection)")
        case 1:
            try require(!over.contains(stream), "\(name) is sent behind the stream's end")
            if flags & 4 == 0 { blockStream = stream }
        case 9:
            try require(stream == blockStream, "\(name) is sent inside the block of \(blockStream ?? 0)")
            if flags & 4 != 0 { blockStream = nil }
        case 3: try require(payload.count == 4, "\(name), expected 4 bytes")
        case 4: try require(stream == 0 && payload.count % 6 == 0, "\(name) is malformed")
        case 6: try require(stream == 0 && payload.count == 8, "\(name) is malformed")
        case 7:
            try require(stream == 0 && payload.count >= 8, "\(name) is malformed")
            let words = Array(payload)
            let last = words[0..<4].reduce(0) { $0 << 8 | UInt32($1) }
            try require(last <= lastStreams.last ?? .max, "GOAWAY names \(last) after \(lastStreams)")
            lastStreams.append(last)
            goAwayCode = words[4..<8].reduce(0) { $0 << 8 | UInt32($1) }
        case 8:
            let increment = payload.reduce(0) { $0 << 8 | UInt32($1) }
            try require(payload.count == 4 && (1...0x7FFF_FFFF).contains(increment), "\(name) of \(increment)")
        default: throw BrokenInvariant("\(name) is sent")
        }
        if (type == 0 || type == 1) && flags & 1 != 0 || type == 3 { over.insert(stream) }
    }

    /// The connection has failed, and this was its last output.
    mutating func failed() { hasFailed = true }
}
