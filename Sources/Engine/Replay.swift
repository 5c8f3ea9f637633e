// From the journal to the situation, and how events and snapshots are written in it.
import Dispatch
import Domain
import FoundationEssentials
import Rules
import Synchronization

enum EventCoding {
    static func encode(_ event: Event) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(event), as: UTF8.self)
    }
    /// - Throws: `Damage` naming the event.
    static func decode(_ record: EventRecord) throws -> Event {
        do {
            return try JSONDecoder().decode(Event.self, from: Data(record.body.utf8))
        } catch {
            throw Damage(
                subject: "event \(record.seq) (\(record.kind)) of the journal",
                detail: "it cannot be read by \(Product.name) \(Product.version): \(error)")
        }
    }

    /// Many at once, on all processors. One decoder for many events costs a third of one for each.
    /// - Throws: `Damage` naming the first that cannot be read.
    static func decode(_ records: [EventRecord]) throws -> [Event] {
        let parts = max(
            1, min(8, ProcessInfo.processInfo.activeProcessorCount, records.count / 500))
        let size = (records.count + parts - 1) / max(1, parts)
        let decoded = Mutex([Int: Result<[Event], any Error>]())
        DispatchQueue.concurrentPerform(iterations: parts) { part in
            let own = records[
                min(part * size, records.count)..<min((part + 1) * size, records.count)]
            let result = Result { try decodeTogether(own) }
            decoded.withLock { $0[part] = result }
        }
        return try decoded.withLock { results in
            try (0..<parts).flatMap { try results[$0]?.get() ?? [] }
        }
    }

    private static func decodeTogether(_ records: ArraySlice<EventRecord>) throws -> [Event] {
        var list: [UInt8] = [UInt8(ascii: "[")]
        list.reserveCapacity(records.reduce(2) { $0 + $1.body.utf8.count + 1 })
        for record in records {
            if list.count > 1 { list.append(UInt8(ascii: ",")) }
            list += record.body.utf8
        }
        list.append(UInt8(ascii: "]"))
        if let events = try? JSONDecoder().decode([Event].self, from: Data(list)),
            events.count == records.count
        {
            return events
        }
        // One of them cannot be read: which one?
        return try records.map(decode)
    }
}

enum Replay {
    static let batch = 10_000

    /// The newest snapshot that can be read, and every event after it.
    static func situation(from store: any EventStore) throws -> Situation {
        try situationAndSnapshot(from: store).situation
    }

    /// - Returns: with the number of the event up to which the snapshot reached; 0 without one.
    static func situationAndSnapshot(
        from store: any EventStore
    ) throws -> (situation: Situation, snapshot: Int) {
        var situation = try fromSnapshot(store) ?? Situation()
        let snapshot = situation.seq
        while true {
            let records = try store.read(after: situation.seq, limit: batch)
            if records.isEmpty { return (situation, snapshot) }
            for (record, event) in zip(records, try EventCoding.decode(records)) {
                situation.apply(event, at: record.at)
                situation.seq = record.seq
            }
        }
    }

    /// A snapshot of another version may not fit: then the whole journal is read, which always does.
    private static func fromSnapshot(_ store: any EventStore) throws -> Situation? {
        guard let snapshot = try store.snapshot(), snapshot.seq <= (try store.last) else {
            return nil
        }
        let form = try? JSONDecoder().decode(Form.self, from: Data(snapshot.body.utf8))
        guard let form, form.version == Form.present, form.situation.seq == snapshot.seq else {
            return nil
        }
        return form.situation
    }

    static func snapshot(of situation: Situation) throws -> SituationSnapshot {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let body = try encoder.encode(Form(version: Form.present, situation: situation))
        return SituationSnapshot(seq: situation.seq, body: String(decoding: body, as: UTF8.self))
    }

    private struct Form: Codable {
        /// Raised whenever the rules would add the same journal up to another situation.
        static let present = 4
        var version: Int
        var situation: Situation
    }
}
