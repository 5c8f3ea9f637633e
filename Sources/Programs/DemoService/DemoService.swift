// Courier, the small notification service that the demo watches, breaks and rolls back: its life.
import Logging
import UnixSignals

#if canImport(Glibc)
    import Glibc
#endif

package enum DemoService {
    /// Runs courier until SIGTERM or SIGINT, then returns.
    /// - Parameters:
    ///   - folder: the one that holds `courier.env`.
    ///   - port: on 127.0.0.1; 0 for any that is free.
    ///   - emergency: urgent news only, and flash messages on.
    /// - Throws: `DemoError` when another courier runs in the folder, or the port is taken.
    package static func run(folder: String, port: Int, emergency: Bool) async throws {
        // A reader that hangs up is no reason to end.
        _ = signal(SIGPIPE, SIG_IGN)
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in signals { return }
            }
            group.addTask {
                try await serve(folder: folder, port: port, emergency: emergency) { _ in }
            }
            defer { group.cancelAll() }
            try await group.next()
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    /// Runs courier until the task is cancelled, then returns.
    /// - Parameter ready: told the port as soon as requests are answered.
    package static func serve(
        folder: String, port: Int, emergency: Bool, ready: @escaping @Sendable (Int) -> Void
    ) async throws {
        let folder = try ServiceFolder(folder)
        let lock = try RunLock(folder)
        defer { withExtendedLifetime(lock) {} }
        let log = FileLog.logger(LogFile(folder))
        let courier = await Courier.open(folder, emergency: emergency, log: log)
        let server: Server
        do { server = try await Server.bind(port: port, courier: courier) } catch {
            log.error("not started: \(error)")
            try? courier.storage?.close()
            throw error
        }
        // Only now: a start that fails mends nothing.
        do { try DemoFaults.endWithRestart(folder) } catch { log.error("\(error)") }
        let readers = await readers(courier)
        let upkeep = Upkeep(courier)
        await upkeep.look()
        log.notice(
            "started on port \(server.port): \(courier.site.mode.title), \(readers.count) readers")
        for problem in courier.site.problems { log.error("inconsistent: \(problem)") }
        // These run until they are cancelled; one that ends on its own ends all.
        let end: Result<Void, any Error>
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.run() }
                group.addTask { try await upkeep.run() }
                if !readers.isEmpty {
                    group.addTask { await Fleet(port: server.port, readers: readers).run() }
                }
                ready(server.port)
                defer { group.cancelAll() }
                try await group.next()
            }
            end = .success(())
        } catch {
            end = Task.isCancelled ? .success(()) : .failure(error)
        }
        try? courier.storage?.close()
        log.notice("stopped")
        try end.get()
    }

    /// The simulated clients with their sessions; none while nothing fits.
    private static func readers(_ courier: Courier) async -> [(user: String, session: String)] {
        guard courier.site.problems.isEmpty, let storage = courier.storage else { return [] }
        do {
            let sessions = try await storage.openSessions(
                courier.users, agent: Courier.simulated, now: wallClock())
            return zip(courier.users, sessions).map { ($0.name, $1) }
        } catch {
            courier.log.error("the simulated clients cannot log in: \(error)")
            return courier.users.map { ($0.name, "") }
        }
    }
}
