// The helpers behind bin/queue, bin/fallback, bin/assess and bin/optimize.
import ArgumentParser
import FoundationEssentials
import NIOHTTP1

/// A notice as `bin/queue export` writes it.
private struct QueuedNotice: Codable {
    var user: String
    var category: String
    var title: String
    var madeAt: Int64
}

extension DemoCommand {
    struct Queue: AsyncParsableCommand {
        enum Verb: String, ExpressibleByArgument { case export, `import`, clear }
        static let configuration = CommandConfiguration(
            abstract: "Saves, puts back or clears the news that waits.")
        @OptionGroup var place: FolderOption
        @Argument var verb: Verb
        @Argument(help: "The file that export writes and import reads.")
        var file: String?

        func run() async throws {
            let storage = try Storage(place.folder())
            defer { try? storage.close() }
            guard try await storage.tables().contains("notification_storage") else {
                if verb == .export { try save([]) }
                print("there is no queue: courier is not unified")
                return
            }
            switch verb {
            case .export: try save(await storage.waitingNotices())
            case .import: try await bringBack(storage)
            case .clear: print("cleared \(try await storage.clearWaiting()) notifications")
            }
        }

        private func path() throws -> String {
            guard let file else { throw ValidationError("name a file after \(verb.rawValue)") }
            return file
        }

        private func save(_ notices: [Notice]) throws {
            let queued = notices.map {
                QueuedNotice(
                    user: $0.user, category: $0.category, title: $0.title, madeAt: $0.madeAt)
            }
            try Data(JSON.bytes(queued) + [10])
                .write(to: URL(filePath: path()), options: .atomic)
            print("saved \(queued.count) notifications in \(try path())")
        }

        private func bringBack(_ storage: Storage) async throws {
            let file = try path()
            let data = try Data(contentsOf: URL(filePath: file))
            guard let queued = JSON.value([QueuedNotice].self, data) else {
                throw DemoError("\(file) is not what `queue export` writes")
            }
            try await storage.enqueue(
                queued.map {
                    Notice(
                        user: $0.user, category: $0.category, title: $0.title, madeAt: $0.madeAt)
                })
            print("put back \(queued.count) notifications")
        }
    }

    struct Fallback: AsyncParsableCommand {
        enum Verb: String, ExpressibleByArgument { case on, off, test }
        static let configuration = CommandConfiguration(
            abstract: "Switches a fallback on or off, or tests it.")
        @OptionGroup var place: FolderOption
        @Argument var name: String
        @Argument var verb: Verb

        func run() async throws {
            switch verb {
            case .on: try Fallbacks.set(name, on: true, in: place.folder())
            case .off: try Fallbacks.set(name, on: false, in: place.folder())
            case .test: try await test()
            }
        }

        /// Flash: a message is taken. Broadcast: the home page shows what is broadcast.
        private func test() async throws {
            let port = try place.control().port()
            guard name == Fallbacks.broadcast else {
                let answer = try await Fetch.ask(
                    "/test-flash-message", method: .POST, port: port,
                    headers: [("content-type", "application/json")],
                    body: "{\"message\":\"Test\",\"category\":\"info\"}")
                guard answer.status == 200 else {
                    throw DemoError("flash messages answer \(answer.status): \(answer.text)")
                }
                return print("a flash message is taken")
            }
            let folder = try place.folder()
            guard folder.exists("fallbacks/\(Fallbacks.broadcast)") else {
                throw DemoError("nothing is broadcast; enable the fallback broadcast first")
            }
            let text = try folder.text("fallbacks/\(Fallbacks.broadcast)")
            let page = try await Fetch.ask("/", port: port)
            guard page.status == 200, page.text.contains(Fill.text(text).html) else {
                throw DemoError("the home page (\(page.status)) does not show what is broadcast")
            }
            print("the home page shows what is broadcast")
        }
    }

    struct Assess: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Measures the home page and delivery; fails where they are too slow or poor.")
        @OptionGroup var place: FolderOption
        @Flag(help: "Say how it is, and do not fail.")
        var report = false

        func run() async throws {
            do { try await assess(port: place.control().port()) } catch {
                guard report else { throw error }
                print("\(error)")
            }
        }
    }

    struct Optimise: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "optimize",
            abstract: "Tidies the database, then measures; fails when that did not help.")
        @OptionGroup var place: FolderOption

        func run() async throws {
            let storage = try Storage(place.folder())
            try await storage.tidy(now: wallClock())
            try storage.close()
            print("the database is tidied")
            try await assess(port: place.control().port())
        }
    }
}

/// Under a second for the home page, and at most one delivery in ten failed: else an error.
private func assess(port: Int) async throws {
    let clock = ContinuousClock()
    let start = clock.now
    let page = try await Fetch.ask("/", port: port, within: .seconds(10))
    let milliseconds = Int(seconds(clock.now - start) * 1000)
    print("home page: \(page.status) after \(milliseconds) ms")
    let answer = try await Fetch.ask("/api/notifications/stats", port: port)
    guard answer.status == 200, let numbers = JSON.value(Statistics.self, answer.body) else {
        throw DemoError("the statistics answer \(answer.status)")
    }
    print(
        "clients: \(numbers.websocket.connected) of \(numbers.websocket.expected); "
            + "delivered: \(numbers.delivery.successRate) %; waiting: \(numbers.delivery.pending); "
            + "memory: \(numbers.memory.mb) MB")
    guard page.status == 200, milliseconds < 1000 else {
        throw DemoError("the home page is too slow")
    }
    guard numbers.delivery.errorRate <= 10 else { throw DemoError("too many deliveries fail") }
}
