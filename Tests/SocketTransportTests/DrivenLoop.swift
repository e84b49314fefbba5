import Foundation
import NIOCore
import Testing

@testable import SocketTransport

/// An event loop without a thread: a test drives it turn by turn, so that everything happens in an order that it knows.
final class DrivenLoop {
    let loop: SocketEventLoop

    init(calls: SocketCalls = SocketCalls()) throws {
        loop = try SocketEventLoop(calls: calls)
        loop.begin()
    }

    deinit { loop.windUp() }

    /// As many turns as it takes until there is nothing left to do, none of which waits.
    func settle() { for _ in 0..<20 { _ = loop.turn(limit: 0) } }

    /// Turns until something holds; that it does within ten seconds is expected.
    func turns(until condition: () -> Bool, _ place: SourceLocation = #_sourceLocation) {
        let end = NIODeadline.now() + .seconds(10)
        while !condition() {
            guard NIODeadline.now() < end else {
                Issue.record("what was waited for did not come within 10 s", sourceLocation: place)
                return
            }
            _ = loop.turn(limit: 5)
        }
    }
}
