// The command: runs what does not suspend at once, and anything else as a task.
import Dispatch
import Foundation
import Procedures

let arguments = Array(CommandLine.arguments.dropFirst())
if arguments == ["step-runner", StepRunner.readyOption] {
    // Forks for each step, so nothing here may have started a thread before.
    guard let directory = StepRunner.waitForOrder() else { exit(0) }
    _exit(StepRunnerCommand.status(of: directory))
}
if let status = Program.runAtOnce(arguments) { exit(status) }
Task { [arguments] in exit(await Program.run(arguments)) }
dispatchMain()
