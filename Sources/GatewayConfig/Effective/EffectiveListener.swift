extension ListenerConfiguration {
    var effective: ConfigurationValue {
        .section([
            "name": .text(name),
            "address": .text("\(address)"),
            "mode": access.effectiveMode,
            "owner": access.owner.map { .number(Int($0)) },
            "group": access.group.map { .number(Int($0)) },
            "tls": tls?.effective,
            "protocols": .texts(protocols.map(\.rawValue)),
            "websocket_over_http2": .flag(websocketOverHTTP2),
            "h2": .section(["max_streams": .number(maxStreams)]),
            "proxy_protocol": .flag(proxyProtocol),
            "trusted_proxies": .texts(trustedProxies.map(SectionText.prefix)),
            "via": .onOff(via),
            "underscores": .word(underscores),
            "encoded_slashes": .word(encodedSlashes),
        ])
    }
}

extension UnixSocketAccess {
    fileprivate var effectiveMode: ConfigurationValue? {
        mode.map { mode in
            let digits = String(mode, radix: 8)
            return .text(String(repeating: "0", count: max(0, 4 - digits.count)) + digits)
        }
    }
}

extension ListenerTLS {
    fileprivate var effective: ConfigurationValue {
        .section([
            "certificates": .list(
                certificates.map { files in
                    .section([
                        "certificate": .text(files.certificate), "private_key": .text(files.privateKey),
                        "ocsp": files.ocsp.map { .text($0) },
                    ])
                }),
            "minimum_version": .word(minimumVersion),
            "ciphers": .texts(ciphers.map(\.rawValue)),
            "groups": .texts(groups.map(\.rawValue)),
            "ticket_keys": ticketKeys.map { .text($0) },
            "client_ca": clientCA.map { .text($0) },
        ])
    }
}

extension AdminConfiguration {
    func effective(_ masks: inout SecretMasks) -> ConfigurationValue {
        .section([
            "address": .text("\(address)"),
            "mode": access.effectiveMode,
            "owner": access.owner.map { .number(Int($0)) },
            "group": access.group.map { .number(Int($0)) },
            "token": token.map { .text(masks.mask($0)) },
            "hosts": .texts(hosts),
            "takeover_socket": takeoverSocket.map { .text($0) },
        ])
    }
}
