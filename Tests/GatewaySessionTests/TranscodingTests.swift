import NIOCore
import TestSupport
import Testing
import WebSocketCore

@testable import GatewaySession

@Suite struct TranscodingTests {
    private func frame(_ buffer: ByteBuffer) -> FrameReader.Frame? {
        var reader = FrameReader()
        reader.append(Array(buffer.readableBytesView))
        let frame = reader.next()
        #expect(reader.isBetweenFrames)
        return frame
    }

    @Test(
        "one frame: opcode, FIN, RSV1 when compressed, header right before the payload",
        arguments: [0, 1, 125, 126, 65_535, 65_536, 65_600])
    func makesFrame(size: Int) {
        for deflates in [true, false] {
            for key in [nil, MaskKey(raw: 0x1234_5678)] {
                var work = Transcoding(opcode: .text, inflates: !deflates, deflates: deflates, expecting: size)
                work.gathered.writeBytes([UInt8].some(size))
                let made = frame(work.takeFrame(fin: true, maskKey: key))
                #expect(
                    made
                        == FrameReader.Frame(
                            fin: true, reserved: deflates ? 4 : 0, opcode: 1, isMasked: key != nil, payload: .some(size)
                        ))
                #expect(work.sent == size)
            }
        }
    }

    @Test("the first frame has the opcode and RSV1, those that follow continue it, the last has FIN")
    func makesFragments() {
        var work = Transcoding(opcode: .binary, inflates: true, deflates: true, expecting: .max)
        var frames: [FrameReader.Frame?] = []
        for (payload, fin) in [([1, 2], false), ([3], false), ([], true)] as [([UInt8], Bool)] {
            work.gathered.writeBytes(payload)
            frames.append(frame(work.takeFrame(fin: fin, maskKey: nil)))
        }
        #expect(frames.map { $0?.opcode } == [2, 0, 0])
        #expect(frames.map { $0?.reserved } == [4, 0, 0])
        #expect(frames.map { $0?.fin } == [false, false, true])
        #expect(frames.map { $0?.payload } == [[1, 2], [3], []])
        #expect(work.sent == 3)
    }

    @Test("room is what is left of 64 KiB and one byte, whatever was expected", arguments: [0, 1000, .max])
    func countsRoom(expected: Int) {
        var work = Transcoding(opcode: .text, inflates: true, deflates: false, expecting: expected)
        #expect(work.room == 65_537)
        work.gathered.writeBytes([UInt8].some(65_000))
        #expect(work.room == 537)
        _ = work.takeFrame(fin: false, maskKey: nil)
        #expect(work.room == 65_537)
    }

    @Test("a full fragment waits for the byte behind it, which is the next one's first", arguments: [0, 1, 64])
    func carriesOver(excess: Int) {
        for key in [nil, MaskKey(raw: 0x1234_5678)] {
            var work = Transcoding(opcode: .text, inflates: true, deflates: false, expecting: .max)
            let payload = [UInt8].some(65_536 + excess)
            work.gathered.writeBytes(payload)
            #expect(work.frameIsDue == (excess > 0))
            #expect(frame(work.takeFrame(fin: false, maskKey: key))?.payload == Array(payload.prefix(65_536)))
            #expect(!work.frameIsDue)
            #expect(work.gathered.readableBytes == excess)
            #expect(frame(work.takeFrame(fin: true, maskKey: key))?.payload == Array(payload.dropFirst(65_536)))
            #expect(work.sent == payload.count)
        }
    }

    @Test("much work for little makes a fragment, for nothing none")
    func workLimit() {
        var work = Transcoding(opcode: .text, inflates: true, deflates: true, expecting: .max)
        work.compressedSinceFrame = Transcoding.frameWorkLimit
        #expect(!work.frameIsDue)
        work.gathered.writeBytes([1])
        #expect(work.frameIsDue)
    }

    @Test("a message whose end is still being written when its receiver goes has ended for its sender")
    func endsMessageOfGoneReceiver() {
        var generator = SeededGenerator(seed: 3)
        // Sizes around the one where the last flush of the compressor fills a frame of its own.
        for size in stride(from: 65_000, through: 66_000, by: 20) {
            let pair = SimulatedPair(extensions: CompressionPairing.clientOnly.extensions)
            pair.clientLink.isHeld = true
            pair.server.answersClose = false
            pair.server.send(.binary(generator.bytes(size)))
            pair.run()
            pair.reset(.client)
            pair.run()
            #expect(pair.server.close?.code == 1001)
            pair.server.send(text: "sent before the Close arrived")
            pair.run()
            #expect(pair.server.end == nil, "\(size) bytes")
            pair.server.send(close: 1001)
            pair.server.ends = true
            pair.run()
            #expect(pair.isFinished)
            pair.expectSound()
        }
    }
}
