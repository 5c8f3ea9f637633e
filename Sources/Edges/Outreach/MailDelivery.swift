// Mail: one message to one person by SMTP, and what the server's answer means.
import Domain
import Transfers

extension Attempt {
    func mail(_ channel: EmailChannel) async throws(Fault) -> DeliveryOutcome {
        guard let person = order.people.first else { return refused("the message is for nobody") }
        guard let written = person.email, !written.isEmpty else {
            return refused("\(person.name) has no address for mail")
        }
        guard let to = Mailbox(written) else {
            return refused(
                "not a mail address: \(Visible.text(written, limit: 80)) (name@host, ASCII only)")
        }
        guard let from = Mailbox(channel.from) else {
            return refused(
                "`from` is not a mail address: \(Visible.text(channel.from, limit: 80))")
        }
        let receiver = Mailbox(address: to.address, name: to.name.isEmpty ? person.name : to.name)
        let message = MailMessage(order: order, from: from, to: receiver).bytes
        let password = try channel.password.map { value throws(Fault) in try text(value) }
        let route = MailRoute(channel)
        let transfer = MailTransfer(
            server: channel.server, startTLS: route.startTLS, verifies: route.verifies,
            authorities: channel.ca, user: channel.user, password: password, from: from.address,
            to: to.address, message: message, timeout: left)
        do throws(MailFault) {
            let reply = try await Transfers.shared.send(transfer)
            return DeliveryOutcome(
                end: .delivered, detail: "\(reply.code) \(reply.text)", seconds: 0)
        } catch {
            return judged(error, Address(url: channel.server).target, route)
        }
    }

    private func judged(
        _ fault: MailFault, _ host: String, _ route: MailRoute
    ) -> DeliveryOutcome {
        if let reply = fault.reply {
            let end: DeliveryOutcome.End = reply.code < 500 ? .failed : .refused
            return DeliveryOutcome(
                end: end, detail: "\(host) said \(reply.code) \(reply.text)", seconds: 0)
        }
        var detail = fault.fault.message
        if !detail.contains(host) { detail = "\(host): \(detail)" }
        if fault.fault.kind == .tls, route.guardsPassword {
            detail += "; the password is not sent openly (`starttls: never` allows it)"
        }
        let isUnclear =
            fault.fault.sent == .whole
            && (fault.fault.kind == .timeout || fault.fault.kind == .interrupted)
        return DeliveryOutcome(end: isUnclear ? .unclear : .failed, detail: detail, seconds: 0)
    }
}

/// How much TLS a channel needs.
struct MailRoute: Equatable {
    var startTLS: EmailChannel.StartTLS
    var verifies: Bool
    /// TLS is needed for the password's sake although the runbook takes it as it comes.
    var guardsPassword: Bool

    /// Where TLS is taken when it is offered, an attacker could as well take the offer away, so an
    /// unknown certificate is better than none (RFC 7435). A password, though, goes to nobody who was
    /// not recognised, and not openly over a network.
    init(_ channel: EmailChannel) {
        let host = Address(url: channel.server).host.lowercased()
        let isLocal =
            host == "localhost" || host == "[::1]"
            || (host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." })
        let isOptional = channel.startTLS == .whenOffered
        let isImplicit = channel.server.lowercased().hasPrefix("smtps:")
        guardsPassword = isOptional && channel.password != nil && !isLocal && !isImplicit
        startTLS = guardsPassword ? .required : channel.startTLS
        verifies = !isOptional || isImplicit || channel.password != nil || channel.ca != nil
    }
}

/// An address, and the name before it.
struct Mailbox: Equatable {
    var address: String
    var name: String

    init(address: String, name: String) {
        self.address = address
        self.name = name
    }
    /// Reads `name@host` and `Name <name@host>`; nil when the address is none of RFC 5321's usual form:
    /// nothing in it may end a header line or an SMTP command.
    init?(_ text: String) {
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
        if text.hasSuffix(">"), let open = text.lastIndex(of: "<") {
            address = String(text[text.index(after: open)...].dropLast())
            name = String(text[..<open].filter { $0 != "\"" })
            while name.hasSuffix(" ") { name.removeLast() }
        } else {
            address = text
            name = ""
        }
        guard address.utf8.count <= 254, let at = address.lastIndex(of: "@") else { return nil }
        let local = address[..<at].utf8
        let host = address[address.index(after: at)...].utf8
        let isWord: (UInt8) -> Bool = { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            default: false
            }
        }
        guard !local.isEmpty, local.count <= 64, !host.isEmpty,
            local.allSatisfy({ isWord($0) || "!#$%&'*+-/=?^_`{|}~.".utf8.contains($0) }),
            host.allSatisfy({ isWord($0) || "-.[]:".utf8.contains($0) }),
            local.first != 0x2E, local.last != 0x2E, !address.contains("..")
        else { return nil }
    }

    var host: String {
        address.lastIndex(of: "@").map { String(address[address.index(after: $0)...]) } ?? ""
    }
}
