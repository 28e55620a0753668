"""The files of a model in sherpa-onnx's layout, and what its token list says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from transducer.errors import ExportError

# How a file name says that its weights are quantised.
QUANTISED = ("int8", "uint8", "int4")

BLANK_PIECES = ("<blk>", "<blank>", "<eps>")
UNKNOWN_PIECE = "<unk>"


@dataclass(frozen=True)
class ModelFiles:
    """Where the parts of a model are."""

    encoder: Path
    decoder: Path
    joiner: Path
    tokens: Path
    bpe: Path

    @staticmethod
    def find(directory: Path, named: dict[str, str | None]) -> ModelFiles:
        """Find the parts in `directory`; `named` gives a part's file name where the caller did."""
        if not directory.is_dir():
            raise ExportError(f"{directory}: no such directory")
        encoder = _part(directory, "encoder", named.get("encoder"))
        # Parts of one export share what follows the part's name: -epoch-99-avg-1-chunk-16...
        suffix = encoder.name.removeprefix("encoder")
        return ModelFiles(
            encoder,
            _part(directory, "decoder", named.get("decoder"), suffix),
            _part(directory, "joiner", named.get("joiner"), suffix),
            _file(directory / "tokens.txt"),
            _file(directory / "bpe.model"),
        )


def _file(path: Path) -> Path:
    if not path.is_file():
        raise ExportError(f"{path}: no such file")
    return path


def _part(directory: Path, part: str, named: str | None, suffix: str = "") -> Path:
    if named:
        return _file(directory / named)
    found = sorted(directory.glob(f"{part}*.onnx"))
    if not found:
        raise ExportError(
            f"{directory}: no {part}*.onnx; a transducer has an encoder, a decoder and a joiner"
        )
    exact = [path for path in found if path.name == f"{part}{suffix}"]
    # Quantised weights save memory and cost accuracy; a dynamically quantised encoder's results
    # also depend on what else is in its batch. They are the second choice.
    whole = [path for path in found if not any(word in path.name for word in QUANTISED)]
    best = exact or whole or found
    if len(best) > 1:
        names = ", ".join(path.name for path in best)
        raise ExportError(f"{directory}: more than one {part} ({names}): choose one by --{part}")
    return best[0]


@dataclass(frozen=True)
class Vocabulary:
    """What the decoder needs to know of tokens.txt."""

    size: int
    blank_id: int
    unknown_id: int | None

    @staticmethod
    def read(path: Path) -> Vocabulary:
        """Read icefall's token list, a line each of piece, space and id."""
        identifiers: dict[int, str] = {}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            piece, _, identifier = line.rpartition(" ")
            if not identifier.isdecimal():
                raise ExportError(f"{path}:{number}: expected a piece and its number")
            if int(identifier) in identifiers:
                raise ExportError(f"{path}:{number}: number {identifier} appears twice")
            identifiers[int(identifier)] = piece
        # Disambiguation symbols (#0, #1) serve graph building and are no outputs of the model.
        size = sum(1 for piece in identifiers.values() if not _is_disambiguation(piece))
        if sorted(identifiers)[:size] != list(range(size)):
            raise ExportError(f"{path}: the numbers do not run from 0 without a gap")
        by_piece = {piece: identifier for identifier, piece in identifiers.items()}
        blank = next((by_piece[piece] for piece in BLANK_PIECES if piece in by_piece), None)
        if blank is None:
            raise ExportError(f"{path}: no blank ({', '.join(BLANK_PIECES)})")
        return Vocabulary(size, blank, by_piece.get(UNKNOWN_PIECE))


def _is_disambiguation(piece: str) -> bool:
    return piece.startswith("#") and piece[1:].isdecimal()
