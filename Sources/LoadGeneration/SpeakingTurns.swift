/// Who of many open streams may speak, when only some do at a time.
///
/// A slot's states:
///
///     absent   -> speaking    it arrives, and a turn is free
///     absent   -> waiting     it arrives, and none is
///     waiting  -> speaking    another leaves, and the draw falls on this one
///     waiting  -> absent      it withdraws (its stream has ended), or all are dismissed
///     speaking -> absent      it leaves
///
/// A slot may withdraw before it arrives, since its stream can end at any moment: its next arrival
/// is then turned away. So is everybody who arrives once the turns are over; who waits by then goes on
/// waiting until dismissed.
public struct SpeakingTurns: Sendable {
    /// What comes of an arrival.
    public enum Arrival: Sendable, Equatable {
        case speaks
        case waits
        case turnedAway
    }

    private let limit: Int
    private var generator: SeededGenerator
    private var speakingCount = 0
    private var isOver = false
    private var waiting: [Int] = []
    /// Where each waiting slot stands in `waiting`.
    private var places: [Int: Int] = [:]
    private var withdrawn: Set<Int> = []

    public init(limit: Int, seed: UInt64) {
        precondition(limit > 0, "somebody may speak")
        self.limit = limit
        generator = SeededGenerator(seed: seed)
    }

    /// A slot has a new stream; what an earlier one withdrew is forgotten.
    public mutating func begin(_ slot: Int) {
        withdrawn.remove(slot)
    }

    public mutating func arrive(_ slot: Int) -> Arrival {
        precondition(places[slot] == nil, "slot \(slot) waits already")
        if withdrawn.remove(slot) != nil || isOver { return .turnedAway }
        if speakingCount < limit {
            speakingCount += 1
            return .speaks
        }
        places[slot] = waiting.count
        waiting.append(slot)
        return .waits
    }

    /// One who spoke has done so. Returns the slot whose turn it is now, drawn from those who wait.
    public mutating func leave() -> Int? {
        precondition(speakingCount > 0, "only who speaks can leave")
        guard !isOver, !waiting.isEmpty else {
            speakingCount -= 1
            return nil
        }
        return remove(at: Int.random(in: waiting.indices, using: &generator))
    }

    /// The slot's stream has ended. Returns whether the slot was waiting.
    public mutating func withdraw(_ slot: Int) -> Bool {
        guard let place = places[slot] else {
            withdrawn.insert(slot)
            return false
        }
        _ = remove(at: place)
        return true
    }

    /// Nobody speaks from here on who does not yet.
    public mutating func end() {
        isOver = true
    }

    /// Ends the turns. Returns the slots that waited.
    public mutating func dismiss() -> [Int] {
        end()
        defer {
            waiting = []
            places = [:]
        }
        return waiting
    }

    public var waitingCount: Int { waiting.count }

    private mutating func remove(at place: Int) -> Int {
        let slot = waiting[place]
        waiting.swapAt(place, waiting.count - 1)
        waiting.removeLast()
        if place < waiting.count { places[waiting[place]] = place }
        places[slot] = nil
        return slot
    }
}
