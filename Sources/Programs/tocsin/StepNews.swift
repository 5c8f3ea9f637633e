// Which steps of a procedure are news since it was last looked at, in the order in which they happened.
import Domain
import Wire

struct StepNews {
    struct Entry: Equatable {
        var stage: String
        var step: StepReport
    }
    /// What a step has come to; one that fails a second time took another time for it.
    private struct End: Equatable {
        var state: StepState
        var seconds: Double?
        init(_ step: StepReport) {
            state = step.state
            seconds = step.state == .failed ? step.seconds : nil
        }
    }
    private struct Place: Hashable {
        var procedure: String
        var stage: Int
        var step: Int
    }

    /// Steps that were done before are no news then.
    private let undoing: Bool
    private var ends: [Place: End] = [:]

    /// - Parameter known: a procedure as it stood before; nil: everything is news.
    init(known: ProcedureReport?, undoing: Bool) {
        self.undoing = undoing
        if let known { _ = take(known) }
    }

    /// The steps that have come to an end since, and are not what they were.
    mutating func take(_ procedure: ProcedureReport) -> [Entry] {
        var news: [Entry] = []
        // What is left out from the beginning is told where it would have come.
        var reached = true
        for (number, stage) in procedure.stages.enumerated() {
            for (index, step) in stage.steps.enumerated() {
                if step.state == .pending || step.state == .running { reached = false }
                if step.state == .skipped, !reached { continue }
                let place = Place(procedure: procedure.id, stage: number, step: index)
                guard ends.updateValue(End(step), forKey: place) != End(step), isEnd(step) else {
                    continue
                }
                news.append(Entry(stage: stage.name, step: step))
            }
        }
        // Undoing begins with what was done last.
        return procedure.state == .undoing || procedure.state == .undone || undoing
            ? news.reversed() : news
    }

    private func isEnd(_ step: StepReport) -> Bool {
        switch step.state {
        case .pending, .running: false
        case .succeeded, .skipped: !undoing
        case .failed, .undone, .unknown: true
        }
    }
}
