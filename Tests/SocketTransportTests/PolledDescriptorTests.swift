import Foundation
import Testing

@testable import SocketTransport

@Suite("What an event loop watches")
struct PolledDescriptorTests {
    private final class Watched: PolledDescriptor {
        var told: [PollEvents] = []
        var answer: () -> Void = {}

        override func ready(_ events: PollEvents) {
            told.append(events)
            answer()
        }
    }

    private func turn(_ poller: Poller) { for number in 0..<poller.wait(timeout: 0) { poller.tell(number) } }

    @Test("it is told what it is watched for, until it is dealt with, and of an end of both halves in any case")
    func interest() throws {
        let poller = try Poller()
        let (own, peer) = try RawPeer.pair()
        let watched = Watched()
        try poller.add(watched, own.descriptor, for: [])
        peer.write("a")
        turn(poller)
        #expect(watched.told == [])
        poller.change(watched, own.descriptor, to: .readable)
        turn(poller)
        turn(poller)
        #expect(watched.told == [.readable, .readable])
        poller.change(watched, own.descriptor, to: .writable)
        turn(poller)
        #expect(watched.told.last == .writable)
        poller.change(watched, own.descriptor, to: [])
        peer.close()
        turn(poller)
        #expect(watched.told.last == .hungUp)
        poller.remove(watched, own.descriptor)
        turn(poller)
        #expect(watched.told.count == 4)
        #expect(watched.place == nil)
    }

    @Test("one that goes, or gives its place to another, in a turn is told of nothing more in that turn")
    func generation() throws {
        let poller = try Poller()
        let ends = try [RawPeer.pair(), RawPeer.pair(), RawPeer.pair()]
        let all = [Watched(), Watched(), Watched()]
        for (watched, end) in zip(all.dropLast(), ends) {
            try poller.add(watched, end.0.descriptor, for: .readable)
            end.1.write("a")
        }
        // The first that is told takes the other out, whose place goes to the third.
        for (number, watched) in all.dropLast().enumerated() {
            watched.answer = {
                let other = all[1 - number]
                guard other.told.isEmpty else { return }
                poller.remove(other, ends[1 - number].0.descriptor)
                #expect(throws: Never.self) { try poller.add(all[2], ends[2].0.descriptor, for: .readable) }
            }
        }
        turn(poller)
        #expect(all[0].told.count + all[1].told.count == 1)
        #expect(all[2].told == [])
        #expect(poller.count == 2)
        #expect(poller.everything.count == 2)
    }

    @Test("a descriptor of a kind that is not watched is refused, and takes no place")
    func refused() throws {
        let poller = try Poller()
        #expect(throws: (any Error).self) { try poller.add(Watched(), -1, for: .readable) }
        #expect(poller.count == 0)
        let (own, peer) = try RawPeer.pair()
        let watched = Watched()
        try poller.add(watched, own.descriptor, for: .readable)
        peer.write("a")
        turn(poller)
        #expect(watched.told == [.readable])
    }

    @Test("it is kept as long as it is watched")
    func kept() throws {
        let poller = try Poller()
        let (own, _) = try RawPeer.pair()
        weak var watched: Watched?
        do {
            let object = Watched()
            try poller.add(object, own.descriptor, for: [])
            watched = object
        }
        #expect(watched != nil)
        if let watched { poller.remove(watched, own.descriptor) }
        #expect(watched == nil)
    }
}
