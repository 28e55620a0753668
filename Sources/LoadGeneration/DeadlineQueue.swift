/// Elements by the time at which each is due, the earliest first: a binary heap.
public struct DeadlineQueue<Instant: Comparable, Element> {
    private var heap: [(deadline: Instant, element: Element)] = []

    public init() {}

    public var isEmpty: Bool { heap.isEmpty }
    public var count: Int { heap.count }

    public mutating func insert(_ element: Element, due deadline: Instant) {
        heap.append((deadline, element))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].deadline < heap[parent].deadline else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// Takes out an element that is due by now, the earliest.
    public mutating func popDue(at now: Instant) -> Element? {
        guard let first = heap.first, first.deadline <= now else { return nil }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if heap[child].deadline < heap[least].deadline { least = child }
            }
            guard least != parent else { return first.element }
            heap.swapAt(parent, least)
            parent = least
        }
    }

    /// Takes out everything, in no order.
    public mutating func removeAll() -> [Element] {
        defer { heap = [] }
        return heap.map(\.element)
    }
}
