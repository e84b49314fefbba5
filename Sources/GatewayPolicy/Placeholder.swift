enum GatewayPolicyPlaceholder {}
