/// Names an endpoint for as long as the process lives: an address that goes and comes back is
/// another endpoint.
package struct EndpointID: Hashable, Sendable, CustomStringConvertible {
    package let number: Int

    package var description: String { "endpoint \(number)" }
}

/// The right to send one request to one endpoint, to be given back once with what became of it.
package struct Lease: Hashable, Sendable {
    package let endpoint: EndpointID
    package let number: UInt64
    /// Chunks in the request.
    package let rows: Int
    /// Which of the endpoint's admissions it was given in: what comes of a request that was sent
    /// before the last one says nothing about the endpoint as it is now.
    let admission: Int
}
