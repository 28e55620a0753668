internal import Foundation

/// The processes that run on this machine, as /proc tells.
enum ProcessTable {
    struct Entry: Sendable {
        var identifier: Int32
        var parent: Int32
        /// The first 15 characters of the program's name.
        var name: String
        /// Whether it has ended and its parent has not asked how.
        var isZombie: Bool
    }

    static func entries() -> [Entry] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { name in
            guard
                let identifier = Int32(name),
                let data = FileManager.default.contents(atPath: "/proc/\(name)/stat")
            else { return nil }
            // identifier (name) state parent ...; the name may hold anything.
            let line = String(decoding: data, as: UTF8.self)
            guard let open = line.firstIndex(of: "("), let close = line.lastIndex(of: ")")
            else { return nil }
            let fields = line[line.index(after: close)...].split(separator: " ")
            guard fields.count > 1, let parent = Int32(fields[1]) else { return nil }
            return Entry(
                identifier: identifier,
                parent: parent,
                name: String(line[line.index(after: open)..<close]),
                isZombie: fields[0] == "Z"
            )
        }
    }

    /// The processes below one, at any depth.
    static func descendants(of ancestor: Int32) -> [Entry] {
        let children = Dictionary(grouping: entries(), by: \.parent)
        var found: [Entry] = []
        var pending = [ancestor]
        while let parent = pending.popLast() {
            for child in children[parent] ?? [] {
                found.append(child)
                pending.append(child.identifier)
            }
        }
        return found
    }
}
