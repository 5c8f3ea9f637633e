// One running courier: everything that its pages, its WebSockets and its upkeep share.
import Logging

final class Courier: Sendable {
    let folder: ServiceFolder
    let site: Site
    /// Nil where the database could not be read; `site.problems` says why.
    let storage: Storage?
    let users: [User]
    let lines: Lines
    let switches: Switches
    let flash = FlashBox()
    /// Nil while `site.problems` says that nothing fits.
    let delivery: (any Delivery)?
    let emergency: Bool
    let log: Logger

    /// The agent of the sessions of simulated clients.
    static let simulated = "simulated"

    /// Looks at the folder, and makes ready what fits it. Never fails: what is wrong is in
    /// `site.problems`, and on every page.
    static func open(_ folder: ServiceFolder, emergency: Bool, log: Logger) async -> Courier {
        var storage: Storage?
        var tables: Set<String>?
        var users: [User] = []
        var trouble: [String] = []
        do {
            let opened = try await patiently { try Storage(folder) }
            storage = opened
            tables = try await patiently { try await opened.tables() }
            if tables?.contains("users") == true {
                users = try await patiently { try await opened.users() }
                if users.isEmpty { trouble.append("the table users is empty") }
            }
        } catch {
            trouble.append("the database cannot be read: \(error)")
        }
        var site = Site.inspect(folder, tables: tables)
        site.problems += trouble
        return Courier(folder, site, storage, users, emergency: emergency, log: log)
    }

    private init(
        _ folder: ServiceFolder, _ site: Site, _ storage: Storage?, _ users: [User],
        emergency: Bool, log: Logger
    ) {
        self.folder = folder
        self.site = site
        self.storage = storage
        self.users = users
        self.emergency = emergency
        self.log = log
        let names = users.map(\.name)
        lines = Lines(users: names)
        switches = Switches(folder)
        guard site.problems.isEmpty, let storage else {
            delivery = nil
            return
        }
        switch site.mode {
        case .unified:
            delivery = QueueDelivery(
                storage: storage, lines: lines, switches: switches, flash: flash, users: names,
                settings: site.unified, emergency: emergency, log: log)
        case .legacy:
            delivery = FlashDelivery(
                lines: lines, flash: flash, users: names, perSecond: UnifiedSettings().perSecond)
        }
    }

    /// How many clients ought to be connected.
    var expected: Int { switches.now.isolated ? 0 : users.count }

    /// Whether flash messages are shown: the legacy system, the fallback, or emergency mode.
    var showsFlash: Bool {
        site.mode == .legacy || emergency || switches.now.fallbacks.contains(Fallbacks.flash)
    }

    /// Whether the unified system is broken for good.
    var isDown: Bool { site.mode == .unified && switches.isBroken(DemoFaults.complete) }

    /// Whether a WebSocket handshake is let in.
    var opensLines: Bool {
        site.problems.isEmpty && !isDown && !switches.isBroken(DemoFaults.websocket)
    }
}

/// Tries for a few seconds: somebody else may hold the database for a moment.
private func patiently<T>(_ work: () async throws -> T) async throws -> T {
    for _ in 0..<8 {
        if let result = try? await work() { return result }
        try await Task.sleep(for: .milliseconds(100))
    }
    return try await work()
}
