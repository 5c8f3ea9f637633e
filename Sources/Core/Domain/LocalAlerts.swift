// How the addresses of `alerts.local.yaml` become people, channels and escalation steps of a runbook.

/// The names that only these addresses have; the loader keeps them from everybody else.
package enum LocalNames {
    package static let mail = "local-mail-"
    package static let sms = "local-sms-"
    package static let webhook = "local-webhook-"
    package static func isLocal(_ name: String) -> Bool {
        [mail, sms, webhook].contains { name.hasPrefix($0) }
    }
}

extension LocalAlerts {
    /// The kinds of channel that the addresses need and the runbook does not have.
    package func missing(in runbook: Runbook) -> [MissingChannel] {
        var result: [MissingChannel] = []
        if !email.isEmpty, runbook.firstChannel(isEmail) == nil { result.append(.email) }
        if !sms.isEmpty, runbook.firstChannel(isSMS) == nil { result.append(.sms) }
        return result
    }
    package enum MissingChannel: String, Sendable, CaseIterable { case email, sms }
}

extension Runbook {
    /// The runbook with these addresses told at once in every emergency of level 1 to 3, and without
    /// those of an earlier call. An address for which there is no channel is left out (see
    /// `LocalAlerts.missing`). The added steps come last, so that the others keep their numbers.
    package func applying(_ alerts: LocalAlerts) -> Runbook {
        var book = withoutLocalAlerts()
        book.localAlerts = alerts
        var notify: [String] = []
        var via: [String] = []
        if let mail = book.firstChannel(isEmail), !alerts.email.isEmpty {
            let people = Self.people(LocalNames.mail, alerts.email) { $0.email = $1 }
            book.people += people
            notify += people.map(\.id)
            via.append(mail)
        }
        if let text = book.firstChannel(isSMS), !alerts.sms.isEmpty {
            let people = Self.people(LocalNames.sms, alerts.sms) { $0.sms = $1 }
            book.people += people
            notify += people.map(\.id)
            via.append(text)
        }
        let hooks = alerts.webhook.enumerated().map {
            Channel(
                name: "\(LocalNames.webhook)\($0 + 1)",
                kind: .webhook(url: .plain($1), secret: nil))
        }
        book.channels += hooks
        via += hooks.map(\.name)
        if !via.isEmpty {
            book.addLocalStep(
                EscalationStep(after: .zero, notify: notify, via: via, everyChannel: true))
        }
        return book
    }

    /// People who cannot log in: no login name is empty.
    private static func people(
        _ prefix: String, _ addresses: [String], _ set: (inout Person, String) -> Void
    ) -> [Person] {
        addresses.enumerated().map { index, address in
            var person = Person(
                id: "\(prefix)\(index + 1)", name: Visible.text(address, limit: 120), user: "")
            set(&person, address)
            return person
        }
    }

    private mutating func addLocalStep(_ step: EscalationStep) {
        for level in [Level.critical, .high, .medium] {
            if let index = escalation.firstIndex(where: { $0.level == level }) {
                escalation[index].steps.append(step)
            } else {
                escalation.append(EscalationRow(level: level, steps: [step]))
            }
        }
        escalation.sort { $0.level < $1.level }
    }

    private func withoutLocalAlerts() -> Runbook {
        var book = self
        book.localAlerts = LocalAlerts()
        book.people.removeAll { LocalNames.isLocal($0.id) && $0.user.isEmpty }
        book.channels.removeAll { LocalNames.isLocal($0.name) }
        for index in book.escalation.indices {
            book.escalation[index].steps.removeAll {
                ($0.notify + $0.via).contains(where: LocalNames.isLocal)
            }
        }
        book.escalation.removeAll(where: \.steps.isEmpty)
        return book
    }

    /// Not `users`, which reaches those who use the service.
    fileprivate func firstChannel(_ isWanted: (ChannelKind) -> Bool) -> String? {
        channels.first { $0.name != Channel.users && isWanted($0.kind) }?.name
    }
}

extension Channel {
    /// The channel that reaches the people who use the service, not those who look after it.
    package static let users = "users"
}

private func isEmail(_ kind: ChannelKind) -> Bool {
    if case .email = kind { true } else { false }
}
private func isSMS(_ kind: ChannelKind) -> Bool {
    if case .sms = kind { true } else { false }
}
