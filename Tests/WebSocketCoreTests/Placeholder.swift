enum WebSocketCoreTestsPlaceholder {}
