enum GatewaySessionTestsPlaceholder {}
