#!/usr/bin/env python3
"""Export a streaming transducer in sherpa-onnx's ONNX layout for Martlet.

The directory holds encoder*.onnx, decoder*.onnx, joiner*.onnx, tokens.txt and bpe.model.
Written are

  OUT/bundle/               what Martlet reads: model.yaml, decoder.safetensors, tokens.txt,
                            bpe.model
  OUT/triton/NAME-encoder/  the encoder, in a Triton model repository: config.pbtxt, 1/model.py,
                            1/encoder.onnx; streams' states travel with the requests
  OUT/triton/NAME-encoder-resident/
                            the same encoder, keeping the states

Shapes, states and chunking come from the ONNX graphs and their metadata. All is checked against the
original with ONNX Runtime before anything appears in OUT.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

try:
    from transducer import bundle, confidence, encoder, head, triton, verification
    from transducer.errors import ExportError
    from transducer.source import ModelFiles, Vocabulary
except ModuleNotFoundError as error:
    sys.exit(
        f"sherpa_onnx.py: {error}; run Tools/setup and use .build/triton/venv/bin/python, or "
        "pip install -r Tools/requirements.txt"
    )

STATE_POLICIES = ("carried", "resident")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model-dir", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT")
    parser.add_argument("--name", help="the model's name (default: the directory's)")
    parser.add_argument(
        "--language",
        action="append",
        metavar="TAG",
        help="BCP-47 tag of a language it understands; may be repeated (default: en)",
    )
    parser.add_argument(
        "--state-policy",
        choices=STATE_POLICIES,
        default="carried",
        help="where streams' encoder states live unless the server's configuration says otherwise: "
        "they travel with each request, or stay on Triton (default: %(default)s)",
    )
    for part in ("encoder", "decoder", "joiner"):
        parser.add_argument(
            f"--{part}", metavar="FILE", help=f"which file in DIR, where several are {part}*.onnx"
        )
    parser.add_argument(
        "--confidence",
        type=Path,
        metavar="FILE",
        help="coefficients as Tools/evaluate/confidence prints them (default: those measured for "
        "this very model, if any)",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace a bundle and Triton models of that name"
    )
    return parser.parse_args()


def export(options: argparse.Namespace) -> None:
    """Do it all; raise ExportError when it cannot be done."""
    files = ModelFiles.find(
        options.model_dir,
        {"encoder": options.encoder, "decoder": options.decoder, "joiner": options.joiner},
    )
    name = options.name or model_name(options.model_dir)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise ExportError(f"--name {name!r}: letters, digits, '.', '_' and '-' only")
    description = bundle.Description(name, tuple(options.language or ["en"]), options.state_policy)
    targets = {
        "bundle": options.out / "bundle",
        "carried": options.out / "triton" / description.triton_model,
        "resident": options.out / "triton" / description.resident_triton_model,
    }
    for target in targets.values():
        if target.exists() and not options.force:
            raise ExportError(f"{target} is there already: --force replaces it")

    vocabulary = Vocabulary.read(files.tokens)
    network, network_graph = head.read_prediction_network(files.decoder)
    joiner, joiner_graph = head.read_joiner(files.joiner)
    calibration = confidence.section(files, options.confidence)
    source = encoder.describe(files.encoder)
    check_fit(files, vocabulary, network, joiner, source)
    predicted, joined = head.verify(network, network_graph, joiner, joiner_graph)
    packed = encoder.packed(source)
    proof = verification.verify(source, packed)
    graph = triton.Graph(
        source,
        packed.SerializeToString(deterministic=True),
        row_by_row=not proof.rows_are_independent,
    )

    # Everything is written beside its place and then put there, so that no half of it is ever read.
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=options.out) as staging:
        written = {part: Path(staging) / part for part in targets}
        bundle.write(
            written["bundle"],
            description,
            files,
            source,
            graph.weights,
            network,
            joiner,
            vocabulary,
            calibration,
        )
        triton.write_carried(written["carried"], description.triton_model, graph)
        triton.write_resident(written["resident"], description.resident_triton_model, graph)
        for part, target in targets.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                shutil.rmtree(target)
            written[part].rename(target)
    report(source, proof, predicted, joined, targets)
    if not calibration:
        print("confidence: not calibrated; Tools/evaluate/confidence makes the coefficients")


def check_fit(
    files: ModelFiles,
    vocabulary: Vocabulary,
    network: head.PredictionNetwork,
    joiner: head.Joiner,
    source: encoder.Encoder,
) -> None:
    """Refuse parts that do not belong to one model."""
    sizes = {
        files.tokens: vocabulary.size,
        files.decoder: len(network.embedding),
        files.joiner: len(joiner.weight),
    }
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{path.name} {size}" for path, size in sizes.items())
        raise ExportError(f"{files.tokens.parent}: the vocabularies differ in size: {told}")
    sizes = {
        files.encoder: source.output_dim,
        files.decoder: len(network.projection),
        files.joiner: joiner.weight.shape[1],
    }
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{path.name} {size}" for path, size in sizes.items())
        raise ExportError(f"{files.joiner.parent}: the joiner's dimensions differ: {told}")


def report(
    source: encoder.Encoder,
    proof: verification.Proof,
    predicted: float,
    joined: float,
    targets: dict[str, Path],
) -> None:
    """Say what was found, proven and written."""
    print(
        f"{source.path.name}: chunks of {source.chunk_frames} frames every "
        f"{source.chunk_shift_frames}, {source.output_frames} x {source.output_dim} out; "
        f"{len(source.states)} states, {source.state_bytes} bytes a stream"
    )
    print(f"prediction network: weights give the graph's values within {predicted:.1e}")
    print(f"joiner: weights give the graph's values within {joined:.1e}")
    print(f"encoder: packed graph equals the original within {proof.to_original:.1e}")
    if proof.to_batch is None:
        print("encoder: exported for one stream; Triton runs it once for each", file=sys.stderr)
    elif not proof.rows_are_independent:
        print(
            f"encoder: a stream's results differ by {proof.to_batch:.1e} in a batch; Triton runs "
            "it once for each stream",
            file=sys.stderr,
        )
    else:
        print(f"encoder: a stream in a batch equals the stream alone within {proof.to_batch:.1e}")
    for target in targets.values():
        print(f"wrote {target}")


def model_name(directory: Path) -> str:
    """Make a name of a directory's, of characters that Triton and file systems take."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", directory.resolve().name).strip("-._") or "model"


def main() -> int:
    """Export; errors are one line."""
    try:
        export(arguments())
    except (ExportError, OSError) as error:
        print(f"sherpa_onnx.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
