// `POST /v1/commands`: what a front end asks for, and what it is told.

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
    /// The id of a procedure, for the commands about a running one.
    package var procedure: String?
    package init(
        command: String, reason: String? = nil, triggeredBy: String? = nil,
        resolvedBy: String? = nil, level: Int? = nil, name: String? = nil, text: String? = nil,
        authorization: String? = nil, confirmation: String? = nil, plan: String? = nil,
        dryRun: Bool? = nil, testMode: Bool? = nil, procedure: String? = nil
    ) {
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
    }
}

package struct CommandAnswer: Codable, Sendable, Equatable {
    /// What it caused so far; a procedure goes on after the answer.
    package var events: [EventReport]
    /// The id of the procedure that it started.
    @ExplicitNull package var procedure: String?
    /// The answer to a dry run.
    @ExplicitNull package var plan: RollbackReport?
    package init(events: [EventReport], procedure: String? = nil, plan: RollbackReport? = nil) {
        self.events = events
        self.procedure = procedure
        self.plan = plan
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
