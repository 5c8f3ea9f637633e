// The stream: every client gets every line in order, or a new start; a slow one harms nobody.
import Domain
import Foundation
import Logging
import Synchronization
import TestKit
import Testing

@testable import Link

var quiet: Logger {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return logger
}

@Suite struct StreamHubTests {
    func text(_ next: StreamSubscription.Next) -> [String] {
        guard case .lines(let lines) = next else { return ["\(next)"] }
        return lines.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `every client gets its start and then every line`() async {
        let hub = StreamHub()
        let first = hub.subscribe(start: Data("a".utf8))
        hub.publish(Data("1".utf8))
        let second = hub.subscribe(start: Data("b".utf8))
        hub.publish(Data("2".utf8))
        #expect(hub.viewers == 2)
        #expect(text(await first.next()) == ["a", "1", "2"])
        #expect(text(await second.next()) == ["b", "2"])
        hub.publish(Data("3".utf8))
        #expect(text(await first.next()) == ["3"])
        first.leave()
        #expect(hub.viewers == 1)
        #expect(await first.next() == .ended)
    }

    @Test func `a client that does not read is told so and costs nothing more`() async {
        let hub = StreamHub(limits: StreamHub.Limits(lines: 3, bytes: 1000))
        let slow = hub.subscribe(start: Data("a".utf8))
        for number in 0..<10_000 { hub.publish(Data("\(number)".utf8)) }
        #expect(await slow.next() == .lagged)
    }

    @Test func `a client is slow by bytes too, but a long start is always taken`() async {
        let hub = StreamHub(limits: StreamHub.Limits(lines: 100, bytes: 10))
        let long = hub.subscribe(start: Data(repeating: 65, count: 500))
        #expect(text(await long.next()).first?.count == 500)
        hub.publish(Data("123456".utf8))
        hub.publish(Data("123456".utf8))
        #expect(await long.next() == .lagged)
    }

    @Test func `waiting ends with a line, with the hub, and with the task`() async throws {
        let hub = StreamHub()
        let one = hub.subscribe(start: Data("a".utf8))
        _ = await one.next()
        let line = Task { await one.next() }
        hub.publish(Data("1".utf8))
        #expect(text(await line.value) == ["1"])
        let cancelled = Task { await one.next() }
        cancelled.cancel()
        #expect(await cancelled.value == .ended)
        let two = hub.subscribe(start: Data("b".utf8))
        _ = await two.next()
        let finished = Task { await two.next() }
        hub.finish()
        #expect(await finished.value == .ended)
        #expect(hub.viewers == 0)
    }
}

@Suite struct StreamTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder("stream") }
    var socket: String { folder("s") }

    /// Reads lines on a thread of its own until there are so many.
    func read(_ count: Int, from client: EngineClient) async throws -> [String] {
        try await blocking {
            let stream = try client.openStream(timeout: .seconds(60))
            var lines: [String] = []
            while lines.count < count {
                lines += try stream.readLines(within: .seconds(60)).map {
                    String(decoding: $0, as: UTF8.self)
                }
            }
            return lines
        }
    }

    @Test func `lines arrive in order at every client, and leaving is noticed`() async throws {
        let engine = FakeEngine()
        try await serving(engine, socket: socket) { client in
            async let first = read(101, from: client)
            async let second = read(101, from: client)
            try await eventually("two viewers") { engine.hub.viewers == 2 }
            for number in 1...100 { engine.hub.publish(Data("line \(number)".utf8)) }
            let expected = (1...100).map { "line \($0)" }
            let (one, two) = try await (first, second)
            #expect(Array(one.dropFirst()) == expected)
            #expect(Array(two.dropFirst()) == expected)
            #expect(Set([one[0], two[0]]) == ["start 1", "start 2"])
            // Both connections are closed now; the next lines find that out.
            try await eventually("nobody left") {
                engine.hub.publish(Data("anyone?".utf8))
                return engine.hub.viewers == 0
            }
        }
    }

    @Test func `a slow client gets a new start instead of old lines`() async throws {
        let engine = FakeEngine(limits: StreamHub.Limits(lines: 10, bytes: 1 << 20))
        try await serving(engine, socket: socket) { client in
            let stream = try await blocking {
                Unshared(try client.openStream(timeout: .seconds(60)))
            }
            try await eventually("a viewer") { engine.hub.viewers == 1 }
            // Far more than the socket's buffers and the queue hold, while nobody reads.
            let long = Data(repeating: UInt8(ascii: "x"), count: 100_000)
            for _ in 0..<200 { engine.hub.publish(long) }
            let started = try await blocking { try stream.linesUntilStart(2) }
            #expect(started)
        }
    }

    @Test func `a client that never reads is disconnected`() async throws {
        let engine = FakeEngine(limits: StreamHub.Limits(lines: 10, bytes: 1 << 20))
        var limits = EngineServer.Limits()
        limits.stuck = .seconds(0.2)
        try await serving(engine, socket: socket, limits: limits) { client in
            let stream = try await blocking {
                Unshared(try client.openStream(timeout: .seconds(60)))
            }
            try await eventually("a viewer") { engine.hub.viewers == 1 }
            let long = Data(repeating: UInt8(ascii: "x"), count: 100_000)
            try await eventually("the viewer is gone") {
                engine.hub.publish(long)
                return engine.hub.viewers == 0
            }
            _ = stream
        }
    }

    @Test func `stopping the engine ends open streams`() async throws {
        let engine = FakeEngine()
        let stream = try await serving(engine, socket: socket) { client in
            try await blocking { Unshared(try client.openStream(timeout: .seconds(60))) }
        }
        await #expect(throws: LinkError.self) {
            try await blocking { try stream.readToEnd() }
        }
    }
}

/// Lets a test hand a stream from thread to thread, one at a time.
final class Unshared: Sendable {
    private let stream: Mutex<StreamConnection>
    init(_ stream: sending StreamConnection) { self.stream = Mutex(stream) }

    func readToEnd() throws {
        try stream.withLock { while true { _ = try $0.readLines(within: .seconds(60)) } }
    }
    /// Reads until the given start comes by. - Returns: false when the time was over.
    func linesUntilStart(_ number: Int) throws -> Bool {
        try stream.withLock { stream in
            while true {
                let lines = try stream.readLines(within: .seconds(60))
                if lines.contains(Data("start \(number)".utf8)) { return true }
                if lines.isEmpty { return false }
            }
        }
    }
}
