// The channel `command`: what the step runner is to run for a message.
package import Domain

/// The work of a delivery by a command; nil for other channels.
/// - Throws: `Fault` naming what has no value.
package func commandWork(_ order: DeliveryOrder) throws(Fault) -> Work? {
    guard case .channel(let channel) = order.route, case .command(let run, let input) = channel.kind
    else { return nil }
    let message = order.message
    let values = [
        NamedText(name: "text", text: message.text), NamedText(name: "title", text: message.title),
        NamedText(name: "message", text: message.text),
        NamedText(name: "service", text: order.service.name),
        NamedText(name: "emergency", text: message.emergency ?? ""),
        NamedText(name: "delivery", text: order.delivery.id),
    ]
    var arguments: [String] = []
    for argument in run { arguments.append(try Template.fill(argument, with: values)) }
    var stdin: String?
    if let input { stdin = try Template.fill(input, with: values) }
    return .run(arguments, input: stdin)
}
