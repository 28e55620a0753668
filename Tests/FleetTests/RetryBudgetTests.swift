internal import Fleet
internal import Testing

@Suite struct RetryBudgetTests {
    private func budget(_ change: (inout RetryBudget.Settings) -> Void = { _ in }) -> RetryBudget {
        var settings = RetryBudget.Settings()
        change(&settings)
        return RetryBudget(settings)
    }

    /// Retries that may go at a time.
    private func drain(_ budget: inout RetryBudget, at now: Duration) -> Int {
        var count = 0
        while budget.withdraw(at: now) == nil { count += 1 }
        return count
    }

    @Test func beginsWithTenSecondsWorth() {
        var budget = budget { $0.minimumRate = 3 }
        #expect(drain(&budget, at: .zero) == 30)
    }

    @Test func allowsAShareOfTheRequests() {
        var budget = budget { $0.share = 0.25 }
        _ = drain(&budget, at: .zero)
        for _ in 0..<200 { budget.deposit() }
        #expect(drain(&budget, at: .zero) == 50)
    }

    @Test func allowsAFewASecondWhateverTheTraffic() {
        var budget = budget { $0.minimumRate = 4 }
        _ = drain(&budget, at: .zero)
        #expect(drain(&budget, at: .seconds(2)) == 8)
        #expect(drain(&budget, at: .milliseconds(2_250)) == 1)
    }

    @Test func savesNoMoreThanSoMany() {
        var budget = budget { $0.maximumSaved = 20 }
        for _ in 0..<1000 { budget.deposit() }
        #expect(drain(&budget, at: .seconds(100)) == 20)
    }

    /// Who waits as long as is said gets a retry.
    @Test func saysHowLongToWait() {
        var budget = budget { $0.minimumRate = 4 }
        _ = drain(&budget, at: .zero)
        let wait = budget.withdraw(at: .zero) ?? .zero
        #expect(wait == .milliseconds(250))
        let early = budget.withdraw(at: wait - .milliseconds(10))
        #expect(early != nil)
        let late = budget.withdraw(at: wait + .milliseconds(1))
        #expect(late == nil)
    }
}
