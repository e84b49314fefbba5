import NIOCore

/// The events of one page: the next ones come when those before have been taken. On the event loop of its connection.
final class LiveStream {
    private let feed: LiveFeed
    private let channel: any Channel
    private let mayGoOn: () -> Bool
    private let write: ([UInt8]) -> Void
    private let end: () -> Void
    private var cursor = LiveFeed.Cursor()
    private var isOver = false

    /// - Parameters:
    ///   - feed: in which it has a place, which it gives back.
    ///   - mayGoOn: asked before each event: a token may be changed, and a page log out.
    ///   - write: sends bytes.
    ///   - end: closes the connection.
    init(
        feed: LiveFeed, channel: any Channel, mayGoOn: @escaping () -> Bool, write: @escaping ([UInt8]) -> Void,
        end: @escaping () -> Void
    ) {
        self.feed = feed
        self.channel = channel
        self.mayGoOn = mayGoOn
        self.write = write
        self.end = end
    }

    func begin() { next() }

    /// The connection is gone.
    func stop() {
        guard !isOver else { return }
        isOver = true
        feed.leave()
    }

    private func next() {
        guard !isOver else { return }
        guard mayGoOn() else { return end() }
        // A page that takes nothing is sent nothing, and closed in the end as any silent connection is.
        guard channel.isWritable else { return waitForNext() }
        let this = NIOLoopBound(self, eventLoop: channel.eventLoop)
        let (feed, cursor) = (feed, cursor)
        channel.eventLoop.makeFutureWithTask { feed.events(after: cursor) }.whenSuccess { events in
            let stream = this.value
            guard !stream.isOver else { return }
            stream.cursor = events.cursor
            stream.write(events.bytes)
            stream.waitForNext()
        }
    }

    private func waitForNext() {
        let this = NIOLoopBound(self, eventLoop: channel.eventLoop)
        channel.eventLoop.scheduleTask(in: .seconds(Int64(LiveFeed.interval))) { this.value.next() }
    }
}

/// A clock that is never set.
enum MonotonicClock {
    static func seconds() -> Double { Double(NIODeadline.now().uptimeNanoseconds) / 1e9 }
}
