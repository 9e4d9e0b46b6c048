// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let argumentParser: Target.Dependency = .product(
    name: "ArgumentParser", package: "swift-argument-parser")
let lifecycle: Target.Dependency = .product(
    name: "ServiceLifecycle", package: "swift-service-lifecycle")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let tracing: Target.Dependency = .product(name: "Tracing", package: "swift-distributed-tracing")
let coreMetrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")

let package = Package(
    name: "vy-gateway",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "edge-http", targets: ["edge-http"]),
        .executable(name: "edge-ws", targets: ["edge-ws"]),
        .executable(name: "bridge-kafka", targets: ["bridge-kafka"]),
        .executable(name: "demo-payments", targets: ["demo-payments"]),
        .executable(name: "conformance-server", targets: ["conformance-server"]),
        .executable(name: "schema-check", targets: ["schema-check"]),
        .executable(name: "gateway-bench", targets: ["gateway-bench"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: [
        // C libraries, each imported by exactly one Swift target.
        .systemLibrary(
            name: "CRdkafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
        // No pkgConfig: hiredis.pc emits a -D flag that SwiftPM refuses with a warning.
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),

        // glibc's malloc.h, which Swift's own module of glibc leaves out.
        .systemLibrary(name: "CMalloc"),

        // Every metric, and what is counted, in Prometheus' format.
        .target(name: "Telemetry", dependencies: [coreMetrics, nioCore], swiftSettings: strict),

        // Protocols and clients that stand alone.
        .target(name: "RawJSON", dependencies: [nioCore], swiftSettings: strict),
        .target(name: "MessagePack", dependencies: ["RawJSON", nioCore], swiftSettings: strict),
        .target(name: "JSONSchema", dependencies: ["RawJSON", nioCore], swiftSettings: strict),
        .target(
            name: "SocketIO",
            dependencies: [
                "RawJSON", nioCore, nioPosix, logging,
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .target(
            name: "RedisClient",
            dependencies: [
                "CHiredis", "Telemetry", coreMetrics, nioCore, nioPosix, nioSSL, logging, lifecycle,
                .product(name: "DequeModule", package: "swift-collections"),
            ],
            swiftSettings: strict),
        .target(
            name: "KafkaClient",
            dependencies: ["CRdkafka", nioCore, logging],
            swiftSettings: strict),

        // What the processes have in common.
        .target(
            name: "Shared",
            dependencies: [
                "CMalloc", "RawJSON", nioCore, nioPosix, logging, argumentParser, lifecycle, crypto,
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        // Certificates and keys that settings name by their files.
        .target(name: "TLSFiles", dependencies: ["Shared", nioSSL], swiftSettings: strict),
        .target(
            name: "RedisSettings", dependencies: ["RedisClient", "Shared", "TLSFiles", nioSSL],
            swiftSettings: strict),
        .target(
            name: "Admin",
            dependencies: [
                "RawJSON", "Shared", "Telemetry", coreMetrics, nioCore, nioPosix, logging, lifecycle,
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: strict),
        // Calls of other systems.
        .target(
            name: "OutboundHTTP",
            dependencies: [
                "Shared", nioCore, .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: strict),
        // What a request does in which process, for an OpenTelemetry collector.
        .target(
            name: "OTLPTracing",
            dependencies: [
                "OutboundHTTP", "RawJSON", "Shared", "Telemetry", nioCore, nioPosix, logging, lifecycle,
                tracing,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Instrumentation", package: "swift-distributed-tracing"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: strict),
        // Who a client is; both edges ask it, each with the token as its own protocol brings it.
        .target(
            name: "Authentication",
            dependencies: [
                "Shared", "RawJSON", nioCore, logging, .product(name: "JWTKit", package: "jwt-kit"),
            ],
            swiftSettings: strict),
        // The services' operations and what a client is told of them, over HTTP and over a socket alike.
        .target(
            name: "Operations",
            dependencies: [
                "Telemetry", "Shared", "RawJSON", "JSONSchema", nioCore, nioPosix, logging,
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: strict),

        // What edge-http keeps of answers, and how all processes tell it that they are out of date.
        .target(
            name: "ResponseCache",
            dependencies: ["Telemetry", "RawJSON", "RedisClient", "Shared", nioCore, nioPosix, logging],
            swiftSettings: strict),

        // What all processes learn of payments' contacts.
        .target(
            name: "PaymentContacts", dependencies: ["RawJSON", "RedisClient", "Shared", nioCore, logging],
            swiftSettings: strict),

        // Whom ActiveCampaign is told of, off the way of requests.
        .target(
            name: "ActiveCampaign",
            dependencies: [
                "OutboundHTTP", "Telemetry", "PaymentContacts", "Shared", "RawJSON", "RedisClient", nioCore,
                logging, lifecycle,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: strict),

        // The processes.
        .executableTarget(
            name: "edge-http",
            dependencies: [
                "Telemetry", coreMetrics, "Shared", "ActiveCampaign", "Admin", "Authentication", "Operations",
                "OTLPTracing", "PaymentContacts",
                "RawJSON", "RedisClient", "RedisSettings", "ResponseCache", "TLSFiles", nioCore, nioPosix,
                logging,
                argumentParser, lifecycle, hummingbird, tracing, crypto,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP2", package: "swift-nio-extras"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                nioSSL,
            ],
            resources: ["html", "css", "js"].map { .embedInCode("Documentation/explorer.\($0)") }
                + ["console.html", "console.css", "metrics.js", "plots.js", "topology.js", "console.js"].map {
                    .embedInCode("Console/Page/\($0)")
                },
            swiftSettings: strict),
        .executableTarget(
            name: "edge-ws",
            dependencies: [
                "Telemetry", coreMetrics, "Shared", "Admin", "Authentication", "Operations",
                "OTLPTracing", "PaymentContacts", "SocketIO",
                "RedisClient", "RedisSettings", "ResponseCache", "MessagePack", "RawJSON", nioCore, nioPosix,
                logging,
                argumentParser, lifecycle, tracing,
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"), crypto,
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "bridge-kafka",
            dependencies: [
                "Telemetry", coreMetrics, "Shared", "Admin", "KafkaClient", "OTLPTracing", "PaymentContacts",
                "RedisClient", "RedisSettings", "ResponseCache",
                "RawJSON", nioCore, nioPosix, logging, argumentParser, lifecycle, tracing,
                .product(name: "DequeModule", package: "swift-collections"),
            ],
            swiftSettings: strict),
        // Development and tests only: the payments service as NestJS would run it.
        .executableTarget(
            name: "demo-payments",
            dependencies: [
                "KafkaClient", "RawJSON", nioCore, nioPosix, logging, argumentParser, lifecycle,
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),

        // Development and tests only: the Socket.IO library for protocol suites.
        .executableTarget(
            name: "conformance-server",
            dependencies: [
                "SocketIO", "RawJSON", nioCore, nioPosix, logging, argumentParser,
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),

        // Development and tests only: JSON Schema's suites against the validator.
        .executableTarget(
            name: "schema-check", dependencies: ["JSONSchema", nioCore, argumentParser], swiftSettings: strict
        ),

        // Development only: what parts of the gateway take by themselves.
        .executableTarget(
            name: "gateway-bench",
            dependencies: [
                "Operations", "RawJSON", "Shared", nioCore, nioPosix, logging, argumentParser, hummingbird,
            ],
            swiftSettings: strict),

        .testTarget(
            name: "SharedTests",
            dependencies: ["Shared", "RawJSON", nioCore, nioPosix, nioEmbedded, logging],
            swiftSettings: strict),
        .testTarget(
            name: "TelemetryTests", dependencies: ["Telemetry", coreMetrics, nioCore, nioPosix],
            swiftSettings: strict),
        .testTarget(
            name: "OTLPTracingTests",
            dependencies: [
                "OTLPTracing", "OutboundHTTP", "RawJSON", "Shared", "Telemetry", nioCore, nioPosix, logging,
                lifecycle, tracing, .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "AdminTests",
            dependencies: [
                "Admin", "Shared", "Telemetry", nioCore, nioPosix, logging, lifecycle,
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ], swiftSettings: strict),
        .testTarget(
            name: "AuthenticationTests",
            dependencies: [
                "Authentication", "RawJSON", "Shared", nioCore, .product(name: "JWTKit", package: "jwt-kit"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "OperationsTests", dependencies: ["Operations", "Shared", nioCore, logging],
            swiftSettings: strict),
        .testTarget(
            name: "SocketIOTests",
            dependencies: [
                "SocketIO", "RawJSON", nioCore, nioPosix, nioEmbedded, logging,
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "RedisClientTests",
            dependencies: ["RedisClient", "CHiredis", nioCore, nioPosix, logging],
            swiftSettings: strict),
        .testTarget(
            name: "KafkaClientTests", dependencies: ["KafkaClient", nioCore, logging],
            swiftSettings: strict),
        .testTarget(
            name: "ConfigurationTests",
            dependencies: ["Shared", "edge-http", "edge-ws", "bridge-kafka"], swiftSettings: strict),
        .testTarget(
            name: "BridgeKafkaTests",
            dependencies: [
                "bridge-kafka", "KafkaClient", "OTLPTracing", "RedisClient", "Shared", "Telemetry", "RawJSON",
                nioCore, logging, tracing,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "EdgeWSTests",
            dependencies: [
                "edge-ws", "Authentication", "OTLPTracing", "RedisClient", "Shared", "SocketIO", nioCore,
                logging,
                tracing,
                .product(name: "NIOHTTP1", package: "swift-nio"),
                crypto,
            ], swiftSettings: strict),
        .testTarget(
            name: "DemoPaymentsTests", dependencies: ["demo-payments", "KafkaClient", "RawJSON", nioCore],
            swiftSettings: strict),
        .testTarget(
            name: "EdgeHTTPTests",
            dependencies: [
                "edge-http", "Operations", "OTLPTracing", "RedisClient", "ResponseCache", "Shared",
                "Telemetry",
                coreMetrics, tracing,
                nioCore, nioPosix, nioEmbedded, logging, lifecycle, hummingbird,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ResponseCacheTests", dependencies: ["ResponseCache", "RedisClient", nioCore],
            swiftSettings: strict),
        .testTarget(
            name: "MessagePackTests", dependencies: ["MessagePack", "RawJSON", nioCore], swiftSettings: strict
        ),
        .testTarget(
            name: "RawJSONTests", dependencies: ["RawJSON", nioCore], swiftSettings: strict),
        .testTarget(
            name: "JSONSchemaTests", dependencies: ["JSONSchema", nioCore], swiftSettings: strict),
        .testTarget(
            name: "PaymentContactsTests", dependencies: ["PaymentContacts", nioCore], swiftSettings: strict),
        .testTarget(
            name: "ActiveCampaignTests",
            dependencies: ["ActiveCampaign", "PaymentContacts", "RedisClient", "Shared", nioCore, logging],
            swiftSettings: strict),
    ]
)
