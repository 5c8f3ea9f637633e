// The map in Package.swift is kept: no room imports what it did not declare, no edge leaks into the core.
import TestKit
import Testing

/// A room as Package.swift declares it.
struct Room {
    var kind: String
    var name: String
    var sees: Set<String>
}

enum PackageMap {
    /// Modules of the toolchain and of the system that every room may use.
    static let everywhere: Set<String> = [
        "Swift", "Foundation", "FoundationEssentials", "Dispatch", "Synchronization", "Glibc",
        "Musl", "RegexBuilder", "_StringProcessing",
    ]
    /// Modules that come with a product of another name.
    static let modules: [String: Set<String>] = [
        "collections": ["OrderedCollections"], "crypto": ["Crypto"], "grdb": ["GRDB"],
        "hummingbird": ["Hummingbird", "HummingbirdCore", "HTTPTypes"], "logging": ["Logging"],
        "nioCore": ["NIOCore"], "nioPosix": ["NIOPosix"], "nioHTTP1": ["NIOHTTP1"],
        "nioWebSocket": ["NIOWebSocket"], "serviceLifecycle": ["ServiceLifecycle"],
        "subprocess": ["Subprocess"], "yams": ["Yams"], "argumentParser": ["ArgumentParser"],
        "heap": ["HeapModule"], "unixSignals": ["UnixSignals"],
    ]

    static func rooms() throws -> [Room] {
        let text = try Places.text(of: "Package.swift")
        let entry =
            /(?:\.(executableTarget)|\b(core|edge|room|tests))\(\s*(?:name: )?(?:"[^"]*",\s*)?"(\w+)",\s*(?:dependencies|sees):\s*\[([^\]]*)\]/
        let bare = /\bcore\("(\w+)"\)/
        var rooms = text.matches(of: entry).map { match in
            Room(
                kind: String(match.1 ?? match.2 ?? ""), name: String(match.3),
                sees: sees(String(match.4)))
        }
        rooms += text.matches(of: bare).map { Room(kind: "core", name: String($0.1), sees: []) }
        return rooms
    }

    private static func sees(_ list: String) -> Set<String> {
        var names: Set<String> = []
        for part in list.split(separator: ",") {
            let word = part.filter { !$0.isWhitespace && $0 != "\"" }
            names.formUnion(modules[word] ?? [word])
        }
        return names
    }
}

@Suite struct ImportTests {
    @Test func `every room is on the map`() throws {
        let rooms = try PackageMap.rooms()
        let names = Set(rooms.map(\.name))
        for known in [
            "Domain", "Rules", "Wire", "Screen", "Dashboard", "Engine", "Probes", "tocsin",
        ] {
            #expect(names.contains(known), "\(known) is not read from Package.swift")
        }
        #expect(rooms.count > 20)
    }

    @Test func `no file imports what its room did not declare`() throws {
        let rooms = try PackageMap.rooms()
        let files =
            try Places.files(below: "Sources", ending: ".swift")
            + Places.files(below: "Tests", ending: ".swift")
        #expect(files.count > 100)
        for file in files {
            let folders = Set(file.split(separator: "/").map(String.init))
            guard let room = rooms.first(where: { folders.contains($0.name) }) else {
                Issue.record("\(file) belongs to no room of Package.swift")
                continue
            }
            var allowed = room.sees.union(PackageMap.everywhere).union([room.name])
            if room.kind == "tests" || room.name == "TestKit" { allowed.insert("Testing") }
            for module in try imports(file) where !allowed.contains(module) {
                Issue.record("\(file) imports \(module), which \(room.name) does not declare")
            }
        }
    }

    @Test func `the core sees no edge, and no edge sees another or the engine`() throws {
        let rooms = try PackageMap.rooms()
        let core = Set(rooms.filter { $0.kind == "core" }.map(\.name))
        let edges = Set(rooms.filter { $0.kind == "edge" }.map(\.name))
        // What several edges stand on; they own no piece of the world themselves.
        let floor: Set<String> = ["Transfers", "Files", "Databases"]
        for room in rooms {
            switch room.kind {
            case "core": #expect(room.sees.isDisjoint(with: edges), "\(room.name) sees an edge")
            case "edge":
                let others = edges.subtracting(floor).subtracting([room.name])
                #expect(room.sees.isDisjoint(with: others), "\(room.name) sees another edge")
                #expect(
                    room.sees.isDisjoint(with: ["Engine", "Rules", "Dashboard"])
                        || room.name == "Terminal", "\(room.name) sees the middle")
            default: break
            }
        }
        #expect(core.count == 5)
    }

    private func imports(_ file: String) throws -> [String] {
        let line =
            /^(?:@testable |@preconcurrency )*(?:package |public |internal |private )?import (?:struct |class |enum |func |protocol )?(\w+)/
            .anchorsMatchLineEndings()
        return try Places.text(of: file).matches(of: line).map { String($0.1) }
    }
}
