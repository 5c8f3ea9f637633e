// The README's picture is a rendered frame, and stays true to what the dashboard draws.
import Foundation
import Screen
import TestKit
import Testing

@testable import Dashboard

@Suite struct PictureTests {
    static let file = "docs/dashboard.svg"

    /// `make picture` draws it anew.
    @Test func `the picture of the README is what the dashboard draws`() throws {
        let theme = try #require(Theme.builtIn.first)
        let player = Player(Scenes.high(), width: 120, height: 36)
        let drawn = view(player.model).svg(theme: theme, title: "tocsin")
        if ProcessInfo.processInfo.environment["UPDATE_PICTURE"] != nil {
            try Data(drawn.utf8).write(to: URL(filePath: Places.project + "/" + Self.file))
        }
        let kept = try Places.text(of: Self.file)
        #expect(kept == drawn, "run `make picture` and look at the difference")
    }
}
