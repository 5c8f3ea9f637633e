// Who has heard of an emergency that goes on: what was said before its end tells nothing.
import Domain
import OrderedCollections
import Rules
import TestKit
import Testing

@Suite struct ReopeningTests {
    /// An emergency of level 1 that tells `first`, has ended, and can go on at level 2 with Tomas.
    static func ended(telling first: String) throws -> RulesWorld {
        var world = RulesWorld(
            SampleRunbook.make {
                $0.escalation = [
                    EscalationRow(
                        level: .critical,
                        steps: [EscalationStep(after: .zero, notify: [first], via: ["mail"])]),
                    EscalationRow(
                        level: .high,
                        steps: [EscalationStep(after: .zero, notify: ["tomas"], via: ["mail"])]),
                ]
            })
        try world.condition("all-down", true)
        try world.deliverAll()
        try world.condition("all-down", false)
        try world.ask(.deactivate(resolvedBy: "", text: "over"))
        return world
    }
    static func reopen(_ world: inout RulesWorld) throws {
        try world.pass(.minutes(1))
        try world.ask(.activate(level: .high, reason: "again", triggeredBy: ""))
        #expect(world.situation.emergency?.reopenings == 1)
    }

    @Test(arguments: [-3_600.0, 0, 3_600])
    func `a clock that was set hides nobody who has not heard`(by seconds: Double) throws {
        // Vera has no address: that it is over could not be sent to anybody.
        var world = try Self.ended(telling: "vera")
        world.now = world.now + .seconds(seconds)
        try world.ask(.clockStepped(by: seconds))
        try Self.reopen(&world)
        let mail = try #require(world.sending.first)
        try world.end(mail, .failed, "429")
        let shown = world.rules.notTold(world.situation)
        #expect(shown.count == 1 && shown[0].hasPrefix("NOT TOLD: Tomas Lind"), "\(shown)")
        try world.pass(.hours(2))
        #expect(world.rules.notTold(world.situation).count == 1)
        try world.deliverAll()
        #expect(world.rules.notTold(world.situation) == [])
    }

    @Test func `a message from before that is sent again hides nobody`() throws {
        var world = try Self.ended(telling: "ines")
        let over = try #require(world.sending.first)
        try world.end(over, .refused, "550")
        try Self.reopen(&world)
        for mail in world.sending { try world.end(mail, .failed, "429") }
        #expect(world.rules.notTold(world.situation).contains { $0.contains("Tomas") })
        try world.pass(.seconds(1))
        try world.ask(.retryDelivery(id: over.id))
        #expect(world.rules.notTold(world.situation).contains { $0.contains("Tomas") })
    }
}
