// The addresses beside the runbook: written whole, read with every mistake, folded into the runbook.
import Domain
import FoundationEssentials
import RunbookFile
import TestKit
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite struct LocalAlertsTests {
    private static let alerts = LocalAlerts(
        email: ["ops@example.com", "o'neil+${HOME}\\@example.com"],
        sms: ["+15550100", "007", "a \"b\" \\ ${X} #1"],
        webhook: ["https://hooks.example.com/a?b=c#d", "http://[::1]:8080/ü"])
    private static let channels = """
        channels:
          users: { email: { server: "smtp://h", from: t@h } }
          mail:  { email: { server: "smtp://h", from: t@h } }
          text:  { sms: { url: "http://h" } }

        """

    private func problems(_ folder: TemporaryFolder, _ text: String) throws -> [String] {
        try folder.write("alerts.local.yaml", text)
        do {
            _ = try LocalAlertsFile.read(beside: folder("tocsin.yaml"))
            return []
        } catch let error as LocalAlertsProblems {
            #expect(error.problems.allSatisfy { $0.file == folder("alerts.local.yaml") })
            return error.problems.map(\.short)
        }
    }

    @Test func `without the file there are no addresses`() throws {
        let folder = try TemporaryFolder()
        #expect(try LocalAlertsFile.read(beside: folder("tocsin.yaml")) == LocalAlerts())
        #expect(try LocalAlertsFile.read(beside: folder("no/tocsin.yaml")) == LocalAlerts())
    }

    @Test func `what is written is read`() throws {
        let folder = try TemporaryFolder()
        let book = folder("tocsin.yaml")
        for alerts in [LocalAlerts(), Self.alerts, LocalAlerts(webhook: ["http://h/"])] {
            try LocalAlertsFile.write(alerts, beside: book)
            #expect(try LocalAlertsFile.read(beside: book) == alerts)
        }
        var facts = stat()
        #expect(lstat(LocalAlertsFile.path(beside: book), &facts) == 0)
        #expect(facts.st_mode & 0o7777 == 0o640)
        // Nothing is left beside it.
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(names == ["alerts.local.yaml"])
        let text = try String(
            contentsOf: URL(filePath: folder("alerts.local.yaml")), encoding: .utf8)
        #expect(text.hasPrefix("# Written by `tocsin configure-alerts`"))
    }

    @Test func `what could not be read again is not written`() throws {
        let folder = try TemporaryFolder()
        let book = folder("tocsin.yaml")
        try LocalAlertsFile.write(Self.alerts, beside: book)
        for bad in [
            LocalAlerts(email: ["nobody"]), LocalAlerts(email: ["a@h", "a@h"]),
            LocalAlerts(sms: [""]), LocalAlerts(sms: ["1\n2"]), LocalAlerts(sms: ["\u{1B}[m"]),
            LocalAlerts(webhook: ["ftp://h"]), LocalAlerts(webhook: ["http://a:b@h/"]),
            LocalAlerts(sms: (0...100).map { "\($0)" }),
        ] {
            let fault = #expect(throws: Fault.self) {
                try LocalAlertsFile.write(bad, beside: book)
            }
            #expect(fault?.cause.isEmpty == false)
        }
        #expect(try LocalAlertsFile.read(beside: book) == Self.alerts)
    }

    @Test func `a folder that is not there is a fault`() throws {
        let folder = try TemporaryFolder()
        let fault = #expect(throws: Fault.self) {
            try LocalAlertsFile.write(Self.alerts, beside: folder("none/tocsin.yaml"))
        }
        #expect(fault?.cause == "No such file or directory")
        #expect(fault?.subject == folder("none/alerts.local.yaml"))
    }

    @Test(arguments: [
        ("# x\n\n  # y\n", "1:1: alerts.local.yaml is empty; delete it, or write `version: 1`"),
        ("", "1:1: alerts.local.yaml is empty; delete it, or write `version: 1`"),
        (
            "email: [a@h]\n",
            "1:1: the local alerts needs the key `version`; the version of the format: 1"
        ),
        (
            "version: 1\nemails: [a@h]\n",
            "2:1: unknown key `emails` in the local alerts; did you mean `email`?"
        ),
        (
            "version: 1\nemail: [a@h, b]\n",
            "2:14: an item of `email` is not an e-mail address: `b`; such as name@example.com"
        ),
        (
            "version: 1\nsms:\n  - 1\n  - 2\n  - 1\n",
            "5:5: `1` is twice in `sms`; keep one of them"
        ),
        ("version: 1\nsms: 1\n", "2:6: `sms` must be a list, not `1`; write `[1]`"),
    ])
    func `mistakes have a place`(_ text: String, _ expected: String) throws {
        let folder = try TemporaryFolder()
        #expect(try problems(folder, text).joined(separator: " | ") == expected)
    }

    @Test func `what is no file is a problem`() throws {
        let folder = try TemporaryFolder()
        #expect(mkfifo(folder("alerts.local.yaml"), 0o600) == 0)
        let error = #expect(throws: LocalAlertsProblems.self) {
            try LocalAlertsFile.read(beside: folder("tocsin.yaml"))
        }
        #expect(error?.problems.map(\.short) == ["1:1: alerts.local.yaml is not a regular file"])
    }

    // MARK: In the runbook

    @Test func `they are folded into the runbook`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("tocsin.yaml", small(Self.channels))
        let plain = try #require(RunbookFile.load(path: path, environment: [:]).runbook)
        #expect(plain.people.isEmpty && plain.escalation.isEmpty && plain.localAlerts.isEmpty)
        try LocalAlertsFile.write(Self.alerts, beside: path)
        let result = RunbookFile.load(path: path, environment: [:])
        #expect(result.problems == [])
        let book = try #require(result.runbook)
        #expect(book.localAlerts == Self.alerts)
        #expect(
            book.people.map(\.id) == [
                "local-mail-1", "local-mail-2", "local-sms-1", "local-sms-2", "local-sms-3",
            ])
        #expect(book.channels.map(\.name).suffix(2) == ["local-webhook-1", "local-webhook-2"])
        #expect(book.escalation.map(\.level) == [.critical, .high, .medium])
        #expect(book.escalation.allSatisfy { $0.steps.map(\.via.first) == ["mail"] })
        #expect(plain.applying(Self.alerts) == book)
        // Whoever may read the runbook may not always read the addresses.
        let alone = RunbookFile.load(path: path, environment: [:], withLocalAlerts: false)
        #expect(alone.runbook == plain)
        #expect(book.applying(LocalAlerts()) == plain)
    }

    @Test func `addresses without a channel are an error that names the remedy`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(
            "tocsin.yaml",
            small("channels: { users: { email: { server: \"smtp://h\", from: t@h } } }\n"))
        try LocalAlertsFile.write(LocalAlerts(email: ["a@h"], sms: ["1"]), beside: path)
        let result = RunbookFile.load(path: path, environment: [:])
        #expect(result.runbook == nil)
        #expect(
            result.problems.map(\.short) == [
                "5:1: nobody under `email` can be told: the runbook has no channel of the kind `email`; add one under `channels:` of the runbook, or take the addresses away",
                "7:1: nobody under `sms` can be told: the runbook has no channel of the kind `sms`; add one under `channels:` of the runbook, or take the addresses away",
            ])
        #expect(result.problems.allSatisfy { $0.file == folder("alerts.local.yaml") })
        // A webhook needs none.
        try LocalAlertsFile.write(LocalAlerts(webhook: ["http://h/"]), beside: path)
        #expect(RunbookFile.load(path: path, environment: [:]).runbook != nil)
    }

    @Test func `the problems of both files are listed`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("tocsin.yaml", small("pages: [x]\n"))
        try folder.write("alerts.local.yaml", "version: 2\n")
        let result = RunbookFile.load(path: path, environment: [:])
        #expect(result.runbook == nil)
        #expect(result.problems.map(\.file) == [path, folder("alerts.local.yaml")])
    }

    @Test(arguments: [1, 2]) func `a damaged file is read or refused`(_ seed: UInt64) throws {
        let folder = try TemporaryFolder()
        let book = folder("tocsin.yaml")
        try LocalAlertsFile.write(Self.alerts, beside: book)
        let original = Array(
            try Data(contentsOf: URL(filePath: LocalAlertsFile.path(beside: book))))
        var random = Lehmer(seed: seed)
        for _ in 0..<100 {
            var bytes = original
            for _ in 0...random.below(3) {
                let at = random.below(bytes.count)
                switch random.below(3) {
                case 0: bytes.remove(at: at)
                case 1: bytes[at] = UInt8(random.below(256))
                default:
                    bytes.insert(contentsOf: Array("[{\"$*&-:#".utf8).prefix(3), at: at)
                }
            }
            try Data(bytes).write(to: URL(filePath: LocalAlertsFile.path(beside: book)))
            do {
                let alerts = try LocalAlertsFile.read(beside: book)
                #expect(alerts.email.allSatisfy { $0.contains("@") })
            } catch let error as LocalAlertsProblems {
                #expect(error.problems.contains { $0.severity == .error })
            }
        }
    }
}
