// What could be done next, in the order in which enter should offer it, and which of it is selected.
import Domain
import Wire

extension ProposalReport {
    /// What the dashboard itself proposes, beside what the engine does.
    static let endKind = "end"
    /// What it stays the same by while others come and go.
    var key: String { "\(kind) \(name)" }
    /// The key that does it also where it is not selected.
    var letter: String? {
        switch kind {
        case Self.endKind: "D"
        case "rollback": "R"
        default: nil
        }
    }
}

extension Model {
    /// In the engine's order; at most nine, for more are no advice. Where all is well, the end of the
    /// emergency comes first; where nothing is failed and yet not all is well, last. Where health is
    /// whole, a rollback comes after the others.
    var proposals: [ProposalReport] {
        var all = core?.proposals ?? []
        if isWhole {
            all = all.filter { $0.kind != "rollback" } + all.filter { $0.kind == "rollback" }
        }
        guard let health = core?.health.state, emergency != nil, stillFailing.isEmpty else {
            return Array(all.prefix(9))
        }
        let end = ProposalReport(
            kind: ProposalReport.endKind, name: "deactivate-emergency",
            title: "End the emergency", why: nothingFails, runsAt: nil)
        return health == .healthy ? [end] + all.prefix(8) : all.prefix(8) + [end]
    }
    /// Said where nothing is failed: what nobody knows is not well.
    var nothingFails: String {
        let health = core?.health.state ?? .unknown
        return health == .healthy
            ? "Nothing fails any more" : "Nothing is failed, but health is \(health.rawValue)"
    }
    private var isWhole: Bool { core?.health.score == 100 }

    /// Which of them enter runs. Nil where there is none, and where there is only a rollback although
    /// health is whole: that has to be selected first.
    var selectedProposal: Int? {
        let all = proposals
        if let picked = all.firstIndex(where: { $0.key == pickedProposal }) { return picked }
        guard let first = all.first, !(isWhole && first.kind == "rollback") else { return nil }
        return 0
    }
    var proposal: ProposalReport? { selectedProposal.map { proposals[$0] } }

    mutating func pickProposal(_ index: Int) {
        let all = proposals
        guard !all.isEmpty else { return }
        pickedProposal = all[min(max(0, index), all.count - 1)].key
    }
}
