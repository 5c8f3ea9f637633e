// The rules that tie people, channels and alerts together: whether anybody is reached, and who.
import Domain

extension CrossChecks {
    func checkOutreach() {
        for channel in entries("channels") { checkReserved(channel, "channel") }
        for person in entries("people") { checkReserved(person, "person") }
        let reach = Reach(root)
        for row in entries("escalation") {
            for step in row.value.items {
                checkUsers(step["via"])
                checkReach(step, reach)
            }
        }
        for list in root.stepLists {
            for work in list.steps.flatMap(\.works) where work["notify"] != nil {
                checkUsers(work["via"])
            }
        }
        checkUsers(root["rollback"]?["afterwards"]?["notify"]?["via"])
    }

    private func checkReserved(_ entry: Tree.Entry, _ what: String) {
        let own = [OutboxMessage.statusPageChannel, OutboxMessage.ticketsChannel]
        if what == "channel", own.contains(entry.key) {
            problems.error(
                entry.place, "no channel can be called `\(entry.key)`",
                "this name stands for the top-level `\(entry.key):`")
        } else if LocalNames.isLocal(entry.key) {
            problems.error(
                entry.place, "no \(what) can be called `\(shown(entry.key))`",
                "such names stand for the addresses of \(LocalAlertsFile.name)")
        }
    }

    /// The channel of this name speaks to the people who use the service.
    private func checkUsers(_ via: Tree?) {
        for item in via?.items ?? [] where text(item) == Channel.users {
            problems.error(
                item.place, "`\(Channel.users)` reaches the people who use the service",
                "name a channel that reaches those who look after it")
        }
    }

    /// A step by which nobody at all can be reached is a mistake; that one person of several has no
    /// telephone is worth a warning.
    private func checkReach(_ step: Tree, _ reach: Reach) {
        guard let via = step["via"], !via.items.isEmpty, let notify = step["notify"],
            !notify.items.isEmpty
        else { return }
        var keys: Set<String> = []
        for item in via.items {
            guard let key = text(item).flatMap({ reach.keys[$0] }) else { return }
            keys.insert(key)
        }
        var isNobody = true
        var isSomebody = false
        for item in notify.items {
            guard let found = text(item).flatMap({ reach.targets[$0] }) else { return }
            if !found.isKnown { return }
            isSomebody = isSomebody || !found.keys.isDisjoint(with: keys)
            isNobody = isNobody && found.isNobody
        }
        if isSomebody { return warnOfMissed(notify, keys, reach) }
        let list = keys.sorted().map { "`\($0):`" }.joined(separator: " or ")
        problems.error(
            via.place,
            isNobody
                ? "nobody is told: `notify` names nobody in particular"
                : "nobody is reached: none of those in `notify` has \(list)",
            isNobody
                ? "name people, or roles that have them as members"
                : "give them \(list) under people:, or add another channel")
    }

    /// Somebody is told; whoever is not should be known before the night of it.
    private func warnOfMissed(_ notify: Tree, _ keys: Set<String>, _ reach: Reach) {
        let list = keys.sorted().map { "`\($0):`" }.joined(separator: " or ")
        for item in notify.items {
            for person in text(item).map(reach.people) ?? []
            where reach.targets[person]?.keys.isDisjoint(with: keys) == true {
                problems.warning(
                    item.place, "this step does not reach `\(shown(person))`, who has no \(list)",
                    "add it under people:, or another channel to `via`")
            }
        }
    }

    // MARK: Alerts

    private var alertRules: [Tree] { root["alerts"]?["rules"]?.items ?? [] }
    /// The problems that raise an emergency without a trigger of the runbook.
    var raisedByAlerts: [String] {
        alertRules.filter { $0["level"] != nil }.compactMap { text($0["problem"]) }
    }

    func checkAlerts() {
        guard let alerts = root["alerts"] else { return }
        if let listen = alerts["listen"], let address = text(listen),
            ScalarRules.isAddress(address), alerts["token"] == nil, !Self.isLoopback(address)
        {
            problems.error(
                listen.place, "other machines can send alerts to `\(shown(address))`",
                "add a `token`, or listen on 127.0.0.1")
        }
        let made = Set(raisedByAlerts.map(AlertTriggers.name))
        for trigger in entries("triggers") where made.contains(trigger.key) {
            problems.error(
                trigger.place,
                "the trigger `\(shown(trigger.key))` is one that `alerts:` makes by itself",
                "rename this one, or delete the `level` of the alert rule")
        }
        guard let asked = askedProblems else { return }
        let names = asked.sorted()
        for rule in alertRules where rule["level"] == nil && !problems.isFull {
            guard let problem = rule["problem"], let name = text(problem), !asked.contains(name),
                ScalarRules.nameProblem(name) == nil
            else { continue }
            // Guessing among very many names would take its time.
            let near = names.count <= 1000 ? Nearest.name(to: name, among: names) : nil
            problems.error(
                problem.place,
                "nothing asks for `reported \(shown(name))`, so nothing would happen",
                near.map { "did you mean `\($0)`?" }
                    ?? "add a `level`, or a trigger with `when: reported \(shown(name))`")
        }
    }

    /// Every problem that a trigger, a rule of the rollback or an alert rule with a level asks for;
    /// nil when a condition cannot be read, which is a mistake of its own.
    private var askedProblems: Set<String>? {
        var result = Set(raisedByAlerts)
        for entry in entries("triggers") + (root["rollback"]?["when"]?.entries ?? []) {
            guard let when = text(entry.value["when"]), let parsed = try? ParsedCondition(when)
            else { return nil }
            for name in parsed.names where name.kind == .reported { result.insert(name.text) }
        }
        return result
    }

    private static func isLoopback(_ address: String) -> Bool {
        let host = address[..<(address.lastIndex(of: ":") ?? address.endIndex)].lowercased()
        return host == "localhost" || host == "[::1]"
            || host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." }
    }
}

/// By which of their keys the people behind each name can be reached; looked up once for all steps.
private struct Reach {
    struct Target: Equatable {
        /// Of any of the people.
        var keys: Set<String> = []
        var isNobody = true
        /// Everything about them could be read.
        var isKnown = true

        mutating func add(_ other: Target) {
            keys.formUnion(other.keys)
            isNobody = isNobody && other.isNobody
            isKnown = isKnown && other.isKnown
        }
    }
    /// The key of a person that a channel needs. None for channels that reach whoever listens there,
    /// and for those that cannot be read.
    private(set) var keys: [String: String] = [:]
    /// What a role or a person's id means.
    private(set) var targets: [String: Target] = [:]

    /// The people behind each role directly, and the roles that it includes.
    private var members: [String: [String]] = [:]

    /// The people behind a name, each once, in the order of the runbook; of very large roles the first.
    func people(of name: String) -> [String] {
        var seen: Set<String> = [name]
        var open = [name]
        var result: [String] = []
        while let next = open.popLast(), seen.count < Self.most {
            guard let inner = members[next] else {
                result.append(next)
                continue
            }
            open += inner.reversed().filter { seen.insert($0).inserted }
        }
        return result
    }
    /// More warnings than that help nobody.
    private static let most = 200

    init(_ root: Tree) {
        for channel in root["channels"]?.entries ?? [] {
            keys[channel.key] = ["email", "sms"].first { channel.value[$0] != nil }
        }
        for person in root["people"]?.entries ?? [] {
            var target = Target(isNobody: false)
            if case .map = person.value.content {
                target.keys = Set(["email", "sms"].filter { person.value[$0] != nil })
            } else {
                target.isKnown = false
            }
            targets[person.key] = target
        }
        let roles = Dictionary(
            (root["roles"]?.entries ?? []).map { ($0.key, $0.value) }
        ) { first, _ in first }
        // A person that is not declared is a mistake of its own.
        func target(_ people: [Tree]) -> Target {
            var result = Target()
            for name in people.compactMap(\.scalar?.text) where name != "*" {
                result.add(targets[name] ?? Target(isNobody: false, isKnown: false))
            }
            return result
        }
        var own = roles.mapValues { target($0["members"]?.items ?? []) }
        Self.spread(&own, roles)
        for (name, role) in roles {
            members[name] =
                ((role["members"]?.items ?? []) + (role["includes"]?.items ?? []))
                .compactMap(\.scalar?.text).filter { $0 != "*" }
        }
        for rotation in root["on_call"]?.items ?? [] {
            guard let name = rotation["role"]?.scalar?.text else { continue }
            own[name]?.add(target(rotation["order"]?.items ?? []))
            members[name]? += (rotation["order"]?.items ?? []).compactMap(\.scalar?.text)
        }
        targets.merge(own) { _, role in role }
    }

    /// Adds to each role those that it includes, directly or not. A role is looked at again only when
    /// something was added to one that it includes, which can happen four times: long chains are no
    /// trouble, and circles end.
    private static func spread(_ targets: inout [String: Target], _ roles: [String: Tree]) {
        var including: [String: [String]] = [:]
        for (name, role) in roles {
            for included in (role["includes"]?.items ?? []).compactMap(\.scalar?.text) {
                if roles[included] == nil { targets[name]?.isKnown = false }
                including[included, default: []].append(name)
            }
        }
        var open = Array(roles.keys)
        while let name = open.popLast() {
            guard let target = targets[name] else { continue }
            for outer in including[name] ?? [] {
                guard let before = targets[outer] else { continue }
                targets[outer]?.add(target)
                if targets[outer] != before { open.append(outer) }
            }
        }
    }
}
