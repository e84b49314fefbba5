enum GatewayTelemetryTestsPlaceholder {}
