enum GatewayPolicyTestsPlaceholder {}
