// That there are other screens, and which digit shows each: in the header, as long as the room allows.
import Domain
import Screen
import Wire

struct Tabs {
    private struct Cell {
        var page: Page
        var runs: [Run]
        var columns: Int { runs.reduce(0) { $0 + $1.columns } }
    }
    private var cells: [Cell]
    private var here: Page

    var columns: Int { cells.reduce(0) { $0 + $1.columns } }

    /// - Parameter right: the columns of what stands at the end of the line, the longest form first.
    ///   The first two only say who looks and what runs; the next three say all that is urgent.
    static func fitting(_ model: Model, beside right: [Int], room: Int) -> Tabs {
        let here = model.page
        let (wide, tight, digits) = (wide(here), tight(here), digits(here))
        let pairs = [(wide, 2), (tight, 2), (tight, 3), (digits, 2), (digits, 3), (digits, 4)]
        if let (tabs, _) = pairs.first(where: { $0.columns + right[$1] <= room }) { return tabs }
        // No room for all: the name of the page that is not the first must do.
        let name = Run(here.title, style: Style(.heading))
        let only = Tabs(cells: [Cell(page: here, runs: [name])], here: here)
        let isWorthIt = here != .command && only.columns + (right.last ?? 0) <= room
        return isWorthIt ? only : Tabs(cells: [], here: here)
    }

    private static func wide(_ here: Page) -> Tabs {
        Tabs(
            cells: Page.allCases.map { page in
                Cell(
                    page: page,
                    runs: [
                        Run(" \(page.rawValue) ", .key), Run(page.title + " ", name(page, here)),
                    ])
            }, here: here)
    }
    private static func tight(_ here: Page) -> Tabs {
        Tabs(
            cells: Page.allCases.map { page in
                Cell(
                    page: page,
                    runs: [Run("\(page.rawValue) ", .key), Run(page.title + " ", name(page, here))])
            }, here: here)
    }
    /// Only the page that is shown has its name.
    private static func digits(_ here: Page) -> Tabs {
        Tabs(
            cells: Page.allCases.map { page in
                let title = page == here ? Run(page.title + " ", .strong) : Run("")
                return Cell(page: page, runs: [Run("\(page.rawValue) ", .key), title])
            }, here: here)
    }
    private static func name(_ page: Page, _ here: Page) -> StyleRole {
        page == here ? .strong : .dim
    }

    func draw(_ canvas: inout Canvas, x: Int, y: Int) {
        var x = x
        for cell in cells {
            let isHere = cell.page == here && cells.count > 1
            canvas.frame.line(cell.runs, x: x, y: y, on: isHere ? .selected : .bar)
            canvas.spot(
                Rect(x: x, y: y, width: cell.columns, height: 1),
                .press(.alt(Character(String(cell.page.rawValue)))))
            x += cell.columns
        }
    }
}
