// Secrets: where they are found, and what is said when they are not.
import Domain
import RunbookFile
import TestKit
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite struct SecretsTests {
    private let secrets = EnvironmentSecrets(environment: ["KEY": "geheim", "EMPTY": ""])

    private func fault(_ secret: Secret) -> Fault? {
        do {
            _ = try secrets.read(secret)
            return nil
        } catch {
            return error as? Fault
        }
    }

    @Test func `variables`() throws {
        #expect(try secrets.read(.environment("KEY")) == "geheim")
        #expect(try secrets.text(.secret(.environment("KEY"))) == "geheim")
        #expect(try secrets.text(.plain("open")) == "open")
        #expect(
            fault(.environment("GONE"))
                == Fault(
                    operation: "read a secret", subject: "environment variable GONE",
                    cause: "it is not set"))
        #expect(fault(.environment("EMPTY"))?.cause == "it is empty")
        #expect(
            try EnvironmentSecrets().read(.environment("PATH")) == String(cString: getenv("PATH")))
    }

    @Test func `files`() throws {
        let folder = try TemporaryFolder()
        #expect(try secrets.read(.file(folder.write("a", "geheim\n"))) == "geheim")
        #expect(try secrets.read(.file(folder.write("b", " two words \r\n\n"))) == " two words ")
        #expect(try secrets.read(.file(folder.write("c", "a\nb\n"))) == "a\nb")
        #expect(
            try secrets.read(.file(folder.write("d", String(repeating: "x", count: 65_536)))).count
                == 65_536)
        #expect(fault(.file(folder("none")))?.cause == "No such file or directory")
        #expect(fault(.file(folder("none")))?.subject == "file \(folder("none"))")
        #expect(fault(.file(folder.path))?.cause == "it is not a regular file")
        #expect(try fault(.file(folder.write("e", "\n")))?.cause == "it is empty")
        let large = try folder.write("f", String(repeating: "x", count: 65_537))
        #expect(fault(.file(large))?.cause == "it is larger than 64 KiB")
        #expect(mkfifo(folder("pipe"), 0o600) == 0)
        #expect(fault(.file(folder("pipe")))?.cause == "it is not a regular file")
    }
}
