// Several statements as one transaction, as far as the server goes along, and the truth about its end.
import Domain
import Glibc

/// How a transaction ended.
package enum TransactionEnd: Sendable {
    case committed(changed: Int)
    /// Nothing has happened: the server has taken everything back, or never ran it.
    case takenBack(DatabaseTrouble, statement: Int)
    /// MariaDB had committed so many statements by itself (at DDL) when the next failed; or tables that
    /// know no transactions keep what was done to them.
    case half(DatabaseTrouble, statement: Int, kept: String)
    /// The answer to the commit was lost, and nobody can be asked.
    case unknown(DatabaseTrouble)
}

package struct Transaction {
    private let access: DatabaseAccess
    private let session: any DatabaseSession
    private let deadline: Deadline
    /// Told before each moment from which on something stays, and after it.
    private let crashPoint: (String) -> Void
    /// So many statements can no longer be taken back.
    private var kept = 0
    private var changed = 0

    /// - Parameter session: of this access, without an open transaction.
    package init(
        _ access: DatabaseAccess, _ session: any DatabaseSession, until deadline: Deadline,
        crashPoint: @escaping (String) -> Void
    ) {
        self.access = access
        self.session = session
        self.deadline = deadline
        self.crashPoint = crashPoint
    }

    /// - Parameter statements: each with whether it commits by itself.
    /// - Throws: when not even the first could be sent; then nothing has happened.
    package mutating func run(
        _ statements: [(sql: BoundSQL, commits: Bool)], saying say: (Int) -> Void
    ) throws(DatabaseTrouble) -> TransactionEnd {
        _ = try session.run("START TRANSACTION", until: deadline)
        for (index, statement) in statements.enumerated() {
            say(index)
            if statement.commits { crashPoint("before-commit") }
            do throws(DatabaseTrouble) {
                changed += try session.run(statement.sql, keeping: nil, until: deadline).changed
                if !session.isInTransaction {
                    // It has committed itself and what came before.
                    kept = index + 1
                    crashPoint("committed")
                    if kept < statements.count {
                        _ = try session.run("START TRANSACTION", until: deadline)
                    }
                }
            } catch {
                return failed(error, at: index, commits: statement.commits)
            }
        }
        return kept == statements.count ? .committed(changed: changed) : commit(statements.count)
    }

    // MARK: A statement failed

    private mutating func failed(
        _ trouble: DatabaseTrouble, at index: Int, commits: Bool
    ) -> TransactionEnd {
        if trouble.kind != .refused {
            // No commit was sent, so the server takes back what was open. What commits by itself may
            // be done, or be going on still.
            if commits { return .unknown(trouble) }
            return kept > 0 ? half(trouble, index) : .takenBack(trouble, statement: index)
        }
        // It may have failed after it had committed what came before.
        if commits, index > kept, isCommitted() { kept = index }
        let remains = rollBack()
        if kept > 0 { return half(trouble, index) }
        return remains.isEmpty
            ? .takenBack(trouble, statement: index)
            : .half(trouble, statement: index, kept: remains)
    }

    private func half(_ trouble: DatabaseTrouble, _ index: Int) -> TransactionEnd {
        .half(
            trouble, statement: index,
            kept: kept == 1
                ? "the first statement stays done: MariaDB commits at DDL"
                : "the first \(kept) statements stay done: MariaDB commits at DDL")
    }

    private func isCommitted() -> Bool {
        let answer = try? session.run("SELECT @@in_transaction", keeping: 1, until: deadline)
        return answer?.first?.number == 0
    }

    /// - Returns: what could not be taken back, in words; empty when all could.
    private func rollBack() -> String {
        guard (try? session.run("ROLLBACK", until: deadline)) != nil else { return "" }
        guard session.dialect == .mariaDB,
            let warnings = try? session.run("SHOW WARNINGS", keeping: 20, until: deadline),
            warnings.rows.contains(where: { $0.count > 1 && $0[1].number == 1196 })
        else { return "" }
        return "changes of tables that know no transactions (MyISAM, Aria) stay"
    }

    // MARK: The commit

    private func commit(_ count: Int) -> TransactionEnd {
        // PostgreSQL can be asked later what became of it.
        var number: String?
        if session.dialect == .postgreSQL {
            let asked = try? session.run(
                "SELECT txid_current_if_assigned()", keeping: 1, until: deadline)
            number = asked?.first?.text
        }
        crashPoint("before-commit")
        do throws(DatabaseTrouble) {
            _ = try session.run("COMMIT", until: deadline)
            crashPoint("committed")
            return .committed(changed: changed)
        } catch {
            switch error.kind {
            case .refused:
                return kept > 0 ? half(error, count - 1) : .takenBack(error, statement: count - 1)
            case .unusable, .unreachable, .denied, .lost, .late:
                guard let number else { return .unknown(error) }
                return outcome(of: number, after: error, count)
            }
        }
    }

    /// Asks PostgreSQL, over another connection, what became of a transaction.
    private func outcome(
        of number: String, after trouble: DatabaseTrouble, _ count: Int
    ) -> TransactionEnd {
        session.close()
        let patience = Deadline(in: .seconds(10))
        while !patience.hasPassed {
            let status = try? {
                () throws(DatabaseTrouble) -> String? in
                let other = try DatabaseClient.connect(access, until: patience)
                defer { other.close() }
                return try other.run(
                    BoundSQL(text: "SELECT txid_status($1::bigint)", parameters: [number]),
                    keeping: 1, until: patience
                ).first?.text
            }()
            switch status {
            case "committed": return .committed(changed: changed)
            case "aborted": return .takenBack(trouble, statement: count - 1)
            default: usleep(100_000)
            }
        }
        return .unknown(trouble)
    }
}
