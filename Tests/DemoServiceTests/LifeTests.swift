// Courier's start and end, and two of them in each other's way.
import Dispatch
import FoundationEssentials
import Glibc
import Logging
import NIOCore
import NIOPosix
import Synchronization
import TestKit
import Testing

@testable import DemoService

@Suite struct LifeTests {
    @Test func `a second courier in the same folder is refused, and mends nothing`() async throws {
        let stage = try Stage()
        try await stage.start()
        try stage.fault("websocket", true)
        await #expect {
            try await DemoService.serve(folder: stage.folder, port: 0, emergency: false) { _ in }
        } throws: { "\($0)".contains("courier runs already in \(stage.folder) (pid \(getpid()))") }
        #expect(DemoFaults.active(folder: stage.folder) == ["websocket"])
        #expect(try await stage.get("/").status == 200)
        try await stage.stop()
        #expect(RunLock.holder(try stage.place()) == nil)
    }

    /// A child that is just being started has everything open that its parent has, until its program
    /// runs; on a busy machine that takes a while.
    @Test func `a lock that was let go is free at once, although programs are being started`()
        async throws
    {
        let temporary = try TemporaryFolder("lock")
        let folder = try ServiceFolder(temporary.path)
        let starter = Starter()
        starter.start()
        defer { starter.isOver.store(true, ordering: .relaxed) }
        try await eventually("programs are being started") {
            starter.started.load(ordering: .relaxed) > 0
        }
        var held = 0
        for _ in 1...1_000 {
            withExtendedLifetime(try RunLock(folder)) {}
            if RunLock.holder(folder) != nil { held += 1 }
        }
        #expect(held == 0)
    }

    @Test func `a port that is taken is named, and the first courier goes on`() async throws {
        let first = try Stage()
        try await first.start()
        let second = try Stage()
        try second.fault("delivery", true)
        await #expect {
            try await DemoService.serve(folder: second.folder, port: first.port, emergency: false) {
                _ in
            }
        } throws: { "\($0)".contains("port \(first.port) of 127.0.0.1 is in use") }
        #expect(DemoFaults.active(folder: second.folder) == ["delivery"])
        #expect(RunLock.holder(try second.place()) == nil)
        #expect(try await first.get("/").status == 200)
        try await first.stop()
    }

    @Test func `a courier whose folder is gone ends`() async throws {
        let stage = try Stage()
        try await stage.start()
        try FileManager.default.removeItem(atPath: stage.folder)
        await #expect {
            try await stage.ended()
        } throws: { "\($0)".contains("service is gone, and courier with it") }
    }

    @Test func `who says nothing does not hold up the end`() async throws {
        let stage = try Stage()
        try await stage.start()
        let silent = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: "127.0.0.1", port: stage.port).get()
        let half = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: "127.0.0.1", port: stage.port).get()
        try await half.writeAndFlush(ByteBuffer(string: "GET / HTTP/1.1\r\nHost: 127"))
        #expect(try await stage.get("/healthz").status == 200)
        try await stage.stop()
        try await silent.closeFuture.get()
        try await half.closeFuture.get()
    }

    @Test func `a wish for another protocol that is not granted is answered`() async throws {
        let stage = try Stage()
        try await stage.start()
        let upgrade = [("connection", "Upgrade"), ("upgrade", "websocket")]
        let cases = [
            ("/ws", [], 426), ("/ws", upgrade, 426),
            (
                "/login", upgrade + [("sec-websocket-version", "13"), ("sec-websocket-key", "x")],
                200
            ),
            ("/", [("connection", "Upgrade"), ("upgrade", "h2c")], 200),
        ]
        for (path, headers, status) in cases {
            #expect(try await stage.ask(path, headers: headers).status == status, "\(path)")
        }
        try await stage.stop()
    }

    @Test func `SIGTERM ends it well`() async throws {
        await #expect(processExitsWith: .success) {
            let stage = try Stage()
            let folder = stage.folder
            let port = stage.stage.port
            let service = Task {
                try await DemoService.run(folder: folder, port: port, emergency: false)
            }
            try await eventually("courier answers") {
                (try? await Fetch.ask("/healthz", port: port))?.status == 200
            }
            kill(getpid(), SIGPIPE)
            kill(getpid(), SIGTERM)
            try await service.value
            guard RunLock.holder(try stage.place()) == nil else { exit(1) }
        }
    }

    @Test func `a folder that is not there is named`() async throws {
        await #expect {
            try await DemoService.serve(folder: "/nowhere/at/all", port: 0, emergency: false) { _ in
            }
        } throws: { "\($0)".contains("/nowhere/at/all: No such file or directory") }
        #expect(await DemoCommand.main(arguments: ["status", "--folder", "/nowhere"]) == 1)
        #expect(await DemoCommand.main(arguments: ["dance"]) == 64)
    }

    @Test func `the helpers see a courier that runs, and one that does not`() async throws {
        let stage = try Stage()
        let folder = ["--folder", stage.folder]
        #expect(await DemoCommand.main(arguments: ["status"] + folder) == 3)
        #expect(await DemoCommand.main(arguments: ["stop"] + folder) == 0)
        // A process that has ended is not waited for to the end.
        #expect(
            await DemoCommand.main(arguments: ["wait", "--pid", "\(Int32.max)"] + folder) == 1)
        let service = Task {
            try await DemoService.serve(
                folder: stage.folder, port: stage.stage.port, emergency: false
            ) { _ in }
        }
        #expect(
            await DemoCommand.main(
                arguments: ["wait", "--pid", "\(getpid())", "--seconds", "300"] + folder) == 0)
        // On a busy machine the one look may come too late.
        try await eventually("it is seen to run") {
            await DemoCommand.main(arguments: ["status"] + folder) == 0
        }
        #expect(await DemoCommand.main(arguments: ["isolate"] + folder) == 1)
        #expect(await DemoCommand.main(arguments: ["isolate", "on"] + folder) == 0)
        #expect(await DemoCommand.main(arguments: ["isolate"] + folder) == 0)
        service.cancel()
        try await service.value
    }

    @Test func `the log is set aside before it fills the disk`() throws {
        let temporary = try TemporaryFolder("log")
        let folder = try ServiceFolder(temporary.path)
        let log = FileLog.logger(LogFile(folder, limit: 1000))
        for number in 0..<100 { log.info("line \(number) with a\u{1B}[31m colour") }
        let files = folder.names(in: "logs")
        #expect(files == ["courier.log", "courier.log.1"])
        for file in files { #expect(try folder.bytes("logs/\(file)").count <= 1000) }
        let last = try folder.text("logs/courier.log")
        #expect(last.hasSuffix("line 99 with a [31m colour\n"))
    }
}

/// Starts one program after the other on a thread of its own.
private final class Starter: Sendable {
    let isOver = Atomic(false)
    let started = Atomic(0)

    func start() {
        DispatchQueue.global().async { [self] in
            while !isOver.load(ordering: .relaxed) {
                var child = pid_t()
                var words = [strdup("true"), nil]
                defer { words.forEach { free($0) } }
                guard posix_spawn(&child, "/bin/true", nil, nil, &words, nil) == 0 else { return }
                started.add(1, ordering: .relaxed)
                var status: Int32 = 0
                while waitpid(child, &status, 0) < 0, errno == EINTR {}
            }
        }
    }
}
