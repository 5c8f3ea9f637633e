// The commands that tell people, and those about who and what is told, as they come over the socket.
import Domain
import Rules
import Wire

extension CommandReading {
    /// Nil when it is none of these.
    func telling(_ request: CommandRequest) throws(Refusal) -> Command? {
        let text = request.text ?? request.reason ?? ""
        switch request.command {
        case "hand-over":
            return .handOver(
                to: try given(request.target, "target", "a person's id, name or login name"),
                text: text)
        case "send-notification":
            return .sendNotification(
                NotificationRequest(
                    title: request.title ?? "", text: text, target: request.target ?? "admins",
                    priority: try priority(request.priority), via: request.via ?? []))
        case "send-user-notification":
            return .sendUserNotification(text: text, channel: request.name ?? "fallback")
        case "update-status-page":
            return .updateStatusPage(status: request.status ?? "", text: text)
        case "update-dashboard":
            let status = request.status ?? ""
            return .updateDashboard(
                status == "clear" ? nil : DashboardLine(status: status, message: text))
        case "create-incident":
            return .createIncident(
                title: request.title ?? "", text: text, priority: request.priority ?? "",
                assignee: request.assignee ?? "")
        case "notify-rollback-start": return .notifyRollbackStart
        case "test-alerts":
            return .testAlerts(channel: request.name, target: request.target)
        case "override-on-call":
            return .overrideOnCall(
                role: try given(request.role, "role", "a role of the runbook"),
                person: try given(request.target, "target", "a person's id, name or login name"),
                from: try request.from.map { text throws(Refusal) in try moment(text, "from") },
                until: try moment(
                    try given(request.until, "until", "a time such as 2026-01-05T18:00:00Z"),
                    "until"))
        case "end-override": return .endOnCallOverride(id: try name(request, "the override"))
        case "retry-delivery": return .retryDelivery(id: try name(request, "the delivery"))
        case "dismiss-delivery": return .dismissDelivery(id: try name(request, "the delivery"))
        default: return nil
        }
    }

    func span(_ text: String) throws(Refusal) -> Span {
        if let span = Span(text), span > .zero { return span }
        throw missing("span", "a length of time such as 30m")
    }
    private func moment(_ text: String, _ part: String) throws(Refusal) -> Timestamp {
        if let moment = Timestamp(rfc3339: text) { return moment }
        throw missing(part, "a time such as 2026-01-05T18:00:00Z")
    }
    private func given(
        _ text: String?, _ part: String, _ wanted: String
    ) throws(Refusal) -> String {
        if let text, !text.isEmpty { return text }
        throw missing(part, wanted)
    }
    /// As the procedures spell it; `medium` is what other tools call normal.
    private func priority(_ text: String?) throws(Refusal) -> MessagePriority {
        guard let text, !text.isEmpty else { return .normal }
        if text == "medium" { return .normal }
        if let priority = MessagePriority(rawValue: text) { return priority }
        throw missing("priority", "low, normal, high or critical")
    }

    /// The addresses of `configure-alerts`, each once.
    static func localAlerts(_ request: CommandRequest) throws(Refusal) -> LocalAlerts {
        func checked(
            _ texts: [String]?, _ what: String, _ isGood: (String) -> Bool
        ) throws(Refusal) -> [String] {
            var result: [String] = []
            for text in texts ?? [] {
                let isPlain = text.unicodeScalars.allSatisfy {
                    $0.value > 0x20 && $0.value < 0x7F && $0 != "<" && $0 != ">" && $0 != ","
                }
                guard isPlain, text.utf8.count <= 500, isGood(text) else {
                    throw Refusal(
                        .notUnderstood, rule: "bad-address",
                        why: "“\(Visible.text(text, limit: 80))” is no \(what)",
                        remedy: "Such as "
                            + (what == "address for mail"
                                ? "admin@example.com"
                                : what == "phone number" ? "+1234567890" : "https://host/path"))
                }
                if !result.contains(text) { result.append(text) }
            }
            guard result.count <= 50 else {
                throw Refusal(
                    .notUnderstood, rule: "too-many", why: "more than 50 of one kind",
                    remedy: "Use a list's address instead")
            }
            return result
        }
        return LocalAlerts(
            email: try checked(request.email, "address for mail") { text in
                let parts = text.split(separator: "@", omittingEmptySubsequences: false)
                return parts.count == 2 && parts.allSatisfy { !$0.isEmpty }
            },
            sms: try checked(request.sms, "phone number") { text in
                let digits = text.hasPrefix("+") ? text.dropFirst() : text[...]
                return digits.count >= 3 && digits.allSatisfy { $0.isNumber || $0 == "-" }
            },
            webhook: try checked(request.webhook, "web address") { text in
                text.hasPrefix("https://") || text.hasPrefix("http://")
            })
    }
}
