// Tickets in any system that takes an HTTP request; the ticket's number is the receipt.
import Domain
import Transfers

extension Attempt {
    func ticket(_ system: TicketSystem) async throws(Fault) -> DeliveryOutcome {
        let wording = Wording(order: order)
        let request = try TransferRequest(
            system.request, variables: wording.values(text: text(wording)), secrets: secrets,
            timeout: left)
        return await ask(
            Asking(
                request: request,
                receipt: system.number.map { [$0] } ?? ["$.key", "$.number", "$.iid", "$.id"],
                receiptOnly: true))
    }
    private func text(_ wording: Wording) -> String {
        let facts = wording.allFacts.map { "\($0.name): \($0.text)" }.joined(separator: "\n")
        return [wording.text, facts, wording.repeatNote].filter { !$0.isEmpty }
            .joined(separator: "\n\n")
    }
}
