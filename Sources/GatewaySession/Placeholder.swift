enum GatewaySessionPlaceholder {}
