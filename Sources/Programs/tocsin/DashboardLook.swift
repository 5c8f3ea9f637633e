// How the dashboard looks: the flags of the command line, and the themes that there are.
import ArgumentParser
import Domain
import FoundationEssentials
import Screen

struct DashboardLook: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The colours: tocsin-dark, tocsin-light, tocsin-colourblind, or a file of "
                + "$XDG_CONFIG_HOME/tocsin/themes without its .yaml.", valueName: "name"))
    var theme: String?
    @Flag(name: .customLong("no-mouse"), help: "Leave the mouse to the terminal, to select text.")
    var noMouse = false
    @Flag(
        name: .customLong("no-bell"),
        help: "Neither ring the terminal's bell nor notify the desktop.")
    var noBell = false
    @Flag(name: .customLong("no-unicode"), help: "Draw with plain ASCII.")
    var noUnicode = false
}

struct DashboardThemes {
    private(set) var all = Theme.builtIn
    /// Files that are no themes, and why.
    private(set) var problems: [String] = []
    private let environment: [String: String]

    init(_ environment: [String: String]) {
        self.environment = environment
        guard let folder = Self.folder(environment),
            let names = try? FileManager.default.contentsOfDirectory(atPath: folder)
        else { return }
        for name in names.sorted() where name.hasSuffix(".yaml") || name.hasSuffix(".yml") {
            read(folder + "/" + name, name)
        }
    }

    private mutating func read(_ path: String, _ name: String) {
        let id = name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name
        do {
            let data = try Data(contentsOf: URL(filePath: path))
            let theme = try Theme(yaml: String(decoding: data, as: UTF8.self), id: Visible.text(id))
            // The operator's own file stands for ours of the same name.
            if let index = all.firstIndex(where: { $0.id == theme.id }) {
                all[index] = theme
            } else {
                all.append(theme)
            }
        } catch let error as ThemeError {
            problems.append(Visible.text("\(name): \(error)"))
        } catch {
            problems.append(Visible.text("\(name) cannot be read"))
        }
    }

    private static func folder(_ environment: [String: String]) -> String? {
        if let config = environment["XDG_CONFIG_HOME"], config.hasPrefix("/") {
            return config + "/tocsin/themes"
        }
        return environment["HOME"].map { $0 + "/.config/tocsin/themes" }
    }

    /// The theme of that name; without a name, `$TOCSIN_THEME`'s, or what suits the terminal's ground.
    func start(_ name: String?) -> Theme? {
        if let name { return named(name) }
        if let theme = environment["TOCSIN_THEME"].flatMap(named) { return theme }
        // Some terminals say `foreground;background`, in the numbers of the sixteen colours.
        let ground = environment["COLORFGBG"]?.split(separator: ";").last.flatMap { Int($0) }
        return ground == 7 || ground == 15 ? all.first(where: \.isLight) : all.first
    }
    private func named(_ name: String) -> Theme? {
        all.first { $0.id == name } ?? all.first { $0.name.lowercased() == name.lowercased() }
    }

    func unknown(_ name: String) -> String {
        let names = all.map(\.id).joined(separator: ", ")
        return "there is no theme “\(Visible.text(name, limit: 60))”; there are \(names)."
    }
}
