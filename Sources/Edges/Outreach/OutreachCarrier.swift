// Hands messages over to channels: one file for each kind of channel, one way in.
package import Domain

package struct OutreachCarrier: MessageCarrier {
    package init(secrets: any SecretReader) {}
    package func carry(_ order: DeliveryOrder) async -> DeliveryOutcome {
        DeliveryOutcome(end: .refused, detail: "not yet", seconds: 0)
    }
}
