internal import GRPCTransport
internal import Wire

/// What a request says of its sequence.
struct SequenceParameters {
    let id: Int64
    let isStart: Bool
    let isEnd: Bool
}

extension InferenceRequest {
    /// - Throws: `INVALID_ARGUMENT` in Triton's words when the request names no sequence, and when
    ///   a parameter is of another type.
    func sequence() throws(RPCError) -> SequenceParameters {
        let parameters = head.parameters
        var id: Int64 = 0
        switch parameters["sequence_id"]?.parameterChoice {
        case .int64Param(let value): id = value
        case nil: break
        default: throw problem("parameter 'sequence_id' must be an int64_param")
        }
        guard id != 0 else {
            throw error(
                .invalidArgument,
                """
                inference request to model '\(head.modelName)' must specify a non-zero or \
                non-empty correlation ID
                """
            )
        }
        return SequenceParameters(
            id: id,
            isStart: try flag("sequence_start"),
            isEnd: try flag("sequence_end")
        )
    }

    private func flag(_ name: String) throws(RPCError) -> Bool {
        switch head.parameters[name]?.parameterChoice {
        case nil: return false
        case .boolParam(let value): return value
        default: throw problem("parameter '\(name)' must be a bool_param")
        }
    }

    /// In Triton's words.
    func unknownSequence(_ id: Int64) -> RPCError {
        error(
            .invalidArgument,
            """
            inference request for sequence \(id) to model '\(head.modelName)' must specify the \
            START flag on the first request of the sequence
            """
        )
    }
}
