internal import Foundation
internal import SwiftProtobuf
internal import Wire

/// The descriptors of what the server offers, by file and by symbol.
package struct DescriptorIndex: Sendable {
    private struct File {
        var serialized: Data
        var dependencies: [String]
    }

    private var files: [String: File] = [:]
    private var fileBySymbol: [String: String] = [:]
    /// Full names of the services, sorted.
    private(set) var services: [String] = []

    /// The descriptors of everything that is served to clients.
    package static func served() throws -> DescriptorIndex {
        try DescriptorIndex(
            descriptorSetBase64: servedDescriptorSetBase64,
            without: ["martlet/v1/admin.proto"]
        )
    }

    /// The descriptors of everything that is served to operators.
    static func servedToOperators() throws -> DescriptorIndex {
        try DescriptorIndex(
            descriptorSetBase64: servedDescriptorSetBase64,
            without: ["martlet/v1/recognizer.proto"]
        )
    }

    /// - Parameters:
    ///   - descriptorSetBase64: A serialised `FileDescriptorSet`, in base64.
    ///   - excluded: names of files in it that are not served.
    /// - Throws: when the set cannot be read, which only a broken build can bring about.
    package init(descriptorSetBase64: String, without excluded: Set<String> = []) throws {
        guard let data = Data(base64Encoded: descriptorSetBase64) else {
            throw CocoaError(.coderReadCorrupt)
        }
        let set = try Google_Protobuf_FileDescriptorSet(serializedBytes: data)
        for file in set.file where !excluded.contains(file.name) {
            files[file.name] = File(
                serialized: try file.serializedData(),
                dependencies: file.dependency
            )
            let scope = file.package
            for service in file.service {
                let name = Self.join(scope, service.name)
                services.append(name)
                fileBySymbol[name] = file.name
                for method in service.method {
                    fileBySymbol[Self.join(name, method.name)] = file.name
                }
            }
            for message in file.messageType { index(message, in: scope, of: file.name) }
            for enumeration in file.enumType { index(enumeration, in: scope, of: file.name) }
        }
        services.sort()
    }

    /// Serialised descriptors of the file and all that it imports, the file itself first; nil if it
    /// is not known.
    func closure(ofFile name: String) -> [Data]? {
        guard files[name] != nil else { return nil }
        var seen: Set<String> = [name]
        var queue = [name]
        var result: [Data] = []
        while !queue.isEmpty {
            guard let file = files[queue.removeFirst()] else { continue }
            result.append(file.serialized)
            for dependency in file.dependencies where seen.insert(dependency).inserted {
                queue.append(dependency)
            }
        }
        return result
    }

    /// The same for the file that defines a service, method, message, field or enumeration.
    func closure(ofSymbol symbol: String) -> [Data]? {
        fileBySymbol[symbol].flatMap(closure(ofFile:))
    }

    private mutating func index(
        _ message: Google_Protobuf_DescriptorProto,
        in scope: String,
        of file: String
    ) {
        let name = Self.join(scope, message.name)
        fileBySymbol[name] = file
        for field in message.field { fileBySymbol[Self.join(name, field.name)] = file }
        for oneof in message.oneofDecl { fileBySymbol[Self.join(name, oneof.name)] = file }
        for nested in message.nestedType { index(nested, in: name, of: file) }
        for enumeration in message.enumType { index(enumeration, in: name, of: file) }
    }

    private mutating func index(
        _ enumeration: Google_Protobuf_EnumDescriptorProto,
        in scope: String,
        of file: String
    ) {
        fileBySymbol[Self.join(scope, enumeration.name)] = file
        // As in C++, an enumeration's values belong to the scope around it.
        for value in enumeration.value { fileBySymbol[Self.join(scope, value.name)] = file }
    }

    private static func join(_ scope: String, _ name: String) -> String {
        scope.isEmpty ? name : "\(scope).\(name)"
    }
}
