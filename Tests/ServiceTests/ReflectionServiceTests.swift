internal import Service
internal import SwiftProtobuf
internal import Testing
internal import Wire

@Suite struct ReflectionServiceTests {
    private let reflection: ReflectionService

    init() throws {
        reflection = ReflectionService(try DescriptorIndex.served())
    }

    private func answer(
        _ request: Grpc_Reflection_V1_ServerReflectionRequest.OneOf_MessageRequest?
    ) -> Grpc_Reflection_V1_ServerReflectionResponse.OneOf_MessageResponse? {
        reflection.answer(
            .with {
                $0.host = "here"
                $0.messageRequest = request
            }
        ).messageResponse
    }

    @Test func listsTheServicesOffered() throws {
        guard case .listServicesResponse(let list) = answer(.listServices("")) else {
            Issue.record("no list")
            return
        }
        #expect(
            list.service.map(\.name) == [
                "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                "grpc.reflection.v1alpha.ServerReflection", "martlet.v1.Recognizer",
            ]
        )
    }

    /// A client can link the files only if every import comes along.
    @Test(arguments: [
        "martlet.v1.Recognizer", "martlet.v1.Recognizer.Recognize", "martlet.v1.WordInfo.end_time",
        "martlet.v1.RecognitionConfig.AudioEncoding", "martlet.v1.RecognitionConfig.LINEAR16",
        "grpc.health.v1.HealthCheckResponse", "google.rpc.Status", "google.rpc.BadRequest",
    ])
    func describesASymbolWithAllItsImports(_ symbol: String) throws {
        guard case .fileDescriptorResponse(let files) = answer(.fileContainingSymbol(symbol)) else {
            Issue.record("no files")
            return
        }
        let descriptors = try files.fileDescriptorProto.map {
            try Google_Protobuf_FileDescriptorProto(serializedBytes: $0)
        }
        let names = Set(descriptors.map(\.name))
        for descriptor in descriptors { #expect(names.isSuperset(of: descriptor.dependency)) }
        #expect(symbol.hasPrefix(try #require(descriptors.first).package))
    }

    @Test(arguments: [
        Grpc_Reflection_V1_ServerReflectionRequest.OneOf_MessageRequest.fileContainingSymbol("no"),
        .fileByFilename("no.proto"),
        .fileContainingExtension(.init()),
        .allExtensionNumbersOfType("no"),
    ])
    func saysWhatItDoesNotKnow(
        _ request: Grpc_Reflection_V1_ServerReflectionRequest.OneOf_MessageRequest
    ) {
        guard case .errorResponse(let error) = answer(request) else {
            Issue.record("no error")
            return
        }
        #expect(error.errorCode == 5)
    }

    @Test func refusesAnEmptyQuestion() {
        guard case .errorResponse(let error) = answer(nil) else {
            Issue.record("no error")
            return
        }
        #expect(error.errorCode == 3)
    }
}
