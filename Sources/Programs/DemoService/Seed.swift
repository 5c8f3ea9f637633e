// The first content of courier's database: forty users, and the tables of the unified system.
import FoundationEssentials
import GRDB

/// Makes the database of a new courier.
enum Seed {
    /// The one account that can be logged in to; the others have no password yet.
    static let administrator = "admin"
    static let passwordFile = "secrets/admin-password"

    /// Makes `data/courier.db`, the administrator's password and the key of webhooks; what is there
    /// already stays.
    static func plant(_ folder: ServiceFolder, now: Int64) throws {
        try folder.makeFolder("data")
        if !folder.exists(passwordFile) {
            try folder.write(passwordFile, Passwords.token(), mode: 0o600)
        }
        if !folder.exists(Gateway.keyFile) {
            try folder.write(Gateway.keyFile, Gateway.newKey(), mode: 0o600)
        }
        if folder.exists("data/courier.db") { return }
        // Made under another name first: a database that is there is a whole one.
        let draft = folder.database + ".new"
        try? FileManager.default.removeItem(atPath: draft)
        let password = try folder.text(passwordFile)
        let queue = try DatabaseQueue(path: draft, configuration: Storage.configuration)
        try queue.write { db in
            try db.execute(sql: schema)
            try addUsers(db, password: password, now: now)
        }
        try queue.close()
        try FileManager.default.moveItem(atPath: draft, toPath: folder.database)
    }

    private static let schema = """
        CREATE TABLE users (
            id INTEGER PRIMARY KEY,
            username TEXT NOT NULL UNIQUE,
            email TEXT NOT NULL UNIQUE,
            full_name TEXT NOT NULL,
            role TEXT NOT NULL CHECK (role IN ('user', 'administrator')),
            salt BLOB NOT NULL,
            password_hash BLOB NOT NULL,
            rounds INTEGER NOT NULL,
            created_at INTEGER NOT NULL
        );
        CREATE TABLE sessions (
            fingerprint TEXT PRIMARY KEY,
            user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            agent TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL
        );
        CREATE TABLE notification_storage (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            username TEXT NOT NULL,
            category TEXT NOT NULL,
            title TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            tries INTEGER NOT NULL DEFAULT 0,
            delivered BOOLEAN NOT NULL DEFAULT FALSE,
            delivered_at INTEGER
        );
        CREATE INDEX notification_waiting ON notification_storage (id) WHERE delivered = FALSE;
        CREATE TABLE notification_subscriptions (
            username TEXT NOT NULL,
            category TEXT NOT NULL,
            PRIMARY KEY (username, category)
        );
        CREATE TABLE notification_preferences (
            username TEXT PRIMARY KEY,
            channel TEXT NOT NULL DEFAULT 'websocket'
        );
        CREATE TABLE notification_delivery_log (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            notification_id INTEGER NOT NULL,
            username TEXT NOT NULL,
            outcome TEXT NOT NULL,
            at INTEGER NOT NULL
        );
        CREATE TABLE notification_emergency_events (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at INTEGER NOT NULL,
            kind TEXT NOT NULL,
            message TEXT NOT NULL
        );
        """

    private static func addUsers(_ db: Database, password: String, now: Int64) throws {
        for (index, fullName) in people.enumerated() {
            let isAdministrator = index == 0
            let name =
                isAdministrator
                ? administrator
                : fullName.lowercased().replacing(" ", with: ".")
            let salt = (0..<16).map { _ in UInt8.random(in: 0 ... .max) }
            // An empty hash equals no hash: nobody can log in as the others.
            let hash =
                isAdministrator
                ? Passwords.hash(password, salt: salt, rounds: Passwords.rounds) : []
            try db.execute(
                sql: """
                    INSERT INTO users
                        (username, email, full_name, role, salt, password_hash, rounds, created_at)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    name, "\(name)@courier.example", fullName,
                    isAdministrator ? "administrator" : "user", Data(salt), Data(hash),
                    Passwords.rounds, now,
                ])
            try db.execute(
                sql: "INSERT INTO notification_preferences (username) VALUES (?)",
                arguments: [name])
            for category in Notice.categories.map(\.name) {
                try db.execute(
                    sql: """
                        INSERT INTO notification_subscriptions (username, category) VALUES (?, ?)
                        """, arguments: [name, category])
            }
        }
    }

    /// Forty; the first is the administrator.
    private static let people = [
        "Ada Winter", "Amara Diallo", "Anton Berg", "Aoife Byrne", "Arjun Rao", "Bao Tran",
        "Beatriz Lima", "Ben Okafor", "Carla Ruiz", "Chiara Conti", "Dag Holm", "Dalia Haddad",
        "Elif Kaya", "Emil Novak", "Esi Mensah", "Farid Amiri", "Freya Lund", "Gita Sharma",
        "Hana Suzuki", "Hugo Lefebvre", "Ida Virtanen", "Ivan Petrov", "Jonas Keller",
        "Kofi Asante", "Lars Dahl", "Leila Nasser", "Lucia Rossi", "Mateo Silva", "Mei Chen",
        "Mina Park", "Nadia Benali", "Nils Bakker", "Olga Ilyina", "Omar Farouk", "Paulo Costa",
        "Rosa Jimenez", "Sami Laine", "Tariq Aziz", "Vera Horvat", "Yara Saleh",
    ]
}
