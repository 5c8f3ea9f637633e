// Lives of a simulated service, each made by a seed and judged by what must never happen.
import Domain
import FoundationEssentials
import TestKit

/// What came of one life.
package struct SimulatedLife: Sendable {
    package var seed: UInt64
    /// What was asked of the rules, and what happened.
    package var steps: Int
    package var events: Int
    /// Simulated time.
    package var days: Double
    /// What must never happen and did, the first first; empty: nothing.
    package var faults: [String]
    /// The last events in words.
    package var story: [String]
}

package enum Simulation {
    /// Procedures, approvals, playbooks, watches, and people who try everything.
    package static func procedures(
        seed: UInt64, moves: Int, sabotage: Sabotage? = nil
    ) -> SimulatedLife {
        var life = ProcedureLife(seed: seed, sabotage: sabotage)
        let began = life.clock
        life.live(moves: moves)
        return SimulatedLife(
            seed: seed, steps: life.steps, events: life.events,
            days: (life.clock - began).seconds / 86_400, faults: life.faults,
            story: life.faults.isEmpty ? [] : life.story)
    }
    /// Emergencies, channels that break, and people who have to hear.
    package static func outreach(seed: UInt64, moves: Int) -> SimulatedLife {
        var life = OutreachLife(seed: seed)
        let began = life.now
        do {
            try life.live(moves: moves)
        } catch {
            life.fault("the world itself was refused: \(error)")
        }
        return SimulatedLife(
            seed: seed, steps: life.steps, events: life.world.events.count,
            days: (life.now - began).seconds / 86_400, faults: life.faults,
            story: life.faults.isEmpty ? [] : Array(life.story.suffix(longestStory)))
    }

    /// `SIM_SEEDS=500` or `SIM_SEEDS=200-900`; nil: nobody wishes for particular ones.
    package static var wishedSeeds: ClosedRange<UInt64>? {
        let wish = ProcessInfo.processInfo.environment["SIM_SEEDS"] ?? ""
        let ends = wish.split(separator: "-").compactMap { UInt64($0) }
        switch ends.count {
        case 1: return 1...max(ends[0], 1)
        case 2 where ends[0] <= ends[1]: return ends[0]...ends[1]
        default: return nil
        }
    }
    /// `SIM_STORY=1000` tells the last thousand events before a fault.
    package static var longestStory: Int {
        Int(ProcessInfo.processInfo.environment["SIM_STORY"] ?? "") ?? 120
    }
}
