// The command: runs what does not suspend at once, and anything else as a task.
import Dispatch
import Foundation
import Procedures

var given = Array(CommandLine.arguments.dropFirst())
// Forks for each step, so nothing here may have started a thread before.
if given == ["step-runner", StepRunner.readyOption] {
    guard let directory = StepRunner.waitForOrder() else { exit(0) }
    given = ["step-runner", directory]
}
let arguments = given
if let status = Program.runAtOnce(arguments) { exit(status) }
Task { [arguments] in exit(await Program.run(arguments)) }
dispatchMain()
