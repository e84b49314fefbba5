/// `HTTP2Connection` of both sides: frames, header blocks, streams, windows, floods.
///
/// Invariant: nothing traps; what is sent is whole frames in an order that RFC 9113 allows and within what the peer can
/// have granted (`HTTP2Judge`); what is held is bounded, and what is sent in answer is little more than what came; a
/// stream is told of in order, and never after its end; bytes in any pieces tell the same as the whole; a field value
/// goes on as the bytes that came, or its request was refused (`HTTP2Fields`).
enum HTTP2Target {
    static func check(_ bytes: UnsafeRawBufferPointer) throws {
        var input = InputBytes(bytes)
        let choices = HTTP2Run.Choices(input.byte(), input.byte())
        let seed = input.word()
        let script = choices.isFramed ? HTTP2Script.framed(&input) : HTTP2Script.raw(&input)

        let whole = try run(choices, script.bytes, pieces: nil)
        let split = try run(choices, script.bytes, pieces: Pieces(seed: seed))
        // Pieces of content that are sent back are frames of their own, and windows are told of at other places.
        guard !whole.isLarge, !choices.echoes else { return }
        for (number, (one, other)) in zip(whole.story, split.story).enumerated() {
            try require(one == other, "event \(number) is \"\(one)\" of the whole, \"\(other)\" of pieces")
        }
        try require(
            whole.story.count == split.story.count,
            "\(whole.story.count) events of the whole, \(split.story.count) of pieces")
    }

    private static func run(_ choices: HTTP2Run.Choices, _ bytes: [UInt8], pieces: Pieces?) throws -> HTTP2Run {
        let run = try HTTP2Run(choices, fields: HTTP2Fields(choices.isFramed ? bytes : []))
        try run.begin()
        var pieces = pieces
        var position = 0
        while position < bytes.count {
            // Long ones in pieces that are longer, too: there are only so many cuts of interest.
            let length = pieces?.next().advanced(by: bytes.count / 2000) ?? bytes.count
            let count = min(length, bytes.count - position)
            try run.receive(Array(bytes[position..<(position + count)]))
            position += count
        }
        try run.end()
        return run
    }
}
