// JSON texts: keys in snake_case and in a fixed order.
import FoundationEssentials

enum JSON {
    static func text(_ value: some Encodable) -> String {
        String(decoding: bytes(value), as: UTF8.self)
    }
    static func bytes(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Only numbers that are not finite cannot be encoded, and courier has none.
        return (try? encoder.encode(value)).map { Array($0) } ?? Array("null".utf8)
    }
    static func value<T: Decodable>(_ type: T.Type, _ bytes: some Sequence<UInt8>) -> T? {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try? decoder.decode(type, from: Data(bytes))
    }
}

/// Milliseconds since 1970: what the tables keep.
func wallClock() -> Int64 { Int64((Date().timeIntervalSince1970 * 1000).rounded()) }
