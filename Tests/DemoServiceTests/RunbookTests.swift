// The demo's runbook: it loads, and it fits the service that it speaks of.
import Domain
import FoundationEssentials
import RunbookFile
import TestKit
import Testing

@testable import DemoService

@Suite struct RunbookTests {
    private func load(_ path: String) throws -> Runbook {
        let result = RunbookFile.load(path: path, environment: [:])
        #expect(result.problems.map(\.description) == [])
        return try #require(result.runbook)
    }
    private func steps(_ runbook: Runbook) -> [Step] {
        runbook.rollback?.stages.flatMap(\.steps) ?? []
    }

    @Test func `it loads without a problem, as it is and on a stage`() throws {
        #expect(try load(share + "/tocsin.yaml").service.name == "courier")
        let temporary = try TemporaryFolder("runbook")
        for user in ["tess", "o'neil \"x\" #1", "null", "0"] {
            let stage = try DemoStage.prepare(
                directory: temporary.path, share: share, binary: "/bin/sh", user: user)
            let runbook = try load(stage.runbookPath)
            #expect(runbook.people.first?.user == user)
            #expect(runbook.pages.first == stage.url)
        }
    }

    @Test func `whoever runs the demo may do everything`() throws {
        let runbook = try load(share + "/tocsin.yaml")
        let mine = runbook.roles.filter { $0.members.contains("you") }.map(\.name)
        let needed = runbook.rollback?.authorization.flatMap(\.needs).map(\.role) ?? []
        #expect(Set(needed).subtracting(["administrator"]).isSubset(of: mine))
        let included = runbook.roles.first { $0.name == "administrator" }?.includes ?? []
        #expect(Set(included).isSubset(of: mine))
    }

    @Test func `the rollback takes away exactly what is unified, and brings what is legacy`() throws
    {
        let steps = steps(try load(share + "/tocsin.yaml"))
        var removed: [String] = []
        var restored: [String] = []
        var dropped: [String] = []
        for step in steps {
            switch step.work {
            case .remove(let paths): removed += paths
            case .restore(.copy(_, let paths)): restored += paths
            case .sql(let work): dropped += work.statements
            default: break
            }
        }
        let unified = Site.unifiedFiles.filter { !$0.hasPrefix("unified/") } + ["unified/*.conf"]
        #expect(Set(removed) == Set(unified))
        #expect(Set(restored) == Set(Site.legacyFiles + ["templates/base.html"]))
        #expect(dropped == Storage.notificationTables.map { "DROP TABLE IF EXISTS \($0)" })
        for path in restored { #expect(try ServiceFolder(share).exists("legacy/" + path)) }
    }

    @Test func `it tells people by channels that are there, another one where one fails`() throws {
        let runbook = try load(share + "/tocsin.yaml")
        for channel in runbook.channels {
            guard case .command(let run, _) = channel.kind else { continue }
            let program = run[0].hasPrefix("/") ? run[0] : "\(share)/\(run[0])"
            #expect(FileManager.default.isExecutableFile(atPath: program), "\(run)")
        }
        #expect(runbook.channels.map(\.name) == ["mail", "text", "pager", "users"])
        let urgent = runbook.escalation.filter { $0.level <= .high }.flatMap(\.steps)
        #expect(urgent.count == 4 && urgent.allSatisfy { $0.via.count > 1 })
        #expect(runbook.onCall.map(\.order) == [["you", "tomas"]])
    }

    @Test func `its drills and its units call what there is`() throws {
        let runbook = try load(share + "/tocsin.yaml")
        #expect(runbook.drills.count == 5)
        let runs = runbook.drills.flatMap { $0.inject + $0.restore }.compactMap { step in
            if case .run(let arguments, _) = step.work { arguments } else { nil }
        }
        for arguments in runs {
            #expect(arguments.count == 3 && arguments[0] == "./bin/fault")
            #expect(DemoFaults.all.map(\.name).contains(arguments[1]))
        }
        let programs =
            runs.map(\.[0])
            + runbook.units.flatMap { [$0.start[0], $0.stop[0]] + ($0.status ?? []) }
        for program in Set(programs) where program.hasPrefix("./") {
            #expect(try ServiceFolder(share).exists(program))
        }
    }
}
