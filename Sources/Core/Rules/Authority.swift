// Who may do what: login names become people, people become roles; nothing else counts.
package import Domain

/// Answers about people and roles of one runbook.
package struct Authority: Sendable {
    package let runbook: Runbook
    package init(_ runbook: Runbook) { self.runbook = runbook }

    /// An empty login name is nobody's: so are marked the addresses that log in nowhere.
    package func person(user: String) -> Person? {
        user.isEmpty ? nil : runbook.people.first { $0.user == user }
    }
    package func person(id: String) -> Person? {
        runbook.people.first { $0.id == id }
    }
    /// The person's name, or the login name as it is.
    package func name(user: String) -> String { person(user: user)?.name ?? user }

    /// Ids of the people in a role, with those of the roles that it includes; `*` is nobody in particular.
    package func members(of role: String) -> [String] {
        var found: [String] = []
        var visited: Set<String> = []
        func collect(_ name: String) {
            guard visited.insert(name).inserted,
                let role = runbook.roles.first(where: { $0.name == name })
            else { return }
            for member in role.members where member != "*" && !found.contains(member) {
                found.append(member)
            }
            role.includes.forEach(collect)
        }
        collect(role)
        return found
    }

    package func holds(_ role: String, user: String) -> Bool {
        guard let person = person(user: user) else { return false }
        return members(of: role).contains(person.id)
    }

    /// The roles of a login name, in the runbook's order.
    package func roles(user: String) -> [String] {
        if user.isEmpty { return [] }
        return runbook.roles.filter { $0.members.contains("*") || holds($0.name, user: user) }
            .map(\.name)
    }

    /// The people that a role or a person's id means at a moment: whoever stands in for it, the one on
    /// call where the role has shifts, everybody in it otherwise.
    package func people(
        for target: String, at moment: Timestamp, overrides: [OnCallOverride] = []
    ) -> [String] {
        if let override = Self.override(of: target, at: moment, among: overrides) {
            return [override.person]
        }
        if let shift = runbook.onCall.first(where: { $0.role == target }),
            let now = onCall(shift, at: moment)?.now
        {
            return [now]
        }
        let members = members(of: target)
        if !members.isEmpty { return members }
        return person(id: target).map { [$0.id] } ?? []
    }

    /// The override of a role that is in force: of several, the one that was set last.
    package static func override(
        of role: String, at moment: Timestamp, among overrides: [OnCallOverride]
    ) -> OnCallOverride? {
        overrides.last { $0.role == role && $0.from <= moment && moment < $0.until }
    }

    /// Who of a rotation is on call, who is next, and when the hand-over is; nil before it begins.
    /// Hand-overs happen when the service's clocks show the time of day that they showed at `from`,
    /// so that a shift of a day has 23 or 25 hours where summer time begins or ends.
    package func onCall(
        _ rotation: OnCallRotation, at moment: Timestamp
    ) -> (now: String, next: String, handOver: Timestamp)? {
        let zone = runbook.service.zone
        let days: Double =
            switch rotation.rotate {
            case .daily: 1
            case .weekly: 7
            }
        guard moment >= rotation.from, !rotation.order.isEmpty else { return nil }
        let first = zone.wall(rotation.from)
        func begin(ofTurn turn: Int) -> Timestamp {
            // The first turn begins at `from` itself, also where the clocks showed its time twice.
            turn == 0
                ? rotation.from
                : zone.moment(ofWall: first + Span(seconds: Double(turn) * days * 86_400))
        }
        let passed = zone.wall(moment) - first
        var turn = max(0, Int((passed.seconds / (days * 86_400)).rounded(.down)))
        // Where clocks change near the hand-over the time on the wall is a little off.
        while turn > 0, begin(ofTurn: turn) > moment { turn -= 1 }
        while begin(ofTurn: turn + 1) <= moment { turn += 1 }
        let count = rotation.order.count
        return (
            rotation.order[turn % count], rotation.order[(turn + 1) % count],
            begin(ofTurn: turn + 1)
        )
    }

    /// Acting needs the role `administrator` where the runbook has it, otherwise to be one of its
    /// people; a runbook that names nobody lets everyone act who may open the socket.
    /// - Throws: `Refusal` that says whom to ask.
    package func mayAct(_ caller: Caller) throws(Refusal) {
        let people = runbook.people.filter { !$0.user.isEmpty }
        if people.isEmpty { return }
        let administrators = members(of: "administrator")
        if administrators.isEmpty {
            if person(user: caller.user) != nil { return }
        } else if holds("administrator", user: caller.user) {
            return
        }
        let whom = (administrators.isEmpty ? people.map(\.id) : administrators)
            .compactMap { person(id: $0)?.name }
        throw Refusal(
            .notAllowed, rule: "administrators-only",
            why: "\(Visible.text(caller.user)) is not an administrator in the runbook",
            remedy: "Ask \(list(whom)), or have your login name added under people: and roles:")
    }

    /// Whether a person may have an emergency in hand.
    /// - Throws: `Refusal` that says whom it can be given to.
    package func mayCommand(_ person: Person) throws(Refusal) {
        let administrators = members(of: "administrator")
        if !person.user.isEmpty, administrators.isEmpty || administrators.contains(person.id) {
            return
        }
        throw Refusal(
            .notAllowed, rule: "administrators-only",
            why: "\(person.name) is not an administrator in the runbook",
            remedy: "Hand over to \(list(administrators.compactMap { self.person(id: $0)?.name }))")
    }

    /// `A, B or C`.
    package func list(_ names: [String], _ word: String = "or") -> String {
        guard names.count > 1, let last = names.last else { return names.first ?? "nobody" }
        return names.dropLast().joined(separator: ", ") + " \(word) " + last
    }
}
