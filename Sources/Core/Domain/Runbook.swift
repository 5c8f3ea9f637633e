// The checked runbook: everything the operator told Tocsin about one service.

/// A runbook whose references all hold; only the loader (RunbookFile) makes one from a file.
package struct Runbook: Sendable, Equatable {
    /// The absolute path of the file, and of the folder that relative paths start at.
    package var path: String
    package var folder: String
    package var service: ServiceIdentity
    package var people: [Person]
    package var roles: [Role]
    package var externalSupport: [ExternalContact]
    package var channels: [Channel]
    package var statusPage: StatusPage?
    package var tickets: TicketSystem?
    /// What becomes of the alerts that other systems send here; nil: they are refused.
    package var alerts: AlertIntake?
    /// Who is told beside the matrix, from `alerts.local.yaml`.
    package var localAlerts: LocalAlerts
    /// All four, worst first.
    package var levels: [LevelDefinition]
    package var escalation: [EscalationRow]
    package var onCall: [OnCallRotation]
    package var sources: [DataSource]
    package var units: [ServiceUnit]
    package var connectivity: Connectivity?
    /// In the order of the file; no dependency cycle.
    package var components: [Component]
    package var gauges: [Gauge]
    package var triggers: [Trigger]
    package var actions: [Action]
    package var services: ServiceProcedures
    package var recovery: RecoveryDefinition
    package var fallbacks: [Fallback]
    package var backup: BackupDefinition
    package var rollback: RollbackDefinition?
    /// Pages that must load (`test-pages`).
    package var pages: [String]
    package var playbooks: [Playbook]
    package var checklists: [Checklist]
    package var drills: [Drill]
    package var reviews: [ReviewDefinition]
    package var targets: Targets
    /// Environment variables that hold its secrets, sorted.
    package var secretVariables: [String] = []

    package init(
        path: String, folder: String, service: ServiceIdentity, people: [Person] = [],
        roles: [Role] = [], externalSupport: [ExternalContact] = [], channels: [Channel] = [],
        statusPage: StatusPage? = nil, tickets: TicketSystem? = nil,
        alerts: AlertIntake? = nil, localAlerts: LocalAlerts = LocalAlerts(),
        levels: [LevelDefinition] = Runbook.defaultLevels, escalation: [EscalationRow] = [],
        onCall: [OnCallRotation] = [], sources: [DataSource] = [], units: [ServiceUnit] = [],
        connectivity: Connectivity? = nil, components: [Component] = [], gauges: [Gauge] = [],
        triggers: [Trigger] = [], actions: [Action] = [],
        services: ServiceProcedures = ServiceProcedures(),
        recovery: RecoveryDefinition = RecoveryDefinition(), fallbacks: [Fallback] = [],
        backup: BackupDefinition, rollback: RollbackDefinition? = nil, pages: [String] = [],
        playbooks: [Playbook] = [], checklists: [Checklist] = [], drills: [Drill] = [],
        reviews: [ReviewDefinition] = [], targets: Targets = Targets()
    ) {
        self.path = path
        self.folder = folder
        self.service = service
        self.people = people
        self.roles = roles
        self.externalSupport = externalSupport
        self.channels = channels
        self.statusPage = statusPage
        self.tickets = tickets
        self.alerts = alerts
        self.localAlerts = localAlerts
        self.levels = levels
        self.escalation = escalation
        self.onCall = onCall
        self.sources = sources
        self.units = units
        self.connectivity = connectivity
        self.components = components
        self.gauges = gauges
        self.triggers = triggers
        self.actions = actions
        self.services = services
        self.recovery = recovery
        self.fallbacks = fallbacks
        self.backup = backup
        self.rollback = rollback
        self.pages = pages
        self.playbooks = playbooks
        self.checklists = checklists
        self.drills = drills
        self.reviews = reviews
        self.targets = targets
    }

    /// The four levels with the names and response times of the emergency procedures.
    package static var defaultLevels: [LevelDefinition] {
        Level.allCases.map {
            LevelDefinition(level: $0, name: $0.name, respondWithin: $0.respondWithin, means: "")
        }
    }
}

package struct ServiceIdentity: Sendable, Equatable {
    /// Typed by the operator to confirm a rollback.
    package var name: String
    package var title: String
    package var environment: String
    /// An IANA name.
    package var timezone: String
    /// What the zone's clocks do; the loader reads it from the system.
    package var zone: ZoneOffsets
    package init(
        name: String, title: String, environment: String = "", timezone: String = "UTC",
        zone: ZoneOffsets = .utc
    ) {
        self.name = name
        self.title = title
        self.environment = environment
        self.timezone = timezone
        self.zone = zone
    }
}

// Who
package struct Person: Sendable, Equatable {
    package var id: String
    package var name: String
    /// The login name that the engine sees on its socket; empty for an address of
    /// `alerts.local.yaml`, which logs in nowhere.
    package var user: String
    package var email: String?
    package var sms: String?
    package init(id: String, name: String, user: String, email: String? = nil, sms: String? = nil) {
        self.id = id
        self.name = name
        self.user = user
        self.email = email
        self.sms = sms
    }
}
package struct Role: Sendable, Equatable {
    package var name: String
    /// Ids of people, or `*` for anyone who may open the socket.
    package var members: [String]
    /// Other roles whose members belong to it too; no cycles.
    package var includes: [String]
    package init(name: String, members: [String] = [], includes: [String] = []) {
        self.name = name
        self.members = members
        self.includes = includes
    }
}
package struct ExternalContact: Sendable, Equatable {
    package var name: String
    package var phone: String?
    package var email: String?
    package init(name: String, phone: String? = nil, email: String? = nil) {
        self.name = name
        self.phone = phone
        self.email = email
    }
}

// How people are reached
package struct Channel: Sendable, Equatable {
    package var name: String
    package var kind: ChannelKind
    package init(name: String, kind: ChannelKind) {
        self.name = name
        self.kind = kind
    }
}
package enum ChannelKind: Sendable, Equatable {
    case email(EmailChannel)
    case sms(HTTPRequest)
    case webhook(url: Value, secret: Secret?)
    case slack(url: Value)
    case ntfy(url: Value, token: Value?)
    case pagerduty(routingKey: Value, url: String?)
    case alertmanager(url: Value)
    case command(run: [String], input: String?)
}
package struct EmailChannel: Sendable, Equatable {
    package enum StartTLS: String, Sendable, CaseIterable {
        case whenOffered = "when-offered"
        case required, never
    }
    /// `smtp://host:port` or `smtps://host:port`.
    package var server: String
    package var from: String
    package var startTLS: StartTLS
    package var user: String?
    package var password: Value?
    /// The absolute path of a PEM file with the authorities to trust for this server; nil: those of
    /// the system.
    package var ca: String?
    package init(
        server: String, from: String, startTLS: StartTLS = .whenOffered, user: String? = nil,
        password: Value? = nil, ca: String? = nil
    ) {
        self.server = server
        self.from = from
        self.startTLS = startTLS
        self.user = user
        self.password = password
        self.ca = ca
    }
}
/// Where users are told how the service is.
package enum StatusPage: Sendable, Equatable {
    /// Any API: `{{status}}`, `{{message}}` and what else a message holds are filled in.
    case http(HTTPRequest)
    /// A page of Statuspage (API v1): one incident for each emergency, updated and then resolved.
    case statuspage(StatuspageAccount)
}
package struct StatuspageAccount: Sendable, Equatable {
    /// The page's id.
    package var page: String
    package var token: Value
    /// Ids of the page's components whose status follows; may be empty.
    package var components: [String]
    /// `https://api.statuspage.io` unless said otherwise.
    package var url: String
    package init(
        page: String, token: Value, components: [String] = [],
        url: String = "https://api.statuspage.io"
    ) {
        self.page = page
        self.token = token
        self.components = components
        self.url = url
    }
}
/// Where tickets are opened.
package struct TicketSystem: Sendable, Equatable {
    package var request: HTTPRequest
    /// A JSON path to the ticket's number in the answer; nil: the first of `key`, `number`, `iid`, `id`.
    package var number: String?
    package init(request: HTTPRequest, number: String? = nil) {
        self.request = request
        self.number = number
    }
}

/// Which alerts of other systems become reported problems.
package struct AlertIntake: Sendable, Equatable {
    /// `host:port` of a listener for senders that cannot use the socket (Alertmanager itself); nil: none.
    package var listen: String?
    /// What senders on `listen` have to show (`Authorization: Bearer …`).
    package var token: Value?
    /// Login names that may send alerts to the socket, beside the administrators.
    package var from: [String]
    /// The first one that matches decides; an alert that none matches changes nothing.
    package var rules: [AlertRule]
    package init(
        listen: String? = nil, token: Value? = nil, from: [String] = [], rules: [AlertRule] = []
    ) {
        self.listen = listen
        self.token = token
        self.from = from
        self.rules = rules
    }
}
package struct AlertRule: Sendable, Equatable {
    /// A label's name and the pattern that its whole value must match; all of them must.
    package var match: [NamedText]
    /// The problem that a firing alert reports (`reported NAME` in conditions).
    package var problem: String
    /// Raises an emergency of this level by itself; the loader makes a trigger `alert-NAME` of it.
    package var level: Level?
    package init(match: [NamedText], problem: String, level: Level? = nil) {
        self.match = match
        self.problem = problem
        self.level = level
    }
}

/// Addresses that `configure-alerts` added: told at once in every emergency of level 1 to 3.
package struct LocalAlerts: Sendable, Equatable, Codable {
    package var email: [String]
    package var sms: [String]
    package var webhook: [String]
    package init(email: [String] = [], sms: [String] = [], webhook: [String] = []) {
        self.email = email
        self.sms = sms
        self.webhook = webhook
    }
    package var isEmpty: Bool { email.isEmpty && sms.isEmpty && webhook.isEmpty }
}

package struct EscalationRow: Sendable, Equatable {
    package var level: Level
    /// Earliest first; the step of `alerts.local.yaml` is the last.
    package var steps: [EscalationStep]
    package init(level: Level, steps: [EscalationStep]) {
        self.level = level
        self.steps = steps
    }
}
package struct EscalationStep: Sendable, Equatable {
    /// Taken when the emergency is still unacknowledged this long after it began.
    package var after: Span
    /// Roles, or ids of people.
    package var notify: [String]
    /// Names of channels, the preferred one first.
    package var via: [String]
    package var repeatEvery: Span?
    package var ticket: Bool
    /// By every channel of `via` at once, rather than by the next one when one fails.
    package var everyChannel: Bool
    package init(
        after: Span, notify: [String] = [], via: [String] = [], repeatEvery: Span? = nil,
        ticket: Bool = false, everyChannel: Bool = false
    ) {
        self.after = after
        self.notify = notify
        self.via = via
        self.repeatEvery = repeatEvery
        self.ticket = ticket
        self.everyChannel = everyChannel
    }
}
package struct OnCallRotation: Sendable, Equatable {
    package enum Turn: String, Sendable, CaseIterable { case daily, weekly }
    package var role: String
    package var rotate: Turn
    package var from: Timestamp
    /// Ids of people.
    package var order: [String]
    package init(role: String, rotate: Turn, from: Timestamp, order: [String]) {
        self.role = role
        self.rotate = rotate
        self.from = from
        self.order = order
    }
}

// What is watched
/// When this fails too, the fault is ours: probes turn unknown and no emergency is raised.
package struct Connectivity: Sendable, Equatable {
    package var host: String
    package var port: Int
    package var every: Span
    package init(host: String, port: Int, every: Span) {
        self.host = host
        self.port = port
        self.every = every
    }
}
package struct Gauge: Sendable, Equatable {
    package enum Source: Sendable, Equatable {
        case metric(String)
        /// The latency of a probe.
        case probe(ProbeReference)
        case emergencies
        case recoverySuccessRate
        case rollbackSuccessRate
        case healthScore
    }
    package var source: Source
    package var title: String
    package var goodAbove: Double?
    package var goodBelow: Double?
    package init(
        source: Source, title: String, goodAbove: Double? = nil, goodBelow: Double? = nil
    ) {
        self.source = source
        self.title = title
        self.goodAbove = goodAbove
        self.goodBelow = goodBelow
    }
}
package struct Trigger: Sendable, Equatable {
    package var name: String
    package var when: Condition
    /// It must hold this long before it raises.
    package var holds: Span
    package var level: Level
    /// The failure type; picks the recovery plan.
    package var failure: String
    package init(name: String, when: Condition, holds: Span, level: Level, failure: String) {
        self.name = name
        self.when = when
        self.holds = holds
        self.level = level
        self.failure = failure
    }
}

// What can be done about it
package struct Action: Sendable, Equatable {
    package var name: String
    package var title: String
    /// What is lost by it, in words.
    package var danger: String?
    package var steps: [Step]
    package init(name: String, title: String, danger: String? = nil, steps: [Step]) {
        self.name = name
        self.title = title
        self.danger = danger
        self.steps = steps
    }
}
package struct ServiceProcedures: Sendable, Equatable {
    package var stop: [Step]
    package var start: [Step]
    package var emergencyStart: [Step]
    package var verify: [Step]
    package init(
        stop: [Step] = [], start: [Step] = [], emergencyStart: [Step] = [], verify: [Step] = []
    ) {
        self.stop = stop
        self.start = start
        self.emergencyStart = emergencyStart
        self.verify = verify
    }
}
package struct RecoveryDefinition: Sendable, Equatable {
    package enum Automatic: String, Sendable, CaseIterable {
        /// The operator picks.
        case propose
        /// The engine starts by itself.
        case run
    }
    /// 1 or more; 3 by the emergency procedures.
    package var maxAttempts: Int
    package var automatic: Automatic
    /// After an action's last step, every trigger of the emergency must have ended within this time,
    /// or the attempt has failed (`verify_within`).
    package var verifyWithin: Span
    package var plans: [RecoveryPlan]
    package init(
        maxAttempts: Int = 3, automatic: Automatic = .propose, verifyWithin: Span = .seconds(30),
        plans: [RecoveryPlan] = []
    ) {
        self.maxAttempts = maxAttempts
        self.automatic = automatic
        self.verifyWithin = verifyWithin
        self.plans = plans
    }
}
package struct RecoveryPlan: Sendable, Equatable {
    /// The failure type.
    package var failure: String
    /// Names of actions, in the order they are tried.
    package var actions: [String]
    /// What a person does, in words.
    package var manual: [String]
    package var escalateAfter: Span?
    package init(
        failure: String, actions: [String], manual: [String] = [], escalateAfter: Span? = nil
    ) {
        self.failure = failure
        self.actions = actions
        self.manual = manual
        self.escalateAfter = escalateAfter
    }
}
package struct Fallback: Sendable, Equatable {
    package var name: String
    package var title: String
    package var enable: [Step]
    package var disable: [Step]
    package var test: [Step]
    package init(name: String, title: String, enable: [Step], disable: [Step], test: [Step]) {
        self.name = name
        self.title = title
        self.enable = enable
        self.disable = disable
        self.test = test
    }
}
