"""A streaming encoder's ONNX graph: what goes in and out of it, and the form Triton serves.

Triton batches along axis 0, while such encoders keep the batch of some state tensors elsewhere, and
have dozens of them. `packed` therefore puts a small preamble and postamble into the graph: all
states of a datatype travel as one tensor [batch, values].
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from transducer.errors import ExportError

TRITON_DATATYPES = {TensorProto.FLOAT: "FP32", TensorProto.INT64: "INT64"}
NUMPY_DATATYPES = {"FP32": np.float32, "INT64": np.int64}

# In a state's output name, the name of its input follows this.
STATE_OUTPUT_PREFIXES = ("new_", "next_")


@dataclass(frozen=True)
class State:
    """One state tensor of the original graph, of `shape` without the batch."""

    input: str
    output: str
    datatype: str
    shape: tuple[int, ...]
    batch_axis: int

    @property
    def size(self) -> int:
        """Values a stream."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class PackedState:
    """The states of one datatype, side by side in a tensor [batch, size]."""

    input: str
    output: str
    datatype: str
    states: tuple[State, ...]

    @property
    def size(self) -> int:
        """Values a stream."""
        return sum(state.size for state in self.states)


@dataclass(frozen=True)
class Encoder:
    """What a streaming encoder takes and gives."""

    path: Path
    model: onnx.ModelProto
    features: str
    chunk_frames: int
    mel_bins: int
    chunk_shift_frames: int
    output: str
    output_frames: int
    output_dim: int
    states: tuple[State, ...]
    packed_states: tuple[PackedState, ...]
    has_dynamic_batch: bool

    @property
    def state_bytes(self) -> int:
        """Bytes of state a stream."""
        return sum(
            packed.size * np.dtype(NUMPY_DATATYPES[packed.datatype]).itemsize
            for packed in self.packed_states
        )


def load(path: Path) -> onnx.ModelProto:
    """Read an ONNX file."""
    try:
        return onnx.load(str(path))
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ExportError(f"{path}: not a readable ONNX model ({reason})") from error


def metadata(model: onnx.ModelProto) -> dict[str, str]:
    """Return the model's own key-value pairs."""
    return {entry.key: entry.value for entry in model.metadata_props}


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """Open a model as it will be served: one thread, so that results do not depend on timing."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # What cannot be run comes as an exception; a log of it beside that would say it twice.
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def describe(path: Path) -> Encoder:
    """Find the encoder's features, output, states and chunking in its graph and metadata."""
    model = load(path)
    facts = metadata(model)
    if facts.get("feature") == "whisper":
        raise ExportError(f"{path}: takes Whisper's features; Martlet computes Kaldi's filterbank")

    inputs = _graph_inputs(model.graph)
    outputs = list(model.graph.output)
    if len(inputs) < 2 or len(inputs) != len(outputs):
        raise ExportError(
            f"{path}: not a streaming encoder: {len(inputs)} inputs, {len(outputs)} outputs; "
            "a chunk of features and its states go in, as many tensors come out"
        )
    features, *state_inputs = inputs
    output, *state_outputs = outputs
    dimensions = _dimensions(features)
    if len(dimensions) != 3 or _datatype(path, features) != "FP32" or dimensions[2] is None:
        raise ExportError(f"{path}: input {features.name} is not FP32 [batch, frames, bins]")
    batch, frames, bins = dimensions
    if isinstance(batch, int) and batch != 1:
        raise ExportError(f"{path}: a fixed batch of {batch}: export it with a dynamic one")
    states = tuple(
        _state(path, state_input, state_output, batch)
        for state_input, state_output in _pairs(path, state_inputs, state_outputs)
    )
    taken = {value.name for value in model.graph.input} | _tensor_names(model.graph)
    chunk_frames = _chunk_frames(path, frames, facts)
    shift = _positive(path, facts, "decode_chunk_len")
    if shift > chunk_frames:
        raise ExportError(f"{path}: shift {shift} is greater than the chunk of {chunk_frames}")

    description = Encoder(
        path=path,
        model=model,
        features=features.name,
        chunk_frames=chunk_frames,
        mel_bins=int(bins),
        chunk_shift_frames=shift,
        output=output.name,
        output_frames=0,
        output_dim=0,
        states=states,
        packed_states=_packed_states(states, taken),
        has_dynamic_batch=not isinstance(batch, int),
    )
    # The output's frames are seldom in the graph as a number: they are found by running it.
    try:
        shape = zero_run(description)[0].shape
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise ExportError(f"{path}: ONNX Runtime cannot run it: {reason}") from error
    if len(shape) != 3 or shape[0] != 1 or shape[1] == 0:
        raise ExportError(f"{path}: {output.name} came out as {list(shape)}, not [1, frames, dim]")
    return replace(description, output_frames=int(shape[1]), output_dim=int(shape[2]))


def zero_run(encoder: Encoder) -> list[np.ndarray]:
    """Run the original graph once, at batch 1, with everything zero."""
    return session(encoder.model).run(
        None,
        {encoder.features: np.zeros((1, encoder.chunk_frames, encoder.mel_bins), np.float32)}
        | {
            state.input: np.zeros(
                original_shape(state, 1),
                NUMPY_DATATYPES[state.datatype],
            )
            for state in encoder.states
        },
    )


def original_shape(state: State, batch: int) -> tuple[int, ...]:
    """Return the shape of a state in the original graph."""
    return (*state.shape[: state.batch_axis], batch, *state.shape[state.batch_axis :])


def packed(encoder: Encoder) -> onnx.ModelProto:
    """Return the graph with its states packed, and the batch as axis 0 of everything."""
    model = onnx.ModelProto()
    model.CopyFrom(encoder.model)
    graph = model.graph
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    batch: str | int = "N" if encoder.has_dynamic_batch else 1
    before: list[onnx.NodeProto] = []
    after: list[onnx.NodeProto] = []
    for group in encoder.packed_states:
        unpacking, packing, constants = _packing(group, opset)
        before += unpacking
        after += packing
        graph.initializer.extend(constants)
    nodes = [*before, *graph.node, *after]
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)

    # Shapes that were inferred for the former boundary say nothing wrong, but nothing needed.
    del graph.value_info[:]
    frames = [batch, encoder.chunk_frames, encoder.mel_bins]
    answer = [batch, encoder.output_frames, encoder.output_dim]
    graph.input.append(_value(encoder.features, "FP32", frames))
    graph.output.append(_value(encoder.output, "FP32", answer))
    for group in encoder.packed_states:
        graph.input.append(_value(group.input, group.datatype, [batch, group.size]))
        graph.output.append(_value(group.output, group.datatype, [batch, group.size]))
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise ExportError(f"{encoder.path}: {str(error).splitlines()[0]}") from error
    return model


def _packing(
    group: PackedState, opset: int
) -> tuple[list[onnx.NodeProto], list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Return the nodes that take a packed state apart, those that put it together, constants."""
    unpacking: list[onnx.NodeProto] = []
    packing: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []

    def constant(name: str, values: Iterable[int]) -> str:
        constants.append(numpy_helper.from_array(np.array(list(values), np.int64), name))
        return name

    rows = [f"{state.input}/row" for state in group.states]
    new_rows = [f"{state.output}/row" for state in group.states]
    flat = constant(f"{group.input}/flat", [0, -1])
    sizes = [state.size for state in group.states]
    if opset >= 13:
        split_inputs = [group.input, constant(f"{group.input}/sizes", sizes)]
        unpacking.append(helper.make_node("Split", split_inputs, rows, axis=1))
    else:
        unpacking.append(helper.make_node("Split", [group.input], rows, axis=1, split=sizes))
    for state, row, new_row in zip(group.states, rows, new_rows, strict=True):
        # Rows are batch-first; the graph wants the batch at its own axis.
        rank, axis = len(state.shape) + 1, state.batch_axis
        to_graph = [*range(1, axis + 1), 0, *range(axis + 1, rank)]
        to_rows = [axis, *(i for i in range(rank) if i != axis)]
        shape = constant(f"{state.input}/shape", [0, *state.shape])
        first, new_first = f"{state.input}/batch_first", f"{state.output}/batch_first"
        unpacking += [
            helper.make_node("Reshape", [row, shape], [first]),
            helper.make_node("Transpose", [first], [state.input], perm=to_graph),
        ]
        packing += [
            helper.make_node("Transpose", [state.output], [new_first], perm=to_rows),
            helper.make_node("Reshape", [new_first, flat], [new_row]),
        ]
    packing.append(helper.make_node("Concat", new_rows, [group.output], axis=1))
    return unpacking, packing, constants


def _value(name: str, datatype: str, shape: list[str | int]) -> onnx.ValueInfoProto:
    element = next(key for key, value in TRITON_DATATYPES.items() if value == datatype)
    return helper.make_tensor_value_info(name, element, shape)


def _graph_inputs(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """Return the inputs that are not weights (old exporters list those among the inputs)."""
    weights = {initializer.name for initializer in graph.initializer}
    return [value for value in graph.input if value.name not in weights]


def _tensor_names(graph: onnx.GraphProto) -> set[str]:
    return {name for node in graph.node for name in (*node.input, *node.output)}


def _dimensions(value: onnx.ValueInfoProto) -> list[int | str | None]:
    """Return numbers, names of symbols, and None for what is unknown."""
    return [
        dimension.dim_value or dimension.dim_param or None
        for dimension in value.type.tensor_type.shape.dim
    ]


def _datatype(path: Path, value: onnx.ValueInfoProto) -> str:
    element = value.type.tensor_type.elem_type
    if element not in TRITON_DATATYPES:
        name = TensorProto.DataType.Name(element)
        raise ExportError(f"{path}: tensor {value.name} is {name}; known: FLOAT and INT64")
    return TRITON_DATATYPES[element]


def _positive(path: Path, facts: dict[str, str], key: str) -> int:
    value = facts.get(key, "")
    if not value.isdecimal() or int(value) == 0:
        has = f"it is {value!r}" if key in facts else "it has none"
        raise ExportError(f"{path}: a streaming encoder's metadata names its {key}; {has}")
    return int(value)


def _chunk_frames(path: Path, frames: int | str | None, facts: dict[str, str]) -> int:
    if not isinstance(frames, int):
        return _positive(path, facts, "T")
    if "T" in facts and facts["T"] != str(frames):
        raise ExportError(f"{path}: takes {frames} frames, but its metadata says T = {facts['T']}")
    return frames


def _pairs(
    path: Path, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]
) -> list[tuple[onnx.ValueInfoProto, onnx.ValueInfoProto]]:
    """Pair each state's input with its output: by name where the names say so, else by order."""
    by_name = {value.name: value for value in outputs}
    named = [
        next(
            (by_name[p + value.name] for p in STATE_OUTPUT_PREFIXES if p + value.name in by_name),
            None,
        )
        for value in inputs
    ]
    if all(named):
        return list(zip(inputs, named, strict=True))
    if any(named):
        lone = next(value.name for value, output in zip(inputs, named, strict=True) if not output)
        raise ExportError(f"{path}: state {lone} has no output new_{lone}")
    return list(zip(inputs, outputs, strict=True))


def _state(
    path: Path, value: onnx.ValueInfoProto, output: onnx.ValueInfoProto, batch: int | str | None
) -> State:
    dimensions = _dimensions(value)
    if batch not in dimensions:
        raise ExportError(f"{path}: state {value.name} {dimensions} has no batch axis {batch}")
    # With a fixed batch of 1, any axis of 1 will do: moving it moves no value.
    axis = dimensions.index(batch)
    shape = [dimension for i, dimension in enumerate(dimensions) if i != axis]
    if not all(isinstance(dimension, int) for dimension in shape):
        raise ExportError(f"{path}: state {value.name} {dimensions} has no fixed size")
    datatype = _datatype(path, value)
    if datatype != _datatype(path, output) or len(_dimensions(output)) != len(dimensions):
        raise ExportError(f"{path}: state {value.name} and output {output.name} differ in kind")
    return State(value.name, output.name, datatype, tuple(int(d) for d in shape), axis)


def _packed_states(states: tuple[State, ...], taken: set[str]) -> tuple[PackedState, ...]:
    """Group the states by datatype, in the graph's order; FP32 first."""
    groups = []
    for datatype, name in (("FP32", "state"), ("INT64", "state_int64")):
        members = tuple(state for state in states if state.datatype == datatype)
        while name in taken or f"new_{name}" in taken:
            name = f"packed_{name}"
        if members:
            groups.append(PackedState(name, f"new_{name}", datatype, members))
    return tuple(groups)
