// HTTPS with a certificate that only a file of one's own vouches for.
import Domain
import Foundation
import TestKit
import Testing
import Transfers

@Suite struct TrustTests {
    @Test func `a certificate of one's own is trusted when its file is named`() async throws {
        let certificate = try await Certificate.make()
        let port = try freePort()
        let daemon = try Daemon(
            "/usr/bin/openssl",
            [
                "s_server", "-quiet", "-www", "-accept", "127.0.0.1:\(port)", "-cert",
                certificate.file, "-key", certificate.key,
            ], folder: try TemporaryFolder("https"))
        var request = TransferRequest(url: "https://127.0.0.1:\(port)/")
        request.authorities = certificate.file
        try await daemon.ready("it is trusted") {
            (try? await Transfers.shared.perform(request))?.status == 200
        }
        request.authorities = nil
        let fault = await #expect(throws: TransferFault.self) {
            try await Transfers.shared.perform(request)
        }
        #expect(fault?.kind == .tls)
        #expect(fault?.message.contains("is not trusted") == true)
        #expect(fault?.sent == .nothing)
    }
}
