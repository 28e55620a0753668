// swift-tools-version: 6.2
import Foundation
import PackageDescription

// One list of settings for every Swift target, so that no module is checked less than another.
let swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let argumentParser = Target.Dependency.product(
    name: "ArgumentParser",
    package: "swift-argument-parser"
)
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let swiftProtobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

func tests(
    _ name: String,
    _ dependencies: [Target.Dependency] = [],
    resources: [Resource] = []
) -> Target {
    .testTarget(
        name: name,
        dependencies: dependencies,
        resources: resources,
        swiftSettings: swiftSettings
    )
}

let targets: [Target] = [
    .target(
        name: "CGRPCShim",
        path: "CGRPCShim",
        publicHeadersPath: "include",
        cxxSettings: [.treatAllWarnings(as: .error)],
        // pkg-config's list for grpc++ is too long for the linker's command line; these suffice.
        linkerSettings: [
            .linkedLibrary("grpc++"), .linkedLibrary("grpc"), .linkedLibrary("gpr"),
            .linkedLibrary("protobuf"), .linkedLibrary("absl_synchronization"),
            .linkedLibrary("crypto"),
        ]
    ),
    .systemLibrary(name: "CCrypto", providers: [.apt(["libssl-dev"])]),
    .target(name: "CKissFFT", cxxSettings: [.treatAllWarnings(as: .error)]),
    .systemLibrary(name: "COpenBLAS", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CSoxr", providers: [.apt(["libsoxr-dev"])]),

    module("GRPCTransport", ["CGRPCShim"]),
    module("Wire", [swiftProtobuf]),
    module("MessageCoding", ["GRPCTransport", swiftProtobuf]),
    module("StrictYAML", [yams]),
    module("AudioFrontend", ["CKissFFT", "CSoxr"]),
    module("Kernels", ["COpenBLAS"]),
    module("LanguageModels"),
    module("Decoding", ["Kernels", "LanguageModels"]),
    module(
        "ModelBundle",
        ["AudioFrontend", "CCrypto", "Kernels", "Decoding", "StrictYAML", "Wire", swiftProtobuf]
    ),
    module(
        "Fleet",
        ["GRPCTransport", "MessageCoding", "ModelBundle", "Wire", swiftProtobuf, logging]
    ),
    module(
        "Recognition",
        ["AudioFrontend", "Decoding", "Fleet", "Kernels", "ModelBundle", logging]
    ),
    module(
        "Service",
        [
            "AudioFrontend", "Decoding", "Fleet", "GRPCTransport", "MessageCoding", "ModelBundle",
            "Recognition", "Wire", swiftProtobuf, logging,
        ]
    ),
    module(
        "StubEncoder",
        ["AudioFrontend", "GRPCTransport", "MessageCoding", "ModelBundle", "Wire", swiftProtobuf]
    ),
    module("Operations", ["StrictYAML", logging]),
    module("LoadGeneration"),
    .executableTarget(
        name: "martlet",
        dependencies: [
            "AudioFrontend", "Decoding", "Fleet", "GRPCTransport", "LanguageModels",
            "LoadGeneration", "MessageCoding", "ModelBundle", "Operations", "Recognition",
            "Service", "StrictYAML", "StubEncoder", "Wire", argumentParser, logging,
            swiftProtobuf,
        ],
        swiftSettings: swiftSettings
    ),

    .executableTarget(
        name: "grpc-echo",
        path: "Benchmarks/Echo",
        cxxSettings: [.treatAllWarnings(as: .error)],
        linkerSettings: [
            .linkedLibrary("grpc++"), .linkedLibrary("grpc"), .linkedLibrary("gpr"),
            .linkedLibrary("absl_synchronization"),
        ]
    ),
    .target(
        name: "CAllocationCount",
        path: "Benchmarks/CAllocationCount",
        cSettings: [.treatAllWarnings(as: .error)]
    ),
    .executableTarget(
        name: "decoding-bench",
        dependencies: [
            "CAllocationCount", "Decoding", "Kernels", "LanguageModels", "ModelBundle",
            "TestSupport", argumentParser,
        ],
        path: "Benchmarks/Decoding",
        swiftSettings: swiftSettings
    ),

    tests("GRPCTransportTests", ["GRPCTransport"]),
    tests("StrictYAMLTests", ["StrictYAML"]),
    tests("AudioFrontendTests", ["AudioFrontend"], resources: [.copy("Resources")]),
    tests("KernelsTests", ["Kernels", "TestSupport"], resources: [.copy("Resources")]),
    tests(
        "LanguageModelsTests",
        ["LanguageModels", "TestSupport"],
        resources: [.copy("Resources")]
    ),
    tests(
        "DecodingTests",
        ["Decoding", "Kernels", "LanguageModels", "TestSupport"],
        resources: [.copy("Resources")]
    ),
    tests(
        "DecodingAllocationTests",
        ["CAllocationCount", "Decoding", "Kernels", "LanguageModels", "TestSupport"]
    ),
    tests(
        "ModelBundleTests",
        ["ModelBundle", "AudioFrontend", "Decoding", "Kernels", "TestSupport"],
        resources: [.copy("Resources")]
    ),
    .target(
        name: "TestSupport",
        dependencies: ["Kernels"],
        path: "Tests/TestSupport",
        swiftSettings: swiftSettings
    ),
    .target(
        name: "TestBackend",
        dependencies: [
            "AudioFrontend", "Decoding", "GRPCTransport", "Kernels", "MessageCoding",
            "ModelBundle", "TestSupport", "Wire", swiftProtobuf, logging,
        ],
        path: "Tests/TestBackend",
        swiftSettings: swiftSettings
    ),
    tests("MessageCodingTests", ["GRPCTransport", "MessageCoding", "TestSupport", "Wire"]),
    tests(
        "FleetTests",
        [
            "Fleet", "GRPCTransport", "MessageCoding", "ModelBundle", "TestBackend", "TestSupport",
            "Wire", swiftProtobuf,
        ]
    ),
    tests(
        "RecognitionTests",
        [
            "Decoding", "Fleet", "GRPCTransport", "Kernels", "ModelBundle", "Recognition",
            "TestBackend", "TestSupport", "Wire",
        ]
    ),
    tests(
        "ServiceTests",
        [
            "Decoding", "Fleet", "GRPCTransport", "MessageCoding", "ModelBundle", "Recognition",
            "Service", "TestBackend", "TestSupport", "Wire", swiftProtobuf,
        ]
    ),
    tests("OperationsTests", ["Operations", logging]),
    tests(
        "StubEncoderTests",
        [
            "AudioFrontend", "GRPCTransport", "MessageCoding", "ModelBundle", "StubEncoder",
            "TestBackend", "TestSupport", "Wire", swiftProtobuf,
        ]
    ),
    tests("LoadGenerationTests", ["LoadGeneration", "TestSupport"]),
    .testTarget(
        name: "EndToEndTests",
        dependencies: [
            "GRPCTransport", "MessageCoding", "TestSupport", "Wire", "martlet", swiftProtobuf,
        ],
        resources: [.copy("Resources")],
        swiftSettings: swiftSettings
    ),
]

// `MARTLET_ONLY=GRPCTransportTests,CGRPCShim` builds those targets and what they stand on, without
// the rest: a sanitizer's build of the transport need not rebuild every package.
var wanted = Set(targets.map(\.name))
if let only = ProcessInfo.processInfo.environment["MARTLET_ONLY"], !only.isEmpty {
    wanted = []
    var pending = only.split(separator: ",").map(String.init)
    while let name = pending.popLast() {
        guard wanted.insert(name).inserted, let target = targets.first(where: { $0.name == name })
        else { continue }
        for case .byNameItem(let dependency, _) in target.dependencies {
            pending.append(dependency)
        }
    }
}
let chosen = targets.filter { wanted.contains($0.name) }
let packages: [(name: String, dependency: Package.Dependency)] = [
    (
        "swift-argument-parser",
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
    ),
    ("swift-log", .package(url: "https://github.com/apple/swift-log", from: "1.16.2")),
    ("swift-protobuf", .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0")),
    ("Yams", .package(url: "https://github.com/jpsim/Yams", from: "6.2.2")),
]
let needed = Set(
    chosen.flatMap(\.dependencies).compactMap { dependency -> String? in
        guard case .productItem(_, let package, _, _) = dependency else { return nil }
        return package
    }
)

let package = Package(
    name: "martlet",
    products: chosen.contains { $0.name == "martlet" }
        ? [.executable(name: "martlet", targets: ["martlet"])] : [],
    dependencies: packages.filter { needed.contains($0.name) }.map(\.dependency),
    targets: chosen,
    cxxLanguageStandard: .cxx17
)
