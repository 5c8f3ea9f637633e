// The status page: any API by template, and Statuspage (API v1) by name.
import Domain
import Transfers

extension Attempt {
    func statusPage(_ template: HTTPRequest) async throws(Fault) -> DeliveryOutcome {
        let wording = Wording(order: order)
        let request = try TransferRequest(
            template,
            variables: wording.values(text: wording.text.isEmpty ? wording.title : wording.text),
            secrets: secrets, timeout: left)
        return await ask(Asking(request: request))
    }

    /// One incident for each emergency: opened by the first message, then changed.
    func statuspage(_ account: StatuspageAccount) async throws(Fault) -> DeliveryOutcome {
        let word = order.message.values.first { $0.name == "status" }?.text ?? ""
        guard let status = StatuspageStatus(word) else {
            let known = StatuspageStatus.words.joined(separator: ", ")
            return refused(
                "Statuspage has no status “\(Visible.text(word, limit: 40))”: use \(known)")
        }
        let token = try text(account.token)
        secrets.hide(token)
        var url = account.url
        while url.hasSuffix("/") { url.removeLast() }
        url += "/v1/pages/\(Self.pathPart(account.page))/incidents"
        if let incident = order.incident { url += "/\(Self.pathPart(incident))" }
        let request = json(
            ["incident": incident(word, status, account.components)], to: url,
            method: order.incident == nil ? "POST" : "PATCH",
            headers: [("Authorization", "OAuth \(token)")])
        // 420 is its older word for 429.
        return await ask(
            Asking(request: request, receipt: ["$.id"], patience: [420], receiptOnly: true))
    }

    private func incident(
        _ word: String, _ status: StatuspageStatus, _ components: [String]
    ) -> JSONDocument {
        let wording = Wording(order: order)
        var fields: [(String, JSONDocument)] = [
            ("status", .text(status.incident)), ("impact_override", .text(impact(status))),
            ("body", .text(wording.text.isEmpty ? wording.title : wording.text)),
        ]
        // What the page's readers know it by; it stays. What happened inside is not for them.
        if order.incident == nil {
            let name = "\(order.service.title): \(word.replacing("_", with: " "))"
            fields.insert(("name", .text(Visible.text(name, limit: 200))), at: 0)
        }
        if !components.isEmpty {
            fields.append(("component_ids", .list(components.map { .text($0) })))
            if let state = status.component {
                fields.append(("components", .map(components.map { ($0, .text(state)) })))
            }
        }
        return .map(fields)
    }
    private func impact(_ status: StatuspageStatus) -> String {
        if status.component == "under_maintenance" { return "maintenance" }
        return switch order.message.level {
        case .critical: "critical"
        case .high: "major"
        case .medium: "minor"
        case .low, nil: "none"
        }
    }

    private static func pathPart(_ text: String) -> String {
        text.filter { $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) }
    }
}

/// A word of ours in Statuspage's two vocabularies.
struct StatuspageStatus: Equatable {
    var incident: String
    /// Nil: the components stay as they are.
    var component: String?

    static let words = [
        "operational", "resolved", "ok", "degraded", "partial_outage", "major_outage",
        "maintenance", "investigating", "identified", "monitoring",
    ]
    init?(_ word: String) {
        switch word.lowercased() {
        case "operational", "resolved", "ok": self.init("resolved", "operational")
        case "degraded", "degraded_performance": self.init("identified", "degraded_performance")
        case "partial_outage": self.init("investigating", "partial_outage")
        case "major_outage": self.init("investigating", "major_outage")
        case "maintenance", "under_maintenance": self.init("identified", "under_maintenance")
        case "investigating": self.init("investigating", nil)
        case "identified": self.init("identified", nil)
        case "monitoring": self.init("monitoring", nil)
        default: return nil
        }
    }
    private init(_ incident: String, _ component: String?) {
        self.incident = incident
        self.component = component
    }
}
