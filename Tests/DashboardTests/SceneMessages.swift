// Situations about people and messages: one channel fails, all fail, somebody has it for a time.
import Domain
import Wire

extension Scenes {
    static let id = "emergency_20260105_001"

    static func channel(
        _ name: String, _ kind: String, _ state: ChannelReport.State = .works,
        _ trouble: String = "", waiting: Int = 0
    ) -> ChannelReport {
        ChannelReport(
            name: name, kind: kind, state: state, trouble: trouble,
            deliveredAt: state == .unused ? nil : ago(642), waiting: waiting)
    }
    static func channels() -> [ChannelReport] {
        [
            channel("mail", "email"), channel("text", "sms"), channel("hook", "webhook"),
            channel("users", "command", .unused), channel("status_page", "status_page", .unused),
            channel("tickets", "tickets", .unused),
        ]
    }

    private static func event(
        _ seq: Int, _ age: Double, _ kind: String, _ text: String, _ tone: EventTone,
        _ by: String = "engine", of delivery: Int? = nil
    ) -> EventReport {
        EventReport(
            seq: seq, at: ago(age), kind: kind, text: text, tone: tone, by: by, emergency: id,
            procedure: nil, message: delivery.map { "message_20260105_00\($0).1" })
    }

    static func delivery(
        _ number: Int, _ channel: String, _ kind: String, _ people: [String],
        _ state: DeliveryState, attempts: Int = 1, next: Double? = nil, trouble: String = "",
        receipt: String = "", mayRepeat: Bool = false
    ) -> DeliveryReport {
        DeliveryReport(
            id: "message_20260105_00\(number).1", message: "message_20260105_00\(number)",
            purpose: .emergency, emergency: id, title: "LEVEL 2 High: Delivery errors above 10 %",
            channel: channel, kind: kind, people: people, state: state, attempts: attempts,
            queuedAt: ago(648), nextAt: next.map { ahead($0) },
            endedAt: state.isOver ? ago(642) : nil, trouble: trouble, receipt: receipt,
            mayRepeat: mayRepeat)
    }

    /// Both that the row in force names were told.
    static func tell(_ scene: inout StreamStart) {
        scene.situation.core.channels = channels()
        scene.situation.core.emergency?.told = [
            ToldReport(person: "Tomas Lind", state: .told, channel: "mail", at: ago(642)),
            ToldReport(person: "Ines Moreau", state: .told, channel: "mail", at: ago(642)),
        ]
        scene.situation.deliveries = [
            delivery(
                1, "mail", "email", ["Tomas Lind"], .delivered, receipt: "250 2.0.0 Ok: queued"),
            delivery(
                2, "mail", "email", ["Ines Moreau"], .delivered, receipt: "250 2.0.0 Ok: queued"),
        ]
    }

    // MARK: The situations

    /// Nobody has answered, and mail does not go out; text does.
    static func failingChannel() -> StreamStart {
        var scene = high()
        scene.situation.core.channels[0] = channel(
            "mail", "email", .failing, "mail.example.com:587 refused the connection", waiting: 1)
        scene.situation.core.outbox = OutboxReport(waiting: 1, retrying: 1)
        scene.situation.core.emergency?.ticket = "OPS-42"
        scene.situation.core.emergency?.reopenings = 1
        scene.situation.core.emergency?.told = [
            ToldReport(
                person: "Tomas Lind", state: .failing, channel: "mail",
                trouble: "mail.example.com:587 refused the connection"),
            ToldReport(person: "Ines Moreau", state: .told, channel: "text", at: ago(640)),
        ]
        scene.situation.core.line = LineReport(
            status: "investigating", message: "The queue worker hangs since the deploy of 13:40")
        scene.situation.core.reported = ["corruption"]
        scene.situation.core.problems = [
            ProblemReport(
                kind: "corruption", text: "notifications of 12:00 came twice", by: "ines",
                at: ago(300), alerts: 0)
        ]
        let refused = "mail.example.com:587 refused the connection"
        scene.events = [
            event(1, 4200, "emergency-activated", "emergency activated: delivery-errors", .bad),
            event(2, 3900, "noted", "note: cleared the queue, it fills again", .plain, "tomas"),
            event(3, 648, "emergency-reopened", "goes on: errors 23.1 %", .bad),
            event(4, 647, "escalated", "escalation step 1 of level 2: tells Tomas, Ines", .warning),
            event(
                5, 646, "delivery-ended", "mail to Tomas Lind failed, attempt 1: \(refused)",
                .warning,
                of: 1),
            event(
                6, 646, "delivery-ended", "mail to Ines Moreau failed, attempt 1: \(refused)",
                .warning, of: 2),
            event(7, 642, "delivery-ended", "ticket OPS-42 opened", .good),
            event(8, 640, "delivery-ended", "text to Ines Moreau delivered", .good),
            event(
                9, 300, "problem-reported",
                "corruption reported: notifications of 12:00 came twice",
                .bad, "ines"),
        ]
        scene.situation.deliveries = [
            delivery(
                1, "mail", "email", ["Tomas Lind"], .waiting, attempts: 3, next: 42,
                trouble: refused),
            delivery(
                2, "mail", "email", ["Ines Moreau"], .dropped, attempts: 1,
                trouble: "told by text"),
            delivery(
                3, "text", "sms", ["Ines Moreau"], .delivered, receipt: "SM9f2c queued",
                mayRepeat: true),
            delivery(4, "hook", "webhook", [], .delivered, receipt: "200"),
            delivery(5, "tickets", "tickets", [], .delivered, receipt: "OPS-42"),
        ]
        return scene
    }

    /// Ines has it until half past two.
    static func forATime() -> StreamStart {
        var scene = high(acknowledged: true)
        scene.situation.core.emergency?.acknowledgedUntil = ahead(1593)
        scene.situation.core.emergency?.ticket = "OPS-42"
        scene.situation.core.onCall = [
            OnCallReport(
                role: "on-call", now: "Priya Nair", next: "Tomas Lind", handOverAt: ahead(14_193),
                override: "override_20260105_001", overriddenBy: "Ines Moreau",
                insteadOf: "Tomas Lind",
                overrides: [
                    OverrideReport(
                        id: "override_20260105_001", person: "Priya Nair", from: ago(3_600),
                        until: ahead(14_193))
                ])
        ]
        return scene
    }

    /// No channel gets anything out.
    static func everythingDown() -> StreamStart {
        var scene = critical()
        let refused = "mail.example.com:587 refused the connection"
        let silent = "sms.example.com did not answer within 30 s"
        let nameless = "no address is known for alerts.example.com"
        scene.situation.core.alarms = [
            "nobody could be told of \(id) yet: every channel fails; telephone them"
        ]
        scene.situation.core.channels = [
            channel("mail", "email", .failing, refused, waiting: 4),
            channel("text", "sms", .failing, silent, waiting: 2),
            channel("hook", "webhook", .failing, nameless, waiting: 1),
        ]
        scene.situation.core.outbox = OutboxReport(waiting: 6, sending: 1, retrying: 6, dead: 1)
        scene.situation.core.emergency?.told = [
            ToldReport(person: "Ines Moreau", state: .failing, channel: "text", trouble: silent),
            ToldReport(person: "Tomas Lind", state: .failing, channel: "text", trouble: silent),
            ToldReport(
                person: "Priya Nair", state: .unreachable, channel: "",
                trouble: "her address was refused"),
            ToldReport(person: "Oren Katz", state: .waiting, channel: "mail"),
        ]
        scene.situation.deliveries = [
            delivery(
                1, "mail", "email", ["Ines Moreau"], .waiting, attempts: 4, next: 75,
                trouble: refused),
            delivery(
                2, "mail", "email", ["Tomas Lind"], .waiting, attempts: 4, next: 78,
                trouble: refused),
            delivery(
                3, "mail", "email", ["Priya Nair"], .dead, attempts: 1,
                trouble: "550 5.1.1 priya@example.com is unknown here"),
            delivery(
                4, "text", "sms", ["Ines Moreau"], .sending, attempts: 3, trouble: silent),
            delivery(
                5, "text", "sms", ["Tomas Lind"], .waiting, attempts: 2, next: 12, trouble: silent),
            delivery(
                6, "hook", "webhook", [], .waiting, attempts: 4, next: 60, trouble: nameless),
            delivery(7, "mail", "email", ["Oren Katz"], .waiting, attempts: 0),
        ]
        scene.events = [
            event(1, 68, "emergency-activated", "emergency activated at level 1 Critical", .bad),
            event(2, 68, "escalated", "escalation step 1 of level 1: tells Ines, Tomas", .warning),
            event(
                3, 38, "delivery-ended", "text to Ines Moreau failed, attempt 1: \(silent)",
                .warning,
                of: 4),
            event(4, 38, "delivery-added", "mail to Ines Moreau instead of text", .plain),
            event(
                5, 37, "delivery-ended", "mail to Ines Moreau failed, attempt 1: \(refused)",
                .warning, of: 1),
            event(
                6, 20, "delivery-ended", "mail to Ines Moreau failed, attempt 2: \(refused)",
                .warning, of: 1),
            event(
                7, 9, "delivery-ended", "mail to Ines Moreau failed, attempt 3: \(refused)",
                .warning, of: 1),
            event(8, 5, "delivery-dead", "mail to Priya Nair given up: 550 5.1.1", .bad),
        ]
        scene.situation.deliveries = scene.situation.deliveries.map {
            var one = $0
            one.title = "LEVEL 1 Critical: All critical components are down"
            return one
        }
        return scene
    }

    /// An hour ago an emergency ended.
    static func afterwards() -> StreamStart {
        var scene = quiet()
        scene.situation.core.quietSince = ago(200)
        scene.events = events(emergency: true, acknowledged: true).map {
            var event = $0
            if event.kind == "emergency-activated" {
                event.text = "emergency \(id) activated at level 2 High: Delivery errors above 10 %"
            }
            return event
        }
        scene.situation.deliveries = high().situation.deliveries
        scene.events.append(
            EventReport(
                seq: 40, at: ago(200), kind: "emergency-deactivated",
                text: "emergency deactivated, resolved by Ines Moreau", tone: .good, by: "ines",
                emergency: nil, procedure: nil))
        return scene
    }

    /// A minute ago an emergency ended although something failed still.
    static func failedAndQuiet() -> StreamStart {
        var scene = quiet()
        scene.situation.components = brokenComponents()
        scene.situation.core.health = HealthReport(score: 62, state: .failed)
        scene.situation.core.quietSince = ago(60)
        return scene
    }
}
