// The emergency and escalation machines, transition by transition.
import Domain
import OrderedCollections
import Rules
import TestKit
import Testing

@Suite struct EmergencyTests {
    @Test func `a trigger raises only after it has held for its time`() throws {
        var world = RulesWorld()
        try world.condition("errors", true)
        #expect(world.situation.emergency == nil)
        try world.pass(.seconds(59))
        #expect(world.situation.emergency == nil)
        try world.pass(.seconds(1))
        let emergency = try #require(world.situation.emergency)
        #expect(emergency.level == .high)
        #expect(emergency.id == "emergency_20260105_001")
        #expect(world.rules.failure(of: emergency) == "message_delivery_failure")
        #expect(emergency.respondBy - emergency.activatedAt == .minutes(15))
        #expect((emergency.activatedAt - emergency.activation.began) == .minutes(1))
    }

    @Test func `a trigger that ends in time raises nothing`() throws {
        var world = RulesWorld()
        try world.condition("errors", true)
        try world.pass(.seconds(30))
        try world.condition("errors", false)
        try world.pass(.hours(1))
        #expect(world.situation.emergency == nil)
    }

    @Test func `a worse trigger joins and raises the level and its clock`() throws {
        var world = RulesWorld()
        try world.condition("errors", true)
        try world.pass(.minutes(1))
        try world.pass(.minutes(2))
        try world.condition("all-down", true)
        let emergency = try #require(world.situation.emergency)
        #expect(emergency.level == .critical)
        #expect(emergency.triggers == ["errors", "all-down"])
        #expect(world.rules.failure(of: emergency) == "system_failure")
        #expect(emergency.reason.hasPrefix("All down"))
        #expect(emergency.respondBy == world.now + .minutes(5))
        #expect(world.events.filter { $0.event.kind == "emergency-activated" }.count == 1)
    }

    @Test func `of triggers that fall due together the worst one activates`() throws {
        var world = RulesWorld()
        try world.condition("errors", true)
        try world.pass(.seconds(59))
        world.now = world.now + .seconds(5)
        try world.condition("all-down", true)
        let emergency = try #require(world.situation.emergency)
        #expect(emergency.activation.trigger == "all-down")
        #expect(emergency.triggers == ["all-down", "errors"])
    }

    @Test func `a deactivated trigger raises nothing until it has ended once`() throws {
        var world = RulesWorld()
        try world.condition("all-down", true)
        #expect(
            refusedRule { try world.ask(.deactivate(resolvedBy: "ines", text: "")) }
                == "still-failing")
        try world.ask(.deactivate(resolvedBy: "ines", text: "known, being worked on"))
        try world.pass(.hours(2))
        #expect(world.situation.emergency == nil)
        try world.condition("all-down", false)
        try world.condition("all-down", true)
        #expect(world.situation.emergency?.id == "emergency_20260105_002")
    }

    @Test func `a person who names no level gets the worst`() throws {
        var world = RulesWorld()
        try world.ask(.activate(level: nil, reason: "it smells", triggeredBy: ""))
        #expect(world.situation.emergency?.level == .critical)
        #expect(world.situation.emergency?.activation.triggeredBy == "ines")
        #expect(
            refusedRule { try world.ask(.activate(level: .low, reason: "x", triggeredBy: "")) }
                == "one-emergency-at-a-time")
    }

    @Test(arguments: ["", "   ", "\n"])
    func `an activation needs a reason`(reason: String) {
        var world = RulesWorld()
        #expect(
            refusedRule { try world.ask(.activate(level: .low, reason: reason, triggeredBy: "")) }
                == "words-needed")
    }

    @Test func `control characters of a reason are made visible`() throws {
        var world = RulesWorld()
        try world.ask(.activate(level: .low, reason: "a\u{1B}[31mb", triggeredBy: ""))
        #expect(world.situation.emergency?.activation.reason == "a␛[31mb")
    }

    @Test func `escalation takes its steps in time and repeats until somebody acknowledges`() throws
    {
        var world = RulesWorld()
        try world.condition("all-down", true)
        func taken() -> [String] {
            world.events.compactMap { entry in
                guard case .escalated(let step) = entry.event else { return nil }
                return "\(step.index).\(step.round) \(step.people.joined(separator: ","))"
            }
        }
        #expect(taken() == ["0.1 ines,tomas"])
        try world.pass(.seconds(299))
        #expect(taken().count == 1)
        try world.pass(.seconds(1))
        #expect(taken() == ["0.1 ines,tomas", "1.1 ines"])
        try world.pass(.minutes(10))
        #expect(taken().suffix(2) == ["1.2 ines", "1.3 ines"])
        try world.ask(.acknowledge(text: "", span: nil))
        #expect(world.situation.emergency?.acknowledgedBy == "ines")
        try world.pass(.hours(5))
        #expect(taken().count == 4)
        #expect(
            refusedRule { try world.ask(.acknowledge(text: "", span: nil)) }
                == "acknowledged-already")
    }

    @Test func `after a long gap what fell due is done at once and once`() throws {
        var world = RulesWorld()
        try world.condition("all-down", true)
        world.now = world.now + .hours(10)
        let kinds = try world.ask(.tick)
        #expect(kinds.filter { $0 == "escalated" }.count == 1)
    }

    @Test func `escalating by hand takes the next step now`() throws {
        var world = RulesWorld()
        try world.condition("all-down", true)
        let kinds = try world.ask(.escalate(text: "nobody answers"))
        #expect(kinds.filter { $0 == "escalated" || $0 == "noted" } == ["escalated", "noted"])
        let last = world.events.last { $0.event.kind == "escalated" }
        guard case .escalated(let step) = last?.event else {
            Issue.record("no step was taken")
            return
        }
        #expect(step.index == 1 && step.by == "ines")
    }

    @Test func `a change of level restarts clock and row, and the same level is refused`() throws {
        var world = RulesWorld()
        try world.condition("all-down", true)
        try world.pass(.minutes(3))
        try world.ask(.setLevel(.high, reason: "half of it works"))
        #expect(world.situation.emergency?.respondBy == world.now + .minutes(15))
        #expect(refusedRule { try world.ask(.setLevel(.high, reason: "again")) } == "same-level")
    }

    @Test func `reported problems are those that a trigger asks for`() throws {
        var world = RulesWorld()
        #expect(world.rules.reportableProblems == ["security"])
        #expect(
            refusedRule { try world.ask(.reportProblem(kind: "fire", text: "")) }
                == "unknown-problem")
        try world.ask(.reportProblem(kind: "security", text: "a leaked key"))
        #expect(world.situation.reported["security"]?.text == "a leaked key")
        try world.ask(.clearProblem(kind: "security"))
        #expect(world.situation.reported.isEmpty)
    }

    @Test(arguments: ["vera", "root", "nobody", ""])
    func `who is no administrator may do nothing`(user: String) {
        var world = RulesWorld()
        #expect(
            refusedRule {
                try world.ask(.activate(level: .low, reason: "x", triggeredBy: "ines"), by: user)
            } == "administrators-only")
        #expect(world.events.isEmpty)
    }

    @Test func `a runbook that names nobody lets everyone act`() throws {
        var world = RulesWorld(
            SampleRunbook.make {
                $0.people = []
                $0.roles = []
            })
        try world.ask(.note("hello"), by: "anybody")
        #expect(world.events.count == 1)
    }

    @Test func `shifts turn at their hour`() throws {
        let start = try #require(Timestamp(rfc3339: "2026-01-05T09:00:00Z"))
        let runbook = SampleRunbook.make {
            $0.onCall = [
                OnCallRotation(
                    role: "system-administrator", rotate: .weekly, from: start,
                    order: ["tomas", "vera"])
            ]
        }
        let authority = Authority(runbook)
        func now(_ moment: Timestamp) -> [String] {
            authority.people(for: "system-administrator", at: moment)
        }
        #expect(now(start) == ["tomas"])
        #expect(now(start + .hours(168) - .seconds(1)) == ["tomas"])
        #expect(now(start + .hours(168)) == ["vera"])
        #expect(now(start + .hours(336)) == ["tomas"])
        // Before the rotation begins the role means its members.
        #expect(now(start - .seconds(1)) == ["tomas"])
    }
}

@Suite struct HealthTests {
    @Test(arguments: [
        ([Health.healthy, .healthy], Health.healthy), ([.healthy, .degraded], .degraded),
        ([.degraded, .unknown], .unknown), ([.unknown, .failed], .failed), ([], .unknown),
    ])
    func `a component is as bad as its worst probe`(probes: [Health], expected: Health) {
        #expect(HealthRules.component(probes) == expected)
    }

    @Test func `the score is a weighted mean, capped by a failed critical component`() {
        func component(_ weight: Double, _ critical: Bool) -> Component {
            Component(
                name: "c", title: "c", weight: weight, critical: critical, dependsOn: [], probes: []
            )
        }
        #expect(HealthRules.score([]) == 0)
        #expect(HealthRules.score([(component(1, true), .healthy)]) == 100)
        #expect(
            HealthRules.score([
                (component(3, false), .healthy), (component(1, false), .degraded),
            ]) == 88)
        #expect(
            HealthRules.score([
                (component(9, false), .healthy), (component(1, false), .failed),
            ]) == 90)
        #expect(
            HealthRules.score([
                (component(9, false), .healthy), (component(1, true), .failed),
            ]) == 49)
    }
}
