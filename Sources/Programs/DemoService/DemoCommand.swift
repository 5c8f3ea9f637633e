// The hidden subcommand `tocsin demo-service`: courier itself, and the helpers that bin/ calls.
package import ArgumentParser
import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#endif

package struct DemoCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "demo-service", abstract: "The service that the demo watches.",
        shouldDisplay: false,
        subcommands: [
            Run.self, Wait.self, Stop.self, Status.self, SeedDatabase.self, Queue.self,
            Fallback.self,
            Fault.self, Broadcast.self, Isolate.self, Assess.self, Optimise.self,
        ])

    package init() {}

    /// Parses and runs; prints what there is to say.
    /// - Returns: 0, or 1 when it failed, or 64 for wrong usage.
    package static func main(arguments: [String]) async -> Int32 {
        do {
            var command = try parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return 0
        } catch {
            let code = exitCode(for: error)
            let text = fullMessage(for: error)
            if !text.isEmpty {
                _ = writeAll(
                    code.isSuccess ? STDOUT_FILENO : STDERR_FILENO, Array((text + "\n").utf8))
            }
            return code.rawValue
        }
    }
}

/// Where courier's folder is.
struct FolderOption: ParsableArguments {
    @Option(name: .customLong("folder"), help: "Courier's folder; it holds courier.env.")
    var path = "."

    func folder() throws -> ServiceFolder { try ServiceFolder(path) }
    func control() throws -> DemoControl { DemoControl(folder: try folder()) }
}

enum OnOff: String, ExpressibleByArgument { case on, off }

extension DemoCommand {
    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Runs courier until SIGTERM.")
        @OptionGroup var place: FolderOption
        @Option(help: "The port on 127.0.0.1; otherwise the one of courier.env.")
        var port: Int?
        @Flag(help: "Urgent news only, and flash messages on.")
        var emergency = false

        func run() async throws {
            let port = try port ?? place.control().port()
            try await DemoService.run(folder: place.path, port: port, emergency: emergency)
        }
    }

    struct Wait: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Waits until courier answers.")
        @OptionGroup var place: FolderOption
        @Option(help: "The process that becomes courier.")
        var pid: Int32?
        @Option(help: "Seconds to wait.")
        var seconds = 15

        func run() async throws {
            let control = try place.control()
            try await control.waitUntilItAnswers(child: pid, limit: .seconds(seconds))
            print("courier (pid \(control.pid ?? 0)) answers on port \(try control.port())")
        }
    }

    struct Stop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Stops courier.")
        @OptionGroup var place: FolderOption
        func run() async throws { print(try await place.control().stop()) }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tells whether courier runs: exit status 0, 1 when it does not answer, or 3.")
        @OptionGroup var place: FolderOption

        func run() async throws {
            let control = try place.control()
            guard let pid = control.pid else {
                print("courier is not running")
                throw ExitCode(3)
            }
            let answers = await control.answers()
            print("courier runs (pid \(pid))" + (answers ? "" : " but does not answer"))
            if !answers { throw ExitCode(1) }
        }
    }

    struct SeedDatabase: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "seed", abstract: "Makes courier's database if there is none.")
        @OptionGroup var place: FolderOption
        func run() async throws { try Seed.plant(place.folder(), now: wallClock()) }
    }

    struct Fault: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Breaks or mends courier.")
        @OptionGroup var place: FolderOption
        @Argument var name: String?
        @Argument var wish: OnOff?

        func run() async throws {
            guard let name else {
                let active = DemoFaults.active(folder: place.path)
                for fault in DemoFaults.all {
                    let sign = active.contains(fault.name) ? "on " : "off"
                    print("\(sign) \(fault.name): \(fault.effect) Mended by: \(fault.mendedBy)")
                }
                return
            }
            guard let wish else { throw ValidationError("say on or off after \(name)") }
            try DemoFaults.set(name, on: wish == .on, folder: place.path)
        }
    }

    struct Broadcast: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows what it reads from standard input on every page.")
        @OptionGroup var place: FolderOption
        @Flag(help: "As a banner; the only form there is.")
        var banner = false

        func run() async throws {
            let text = standardInput(limit: 500).filter { !$0.isNewline }
            guard !text.isEmpty else { throw DemoError("nothing to say on standard input") }
            try Fallbacks.set(Fallbacks.broadcast, on: true, text: text, in: place.folder())
        }
    }

    struct Isolate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lets only administrators in, or everybody again.")
        @OptionGroup var place: FolderOption
        @Argument var wish: OnOff?

        /// Without a wish: whether it is isolated, as exit status 0 or 1.
        func run() async throws {
            let folder = try place.folder()
            switch wish {
            case .on: try folder.write(Switches.isolationFile, "")
            case .off: try folder.remove(Switches.isolationFile)
            case nil:
                if !folder.exists(Switches.isolationFile) { throw ExitCode(1) }
            }
        }
    }
}

/// What stands on standard input, as far as it is wanted.
func standardInput(limit: Int) -> String {
    var bytes = [UInt8](repeating: 0, count: limit)
    var filled = 0
    while filled < limit {
        let count = bytes.withUnsafeMutableBytes {
            read(STDIN_FILENO, $0.baseAddress?.advanced(by: filled), limit - filled)
        }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { break }
        filled += count
    }
    return String(decoding: bytes[..<filled], as: UTF8.self)
}
