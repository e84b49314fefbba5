enum WebSocketCorePlaceholder {}
