// Seeded simulations, a few lives of each; `make sim` lives thousands.
//
// `SIM_SEEDS=500` or `SIM_SEEDS=200-900` lives others, and longer; a failure names its seed.
import Simulation
import Testing

@Suite struct SimulationTests {
    static func seeds(_ few: UInt64) -> [UInt64] {
        Simulation.wishedSeeds.map(Array.init) ?? Array(1...few)
    }
    private var wishes: Bool { Simulation.wishedSeeds != nil }

    @Test(arguments: seeds(8))
    func `nothing is half done, done twice, or done without those who must agree`(
        seed: UInt64
    ) {
        let life = Simulation.procedures(seed: seed, moves: wishes ? 250 : 60)
        judge(life, least: 100)
    }

    @Test(arguments: seeds(3))
    func `everybody is told in time, nobody twice, and nobody else`(seed: UInt64) {
        let life = Simulation.outreach(seed: seed, moves: wishes ? 220 : 45)
        judge(life, least: 100)
    }

    @Test(arguments: Sabotage.allCases)
    func `a fault that is planted is found`(sabotage: Sabotage) {
        let found = (1...60 as ClosedRange<UInt64>).contains { seed in
            !Simulation.procedures(seed: seed, moves: 60, sabotage: sabotage).faults.isEmpty
        }
        #expect(found, "\(sabotage.rawValue)")
    }

    @Test func `a seed lives the same life again`() {
        let first = Simulation.procedures(seed: 3, moves: 25)
        let second = Simulation.procedures(seed: 3, moves: 25)
        #expect(first.events == second.events && first.steps == second.steps)
        #expect(Simulation.procedures(seed: 4, moves: 25).events != first.events)
    }

    private func judge(_ life: SimulatedLife, least: Int) {
        for fault in life.faults { Issue.record("seed \(life.seed): \(fault)") }
        #expect(life.events > least, "seed \(life.seed): hardly anything happened")
        if !life.faults.isEmpty { print(life.story.joined(separator: "\n")) }
    }
}
