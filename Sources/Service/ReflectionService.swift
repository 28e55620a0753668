internal import GRPCTransport
internal import MessageCoding
internal import Recognition
internal import SwiftProtobuf
package import Wire

/// `grpc.reflection.v1.ServerReflection` and its older twin `v1alpha`, so that tools can list,
/// describe and call everything without the `.proto` files.
///
/// The two differ in nothing but the package's name, so that v1alpha is served by reading its
/// messages as those of v1.
/// Protocol: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
package struct ReflectionService: Sendable {
    private let index: DescriptorIndex

    package init(_ index: DescriptorIndex) {
        self.index = index
    }

    func handlers<C: Clock>(
        limits: StreamLimits,
        clock: C
    ) -> [String: Server.Handler] where C.Duration == Duration {
        let serve: Server.Handler = { call in
            let timer = StreamTimer(limits: limits, clock: clock)
            do {
                try await timer.guarding(call) {
                    while let message = try await timer.next(of: call) {
                        let request: Grpc_Reflection_V1_ServerReflectionRequest = try parse(message)
                        try await call.send(try answer(request).messageBytes())
                    }
                }
            } catch let error as RecognitionError {
                throw error.status
            }
        }
        return [
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": serve,
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": serve,
        ]
    }

    package func answer(
        _ request: Grpc_Reflection_V1_ServerReflectionRequest
    ) -> Grpc_Reflection_V1_ServerReflectionResponse {
        .with {
            $0.validHost = request.host
            $0.originalRequest = request
            $0.messageResponse = response(to: request)
        }
    }

    private func response(
        to request: Grpc_Reflection_V1_ServerReflectionRequest
    ) -> Grpc_Reflection_V1_ServerReflectionResponse.OneOf_MessageResponse {
        switch request.messageRequest {
        case .listServices:
            return .listServicesResponse(
                .with {
                    $0.service = index.services.map { name in .with { $0.name = name } }
                }
            )
        case .fileByFilename(let name):
            guard let files = index.closure(ofFile: name) else {
                return error(.notFound, "no file \"\(name)\"")
            }
            return .fileDescriptorResponse(.with { $0.fileDescriptorProto = files })
        case .fileContainingSymbol(let symbol):
            guard let files = index.closure(ofSymbol: symbol) else {
                return error(.notFound, "no symbol \"\(symbol)\"")
            }
            return .fileDescriptorResponse(.with { $0.fileDescriptorProto = files })
        case .fileContainingExtension(let wanted):
            return error(
                .notFound,
                "no extension \(wanted.extensionNumber) of \"\(wanted.containingType)\""
            )
        case .allExtensionNumbersOfType(let type):
            guard index.closure(ofSymbol: type) != nil else {
                return error(.notFound, "no type \"\(type)\"")
            }
            return .allExtensionNumbersResponse(.with { $0.baseTypeName = type })
        case nil:
            return error(.invalidArgument, "the request asks nothing")
        }
    }

    private func error(
        _ code: RPCError.Code,
        _ message: String
    ) -> Grpc_Reflection_V1_ServerReflectionResponse.OneOf_MessageResponse {
        .errorResponse(
            .with {
                $0.errorCode = Int32(code.rawValue)
                $0.errorMessage = message
            }
        )
    }
}
