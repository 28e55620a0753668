internal import ArgumentParser
internal import ModelBundle

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look into a model bundle, or at the inference servers of a running Martlet.",
        subcommands: [InspectBundle.self, InspectFleet.self],
        defaultSubcommand: InspectBundle.self
    )
}

struct InspectBundle: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bundle",
        abstract: "Check a model bundle and describe it.",
        discussion: """
            Loads the whole bundle as the server would, so a bundle that passes here will be \
            served. Exits with 1 and one line naming the file and the field if it is broken.
            """
    )

    @Argument(help: "The bundle's directory, the one that holds model.yaml.")
    var bundle: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let summary = try ModelBundle.load(directory: bundle).summary
        print(json ? try summary.json() : summary.text)
    }
}
