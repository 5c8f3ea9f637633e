// Several demos in one directory: nobody's engine ends under them, and somebody ends it.
import TestKit
import Testing

@testable import tocsin

@Suite struct DemoHouseTests {
    @Test func `the last to leave is told so, and nobody comes in meanwhile`() throws {
        let folder = try TemporaryFolder("house")
        let first = try DemoHouse(folder("stage"))
        #expect(first.enter { true })
        let early = try DemoHouse(folder("stage"))
        #expect(!early.enter { true }, "the first still starts things")
        first.engine = 4711
        first.open()
        var second: DemoHouse? = try DemoHouse(folder("stage"))
        #expect(second?.enter { true } == true)
        #expect(second?.engine == 4711, "whoever ends it knows which it is")
        second?.open()
        #expect(!first.leave())
        #expect(second?.leave() == true)
        #expect(!early.enter { true }, "the last one is just ending things")
        second = nil
        #expect(early.enter { true })
        early.open()
        #expect(early.leave())
    }
}
