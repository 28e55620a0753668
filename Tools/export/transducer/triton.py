"""The Triton model repository: the encoder as Triton's Python backend serves it."""

from __future__ import annotations

import shutil
from pathlib import Path

import onnx

from transducer.encoder import Encoder

MAX_BATCH_SIZE = 64


def write(
    directory: Path, name: str, encoder: Encoder, packed: onnx.ModelProto, *, row_by_row: bool
) -> None:
    """Write the model into an empty directory, named as the model is."""
    version = directory / "1"
    version.mkdir(parents=True)
    text = config(name, encoder, row_by_row=row_by_row)
    (directory / "config.pbtxt").write_text(text, encoding="utf-8")
    shutil.copyfile(Path(__file__).with_name("triton_model.py"), version / "model.py")
    (version / "encoder.onnx").write_bytes(packed.SerializeToString(deterministic=True))


def config(name: str, encoder: Encoder, *, row_by_row: bool) -> str:
    """Return config.pbtxt."""
    inputs = [(encoder.features, "FP32", [encoder.chunk_frames, encoder.mel_bins])]
    outputs = [(encoder.output, "FP32", [encoder.output_frames, encoder.output_dim])]
    for group in encoder.packed_states:
        inputs.append((group.input, group.datatype, [group.size]))
        outputs.append((group.output, group.datatype, [group.size]))
    parameters = ""
    if row_by_row:
        parameters = """
# The graph's results would depend on what shares a batch: it runs once for each row.
parameters { key: "row_by_row" value: { string_value: "true" } }
"""
    return f"""\
# One chunk of a streaming encoder. Written by Tools/export/sherpa_onnx.py.
name: "{name}"
backend: "python"

# Dimensions below are without the batch, which is axis 0 of every tensor.
max_batch_size: {MAX_BATCH_SIZE}
{_tensors("input", inputs)}
{_tensors("output", outputs)}

# Requests that wait share a batch; none waits for one.
dynamic_batching {{ }}

# More instances use more cores, each with a copy of the encoder.
instance_group [ {{ count: 1 kind: KIND_CPU }} ]
{parameters}"""


def _tensors(kind: str, tensors: list[tuple[str, str, list[int]]]) -> str:
    lines = ",\n".join(
        f'  {{ name: "{name}" data_type: TYPE_{datatype} dims: {dims} }}'
        for name, datatype, dims in tensors
    )
    return f"{kind} [\n{lines}\n]"
