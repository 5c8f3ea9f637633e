// A path as the kernel knows it: bytes, which need not be UTF-8.
import FoundationEssentials
import Glibc

/// A path of any bytes but NUL. `a/../b` stays what it is: with links, it need not be `b`.
package struct RawPath: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var bytes: [UInt8]

    package init(bytes: [UInt8]) { self.bytes = bytes }
    package init(_ text: some StringProtocol) { bytes = Array(text.utf8) }
    init(cString: UnsafePointer<CChar>) {
        bytes = Array(UnsafeRawBufferPointer(start: cString, count: strlen(cString)))
    }

    /// For people: bytes that are no UTF-8 show as `�`.
    package var description: String { String(decoding: bytes, as: UTF8.self) }
    /// The text, if it is UTF-8 and thus means the same path.
    package var text: String? { String(validating: bytes, as: UTF8.self) }
    package var isAbsolute: Bool { bytes.first == slash }

    package static func < (left: RawPath, right: RawPath) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }

    /// `other` below this path; an absolute `other` stands for itself.
    package func appending(_ other: RawPath) -> RawPath {
        if other.isAbsolute || bytes.isEmpty { return other }
        return RawPath(
            bytes: bytes.last == slash ? bytes + other.bytes : bytes + [slash] + other.bytes)
    }
    package func appending(_ name: some StringProtocol) -> RawPath { appending(RawPath(name)) }

    /// The names between the slashes, without empty ones and `.`.
    package var names: [[UInt8]] {
        bytes.split(separator: slash).filter { !$0.elementsEqual([dot]) }.map(Array.init)
    }
    /// The last name; empty for `/`.
    package var lastName: RawPath { RawPath(bytes: names.last ?? []) }
    /// The same path without empty names, `.` and a slash at the end.
    package var plain: RawPath { RawPath(names: names, isAbsolute: isAbsolute) }
    /// What holds it: `/a` for `/a/b` and `/a/./b/.`, `.` for `b`, `/` for `/`.
    package var folder: RawPath { RawPath(names: names.dropLast(), isAbsolute: isAbsolute) }
    private init(names: some Collection<[UInt8]>, isAbsolute: Bool) {
        var bytes: [UInt8] = []
        for name in names {
            if isAbsolute || !bytes.isEmpty { bytes.append(slash) }
            bytes.append(contentsOf: name)
        }
        self.bytes = bytes.isEmpty ? [isAbsolute ? slash : dot] : bytes
    }
    package var hasParentReference: Bool { names.contains([dot, dot]) }

    /// Whether it is `other` or lies below it, by its names.
    package func isInside(_ other: RawPath) -> Bool { names.starts(with: other.names) }
    /// What remains below `folder`; nil when it lies elsewhere or is the folder itself.
    package func below(_ folder: RawPath) -> RawPath? {
        let own = names
        let upper = folder.names
        guard own.count > upper.count, own.starts(with: upper) else { return nil }
        return RawPath(bytes: Array(own.dropFirst(upper.count).joined(separator: [slash])))
    }

    package func withCString<Result>(
        _ body: (UnsafePointer<CChar>) throws -> Result
    ) rethrows -> Result {
        try (bytes + [0]).withUnsafeBufferPointer { buffer in
            try buffer.withMemoryRebound(to: CChar.self) { characters in
                // A terminated array always has a base address.
                guard let start = characters.baseAddress else { return try body("") }
                return try body(start)
            }
        }
    }
}

let slash = UInt8(ascii: "/")
private let dot = UInt8(ascii: ".")

/// As text where it is UTF-8; else as NUL, which no path holds, and base64.
extension RawPath: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard text.hasPrefix("\0") else {
            self.init(text)
            return
        }
        guard let data = Data(base64Encoded: String(text.dropFirst())) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no path")
        }
        self.init(bytes: Array(data))
    }
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text ?? "\0" + Data(bytes).base64EncodedString())
    }
}
