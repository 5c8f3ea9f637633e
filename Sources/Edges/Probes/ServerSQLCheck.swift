// The `sql` probe on MariaDB and PostgreSQL: one query in a transaction that may only read.
import Databases
import Domain
import Synchronization

extension SQLCheck {
    func askServer(_ probe: Probe, _ source: DataSource, _ query: String) async -> Finding {
        let access: DatabaseAccess
        do throws(Fault) {
            guard let found = try DatabaseAccess(source, secrets: context.secrets) else {
                return Finding(.unknown, "\(source.name) is no server: use another kind of probe")
            }
            access = found
        } catch {
            return Finding(error)
        }
        let timeout = probe.schedule.timeout
        let interrupt = DatabaseInterrupt()
        // From here: time in the queue counts.
        let deadline = Deadline(in: timeout)
        let outcome = await context.servers.pool(for: access.place).run(
            "\(probe.reference)", within: timeout, interrupt: { interrupt.call() }
        ) {
            ServerQuestion(access: access, query: query, deadline: deadline, interrupt: interrupt)
                .ask()
        }
        let silence = "no answer from \(access.place) within \(timeout.spoken)"
        guard case .done(let result) = outcome else { return Finding(outcome, silence: silence) }
        switch result {
        case .success(let answer): return finding(answer)
        case .failure(let trouble):
            switch trouble.kind {
            case .unusable: return Finding(.unknown, "\(trouble)")
            case .late: return Finding(.bad, silence)
            case .unreachable, .lost: return Finding(.bad, "\(trouble)")
            case .denied, .refused: return Finding(.bad, "\(access.target): \(trouble)")
            }
        }
    }

    private func finding(_ answer: DatabaseAnswer) -> Finding {
        guard let cell = answer.first else { return Finding(.good, "no rows", source: .first(nil)) }
        return Finding(.good, "answered \(cell.spelled)", source: .first(cell.number))
    }
}

/// One query over a connection of its own: a probe shall notice when no new one can be made.
private struct ServerQuestion {
    let access: DatabaseAccess
    let query: String
    let deadline: Deadline
    let interrupt: DatabaseInterrupt

    func ask() -> Result<DatabaseAnswer, DatabaseTrouble> {
        Result { () throws(DatabaseTrouble) in try answer() }
    }

    private func answer() throws(DatabaseTrouble) -> DatabaseAnswer {
        let text = SQLText(query, access.kind == .mariaDB ? .mariaDB : .postgreSQL)
        if let why = text.queryTrouble { throw DatabaseTrouble(.unusable, why) }
        let session = try DatabaseClient.connect(access, until: deadline, interrupt: interrupt)
        defer { session.close() }
        // The server gives up when we do; else queries that nobody waits for would pile up there.
        try session.limitStatements(to: deadline.left, until: deadline)
        try session.startReading(until: deadline)
        return try session.run(query, keeping: 1, until: deadline)
    }
}

/// A few threads for each server, so that one that hangs takes none from the others.
final class ServerPools: Sendable {
    private let pools = Mutex<[String: BlockingPool]>([:])
    private static let threads = 16

    func pool(for server: String) -> BlockingPool {
        pools.withLock { pools in
            if let pool = pools[server] { return pool }
            let pool = BlockingPool("probe-server", threads: Self.threads)
            pools[server] = pool
            return pool
        }
    }
}
