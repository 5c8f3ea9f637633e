// What people read: lengths, lines that fit, the status page, and which failure has which status.
import Domain
import Testing
import Wire

@testable import tocsin

#if canImport(Glibc)
    import Glibc
#endif

@Suite struct WordsTests {
    @Test(arguments: [
        (0.0, "0 ms"), (0.25, "250 ms"), (1, "1 s"), (1.25, "1.3 s"), (9.97, "10 s"), (59.6, "1 m"),
        (60, "1 m"), (252, "4 m 12 s"), (3600, "1 h"), (11_040, "3 h 4 m"), (273_600, "3 d 4 h"),
        (86_400, "1 d"), (-5, "0 ms"),
    ])
    func `a length of time is said in two units at most`(_ seconds: Double, _ words: String) {
        #expect(Words.length(.seconds(seconds)) == words)
    }

    @Test func `numbers have no false precision`() {
        #expect(Words.value(99.24, "%") == "99.2 %")
        #expect(Words.value(412, "clients") == "412 clients")
        #expect(Words.value(0.314159, "") == "0.31")
        #expect(Words.value(1e300, "") == "1e+300")
        #expect(Words.bytes(310_000_000) == "310 MB")
        #expect(Words.bytes(12) == "12 B")
    }

    @Test func `the worst state wins, and not knowing is worse than degraded`() {
        #expect(Health.worst([.healthy, .degraded]) == .degraded)
        #expect(Health.worst([.unknown, .degraded]) == .unknown)
        #expect(Health.worst([.unknown, .failed]) == .failed)
        #expect(Health.worst([]) == nil)
    }
}

@Suite struct PaperTests {
    let line = Line("● ", .good) + ("Health 62 / 100", .strong)

    @Test func `a line is cut to the width and says so`() {
        let paper = Paper(width: 10, colour: false, ascii: false)
        #expect(paper.render(line) == "● Health …")
        #expect(Paper(width: 17, colour: false, ascii: false).render(line) == "● Health 62 / 100")
        #expect(Paper(width: nil, colour: false, ascii: false).render(line) == "● Health 62 / 100")
        #expect(Paper(width: 1, colour: false, ascii: false).render(line) == "…")
    }

    @Test func `what does not fit goes on below, further in, and nothing is cut`() {
        let paper = Paper(width: 20, colour: false, ascii: false)
        #expect(
            paper.wrapped(Line("  told: Ines (text), Tomas (mail), Oren")) == [
                "  told: Ines (text),", "      Tomas (mail),", "      Oren",
            ])
        #expect(paper.wrapped(line) == ["● Health 62 / 100"])
        // A row goes on below its last column, and a command stays whole, to be copied.
        let row = table([[("1", .plain), ("Restart it now please", .plain)]])
        #expect(row.flatMap(paper.wrapped) == ["1  Restart it now", "   please"])
        // A last column that begins too far to the right has no room for what follows.
        let wide = table([[("1", .plain), ("Ines Moreau and Oren", .plain), ("told", .plain)]])
        #expect(wide.flatMap(paper.wrapped) == ["1  Ines Moreau and", "   Oren  told"])
        let command = Line("1  Restart  ") + ("tocsin recover web".unbroken, .quiet)
        #expect(paper.wrapped(command) == ["1  Restart", "    tocsin recover web"])
        let long = String(repeating: "x", count: 30)
        #expect(paper.wrapped(Line("a \(long) b")) == ["a", "    \(long)", "    b"])
        for width in 1...60 {
            let narrow = Paper(width: width, colour: false, ascii: false)
            let text = narrow.wrapped(Line("one two three  four", .good) + " five six")
                .joined(separator: " ").split(separator: " ").joined(separator: " ")
            #expect(text == "one two three four five six")
        }
    }

    @Test func `colour is around the words and never in their place`() {
        let coloured = Paper(width: nil, colour: true, ascii: false).render(line)
        #expect(coloured == "\u{1B}[32m● \u{1B}[0m\u{1B}[1mHealth 62 / 100\u{1B}[0m")
    }

    @Test func `control characters from outside are made visible`() {
        let paper = Paper(width: nil, colour: false, ascii: false)
        #expect(!paper.render(Line("a\u{1B}[2Jb\nc")).contains { $0 == "\u{1B}" || $0 == "\n" })
    }

    @Test func `plain paper has ASCII only`() {
        let paper = Paper(width: nil, colour: false, ascii: true)
        let text = paper.render(Line("● ▲ ✖ ✔ — … ü"))
        let plain = text.unicodeScalars.allSatisfy { $0.isASCII }
        #expect(plain, "\(text)")
    }

    @Test func `a pipe is never coloured`() throws {
        let paper = Paper(descriptor: -1, plain: false, environment: ["TERM": "xterm"])
        #expect(!paper.colour && paper.width == nil && !paper.ascii)
    }

    @Test func `columns of a table stand under each other`() {
        let paper = Paper(width: nil, colour: false, ascii: false)
        let lines = table([
            [("a", .plain), ("b", .plain)], [("long", .plain), ("c", .plain)],
        ]).map(paper.render)
        #expect(lines == ["a     b", "long  c"])
    }
}

@Suite struct StatusTextTests {
    func text(_ situation: SituationReport, width: Int? = nil) -> [String] {
        let paper = Paper(width: width, colour: false, ascii: false)
        return StatusText(situation).lines.map(paper.render)
    }

    let broken = situation(
        at: 648, health: .degraded, emergency: emergency(attempts: 1),
        components: [
            ComponentReport(
                name: "web", title: "Web", state: .healthy, critical: true,
                probes: [probe("home", .healthy)]),
            ComponentReport(
                name: "delivery", title: "Delivery", state: .failed, critical: true,
                probes: [probe("stats", .failed, message: "errors 23.1 %")]),
        ])

    @Test func `an emergency says level, clock, what is broken and what holds`() {
        let lines = text(broken).joined(separator: "\n")
        for words in [
            "LEVEL 2 HIGH", "Delivery errors above 10 %", "emergency_20260105_001",
            "open 10 m 48 s",
            "respond within 4 m 12 s", "attempts 1 of 3", "still holding: delivery-errors",
            "Health 62 / 100 degraded", "✖  delivery  failed", "stats: errors 23.1 %",
            "home 12.5 ms",
        ] {
            #expect(lines.contains(words), "no “\(words)” in\n\(lines)")
        }
    }

    @Test func `an answered and an overdue emergency say so`() {
        let taken = situation(emergency: emergency(acknowledgedBy: "ines"))
        #expect(text(taken).joined().contains("acknowledged by ines"))
        let late = situation(at: 1000, emergency: emergency())
        #expect(text(late).joined().contains("overdue by 1 m 40 s"))
    }

    @Test func `a quiet situation says for how long`() {
        #expect(text(situation(at: 7200)).joined().contains("No emergency for 2 h"))
    }

    func page(_ situation: SituationReport) -> String { text(situation).joined(separator: "\n") }

    @Test func `a request that waits says who asks, who is missing, until when, and what to do`() {
        let page = page(situation(request: request(missing: "1 change-manager (Tomas Lind)")))
        for words in [
            "Ines Moreau asks for a rollback under planned authorization: slow for an hour",
            "request_1 · until 12:30:00 UTC, 29 m left", "agreed: Ines Moreau",
            "missing: 1 change-manager (Tomas Lind)", "tocsin approve-rollback",
            "tocsin veto-rollback",
        ] {
            #expect(page.contains(words), "no “\(words)” in\n\(page)")
        }
    }

    @Test func `what stands still is said once, before the components, with its remedy`() throws {
        var failed = procedure("r1", .failed)
        failed.message = "Drop failed"
        let page = page(situation(rollback: failed, components: broken.components))
        #expect(page.contains("✖ Rollback to Legacy failed: Drop failed"))
        #expect(page.contains("tocsin resume-rollback") && page.contains("tocsin undo-rollback"))
        #expect(page.ranges(of: "Rollback to Legacy").count == 1)
        let place = try #require(page.firstRange(of: "resume-rollback"))
        #expect(place.upperBound < (try #require(page.firstRange(of: "delivery"))).lowerBound)
        let paused = self.page(situation(running: procedure("r1", .paused)))
        #expect(paused.contains("is paused") && paused.contains("tocsin resume-rollback"))
        let waits = self.page(situation(running: procedure("p1", .waiting, kind: .playbook)))
        #expect(waits.contains("waits for a person") && waits.contains("tocsin resolve-step"))
        #expect(!self.page(situation(rollback: procedure("r1", .undone))).contains("undo-rollback"))
    }

    @Test func `to end the emergency comes first once nothing holds any more`() throws {
        var over = emergency()
        over.stillHolding = []
        func what(_ emergency: EmergencyReport, _ rollback: ProcedureReport? = nil) -> String {
            var whole = situation(emergency: emergency, rollback: rollback)
            whole.core.proposals = [
                ProposalReport(
                    kind: "rollback", name: "r", title: "Roll back to Legacy", why: "so",
                    runsAt: nil)
            ]
            return page(whole)
        }
        #expect(!what(over).contains("deactivate-emergency"), "only declared, and nothing done")
        #expect(what(over, procedure("r1", .undone)).contains("1  End the emergency"))
        over.triggers = ["delivery-errors"]
        #expect(what(over).contains("1  End the emergency"))
        #expect(what(over).contains("2  Roll back to Legacy"))
        #expect(!what(over, procedure("r1", .failed)).contains("deactivate-emergency"))
        over.stillHolding = ["delivery-errors"]
        #expect(!what(over).contains("deactivate-emergency"))
    }

    @Test(arguments: [20, 40, 80])
    func `no line is longer than the terminal is wide`(_ width: Int) {
        for line in text(broken, width: width) { #expect(line.count <= width) }
    }
}

@Suite struct FailureTests {
    @Test func `refusals, faults and runbooks have their statuses in both families`() {
        func statuses(_ kind: Failure.Kind) -> [Int32] {
            let failure = Failure(kind, rule: "r", why: "w", remedy: "")
            return [failure.status(.check), failure.status(.act)]
        }
        #expect(statuses(.refused) == [3, 4])
        #expect(statuses(.failed) == [3, 1])
        #expect(statuses(.runbook) == [3, 78])
        #expect(statuses(.usage) == [64, 64])
        let already = Failure(.refused, rule: "rolled-back-already", why: "w", remedy: "")
        #expect([already.status(.check), already.status(.act)] == [3, 0])
    }

    /// /dev/full stands for every disk that is full.
    @Test func `what could not be printed is a failure`() throws {
        let full = open("/dev/full", O_WRONLY)
        try #require(full >= 0)
        defer { close(full) }
        let error = #expect(throws: Unwritten.self) { try Output.write("a", to: full) }
        let failure = try Failure(#require(error))
        #expect(failure.status(.act) == 1 && failure.status(.check) == 3)
        #expect(failure.why == "cannot write the output: No space left on device")
    }

    @Test func `what the domain throws is told apart`() {
        let refusal = Refusal(.notAllowed, rule: "role", why: "no", remedy: "ask")
        #expect(Failure(refusal).status(.act) == 4)
        #expect(Failure(Fault(operation: "a", subject: "b", cause: "c")).status(.act) == 1)
        #expect(Failure(Damage(subject: "a", detail: "b")).status(.check) == 3)
    }
}

@Suite struct JournalTextTests {
    @Test func `emergencies are told from the journal's events`() {
        let entries = Emergencies.entries([
            event(1, "emergency-activated", emergency: "e1"),
            event(2, "emergency-acknowledged", at: 30), event(3, "emergency-acknowledged", at: 40),
            event(4, "emergency-deactivated", at: 90),
            event(5, "emergency-activated", emergency: "e2", at: 100),
        ])
        #expect(entries.map(\.id) == ["e1", "e2"])
        #expect(entries.first?.acknowledgedAt == after(30))
        #expect(entries.map(\.seconds) == [90, nil])
        #expect(Emergencies.entries([event(1, "emergency-deactivated")]).isEmpty)
    }
}
