enum GatewayTelemetryPlaceholder {}
