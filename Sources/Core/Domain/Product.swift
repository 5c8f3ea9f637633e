// What this program is called, and which one it is.

package enum Product {
    package static let name = "tocsin"
    package static let version = "0.1.0"
}
