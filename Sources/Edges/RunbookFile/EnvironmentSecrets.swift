// Finds secrets in environment variables and files, at the moment they are needed.
package import Domain

#if canImport(Glibc)
    import Glibc
#endif

/// Reads secrets from the process environment and from files, and keeps none of them.
package struct EnvironmentSecrets: SecretReader {
    /// Bytes that a secret's file may have.
    static let largest = 64 * 1024
    private let environment: [String: String]?

    /// - Parameter environment: nil for that of the process.
    package init(environment: [String: String]? = nil) { self.environment = environment }

    /// Line breaks at the end of a file do not belong to the secret.
    package func read(_ secret: Secret) throws -> String {
        switch secret {
        case .environment(let name): try variable(name)
        case .file(let path): try file(path)
        }
    }

    private func variable(_ name: String) throws -> String {
        let value: String?
        if let environment {
            value = environment[name]
        } else {
            value = getenv(name).map { String(cString: $0) }
        }
        func fault(_ cause: String) -> Fault {
            Fault(operation: "read a secret", subject: "environment variable \(name)", cause: cause)
        }
        guard let value else { throw fault("it is not set") }
        guard !value.isEmpty else { throw fault("it is empty") }
        return value
    }

    private func file(_ path: String) throws -> String {
        func fault(_ cause: String) -> Fault {
            Fault(operation: "read a secret", subject: "file \(Visible.text(path))", cause: cause)
        }
        func systemFault() -> Fault { fault(String(cString: strerror(errno))) }
        // Without O_NONBLOCK a named pipe would wait for a writer.
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw systemFault() }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw systemFault() }
        guard status.st_mode & S_IFMT == S_IFREG else { throw fault("it is not a regular file") }
        guard let bytes = RunbookFile.bytes(of: descriptor, limit: Self.largest + 1) else {
            throw systemFault()
        }
        guard bytes.count <= Self.largest else { throw fault("it is larger than 64 KiB") }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw fault("it is not UTF-8 text")
        }
        let secret = text.unicodeScalars.reversed().drop { $0 == "\n" || $0 == "\r" }.reversed()
        guard !secret.isEmpty else { throw fault("it is empty") }
        return String(String.UnicodeScalarView(secret))
    }
}
