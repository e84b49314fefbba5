public import NIOCore

/// What a command writes to its standard error, as lines for the log: each of bounded length, and no more of them than
/// the log can bear.
public struct ErrorOutput: Sendable {
    /// Bytes of a line that are kept.
    public static let maximumLine = 2048
    /// Lines a second that a command may write for long, and at once.
    public static let rate = (perSecond: 10.0, burst: 100.0)

    private var line: [UInt8] = []
    private var isCut = false
    private var bucket: TokenBucket
    private var left: UInt64 = 0

    public init(now: NIODeadline) {
        bucket = TokenBucket(rate: Self.rate.perSecond, burst: Self.rate.burst, now: now)
    }

    /// The lines that have come to their end. Empty ones are none.
    public mutating func take(_ bytes: ByteBuffer, now: NIODeadline) -> [String] {
        var lines: [String] = []
        for part in bytes.readableBytesView.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .enumerated()
        {
            if part.offset > 0 { end(now: now, &lines) }
            append(part.element)
        }
        return lines
    }

    /// The last line, where it has no end.
    public mutating func finish(now: NIODeadline) -> [String] {
        var lines: [String] = []
        end(now: now, &lines)
        return lines
    }

    /// How many lines were left out since this was last asked, as there were too many.
    public mutating func takeLeftOut() -> UInt64 {
        defer { left = 0 }
        return left
    }

    private mutating func append(_ part: some Collection<UInt8>) {
        let room = Self.maximumLine - line.count
        if part.count > room { isCut = true }
        line.append(contentsOf: part.prefix(room))
    }

    private mutating func end(now: NIODeadline, _ lines: inout [String]) {
        defer {
            line.removeAll(keepingCapacity: true)
            isCut = false
        }
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        guard !line.isEmpty else { return }
        guard bucket.take(now: now) else {
            left &+= 1
            return
        }
        lines.append(String(decoding: line, as: UTF8.self) + (isCut ? "…" : ""))
    }
}
