import GatewayConfig
import GatewayPolicy
import HTTPTypes
import WebSocketCore

extension ProxyDecision {
    /// What the client is answered: of the subprotocols that the route asks for, the one it offered first; nil: none.
    var commandSubprotocol: String? {
        upgrade.subprotocols.first { route.match.subprotocols.contains($0) }
    }

    /// What a command is told of the request.
    ///
    /// - Parameters:
    ///   - port: the gateway's, that the client is connected to; 0: not known.
    ///   - software: the gateway's name and version.
    func commandEnvironment(
        subprotocol: String?, version: LegVersion, port: UInt16, software: String
    ) -> CommandEnvironment {
        var fields = outgoing.fieldsForServer
        // A route may set Host; it is no field of the value, but the request's authority.
        let host = fields[.hostField] ?? upgrade.request.authority ?? ""
        fields[.hostField] = nil
        return CommandEnvironment(
            fields: fields, target: outgoing.target, matched: route.match.path, authority: host,
            client: outgoing.forwarded.clientAddress, port: port, isSecure: outgoing.forwarded.isSecure,
            version: version.number, subprotocol: subprotocol, software: software)
    }
}
