// What courier tells its users: made-up news, a few a second, so that something is delivered.

/// One piece of news for one user, before anything is done with it.
struct Notice: Sendable, Equatable {
    var user: String
    var category: String
    var title: String
    /// Milliseconds since 1970.
    var madeAt: Int64

    /// What there is to tell, and how often one comes up.
    static let categories: [(name: String, weight: Int, titles: [String])] = [
        (
            "parcel", 6,
            [
                "Your parcel has left the depot", "Your parcel is with the courier",
                "Your parcel was handed over", "Your parcel waits at the counter",
            ]
        ),
        (
            "payment", 3,
            [
                "Your payment was received", "Your invoice is ready",
                "Your refund is on its way",
            ]
        ),
        ("security", 1, ["New sign-in from a device we know", "Your password was changed"]),
        ("outage", 1, ["The counter closes early today", "The north route is delayed"]),
    ]
    /// Sent in emergency mode too.
    static let urgent: Set<String> = ["security", "outage"]
}

/// Makes news at a steady rate.
struct NewsDesk: Sendable {
    private let users: [String]
    private let perSecond: Double
    /// Each category as often as its weight says.
    private let draws: [String]
    /// The part of a piece of news that is owed from the beat before.
    private var owed = 0.0

    init(
        users: [String], perSecond: Double, categories: [(name: String, weight: Int)],
        only: Set<String>? = nil
    ) {
        self.users = users
        self.perSecond = perSecond
        draws = categories.filter { only?.contains($0.name) ?? true }
            .flatMap { Array(repeating: $0.name, count: $0.weight) }
    }

    /// What came up in the seconds since the last call.
    mutating func news(seconds: Double, now: Int64) -> [Notice] {
        guard !users.isEmpty, !draws.isEmpty else { return [] }
        // A machine that was asleep does not owe the night's news.
        owed += min(max(seconds, 0), 1) * perSecond
        var result: [Notice] = []
        while owed >= 1 {
            owed -= 1
            guard let user = users.randomElement(), let category = draws.randomElement() else {
                break
            }
            let titles = Notice.categories.first { $0.name == category }?.titles
            let title = titles?.randomElement() ?? category
            result.append(Notice(user: user, category: category, title: title, madeAt: now))
        }
        return result
    }
}
