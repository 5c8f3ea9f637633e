// The work `redis`: one command, and what its reply must be.
import Databases
import Domain

extension StepSession {
    func redis(
        _ source: String, _ command: [String], _ wanted: String?, _ timeout: Span
    ) throws(Fault) -> WorkEnd {
        let address = try redisAddress(source)
        let words = try filled(command)
        return try bounded(timeout.plus(grace(.seconds(30))), as: .unknown) { () throws(Fault) in
            let deadline = Deadline(in: timeout)
            let conversation = try connected(address, source, deadline)
            output.say("redis> " + commandLine(words))
            crashPoint("before-command")
            let reply: RedisReply
            do throws(DatabaseTrouble) {
                reply = try conversation.ask(words, until: deadline)
            } catch {
                // It was sent: it may have been done.
                return Self.looking.contains(words.first?.uppercased() ?? "")
                    ? .failed("\(error)")
                    : .unknown("no reply to \(words.first ?? "") (\(error)): it may be done or not")
            }
            crashPoint("replied")
            return judge(reply, wanted)
        }
    }

    /// Commands that change nothing: when their reply is lost, nothing is.
    private static let looking: Set<String> = [
        "PING", "ECHO", "GET", "MGET", "STRLEN", "EXISTS", "TYPE", "TTL", "PTTL", "DBSIZE", "INFO",
        "KEYS", "SCAN", "LLEN", "LRANGE", "LINDEX", "SCARD", "SMEMBERS", "SISMEMBER", "HGET",
        "HGETALL", "HLEN", "HEXISTS", "ZCARD", "ZSCORE", "ZCOUNT", "ZRANGE", "XLEN", "TIME",
        "LASTSAVE", "ROLE",
    ]

    private func judge(_ reply: RedisReply, _ wanted: String?) -> WorkEnd {
        let text = Visible.text(output.mask.masked(reply.text), limit: 200)
        if let wanted {
            if reply.text == wanted { return .done("Redis replied \(text)") }
            return .failed("Redis replied \(text), not \(Visible.text(wanted, limit: 80))")
        }
        if case .error = reply { return .failed("Redis says: \(text)") }
        return .done("Redis replied \(text)")
    }

    /// Nothing is done: the server must be there, and know the command.
    func forecastRedis(
        _ source: String, _ command: [String], _ timeout: Span
    ) throws(Fault) -> Forecast {
        let address = try redisAddress(source)
        let words = try filled(command)
        return try bounded(timeout.plus(grace(.seconds(30)))) { () throws(Fault) in
            let deadline = Deadline(in: timeout)
            let conversation = try connected(address, source, deadline)
            let reply = try? conversation.ask(["COMMAND", "INFO", words[0]], until: deadline)
            // Who may not ask learns nothing from it.
            if case .list([.null], _) = reply {
                return .wouldFail("this Redis knows no command \(Visible.text(words[0]))")
            }
            return .wouldRun("would say \(commandLine(words)) to \(address.target)")
        }
    }

    private func filled(_ command: [String]) throws(Fault) -> [String] {
        guard !command.isEmpty else {
            throw Fault(operation: "use redis", subject: "command", cause: "it is empty")
        }
        var words: [String] = []
        for word in command { words.append(try fill(word)) }
        return words
    }

    private func commandLine(_ words: [String]) -> String {
        Visible.text(words.map(shellQuoted).joined(separator: " "), limit: 200)
    }

    /// The password in it is masked from now on.
    private func redisAddress(_ name: String) throws(Fault) -> RedisAddress {
        let source = try dataSource(name)
        guard case .redis(let url) = source.kind else {
            throw Fault(
                operation: "use redis", subject: name, cause: "this data source is no Redis")
        }
        guard let address = RedisAddress(try text(url)) else {
            throw Fault(
                operation: "use redis", subject: name,
                cause:
                    "its address is not redis://[user:password@]host[:port][/number] or unix://path"
            )
        }
        if let password = address.password { output.mask.add(password) }
        return address
    }

    private func connected(
        _ address: RedisAddress, _ source: String, _ deadline: Deadline
    ) throws(Fault) -> RedisConversation {
        do throws(DatabaseTrouble) {
            return try RedisConversation(address, until: deadline)
        } catch {
            throw error.fault("use redis", source)
        }
    }
}
