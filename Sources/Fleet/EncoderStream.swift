/// One stream's way through the encoder: chunk after chunk, in order. Where its state is between two
/// chunks, and on which servers they run, is the stream's own affair.
///
/// Belongs to one task at a time.
public protocol EncoderStream: AnyObject {
    /// Runs the stream's next chunk.
    ///
    /// - Parameter features: `[1, chunk frames, bins]`, row-major.
    /// - Returns: The encoder's frames, `[1, encoder frames, dimension]`, row-major.
    /// - Throws: ``FleetError``. The stream is then where it was, and the chunk can be run again.
    func encode(_ features: [Float]) async throws(FleetError) -> EncoderOutput

    /// Gives up what the stream holds anywhere. To be called once nothing more will be encoded; again
    /// does no harm. Does not wait.
    func end()
}
