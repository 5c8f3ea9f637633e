// SMS by any gateway that takes an HTTP request; Twilio's form among them.
import Domain
import Transfers

extension Attempt {
    func sms(_ template: HTTPRequest) async throws(Fault) -> DeliveryOutcome {
        guard let person = order.people.first else { return refused("the message is for nobody") }
        guard let number = person.sms, !number.isEmpty else {
            return refused("\(person.name) has no number for SMS")
        }
        let wording = Wording(order: order)
        let request = try TransferRequest(
            template, variables: wording.values(to: number, text: wording.short(limit: 320)),
            secrets: secrets, timeout: left)
        return await ask(
            Asking(
                request: request,
                receipt: ["$.sid", "$.id", "$.message_id", "$.messageId", "$.messages[0].id"]))
    }
}
