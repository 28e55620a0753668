internal import Fleet
internal import Testing

@Suite struct OutlierDetectorTests {
    private static let ids: [EndpointID] = {
        var pool = EndpointPool(EndpointPool.Settings(), seed: 1)
        return pool.setAddresses((0..<8).map { "\($0)" }, at: .zero).added
    }()

    /// The outliers of an interval in which each endpoint failed so many of its requests.
    private func outliers(
        requests: Int = 100,
        failures: [Int],
        _ change: (inout OutlierDetector.Settings) -> Void = { _ in }
    ) -> [EndpointID] {
        var settings = OutlierDetector.Settings()
        change(&settings)
        var detector = OutlierDetector(settings)
        #expect(detector.outliers(at: .seconds(1)).isEmpty, "the interval begins")
        for (id, failures) in zip(Self.ids, failures) {
            for number in 0..<requests { detector.note(id, isFailure: number < failures) }
        }
        let early = detector.outliers(at: .milliseconds(10_999))
        #expect(early.isEmpty)
        let found = detector.outliers(at: .seconds(11)).map(\.id)
        let again = detector.outliers(at: .seconds(21))
        #expect(again.isEmpty, "each interval for itself")
        return found
    }

    @Test func theOneThatIsFarWorseIsFound() {
        #expect(outliers(failures: [1, 0, 20, 2, 1]) == [Self.ids[2]])
    }

    @Test func whereAllAreBadNoneIs() {
        #expect(outliers(failures: [40, 41, 42, 39, 40, 41]).isEmpty)
    }

    @Test func aFewErrorsAreToleratedHoweverGoodTheOthersAre() {
        #expect(outliers(failures: [0, 0, 2, 0, 0, 0]).isEmpty)
        #expect(outliers(failures: [0, 0, 3, 0, 0, 0]) == [Self.ids[2]])
    }

    @Test func fewRequestsOrEndpointsSayNothing() {
        #expect(outliers(requests: 99, failures: [0, 0, 50, 0, 0, 0]).isEmpty)
        #expect(outliers(failures: [0, 0, 50, 0]).isEmpty)
        #expect(
            outliers(failures: [0, 0, 50, 0]) {
                $0.minimumEndpoints = 4
                $0.deviations = 1.5
            } == [Self.ids[2]]
        )
    }

    @Test func theWorstComesFirst() {
        let found = outliers(failures: [0, 0, 0, 0, 0, 0, 30, 60]) { $0.deviations = 0.5 }
        #expect(found == [Self.ids[7], Self.ids[6]])
    }
}
