/// Why weights cannot be made into a kernel. Thrown when a model is loaded, never while it runs.
public enum KernelError: Error, Equatable, Sendable {
    /// A tensor has another number of elements than its layer needs.
    case elementCount(tensor: String, expected: Int, found: Int)
    /// A tensor's dimensions fit no layer: `problem` says which and what would.
    case shape(tensor: String, problem: String)
    /// A weight is NaN or infinite.
    case notFinite(tensor: String, index: Int)
}

extension KernelError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .elementCount(let tensor, let expected, let found):
            "\(tensor): \(found) elements where the layer needs \(expected); "
                + "export the tensor again or correct the dimensions given for it"
        case .shape(let tensor, let problem):
            "\(tensor): \(problem)"
        case .notFinite(let tensor, let index):
            "\(tensor): element \(index) is not a finite number; export the tensor again"
        }
    }
}

extension KernelError {
    /// Checks one tensor as it came from a file.
    static func check(
        _ values: [Float],
        tensor: String,
        expected: Int
    ) throws(KernelError) {
        guard values.count == expected else {
            throw .elementCount(tensor: tensor, expected: expected, found: values.count)
        }
        if let index = values.firstIndex(where: { !$0.isFinite }) {
            throw .notFinite(tensor: tensor, index: index)
        }
    }
}
