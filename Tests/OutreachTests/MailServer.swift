// A real mail server (aiosmtpd) with TLS and authentication, and a strict reader of what it took.
import Domain
import Foundation
import TestKit

/// Listens on loopback until it is let go.
final class MailServer: Sendable {
    enum Kind: String { case plain, starttls, smtps, auth }
    let port: Int
    let folder: TemporaryFolder
    private let daemon: Daemon

    static func start(_ kind: Kind, _ certificate: Certificate? = nil) async throws -> MailServer {
        let folder = try TemporaryFolder("mail")
        let script = try folder.write("server.py", program)
        let daemon = try Daemon(
            "/usr/bin/python3",
            [script, folder.path, kind.rawValue, certificate?.file ?? "", certificate?.key ?? ""],
            folder: folder)
        try await daemon.ready("the mail server listens (python3-aiosmtpd is needed)") {
            FileManager.default.fileExists(atPath: folder("port"))
        }
        let port = try String(contentsOfFile: folder("port"), encoding: .utf8)
        guard let number = Int(port) else { throw TestKitError(text: "no port: \(port)") }
        return MailServer(port: number, folder: folder, daemon: daemon)
    }
    private init(port: Int, folder: TemporaryFolder, daemon: Daemon) {
        self.port = port
        self.folder = folder
        self.daemon = daemon
    }

    /// The messages that it took, as files.
    var mails: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasSuffix(".eml") }.sorted().map { folder($0) }
    }
    /// Who sent it and for whom, whether over TLS and as which user.
    func envelope(_ mail: String) throws -> [String: String] {
        let data = try Data(contentsOf: URL(filePath: mail + ".json"))
        return try JSONDecoder().decode([String: String].self, from: data)
    }

    private static let program = #"""
        import asyncio, json, os, ssl, sys
        from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

        folder, kind, cert, key = sys.argv[1:]
        context = None
        if cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert, key)

        class Handler:
            count = 0
            async def handle_RCPT(self, server, session, envelope, address, options):
                if address.startswith('nobody@'):
                    return '550 5.1.1 no such mailbox: ' + address
                if address.startswith('full@'):
                    return '452 4.2.2 the mailbox is full'
                envelope.rcpt_tos.append(address)
                return '250 OK'
            async def handle_DATA(self, server, session, envelope):
                if b'reject this' in envelope.original_content:
                    return '554 5.7.1 not wanted here'
                Handler.count += 1
                path = os.path.join(folder, '%03d.eml' % Handler.count)
                login = session.auth_data.login.decode() if session.auth_data else ''
                with open(path + '.json', 'w') as file:
                    json.dump({'from': envelope.mail_from, 'to': ' '.join(envelope.rcpt_tos),
                               'tls': str(session.ssl is not None or kind == 'smtps'),
                               'user': login}, file)
                with open(path + '.part', 'wb') as file:
                    file.write(envelope.original_content)
                os.rename(path + '.part', path)
                return '250 2.0.0 Ok: queued as T%03d' % Handler.count

        def check(server, session, envelope, mechanism, data):
            good = isinstance(data, LoginPassword) and data.login == b'tocsin' \
                and data.password == b'pa"ss w\xc3\xb6rd'
            return AuthResult(success=good, handled=good, auth_data=data)

        def make():
            return SMTP(Handler(), hostname='mail.test', enable_SMTPUTF8=True,
                        tls_context=context if kind in ('starttls', 'auth') else None,
                        authenticator=check, auth_required=kind == 'auth',
                        auth_require_tls=True)

        async def main():
            loop = asyncio.get_running_loop()
            server = await loop.create_server(
                make, '127.0.0.1', 0, ssl=context if kind == 'smtps' else None)
            port = server.sockets[0].getsockname()[1]
            with open(os.path.join(folder, 'port.part'), 'w') as file:
                file.write(str(port))
            os.rename(os.path.join(folder, 'port.part'), os.path.join(folder, 'port'))
            await server.serve_forever()

        asyncio.run(main())
        """#
}

/// A mail as Python's parser reads it with every defect an error, and as w3m shows its HTML.
struct ReadMail: Decodable {
    var headers: [[String]]
    var plain: String
    var html: String
    var structure: [String]
    var longest: String
    var longestLine: Int { longest.utf8.count }
    var rendered = ""

    enum CodingKeys: String, CodingKey { case headers, plain, html, structure, longest }

    func header(_ name: String) -> String? {
        let found = headers.filter { $0[0].lowercased() == name.lowercased() }
        return found.count == 1 ? found[0][1] : nil
    }

    init(_ path: String) async throws {
        let folder = try TemporaryFolder("read")
        let script = try folder.write("read.py", Self.program)
        let text = try await run("/usr/bin/python3", [script, path, folder("mail.html")])
        self = try JSONDecoder().decode(ReadMail.self, from: Data(text.utf8))
        rendered = try await run(
            "/usr/bin/w3m",
            [
                "-dump", "-T", "text/html", "-I", "UTF-8", "-O", "UTF-8", "-cols", "80",
                folder("mail.html"),
            ])
    }

    private static let program = #"""
        import email, email.policy, json, sys

        raw = open(sys.argv[1], 'rb').read()
        assert raw.endswith(b'\r\n'), 'no CRLF at the end'
        assert raw.count(b'\n') == raw.count(b'\r\n') == raw.count(b'\r'), 'bare CR or LF'
        assert all(byte < 128 for byte in raw), 'not ASCII'
        assert b'\0' not in raw, 'NUL'
        policy = email.policy.SMTP.clone(raise_on_defect=True)
        message = email.message_from_bytes(raw, policy=policy)
        structure, texts = [], {}
        for part in message.walk():
            structure.append(part.get_content_type())
            assert not part.defects, part.defects
            for name, value in part.items():
                assert not value.defects, (name, value.defects)
            if not part.is_multipart():
                assert part['content-transfer-encoding'] == 'quoted-printable'
                texts[part.get_content_type()] = part.get_content()
        for name in ('to', 'from'):
            assert len(message[name].addresses) == 1, message[name].addresses
        message['date'].datetime
        open(sys.argv[2], 'w').write(texts['text/html'])
        json.dump({'headers': [[name, str(value)] for name, value in message.items()],
                   'plain': texts['text/plain'], 'html': texts['text/html'],
                   'structure': structure,
                   'longest': max(raw.decode().split('\r\n'), key=len)}, sys.stdout)
        """#
}
