internal import TestSupport

extension TinyBundle {
    /// Says less: four frames of five are blank, so that there are pauses between its words.
    static var reticent: TinyBundle { TinyBundle(blankBias: 0.45) }

    /// Says nothing, whatever it hears.
    static var mute: TinyBundle { TinyBundle(blankBias: 100) }

    private init(blankBias: Float) {
        self.init()
        weights = Self.safetensors(
            Self.shapes.map { name, shape in
                let count = shape.reduce(1, *)
                var values = (0..<count).map { Float($0 % 7) / 8 - 0.375 }
                if name == "joiner.output.bias" { values[0] = blankBias }
                return (name, "F32", shape, Self.floats(values))
            }
        )
    }
}
