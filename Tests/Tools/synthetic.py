"""Small streaming transducers, made here, in the layout that sherpa-onnx reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[2]
EXPORTER = ROOT / "Tools" / "export" / "sherpa_onnx.py"

CHUNK, SHIFT, BINS, FRAMES, DIM = 9, 4, 6, 2, 8
VOCABULARY, CONTEXT, GROUPS = 11, 2, 4

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def save(
    path: Path,
    nodes: list,
    inputs: list,
    outputs: list,
    weights: dict,
    metadata: dict,
    opset: int = 13,
) -> None:
    """Write a graph; inputs and outputs are (name, element type, shape)."""
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*value) for value in outputs],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 7
    helper.set_model_props(model, {key: str(value) for key, value in metadata.items()})
    onnx.save(model, str(path))


def encoder(
    path: Path,
    *,
    batch: str | int = "N",
    opset: int = 13,
    metadata: dict | None = None,
    leaks_over_rows: bool = False,
    state_names: tuple[str, str] = ("cached", "new_cached"),
) -> None:
    """Write an encoder with states whose batch is at axes 0, 1 and 1, one of them integer.

    encoder_out = (x[:, :2] @ w) + the mean of the first state; the first state takes on the last
    frames of x, the second is doubled and gains 1, the third counts.
    """
    taken, given = state_names
    random = np.random.default_rng(1)
    states_in = [
        (f"{taken}_a", FLOAT, [batch, 3, BINS]),
        (f"{taken}_b", FLOAT, [2, batch, 5]),
        (f"{taken}_n", INT64, [2, batch]),
    ]
    states_out = [(f"{given}_{name[-1]}", kind, shape) for name, kind, shape in states_in]
    weights = {
        "w": random.standard_normal((BINS, DIM)).astype(np.float32),
        "one": np.ones((), np.float32),
        "step": np.full((), SHIFT, np.int64),
        "zero": np.array([0], np.int64),
        "two": np.array([FRAMES], np.int64),
        "tail": np.array([CHUNK - 3], np.int64),
        "chunk": np.array([CHUNK], np.int64),
        "frames": np.array([1], np.int64),
    }
    mean_axes = [0, 1, 2] if leaks_over_rows else [1, 2]
    nodes = [
        helper.make_node("Slice", ["x", "zero", "two", "frames"], ["head"]),
        helper.make_node("MatMul", ["head", "w"], ["projected"]),
        helper.make_node("ReduceMean", [f"{taken}_a"], ["mean"], axes=mean_axes, keepdims=1),
        helper.make_node("Add", ["projected", "mean"], ["encoder_out"]),
        helper.make_node("Slice", ["x", "tail", "chunk", "frames"], [f"{given}_a"]),
        helper.make_node("Add", [f"{taken}_b", f"{taken}_b"], ["doubled"]),
        helper.make_node("Add", ["doubled", "one"], [f"{given}_b"]),
        helper.make_node("Add", [f"{taken}_n", "step"], [f"{given}_n"]),
    ]
    save(
        path,
        nodes,
        [("x", FLOAT, [batch, CHUNK, BINS]), *states_in],
        [("encoder_out", FLOAT, [batch, FRAMES, DIM]), *states_out],
        weights,
        {"model_type": "synthetic", "decode_chunk_len": SHIFT, "T": CHUNK}
        if metadata is None
        else metadata,
        opset,
    )


def decoder(path: Path, *, form: str = "gemm", masks: bool = True) -> None:
    """Write a stateless prediction network.

    `form` is how its projection is written: "gemm", "untransposed" (Gemm of another layout),
    "scaled" (Gemm with factors) or "matmul" (with Add, the weight transposed by a node).
    Where it does not mask, -1 embeds as token 0 does.
    """
    random = np.random.default_rng(2)
    weights = {
        "embedding": random.standard_normal((VOCABULARY, DIM)).astype(np.float32),
        "convolution": random.standard_normal((DIM, DIM // GROUPS, CONTEXT)).astype(np.float32),
        "projection": random.standard_normal((DIM, DIM)).astype(np.float32),
        "bias": random.standard_normal(DIM).astype(np.float32),
        "zero": np.zeros((), np.int64),
        "last": np.array([-1], np.int64),
        "axis": np.array([1], np.int64),
    }
    nodes = [
        helper.make_node("Clip", ["y", "zero"], ["clipped"]),
        helper.make_node("Gather", ["embedding", "clipped"], ["embedded"]),
    ]
    masked = "embedded"
    if masks:
        masked = "masked"
        nodes += [
            helper.make_node("GreaterOrEqual", ["y", "zero"], ["known"]),
            helper.make_node("Cast", ["known"], ["mask"], to=FLOAT),
            helper.make_node("Unsqueeze", ["mask", "last"], ["column"]),
            helper.make_node("Mul", ["embedded", "column"], [masked]),
        ]
    nodes += [
        helper.make_node("Transpose", [masked], ["channels"], perm=[0, 2, 1]),
        helper.make_node("Conv", ["channels", "convolution"], ["convolved"], group=GROUPS),
        helper.make_node("Transpose", ["convolved"], ["steps"], perm=[0, 2, 1]),
        helper.make_node("Relu", ["steps"], ["rectified"]),
        helper.make_node("Squeeze", ["rectified", "axis"], ["hidden"]),
    ]
    if form == "matmul":
        nodes += [
            helper.make_node("Transpose", ["projection"], ["turned"], perm=[1, 0]),
            helper.make_node("MatMul", ["hidden", "turned"], ["product"]),
            helper.make_node("Add", ["bias", "product"], ["decoder_out"]),
        ]
    else:
        facts = {"transB": 0 if form == "untransposed" else 1}
        if form == "scaled":
            facts |= {"alpha": 0.5, "beta": 2.0}
        product = ["hidden", "projection", "bias"]
        nodes.append(helper.make_node("Gemm", product, ["decoder_out"], **facts))
    save(
        path,
        nodes,
        [("y", INT64, ["N", CONTEXT])],
        [("decoder_out", FLOAT, ["N", DIM])],
        weights,
        {"context_size": CONTEXT, "vocab_size": VOCABULARY},
    )


def joiner(path: Path, *, activation: str = "Tanh", vocabulary: int = VOCABULARY) -> None:
    """Write a joiner."""
    random = np.random.default_rng(3)
    save(
        path,
        [
            helper.make_node("Add", ["encoder_out", "decoder_out"], ["sum"]),
            helper.make_node(activation, ["sum"], ["active"]),
            helper.make_node("Gemm", ["active", "output", "bias"], ["logit"], transB=1),
        ],
        [("encoder_out", FLOAT, ["N", DIM]), ("decoder_out", FLOAT, ["N", DIM])],
        [("logit", FLOAT, ["N", vocabulary])],
        {
            "output": random.standard_normal((vocabulary, DIM)).astype(np.float32),
            "bias": random.standard_normal(vocabulary).astype(np.float32),
        },
        {"joiner_dim": DIM},
    )


def tokens(path: Path, pieces: int = VOCABULARY) -> None:
    """Write a token list that begins with a blank and has <unk> as number 2."""
    special = ["<blk>", "<sos/eos>", "<unk>"]
    names = special + [f"P{i}" for i in range(len(special), pieces)]
    lines = [f"{name} {i}" for i, name in enumerate(names)]
    path.write_text("\n".join([*lines, f"#0 {pieces}"]) + "\n", encoding="utf-8")


def model(directory: Path, **of_encoder: object) -> Path:
    """Write all parts of a model."""
    directory.mkdir(parents=True, exist_ok=True)
    encoder(directory / "encoder-epoch-9-avg-1-chunk-4.onnx", **of_encoder)
    decoder(directory / "decoder-epoch-9-avg-1-chunk-4.onnx")
    joiner(directory / "joiner-epoch-9-avg-1-chunk-4.onnx")
    tokens(directory / "tokens.txt")
    (directory / "bpe.model").write_bytes(b"sentencepiece")
    return directory
