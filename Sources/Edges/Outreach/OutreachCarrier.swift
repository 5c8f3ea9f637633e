// Hands messages over to channels: one file for each kind of channel, one way in.
package import Domain

package struct OutreachCarrier: MessageCarrier {
    private let secrets: any SecretReader
    private let limit: Span

    /// - Parameter limit: how long an attempt may take in all.
    package init(secrets: any SecretReader, limit: Span = MessageCarrierLimits.attempt) {
        self.secrets = secrets
        self.limit = limit
    }

    package func carry(_ order: DeliveryOrder) async -> DeliveryOutcome {
        let kept = KeptSecrets(secrets)
        let attempt = Attempt(order: order, secrets: kept, limit: limit)
        var outcome: DeliveryOutcome
        do throws(Fault) {
            outcome = try await attempt.make()
        } catch {
            // A secret that is not there may come; a template that cannot be filled in stays so.
            outcome = DeliveryOutcome(
                end: kept.hasFailed ? .failed : .refused, detail: error.description, seconds: 0)
        }
        outcome.detail = Visible.text(kept.masked(outcome.detail), limit: 299)
        outcome.seconds = attempt.elapsed
        return outcome
    }
}

/// One attempt to deliver one order. Each kind of channel adds its way to it.
struct Attempt {
    let order: DeliveryOrder
    let secrets: KeptSecrets
    private let start: ContinuousClock.Instant
    private let limit: Span

    init(order: DeliveryOrder, secrets: KeptSecrets, limit: Span) {
        self.order = order
        self.secrets = secrets
        // What is left over is for the machine to be slow in.
        self.limit = Span(seconds: limit.seconds * 0.9)
        start = ContinuousClock.now
    }

    func make() async throws(Fault) -> DeliveryOutcome {
        switch order.route {
        case .channel(let channel): try await make(channel)
        case .statusPage(.http(let request)): try await statusPage(request)
        case .statusPage(.statuspage(let account)): try await statuspage(account)
        case .tickets(let system): try await ticket(system)
        }
    }

    private func make(_ channel: Channel) async throws(Fault) -> DeliveryOutcome {
        switch channel.kind {
        case .email(let email): try await mail(email)
        case .sms(let request): try await sms(request)
        case .webhook(let url, let secret): try await webhook(url, secret)
        case .slack(let url): try await slack(url)
        case .ntfy(let url, let token): try await ntfy(url, token)
        case .pagerduty(let key, let url): try await pagerDuty(key, url)
        case .alertmanager(let url): try await alertmanager(url)
        case .command:
            // The step runner runs it, so that its end is on disk: see `commandWork`.
            refused("a command is run by the engine, not sent")
        }
    }

    /// Seconds since the attempt began.
    var elapsed: Double { Span(ContinuousClock.now - start).seconds }
    /// What is left of the attempt's time, a round number for messages; never nothing, so that a
    /// request still fails by itself.
    var left: Span { Span(seconds: max(0.1, ((limit.seconds - elapsed) * 10).rounded() / 10)) }

    func refused(_ detail: String) -> DeliveryOutcome {
        DeliveryOutcome(end: .refused, detail: detail, seconds: 0)
    }
    /// The text of a value, kept in mind so that it is never shown.
    func text(_ value: Value) throws(Fault) -> String {
        do {
            return try secrets.text(value)
        } catch let fault as Fault {
            throw fault
        } catch {
            throw Fault(operation: "read a secret", subject: value.label, cause: "\(error)")
        }
    }
}

extension Span {
    fileprivate init(_ duration: Duration) {
        let parts = duration.components
        self.init(seconds: Double(parts.seconds) + Double(parts.attoseconds) / 1e18)
    }
}
