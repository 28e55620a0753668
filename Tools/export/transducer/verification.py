"""Proof that the graph which Triton serves computes what the original computes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from transducer.encoder import (
    NUMPY_DATATYPES,
    Encoder,
    PackedState,
    original_shape,
    session,
)
from transducer.errors import ExportError

CHUNKS = 3
# Streams run as one batch, and how many of them are also run alone.
STREAMS = 16
ALONE = 3
# Packing moves values and computes nothing: what differs is at most a fused operator's rounding.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Proof:
    """Greatest absolute differences over all outputs of some chunks with random features."""

    to_original: float
    # Between a stream alone and the same among others; None where the batch is fixed.
    to_batch: float | None

    @property
    def rows_are_independent(self) -> bool:
        """Whether streams may share a batch."""
        return self.to_batch is not None and self.to_batch <= TOLERANCE


def verify(encoder: Encoder, packed: onnx.ModelProto) -> Proof:
    """Run some chunks through both graphs, some streams alone, and all as one batch."""
    random = np.random.default_rng(0)
    # Features of about the range of log-mel energies.
    features = random.normal(
        -4, 4, (CHUNKS, STREAMS, encoder.chunk_frames, encoder.mel_bins)
    ).astype(np.float32)
    served = session(packed)
    alone = [_run(encoder, served, features[:, i : i + 1]) for i in range(ALONE)]
    original = _run_original(encoder, features[:, :1])
    to_original = _difference(alone[0], original)
    if not to_original <= TOLERANCE:
        raise ExportError(
            f"{encoder.path}: the packed graph differs from the original by {to_original:.2g}"
        )
    if not encoder.has_dynamic_batch:
        return Proof(to_original, None)
    together = _run(encoder, served, features)
    return Proof(
        to_original,
        max(
            _difference([output[i : i + 1] for output in together], alone[i]) for i in range(ALONE)
        ),
    )


def _run(encoder: Encoder, served: object, features: np.ndarray) -> list[np.ndarray]:
    """Return the outputs of all chunks, and the last states."""
    states = [
        np.zeros((features.shape[1], group.size), NUMPY_DATATYPES[group.datatype])
        for group in encoder.packed_states
    ]
    names = [encoder.output, *(group.output for group in encoder.packed_states)]
    outputs = []
    for chunk in features:
        fed = dict(zip((group.input for group in encoder.packed_states), states, strict=True))
        output, *states = served.run(names, {encoder.features: chunk, **fed})
        outputs.append(output)
    return [*outputs, *states]


def _run_original(encoder: Encoder, features: np.ndarray) -> list[np.ndarray]:
    """Do as `_run` does, with the original graph and one stream."""
    graph = session(encoder.model)
    states = {
        state.input: np.zeros(original_shape(state, 1), NUMPY_DATATYPES[state.datatype])
        for state in encoder.states
    }
    names = [encoder.output, *(state.output for state in encoder.states)]
    outputs = []
    for chunk in features:
        output, *values = graph.run(names, {encoder.features: chunk, **states})
        states = dict(zip(states, values, strict=True))
        outputs.append(output)
    return [*outputs, *(_rows(group, states) for group in encoder.packed_states)]


def _rows(group: PackedState, states: dict[str, np.ndarray]) -> np.ndarray:
    return np.concatenate(
        [
            np.moveaxis(states[state.input], state.batch_axis, 0).reshape(1, -1)
            for state in group.states
        ],
        axis=1,
    )


def _difference(one: list[np.ndarray], other: list[np.ndarray]) -> float:
    return max(
        float(np.abs(a - b).max()) if a.shape == b.shape else float("inf")
        for a, b in zip(one, other, strict=True)
    )
