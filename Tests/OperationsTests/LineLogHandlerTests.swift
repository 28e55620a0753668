internal import Foundation
internal import Logging
internal import Operations
internal import Synchronization
internal import Testing

private final class Lines: Sendable {
    private let lines = Mutex<[String]>([])

    func append(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
}

@Suite struct LineLogHandlerTests {
    private let lines = Lines()

    private func logger(level: Logger.Level = .info) -> Logger {
        Logger(label: "test") { [lines] _ in
            LineLogHandler(
                logLevel: level,
                now: { Date(timeIntervalSince1970: 1_770_091_506.789) },
                write: lines.append
            )
        }
    }

    @Test func anEventIsALine() {
        var logger = logger()
        logger[metadataKey: "model"] = "zipformer"
        logger.warning("endpoint lost", metadata: ["endpoint": "h:1", "after": "2 tries"])
        #expect(
            lines.all == [
                """
                2026-02-03T04:05:06.789Z warning endpoint lost after="2 tries" endpoint=h:1 \
                model=zipformer

                """
            ]
        )
    }

    @Test func eventsBelowTheLevelAreLeftOut() {
        let logger = logger(level: .warning)
        logger.info("quiet")
        logger.error("loud")
        #expect(lines.all.count == 1)
    }

    @Test func untrustedTextForgesNoLine() {
        logger().info(
            "a\nb",
            metadata: ["k": "x\n2026 error forged a=\"1\"", "empty": "", "esc": "\u{1b}[0m"]
        )
        #expect(lines.all.count == 1)
        #expect(
            lines.all.first == """
                2026-02-03T04:05:06.789Z info a\\nb empty="" esc=\\u{1b}[0m \
                k="x\\n2026 error forged a=\\"1\\""

                """
        )
    }

    @Test func theEventsOwnMetadataWins() {
        var logger = logger()
        logger[metadataKey: "k"] = "logger"
        logger.info("m", metadata: ["k": "event"])
        #expect(lines.all.first?.hasSuffix(" info m k=event\n") == true)
    }
}
