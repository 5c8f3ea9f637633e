// The JSON Schema, the starter, and the tables of keys that both rest on.
import Domain
import FoundationEssentials
import RunbookFile
import TestKit
import Testing

@Suite struct SchemaTests {
    /// Any JSON.
    private enum JSON: Decodable {
        case other
        case list([JSON])
        case map([String: JSON])
        init(from decoder: any Decoder) throws {
            if let map = try? decoder.singleValueContainer().decode([String: JSON].self) {
                self = .map(map)
            } else if let list = try? decoder.singleValueContainer().decode([JSON].self) {
                self = .list(list)
            } else {
                self = .other
            }
        }
        /// Every key of every `properties`.
        var keys: Set<String> {
            switch self {
            case .other: return []
            case .list(let items): return items.reduce(into: []) { $0.formUnion($1.keys) }
            case .map(let fields):
                var result: Set<String> = []
                for (name, value) in fields {
                    if name == "properties", case .map(let properties) = value {
                        result.formUnion(properties.keys)
                    }
                    result.formUnion(value.keys)
                }
                return result
            }
        }
        /// Every `$ref`, and every name under `$defs`.
        var tables: Int {
            switch self {
            case .other: return 0
            case .list(let items): return items.reduce(0) { $0 + $1.tables }
            case .map(let fields):
                let own =
                    fields["additionalProperties"] != nil && fields["properties"] != nil ? 1 : 0
                return fields.values.reduce(own) { $0 + $1.tables }
            }
        }
    }

    @Test func `the schema is JSON and knows every key of the example`() throws {
        let schema = try JSONDecoder().decode(JSON.self, from: Data(RunbookFile.schema().utf8))
        #expect(schema.tables > 40)
        let keys = schema.keys
        // Keys of the example, comments aside: a word before a colon at the start of a line or of a
        // flow map. Names that the operator chose are not among them.
        let chosen: Set<String> = [
            "ines", "tomas", "priya", "oren", "senior-administrator", "system-administrator",
            "database-administrator", "security-administrator", "change-manager", "administrator",
            "viewer", "mail", "hook", "chat", "push", "pager", "am", "users", "main", "sessions",
            "web",
            "database", "host", "home", "handshake", "clients", "stats", "backlog", "connect",
            "ping",
            "units", "plugin", "fleet", "slow", "isolate", "flash", "broadcast", "corruption",
            "authentication_failure", "complete_rollback", "database_failure",
            "database_persistence_failure", "delivery", "message_delivery_failure",
            "multi_component",
            "notification_failure", "performance", "websocket_connection_failure",
            "websocket_failure",
            "username_or_email", "Authorization", "to", "priority", "assignee", "category",
            "alertname", "severity",
        ]
        var known: Set<String> = []
        for line in try Example.text().split(separator: "\n") {
            let text = line.prefix(upTo: line.firstRange(of: " #")?.lowerBound ?? line.endIndex)
            for match in text.matches(of: /(?:^\s*(?:- )?|[{,]\s*)([a-z_]+):(?=\s|$)/) {
                known.insert(String(match.1))
            }
        }
        #expect(known.count > 120)
        let missing = known.subtracting(keys).subtracting(chosen)
        #expect(missing.sorted() == [])
    }

    @Test func `every key that is accepted is also read`() throws {
        let schema = try JSONDecoder().decode(JSON.self, from: Data(RunbookFile.schema().utf8))
        let here = #filePath[..<(try #require(#filePath.firstRange(of: "/Tests/")).lowerBound)]
        let folder = here + "/Sources/Edges/RunbookFile/"
        var builders = ""
        for name in ["Runbook", "Watching", "Procedure", "Step", "Alerts"] {
            let data = try Data(contentsOf: URL(filePath: folder + name + "Builder.swift"))
            builders += String(decoding: data, as: UTF8.self)
        }
        // Keys that are read as names: levels, kinds of authorization, verbs; and two that say nothing
        // more than that they are there.
        let generic: Set<String> = [
            "1", "2", "3", "4", "emergency", "planned", "security", "maintenance", "start", "stop",
            "restart", "version", "systemd",
        ]
        let unread = schema.keys.subtracting(generic).filter { !builders.contains("\"\($0)\"") }
        #expect(unread.sorted() == [])
    }

    @Test func `its patterns are ones that every checker reads`() throws {
        // Swift's and Python's expressions differ from ECMAScript's in `\p`.
        let schema = RunbookFile.schema()
        for line in schema.split(separator: "\n") where line.contains("\"pattern\"") {
            #expect(!line.contains("\\\\p"), "\(line)")
        }
    }

    @Test func `the schema is the same each time`() {
        #expect(RunbookFile.schema() == RunbookFile.schema())
    }

    @Test(arguments: [
        "shop", "my shop!", "", "-x", "ünï", "yes", "007", String(repeating: "x", count: 200),
    ])
    func `the starter passes the check as it is`(_ service: String) throws {
        let text = RunbookFile.starter(service: service)
        let result = RunbookFile.check(text: text, path: "/srv/tocsin.yaml", environment: [:])
        #expect(result.problems.map(\.short) == [])
        let book = try #require(result.runbook)
        #expect(!book.service.name.isEmpty)
        if service == "shop" { #expect(book.service.name == "shop") }
        if service == "my shop!" { #expect(book.service.name == "my-shop-") }
        #expect(book.components.flatMap(\.probes).map(\.check.kind) == ["http", "disk"])
        #expect(book.triggers.count == 2 && book.escalation.count == 3)
        #expect(
            book.actions[0].steps[0].work
                == .run(["systemctl", "restart", book.service.name], input: nil))
        #expect(
            text.split(separator: "\n", omittingEmptySubsequences: false).allSatisfy {
                $0.count <= 320
            })
    }

    @Test func `the starter's examples can be used by taking their marks away`() throws {
        var used = 0
        let lines = RunbookFile.starter(service: "shop").split(
            separator: "\n", omittingEmptySubsequences: false
        ).map { line in
            // Prose has one space after its mark, or more in the head of the file.
            guard line.contains(/^#(?! )|^#  +(?:-|[a-z0-9]+:)/) else { return String(line) }
            used += 1
            return String(line.dropFirst())
        }
        #expect(used > 20)
        let result = RunbookFile.check(
            text: lines.joined(separator: "\n"), path: "/srv/tocsin.yaml", environment: [:])
        #expect(result.problems.map(\.short) == [])
        let book = try #require(result.runbook)
        #expect(
            book.channels.map(\.kind.word) == ["email", "sms", "slack", "ntfy", "pagerduty"])
        #expect(book.people[0].sms != nil && book.tickets != nil && book.alerts != nil)
        #expect(book.onCall.count == 1 && book.escalation.count == 4)
        #expect(book.triggers.map(\.name).last == "alert-alert")
    }
}
