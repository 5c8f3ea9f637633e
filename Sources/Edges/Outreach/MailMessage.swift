// The mail itself: headers (RFC 5322, 2047, 3834), and the same words as plain text and as HTML.
import Domain
import FoundationEssentials

struct MailMessage {
    let order: DeliveryOrder
    let from: Mailbox
    let to: Mailbox
    private var wording: Wording { Wording(order: order) }
    private var message: OutboxMessage { order.message }

    /// The whole message, lines ended by CRLF.
    var bytes: [UInt8] {
        // "=_" cannot stand in quoted-printable text.
        let boundary = "=_tocsin_" + MailHeader.token(order.delivery.id)
        var lines = headers(boundary)
        lines += ["", "--\(boundary)"]
        lines += part("text/plain", MailText(wording: wording, footer: footer).text)
        lines.append("--\(boundary)")
        lines += part("text/html", MailHTML(wording: wording, footer: footer).text)
        lines += ["--\(boundary)--", ""]
        return Array(lines.joined(separator: "\r\n").utf8)
    }

    private func part(_ type: String, _ text: String) -> [String] {
        [
            "Content-Type: \(type); charset=utf-8", "Content-Transfer-Encoding: quoted-printable",
            "", QuotedPrintable.encoded(text),
        ]
    }

    private func headers(_ boundary: String) -> [String] {
        let name = from.name.isEmpty ? "Tocsin \(order.service.name)" : from.name
        var lines = [
            MailHeader.mailbox("From", Mailbox(address: from.address, name: name)),
            MailHeader.mailbox("To", to), MailHeader.text("Subject", wording.subject),
            "Date: \(MailHeader.date(message.at))", "Message-ID: <\(messageID)>",
        ]
        if let thread {
            lines += ["In-Reply-To: <\(thread)>", "References: <\(thread)>"]
        }
        lines += [
            "Auto-Submitted: auto-generated", "X-Auto-Response-Suppress: All",
            "Importance: \(importance.word)", "X-Priority: \(importance.number)",
            "MIME-Version: 1.0",
            "Content-Type: multipart/alternative;\r\n boundary=\"\(boundary)\"",
        ]
        return lines
    }

    /// The same for every attempt. Ids are unique within one engine's journal only; the moment and the
    /// service make them so everywhere.
    var messageID: String {
        let queued = order.delivery.queuedAt.milliseconds
        return MailHeader.id(
            [order.delivery.id, "\(queued)", order.service.name], host: from.host)
    }
    /// What all mails about one emergency refer to, though no mail has this id; so they are one thread,
    /// whichever of them arrives first.
    var thread: String? {
        message.emergency.map {
            MailHeader.id([$0, order.service.name, order.service.environment], host: from.host)
        }
    }
    private var importance: (word: String, number: Int) {
        switch message.priority {
        case .critical: ("high", 1)
        case .high: ("high", 2)
        case .normal: ("normal", 3)
        case .low: ("low", 5)
        }
    }
    private var footer: String {
        let about = message.emergency.map { "\($0), " } ?? ""
        return Visible.text("\(wording.service): \(about)\(order.delivery.id)", limit: 300)
    }
}

/// Header lines that nothing from outside can break out of.
enum MailHeader {
    /// A line of text, folded and encoded where it must be (RFC 2047).
    static func text(_ name: String, _ text: String) -> String {
        let clean = Visible.text(text, limit: 500)
        return folded(name, isPlain(clean) ? plainWords(clean) : encodedWords(clean))
    }

    static func mailbox(_ name: String, _ box: Mailbox) -> String {
        let clean = Visible.text(box.name, limit: 60)
        let address = "<\(box.address)>"
        if clean.allSatisfy(\.isWhitespace) { return folded(name, [box.address]) }
        // Quotes and backslashes need no escaping in encoded words.
        let isSimple = isPlain(clean) && !clean.contains("\"") && !clean.contains("\\")
        return folded(name, (isSimple ? ["\"\(clean)\""] : encodedWords(clean)) + [address])
    }

    /// RFC 5322: `Mon, 05 Jan 2026 14:03:27 +0000`.
    static func date(_ moment: Timestamp) -> String {
        let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        let calendar = moment.calendar
        // 1970-01-01 was a Thursday.
        let passed = (moment.milliseconds / 86_400_000) % 7
        let day = calendar.day < 10 ? "0\(calendar.day)" : "\(calendar.day)"
        return "\(days[Int(max(0, passed))]), \(day) \(months[calendar.month - 1])"
            + " \(calendar.year) \(moment.timeOfDay) +0000"
    }

    /// The inside of a Message-ID.
    static func id(_ parts: [String], host: String) -> String {
        let left = parts.map(token).filter { !$0.isEmpty }.joined(separator: ".")
        return left + "@" + host.filter { !"[]:".contains($0) }
    }
    /// Only what may stand anywhere without quotes.
    static func token(_ text: String) -> String {
        let kept = text.prefix(40).map {
            $0.isASCII && ($0.isLetter || $0.isNumber || $0 == ".") ? $0 : "_"
        }
        // Dots may only stand between other characters.
        return kept.split(separator: ".").map { String($0) }.joined(separator: ".")
    }

    private static func isPlain(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F } && !text.contains("=?")
            && !text.contains("  ") && !text.hasPrefix(" ") && !text.hasSuffix(" ")
            && text.split(separator: " ").allSatisfy { $0.utf8.count <= 60 }
    }
    private static func plainWords(_ text: String) -> [String] {
        text.split(separator: " ").map(String.init)
    }
    /// Base64 in words of at most 73 characters, none of which cuts a character in two.
    static func encodedWords(_ text: String) -> [String] {
        var words: [String] = []
        var bytes: [UInt8] = []
        func flush() {
            if bytes.isEmpty { return }
            words.append("=?utf-8?B?\(Data(bytes).base64EncodedString())?=")
            bytes = []
        }
        for scalar in text.unicodeScalars {
            let next = Array(String(scalar).utf8)
            if bytes.count + next.count > 39 { flush() }
            bytes += next
        }
        flush()
        return words
    }
    /// Words on lines of at most 78 characters, as long as no word alone is longer.
    private static func folded(_ name: String, _ words: [String]) -> String {
        var lines: [String] = []
        var line = "\(name):"
        for word in words {
            if line.utf8.count + 1 + word.utf8.count > 78, line != "\(name):" {
                lines.append(line)
                line = ""
            }
            line += " " + word
        }
        return (lines + [line]).joined(separator: "\r\n")
    }
}

/// RFC 2045, 6.7: lines of at most 76 characters, in ASCII.
enum QuotedPrintable {
    static func encoded(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { line(Array($0.utf8)) }.joined(separator: "\r\n")
    }

    private static func line(_ bytes: [UInt8]) -> String {
        var result = ""
        var width = 0
        for (index, byte) in bytes.enumerated() {
            let isLast = index == bytes.count - 1
            var piece = piece(byte, isFirst: width == 0, isLast: isLast)
            if width + piece.utf8.count > 75 {
                result += "=\r\n"
                width = 0
                piece = self.piece(byte, isFirst: true, isLast: isLast)
            }
            result += piece
            width += piece.utf8.count
        }
        return result
    }
    private static func piece(_ byte: UInt8, isFirst: Bool, isLast: Bool) -> String {
        let isPlain = byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "=")
        // Dots and "From " at the beginning of a line have a meaning on the way.
        let isRisky = isFirst && (byte == UInt8(ascii: ".") || byte == UInt8(ascii: "F"))
        if (isPlain && !isRisky) || (byte == 0x20 && !isLast) {
            return String(UnicodeScalar(byte))
        }
        let digits = Array("0123456789ABCDEF".unicodeScalars)
        var result = "="
        result.unicodeScalars.append(digits[Int(byte >> 4)])
        result.unicodeScalars.append(digits[Int(byte & 15)])
        return result
    }
}
