// Makes the Runbook of a tree that passed every check: who, how they are reached, and the whole.
import Domain

struct RunbookBuilder {
    let root: Tree
    let paths: Paths

    func runbook() throws(Misfit) -> Runbook {
        let service = try root.value("service")
        let name = try service.text("name")
        let timezone = try service.optionalText("timezone") ?? "UTC"
        var book = Runbook(
            path: paths.file, folder: paths.folder,
            service: ServiceIdentity(
                name: name, title: try service.optionalText("title") ?? name,
                environment: try service.optionalText("environment") ?? "",
                timezone: timezone, zone: ZoneFile.offsets(of: timezone) ?? .utc),
            backup: try backup())
        try addPeople(&book)
        try addWatching(&book)
        try addProcedures(&book)
        try addAlerts(&book)
        book.secretVariables = Set(root.secretVariables).sorted()
        return book
    }

    // MARK: People

    private func addPeople(_ book: inout Runbook) throws(Misfit) {
        book.people = try root.named("people") { id, tree throws(Misfit) in
            Person(
                id: id, name: try tree.text("name"), user: try tree.optionalText("user") ?? id,
                email: try tree.optionalText("email"), sms: try tree.optionalText("sms"))
        }
        book.roles = try root.named("roles") { name, tree throws(Misfit) in
            Role(
                name: name, members: try tree.texts("members"), includes: try tree.texts("includes")
            )
        }
        book.externalSupport = try root.each("external_support") { tree throws(Misfit) in
            ExternalContact(
                name: try tree.text("name"), phone: try tree.optionalText("phone"),
                email: try tree.optionalText("email"))
        }
        book.channels = try root.named("channels") { name, tree throws(Misfit) in
            Channel(name: name, kind: try channel(tree))
        }
        book.statusPage = try root["status_page"].map { tree throws(Misfit) in
            try statusPage(tree)
        }
        book.tickets = try root["tickets"].map { tree throws(Misfit) in
            TicketSystem(
                request: try request(try tree.value("http")),
                number: try tree.optionalText("number"))
        }
        book.levels = try Runbook.defaultLevels.converted(level)
        book.escalation = try Level.allCases.converted { level throws(Misfit) in
            EscalationRow(
                level: level,
                steps: try (root["escalation"]?["\(level.rawValue)"]?.items ?? [])
                    .converted(escalationStep))
        }.filter { !$0.steps.isEmpty }
        book.onCall = try root.each("on_call", rotation)
    }

    private func level(_ standard: LevelDefinition) throws(Misfit) -> LevelDefinition {
        guard let tree = root["levels"]?["\(standard.level.rawValue)"] else { return standard }
        return LevelDefinition(
            level: standard.level, name: try tree.optionalText("name") ?? standard.name,
            respondWithin: try tree.span("respond_within", or: standard.respondWithin),
            means: try tree.optionalText("means") ?? "", fallbacks: try tree.texts("fallbacks"))
    }

    private func escalationStep(_ tree: Tree) throws(Misfit) -> EscalationStep {
        EscalationStep(
            after: try tree.value("after").asSpan(), notify: try tree.texts("notify"),
            via: try tree.texts("via"), repeatEvery: try tree.optionalSpan("repeat_every"),
            ticket: try tree.flag("ticket", or: false),
            everyChannel: try tree.flag("every_channel", or: false))
    }

    private func rotation(_ tree: Tree) throws(Misfit) -> OnCallRotation {
        let from = try tree.value("from")
        guard let start = Timestamp(rfc3339: try from.asText()) else {
            throw Misfit(place: from.place, expected: "a moment")
        }
        return OnCallRotation(
            role: try tree.text("role"), rotate: try tree.value("rotate").asChoice(), from: start,
            order: try tree.texts("order"))
    }

    // MARK: Channels

    private func channel(_ tree: Tree) throws(Misfit) -> ChannelKind {
        if let email = tree["email"] { return .email(try emailChannel(email)) }
        if let sms = tree["sms"] { return .sms(try request(sms)) }
        if let webhook = tree["webhook"] {
            return .webhook(
                url: try value(try webhook.value("url")),
                secret: try webhook.optional("secret", secret))
        }
        if let slack = tree["slack"] { return .slack(url: try value(try slack.value("url"))) }
        if let ntfy = tree["ntfy"] {
            return .ntfy(
                url: try value(try ntfy.value("url")), token: try ntfy.optional("token", value))
        }
        if let pager = tree["pagerduty"] {
            return .pagerduty(
                routingKey: try value(try pager.value("routing_key")),
                url: try pager.optionalText("url"))
        }
        if let manager = tree["alertmanager"] {
            return .alertmanager(url: try value(try manager.value("url")))
        }
        let command = try tree.value("command")
        return .command(
            run: paths.program(try command.texts("run")), input: try command.optionalText("stdin"))
    }

    private func emailChannel(_ tree: Tree) throws(Misfit) -> EmailChannel {
        EmailChannel(
            server: try tree.text("server"), from: try tree.text("from"),
            startTLS: try tree.optional("starttls") { tree throws(Misfit) in try tree.asChoice() }
                ?? .whenOffered,
            user: try tree.optionalText("user"), password: try tree.optional("password", value),
            ca: try tree.optionalText("ca").map(paths.absolute))
    }

    private func statusPage(_ tree: Tree) throws(Misfit) -> StatusPage {
        guard let page = tree["statuspage"] else {
            return .http(try request(try tree.value("http")))
        }
        var account = StatuspageAccount(
            page: try page.text("page"), token: try value(try page.value("token")),
            components: try page.texts("components"))
        if let url = try page.optionalText("url") { account.url = url }
        return .statuspage(account)
    }

    // MARK: Requests and secrets

    func secret(_ tree: Tree) throws(Misfit) -> Secret {
        if let file = try tree.optionalText("file") { return .file(paths.absolute(file)) }
        return .environment(try tree.text("env"))
    }
    func value(_ tree: Tree) throws(Misfit) -> Value {
        if case .map = tree.content { return .secret(try secret(tree)) }
        return .plain(try tree.asText())
    }
    func values(_ tree: Tree, _ key: String) throws(Misfit) -> [NamedValue] {
        try tree.named(key) { name, tree throws(Misfit) in
            NamedValue(name: name, value: try value(tree))
        }
    }

    func request(_ tree: Tree) throws(Misfit) -> HTTPRequest {
        var body = HTTPBody.none
        if let json = tree["json"] {
            body = .json(json.data)
        } else if tree["form"] != nil {
            body = .form(try values(tree, "form"))
        } else if let text = try tree.optionalText("body") {
            body = .text(text)
        }
        return HTTPRequest(
            url: try value(try tree.value("url")),
            method: try tree.optionalText("method") ?? (body == .none ? "GET" : "POST"),
            headers: try values(tree, "header"), body: body,
            login: try tree.optional("login") { login throws(Misfit) in
                HTTPLogin(
                    user: try value(try login.value("user")),
                    password: try value(try login.value("password")))
            })
    }

    func expectation(_ tree: Tree) throws(Misfit) -> Expectation {
        guard let expect = tree["expect"] else { return Expectation() }
        let status = expect["status"]
        let codes = status.map { $0.items.isEmpty ? [$0] : $0.items } ?? []
        return Expectation(
            status: try codes.converted { code throws(Misfit) in try code.asInteger() },
            under: try expect.optionalSpan("under"), body: try expect.optionalText("body"),
            message: try expect.optionalText("message"), reply: try expect.optionalText("reply"),
            keep: expect["keep"] == nil
                ? nil
                : try expect.named("keep") { name, tree throws(Misfit) in
                    NamedText(name: name, text: try tree.asText())
                })
    }
}
