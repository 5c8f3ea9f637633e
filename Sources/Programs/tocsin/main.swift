// The command: parses, runs, and turns whatever comes out into an exit status.
import ArgumentParser
import Foundation

let status = await Program.run(Array(CommandLine.arguments.dropFirst()))
exit(status)
