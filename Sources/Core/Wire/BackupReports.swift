// The backups on disk as front ends see them: `GET /v1/backups`.

/// Every whole backup of the runbook's folder.
package struct BackupListReport: Codable, Sendable, Equatable {
    /// The folder they lie in, absolute.
    package var to: String
    /// Newest first.
    package var backups: [BackupReport]
    /// Bytes that are free where they lie; null when that cannot be told.
    @ExplicitNull package var freeBytes: Int?
    package init(to: String, backups: [BackupReport], freeBytes: Int?) {
        self.to = to
        self.backups = backups
        self.freeBytes = freeBytes
    }
}
package struct BackupReport: Codable, Sendable, Equatable {
    /// Such as `20260105T140412Z`, and the name of its folder.
    package var id: String
    package var path: String
    /// RFC 3339.
    package var at: String
    package var files: Int
    package var bytes: Int
    package var databases: [String]
    /// Of all its databases.
    package var rows: Int
    /// Read back and compared after it was taken, and whole when it was last looked at.
    package var verified: Bool
    /// When it was last looked at after that; null: never.
    @ExplicitNull package var checkedAt: String?
    /// The first difference that was found then.
    @ExplicitNull package var problem: String?
    package init(
        id: String, path: String, at: String, files: Int, bytes: Int, databases: [String],
        rows: Int, verified: Bool, checkedAt: String? = nil, problem: String? = nil
    ) {
        self.id = id
        self.path = path
        self.at = at
        self.files = files
        self.bytes = bytes
        self.databases = databases
        self.rows = rows
        self.verified = verified
        self.checkedAt = checkedAt
        self.problem = problem
    }
}
