internal import ArgumentParser
internal import Foundation
internal import GRPCTransport
internal import MessageCoding
internal import SwiftProtobuf
internal import Wire

struct InspectFleet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fleet",
        abstract:
            "Show the inference servers of a running Martlet: state, load, streams, ejections.",
        discussion: """
            Asks the server's port for operators, which the setting server.admin opens; the log \
            tells it when the server starts.

            A server that is "probing" gets no work until a chunk of no stream's has been run on \
            it; one that is "ejected" has answered with errors and gets nothing for a while. REASON \
            says why.
            """
    )

    @Option(help: ArgumentHelp("The port for operators.", valueName: "host:port"))
    var admin = "127.0.0.1:50052"

    @Option(help: ArgumentHelp("Show it again after so many seconds, until stopped."))
    var every: Double?

    @Flag(help: "Print JSON, one line each time.")
    var json = false

    func validate() throws {
        guard every.map({ $0 >= 0.1 && $0 <= 3600 }) ?? true else {
            throw ValidationError("--every must be from 0.1 to 3600 seconds.")
        }
    }

    func run() async throws {
        let channel = Channel(target: admin)
        defer { channel.close() }
        while true {
            let response: Martlet_V1_GetFleetResponse
            do {
                response = try Martlet_V1_GetFleetResponse(
                    parsing: try await channel.unary(
                        "/martlet.v1.Admin/GetFleet",
                        try Martlet_V1_GetFleetRequest().messageBytes(),
                        timeout: .seconds(5)
                    )
                )
            } catch let error as RPCError {
                throw CommandError(
                    """
                    \(error.code): \(error.message) (no port for operators at \(admin)? the \
                    setting server.admin opens it; name another with --admin)
                    """
                )
            }
            print(
                json
                    ? try response.jsonString()
                    : response.fleets.map { FleetTable($0).text }.joined(separator: "\n\n")
            )
            guard let every else { return }
            if !json { print() }
            // The time between two looks, as the user asked.
            try await Task.sleep(for: .seconds(every))
        }
    }
}

/// One model's inference servers as a table.
struct FleetTable {
    private let fleet: Martlet_V1_Fleet

    private static let headings = [
        "ENDPOINT", "STATE", "LOAD", "LATENCY", "STREAMS", "REQUESTS", "FAILED", "EJECTIONS",
        "REASON",
    ]

    init(_ fleet: Martlet_V1_Fleet) {
        self.fleet = fleet
    }

    var text: String {
        let rows = [Self.headings] + fleet.endpoints.map(Self.cells)
        let widths = Self.headings.indices.map { column in
            rows.map { $0[column].count }.max() ?? 0
        }
        let lines = rows.map { row in
            zip(row, widths).map { cell, width in
                cell.padding(toLength: max(width, cell.count), withPad: " ", startingAt: 0)
            }.joined(separator: "  ").trimmedEnd
        }
        return ([summary] + lines).joined(separator: "\n")
    }

    private var summary: String {
        var parts = [
            "model \(fleet.model): \(fleet.statePolicy)", "\(fleet.streams) streams",
            "\(fleet.retries) retries", "\(fleet.refusedStreams) refused",
        ]
        if fleet.hasChunkLatency {
            parts.append("\(Self.milliseconds(fleet.chunkLatency)) a chunk")
        }
        if fleet.hasBatching, fleet.batching.requests > 0 {
            let mean = Double(fleet.batching.chunks) / Double(fleet.batching.requests)
            parts.append("\(String(format: "%.1f", mean)) chunks a request")
        }
        if fleet.hasSnapshots {
            parts.append("\(fleet.snapshots.heldBytes >> 20) MiB of snapshots")
            parts.append("\(fleet.snapshots.moves) moves")
        }
        return parts.joined(separator: ", ")
    }

    private static func cells(_ endpoint: Martlet_V1_Endpoint) -> [String] {
        let state =
            switch endpoint.state {
            case .probing: "probing"
            case .admitting: "admitting"
            case .ejected: "ejected"
            case .unspecified, .UNRECOGNIZED: "?"
            }
        return [
            endpoint.address, state, "\(endpoint.outstandingChunks)",
            endpoint.hasLatency ? milliseconds(endpoint.latency) : "-", "\(endpoint.streams)",
            "\(endpoint.requests)", "\(endpoint.failures)", "\(endpoint.ejections)",
            endpoint.reason,
        ]
    }

    private static func milliseconds(_ duration: Google_Protobuf_Duration) -> String {
        String(format: "%.1f ms", Double(duration.seconds) * 1000 + Double(duration.nanos) / 1e6)
    }
}

extension String {
    fileprivate var trimmedEnd: String {
        String(self[..<(lastIndex { $0 != " " }.map { index(after: $0) } ?? startIndex)])
    }
}
