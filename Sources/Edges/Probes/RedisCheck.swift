// The `redis` probe: one command over a plain connection, and its reply.
import Databases
import Domain
import Transfers

struct RedisCheck: KindOfCheck {
    private let context: CheckContext
    private let probe: Probe
    private let source: DataSource
    private let command: [String]

    init(_ context: CheckContext, _ probe: Probe, _ source: DataSource, _ command: [String]) {
        self.context = context
        self.probe = probe
        self.source = source
        self.command = command
    }

    func find() async -> Finding {
        guard case .redis(let url) = source.kind else {
            return Finding(.unknown, "\(source.name) is no Redis: use an sql probe")
        }
        let address: RedisAddress
        do throws(Fault) {
            let text = try TransferRequest.filledURL(
                url, variables: context.variables, secrets: context.secrets)
            guard let read = RedisAddress(text) else {
                return Finding(
                    .unknown,
                    "the address of \(source.name) is not redis://[user:password@]host[:port][/number] or unix://path"
                )
            }
            address = read
        } catch {
            return Finding(error)
        }
        let timeout = probe.schedule.timeout
        let deadline = Deadline(in: timeout)
        let interrupt = DatabaseInterrupt()
        let command = command
        let outcome = await context.servers.pool(for: address.target).run(
            "\(probe.reference)", within: timeout, interrupt: { interrupt.call() }
        ) {
            Result { () throws(DatabaseTrouble) in
                try RedisConversation(address, until: deadline, interrupt: interrupt).ask(
                    command, until: deadline)
            }
        }
        let silence = "no answer from \(address.target) within \(timeout.spoken)"
        guard case .done(let result) = outcome else { return Finding(outcome, silence: silence) }
        switch result {
        case .success(let reply): return judge(reply)
        case .failure(let trouble):
            switch trouble.kind {
            case .unusable: return Finding(.unknown, "\(trouble)")
            case .late: return Finding(.bad, silence)
            case .unreachable, .denied, .refused, .lost: return Finding(.bad, "\(trouble)")
            }
        }
    }

    private func judge(_ reply: RedisReply) -> Finding {
        if case .error(let text) = reply { return Finding(.bad, "Redis says: \(text)") }
        let finding = Finding(.good, "replied \(reply.text)", source: .first(numeric(reply.text)))
        guard let wanted = probe.expect.reply, reply.text != wanted else { return finding }
        return Finding(.bad, "replied \(reply.text) (wanted \(wanted))", source: finding.source)
    }
}
