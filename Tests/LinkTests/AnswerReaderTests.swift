// Answers are read whole however their bytes are cut, and what is no answer is said to be none.
import FoundationEssentials
import Testing

@testable import Link

@Suite struct AnswerReaderTests {
    /// Feeds an answer in pieces of a length, and ends it.
    func read(_ text: String, pieces: Int) throws -> (status: Int?, body: String) {
        var reader = AnswerReader()
        var body = Data()
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            try reader.feed(bytes[start..<min(start + pieces, bytes.count)], body: &body)
        }
        if !reader.isComplete { try reader.end() }
        return (reader.status, String(decoding: body, as: UTF8.self))
    }

    static let answers = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length:5\r\n\r\nhello and more that is not ours",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nTrailer: yes\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
        "HTTP/1.0 200\r\n\r\nhello",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    ]
    @Test(arguments: answers, [1, 2, 3, 7, 10_000])
    func `an answer is read however it is cut`(_ text: String, _ pieces: Int) throws {
        let answer = try read(text, pieces: pieces)
        #expect(answer.status == 200)
        #expect(answer.body == "hello")
    }

    @Test func `an answer without a body is complete with its head`() throws {
        #expect(try read("HTTP/1.1 204 No Content\r\n\r\n", pieces: 4).status == 204)
        #expect(try read("HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n", pieces: 4).status == 404)
    }

    @Test(arguments: [
        "", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ])
    func `what is no whole answer is refused`(_ text: String) {
        #expect(throws: AnswerReader.Malformed.self) { try read(text, pieces: 3) }
    }

    @Test func `a head without end is given up`() {
        #expect(throws: AnswerReader.Malformed.self) {
            try read(
                "HTTP/1.1 200 OK\r\n" + String(repeating: "X: y\r\n", count: 20_000), pieces: 999)
        }
    }
}
