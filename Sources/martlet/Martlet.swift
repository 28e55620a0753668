internal import ArgumentParser
internal import Foundation

@main
enum Program {
    static func main() async {
        // gRPC writes to standard error what its errors tell as well. Whoever wants to see it sets
        // the variable, which is gRPC's own.
        setenv("GRPC_VERBOSITY", "NONE", 0)
        await Martlet.main()
    }
}

struct Martlet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet",
        abstract: "Speech recognition over gRPC, in front of Triton Inference Servers.",
        version: "0.1.0",
        subcommands: [
            Serve.self, Transcribe.self, Bench.self, Inspect.self, StubEncoderCommand.self,
        ]
    )
}

/// An error whose text is all there is to say.
struct CommandError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}
