// The dashboard's ear and voice: the engine's stream and its answers, read on threads of their own,
// so that no key ever waits for the engine.
import Dashboard
import Domain
import Foundation
import Link
import Synchronization
import Wire

#if canImport(Glibc)
    import Glibc
#endif

/// Messages for the loop, in the order they came, behind a descriptor that `poll` can wait for.
final class EngineFeed: Sendable {
    private let client: EngineClient
    private let waiting = Mutex<[Message]>([])
    private let isStopped = Atomic<Bool>(false)
    private let ends = Mutex<(Int32, Int32)>((-1, -1))

    /// Between two attempts to reach the engine.
    private static let shortestPause = 0.2
    private static let longestPause = 5.0
    /// An engine says something at least once a second; after this it is asked anew.
    private static let longestSilence = Span.seconds(10)

    init(client: EngineClient) { self.client = client }
    deinit {
        let (reader, writer) = ends.withLock { $0 }
        if reader >= 0 { close(reader) }
        if writer >= 0 { close(writer) }
    }

    var readable: Int32 { ends.withLock { $0.0 } }

    /// - Throws: `Fault` when the system has no descriptors left.
    func start() throws(Fault) {
        var pair: [Int32] = [-1, -1]
        guard pipe(&pair) == 0 else {
            throw Fault(
                operation: "open a pipe", subject: "dashboard",
                cause: String(cString: strerror(errno)))
        }
        for end in pair {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        let (reader, writer) = (pair[0], pair[1])
        ends.withLock { $0 = (reader, writer) }
        Thread.detachNewThread { self.listen() }
    }
    func stop() { isStopped.store(true, ordering: .relaxed) }

    /// What has come since the last call.
    func take() -> [Message] {
        var bytes = [UInt8](repeating: 0, count: 256)
        while read(readable, &bytes, bytes.count) == bytes.count {}
        return waiting.withLock { messages in
            defer { messages = [] }
            return messages
        }
    }

    private func post(_ message: Message) {
        waiting.withLock { $0.append(message) }
        var byte: UInt8 = 1
        // A full pipe wakes the loop as well as one more byte would.
        _ = write(ends.withLock { $0.1 }, &byte, 1)
    }

    // MARK: The stream

    private func listen() {
        var pause = Self.shortestPause
        while !isStopped.load(ordering: .relaxed) {
            do {
                try follow { pause = Self.shortestPause }
            } catch {
                post(.disconnected("\(error)"))
            }
            rest(pause)
            pause = min(pause * 1.7, Self.longestPause)
        }
    }

    private func follow(_ connected: () -> Void) throws {
        let stream = try client.openStream()
        var silent = Span.zero
        let step = Span.seconds(0.5)
        while !isStopped.load(ordering: .relaxed) {
            let lines = try stream.readLines(within: step)
            silent = lines.isEmpty ? .seconds(silent.seconds + step.seconds) : .zero
            guard silent < Self.longestSilence else {
                throw LinkError.timeout(path: client.socket, after: Self.longestSilence)
            }
            for line in lines {
                post(.line(try WireCoding.decode(StreamLine.self, from: line)))
                connected()
            }
        }
    }

    private func rest(_ seconds: Double) {
        var left = seconds
        while left > 0, !isStopped.load(ordering: .relaxed) {
            usleep(UInt32(min(left, 0.2) * 1_000_000))
            left -= 0.2
        }
    }

    // MARK: Commands

    /// A dry run asks every step, which may take its time; a backup is read from end to end.
    private static func answerTime(_ request: CommandRequest) -> Span {
        request.command == "verify-backup" ? .hours(2) : .minutes(2)
    }

    func send(_ request: CommandRequest) {
        Thread.detachNewThread {
            self.post(.answered(request, self.outcome(of: request)))
        }
    }

    private func outcome(of request: CommandRequest) -> CommandOutcome {
        do {
            let answer = try client.post(
                "/v1/commands", body: WireCoding.encode(request), timeout: Self.answerTime(request))
            guard answer.status == 200 else { return .refused(Self.refusal(answer)) }
            return .done(try WireCoding.decode(CommandAnswer.self, from: answer.body))
        } catch {
            return .lost("\(error)")
        }
    }

    private static func refusal(_ answer: (status: Int, body: Data)) -> RefusalReport {
        if let report = try? WireCoding.decode(RefusalReport.self, from: answer.body) {
            return report
        }
        return RefusalReport(
            refused: "bad-answer", why: "the engine answered with status \(answer.status)",
            remedy: "See the engine's log")
    }

    func loadPlan() {
        Thread.detachNewThread {
            do {
                let answer = try self.client.get("/v1/rollback/plan")
                guard answer.status == 200 else {
                    return self.post(.planFailed(Self.refusal(answer).why))
                }
                self.post(.plan(try WireCoding.decode(RollbackReport.self, from: answer.body)))
            } catch {
                self.post(.planFailed("\(error)"))
            }
        }
    }

    func loadBackups() {
        Thread.detachNewThread {
            do {
                let answer = try self.client.get("/v1/backups", timeout: .minutes(1))
                guard answer.status == 200 else {
                    return self.post(.backupsFailed(Self.refusal(answer).why))
                }
                self.post(
                    .backups(try WireCoding.decode(BackupListReport.self, from: answer.body)))
            } catch {
                self.post(.backupsFailed("\(error)"))
            }
        }
    }
}
