"""The Triton model repository: the encoder as Triton's Python backend serves it."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from transducer.encoder import Encoder

MAX_BATCH_SIZE = 64

# Streams whose states a resident model keeps: as many as this, and no more bytes than that.
MAX_SEQUENCES = 4096
MAX_SEQUENCE_BYTES = 4 << 30

# A stream that pauses for longer is restored from its proxy's snapshot when it goes on; and for so
# long a proxy that died keeps its streams' places taken.
MAX_SEQUENCE_IDLE_SECONDS = 60

# Triton makes this tensor; an encoder's own are never called so.
END_INPUT = "martlet/sequence_end"


@dataclass(frozen=True)
class Graph:
    """The packed encoder as it is served."""

    encoder: Encoder
    serialized: bytes
    row_by_row: bool

    @property
    def weights(self) -> str:
        """What tells it from other weights and other graphs."""
        return f"sha256:{hashlib.sha256(self.serialized).hexdigest()}"

    @property
    def max_sequences(self) -> int:
        """How many streams a resident model keeps."""
        return max(1, min(MAX_SEQUENCES, MAX_SEQUENCE_BYTES // max(1, self.encoder.state_bytes)))


def write_carried(directory: Path, name: str, graph: Graph) -> None:
    """Write the model whose states travel with the requests into an empty directory."""
    _write(directory, carried_config(name, graph), "triton_model.py", graph)


def write_resident(directory: Path, name: str, graph: Graph) -> None:
    """Write the model that keeps the states into an empty directory."""
    _write(directory, resident_config(name, graph), "triton_resident_model.py", graph)


def _write(directory: Path, config: str, model: str, graph: Graph) -> None:
    version = directory / "1"
    version.mkdir(parents=True)
    (directory / "config.pbtxt").write_text(config, encoding="utf-8")
    shutil.copyfile(Path(__file__).with_name(model), version / "model.py")
    (version / "encoder.onnx").write_bytes(graph.serialized)


def carried_config(name: str, graph: Graph) -> str:
    """Return config.pbtxt of the model whose states travel with the requests."""
    return _config(
        name,
        graph,
        "One chunk of a streaming encoder.",
        """\
# Requests that wait share a batch; none waits for one.
dynamic_batching { }

# More instances use more cores, each with a copy of the encoder.""",
    )


def resident_config(name: str, graph: Graph) -> str:
    """Return config.pbtxt of the model that keeps the states."""
    return _config(
        name,
        graph,
        "One chunk of a streaming encoder that keeps each stream's state.",
        f"""\
# A stream is a sequence. Its requests have batch 1; chunks of several streams that wait share a
# batch.
sequence_batching {{
  # A stream that sends nothing for so long is given up, and then must be restored.
  max_sequence_idle_microseconds: {MAX_SEQUENCE_IDLE_SECONDS * 1_000_000}
  # More streams wait until others end. Each takes {graph.encoder.state_bytes} bytes of memory.
  oldest {{ max_candidate_sequences: {graph.max_sequences} }}
  # A request that only ends a stream brings no tensor, and the Python backend wants one.
  control_input [
    {{
      name: "{END_INPUT}"
      control [ {{ kind: CONTROL_SEQUENCE_END bool_false_true: [ false, true ] }} ]
    }}
  ]
}}

# More instances use more cores, each with a copy of the encoder and streams of its own.""",
        optional=True,
    )


def _config(name: str, graph: Graph, summary: str, batching: str, *, optional: bool = False) -> str:
    encoder = graph.encoder
    inputs = [(encoder.features, "FP32", [encoder.chunk_frames, encoder.mel_bins])]
    outputs = [(encoder.output, "FP32", [encoder.output_frames, encoder.output_dim])]
    for group in encoder.packed_states:
        inputs.append((group.input, group.datatype, [group.size]))
        outputs.append((group.output, group.datatype, [group.size]))
    row_by_row = ""
    if graph.row_by_row:
        row_by_row = """
# The graph's results would depend on what shares a batch: it runs once for each row.
parameters { key: "row_by_row" value: { string_value: "true" } }
"""
    return f"""\
# {summary} Written by Tools/export/sherpa_onnx.py.
name: "{name}"
backend: "python"

# Dimensions below are without the batch, which is axis 0 of every tensor.
max_batch_size: {MAX_BATCH_SIZE}
{_tensors("input", inputs, " optional: true" if optional else "")}
{_tensors("output", outputs)}

{batching}
instance_group [ {{ count: 1 kind: KIND_CPU }} ]

# Of encoder.onnx: a stream's state goes only where this is the same.
parameters {{ key: "weights" value: {{ string_value: "{graph.weights}" }} }}
{row_by_row}"""


def _tensors(kind: str, tensors: list[tuple[str, str, list[int]]], remark: str = "") -> str:
    lines = ",\n".join(
        f'  {{ name: "{name}" data_type: TYPE_{datatype} dims: {dims}{remark} }}'
        for name, datatype, dims in tensors
    )
    return f"{kind} [\n{lines}\n]"
