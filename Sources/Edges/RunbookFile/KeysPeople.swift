// The keys of who is told, how, and when: people, roles, channels, levels, escalation, shifts.
import Domain

extension Keys {
    static let service = Shape.table(
        KeyTable(
            what: "`service`",
            keys: [
                must("name", .name, "Typed by the operator to confirm a rollback."),
                may("title", .line, "Its name for people."),
                may("environment", .line, "Such as production."),
                may(
                    "timezone", .timezone,
                    "An IANA name, for shifts and review dates; UTC without it."),
            ]))

    static let person = Shape.table(
        KeyTable(
            what: "a person",
            keys: [
                must("name", .line, "Their name."),
                may(
                    "user", .line, "Their login name on the engine's machine; their id without it."),
                may("email", .email, "Where mail goes."),
                may("sms", .line, "A phone number."),
            ]))
    static let role = Shape.table(
        KeyTable(
            what: "a role",
            keys: [
                may(
                    "members", .list(.reference(.member)),
                    "Ids of people, or \"*\" for anyone who may open the socket."),
                may("includes", .list(.reference(.role)), "Roles whose members belong to it too."),
            ],
            atLeastOne: [["members", "includes"]]))
    static let externalSupport = Shape.list(
        .table(
            KeyTable(
                what: "an external contact",
                keys: [
                    must("name", .line, "Who they are."),
                    may("phone", .line, "Their phone number."),
                    may("email", .email, "Their address."),
                ],
                atLeastOne: [["phone", "email"]])), atLeast: 0)

    // MARK: Channels

    static let channel = Shape.table(
        KeyTable(
            what: "a channel",
            keys: [
                may("email", email, "Mail by SMTP."),
                may("sms", http, "A request to an SMS gateway; {{to}} and {{text}} are filled in."),
                may("webhook", webhook, "A signed request, as Standard Webhooks 1.0 says."),
                may(
                    "slack", .table(slack),
                    "An incoming webhook of Slack, Mattermost or Rocket.Chat."),
                may("ntfy", .table(ntfy), "A topic of ntfy."),
                may("pagerduty", .table(pagerduty), "A service of PagerDuty (Events API v2)."),
                may("alertmanager", .table(alertmanager), "An Alertmanager of Prometheus."),
                may("command", .table(command), "A program that delivers the message."),
            ],
            exactlyOne: [
                [
                    "email", "sms", "webhook", "slack", "ntfy", "pagerduty", "alertmanager",
                    "command",
                ]
            ]))

    private static let email = Shape.table(
        KeyTable(
            what: "`email`",
            keys: [
                must("server", .url(["smtp", "smtps"]), "Such as smtp://127.0.0.1:25."),
                must("from", .email, "The sender's address."),
                may(
                    "starttls", .choice(EmailChannel.StartTLS.allCases.map(\.rawValue)),
                    "Whether the connection is encrypted; when-offered without it."),
                may("user", .line, "Who logs in."),
                may("password", secret, "Where the password is to be found."),
                may(
                    "ca", .path,
                    "A PEM file with the authorities to trust for this server; the system's without it."
                ),
            ],
            needs: ["user": ["password"], "password": ["user"]]))
    private static let webhook = Shape.table(
        KeyTable(
            what: "`webhook`",
            keys: [
                must("url", value(.url(["http", "https"])), "Where it goes."),
                may("secret", secret, "The key that requests are signed with."),
            ]))
    private static let slack = KeyTable(
        what: "`slack`",
        keys: [
            must("url", value(.url(["http", "https"])), "The webhook's address; keep it secret.")
        ])
    private static let ntfy = KeyTable(
        what: "`ntfy`",
        keys: [
            must("url", value(.url(["http", "https"])), "The topic's address."),
            may("token", secret, "An access token."),
        ])
    private static let pagerduty = KeyTable(
        what: "`pagerduty`",
        keys: [
            must("routing_key", secret, "The integration's key."),
            may("url", .url(["http", "https"]), "PagerDuty's own address without it."),
        ])
    private static let alertmanager = KeyTable(
        what: "`alertmanager`",
        keys: [must("url", value(.url(["http", "https"])), "Such as http://127.0.0.1:9093.")])
    private static let command = KeyTable(
        what: "`command`",
        keys: [
            must("run", argv, "The program and its arguments."),
            may("stdin", .text, "What it reads; {{text}} is filled in."),
        ])

    static let serviceStatusPage = Shape.table(
        KeyTable(
            what: "`status_page`",
            keys: [
                may("http", http, "A request; {{status}} and {{message}} are filled in."),
                may("statuspage", .table(statuspage), "A page of Statuspage (API v1)."),
            ],
            exactlyOne: [["http", "statuspage"]]))
    private static let statuspage = KeyTable(
        what: "`statuspage`",
        keys: [
            must("page", .line, "The page's id."),
            must("token", secret, "The key of the API."),
            may(
                "components", .list(.line),
                "Ids of the page's components whose status follows; none without it."),
            may("url", .url(["http", "https"]), "https://api.statuspage.io without it."),
        ])
    static let tickets = Shape.table(
        KeyTable(
            what: "`tickets`",
            keys: [
                must("http", http, "The request that opens one; {{title}} is filled in."),
                may(
                    "number", .jsonPath,
                    "Where the answer has the ticket's number; key, number, iid or id without it."),
            ]))

    // MARK: Levels and escalation

    /// A map from 1–4.
    static func byLevel(_ what: String, _ value: Shape) -> Shape {
        .table(
            KeyTable(
                what: what,
                keys: Level.allCases.map {
                    may("\($0.rawValue)", value, "Level \($0.rawValue), \($0.name) by default.")
                }))
    }
    static let level = Shape.table(
        KeyTable(
            what: "a level",
            keys: [
                may("name", .line, "Its name."),
                may(
                    "respond_within", .span(.any),
                    "The response clock: 5m, 15m, 30m, 60m by default."),
                may("means", .line, "What it means, for people."),
                may(
                    "fallbacks", .list(.reference(.fallback)),
                    "Fallbacks that an emergency of this level enables when it is activated."),
            ]))
    static let escalationStep = Shape.table(
        KeyTable(
            what: "an escalation step",
            keys: [
                must(
                    "after", .span(.anyOrZero),
                    "Taken when the emergency is still unacknowledged after this time."),
                may("notify", .list(.reference(.recipient)), "Roles or people."),
                may(
                    "via", .list(.reference(.channel)),
                    "Channels, the preferred one first: the next is tried when one fails."),
                may("every_channel", .flag, "By all of `via` at once."),
                may("repeat_every", .span(.any), "Told again until somebody acknowledges."),
                may("ticket", .flag, "Whether a ticket is opened."),
            ],
            atLeastOne: [["notify", "ticket"]],
            beside: ["repeat_every": ["notify"], "every_channel": ["notify"]],
            needs: ["notify": ["via"], "via": ["notify"]]))

    // MARK: Alerts of other systems

    static let alerts = Shape.table(
        KeyTable(
            what: "`alerts`",
            keys: [
                may(
                    "listen", .address,
                    "\"host:port\" for senders that cannot use the socket; none without it."),
                may(
                    "token", secret,
                    "What senders show as a bearer; needed unless `listen` is this machine's own."),
                may(
                    "from", .list(.line),
                    "Login names that may send alerts to the socket, beside the administrators."),
                must(
                    "rules", .list(.table(alertRule), atLeast: 1),
                    "The first one that matches an alert decides."),
            ],
            needs: ["token": ["listen"]]))
    private static let alertRule = KeyTable(
        what: "an alert rule",
        keys: [
            must(
                "match",
                .named(NamedShape(what: "a label", rule: .label, value: .scalar(.pattern))),
                "Labels, each with a regular expression that its whole value must match."),
            must("problem", .name, "The problem that the alert reports, for `reported …`."),
            may(
                "level", .integer(1...4),
                "It raises an emergency of this level by itself, without a trigger."),
        ])

    // MARK: Shifts

    static let onCall = Shape.list(
        .table(
            KeyTable(
                what: "an on-call rotation",
                keys: [
                    must("role", .reference(.role), "The role whose notifications it takes."),
                    must(
                        "rotate", .choice(OnCallRotation.Turn.allCases.map(\.rawValue)),
                        "How often the next one takes over."),
                    must(
                        "from", .timestamp,
                        "When the first of the order begins (RFC 3339); hand-overs keep its time of day in the service's zone."
                    ),
                    must("order", .list(.reference(.person)), "Ids of people."),
                ])), atLeast: 0)
}
