// The `sql` probe: a query on a database, which it can never change.
import Domain
import Foundation
import GRDB
import Synchronization
import Transfers

struct SQLCheck: KindOfCheck {
    let context: CheckContext
    private let probe: Probe
    private let source: DataSource
    private let query: String

    init(_ context: CheckContext, _ probe: Probe, _ source: DataSource, _ query: String) {
        self.context = context
        self.probe = probe
        self.source = source
        self.query = query
    }

    func find() async -> Finding {
        switch source.kind {
        case .sqlite(let path): await askSQLite(path)
        case .mysql, .postgresql: await askServer(probe, source, query)
        case .redis: Finding(.unknown, "\(source.name) is a Redis: use a redis probe")
        }
    }

    private func askSQLite(_ path: String) async -> Finding {
        let query = query
        let timeout = probe.schedule.timeout
        let connection = OpenConnection()
        let outcome = await context.databases.run(
            "\(probe.reference)", within: timeout, interrupt: { connection.interrupt() }
        ) {
            SQLiteQuestion(path: path, query: query, timeout: timeout, connection: connection).ask()
        }
        guard case .done(let finding) = outcome else {
            return Finding(outcome, silence: "no answer from \(path) within \(timeout.spoken)")
        }
        return finding
    }
}

/// The connection that a hanging query is interrupted by.
private final class OpenConnection: Sendable {
    private struct State {
        var database: DatabaseQueue?
        var isOver = false
    }
    private let state = Mutex(State())

    /// - Returns: false when time is up already.
    func use(_ database: DatabaseQueue) -> Bool {
        state.withLock { state in
            state.database = database
            return !state.isOver
        }
    }
    func interrupt() {
        let database = state.withLock { state in
            state.isOver = true
            return state.database
        }
        database?.interrupt()
    }
}

/// One query on a SQLite file, with a connection of its own: a rollback may have put another file there.
private struct SQLiteQuestion {
    let path: String
    let query: String
    let timeout: Span
    let connection: OpenConnection

    func ask() -> Finding {
        if let trouble = fileTrouble { return trouble }
        var configuration = Configuration()
        configuration.readonly = true
        // A query such as BEGIN is a mistake of the runbook; it must not trap here.
        configuration.allowsUnsafeTransactions = true
        configuration.busyMode = .timeout(timeout.seconds)
        do {
            let database = try DatabaseQueue(path: path, configuration: configuration)
            defer { try? database.close() }
            guard connection.use(database) else { return Finding(.bad, "no time left") }
            let row = try database.unsafeRead { try Row.fetchOne($0, sql: query) }
            return answer(row)
        } catch let error as DatabaseError {
            return failure(error)
        } catch {
            return Finding(.bad, "\(path): \(error)")
        }
    }

    /// SQLite says "unable to open" of a file that is missing and of one that may not be read.
    private var fileTrouble: Finding? {
        if access(path, R_OK) == 0 { return nil }
        let words = "\(path): \(String(cString: strerror(errno)))"
        return Finding(errno == EACCES ? .unknown : .bad, words)
    }

    private func answer(_ row: Row?) -> Finding {
        guard let row, let value = row.databaseValues.first else {
            return Finding(.good, "no rows", source: .first(nil))
        }
        let number: Double? =
            switch value.storage {
            case .null, .blob: nil
            case .int64(let integer): Double(integer)
            case .double(let double): double
            case .string(let text): numeric(text)
            }
        let text: String =
            switch value.storage {
            case .null: "NULL"
            case .blob(let data): "\(data.count) bytes"
            case .int64(let integer): "\(integer)"
            case .double(let double): "\(double)"
            case .string(let text): text
            }
        return Finding(.good, "answered \(text)", source: .first(number))
    }

    private func failure(_ error: DatabaseError) -> Finding {
        let words = error.message ?? "error \(error.resultCode.rawValue)"
        switch error.resultCode {
        case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_AUTH, .SQLITE_NOMEM, .SQLITE_READONLY:
            return Finding(.unknown, "\(path): \(words)")
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            return Finding(.bad, "\(path) was locked for \(timeout.spoken)")
        case .SQLITE_INTERRUPT: return Finding(.bad, "no answer within \(timeout.spoken)")
        default: return Finding(.bad, "\(path): \(words)")
        }
    }
}
