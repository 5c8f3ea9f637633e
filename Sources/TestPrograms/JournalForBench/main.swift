// Fills a journal for the benchmarks, through the code that the engine writes it with, and times it.
//
//   JournalForBench fill STATE SERVICE COUNT        a journal of so many events; prints the rate
//   JournalForBench commit STATE SERVICE COUNT      appends events one by one; prints p50 and p99
import Domain
import FoundationEssentials
import Glibc
import Journal

/// Years of a service that is mostly well: probes that change, people who note, an emergency at times.
struct Years {
    private(set) var at = Timestamp(milliseconds: 1_600_000_000_000)
    private var emergencies = 0
    private let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }()

    mutating func next(_ index: Int) throws -> EventDraft {
        at = at + .seconds(37)
        let event = event(index)
        return EventDraft(
            at: at, kind: event.kind,
            body: String(decoding: try encoder.encode(event), as: UTF8.self))
    }

    private mutating func event(_ index: Int) -> Event {
        switch index % 1000 {
        case 500:
            emergencies += 1
            return .emergencyActivated(
                Activation(
                    id: "emergency_20200913_\(emergencies)", level: .high,
                    reason: "Delivery errors above 10 %", triggeredBy: "delivery-errors",
                    by: "engine", trigger: "delivery-errors", failure: "delivery", began: at,
                    respondBy: at + .minutes(15)))
        case 501: return .acknowledged(by: "ines", text: "on it", until: nil)
        case 502..<510:
            return .noted(text: "restarted the courier, \(index) in the queue", by: "ines")
        case 510: return .deactivated(resolvedBy: "ines", text: "the queue is empty", by: "ines")
        default:
            let isBad = index / 12 % 2 == 0
            return .probeChanged(
                ProbeReference(component: "group0", probe: "p\(index % 12)"),
                from: isBad ? .healthy : .failed, to: isBad ? .failed : .healthy,
                message: isBad ? "connection refused" : "200 in 12 ms")
        }
    }
}

func seconds(_ duration: Swift.Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
}

let arguments = CommandLine.arguments
guard arguments.count == 5, let count = Int(arguments[4]), count > 0 else {
    print("usage: JournalForBench fill|commit STATE SERVICE COUNT")
    exit(64)
}
let store = try SQLiteEventStore(
    state: arguments[2], service: arguments[3], at: Timestamp(milliseconds: 1_600_000_000_000))
var years = Years()
let clock = ContinuousClock()
var last = try store.last

switch arguments[1] {
case "fill":
    let began = clock.now
    var done = 0
    while done < count {
        let part = min(2000, count - done)
        var drafts: [EventDraft] = []
        for index in 0..<part { drafts.append(try years.next(done + index)) }
        last = try store.append(drafts, expecting: last).last?.seq ?? last
        done += part
    }
    print("{\"events\":\(count),\"seconds\":\(seconds(clock.now - began))}")
case "commit":
    var times: [Double] = []
    for index in 0..<count {
        let draft = try years.next(index)
        let began = clock.now
        last = try store.append([draft], expecting: last).last?.seq ?? last
        times.append(seconds(clock.now - began) * 1000)
    }
    times.sort()
    print("{\"p50_ms\":\(times[count / 2]),\"p99_ms\":\(times[count * 99 / 100])}")
default:
    print("usage: JournalForBench fill|commit STATE SERVICE COUNT")
    exit(64)
}
