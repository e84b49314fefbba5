import NIOCore
import PerMessageDeflate

/// permessage-deflate's data: `Inflater`, `Deflater` and `ZlibPool`.
///
/// Invariant: whatever comes, in any pieces and with any room for output, either inflates to what zlib makes of the
/// whole of it, or both refuse it; with a window narrower than the widest it may be refused, and is never something
/// else. No call puts out more than its limit. What was compressed with some window inflates with that window to what
/// it was. All memory is given back.
///
/// Input: a byte of settings, a byte of compression parameters, two of pieces, two of room; then messages, each behind
/// its length in two bytes. Bit 7 of the first byte: the messages are plain, and are compressed first.
enum InflaterTarget {
    private enum Result: Equatable {
        case whole, refused, over
    }

    private struct Choices {
        var windowBits: Int
        var takeover: Bool
        var inspects: Bool
        var compresses: Bool
        var memoryLevel: Int
        var level: Int
        var seed: Int
        var room: Int
        private var calls = 0

        init(_ input: inout InputBytes) {
            let bits = input.byte()
            windowBits = 15 - Int(bits & 7)
            takeover = bits & 8 == 0
            inspects = bits & 16 != 0
            compresses = bits & 128 != 0
            let levels = input.byte()
            memoryLevel = 1 + Int(levels & 15) % 9
            level = Int(levels >> 4) % 10
            seed = input.word()
            room = 1 + input.word()
        }

        /// The limit of the next call. Small ones take many calls for much output, so only the first are.
        mutating func nextRoom() -> Int {
            calls += 1
            return calls < 100 ? room : max(room, 8192)
        }
    }

    static func check(_ bytes: UnsafeRawBufferPointer) throws {
        var input = InputBytes(bytes)
        var choices = Choices(&input)
        if choices.compresses { choices.windowBits = max(9, choices.windowBits) }
        let memory = CompressionMemory(limit: 1 << 30)
        let pool = ZlibPool(memory: memory, maximumIdle: 1)
        let reference = ReferenceInflater()
        try checkMessages(&input, &choices, pool, reference)
        pool.trim()
        try require(memory.used == 0, "\(memory.used) bytes of zlib state are left")
    }

    private static func checkMessages(
        _ input: inout InputBytes, _ choices: inout Choices, _ pool: ZlibPool, _ reference: ReferenceInflater
    ) throws {
        var pieces = Pieces(seed: choices.seed)
        var inflater = try pool.takeInflater(windowBits: choices.windowBits)
        var deflater = try pool.takeDeflater(
            windowBits: max(9, choices.windowBits), memoryLevel: choices.memoryLevel, level: choices.level)
        for _ in 0..<16 where !input.isAtEnd {
            let length = input.word()
            let plain = Array(input.bytes(length))
            var payload = plain
            if choices.compresses { payload = try compress(plain, with: &deflater, &choices, &pieces) }
            var output: [UInt8] = []
            let result = try inflate(payload, with: &inflater, &choices, &pieces, into: &output)
            let expected = reference.inflate(payload)
            try judge(result, output, expected, choices)
            if choices.compresses {
                try require(
                    result == .whole && output == plain,
                    "\(plain.count) bytes were compressed and came back as \(output.count), \(result)")
            }
            guard result == .whole else { break }
            if !choices.takeover {
                pool.give(back: inflater)
                inflater = try pool.takeInflater(windowBits: choices.windowBits)
                pool.give(back: deflater)
                deflater = try pool.takeDeflater(
                    windowBits: max(9, choices.windowBits), memoryLevel: choices.memoryLevel, level: choices.level)
                reference.forget()
            }
        }
        pool.give(back: inflater)
        pool.give(back: deflater)
    }

    private static func judge(
        _ result: Result, _ output: [UInt8], _ expected: ReferenceInflater.Result, _ choices: Choices
    ) throws {
        let common = min(output.count, expected.output.count)
        try require(output.prefix(common) == expected.output.prefix(common), "the output is not that of zlib")
        switch (result, expected) {
        case (.whole, .whole(let bytes)):
            try require(output.count == bytes.count, "\(output.count) bytes came out, zlib says \(bytes.count)")
        case (.refused, .refused), (.over, .over): break
        case (.refused, _) where choices.windowBits < 15: break
        // What the call that failed had made before the fault is not handed over, so that it seems to be within budget.
        case (.refused, .over) where output.count + max(choices.room, 16 * 1024) >= ReferenceInflater.budget: break
        default:
            throw BrokenInvariant(
                "\(result) after \(output.count) bytes, zlib says \(expected.output.count) bytes, \(expected)")
        }
    }

    // MARK: The code under test

    private static func inflate(
        _ payload: [UInt8], with inflater: inout Inflater, _ choices: inout Choices, _ pieces: inout Pieces,
        into output: inout [UInt8]
    ) throws -> Result {
        var position = 0
        do {
            while position < payload.count {
                let count = min(pieces.next(), payload.count - position)
                let isOver = try payload[position..<(position + count)].withUnsafeBytes { piece in
                    try inflate(piece, with: &inflater, &choices, into: &output)
                }
                if isOver { return .over }
                position += count
            }
            if choices.inspects {
                let isWhole = try inflater.finishInspecting { take($0, into: &output) }
                return isWhole && output.count < ReferenceInflater.budget ? .whole : .over
            }
            while true {
                var buffer = ByteBuffer()
                let room = choices.nextRoom()
                let isDone = try inflater.finishMessage(into: &buffer, limit: room)
                try require(buffer.readableBytes <= room, "the end went past its limit")
                output += buffer.readableBytesView
                if output.count >= ReferenceInflater.budget { return .over }
                if isDone { return .whole }
            }
        } catch let error as InflateError {
            if case .streamFault = error { throw BrokenInvariant("\(error)") }
            return output.count < ReferenceInflater.budget ? .refused : .over
        }
    }

    /// True when the output has come to the budget.
    private static func inflate(
        _ piece: UnsafeRawBufferPointer, with inflater: inout Inflater, _ choices: inout Choices,
        into output: inout [UInt8]
    ) throws -> Bool {
        if choices.inspects { return try !inflater.inspect(piece) { take($0, into: &output) } }
        var used = 0
        while true {
            var buffer = ByteBuffer()
            let rest = UnsafeRawBufferPointer(rebasing: piece[used...])
            let room = choices.nextRoom()
            let progress = try inflater.inflate(rest, into: &buffer, limit: room)
            used += progress.consumed
            output += buffer.readableBytesView
            try require(
                buffer.readableBytes == progress.produced && progress.produced <= room,
                "\(progress) with a limit of \(room), and \(buffer.readableBytes) bytes came")
            try require(used == piece.count || progress.outputFull, "\(progress) left input over")
            if output.count >= ReferenceInflater.budget { return true }
            if used == piece.count && !progress.outputFull { return false }
        }
    }

    private static func take(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]) -> Bool {
        output += bytes
        return output.count < ReferenceInflater.budget
    }

    private static func compress(
        _ plain: [UInt8], with deflater: inout Deflater, _ choices: inout Choices, _ pieces: inout Pieces
    ) throws -> [UInt8] {
        var output: [UInt8] = []
        var position = 0
        while position < plain.count {
            let count = min(pieces.next(), plain.count - position)
            var buffer = ByteBuffer()
            let room = choices.nextRoom()
            position += try plain[position..<(position + count)].withUnsafeBytes { piece in
                try deflater.compress(piece, into: &buffer, limit: room)
            }
            try require(buffer.readableBytes <= room, "compressing went past its limit")
            output += buffer.readableBytesView
        }
        while true {
            var buffer = ByteBuffer()
            let room = choices.nextRoom()
            let isDone = try deflater.finishMessage(into: &buffer, limit: room)
            // What an unfinished end held back comes on top.
            try require(buffer.readableBytes <= max(64, room) + 4, "the end went past its limit")
            output += buffer.readableBytesView
            if isDone { return output }
        }
    }
}
