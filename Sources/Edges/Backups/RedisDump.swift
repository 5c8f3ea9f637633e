// Redis in a backup: every key as `DUMP` gives it, with the moment it expires, in a file of our own.
//
//   tocsin-redis-dump 1\n
//   for each key: 4 bytes length, the key; 8 bytes: the moment it expires (ms since 1970; 0: never);
//                 4 bytes length, the payload of DUMP, which ends with a checksum of Redis' own
//   at the end:   0xFFFFFFFF; 8 bytes: the number of keys
//
// Numbers are big-endian.
import Databases
import Domain
import Files
import Glibc

struct RedisDump {
    /// Of the data source.
    let name: String
    let address: RedisAddress
    let crashPoint: (String) -> Void

    private static let heading = Array("tocsin-redis-dump 1\n".utf8)
    private static let end = UInt32.max
    /// Keys that are asked for or said at once.
    private static let batch = 100
    /// Bytes; the largest value that Redis itself takes.
    private static let largest = 1 << 30
    private static var patient: Deadline { Deadline(in: .hours(24 * 7)) }

    struct Key {
        var name: [UInt8]
        /// Milliseconds since 1970; 0: never.
        var expires: UInt64
        var payload: [UInt8]
    }

    func fault(_ operation: String, _ cause: String, retry: Bool = false) -> Fault {
        Fault(
            operation: operation, subject: "\(name), \(address.target)", cause: cause, retry: retry)
    }

    private func told<Result>(
        _ operation: String, _ body: () throws(DatabaseTrouble) -> Result
    ) throws(Fault) -> Result {
        do throws(DatabaseTrouble) {
            return try body()
        } catch {
            throw fault(operation, "\(error)", retry: error.kind == .lost)
        }
    }

    private func connect(_ operation: String) throws(Fault) -> RedisConversation {
        try told(operation) { () throws(DatabaseTrouble) in
            try RedisConversation(address, until: Deadline(in: .seconds(30)))
        }
    }

    // MARK: Taking

    /// Writes every key of the database into a new file that only we may read. A key that comes or goes
    /// meanwhile may be in it or not; each one in it is whole.
    /// - Returns: how many.
    func write(to path: RawPath) throws(Fault) -> Int {
        let operation = "dump the database"
        let redis = try connect(operation)
        let output = try BufferedOutput(path)
        try output.write(Self.heading)
        // SCAN may name a key twice.
        var seen: Set<[UInt8]> = []
        var count: UInt64 = 0
        var cursor = Array("0".utf8)
        repeat {
            let (next, found) = try scan(redis, cursor, operation)
            cursor = next
            for key in try read(found.filter { seen.insert($0).inserted }, redis, operation) {
                try output.write(Self.bytes(UInt32(key.name.count)) + key.name)
                try output.write(Self.bytes(key.expires))
                try output.write(Self.bytes(UInt32(key.payload.count)))
                try output.write(key.payload)
                count += 1
            }
        } while cursor != Array("0".utf8)
        try output.write(Self.bytes(Self.end) + Self.bytes(count))
        try output.flush()
        crashPoint("database-dumped")
        return Int(count)
    }

    private func scan(
        _ redis: RedisConversation, _ cursor: [UInt8], _ operation: String
    ) throws(Fault) -> (next: [UInt8], keys: [[UInt8]]) {
        let words = [Array("SCAN".utf8), cursor, Array("COUNT".utf8), Array("\(Self.batch)".utf8)]
        let reply = try told(operation) { () throws(DatabaseTrouble) in
            try redis.ask(words, keeping: Self.largest, until: Self.patient)
        }
        guard case .list(let parts, _) = reply, parts.count == 2, case .bytes(let next) = parts[0],
            case .list(let keys, _) = parts[1]
        else { throw fault(operation, "Redis says: \(Visible.text(reply.text))") }
        return (
            next,
            keys.compactMap { key in
                if case .bytes(let name) = key { name } else { nil }
            }
        )
    }

    private func read(
        _ names: [[UInt8]], _ redis: RedisConversation, _ operation: String
    ) throws(Fault) -> [Key] {
        try told(operation) { () throws(DatabaseTrouble) in
            try redis.send(
                names.flatMap { [[Array("DUMP".utf8), $0], [Array("PTTL".utf8), $0]] },
                until: Self.patient)
            var keys: [Key] = []
            for name in names {
                let payload = try redis.reply(keeping: Self.largest, until: Self.patient)
                let left = try redis.reply(until: Self.patient)
                switch (payload, left) {
                case (.bytes(let payload), .integer(let left)):
                    let expires = left < 0 ? 0 : Self.now + UInt64(left)
                    keys.append(Key(name: name, expires: expires, payload: payload))
                // It is gone by now.
                case (.null, _): continue
                default:
                    throw DatabaseTrouble(.refused, "Redis says: \(payload.text), \(left.text)")
                }
            }
            return keys
        }
    }

    /// Milliseconds since 1970.
    private static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }

    // MARK: Putting back

    /// Makes the database hold what the file holds, and nothing else. Not all at once: Redis would have
    /// to hold everything twice.
    func restore(_ path: RawPath) throws(Fault) {
        let operation = "restore the database"
        // Whole, before anything is dropped.
        _ = try Self.tables(path)
        let redis = try connect(operation)
        try told(operation) { () throws(DatabaseTrouble) in
            try expectOK(redis.ask(["FLUSHDB"], until: Self.patient))
        }
        crashPoint("database-emptied")
        do throws(Fault) {
            let count = try fill(redis, path, operation)
            let found = try told(operation) { () throws(DatabaseTrouble) in
                try redis.ask(["DBSIZE"], until: Self.patient)
            }
            // Keys that have expired since do not come back.
            guard case .integer(let number) = found, number >= count.lasting, number <= count.all
            else {
                throw fault(
                    operation,
                    "it holds \(found.text) keys, not \(count.all); something has written to it since"
                )
            }
        } catch {
            throw Fault(
                operation: error.operation, subject: error.subject,
                cause: "\(error.cause); the database is HALF RESTORED", retry: error.retry)
        }
    }

    private func expectOK(_ reply: RedisReply) throws(DatabaseTrouble) {
        guard reply == .status("OK") else {
            throw DatabaseTrouble(.refused, "Redis says: \(reply.text)")
        }
    }

    private func fill(
        _ redis: RedisConversation, _ path: RawPath, _ operation: String
    ) throws(Fault) -> (all: Int, lasting: Int) {
        var all = 0
        var lasting = 0
        var batch: [Key] = []
        var bytes = 0
        func say() throws(Fault) {
            let keys = batch
            try told(operation) { () throws(DatabaseTrouble) in
                try redis.send(
                    keys.map { key in
                        [Array("RESTORE".utf8), key.name, Array("\(key.expires)".utf8)]
                            + [key.payload, Array("REPLACE".utf8)]
                            + (key.expires == 0 ? [] : [Array("ABSTTL".utf8)])
                    }, until: Self.patient)
                for _ in keys { try expectOK(redis.reply(until: Self.patient)) }
            }
            batch = []
            bytes = 0
        }
        try Self.read(path) { key throws(Fault) in
            all += 1
            if key.expires == 0 { lasting += 1 }
            bytes += key.payload.count
            batch.append(key)
            if batch.count == Self.batch || bytes > 1 << 24 { try say() }
        }
        try say()
        return (all, lasting)
    }

    // MARK: Trying out

    /// Loads the file into a Redis of our own, which nobody else can reach: the one that is in service
    /// may have no room for everything twice.
    /// - Returns: why that could not be done; nil when it was, and all is there.
    func doubt(_ path: RawPath, keys: Int) throws(Fault) -> String? {
        let server: RedisScratch
        do throws(Fault) {
            server = try RedisScratch()
        } catch {
            return "the dump could not be tried out: \(error.cause)"
        }
        defer { server.end() }
        let scratch = RedisDump(name: name, address: server.address, crashPoint: crashPoint)
        do throws(Fault) {
            let redis = try scratch.connect("verify the backup")
            let count = try scratch.fill(redis, path, "verify the backup")
            guard count.all == keys else {
                throw fault("verify the backup", "the dump holds \(count.all) keys, not \(keys)")
            }
        } catch {
            return "the dump could not be loaded into a scratch Redis: \(error.cause)"
        }
        return nil
    }

    // MARK: The file

    /// - Throws: `Fault` when it is not whole.
    static func tables(_ path: RawPath) throws(Fault) -> Tables {
        var keys = 0
        try read(path) { _ in keys += 1 }
        return [.init(name: "keys", rows: keys)]
    }

    private static func read(
        _ path: RawPath, _ each: (Key) throws(Fault) -> Void
    ) throws(Fault) {
        func damaged(_ why: String) -> Fault {
            Fault(operation: "read the dump", subject: path.description, cause: why)
        }
        let input = try BufferedInput(path)
        guard try input.read(heading.count) == heading else {
            throw damaged("it does not begin like one")
        }
        var count: UInt64 = 0
        while true {
            guard let length = try input.read(4) else { throw damaged("it has no end") }
            if number(length) == UInt64(end) { break }
            guard let name = try input.read(Int(number(length))), let expires = try input.read(8),
                let size = try input.read(4), number(size) <= UInt64(largest),
                let payload = try input.read(Int(number(size)))
            else { throw damaged("it has no end") }
            count += 1
            try each(Key(name: name, expires: number(expires), payload: payload))
        }
        guard let said = try input.read(8), number(said) == count, try input.read(1) == nil else {
            throw damaged("it does not hold as many keys as it says")
        }
    }

    private static func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }
    private static func number(_ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// A new file that only we may read, written in large pieces.
private final class BufferedOutput {
    private let path: RawPath
    private let file: Int32
    private var buffer: [UInt8] = []

    init(_ path: RawPath) throws(Fault) {
        self.path = path
        file = try Files.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, "write", 0o600)
    }
    deinit { close(file) }

    func write(_ bytes: [UInt8]) throws(Fault) {
        buffer += bytes
        if buffer.count > 1 << 20 { try flush() }
    }
    func flush() throws(Fault) {
        try Files.write(buffer, to: file, path)
        buffer = []
    }
}

/// A file read in large pieces.
private final class BufferedInput {
    private let path: RawPath
    private let file: Int32
    private var buffer: [UInt8] = []
    private var head = 0

    init(_ path: RawPath) throws(Fault) {
        self.path = path
        file = try Files.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, "read")
    }
    deinit { close(file) }

    /// Nil when there are not so many bytes left.
    func read(_ count: Int) throws(Fault) -> [UInt8]? {
        while buffer.count - head < count {
            buffer.removeFirst(head)
            head = 0
            let piece = [UInt8](unsafeUninitializedCapacity: 1 << 20) { space, used in
                used = max(0, Glibc.read(file, space.baseAddress, space.count))
            }
            if piece.isEmpty { return nil }
            buffer += piece
        }
        defer { head += count }
        return Array(buffer[head..<(head + count)])
    }
}
