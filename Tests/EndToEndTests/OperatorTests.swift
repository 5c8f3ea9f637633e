// Operators as real accounts of this machine: each may exactly what the roles say, whatever they say of
// themselves. The engine runs as root; the accounts are ones that every Debian has.
import Domain
import Foundation
import TestKit
import Testing
import Wire

/// An account, and the engine that it talks to.
private struct Operator {
    let user: String
    let engine: RealEngine
    /// The group that may open the socket.
    var group = "users"

    /// A command as this user, who may claim to be another in the environment.
    func tocsin(_ words: String..., claiming: String? = nil) async throws -> Said {
        var claims: [String: String] = [:]
        for name in ["USER", "LOGNAME", "SUDO_USER", "USERNAME"] { claims[name] = claiming }
        return try await run(
            [try Places.program("tocsin"), words[0], "--socket", engine.socket] + words.dropFirst(),
            claims)
    }
    /// A request by hand, as this user. - Returns: what curl said.
    func post(_ body: String, headers: [String] = []) async throws -> Said {
        try await run(
            [
                "/usr/bin/curl", "--silent", "--show-error", "--unix-socket", engine.socket,
                "--data-binary", body,
            ] + headers.flatMap { ["--header", $0] } + ["http://engine/v1/commands"], [:])
    }
    private func run(_ command: [String], _ environment: [String: String]) async throws -> Said {
        try await Program.run(
            command, of: "/usr/bin/setpriv",
            before: ["--reuid=\(user)", "--regid=\(group)", "--clear-groups"],
            environment: environment)
    }
}

@Suite(.serialized, .enabled(if: getuid() == 0, "the engine is root's, and so are the accounts"))
struct OperatorTests {
    /// Ines and Tomas must both agree; Vera has an account and no role; `nobody` is not in it.
    private static let runbook = """
        version: 1
        service: { name: shop, title: Shop, environment: test }
        people:
          ines:  { name: Ines Moreau, user: daemon }
          tomas: { name: Tomas Lind, user: bin }
          vera:  { name: Vera Sato, user: games }
        roles:
          senior-administrator: { members: [ines] }
          change-manager: { members: [tomas] }
          administrator: { includes: [senior-administrator] }
        components:
          host: { title: Host, probes: { memory: { memory: {}, every: 60s } } }
        triggers:
          never: { when: reported nothing, level: 1, failure: nothing }
        backup: { to: backups, files: [data] }
        rollback:
          to: The old shop
          authorization:
            emergency: { needs: { administrator: 1 }, only_during_level: 1 }
            planned:   { needs: { senior-administrator: 1, change-manager: 1 } }
          stages:
            - { name: Service shutdown, steps: [ { name: Stop, run: [mkdir, stopped], undo: { run: [rmdir, stopped] } } ] }
            - { name: Component removal, steps: [ { name: Nothing, run: ["true"], undo: { run: ["true"] } } ] }
            - { name: Legacy restoration, steps: [ { name: Nothing, run: ["true"], undo: { run: ["true"] } } ] }
            - { name: Database rollback, steps: [ { name: Nothing, run: ["true"], undo: { run: ["true"] } } ] }
            - { name: Configuration update, steps: [ { name: Nothing, run: ["true"], undo: { run: ["true"] } } ] }
            - { name: Service restart, steps: [ { name: Nothing, run: ["true"], undo: { run: ["true"] } } ] }
            - { name: Validation, steps: [ { name: Nothing, run: ["true"], undo: { run: ["true"] } } ] }
          afterwards: { watch: { for: 1h } }
        """

    private func engine(_ folder: TemporaryFolder) async throws -> RealEngine {
        // Others may pass through it, and see nothing.
        chmod(folder.path, 0o711)
        try folder.write("data/things", "things")
        let engine = try RealEngine(
            folder, runbook: Self.runbook, options: ["--group", "users"])
        try await engine.start()
        return engine
    }
    private func operators(_ engine: RealEngine) -> (Operator, Operator, Operator, Operator) {
        func named(_ user: String) -> Operator { Operator(user: user, engine: engine) }
        return (named("daemon"), named("bin"), named("games"), named("nobody"))
    }
    private func request(_ engine: RealEngine) async throws -> RequestReport {
        let situation = await engine.situation()
        return try #require(situation?.core.request)
    }

    @Test func `two agree and it starts; one, a third, a stranger and a pretender do not suffice`()
        async throws
    {
        let folder = try TemporaryFolder("operators")
        let engine = try await engine(folder)
        let (ines, tomas, vera, stranger) = operators(engine)

        // The asker alone.
        let asked = try await ines.tocsin("rollback", "--confirm", "--reason", "slow")
        #expect(asked.status == 4)
        #expect(asked.errors.contains("waits (rollback-authorization)"))
        #expect(asked.errors.contains("needs 1 change-manager (Tomas Lind) beside Ines Moreau"))
        let id = try await request(engine).id
        #expect(asked.errors.contains("tocsin approve-rollback --request \(id)"))

        // The asker as their own second, also under another's name.
        for claim in [nil, "bin"] {
            let own = try await ines.tocsin("approve-rollback", claiming: claim)
            #expect(own.status == 4 && own.errors.contains("refused (own-second)"))
            #expect(own.errors.contains("Ask for 1 change-manager (Tomas Lind)"))
        }

        // Somebody without the role, and somebody whom the runbook does not name.
        for other in [vera, stranger] {
            for claim in [nil, "bin"] {
                let said = try await other.tocsin("approve-rollback", claiming: claim)
                #expect(
                    said.status == 4 && said.errors.contains("refused (rollback-authorization)"))
                #expect(said.errors.contains("\(other.user) is none"))
                #expect(said.errors.contains("Ask 1 change-manager (Tomas Lind)"))
            }
            let own = try await other.tocsin("rollback", "--confirm", "--reason", "mine")
            #expect(own.status == 4 && own.errors.contains("refused (administrators-only)"))
            #expect(own.errors.contains("Ask Ines Moreau"))
            for command in ["veto-rollback", "undo-rollback", "backup", "stop-procedure"] {
                let said = try await other.tocsin(command)
                #expect(
                    said.status == 4 && said.errors.contains("administrators-only"), "\(command)")
            }
        }

        // Names in the request's own words.
        for body in [
            #"{"command":"approve-rollback","triggered_by":"bin","resolved_by":"bin"}"#,
            #"{"command":"approve-rollback","target":"bin","assignee":"bin","name":"bin"}"#,
            #"{"command":"approve-rollback","user":"bin"}"#,
            #"{"command":"approve-rollback","by":"bin","caller":{"user":"bin","uid":2}}"#,
        ] {
            let said = try await vera.post(
                body,
                headers: [
                    "X-Remote-User: bin", "X-Forwarded-User: bin",
                    "Authorization: Basic YmluOmJpbg==",
                    "From: bin", "Cookie: user=bin", "Content-Type: application/json",
                ])
            #expect(said.status == 0 && said.output.contains("\"refused\""), "\(said.output)")
        }
        let approvals = try await request(engine).approvals
        #expect(approvals.map(\.user) == ["daemon"])
        #expect(!FileManager.default.fileExists(atPath: folder("stopped")))

        // What was agreed to outlives the engine.
        try await engine.kill9()
        try await engine.start()
        #expect(try await request(engine).approvals.map(\.user) == ["daemon"])

        // The one who is missing; but not to a plan that they did not read.
        let other = try await tomas.tocsin("approve-rollback", "--plan", "0123456789")
        #expect(other.status == 4 && other.errors.contains("refused (plan-changed)"))
        let agreed = try await tomas.tocsin("approve-rollback", "--request", id, "--wait")
        #expect(agreed.status == 0, "\(agreed.errors)")
        #expect(FileManager.default.fileExists(atPath: folder("stopped")))
        let rollback = try #require(await engine.situation()?.core.rollback)
        #expect(rollback.approvals.map(\.user) == ["daemon", "bin"])
        #expect(rollback.startedBy == "daemon")

        let report = try await ines.tocsin("generate-rollback-report")
        #expect(report.status == 0)
        for words in ["Ines Moreau (daemon)", "Tomas Lind (bin)", "slow", "Service shutdown"] {
            #expect(report.output.contains(words), "\(words)")
        }
        // Agreeing is not commanding.
        let undo = try await tomas.tocsin("undo-rollback")
        #expect(undo.status == 4 && undo.errors.contains("administrators-only"))
        #expect(try await ines.tocsin("undo-rollback").status == 0)
        #expect(!FileManager.default.fileExists(atPath: folder("stopped")))
    }

    @Test func `who waits is told when the second agrees, and a veto ends it`() async throws {
        let folder = try TemporaryFolder("operators")
        let engine = try await engine(folder)
        let (ines, tomas, _, _) = operators(engine)
        async let vetoed = ines.tocsin("rollback", "--confirm", "--reason", "slow", "--wait")
        try await engine.wait("it is asked for") { $0.core.request != nil }
        #expect(try await ines.tocsin("veto-rollback", "--reason", "it is mended").status == 0)
        let over = try await vetoed
        #expect(over.status == 4 && over.errors.contains("vetoed: it is mended"), "\(over.errors)")

        async let waited = ines.tocsin("rollback", "--confirm", "--reason", "slow", "--wait")
        try await engine.wait("it is asked for again") { $0.core.request != nil }
        #expect(try await tomas.tocsin("approve-rollback").status == 0)
        let done = try await waited
        #expect(done.status == 0, "\(done.errors)")
        #expect(FileManager.default.fileExists(atPath: folder("stopped")))
    }

    @Test func `emergency authorization holds only during level 1`() async throws {
        let folder = try TemporaryFolder("operators")
        let engine = try await engine(folder)
        let (ines, _, _, _) = operators(engine)
        let words = ["rollback", "--confirm", "--reason", "broken", "--authorization", "emergency"]
        func emergency() async throws -> Said {
            try await ines.tocsin(words[0], words[1], words[2], words[3], words[4], words[5])
        }
        let early = try await emergency()
        #expect(early.status == 4 && early.errors.contains("only during a level 1 emergency"))
        _ = try await ines.tocsin("activate-emergency", "--reason", "broken", "--level", "2")
        #expect(try await emergency().status == 4)
        _ = try await ines.tocsin("set-level", "1", "--reason", "worse")
        try await engine.wait("it is critical") { $0.core.level?.number == 1 }
        let now = try await emergency()
        #expect(now.status == 0, "\(now.errors)")
    }

    @Test func `another runbook is another plan, and nothing runs that was not read`() async throws
    {
        let folder = try TemporaryFolder("operators")
        let engine = try await engine(folder)
        let (ines, tomas, _, _) = operators(engine)
        #expect(try await ines.tocsin("rollback", "--confirm", "--reason", "slow").status == 4)
        try await engine.stop()
        try folder.write(
            "tocsin.yaml",
            Self.runbook.replacing("[mkdir, stopped]", with: "[mkdir, something-else]"))
        try await engine.start()
        let agreed = try await tomas.tocsin("approve-rollback", "--wait")
        #expect(agreed.status == 4, "\(agreed.output)")
        #expect(
            agreed.errors.contains("plan-changed") || agreed.errors.contains("nothing-to-approve"))
        let situation = try #require(await engine.situation())
        #expect(situation.core.request == nil && situation.core.rollback == nil)
        #expect(!FileManager.default.fileExists(atPath: folder("something-else")))
    }

    @Test func `only the group's members reach the engine, and see nothing else of it`()
        async throws
    {
        let folder = try TemporaryFolder("operators")
        let engine = try await engine(folder)
        let (ines, _, _, _) = operators(engine)
        #expect(try await ines.tocsin("status").status == 0)
        let outside = Operator(user: "daemon", engine: engine, group: "games")
        let said = try await outside.tocsin("rollback", "--confirm", "--reason", "slow")
        #expect(said.status == 1 && said.errors.contains("permission denied"))
        #expect(said.errors.contains("--group"))
        for path in [engine.state, engine.state + "/journal.db", engine.state + "/runs"] {
            let look = try await Program.run(
                ["/usr/bin/test", "-r", path], of: "/usr/bin/setpriv",
                before: ["--reuid=daemon", "--regid=users", "--clear-groups"])
            #expect(look.status == 1, "\(path)")
        }
    }

    @Test func `a group that is not there is said with what to do`() async throws {
        let folder = try TemporaryFolder("operators")
        let engine = try RealEngine(
            folder, runbook: Self.runbook, options: ["--group", "no-such-group"])
        let started = try engine.launch()
        #expect(try await started.end() != 0)
        let errors = try Program.text(folder("state.err"))
        #expect(errors.contains("no-such-group") && errors.contains("groupadd"))
    }
}
