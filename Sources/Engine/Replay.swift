// From the journal to the situation, and how events and snapshots are written in it.
import Domain
import FoundationEssentials
import Rules

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
}

enum Replay {
    static let batch = 10_000

    /// The newest snapshot that can be read, and every event after it.
    static func situation(from store: any EventStore) throws -> Situation {
        var situation = try fromSnapshot(store) ?? Situation()
        while true {
            let records = try store.read(after: situation.seq, limit: batch)
            if records.isEmpty { return situation }
            for record in records {
                situation.apply(try EventCoding.decode(record), at: record.at)
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
