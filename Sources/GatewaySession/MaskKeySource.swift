public import WebSocketCore

/// Where the keys for frames that the gateway sends to servers come from (RFC 6455 §5.3: fresh for every frame,
/// and not predictable for whoever chooses the payload).
public protocol MaskKeySource: AnyObject {
    func nextMaskKey() -> MaskKey
}
