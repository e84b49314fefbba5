import NIOCore

/// How a session is ending, from the first event that ends it. Apart from the session, most of which never get there soon.
final class SessionEnding {
    let outcome: SessionOutcome
    /// When what is left is cut.
    var deadline: NIODeadline
    /// Until when the Close to a peer that broke a rule waits for what the other side has begun.
    var answersDue: NIODeadline?
    /// Both Closes are through on both legs: until when the ends of the transports are waited for, if no peer has anything
    /// left to take.
    var lingersUntil: NIODeadline?

    init(_ outcome: SessionOutcome, deadline: NIODeadline) {
        self.outcome = outcome
        self.deadline = deadline
    }

    /// When something is to be done next, unless something happens before.
    var nextDeadline: NIODeadline {
        min(deadline, answersDue ?? .distantFuture, lingersUntil ?? .distantFuture)
    }
}
