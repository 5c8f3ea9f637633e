// Dates in HTTP headers.
import CCurl
package import Domain

package enum HTTPDate {
    /// Reads each of the three forms of RFC 9110; nil for anything else.
    package static func read(_ text: String) -> Timestamp? {
        guard text.utf8.count < 100, text.contains(":") else { return nil }
        let seconds = curl_getdate(text, nil)
        return seconds < 0 ? nil : Timestamp(milliseconds: Int64(seconds) * 1000)
    }
}
