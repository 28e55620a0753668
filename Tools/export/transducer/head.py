"""The prediction network and the joiner: their weights, found in the ONNX graphs and proven.

Martlet computes these two in its own process, from bare weights. They are found by the graph's
structure, not by names; `verify` then computes both from the weights alone and compares with ONNX
Runtime, so that a graph which computes something else is refused instead of misread.

Stateless prediction network: M. Ghodsi et al., "RNN-transducer with stateless prediction network",
ICASSP 2020, in the form of icefall's recipes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from transducer import encoder
from transducer.errors import ExportError

# Random contexts and frames compared, and the difference allowed: what summing 512 products of
# order one in another order may come to, with a wide margin.
VERIFIED_ROWS = 512
TOLERANCE = 1e-4


@dataclass(frozen=True)
class PredictionNetwork:
    """Embedding, grouped convolution over the context, ReLU, projection."""

    embedding: np.ndarray  # [vocabulary, D]
    convolution: np.ndarray  # [D, D / groups, context]
    projection: np.ndarray  # [joiner, D]
    projection_bias: np.ndarray  # [joiner]

    @property
    def context_size(self) -> int:
        """Tokens it sees."""
        return int(self.convolution.shape[2])

    def __call__(self, contexts: np.ndarray) -> np.ndarray:
        """Map [rows, context] tokens, of which -1 embeds as zeros, to [rows, joiner]."""
        embedded = self.embedding[np.maximum(contexts, 0)] * (contexts >= 0)[..., None]
        rows, size = len(contexts), self.embedding.shape[1]
        per_group = self.convolution.shape[1]
        groups = size // per_group
        grouped = embedded.reshape(rows, self.context_size, groups, per_group)
        kernel = self.convolution.reshape(groups, -1, per_group, self.context_size)
        hidden = np.einsum("ncgi,goic->ngo", grouped, kernel).reshape(rows, -1)
        return np.maximum(hidden, 0) @ self.projection.T + self.projection_bias


@dataclass(frozen=True)
class Joiner:
    """logits = weight @ tanh(encoder_out + decoder_out) + bias."""

    weight: np.ndarray  # [vocabulary, joiner]
    bias: np.ndarray  # [vocabulary]

    def __call__(self, encoder_out: np.ndarray, decoder_out: np.ndarray) -> np.ndarray:
        """Map two [rows, joiner] to [rows, vocabulary]."""
        return np.tanh(encoder_out + decoder_out) @ self.weight.T + self.bias


class Graph:
    """An ONNX graph to be walked from its output upwards."""

    def __init__(self, path: Path) -> None:
        """Read the file."""
        self.path = path
        self.model = encoder.load(path)
        graph = self.model.graph
        self._producers = {name: node for node in graph.node for name in node.output}
        self._initializers = {tensor.name: tensor for tensor in graph.initializer}
        self.inputs = [v.name for v in graph.input if v.name not in self._initializers]
        self.outputs = [v.name for v in graph.output]

    def fail(self, reason: str) -> ExportError:
        """Return an error that names the file."""
        operators = {node.op_type for node in self.model.graph.node}
        if operators & {"DynamicQuantizeLinear", "MatMulInteger", "DequantizeLinear"}:
            reason += "; its weights are quantised: use the fp32 file"
        return ExportError(f"{self.path}: {reason}")

    def producer(self, name: str) -> onnx.NodeProto | None:
        """Return the node that makes a tensor, seen through nodes that change nothing."""
        node = self._producers.get(name)
        while node is not None and node.op_type in ("Identity", "Cast", "Squeeze", "Dropout"):
            node = self._producers.get(node.input[0])
        return node

    def constant(self, name: str) -> np.ndarray | None:
        """Return a tensor that does not depend on the inputs; transposes are folded."""
        if name in self._initializers:
            return numpy_helper.to_array(self._initializers[name])
        node = self._producers.get(name)
        if node is None:
            return None
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            return numpy_helper.to_array(node.attribute[0].t)
        if node.op_type not in ("Identity", "Transpose"):
            return None
        value = self.constant(node.input[0])
        if value is None or node.op_type == "Identity":
            return value
        return np.transpose(value, attributes(node).get("perm"))

    def weight(self, name: str, what: str, rank: int) -> np.ndarray:
        """Return a constant FP32 tensor of `rank` axes."""
        value = self.constant(name)
        if value is None or value.dtype != np.float32 or value.ndim != rank:
            raise self.fail(f"{what} ({name}) is not a constant FP32 tensor of {rank} axes")
        return value

    def linear(self, output: str, what: str) -> tuple[str, np.ndarray, np.ndarray]:
        """Read output = input @ weight.T + bias, as Gemm or as MatMul and Add.

        Returns the input's name, weight [out, in] and bias [out].
        """
        node = self.producer(output)
        if node is not None and node.op_type == "Gemm":
            facts = attributes(node)
            if not facts.get("transA"):
                weight = self.weight(node.input[1], f"{what}'s weight", 2)
                weight = weight if facts.get("transB") else weight.T
                bias = np.zeros(len(weight), np.float32)
                if len(node.input) > 2 and node.input[2]:
                    bias = self.weight(node.input[2], f"{what}'s bias", 1)
                scale, bias_scale = facts.get("alpha", 1.0), facts.get("beta", 1.0)
                return (
                    node.input[0],
                    weight * np.float32(scale),
                    bias * np.float32(bias_scale),
                )
        bias = None
        if node is not None and node.op_type == "Add":
            for term, other in (node.input, reversed(node.input)):
                candidate = self.constant(term)
                if candidate is not None and candidate.ndim == 1:
                    bias, node = candidate, self.producer(other)
                    break
        if node is None or node.op_type != "MatMul":
            raise self.fail(f"{what} is not a matrix product that ends in {output}")
        weight = self.weight(node.input[1], f"{what}'s weight", 2).T
        return node.input[0], weight, np.zeros(len(weight), np.float32) if bias is None else bias

    def only(self, operator: str, accept: Callable[[onnx.NodeProto], bool]) -> onnx.NodeProto:
        """Return the one node of this operator that is accepted."""
        found = [n for n in self.model.graph.node if n.op_type == operator and accept(n)]
        if len(found) != 1:
            raise self.fail(
                f"not a stateless prediction network: {len(found)} {operator} nodes where one "
                "embedding, one convolution and one projection are known"
            )
        return found[0]


def attributes(node: onnx.NodeProto) -> dict:
    """Return a node's attributes as Python values."""
    return {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}


def read_prediction_network(path: Path) -> tuple[PredictionNetwork, Graph]:
    """Find the prediction network's weights."""
    graph = Graph(path)
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise graph.fail(
            f"not a stateless prediction network: {len(graph.inputs)} inputs, "
            f"{len(graph.outputs)} outputs; tokens go in, one vector comes out"
        )
    _, projection, bias = graph.linear(graph.outputs[0], "the decoder's projection")
    convolution = graph.only("Conv", lambda _: True)
    gather = graph.only(
        "Gather", lambda node: getattr(graph.constant(node.input[0]), "ndim", 0) == 2
    )
    if len(convolution.input) > 2:
        raise graph.fail("the decoder's convolution has a bias, for which the bundle has no place")
    network = PredictionNetwork(
        graph.weight(gather.input[0], "the embedding", 2),
        graph.weight(convolution.input[1], "the decoder's convolution", 3),
        projection,
        bias,
    )
    size, kernel = network.embedding.shape[1], network.convolution
    groups = attributes(convolution).get("group", 1)
    if kernel.shape[0] != size or kernel.shape[1] * groups != size or projection.shape[1] != size:
        raise graph.fail(
            f"embedding {list(network.embedding.shape)}, convolution {list(kernel.shape)} in "
            f"{groups} groups and projection {list(projection.shape)} do not fit together"
        )
    for key, value in (
        ("context_size", network.context_size),
        ("vocab_size", len(network.embedding)),
    ):
        told = encoder.metadata(graph.model).get(key, str(value))
        if told != str(value):
            raise graph.fail(f"its metadata says {key} = {told}, its weights {value}")
    return network, graph


def read_joiner(path: Path) -> tuple[Joiner, Graph]:
    """Find the joiner's weights."""
    graph = Graph(path)
    if len(graph.inputs) != 2 or len(graph.outputs) != 1:
        raise graph.fail(
            f"not a joiner: {len(graph.inputs)} inputs, {len(graph.outputs)} outputs; an encoder "
            "frame and the decoder's vector go in, logits come out"
        )
    hidden, weight, bias = graph.linear(graph.outputs[0], "the joiner's output")
    tanh = graph.producer(hidden)
    add = graph.producer(tanh.input[0]) if tanh is not None and tanh.op_type == "Tanh" else None
    if add is None or add.op_type != "Add" or set(add.input) != set(graph.inputs):
        raise graph.fail(
            "not linear(tanh(encoder_out + decoder_out)): projections belong into the encoder and "
            "the decoder, where icefall's export-onnx-streaming.py puts them"
        )
    return Joiner(weight, bias), graph


def verify(
    network: PredictionNetwork, network_graph: Graph, joiner: Joiner, joiner_graph: Graph
) -> tuple[float, float]:
    """Compare what the weights give with what the graphs give.

    Returns the greatest absolute difference of the prediction network and of the joiner.
    """
    random = np.random.default_rng(0)
    vocabulary, size = len(network.embedding), len(network.projection)
    # Every token at least once where the rows suffice, and contexts that have just begun.
    contexts = random.integers(
        -1, vocabulary, (max(VERIFIED_ROWS, vocabulary), network.context_size)
    )
    contexts[:vocabulary, -1] = np.arange(vocabulary)
    contexts[0, :-1] = -1
    decoder_out = _run(network_graph, [contexts.astype(np.int64)])
    predicted = _difference(network(contexts), decoder_out)
    if not predicted <= TOLERANCE:
        raise network_graph.fail(
            f"the weights found in it do not reproduce it: they differ by {predicted:.2g}"
        )

    frames = random.standard_normal((len(contexts), size)).astype(np.float32)
    logits = _run(joiner_graph, [frames, decoder_out])
    joined = _difference(joiner(frames, decoder_out), logits)
    if not joined <= TOLERANCE:
        raise joiner_graph.fail(
            f"the weights found in it do not reproduce it: they differ by {joined:.2g}"
        )
    return predicted, joined


def _run(graph: Graph, values: list[np.ndarray]) -> np.ndarray:
    try:
        return encoder.session(graph.model).run(None, dict(zip(graph.inputs, values, strict=True)))[
            0
        ]
    except Exception as error:
        raise graph.fail(f"ONNX Runtime: {str(error).splitlines()[0]}") from error


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    if one.shape != other.shape:
        return float("inf")
    return float(np.abs(one - other).max())
