// Courier's readers: one simulated client for each user, on real WebSockets over the loopback.
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

/// All clients.
struct Fleet: Sendable {
    let port: Int
    /// Users, each with the token of a session in which they load pages.
    let readers: [(user: String, session: String)]

    /// Keeps every client connected until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            for reader in readers {
                group.addTask {
                    await Reader(port: port, user: reader.user, session: reader.session).run()
                }
            }
        }
    }
}

/// A client as a browser would be one: it connects, says who it is, reads, and comes back when it
/// was dropped.
struct Reader: Sendable {
    private typealias Socket = NIOAsyncChannel<WebSocketFrame, WebSocketFrame>
    private enum Connection: Sendable {
        case socket(Socket)
        case refused
    }
    let port: Int
    let user: String
    let session: String

    private static let firstPause = 0.1
    private static let longestPause = 0.8

    func run() async {
        var pause = Self.firstPause
        while !Task.isCancelled {
            let wasOpen = (try? await connectAndRead()) ?? false
            pause = wasOpen ? Self.firstPause : min(pause * 2, Self.longestPause)
            // Forty that come back in the same instant would be no likeness of people.
            try? await Task.sleep(for: .seconds(pause * .random(in: 0.7...1.3)))
        }
    }

    /// One connection's life; false when courier did not let it in.
    private func connectAndRead() async throws -> Bool {
        guard case .socket(let channel) = try await connect() else { return false }
        try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(frame(LineText.join(user)))
            for try await frame in inbound {
                switch frame.opcode {
                case .text: try await read(String(buffer: frame.unmaskedData), outbound)
                case .connectionClose: return
                default: break
                }
            }
        }
        return true
    }

    private func read(
        _ text: String, _ outbound: NIOAsyncChannelOutboundWriter<WebSocketFrame>
    ) async throws {
        switch text.first {
        case "4":
            guard let push = JSON.value(LineText.Push.self, text.utf8.dropFirst()) else { return }
            try await outbound.write(frame(LineText.arrived(push.id, whole: push.isWhole)))
        case "7":
            _ = try? await Fetch.ask(
                "/", port: port, headers: [("cookie", "\(Pages.cookie)=\(session)")])
        default: break
        }
    }

    private func frame(_ text: String) -> WebSocketFrame {
        WebSocketFrame(
            fin: true, opcode: .text, maskKey: .random(), data: ByteBuffer(string: text))
    }

    private func connect() async throws -> Connection {
        let (channel, result) = try await ClientBootstrap(
            group: .singletonMultiThreadedEventLoopGroup
        )
        .connectTimeout(.seconds(5))
        .connect(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture {
                let upgrader = NIOTypedWebSocketClientUpgrader<Connection>(
                    upgradePipelineHandler: { channel, _ in
                        channel.eventLoop.makeCompletedFuture {
                            .socket(try Socket(wrappingChannelSynchronously: channel))
                        }
                    })
                let head = HTTPRequestHead(
                    version: .http1_1, method: .GET, uri: "/ws",
                    headers: ["host": "127.0.0.1:\(port)", "content-length": "0"])
                let upgrade = NIOTypedHTTPClientUpgradeConfiguration<Connection>(
                    upgradeRequestHead: head, upgraders: [upgrader],
                    notUpgradingCompletionHandler: { channel in
                        channel.close().map { .refused }
                    })
                let pipeline = channel.pipeline.syncOperations
                return (
                    channel,
                    try pipeline.configureUpgradableHTTPClientPipeline(
                        configuration: .init(upgradeConfiguration: upgrade))
                )
            }
        }
        return try await withTaskCancellationHandler {
            try await result.get()
        } onCancel: {
            channel.close(promise: nil)
        }
    }
}
