// A Redis of our own for the time that a dump is tried out: on a socket, without a file, never alone.
import Databases
import Dispatch
import Domain
import Files
import Glibc

final class RedisScratch {
    let address: RedisAddress
    private let folder: RawPath
    private let isOver = DispatchSemaphore(value: 0)

    /// - Throws: `Fault` when there is no redis-server on this machine, or it does not start.
    init() throws(Fault) {
        let operation = "start a scratch Redis"
        let program = try DumpTool.find("redis-server", package: "redis-server", for: operation)
        // It dies with us, however we end.
        let keeper = try DumpTool.find("setpriv", package: "util-linux", for: operation)
        let place = Self.place
        var template = Array("\(place)/tocsin-redis-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw Fault(
                operation: operation, subject: place, cause: String(cString: strerror(errno)))
        }
        let path = String(
            decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        folder = RawPath(path)
        guard let address = RedisAddress("unix://\(path)/redis.sock") else {
            throw Fault(operation: operation, subject: path, cause: "it is no address")
        }
        self.address = address
        let tool = DumpTool(
            program: keeper,
            arguments: [
                "--pdeathsig", "KILL", program.description, "--port", "0", "--unixsocket",
                path + "/redis.sock", "--unixsocketperm", "600", "--save", "", "--appendonly", "no",
                "--dir", path,
            ],
            environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"], secret: [],
            operation: operation, subject: path)
        let isOver = isOver
        DispatchQueue.global().async {
            // What it says goes nowhere; that it ended well is not asked.
            try? tool.read { _ in }
            isOver.signal()
        }
        let patience = Deadline(in: .seconds(30))
        while (try? RedisConversation(address, until: patience)) == nil {
            guard !patience.hasPassed, isOver.wait(timeout: .now() + 0.02) == .timedOut else {
                isOver.signal()
                end()
                throw Fault(operation: operation, subject: path, cause: "it does not start")
            }
        }
    }

    /// `$TMPDIR`, unless it is too long: a socket's path ends at 107 bytes (unix(7)).
    private static var place: String {
        let wanted = getenv("TMPDIR").map { String(cString: $0) } ?? ""
        return wanted.hasPrefix("/") && wanted.utf8.count < 70 ? wanted : "/tmp"
    }

    /// Waits until it is gone.
    func end() {
        let patience = Deadline(in: .seconds(30))
        if let redis = try? RedisConversation(address, until: patience) {
            _ = try? redis.ask(["SHUTDOWN", "NOSAVE"], until: patience)
        }
        if isOver.wait(timeout: .now() + 30) == .success { isOver.signal() }
        try? Files.remove(folder)
    }
}
