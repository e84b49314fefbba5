/// A draft of the protocol from before RFC 6455 that browsers were shipped with.
public enum LegacyDraft: String, CaseIterable, Sendable {
    /// draft-ietf-hybi-thewebsocketprotocol-08 to -12: Chrome 14 and 15, Firefox 7 to 10.
    case version8 = "8"
    /// draft-ietf-hybi-thewebsocketprotocol-07: Firefox 6.
    case version7 = "7"
    /// draft-ietf-hybi-thewebsocketprotocol-00, which is draft-hixie-thewebsocketprotocol-76: Chrome 6 to 13, Safari 5,
    /// Firefox 4, Opera 11.
    case hixie76 = "hixie-76"
}
