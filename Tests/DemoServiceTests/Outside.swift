// The database as somebody sees it who is not courier.
import GRDB

@testable import DemoService

struct Outside {
    private let queue: DatabaseQueue

    init(_ folder: ServiceFolder) throws {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        queue = try DatabaseQueue(path: folder.database, configuration: configuration)
    }
    func number(_ sql: String) async throws -> Int {
        try await queue.read { try Int.fetchOne($0, sql: sql) ?? -1 }
    }
    func drop(_ tables: [String]) async throws {
        try await queue.write { db in
            for table in tables { try db.execute(sql: "DROP TABLE IF EXISTS \(table)") }
        }
    }

    /// Whether somebody holds a lock that keeps readers out.
    static func isLocked(_ folder: ServiceFolder) -> Bool {
        do {
            var configuration = Configuration()
            configuration.readonly = true
            let queue = try DatabaseQueue(path: folder.database, configuration: configuration)
            _ = try queue.read { try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM users") }
            return false
        } catch let error as DatabaseError {
            return error.resultCode == .SQLITE_BUSY
        } catch { return false }
    }
}
