// `POST /v1/commands`: what a front end asks for, and what it is told.
package import Domain

/// One command. `command` is the subcommand's name; the other parts are its arguments.
package struct CommandRequest: Codable, Sendable, Equatable {
    package var command: String
    package var reason: String?
    /// Recorded beside the name that the operating system gives; never decides anything.
    package var triggeredBy: String?
    package var resolvedBy: String?
    /// 1–4.
    package var level: Int?
    /// An action, fallback, playbook, kind of problem or probe (`component.probe`).
    package var name: String?
    package var text: String?
    package var authorization: String?
    /// The service's name as the operator typed it.
    package var confirmation: String?
    /// The hash of the plan that the operator saw; nil: whatever it is now.
    package var plan: String?
    package var dryRun: Bool?
    package var testMode: Bool?
    /// Of a rollback: also where an earlier one still stands.
    package var again: Bool?
    /// The id of a procedure, for the commands about a running one.
    package var procedure: String?
    package var title: String?
    /// Who it is for: a role, a person (id, name or login name), or `admins`.
    package var target: String?
    /// low, normal, high, critical; of a ticket, whatever the system knows.
    package var priority: String?
    /// Names of channels.
    package var via: [String]?
    /// Of the status page or of the dashboards' line.
    package var status: String?
    package var assignee: String?
    /// A length of time, such as `30m`: an acknowledgement's.
    package var span: String?
    package var role: String?
    /// RFC 3339.
    package var from: String?
    package var until: String?
    package var email: [String]?
    package var sms: [String]?
    package var webhook: [String]?
    /// The id of a request for a rollback.
    package var request: String?
    /// A stage's name, to undo back to.
    package var stage: String?
    /// The id of a backup.
    package var backup: String?
    /// What of a backup is restored; null: everything of the kind.
    package var paths: [String]?
    package var databases: [String]?
    package init(
        command: String, reason: String? = nil, triggeredBy: String? = nil,
        resolvedBy: String? = nil, level: Int? = nil, name: String? = nil, text: String? = nil,
        authorization: String? = nil, confirmation: String? = nil, plan: String? = nil,
        dryRun: Bool? = nil, testMode: Bool? = nil, procedure: String? = nil,
        title: String? = nil, target: String? = nil, priority: String? = nil,
        via: [String]? = nil, status: String? = nil, assignee: String? = nil,
        span: String? = nil, role: String? = nil, from: String? = nil, until: String? = nil,
        email: [String]? = nil, sms: [String]? = nil, webhook: [String]? = nil,
        request: String? = nil, stage: String? = nil, backup: String? = nil,
        paths: [String]? = nil, databases: [String]? = nil, again: Bool? = nil
    ) {
        self.again = again
        self.request = request
        self.stage = stage
        self.backup = backup
        self.paths = paths
        self.databases = databases
        self.command = command
        self.reason = reason
        self.triggeredBy = triggeredBy
        self.resolvedBy = resolvedBy
        self.level = level
        self.name = name
        self.text = text
        self.authorization = authorization
        self.confirmation = confirmation
        self.plan = plan
        self.dryRun = dryRun
        self.testMode = testMode
        self.procedure = procedure
        self.title = title
        self.target = target
        self.priority = priority
        self.via = via
        self.status = status
        self.assignee = assignee
        self.span = span
        self.role = role
        self.from = from
        self.until = until
        self.email = email
        self.sms = sms
        self.webhook = webhook
    }
}

package struct CommandAnswer: Codable, Sendable, Equatable {
    /// What it caused so far; a procedure goes on after the answer.
    package var events: [EventReport]
    /// The id of the procedure that it started.
    @ExplicitNull package var procedure: String?
    /// The answer to a dry run.
    @ExplicitNull package var plan: RollbackReport?
    /// The id of the request for a rollback that waits for others now.
    @ExplicitNull package var request: String?
    /// What a test of the procedures found; null: none was asked for.
    @ExplicitNull package var checks: [CheckReport]?
    /// The answer to `generate-rollback-report`; null to everything else.
    @ExplicitNull package var record: RollbackRecord?
    /// Ids of the messages that it put in the outbox; their deliveries go on after the answer.
    package var messages: [String]
    /// The same, with whom each is for.
    package var queued: [MessageReport]
    /// Names of the people whom no channel of their message reaches, each once.
    package var missed: [String] {
        queued.reduce(into: []) { names, message in
            names += message.missed.filter { !names.contains($0) }
        }
    }
    package init(
        events: [EventReport], procedure: String? = nil, plan: RollbackReport? = nil,
        messages: [String] = [], queued: [MessageReport] = [], request: String? = nil,
        checks: [CheckReport]? = nil, record: RollbackRecord? = nil
    ) {
        self.request = request
        self.checks = checks
        self.record = record
        self.events = events
        self.procedure = procedure
        self.plan = plan
        self.messages = messages
        self.queued = queued
    }
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        events = try container.decode([EventReport].self, forKey: .events)
        procedure = try container.decodeIfPresent(String.self, forKey: .procedure)
        plan = try container.decodeIfPresent(RollbackReport.self, forKey: .plan)
        request = try container.decodeIfPresent(String.self, forKey: .request)
        checks = try container.decodeIfPresent([CheckReport].self, forKey: .checks)
        record = try container.decodeIfPresent(RollbackRecord.self, forKey: .record)
        messages = try container.decodeIfPresent([String].self, forKey: .messages) ?? []
        queued = try container.decodeIfPresent([MessageReport].self, forKey: .queued) ?? []
    }
}

/// A message that a command put in the outbox.
package struct MessageReport: Codable, Sendable, Equatable {
    package var id: String
    package var purpose: MessagePurpose
    /// Names of those whom it is for; empty: nobody in particular.
    package var people: [String]
    /// Those of them whom no channel reaches: nothing is on its way to them.
    package var missed: [String]
    package init(id: String, purpose: MessagePurpose, people: [String], missed: [String]) {
        self.id = id
        self.purpose = purpose
        self.people = people
        self.missed = missed
    }
}

/// The body of 403 (not allowed), 409 (not now), 422 (not understood), 503 (could not be recorded).
package struct RefusalReport: Codable, Sendable, Equatable {
    package var refused: String
    package var why: String
    package var remedy: String
    package init(refused: String, why: String, remedy: String) {
        self.refused = refused
        self.why = why
        self.remedy = remedy
    }
}

/// Answers of `GET /v1/events`, `/v1/probes/…/history`.
package struct EventPage: Codable, Sendable, Equatable {
    package var events: [EventReport]
    /// The number of the newest event in the journal.
    package var last: Int
    package init(events: [EventReport], last: Int) {
        self.events = events
        self.last = last
    }
}
package struct SampleReport: Codable, Sendable, Equatable {
    package var at: String
    package var answer: String
    package var latencyMs: Double
    package var message: String
    package init(at: String, answer: String, latencyMs: Double, message: String) {
        self.at = at
        self.answer = answer
        self.latencyMs = latencyMs
        self.message = message
    }
}
package struct HistoryPage: Codable, Sendable, Equatable {
    package var component: String
    package var probe: String
    package var samples: [SampleReport]
    package init(component: String, probe: String, samples: [SampleReport]) {
        self.component = component
        self.probe = probe
        self.samples = samples
    }
}
