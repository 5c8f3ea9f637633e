// Lives many lives of a simulated service, on every core, and says what went wrong in which.
//
//   Simulate [--lives N] [--moves N]    SIM_SEEDS=500 or SIM_SEEDS=200-900 in their place
//   Simulate --sabotage                 plants faults, one after the other, and says how soon each is found
// Exit status 1 when something went wrong: the seed, what it was, and the last events are printed; the
// same seed lives the same life again. SIM_STORY=1000 tells more of it.
import Dispatch
import FoundationEssentials
import Glibc
import Simulation
import Synchronization

/// What has come of the lives so far.
struct Sum {
    var lives = 0
    var steps = 0
    var events = 0
    var days = 0.0
    var faults = 0
    /// When the first fault was found, in seconds.
    var firstFault: Double?
    var nextLine = 10.0
}

/// Real time, for the sum at the end.
struct Stopwatch: Sendable {
    private let began = ContinuousClock.now
    var seconds: Double {
        let span = ContinuousClock.now - began
        return Double(span.components.seconds) + Double(span.components.attoseconds) / 1e18
    }
}

func option(_ name: String, or otherwise: UInt64) -> UInt64 {
    let words = CommandLine.arguments
    guard let at = words.firstIndex(of: name), at + 1 < words.count else { return otherwise }
    return UInt64(words[at + 1]) ?? otherwise
}

@main struct Simulate {
    static func main() {
        if CommandLine.arguments.contains("--sabotage") { return plant() }
        let seeds = Array(Simulation.wishedSeeds ?? 1...option("--lives", or: 900))
        let moves = Int(option("--moves", or: 250))
        let sum = Mutex(Sum())
        let watch = Stopwatch()
        DispatchQueue.concurrentPerform(iterations: seeds.count) { index in
            if sum.withLock({ $0.faults }) >= 5 { return }
            for (name, life) in [
                ("procedures", Simulation.procedures(seed: seeds[index], moves: moves)),
                ("outreach", Simulation.outreach(seed: seeds[index], moves: moves / 5)),
            ] {
                let time = watch.seconds
                sum.withLock { sum in
                    sum.lives += 1
                    sum.steps += life.steps
                    sum.events += life.events
                    sum.days += life.days
                    if time > sum.nextLine {
                        sum.nextLine = time + 10
                        tell("\(Int(time)) s: \(sum.lives) lives, \(sum.steps) steps")
                    }
                    guard let first = life.faults.first else { return }
                    sum.faults += 1
                    sum.firstFault = sum.firstFault ?? time
                    for line in life.story { print(line) }
                    print("WRONG in \(name), seed \(life.seed): \(first)")
                    for other in life.faults.dropFirst() { print("  and \(other)") }
                    print("again: SIM_SEEDS=\(life.seed)-\(life.seed) make sim")
                }
            }
        }
        let end = sum.withLock { $0 }
        print(
            "\(end.lives) lives, \(end.steps) steps, \(end.events) events, "
                + "\(Int(end.days / 30)) simulated months in \(Int(watch.seconds)) s: "
                + (end.faults == 0 ? "nothing went wrong" : "\(end.faults) went wrong"))
        if let first = end.firstFault { print("the first after \(first) s") }
        exit(end.faults == 0 ? 0 : 1)
    }

    /// How long it takes until each planted fault is found.
    private static func plant() {
        var missed = 0
        for sabotage in Sabotage.allCases {
            let watch = Stopwatch()
            var steps = 0
            var found: SimulatedLife?
            var seed: UInt64 = 0
            while found == nil, watch.seconds < 60 {
                seed += 1
                let life = Simulation.procedures(seed: seed, moves: 250, sabotage: sabotage)
                steps += life.steps
                if !life.faults.isEmpty { found = life }
            }
            let time = Double(Int(watch.seconds * 100)) / 100
            if let found {
                print("\(time) s, \(seed) lives, \(steps) steps: \(sabotage.rawValue)")
                print("    \(found.faults.first ?? "")")
            } else {
                missed += 1
                print("not found in \(time) s, \(steps) steps: \(sabotage.rawValue)")
            }
        }
        exit(missed == 0 ? 0 : 1)
    }

    /// Progress goes where it does not mix with the result.
    private static func tell(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
