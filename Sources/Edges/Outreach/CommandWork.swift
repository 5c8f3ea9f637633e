// Channels that are programs: what the step runner is to run for an order.
package import Domain

/// The program of an order's channel with `{{name}}` filled in, in its arguments and in what it reads
/// from standard input; nil when the order goes by another way.
/// - Throws: `Fault` naming what has no value.
package func commandWork(_ order: DeliveryOrder) throws(Fault) -> Work? {
    guard case .channel(let channel) = order.route,
        case .command(let words, let input) = channel.kind
    else { return nil }
    let wording = Wording(order: order)
    let text = ([wording.text.isEmpty ? wording.title : wording.text] + wording.notes)
        .joined(separator: "\n\n")
    let values = wording.values(text: text).map {
        // No argument of a program can hold a NUL.
        NamedText(name: $0.name, text: Visible.text($0.text, limit: 16_384, lines: true))
    }
    var filled: [String] = []
    for word in words { filled.append(try Template.fill(word, with: values)) }
    guard let input else { return .run(filled, input: nil) }
    return .run(filled, input: try Template.fill(input, with: values))
}
