// The stage of `tocsin demo`: made once, kept, and adapted to who comes next.
import FoundationEssentials
import Glibc
import TestKit
import Testing

@testable import DemoService

@Suite struct StageTests {
    private func prepare(_ directory: String, user: String = "tess") throws -> DemoStage {
        try DemoStage.prepare(
            directory: directory, share: share, binary: "/bin/sh", user: user)
    }
    private func text(_ stage: DemoStage, _ file: String) throws -> String {
        try ServiceFolder(stage.folder).text(file)
    }

    @Test func `a stage has its own port and its own administrator`() throws {
        let temporary = try TemporaryFolder("stage")
        let stage = try prepare(temporary("deep/er"))
        #expect(stage.directory == temporary("deep/er"))
        #expect(stage.runbookPath == stage.folder + "/tocsin.yaml")
        #expect(stage.url == "http://127.0.0.1:\(stage.port)/")
        let runbook = try text(stage, "tocsin.yaml")
        #expect(!runbook.contains(":5080") && !runbook.contains("--port 5080"))
        #expect(runbook.contains("http://127.0.0.1:\(stage.port)/api/status"))
        #expect(runbook.contains("--port \(stage.port)"))
        #expect(runbook.contains("name: \"Tess\",  user: \"tess\""))
        #expect(try text(stage, "courier.env").contains("COURIER_PORT=\(stage.port)\n"))
        #expect(access(stage.folder + "/bin/service", X_OK) == 0)
        #expect(access(stage.folder + "/bin/tocsin", X_OK) == 0)
        var facts = stat()
        #expect(stat(stage.passwordFile, &facts) == 0 && facts.st_mode & 0o777 == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: stage.directory) == ["service"])
    }

    @Test func `a stage is taken as it was left`() async throws {
        let temporary = try TemporaryFolder("stage")
        let first = try prepare(temporary.path)
        let folder = try ServiceFolder(first.folder)
        let password = try folder.text(Seed.passwordFile)
        try folder.write("templates/home.html", "<p>mine</p>")
        try await Outside(folder).drop(["notification_preferences"])
        let second = try prepare(temporary.path)
        #expect(second.port == first.port)
        #expect(try folder.text(Seed.passwordFile) == password)
        #expect(try folder.text("templates/home.html") == "<p>mine</p>")
        #expect(
            try await Outside(folder).number(
                "SELECT COUNT(*) FROM sqlite_master WHERE name = 'notification_preferences'") == 0)
    }

    @Test func `a stage that was rolled back is whole`() async throws {
        let stage = try Stage()
        try await stage.rollBack()
        let again = try prepare(stage.temporary.path)
        #expect(again.port == stage.stage.port)
    }

    @Test func `another user and a port that was taken are put in their places`() throws {
        let temporary = try TemporaryFolder("stage")
        let first = try prepare(temporary.path)
        let squatter = try Squatter(first.port)
        let second = try prepare(temporary.path, user: "o\"neil")
        #expect(second.port != first.port)
        let runbook = try text(second, "tocsin.yaml")
        #expect(
            runbook.contains("name: \"O\\\"neil\",  user: \"o\\\"neil\"")
                && !runbook.contains("\"tess\""))
        #expect(!runbook.contains("127.0.0.1:\(first.port)"))
        #expect(try text(second, "courier.env").contains("COURIER_PORT=\(second.port)\n"))
        withExtendedLifetime(squatter) {}
    }

    @Test func `what is not a whole stage is left alone`() throws {
        let temporary = try TemporaryFolder("stage")
        try temporary.write("service/precious.txt", "mine")
        #expect { try prepare(temporary.path) } throws: {
            "\($0)".contains("service is not a whole stage: tocsin.yaml is missing")
        }
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: temporary("service")) == [
                "precious.txt"
            ])
    }

    @Test func `a share that lacks something leaves nothing behind`() throws {
        let temporary = try TemporaryFolder("stage")
        try temporary.write("share/tocsin.yaml", "version: 1")
        try FileManager.default.createDirectory(
            atPath: temporary("stage"), withIntermediateDirectories: true)
        #expect {
            try DemoStage.prepare(
                directory: temporary("stage"), share: temporary("share"), binary: "/bin/sh",
                user: "tess")
        } throws: { "\($0)".contains("share/courier.env is missing") }
        #expect(try FileManager.default.contentsOfDirectory(atPath: temporary("stage")) == [])
    }

    @Test func `a share that is read-only gives a stage that is not`() throws {
        let temporary = try TemporaryFolder("stage")
        let copy = temporary("share")
        try FileManager.default.copyItem(atPath: share, toPath: copy)
        for file in ["courier.env", "unified/manager.conf", "unified"] {
            #expect(chmod(copy + "/" + file, file == "unified" ? 0o555 : 0o444) == 0)
        }
        defer { chmod(copy + "/unified", 0o755) }
        let stage = try DemoStage.prepare(
            directory: temporary("stage"), share: copy, binary: "/bin/sh", user: "tess")
        for file in ["courier.env", "unified/manager.conf", "unified"] {
            var facts = stat()
            #expect(stat(stage.folder + "/" + file, &facts) == 0 && facts.st_mode & S_IWUSR != 0)
        }
    }
}

/// Listens on a port of 127.0.0.1 for as long as it lives.
private final class Squatter {
    private let descriptor: Int32
    init(_ port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard bound == 0, listen(descriptor, 1) == 0 else {
            throw TestKitError(text: "port \(port) cannot be taken")
        }
    }
    deinit { close(descriptor) }
}
