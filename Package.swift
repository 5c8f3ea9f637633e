// swift-tools-version: 6.2
// The map of the project: every room, and what each room may see.
import PackageDescription

// One spelling for each package product that a room may use.
let argumentParser: Target.Dependency = .product(
    name: "ArgumentParser", package: "swift-argument-parser")
let collections: Target.Dependency = .product(
    name: "OrderedCollections", package: "swift-collections")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let heap: Target.Dependency = .product(name: "HeapModule", package: "swift-collections")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioWebSocket: Target.Dependency = .product(name: "NIOWebSocket", package: "swift-nio")
let serviceLifecycle: Target.Dependency = .product(
    name: "ServiceLifecycle", package: "swift-service-lifecycle")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let unixSignals: Target.Dependency = .product(
    name: "UnixSignals", package: "swift-service-lifecycle")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")

/// Swift 6 mode, every warning an error, and imports that say what they show.
func settings() -> [SwiftSetting] {
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .treatAllWarnings(as: .error),
    ]
}

func room(_ folder: String, _ name: String, sees: [Target.Dependency]) -> Target {
    .target(
        name: name, dependencies: sees, path: "Sources/\(folder)\(name)", swiftSettings: settings())
}
/// Pure values and functions; sees no edge.
func core(_ name: String, sees: [Target.Dependency] = []) -> Target {
    room("Core/", name, sees: sees)
}
/// One piece of the world; sees no other edge.
func edge(_ name: String, sees: [Target.Dependency]) -> Target {
    room("Edges/", name, sees: sees)
}
/// A C library of the system; its module map names what to link.
func system(_ name: String, apt: String) -> Target {
    .systemLibrary(name: name, path: "Sources/Edges/\(name)", providers: [.apt([apt])])
}
func tests(_ name: String, sees: [Target.Dependency], data: [String] = []) -> Target {
    .testTarget(
        name: name, dependencies: sees, path: "Tests/\(name)", exclude: data,
        swiftSettings: settings())
}

let package = Package(
    name: "tocsin",
    products: [.executable(name: "tocsin", targets: ["tocsin"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: [
        // Core
        core("Domain", sees: [collections]),
        core("Rules", sees: ["Domain", collections]),
        core("Wire", sees: ["Domain"]),
        core("Screen"),
        core("Dashboard", sees: ["Domain", "Wire", "Screen"]),

        // Edges
        edge("RunbookFile", sees: ["Domain", yams]),
        edge("Journal", sees: ["Domain", grdb, crypto]),
        // What several edges stand on: HTTP by libcurl on one thread, and files by the system's own calls.
        edge("Transfers", sees: ["Domain", "CCurl", "CEvents"]),
        edge("Files", sees: ["Domain", "CLinux"]),
        // MariaDB, PostgreSQL and Redis; the first two by libraries that are opened when they are needed.
        edge("Databases", sees: ["Domain", "CMariaDB", "CPostgres"]),
        edge("Probes", sees: ["Domain", "Transfers", "Databases", "CEvents", heap, grdb, crypto]),
        edge(
            "Procedures",
            sees: ["Domain", "Transfers", "Files", "Databases", "CLinux", grdb, crypto]),
        edge("Backups", sees: ["Domain", "Files", "Databases", "CEvents", grdb, crypto]),
        edge("Outreach", sees: ["Domain", "Transfers", crypto]),
        edge(
            "Link",
            sees: ["Domain", "Wire", logging, nioCore, nioPosix, nioHTTP1]),
        edge("Terminal", sees: ["Screen", "CNcurses"]),
        system("CNcurses", apt: "libncurses-dev"),
        system("CCurl", apt: "libcurl4-openssl-dev"),
        system("CEvents", apt: "libc6-dev"),
        system("CLinux", apt: "libc6-dev"),
        system("CMariaDB", apt: "libmariadb-dev"),
        system("CPostgres", apt: "libpq-dev"),

        // The engine, and the programs
        room(
            "", "Engine",
            sees: [
                "Domain", "Rules", "Wire", "RunbookFile", "Journal", "Probes", "Procedures",
                "Backups", "Outreach", "Link", collections, crypto, logging, serviceLifecycle,
            ]),
        room(
            "Programs/", "DemoService",
            sees: [
                argumentParser, crypto, grdb, logging, nioCore, nioPosix, nioHTTP1, nioWebSocket,
                subprocess, unixSignals,
            ]),
        .executableTarget(
            name: "tocsin",
            dependencies: [
                "Domain", "Wire", "Screen", "Dashboard", "RunbookFile", "Journal", "Procedures",
                "Backups", "Link", "Terminal", "Engine", "DemoService", argumentParser, logging,
            ],
            path: "Sources/Programs/tocsin", swiftSettings: settings()),

        // Tests
        .executableTarget(
            name: "StepRunnerForTests", dependencies: ["Domain", "Procedures", "Backups"],
            path: "Sources/TestPrograms/StepRunnerForTests", swiftSettings: settings()),
        .executableTarget(
            name: "JournalForBench", dependencies: ["Domain", "Journal"],
            path: "Sources/TestPrograms/JournalForBench", swiftSettings: settings()),
        room(
            "", "TestKit",
            sees: ["Domain", "Rules", "Wire", "Screen", "Databases", "Transfers", collections]),
        room("", "Simulation", sees: ["Domain", "Rules", "TestKit", collections]),
        .executableTarget(
            name: "Simulate", dependencies: ["Simulation"],
            path: "Sources/TestPrograms/Simulate", swiftSettings: settings()),
        tests("DomainTests", sees: ["Domain"]),
        tests("RulesTests", sees: ["Domain", "Rules", "Simulation", "TestKit", collections]),
        tests("WireTests", sees: ["Domain", "Wire"]),
        tests("ScreenTests", sees: ["Screen", "TestKit"]),
        tests("TerminalTests", sees: ["Screen", "Terminal", "TestKit"]),
        tests(
            "DashboardTests", sees: ["Domain", "Wire", "Screen", "Dashboard", "TestKit"],
            data: ["Goldens"]),
        tests("RunbookFileTests", sees: ["Domain", "RunbookFile", "TestKit"]),
        tests("JournalTests", sees: ["Domain", "Journal", "TestKit", grdb]),
        tests("TransfersTests", sees: ["Domain", "Transfers", "TestKit"]),
        tests("DatabasesTests", sees: ["Domain", "Databases", "TestKit"]),
        tests(
            "ProbesTests",
            sees: [
                "Domain", "Probes", "Databases", "TestKit", grdb, nioCore, nioPosix, nioHTTP1,
                nioWebSocket,
            ]),
        tests(
            "ProceduresTests",
            sees: [
                "Domain", "Procedures", "Backups", "Files", "Databases", "CLinux", "TestKit", grdb,
            ]),
        tests(
            "BackupsTests",
            sees: ["Domain", "Backups", "Files", "Databases", "TestKit", crypto, grdb]),
        tests("OutreachTests", sees: ["Domain", "Outreach", "Transfers", "TestKit", crypto]),
        tests("LinkTests", sees: ["Domain", "Wire", "Link", "TestKit", logging]),
        tests(
            "EngineTests",
            sees: ["Domain", "Rules", "Wire", "Link", "Engine", "TestKit", collections, logging]),
        tests(
            "DemoServiceTests",
            sees: [
                "Domain", "RunbookFile", "DemoService", "TestKit", grdb, logging, nioCore, nioPosix,
                nioHTTP1,
            ]),
        tests(
            "CommandTests", sees: ["Domain", "Wire", "Link", "tocsin", "TestKit", argumentParser]),
        tests("EndToEndTests", sees: ["Domain", "Wire", "Link", "Transfers", "TestKit"]),
        tests("TidyTests", sees: ["TestKit"]),
    ],
    swiftLanguageModes: [.v6]
)
