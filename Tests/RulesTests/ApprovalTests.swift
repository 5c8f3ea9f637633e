// Who has to agree to a rollback: matching people with places, and every way a request can go.
import Domain
import FoundationEssentials
import OrderedCollections
import Rules
import TestKit
import Testing

/// A runbook with roles that overlap, and a rollback that needs what a test says.
enum ApprovalRunbook {
    static func make(
        _ needs: [(String, Int)], during level: Level? = nil, kind: String = "planned",
        change: (inout Runbook) -> Void = { _ in }
    ) -> Runbook {
        SampleRunbook.make { runbook in
            runbook.people += ["ada", "ben", "carl"].map {
                Person(id: $0, name: $0.capitalized, user: $0, email: "\($0)@example.com")
            }
            runbook.people.append(Person(id: "nobody", name: "Nobody", user: ""))
            runbook.roles += [
                Role(name: "database", members: ["ada", "ben", "nobody"]),
                Role(name: "security", members: ["ada", "carl"]),
                Role(name: "anyone", members: ["*"]),
            ]
            runbook.rollback?.authorization = [
                AuthorizationRule(
                    kind: kind, needs: needs.map { RoleCount(role: $0.0, count: $0.1) },
                    onlyDuringLevel: level),
                AuthorizationRule(
                    kind: "maintenance", needs: [RoleCount(role: "administrator", count: 2)]),
            ]
            change(&runbook)
        }
    }

    static func request(_ kind: String = "planned", plan: String = "p1") -> Command {
        .rollback(
            RollbackRequest(
                authorization: kind, reason: "it has to be", confirmation: "sample",
                planIsCurrent: true, plan: plan, testMode: false))
    }
}

extension RulesWorld {
    /// The reason why the last request for a rollback is over.
    var requestEnd: String? {
        events.compactMap { entry in
            if case .rollbackRequestEnded(_, let why, _) = entry.event { why } else { nil }
        }.last
    }
    /// The same world after an engine that has read everything back from its stored form.
    mutating func restart() throws {
        var replayed = Situation()
        for (at, event) in events {
            let body = try JSONEncoder().encode(event)
            replayed.apply(try JSONDecoder().decode(Event.self, from: body), at: at)
            replayed.seq += 1
        }
        #expect(replayed == situation)
        situation = replayed
        try ask(.started(version: "2", pid: 2, boot: "b"))
    }
    /// Ends every step that runs, well, until nothing runs any more.
    mutating func endAll(_ most: Int = 60) throws {
        for _ in 0..<most where running != nil { try end() }
    }
}

@Suite struct MatchingTests {
    /// What is needed, who has agreed, and what is missing then.
    static let table: [(needs: [(String, Int)], given: [String], missing: [String])] = [
        ([], [], []),
        ([("database", 1)], [], ["1 database"]),
        ([("database", 1)], ["ada"], []),
        ([("database", 1)], ["carl"], ["1 database"]),
        ([("database", 2)], ["ada"], ["1 database"]),
        ([("database", 2)], ["ada", "ada"], ["1 database"]),
        ([("database", 2)], ["ada", "ben"], []),
        // Ada holds both roles, and fills one place only: whichever leaves the fewest open.
        ([("database", 1), ("security", 1)], ["ada"], ["1 security"]),
        ([("database", 1), ("security", 1)], ["ada", "ben"], []),
        ([("database", 1), ("security", 1)], ["ada", "carl"], []),
        ([("database", 1), ("security", 1)], ["carl", "ada"], []),
        ([("database", 1), ("security", 1)], ["ben", "ada"], []),
        ([("database", 1), ("security", 1)], ["ben", "vera"], ["1 security"]),
        ([("database", 2), ("security", 1)], ["ada", "carl", "ben"], []),
        ([("database", 2), ("security", 2)], ["ada", "carl", "ben"], ["1 security"]),
        ([("senior-administrator", 1), ("administrator", 1)], ["ines"], ["1 administrator"]),
        (
            [("administrator", 1), ("senior-administrator", 1)], ["tomas"],
            ["1 senior-administrator"]
        ),
        ([("administrator", 1), ("senior-administrator", 1)], ["ines", "tomas"], []),
        // Ines alone is senior: the place that is left is one that somebody else can fill.
        ([("administrator", 1), ("senior-administrator", 1)], ["ines"], ["1 administrator"]),
        // Nobody in particular agrees to nothing, and an empty login name is nobody's.
        ([("anyone", 1)], ["vera", "mallory", ""], ["1 anyone"]),
        ([("database", 3)], ["ada", "ben", ""], ["1 database"]),
        ([("no-such-role", 1)], ["ines", "ada"], ["1 no-such-role"]),
    ]

    @Test(arguments: table.indices)
    func `everybody fills one place, and as many places as can be are filled`(row: Int) throws {
        let (needs, given, missing) = Self.table[row]
        let rules = Rules(ApprovalRunbook.make(needs))
        let rule = try #require(rules.authorization("planned"))
        #expect(
            rules.missing(rule, given).map { "\($0.count) \($0.role)" } == missing,
            "\(needs) by \(given)")
    }

    @Test func `no other seating would leave fewer places open`() throws {
        var random = SeededRandom(seed: 7)
        let users = ["ines", "tomas", "ada", "ben", "carl", "vera"]
        for _ in 0..<300 {
            let needs = ["database", "security", "administrator", "senior-administrator"].map {
                ($0, Int.random(in: 0...2, using: &random))
            }
            let given = users.filter { _ in Bool.random(using: &random) }
                .shuffled(using: &random)
            let rules = Rules(ApprovalRunbook.make(needs))
            let rule = try #require(rules.authorization("planned"))
            let places = needs.flatMap { Array(repeating: $0.0, count: $0.1) }
            func most(_ place: Int, _ left: [String]) -> Int {
                guard place < places.count else { return 0 }
                var best = most(place + 1, left)
                for user in left where rules.authority.holds(places[place], user: user) {
                    best = max(best, 1 + most(place + 1, left.filter { $0 != user }))
                }
                return best
            }
            let open = rules.missing(rule, given).map(\.count).reduce(0, +)
            #expect(open == places.count - most(0, given), "\(needs) by \(given)")
        }
    }
}

@Suite struct ApprovalTests {
    /// A request that waits: ines has asked under an authorization that needs two people.
    static func waiting(
        _ needs: [(String, Int)] = [("senior-administrator", 1), ("database", 1)],
        during level: Level? = nil, by user: String = "ines",
        change: (inout Runbook) -> Void = { _ in }
    ) throws -> RulesWorld {
        var world = RulesWorld(ApprovalRunbook.make(needs, during: level, change: change))
        if level != nil { try world.condition("all-down", true) }
        try world.ask(ApprovalRunbook.request(), by: user)
        #expect(world.situation.ask?.by == user)
        #expect(world.situation.procedure == nil)
        return world
    }
    static let approval = Command.approveRollback(ApprovalRequest())

    @Test func `who is enough alone starts it at once`() throws {
        var world = RulesWorld(ApprovalRunbook.make([("senior-administrator", 1)]))
        try world.ask(ApprovalRunbook.request(), by: "ines")
        #expect(world.situation.ask == nil)
        #expect(world.situation.procedure?.kind == .rollback)
        #expect(world.situation.procedure?.approvals?.map(\.user) == ["ines"])
        #expect(world.situation.procedure?.startedBy == "ines")
    }

    @Test func `the last one who agrees starts it, and everybody stands in it`() throws {
        var world = try Self.waiting()
        // Those who could agree are told: Ada and Ben, and not who asks.
        #expect(world.messages.last?.people == ["ada", "ben"])
        #expect(world.messages.last?.title.hasPrefix("APPROVAL NEEDED") == true)
        try world.ask(Self.approval, by: "ben")
        #expect(world.situation.ask == nil)
        #expect(world.situation.procedure?.approvals?.map(\.user) == ["ines", "ben"])
        #expect(world.situation.procedure?.startedBy == "ines")
        try world.endAll()
        #expect(world.situation.rollback?.state == .succeeded)
    }

    @Test func `who asks without the role does not count`() throws {
        var world = try Self.waiting([("senior-administrator", 1)], by: "tomas")
        #expect(world.situation.ask?.approvals == [])
        try world.ask(Self.approval, by: "ines")
        #expect(world.situation.procedure?.approvals?.map(\.user) == ["ines"])
    }

    @Test func `three places need three people`() throws {
        var world = try Self.waiting([("database", 2), ("senior-administrator", 1)])
        try world.ask(Self.approval, by: "ada")
        #expect(world.situation.procedure == nil)
        #expect(refusedRule { try world.ask(Self.approval, by: "ada") } == "own-second")
        try world.ask(Self.approval, by: "ben")
        #expect(world.situation.procedure?.approvals?.map(\.user) == ["ines", "ada", "ben"])
    }

    @Test func `who may not agree is told whom to ask`() throws {
        var world = try Self.waiting()
        let before = world.situation
        for (user, rule) in [
            ("ines", "own-second"), ("tomas", "rollback-authorization"),
            ("carl", "rollback-authorization"), ("vera", "rollback-authorization"),
            ("mallory", "rollback-authorization"), ("", "rollback-authorization"),
        ] {
            #expect(refusedRule { try world.ask(Self.approval, by: user) } == rule, "\(user)")
        }
        do {
            try world.ask(Self.approval, by: "carl")
        } catch let refusal as Refusal {
            #expect(refusal.remedy.contains("Ada") && refusal.remedy.contains("Ben"))
            #expect(refusal.kind == .notAllowed)
        }
        #expect(world.situation == before)
    }

    @Test func `only administrators ask, whatever they would count for`() throws {
        var world = RulesWorld(ApprovalRunbook.make([("database", 1)]))
        #expect(
            refusedRule { try world.ask(ApprovalRunbook.request(), by: "ada") }
                == "administrators-only")
    }

    @Test func `it is over after thirty minutes, to the millisecond`() throws {
        let half = RollbackAsk.lifetime
        #expect(half == .minutes(30))
        var late = try Self.waiting()
        let asked = late.now
        var just = late
        try just.pass(.seconds(1_799.999))
        #expect(just.situation.ask != nil)
        try just.ask(Self.approval, by: "ada")
        #expect(just.situation.procedure?.kind == .rollback)

        // At the very moment it is over, also when the clock has not said so yet.
        late.now = asked + half
        try late.ask(Self.approval, by: "ada")
        #expect(late.situation.procedure == nil)
        #expect(late.situation.ask == nil)
        #expect(late.requestEnd == "it was not approved within 30m")
        #expect(refusedRule { try late.ask(Self.approval, by: "ada") } == "nothing-to-approve")
    }

    @Test func `an approval does not outlive its request`() throws {
        var world = try Self.waiting([("database", 2), ("senior-administrator", 1)])
        try world.pass(.minutes(29))
        try world.ask(Self.approval, by: "ada")
        try world.pass(.minutes(1))
        #expect(world.situation.ask == nil)
        try world.ask(ApprovalRunbook.request(), by: "ines")
        try world.ask(Self.approval, by: "ben")
        #expect(world.situation.procedure == nil, "Ada has to agree anew")
        try world.ask(Self.approval, by: "ada")
        #expect(world.situation.procedure?.kind == .rollback)
    }

    @Test func `an emergency's authorization ends with its level`() throws {
        for end in 0..<3 {
            var world = try Self.waiting(during: .critical)
            switch end {
            case 0: try world.ask(.setLevel(.high, reason: "less bad"))
            case 1: try world.ask(.deactivate(resolvedBy: "", text: "over"))
            default:
                try world.ask(.setLevel(.high, reason: "less bad"))
                try world.ask(.setLevel(.critical, reason: "worse again"))
            }
            #expect(world.situation.ask == nil)
            #expect(world.requestEnd?.contains("only during a level 1") == true)
            #expect(
                refusedRule { try world.ask(Self.approval, by: "ada") } == "nothing-to-approve")
            #expect(world.situation.procedure == nil)
        }
    }

    @Test func `another plan is another request`() throws {
        var world = try Self.waiting()
        var other = world
        other.rules = Rules(
            ApprovalRunbook.make([("senior-administrator", 1), ("database", 1)]) {
                $0.rollback?.stages[0].steps[0].timeout = .seconds(5)
            })
        #expect(refusedRule { try other.ask(Self.approval, by: "ada") } == "plan-changed")
        try other.pass(.seconds(1))
        #expect(other.situation.ask == nil)
        #expect(other.requestEnd?.contains("plan") == true)
        #expect(other.situation.procedure == nil)

        let read = Command.approveRollback(ApprovalRequest(plan: "another"))
        #expect(refusedRule { try world.ask(read, by: "ada") } == "plan-changed")
        let theirs = Command.approveRollback(
            ApprovalRequest(request: world.situation.ask?.id, plan: "p1"))
        try world.ask(theirs, by: "ada")
        #expect(world.situation.procedure?.kind == .rollback)
    }

    @Test func `an approval of another request is none`() throws {
        var world = try Self.waiting()
        let other = Command.approveRollback(ApprovalRequest(request: "request_20200101_001"))
        #expect(refusedRule { try world.ask(other, by: "ada") } == "nothing-to-approve")
    }

    @Test func `a veto ends it, and nothing has happened`() throws {
        var world = try Self.waiting()
        #expect(
            refusedRule { try world.ask(.vetoRollback(text: ""), by: "vera") }
                == "administrators-only")
        try world.ask(.vetoRollback(text: "not tonight"), by: "tomas")
        #expect(world.situation.ask == nil)
        #expect(world.requestEnd == "vetoed: not tonight")
        #expect(refusedRule { try world.ask(Self.approval, by: "ada") } == "nothing-to-approve")
        try world.pass(.hours(1))
        #expect(world.started == [])
        try world.ask(ApprovalRunbook.request(), by: "ines")
        #expect(world.situation.ask?.id.hasSuffix("_002") == true)
    }

    @Test func `one veto ends the request and the countdown`() throws {
        var world = try Self.waiting()
        try world.ask(.conditionChanged(.rollback("exhausted"), holds: true, why: ""))
        try world.ask(.vetoRollback(text: "no"), by: "tomas")
        #expect(world.situation.ask == nil)
        try world.pass(.hours(1))
        #expect(world.started == [])
    }

    @Test func `another kind is refused while one waits, the same kind is an approval`() throws {
        var world = try Self.waiting([("administrator", 2)])
        #expect(
            refusedRule { try world.ask(ApprovalRunbook.request("maintenance"), by: "tomas") }
                == "another-request")
        #expect(
            refusedRule { try world.ask(ApprovalRunbook.request(), by: "ines") } == "own-second")
        try world.ask(ApprovalRunbook.request(), by: "tomas")
        #expect(world.situation.procedure?.approvals?.map(\.user) == ["ines", "tomas"])
    }

    @Test func `it waits for the procedure that runs, as long as it is fresh`() throws {
        for (lasts, starts) in [(10.0, true), (29.9, true), (31, false)] {
            var world = try Self.waiting()
            try world.ask(.recover(action: "restart"), by: "tomas")
            try world.ask(Self.approval, by: "ada")
            #expect(world.situation.procedure?.kind == .recovery)
            #expect(world.situation.ask != nil)
            #expect(
                refusedRule { try world.ask(Self.approval, by: "ben") }
                    == "rollback-authorization", "enough have agreed")
            try world.pass(.minutes(lasts))
            try world.endAll(1)
            try world.pass(.seconds(10))
            #expect((world.situation.procedure?.kind == .rollback) == starts, "\(lasts)")
            #expect(world.situation.ask == nil)
        }
    }

    @Test func `a rollback by a rule takes the place of a request, and says so`() throws {
        var world = try Self.waiting()
        try world.ask(.conditionChanged(.rollback("exhausted"), holds: true, why: ""))
        try world.pass(.minutes(5))
        #expect(world.situation.procedure?.startedBy == "engine")
        #expect(world.situation.ask == nil)
        #expect(world.requestEnd?.contains("another rollback") == true)
    }

    @Test func `nothing is asked for while a rollback is half done`() throws {
        var world = RulesWorld(ApprovalRunbook.make([("senior-administrator", 1)]))
        try world.ask(ApprovalRunbook.request())
        try world.end(.failed, "no space")
        for kind in ["planned", "maintenance"] {
            #expect(
                refusedRule { try world.ask(ApprovalRunbook.request(kind)) }
                    == "half-done-rollback")
        }
    }

    @Test func `a new engine knows who has agreed`() throws {
        var world = try Self.waiting([("database", 2), ("senior-administrator", 1)])
        try world.ask(Self.approval, by: "ada")
        try world.restart()
        #expect(refusedRule { try world.ask(Self.approval, by: "ada") } == "own-second")
        try world.ask(Self.approval, by: "ben")
        #expect(world.situation.procedure?.approvals?.map(\.user) == ["ines", "ada", "ben"])
        try world.restart()
        try world.endAll()
        #expect(world.situation.rollback?.state == .succeeded)
    }

    @Test(arguments: [3_600.0, -3_600])
    func `a clock that is set does not age a request`(by seconds: Double) throws {
        var world = try Self.waiting()
        try world.pass(.minutes(20))
        world.now = world.now + .seconds(seconds)
        try world.ask(.clockStepped(by: seconds))
        try world.pass(.minutes(9.9))
        #expect(world.situation.ask != nil)
        var approved = world
        try approved.ask(Self.approval, by: "ada")
        #expect(approved.situation.procedure?.kind == .rollback)
        try world.pass(.minutes(0.1))
        #expect(world.situation.ask == nil)
    }
}
