// What a runbook says of backups, rollbacks, playbooks, checklists, drills, reviews and targets.

// Backup and rollback
package struct BackupDefinition: Sendable, Equatable, Codable {
    /// Absolute.
    package var to: String
    /// How many to keep, and for how many days; nil: no limit of that kind.
    package var keepLast: Int?
    package var keepDays: Int?
    /// Relative to the runbook's folder, or absolute; files, folders or globs.
    package var files: [String]
    /// Names of data sources.
    package var databases: [String]
    package var sources: [String]
    /// Absolute paths of the runbook and of what belongs to it; kept where they are there, and put
    /// back only when they are named.
    package var configuration: [String]
    /// Ids of backups that must not be removed now, however old: a procedure that runs, or that can
    /// still be undone, rests on them.
    package var held: [String]
    package init(
        to: String, keepLast: Int? = nil, keepDays: Int? = nil, files: [String] = [],
        databases: [String] = [], sources: [String] = [], configuration: [String] = [],
        held: [String] = []
    ) {
        self.to = to
        self.keepLast = keepLast
        self.keepDays = keepDays
        self.files = files
        self.databases = databases
        self.sources = sources
        self.configuration = configuration
        self.held = held
    }

    /// Orders that were written before there was configuration in a backup are read too.
    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            to: try values.decode(String.self, forKey: .to),
            keepLast: try values.decodeIfPresent(Int.self, forKey: .keepLast),
            keepDays: try values.decodeIfPresent(Int.self, forKey: .keepDays),
            files: try values.decode([String].self, forKey: .files),
            databases: try values.decode([String].self, forKey: .databases),
            sources: try values.decode([String].self, forKey: .sources),
            configuration: try values.decodeIfPresent([String].self, forKey: .configuration) ?? [],
            held: try values.decodeIfPresent([String].self, forKey: .held) ?? [])
    }
}
package struct RollbackDefinition: Sendable, Equatable {
    /// The legacy system, in words.
    package var to: String
    package var targetDuration: Span
    package var when: [RollbackRule]
    package var authorization: [AuthorizationRule]
    package var preflight: [Step]
    /// The seven parts of the rollback procedures.
    package var stages: [RollbackStage]
    package var afterwards: RollbackAfterwards
    /// What test mode uses instead of the real things; nil: test mode has nothing to work with.
    package var test: RollbackTest?
    package init(
        to: String, targetDuration: Span = .minutes(10), when: [RollbackRule] = [],
        authorization: [AuthorizationRule] = [], preflight: [Step] = [],
        stages: [RollbackStage] = [], afterwards: RollbackAfterwards = RollbackAfterwards(),
        test: RollbackTest? = nil
    ) {
        self.to = to
        self.targetDuration = targetDuration
        self.when = when
        self.authorization = authorization
        self.preflight = preflight
        self.stages = stages
        self.afterwards = afterwards
        self.test = test
    }
}
/// What stands in for what in a rollback in test mode. A database file inside the runbook's folder is
/// copied with it and needs none.
package struct RollbackTest: Sendable, Equatable {
    /// Units, or names under `units:`.
    package var units: [StandIn]
    /// Names of data sources.
    package var sources: [StandIn]
    /// Beginnings of URLs: `http://127.0.0.1:5000`.
    package var addresses: [StandIn]
    package init(
        units: [StandIn] = [], sources: [StandIn] = [], addresses: [StandIn] = []
    ) {
        self.units = units
        self.sources = sources
        self.addresses = addresses
    }
}
package struct RollbackRule: Sendable, Equatable {
    package var name: String
    package var when: Condition
    package var holds: Span
    /// It starts by itself this long after it was proposed, unless an operator vetoes it.
    package var runAfter: Span?
    package init(name: String, when: Condition, holds: Span, runAfter: Span? = nil) {
        self.name = name
        self.when = when
        self.holds = holds
        self.runAfter = runAfter
    }
}
package struct AuthorizationRule: Sendable, Equatable {
    /// emergency, planned, security or maintenance.
    package var kind: String
    /// How many people of which role must agree; the asker counts as one if they hold the role.
    package var needs: [RoleCount]
    package var onlyDuringLevel: Level?
    package init(kind: String, needs: [RoleCount], onlyDuringLevel: Level? = nil) {
        self.kind = kind
        self.needs = needs
        self.onlyDuringLevel = onlyDuringLevel
    }
}
package struct RoleCount: Sendable, Equatable {
    package var role: String
    package var count: Int
    package init(role: String, count: Int) {
        self.role = role
        self.count = count
    }
}
package struct RollbackStage: Sendable, Equatable {
    package var name: String
    package var steps: [Step]
    package init(name: String, steps: [Step]) {
        self.name = name
        self.steps = steps
    }
}
package struct RollbackAfterwards: Sendable, Equatable {
    package var watchFor: Span
    package var watchEvery: Span
    package var notifyRoles: [String]
    package var notifyVia: [String]
    package var review: Bool
    package init(
        watchFor: Span = .hours(24), watchEvery: Span = .minutes(5), notifyRoles: [String] = [],
        notifyVia: [String] = [], review: Bool = false
    ) {
        self.watchFor = watchFor
        self.watchEvery = watchEvery
        self.notifyRoles = notifyRoles
        self.notifyVia = notifyVia
        self.review = review
    }
}

// Playbooks, checklists, drills, reviews, targets
package struct Playbook: Sendable, Equatable {
    package var name: String
    package var steps: [Step]
    package init(name: String, steps: [Step]) {
        self.name = name
        self.steps = steps
    }
}
package struct Checklist: Sendable, Equatable {
    package var name: String
    package var items: [ChecklistItem]
    package init(name: String, items: [ChecklistItem]) {
        self.name = name
        self.items = items
    }
}
package struct ChecklistItem: Sendable, Equatable {
    package var text: String
    /// What ticks it by itself; both nil: a person does.
    package var probe: ProbeReference?
    package var fallback: String?
    package init(text: String, probe: ProbeReference? = nil, fallback: String? = nil) {
        self.text = text
        self.probe = probe
        self.fallback = fallback
    }
}
package struct Drill: Sendable, Equatable {
    package enum Rhythm: String, Sendable, CaseIterable { case weekly, monthly, quarterly, yearly }
    package var name: String
    package var title: String
    package var inject: [Step]
    package var restore: [Step]
    /// Other drills, all at once.
    package var drills: [String]
    /// `test-mode` for a drill that is a rollback.
    package var rollback: String?
    package var every: Rhythm?
    package init(
        name: String, title: String, inject: [Step] = [], restore: [Step] = [],
        drills: [String] = [], rollback: String? = nil, every: Rhythm? = nil
    ) {
        self.name = name
        self.title = title
        self.inject = inject
        self.restore = restore
        self.drills = drills
        self.rollback = rollback
        self.every = every
    }
}
package struct ReviewDefinition: Sendable, Equatable {
    package var name: String
    package var due: Span
    package init(name: String, due: Span) {
        self.name = name
        self.due = due
    }
}
/// What the service is measured against; the defaults are the procedure documents'.
package struct Targets: Sendable, Equatable {
    package var detect: Span = .minutes(5)
    package var respond: Span = .minutes(15)
    /// Per cent.
    package var recoverySuccess: Double = 95
    package var rollbackSuccess: Double = 99
    package var userImpact: Span = .minutes(30)
    package var rollbackDuration: Span = .minutes(10)
    package var recoveryDuration: Span = .minutes(5)
    /// Rows lost.
    package var dataLoss: Double = 0
    package init() {}
}
