// Which courier this is: unified or legacy, told from files, settings and tables, which must agree.

/// The two couriers.
enum Mode: String, Sendable, Codable {
    /// Notifications are kept in tables and pushed over WebSockets.
    case unified
    /// Notifications wait as flash messages for the next page.
    case legacy

    var title: String {
        switch self {
        case .unified: "unified notifications"
        case .legacy: "legacy flash messages"
        }
    }
}

/// What courier found in its folder when it started.
struct Site: Sendable {
    var mode: Mode
    /// What does not fit together, one sentence each; courier answers 500 while there is any.
    var problems: [String]
    var templates: Templates
    var unified: UnifiedSettings
    /// The port of courier.env; nil where it has none.
    var port: Int?

    static let unifiedFiles = [
        "unified/manager.conf", "unified/router.conf", "static/js/unified-notifications.js",
        "static/css/unified-notifications.css", "templates/notification_centre.html",
    ]
    static let legacyFiles = [
        "static/js/notifications.js", "static/css/notifications.css",
        "templates/flash_messages.html",
    ]
    static let pages = ["base.html", "home.html", "login.html", "admin.html"]
    static let settingsFile = "courier.env"
    private static let unifiedSettings = ["UNIFIED_NOTIFICATION", "WEBSOCKET_NOTIFICATION"]

    /// - Parameter tables: the names of the database's tables; nil when it could not be read.
    static func inspect(_ folder: ServiceFolder, tables: Set<String>?) -> Site {
        var problems: [String] = []
        func read(_ name: String) -> String {
            do { return try folder.text(name) } catch {
                problems.append("\(error)")
                return ""
            }
        }
        let settings = Settings(read(settingsFile))
        let mode: Mode = settings["UNIFIED_NOTIFICATION"] == "on" ? .unified : .legacy
        var files: [String: String] = [:]
        for name in pages { files[name] = read("templates/\(name)") }

        problems += settingProblems(settings, mode)
        problems += fileProblems(folder, mode)
        problems += baseProblems(files["base.html"] ?? "", mode)
        problems += tables.map { tableProblems($0, mode) } ?? []

        let item = itemFile(mode)
        if folder.exists("templates/\(item)") { files[item] = read("templates/\(item)") }
        var unified = UnifiedSettings()
        if mode == .unified, folder.exists("unified/manager.conf"),
            folder.exists("unified/router.conf")
        {
            let manager = read("unified/manager.conf")
            let router = read("unified/router.conf")
            unified = .read(manager: manager, router: router, problems: &problems)
        }
        return Site(
            mode: mode, problems: problems, templates: Templates(files: files), unified: unified,
            port: settings["COURIER_PORT"].flatMap { Int($0) })
    }

    /// The template of one message on a page.
    static func itemFile(_ mode: Mode) -> String {
        switch mode {
        case .unified: "notification_centre.html"
        case .legacy: "flash_messages.html"
        }
    }

    private static func settingProblems(_ settings: Settings, _ mode: Mode) -> [String] {
        guard mode == .legacy else { return [] }
        return settings.values.map(\.name)
            .filter { name in unifiedSettings.contains { name.hasPrefix($0) } }
            .map { "courier.env still has \($0), but UNIFIED_NOTIFICATION=on is not there" }
    }

    private static func fileProblems(_ folder: ServiceFolder, _ mode: Mode) -> [String] {
        let (own, others) =
            mode == .unified ? (unifiedFiles, legacyFiles) : (legacyFiles, unifiedFiles)
        let other: Mode = mode == .unified ? .legacy : .unified
        return own.filter { !folder.exists($0) }.map { "\($0) is missing: \(mode.title) needs it" }
            + others.filter(folder.exists).map {
                "\($0) is still there: it belongs to \(other.title)"
            }
    }

    private static func baseProblems(_ base: String, _ mode: Mode) -> [String] {
        // The page says in a meta tag which courier it was made for.
        if base.isEmpty
            || base.contains("name=\"courier-notifications\" content=\"\(mode.rawValue)\"")
        {
            return []
        }
        return ["templates/base.html is not the one of \(mode.title)"]
    }

    private static func tableProblems(_ tables: Set<String>, _ mode: Mode) -> [String] {
        let missing = ["users", "sessions"].filter { !tables.contains($0) }
            .map { "the table \($0) is missing" }
        switch mode {
        case .unified:
            return missing
                + Storage.notificationTables.filter { !tables.contains($0) }
                .map { "the table \($0) is missing: \(mode.title) needs it" }
        case .legacy:
            return missing
                + tables.filter { $0.hasPrefix("notification_") }.sorted()
                .map { "the table \($0) is still there: it belongs to \(Mode.unified.title)" }
        }
    }
}
