enum GatewayConfigTestsPlaceholder {}
