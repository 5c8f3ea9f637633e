// The addresses of alerts.local.yaml in a runbook: added, replaced, taken away without a trace.
import Domain
import Testing

@Suite struct LocalAlertsTests {
    private let mail = Channel(
        name: "mail", kind: .email(EmailChannel(server: "smtp://h", from: "t@h")))
    private let text = Channel(name: "text", kind: .sms(HTTPRequest(url: .plain("http://h"))))
    private let users = Channel(
        name: "users", kind: .email(EmailChannel(server: "smtp://h", from: "t@h")))
    private let step = EscalationStep(
        after: .minutes(5), notify: ["a"], via: ["mail"], repeatEvery: .minutes(5))

    private func book(_ channels: [Channel]) -> Runbook {
        Runbook(
            path: "/b/tocsin.yaml", folder: "/b", service: ServiceIdentity(name: "s", title: "s"),
            people: [Person(id: "a", name: "A", user: "a", email: "a@h")], channels: channels,
            escalation: [
                EscalationRow(level: .high, steps: [step]),
                EscalationRow(level: .low, steps: [EscalationStep(after: .zero, ticket: true)]),
            ], backup: BackupDefinition(to: "/b/backups", files: []))
    }
    private let alerts = LocalAlerts(
        email: ["x@h", "y@h"], sms: ["1"], webhook: ["http://h/1", "http://h/2"])

    @Test func `each address is told at once at the levels 1 to 3`() {
        let plain = book([users, text, mail])
        let result = plain.applying(alerts)
        let told = EscalationStep(
            after: .zero, notify: ["local-mail-1", "local-mail-2", "local-sms-1"],
            via: ["mail", "text", "local-webhook-1", "local-webhook-2"], everyChannel: true)
        #expect(
            result.escalation == [
                EscalationRow(level: .critical, steps: [told]),
                EscalationRow(level: .high, steps: [step, told]),
                EscalationRow(level: .medium, steps: [told]),
                EscalationRow(level: .low, steps: [EscalationStep(after: .zero, ticket: true)]),
            ])
        #expect(
            Array(result.people.dropFirst()) == [
                Person(id: "local-mail-1", name: "x@h", user: "", email: "x@h"),
                Person(id: "local-mail-2", name: "y@h", user: "", email: "y@h"),
                Person(id: "local-sms-1", name: "1", user: "", sms: "1"),
            ])
        #expect(
            Array(result.channels.dropFirst(3)) == [
                Channel(
                    name: "local-webhook-1", kind: .webhook(url: .plain("http://h/1"), secret: nil)),
                Channel(
                    name: "local-webhook-2", kind: .webhook(url: .plain("http://h/2"), secret: nil)),
            ])
        // By its own channel, and no other, is each address reached.
        for person in result.people.dropFirst() {
            let personal = result.channels.filter {
                told.via.contains($0.name) && $0.kind.isPersonal && $0.kind.reaches(person)
            }
            #expect(personal.map(\.name) == [person.email == nil ? "text" : "mail"])
        }
    }

    @Test func `applying twice is applying once, and applying nothing takes all away`() {
        for channels in [[mail, text], [mail], [], [users]] {
            let plain = book(channels)
            let once = plain.applying(alerts)
            #expect(once.localAlerts == alerts)
            #expect(once.applying(alerts) == once)
            let other = LocalAlerts(email: ["z@h"])
            #expect(once.applying(other) == plain.applying(other))
            #expect(once.applying(LocalAlerts()) == plain)
            #expect(plain.applying(LocalAlerts()) == plain)
        }
    }

    @Test func `what has no channel is said`() {
        #expect(alerts.missing(in: book([mail, text])) == [])
        #expect(alerts.missing(in: book([mail])) == [.sms])
        #expect(alerts.missing(in: book([users])) == [.email, .sms])
        #expect(LocalAlerts(webhook: ["http://h"]).missing(in: book([])) == [])
        let result = book([text]).applying(alerts)
        #expect(result.escalation[0].steps[0].notify == ["local-sms-1"])
        #expect(book([]).applying(LocalAlerts(sms: ["1"])).escalation == book([]).escalation)
    }
}
