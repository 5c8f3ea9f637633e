// Courier's database: users and sessions in both modes, the notification tables in the unified one.
import FoundationEssentials
import GRDB

/// A user as the table has it.
struct User: Sendable, Equatable {
    var id: Int64
    /// What is typed to log in.
    var name: String
    var isAdministrator: Bool
}

/// A notification that waits in the table.
struct Waiting: Sendable, Equatable {
    var id: Int64
    var notice: Notice
    /// Pushes that failed.
    var tries: Int
}

/// How one push ended.
struct PushEnd: Sendable, Equatable {
    enum Outcome: String, Sendable { case delivered, failed, flashed, abandoned }
    var id: Int64
    var user: String
    var outcome: Outcome
}

struct Storage: Sendable {
    private let queue: DatabaseQueue

    /// Opens what is there; never makes a new database in its place.
    init(_ folder: ServiceFolder) throws {
        guard folder.exists("data/courier.db") else {
            throw DemoError("data/courier.db is missing")
        }
        queue = try DatabaseQueue(path: folder.database, configuration: Self.configuration)
    }

    /// A rollback journal rather than a write-ahead log, so that one exclusive lock shuts readers
    /// out too (the fault `database`). Not synced: only a power cut could hurt, and this is a demo's
    /// data, while a commit that waits for a slow disk would lock out the probes that look from
    /// outside.
    static var configuration: Configuration {
        var configuration = Configuration()
        configuration.label = "courier"
        configuration.busyMode = .timeout(0.3)
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = OFF") }
        return configuration
    }

    // MARK: What is there

    static let notificationTables = [
        "notification_storage", "notification_subscriptions", "notification_preferences",
        "notification_delivery_log", "notification_emergency_events",
    ]

    /// The names of all tables.
    func tables() async throws -> Set<String> {
        try await queue.read { db in
            try String.fetchSet(db, sql: "SELECT name FROM sqlite_master WHERE type = 'table'")
        }
    }

    func users() async throws -> [User] {
        try await queue.read { db in
            try Row.fetchAll(db, sql: "SELECT id, username, role FROM users ORDER BY id").map(user)
        }
    }

    // MARK: Logging in

    /// The user of that name or address, if the password is theirs.
    func logIn(_ name: String, password: String) async throws -> User? {
        let found = try await queue.read { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT id, username, role, salt, password_hash, rounds FROM users
                    WHERE username = ?1 OR email = ?1
                    """, arguments: [name]
            ).map { row -> (User, salt: Data, hash: Data, rounds: Int) in
                (user(row), row["salt"], row["password_hash"], row["rounds"])
            }
        }
        // An unknown name costs as much time as a wrong password.
        let given = Passwords.hash(
            password, salt: Array(found?.salt ?? Data()), rounds: found?.rounds ?? Passwords.rounds)
        guard let found, Passwords.equal(given, Array(found.hash)) else { return nil }
        return found.0
    }

    /// How long a session lasts: eight hours, in milliseconds.
    private static let sessionTime: Int64 = 8 * 3_600_000

    /// Begins a session; its token goes into the cookie and nowhere else.
    func openSession(_ user: Int64, agent: String, now: Int64) async throws -> String {
        let token = Passwords.token()
        try await queue.write { db in
            try db.execute(sql: "DELETE FROM sessions WHERE expires_at < ?", arguments: [now])
            try insertSession(db, user, token, agent, now)
        }
        return token
    }

    /// Sessions for the simulated clients, in place of those of the last run; in the users' order.
    func openSessions(_ users: [User], agent: String, now: Int64) async throws -> [String] {
        let tokens = users.map { _ in Passwords.token() }
        try await queue.write { db in
            try db.execute(sql: "DELETE FROM sessions WHERE agent = ?", arguments: [agent])
            for (user, token) in zip(users, tokens) {
                try insertSession(db, user.id, token, agent, now)
            }
        }
        return tokens
    }

    private func insertSession(
        _ db: Database, _ user: Int64, _ token: String, _ agent: String, _ now: Int64
    ) throws {
        try db.execute(
            sql: """
                INSERT INTO sessions (fingerprint, user_id, agent, created_at, expires_at)
                VALUES (?, ?, ?, ?, ?)
                """,
            arguments: [Passwords.fingerprint(token), user, agent, now, now + Self.sessionTime])
    }

    func sessionUser(_ token: String, now: Int64) async throws -> User? {
        try await queue.read { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT users.id, username, role FROM sessions JOIN users ON users.id = user_id
                    WHERE fingerprint = ? AND expires_at >= ?
                    """, arguments: [Passwords.fingerprint(token), now]
            ).map(user)
        }
    }

    func endSession(_ token: String) async throws {
        try await queue.write { db in
            try db.execute(
                sql: "DELETE FROM sessions WHERE fingerprint = ?",
                arguments: [Passwords.fingerprint(token)])
        }
    }

    /// How many people are logged in, simulated ones not counted.
    func sessionCount(except agent: String, now: Int64) async throws -> Int {
        try await queue.read { db in
            try Int.fetchOne(
                db, sql: "SELECT COUNT(*) FROM sessions WHERE agent <> ? AND expires_at >= ?",
                arguments: [agent, now]) ?? 0
        }
    }

    // MARK: The queue of the unified system

    /// What the queue looks like after an exchange.
    struct Queue: Sendable, Equatable {
        /// The oldest that wait, at most `batch`.
        var oldest: [Waiting]
        /// All that wait.
        var count: Int
    }
    static let batch = 200
    /// More than this do not wait: the oldest are dropped.
    static let queueLimit = 5000

    /// One transaction: new notices go in, ends of pushes are noted, what waits comes out.
    func exchange(
        saving notices: [Notice], ends: [PushEnd], keep: Int, now: Int64
    ) async throws -> Queue {
        try await queue.write { db in
            try save(db, notices)
            for end in ends { try note(db, end, now) }
            try prune(db, keep)
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT id, username, category, title, created_at, tries
                    FROM notification_storage WHERE delivered = FALSE ORDER BY id LIMIT \(Self.batch)
                    """)
            let count = try Int.fetchOne(
                db, sql: "SELECT COUNT(*) FROM notification_storage WHERE delivered = FALSE")
            return Queue(oldest: rows.map(waiting), count: count ?? rows.count)
        }
    }

    private func save(_ db: Database, _ notices: [Notice]) throws {
        guard !notices.isEmpty else { return }
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO notification_storage (username, category, title, created_at)
                VALUES (?, ?, ?, ?)
                """)
        for notice in notices {
            try statement.execute(
                arguments: [notice.user, notice.category, notice.title, notice.madeAt])
        }
    }

    private func note(_ db: Database, _ end: PushEnd, _ now: Int64) throws {
        switch end.outcome {
        case .delivered, .flashed:
            try db.execute(
                sql: """
                    UPDATE notification_storage
                    SET delivered = TRUE, delivered_at = ?, tries = tries + 1 WHERE id = ?
                    """, arguments: [now, end.id])
        case .failed:
            try db.execute(
                sql: "UPDATE notification_storage SET tries = tries + 1 WHERE id = ?",
                arguments: [end.id])
        case .abandoned:
            try db.execute(
                sql: "DELETE FROM notification_storage WHERE id = ?", arguments: [end.id])
        }
        try db.execute(
            sql: """
                INSERT INTO notification_delivery_log (notification_id, username, outcome, at)
                VALUES (?, ?, ?, ?)
                """, arguments: [end.id, end.user, end.outcome.rawValue, now])
    }

    /// Keeps the tables small: a demo may run for days.
    private func prune(_ db: Database, _ keep: Int) throws {
        try db.execute(
            sql: """
                DELETE FROM notification_storage WHERE delivered = TRUE AND id <=
                    (SELECT MAX(id) FROM notification_storage) - ?
                """, arguments: [keep])
        try db.execute(
            sql: """
                DELETE FROM notification_storage WHERE delivered = FALSE AND id <=
                    (SELECT MAX(id) FROM notification_storage) - \(Self.queueLimit)
                """)
        try db.execute(
            sql: """
                DELETE FROM notification_delivery_log WHERE id <=
                    (SELECT MAX(id) FROM notification_delivery_log) - ?
                """, arguments: [2 * keep])
    }

    func noteEmergency(_ kind: String, _ message: String, now: Int64) async throws {
        try await queue.write { db in
            try db.execute(
                sql: """
                    INSERT INTO notification_emergency_events (at, kind, message) VALUES (?, ?, ?)
                    """, arguments: [now, kind, message])
        }
    }

    // MARK: bin/queue and bin/optimize

    /// Everything that waits, for `bin/queue export`.
    func waitingNotices() async throws -> [Notice] {
        try await queue.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT id, username, category, title, created_at, tries
                    FROM notification_storage WHERE delivered = FALSE ORDER BY id
                    """
            ).map { waiting($0).notice }
        }
    }

    func enqueue(_ notices: [Notice]) async throws {
        try await queue.write { db in try save(db, notices) }
    }

    /// Drops everything that waits; answers how many.
    func clearWaiting() async throws -> Int {
        try await queue.write { db in
            try db.execute(sql: "DELETE FROM notification_storage WHERE delivered = FALSE")
            return db.changesCount
        }
    }

    /// Gives back the space of what was deleted.
    func tidy(now: Int64) async throws {
        try await queue.write { db in
            try db.execute(sql: "DELETE FROM sessions WHERE expires_at < ?", arguments: [now])
            if try db.tableExists("notification_storage") {
                try db.execute(sql: "DELETE FROM notification_storage WHERE delivered = TRUE")
            }
        }
        try await queue.vacuum()
    }

    func close() throws { try queue.close() }
}

private func user(_ row: Row) -> User {
    let role: String = row["role"]
    return User(id: row["id"], name: row["username"], isAdministrator: role == "administrator")
}

private func waiting(_ row: Row) -> Waiting {
    Waiting(
        id: row["id"],
        notice: Notice(
            user: row["username"], category: row["category"], title: row["title"],
            madeAt: row["created_at"]),
        tries: row["tries"])
}

/// Keeps everyone out of the database for as long as it lives: the fault `database`.
final class DatabaseLock: Sendable {
    private let queue: DatabaseQueue

    /// - Throws: when the lock cannot be had within a second.
    init(_ folder: ServiceFolder) throws {
        var configuration = Storage.configuration
        configuration.busyMode = .timeout(1)
        // The transaction stays open on purpose: that is the lock.
        configuration.allowsUnsafeTransactions = true
        queue = try DatabaseQueue(path: folder.database, configuration: configuration)
        try queue.writeWithoutTransaction { try $0.execute(sql: "BEGIN EXCLUSIVE TRANSACTION") }
    }

    func release() {
        try? queue.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
        try? queue.close()
    }
}
