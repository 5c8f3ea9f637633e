// What front ends need to know of the runbook: `GET /v1/runbook`, and the first line of the stream.
package import Domain

package struct RunbookReport: Codable, Sendable, Equatable {
    package var path: String
    package var service: String
    package var title: String
    package var actions: [ActionReport]
    package var playbooks: [ActionReport]
    package var fallbacks: [ActionReport]
    /// stop, start, start in emergency mode, verify.
    package var services: [ActionReport]
    /// Null when the runbook has no rollback.
    @ExplicitNull package var rollback: RollbackReport?
    package var people: [PersonReport]
    package var external: [ContactReport]
    package var onCall: [OnCallReport]
    /// The faults that the bundled demo service can show; empty for any other service.
    package var faults: [String]
    package var plans: [RecoveryPlanReport]
    package var backup: BackupPlanReport
    /// Whether `rollback --test-mode` has stand-ins for everything; else why not. Null: no rollback.
    @ExplicitNull package var testMode: String?
    /// What `alerts.local.yaml` beside the runbook says.
    @ExplicitNull package var localAlerts: LocalAlerts?
    package init(
        path: String, service: String, title: String, actions: [ActionReport],
        playbooks: [ActionReport], fallbacks: [ActionReport], services: [ActionReport],
        rollback: RollbackReport?, people: [PersonReport], external: [ContactReport],
        onCall: [OnCallReport], faults: [String], localAlerts: LocalAlerts? = nil,
        plans: [RecoveryPlanReport] = [],
        backup: BackupPlanReport = BackupPlanReport(
            to: "", files: [], databases: [], sources: [], keepLast: nil, keepDays: nil),
        testMode: String? = nil
    ) {
        self.plans = plans
        self.backup = backup
        self.testMode = testMode
        self.path = path
        self.service = service
        self.title = title
        self.actions = actions
        self.playbooks = playbooks
        self.fallbacks = fallbacks
        self.services = services
        self.rollback = rollback
        self.people = people
        self.external = external
        self.onCall = onCall
        self.faults = faults
        self.localAlerts = localAlerts
    }
}
package struct ActionReport: Codable, Sendable, Equatable {
    package var name: String
    package var title: String
    @ExplicitNull package var danger: String?
    package var steps: [PlannedStepReport]
    package init(name: String, title: String, danger: String?, steps: [PlannedStepReport]) {
        self.name = name
        self.title = title
        self.danger = danger
        self.steps = steps
    }
}
package struct PlannedStepReport: Codable, Sendable, Equatable {
    package var name: String
    package var kind: String
    /// What will be run, as it would be typed.
    package var command: String
    /// Whether it can be taken back.
    package var undoable: Bool
    /// It runs only when one before it has failed.
    package var isInstead: Bool
    /// From a dry run: `already done`, `will run`, `would fail: …`; null without one.
    @ExplicitNull package var forecast: String?
    package init(
        name: String, kind: String, command: String, undoable: Bool, forecast: String? = nil,
        isInstead: Bool = false
    ) {
        self.isInstead = isInstead
        self.name = name
        self.kind = kind
        self.command = command
        self.undoable = undoable
        self.forecast = forecast
    }
}
/// The rollback as it would be run now: `GET /v1/rollback/plan` and the answer to a dry run.
package struct RollbackReport: Codable, Sendable, Equatable {
    package var to: String
    package var targetSeconds: Double
    /// What it took before, or the sum of what its steps took; null when nothing is known.
    @ExplicitNull package var expectedSeconds: Double?
    /// SHA-256 of the plan; a confirmed rollback names it.
    package var hash: String
    /// Preflight first, then the seven.
    package var stages: [PlannedStageReport]
    package var authorizations: [AuthorizationReport]
    /// Whether a dry run found nothing that would fail; null without one.
    @ExplicitNull package var ready: Bool?
    /// The newest backup: its id, or null.
    @ExplicitNull package var lastBackup: String?
    package init(
        to: String, targetSeconds: Double, expectedSeconds: Double?, hash: String,
        stages: [PlannedStageReport], authorizations: [AuthorizationReport], ready: Bool?,
        lastBackup: String?
    ) {
        self.to = to
        self.targetSeconds = targetSeconds
        self.expectedSeconds = expectedSeconds
        self.hash = hash
        self.stages = stages
        self.authorizations = authorizations
        self.ready = ready
        self.lastBackup = lastBackup
    }
}
package struct PlannedStageReport: Codable, Sendable, Equatable {
    package var name: String
    package var steps: [PlannedStepReport]
    package init(name: String, steps: [PlannedStepReport]) {
        self.name = name
        self.steps = steps
    }
}
package struct AuthorizationReport: Codable, Sendable, Equatable {
    /// emergency, planned, security or maintenance.
    package var kind: String
    /// In words: `1 administrator`.
    package var needs: String
    /// Who may: names of people.
    package var people: [String]
    /// Why it cannot be used now by anybody; null: it can be asked for.
    @ExplicitNull package var refused: String?
    /// Whose agreement is needed beside this caller's: `1 senior-administrator (Ines Moreau)`; null:
    /// the caller's word is enough.
    @ExplicitNull package var missing: String?
    package init(
        kind: String, needs: String, people: [String], refused: String?, missing: String? = nil
    ) {
        self.missing = missing
        self.kind = kind
        self.needs = needs
        self.people = people
        self.refused = refused
    }
}
package struct PersonReport: Codable, Sendable, Equatable {
    package var id: String
    package var name: String
    package var user: String
    package var email: String
    package var sms: String
    package var roles: [String]
    package init(
        id: String, name: String, user: String, email: String, sms: String, roles: [String]
    ) {
        self.id = id
        self.name = name
        self.user = user
        self.email = email
        self.sms = sms
        self.roles = roles
    }
}
package struct ContactReport: Codable, Sendable, Equatable {
    package var name: String
    package var phone: String
    package var email: String
    package init(name: String, phone: String, email: String) {
        self.name = name
        self.phone = phone
        self.email = email
    }
}
package struct OnCallReport: Codable, Sendable, Equatable {
    package var role: String
    package var now: String
    package var next: String
    /// RFC 3339; when `next` takes over.
    package var handOverAt: String
    /// The id of the override in force, who set it, and who it stands in for; null: none.
    @ExplicitNull package var override: String?
    @ExplicitNull package var overriddenBy: String?
    @ExplicitNull package var insteadOf: String?
    /// Overrides that have yet to begin or are in force, soonest first.
    package var overrides: [OverrideReport]
    package init(
        role: String, now: String, next: String, handOverAt: String, override: String? = nil,
        overriddenBy: String? = nil, insteadOf: String? = nil, overrides: [OverrideReport] = []
    ) {
        self.role = role
        self.now = now
        self.next = next
        self.handOverAt = handOverAt
        self.override = override
        self.overriddenBy = overriddenBy
        self.insteadOf = insteadOf
        self.overrides = overrides
    }
}
package struct OverrideReport: Codable, Sendable, Equatable {
    package var id: String
    /// A person's name.
    package var person: String
    /// RFC 3339.
    package var from: String
    package var until: String
    package init(id: String, person: String, from: String, until: String) {
        self.id = id
        self.person = person
        self.from = from
        self.until = until
    }
}
