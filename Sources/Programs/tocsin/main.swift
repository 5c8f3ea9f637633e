// The command: runs what does not suspend at once, and anything else as a task.
import Dispatch
import Foundation

let arguments = Array(CommandLine.arguments.dropFirst())
if let status = Program.runAtOnce(arguments) { exit(status) }
Task { [arguments] in exit(await Program.run(arguments)) }
dispatchMain()
