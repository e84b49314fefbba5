import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOWebSocket

/// The members of the chat. What one says goes to all of them, the sender too, in the same order for everyone.
///
/// Memory is bounded: each member has a queue of limited length and size, and a member that does not keep up
/// with it is dropped, so that one stalled reader costs the others nothing.
final class ChatRoom: Sendable {
    struct Limits: Sendable {
        /// Members at once; more are closed with 1013.
        var members = 1_000
        /// Bytes of one message as it comes in.
        var messageSize = 16 * 1024
        /// Messages written to a member and not yet taken by its socket.
        var queuedMessages = 4_096
        /// The same in bytes.
        var queuedBytes = 1024 * 1024

        init() {}
    }

    struct MemberID: Hashable, Sendable {
        fileprivate let number: UInt64
        var name: String { "guest-\(number)" }
    }

    /// What a member receives, as JSON. `from` is `room` in the notices that someone came or went.
    struct Line: Codable, Equatable, Sendable {
        var from: String
        var text: String
        /// The receiver's own name, in the first line that it gets; nil in all others.
        var you: String?
    }

    private struct Member {
        let channel: any Channel
        var queuedMessages = 0
        var queuedBytes = 0
    }

    private struct State {
        var members: [MemberID: Member] = [:]
        var joined: UInt64 = 0
    }

    static let noticeSender = "room"

    let limits: Limits
    private let state = NIOLockedValueBox(State())

    init(limits: Limits) {
        self.limits = limits
    }

    /// Takes the channel in and tells everyone, the new member too.
    ///
    /// - Returns: nil when the room is full.
    func join(_ channel: any Channel) -> MemberID? {
        state.withLockedValue { state in
            guard state.members.count < limits.members else { return nil }
            state.joined &+= 1
            let id = MemberID(number: state.joined)
            state.members[id] = Member(channel: channel)
            let notice = "\(id.name) joined, \(state.members.count) here"
            send(from: Self.noticeSender, notice, naming: id, in: &state)
            return id
        }
    }

    /// Lets the member go and tells the others. Nothing happens when it has gone already.
    func leave(_ id: MemberID) {
        state.withLockedValue { state in
            guard state.members.removeValue(forKey: id) != nil else { return }
            send(from: Self.noticeSender, "\(id.name) left, \(state.members.count) here", in: &state)
        }
    }

    /// Sends `text` to every member, unless the speaker has been dropped.
    func say(_ text: String, by id: MemberID) {
        state.withLockedValue { state in
            guard state.members[id] != nil else { return }
            send(from: id.name, text, in: &state)
        }
    }

    /// Queues one line for every member, and drops those whose queue it would not fit; the notices about them
    /// follow, and may drop more, so this ends when everyone left keeps up.
    ///
    /// - Parameter newcomer: the member whose copy says that this is its name.
    private func send(
        from sender: String, _ text: String, naming newcomer: MemberID? = nil, in state: inout State
    ) {
        var lines = [Line(from: sender, text: text)]
        var newcomer = newcomer
        while let line = lines.popLast() {
            guard let payload = Self.json(line) else { continue }
            let named = newcomer.flatMap { Self.json(Line(from: line.from, text: line.text, you: $0.name)) }
            for id in Array(state.members.keys)
            where !queue(id == newcomer ? named ?? payload : payload, for: id, in: &state) {
                if let dropped = state.members.removeValue(forKey: id)?.channel {
                    dropped.eventLoop.execute { dropped.close(promise: nil) }
                }
                let notice = "\(id.name) was dropped for reading too slowly, \(state.members.count) here"
                lines.insert(Line(from: Self.noticeSender, text: notice), at: 0)
            }
            newcomer = nil
        }
    }

    private func queue(_ payload: ByteBuffer, for id: MemberID, in state: inout State) -> Bool {
        guard var member = state.members[id] else { return true }
        let size = payload.readableBytes
        member.queuedMessages &+= 1
        member.queuedBytes &+= size
        guard member.queuedMessages <= limits.queuedMessages, member.queuedBytes <= limits.queuedBytes else {
            return false
        }
        state.members[id] = member
        let channel = member.channel
        // Never inline, even on the member's own loop: the write could finish at once and want the lock that
        // is held here (so could a close). Submitting under the lock is what gives everyone the same order.
        channel.eventLoop.execute {
            let frame = WebSocketFrame(fin: true, opcode: .text, data: payload)
            channel.writeAndFlush(frame).whenComplete { _ in self.written(size, to: id) }
        }
        return true
    }

    private func written(_ size: Int, to id: MemberID) {
        state.withLockedValue { state in
            state.members[id]?.queuedMessages &-= 1
            state.members[id]?.queuedBytes &-= size
        }
    }

    private static func json(_ line: Line) -> ByteBuffer? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(line)).map { ByteBuffer(bytes: $0) }
    }
}
