// Simulated months of emergencies and channels that break: what must show, shows, and reaches people.
//
// `SIM_SEEDS=500` or `SIM_SEEDS=200-900` runs more of them; a failure names its seed.
import FoundationEssentials
import TestKit
import Testing

@Suite struct OutreachSimulationTests {
    static let seeds: [UInt64] = {
        let wish = ProcessInfo.processInfo.environment["SIM_SEEDS"] ?? ""
        let ends = wish.split(separator: "-").compactMap { UInt64($0) }
        switch ends.count {
        case 1: return Array(1...max(ends[0], 1))
        case 2 where ends[0] <= ends[1]: return Array(ends[0]...ends[1])
        default: return Array(1...3)
        }
    }()

    /// `SIM_STORY=100` prints the last hundred events before a fault.
    static let told = Int(ProcessInfo.processInfo.environment["SIM_STORY"] ?? "") ?? 0

    /// Longer lives for whoever asks for them.
    private var wishes: Bool { ProcessInfo.processInfo.environment["SIM_SEEDS"] != nil }

    @Test(arguments: seeds)
    func `everybody is told in time, nobody twice, and nobody else`(seed: UInt64) throws {
        var life = OutreachLife(seed: seed)
        try life.live(moves: wishes ? 220 : 45)
        for fault in life.faults { Issue.record("seed \(seed): \(fault)") }
        if !life.faults.isEmpty, Self.told > 0 {
            print(life.story.suffix(Self.told).joined(separator: "\n"))
        }
    }
}
