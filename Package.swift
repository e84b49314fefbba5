// swift-tools-version: 6.2
import PackageDescription

// Every target lists the modules it imports, and no others: `make boundaries` builds with
// --explicit-target-dependency-import-check error, and docs/architecture.md draws the arrows.

// Set by `make fuzz` alone: the targets are then instrumented for libFuzzer, and what checks their invariants is an
// executable instead of a test target. No other build sees any of these flags.
let isFuzzing = Context.environment["SLUICE_FUZZ"] != nil

let strict: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
    ] + (isFuzzing ? [.unsafeFlags(["-enable-testing", "-sanitize=fuzzer"])] : [])

/// Whose BoringSSL is linked in.
let nioSSLVersion: Version = "2.37.6"

/// What `sluice version` says beside its own version. `make build` sets the commit; a build without it stays the same
/// from one commit to the next.
let commit = (Context.environment["SLUICE_COMMIT"] ?? "").filter { character in
    character.isASCII && (character.isLetter || character.isNumber || "-._".contains(character))
}
let buildFacts: [CSetting] =
    [.define("SLUICE_NIO_SSL", to: "\"\(nioSSLVersion)\"")]
    + (commit.isEmpty ? [] : [.define("SLUICE_COMMIT", to: "\"\(commit)\"")])

extension Target.Dependency {
    static let nioCore = product(name: "NIOCore", package: "swift-nio")
    static let nioEmbedded = product(name: "NIOEmbedded", package: "swift-nio")
    static let nioPosix = product(name: "NIOPosix", package: "swift-nio")
    static let nioHTTP1 = product(name: "NIOHTTP1", package: "swift-nio")
    static let nioWebSocket = product(name: "NIOWebSocket", package: "swift-nio")
    static let nioTLS = product(name: "NIOTLS", package: "swift-nio")
    static let nioSSL = product(name: "NIOSSL", package: "swift-nio-ssl")
    static let heap = product(name: "HeapModule", package: "swift-collections")
    static let nioHPACK = product(name: "NIOHPACK", package: "swift-nio-http2")
    static let httpTypes = product(name: "HTTPTypes", package: "swift-http-types")
    static let logging = product(name: "Logging", package: "swift-log")
    static let crypto = product(name: "Crypto", package: "swift-crypto")
    static let x509 = product(name: "X509", package: "swift-certificates")
    static let asn1 = product(name: "SwiftASN1", package: "swift-asn1")
    static let yams = product(name: "Yams", package: "Yams")
    static let unixSignals = product(name: "UnixSignals", package: "swift-service-lifecycle")
    static let nioConcurrency = product(name: "NIOConcurrencyHelpers", package: "swift-nio")
    static let subprocess = product(name: "Subprocess", package: "swift-subprocess")
    static let systemPackage = product(name: "SystemPackage", package: "swift-system")
    static let argumentParser = product(name: "ArgumentParser", package: "swift-argument-parser")
}

// The invariants and what runs them: `make fuzz`, or in an ordinary test run each input that was kept.
let fuzzDependencies: [Target.Dependency] = [
    "GatewayNIO", "GatewaySession", "GatewayTelemetry", "GatewayPolicy", "GatewayConfig", "PerMessageDeflate",
    "HTTP2Core", "WebSocketCore", "SocketTransport", "GatewayTLS", "TestSupport", "CZlib", .nioCore, .nioEmbedded,
    .nioHTTP1, .httpTypes, .logging,
]
let fuzzTarget: Target =
    isFuzzing
    ? .executableTarget(
        name: "SluiceFuzz", dependencies: fuzzDependencies, path: "Tests/Fuzz",
        exclude: ["RegressionTests", "Corpus", "Regressions", "Dictionaries", "run"],
        sources: ["Targets", "Driver"], swiftSettings: strict,
        linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])])
    : .testTarget(
        name: "FuzzRegressionTests", dependencies: fuzzDependencies, path: "Tests/Fuzz",
        exclude: ["Driver", "Corpus", "Regressions", "Dictionaries", "run"],
        sources: ["Targets", "RegressionTests"], swiftSettings: strict)

let package = Package(
    name: "sluice",
    products: [.executable(name: "sluice", targets: ["sluice"])],
    // Exact versions: what is built next year is what was tested. CONTRIBUTING.md says how to update.
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        // GatewayTLS calls the BoringSSL inside it, which is no public product: CONTRIBUTING.md says how to update.
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: nioSSLVersion),
        .package(url: "https://github.com/apple/swift-nio-http2", exact: "1.46.0"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-certificates", exact: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1", exact: "1.7.4"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
        // Without the trait for Foundation's types, which nothing here uses.
        .package(url: "https://github.com/swiftlang/swift-subprocess", exact: "1.0.2", traits: []),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    ],
    targets: [
        // The core: values and state machines, no I/O, no clock, no randomness.
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(
            name: "WebSocketCore", dependencies: [.nioCore, .httpTypes, .crypto],
            swiftSettings: strict),
        .target(
            name: "PerMessageDeflate", dependencies: ["WebSocketCore", "CZlib", .nioCore],
            swiftSettings: strict),
        .target(
            name: "HTTP2Core", dependencies: [.nioCore, .nioHPACK, .httpTypes],
            swiftSettings: strict),
        .target(
            name: "GatewayConfig", dependencies: [.yams],
            swiftSettings: strict),
        .target(
            name: "GatewayPolicy", dependencies: ["GatewayConfig", .nioCore, .httpTypes, .crypto],
            swiftSettings: strict),
        .target(
            name: "GatewaySession",
            dependencies: [
                "WebSocketCore", "PerMessageDeflate", "GatewayPolicy", "GatewayConfig", .nioCore,
            ],
            swiftSettings: strict),
        .target(
            name: "GatewayTelemetry",
            swiftSettings: strict),

        // TLS as a state machine: it reads files of certificates, and knows no socket. The product NIOSSL is there for
        // the BoringSSL it is built with.
        .target(
            name: "GatewayTLS", dependencies: [.nioSSL],
            swiftSettings: strict),

        // The edge: sockets, TLS, HTTP, time.
        .systemLibrary(name: "CLinux"),
        .target(
            name: "SocketTransport", dependencies: ["GatewayTLS", "CLinux", .nioCore, .nioTLS, .heap],
            swiftSettings: strict),
        .target(
            name: "GatewayNIO",
            dependencies: [
                "GatewaySession", "GatewayPolicy", "GatewayConfig", "GatewayTelemetry", "PerMessageDeflate",
                "HTTP2Core", "WebSocketCore", "SocketTransport", "GatewayTLS", .nioCore, .nioPosix, .nioHTTP1, .nioTLS,
                .httpTypes, .logging, .subprocess, .systemPackage,
            ],
            swiftSettings: strict),
        // The page of the dashboard: HTML, CSS and JavaScript, which are built into the program.
        .target(
            name: "GatewayDashboard", dependencies: [.crypto], resources: [.embedInCode("Page")],
            swiftSettings: strict),
        .target(
            name: "GatewayAdmin",
            dependencies: [
                "GatewayDashboard", "GatewayPolicy", "GatewayTelemetry", "GatewayConfig", "SocketTransport", .nioCore,
                .nioHTTP1,
            ],
            swiftSettings: strict),
        .target(
            name: "Gateway",
            dependencies: [
                "GatewayNIO", "GatewayAdmin", "SocketTransport", "GatewayPolicy", "GatewayConfig", "GatewayTelemetry",
                .nioCore,
                .nioPosix, .logging,
            ],
            swiftSettings: strict),
        // `sluice demo`: servers, a certificate and a page, so that it runs without a file written by hand.
        .target(
            name: "GatewayDemo",
            dependencies: [
                "GatewayDashboard", "GatewayConfig", .nioCore, .nioPosix, .nioHTTP1, .nioWebSocket, .nioConcurrency,
                .x509, .crypto, .asn1,
            ],
            resources: [.embedInCode("Page")],
            swiftSettings: strict),
        // What the commands print of a running gateway and of mistakes: text from values, no I/O.
        .target(
            name: "GatewayCommands", dependencies: ["GatewayConfig"],
            swiftSettings: strict),
        .target(name: "CBuildFacts", cSettings: buildFacts),
        .executableTarget(
            name: "sluice",
            dependencies: [
                "Gateway", "GatewayDemo", "GatewayCommands", "GatewayConfig", "PerMessageDeflate", "CBuildFacts",
                .argumentParser, .unixSignals, .logging, .nioCore,
                .nioPosix, .nioHTTP1,
            ],
            swiftSettings: strict),

        // What tests of several targets share; no other target may use it.
        .target(name: "TestSupport", dependencies: [.nioCore], path: "Tests/TestSupport", swiftSettings: strict),
        .testTarget(
            name: "WebSocketCoreTests", dependencies: ["WebSocketCore", "TestSupport", .nioCore, .httpTypes],
            swiftSettings: strict),
        .testTarget(
            name: "HTTP2CoreTests", dependencies: ["HTTP2Core", "TestSupport", .nioCore, .nioHPACK, .httpTypes],
            swiftSettings: strict),
        .testTarget(
            name: "PerMessageDeflateTests",
            dependencies: ["PerMessageDeflate", "WebSocketCore", "CZlib", "TestSupport", .nioCore],
            swiftSettings: strict),
        .testTarget(
            name: "GatewayConfigTests", dependencies: ["GatewayConfig", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "GatewayPolicyTests",
            dependencies: ["GatewayPolicy", "GatewayConfig", "TestSupport", .nioCore, .httpTypes],
            swiftSettings: strict),
        .testTarget(
            name: "GatewaySessionTests",
            dependencies: [
                "GatewaySession", "WebSocketCore", "PerMessageDeflate", "GatewayPolicy",
                "GatewayConfig", "TestSupport", .nioCore,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "GatewayTelemetryTests", dependencies: ["GatewayTelemetry"],
            swiftSettings: strict),
        .testTarget(
            name: "GatewayTLSTests", dependencies: ["GatewayTLS", "TestSupport", .x509, .crypto, .asn1],
            swiftSettings: strict),
        .testTarget(
            name: "SocketTransportTests",
            dependencies: ["SocketTransport", "GatewayTLS", "TestSupport", .nioCore, .nioTLS],
            swiftSettings: strict),
        .testTarget(
            name: "GatewayNIOTests",
            dependencies: [
                "GatewayNIO", "GatewaySession", "GatewayPolicy", "GatewayTelemetry", "GatewayConfig", "GatewayTLS",
                "PerMessageDeflate", "WebSocketCore", "SocketTransport", "HTTP2Core", .nioCore, .nioEmbedded, .nioHTTP1,
                .httpTypes, .x509, .crypto, .asn1, .logging, "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "GatewayDashboardTests", dependencies: ["GatewayDashboard"],
            swiftSettings: strict),
        .testTarget(
            name: "GatewayAdminTests",
            dependencies: ["GatewayAdmin", "GatewayDashboard", "GatewayPolicy", "GatewayTelemetry"],
            swiftSettings: strict),
        .testTarget(
            name: "GatewayTests", dependencies: ["Gateway", "GatewayNIO", "GatewayConfig", .nioCore, .logging],
            swiftSettings: strict),
        .testTarget(
            name: "GatewayCommandsTests", dependencies: ["GatewayCommands", "GatewayConfig"],
            swiftSettings: strict),
        .testTarget(
            name: "GatewayDemoTests",
            dependencies: [
                "GatewayDemo", "GatewayDashboard", "GatewayConfig", .nioCore, .nioPosix, .nioHTTP1, .nioWebSocket,
                .x509, .crypto, .asn1,
            ],
            swiftSettings: strict),
        fuzzTarget,
    ]
)
