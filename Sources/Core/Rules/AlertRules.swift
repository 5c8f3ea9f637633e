// Alerts of other systems: each firing one reports a problem, and the last to resolve takes it back.
//
//   not reported ─ an alert fires ──▶ reported by alerts
//   reported ─ another alert of the same problem fires ──▶ reported by one more
//   reported by alerts ─ its last alert resolves ──▶ not reported, unless a person reported it too
import Domain
import OrderedCollections

extension Rules {
    /// Alerts that one problem remembers; more of them change nothing.
    package static let mostAlerts = 1_000

    func take(_ alerts: [IncomingAlert], by user: String, in situation: Situation) -> [Event] {
        var standing = situation.reported.mapValues(\.alerts)
        var events: [Event] = []
        for alert in alerts {
            let known = standing[alert.problem] ?? []
            if alert.isFiring {
                guard !known.contains(alert.fingerprint), known.count < Self.mostAlerts else {
                    continue
                }
                standing[alert.problem, default: []].append(alert.fingerprint)
                events.append(
                    .alertFired(
                        problem: alert.problem, fingerprint: alert.fingerprint,
                        text: Visible.text(alert.text, limit: 500), by: user))
            } else if known.contains(alert.fingerprint) {
                standing[alert.problem]?.remove(alert.fingerprint)
                events.append(
                    .alertResolved(
                        problem: alert.problem, fingerprint: alert.fingerprint, by: user))
            }
        }
        return events
    }
}
