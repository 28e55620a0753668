"""The bundle: what Martlet itself reads of a model."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from transducer.encoder import Encoder
from transducer.head import Joiner, PredictionNetwork
from transducer.source import ModelFiles, Vocabulary

# What every streaming recipe of icefall trains with and sherpa-onnx computes.
SAMPLE_RATE_HERTZ = 16_000
FRAME_LENGTH_MS = 25
FRAME_SHIFT_MS = 10

# After the last sample come zeros for one whole chunk, so that every frame of speech reaches the
# encoder, and for this long, in which a transducer may still emit what it has heard.
EMISSION_DELAY_FRAMES = 21


@dataclass(frozen=True)
class Description:
    """What the caller says of the model."""

    name: str
    languages: tuple[str, ...]
    state_policy: str

    @property
    def triton_model(self) -> str:
        """The name of the encoder on Triton."""
        return f"{self.name}-encoder"

    @property
    def resident_triton_model(self) -> str:
        """The name of the encoder that keeps the states on Triton."""
        return f"{self.triton_model}-resident"


def write(
    directory: Path,
    description: Description,
    files: ModelFiles,
    encoder: Encoder,
    weights: str,
    network: PredictionNetwork,
    joiner: Joiner,
    vocabulary: Vocabulary,
    confidence: str = "",
) -> None:
    """Write the bundle into an empty directory.

    `weights` identifies the encoder's graph; `confidence` ends model.yaml.
    """
    directory.mkdir(parents=True)
    text = model_yaml(description, encoder, weights, network, vocabulary) + confidence
    (directory / "model.yaml").write_text(text, encoding="utf-8")
    tensors = {
        "decoder.embedding.weight": network.embedding,
        "decoder.conv.weight": network.convolution,
        "decoder.projection.weight": network.projection,
        "decoder.projection.bias": network.projection_bias,
        "joiner.output.weight": joiner.weight,
        "joiner.output.bias": joiner.bias,
    }
    (directory / "decoder.safetensors").write_bytes(
        save({name: np.ascontiguousarray(tensor, np.float32) for name, tensor in tensors.items()})
    )
    shutil.copyfile(files.tokens, directory / "tokens.txt")
    shutil.copyfile(files.bpe, directory / "bpe.model")


def model_yaml(
    description: Description,
    encoder: Encoder,
    weights: str,
    network: PredictionNetwork,
    vocabulary: Vocabulary,
) -> str:
    """Return model.yaml, commented."""
    padding = (encoder.chunk_frames + EMISSION_DELAY_FRAMES) * FRAME_SHIFT_MS
    output_frame_ms = encoder.chunk_shift_frames * FRAME_SHIFT_MS / encoder.output_frames
    kilobytes = encoder.state_bytes / 1000
    features = _tensor(encoder.features, "FP32", encoder.chunk_frames, encoder.mel_bins)
    output = _tensor(encoder.output, "FP32", encoder.output_frames, encoder.output_dim)
    states = "\n".join(
        f"    - {{ input: {_scalar(group.input)}, output: {_scalar(group.output)}, "
        f"datatype: {group.datatype}, shape: [-1, {group.size}], batch_axis: 0 }}"
        for group in encoder.packed_states
    )
    context = ", ".join(["-1"] * (network.context_size - 1) + [str(vocabulary.blank_id)])
    unknown = ""
    if vocabulary.unknown_id is not None:
        unknown = (
            f"  unknown_id: {vocabulary.unknown_id}"
            "                   # treated as a blank: never written\n"
        )
    return f"""\
# A speech-recognition model as Martlet reads it: this file, decoder.safetensors, tokens.txt and
# bpe.model. The encoder itself is served by Triton. Written by Tools/export/sherpa_onnx.py.
format: 1
name: {_scalar(description.name)}
languages: [{", ".join(_scalar(language) for language in description.languages)}]  # BCP-47

# From audio to features: Kaldi's log-mel filterbank.
frontend:
  type: kaldi_fbank
  sample_rate_hertz: {SAMPLE_RATE_HERTZ}        # other rates are resampled to this one
  mel_bins: {encoder.mel_bins}
  frame_length_ms: {FRAME_LENGTH_MS}
  frame_shift_ms: {FRAME_SHIFT_MS}
  low_frequency_hertz: 20
  high_frequency_hertz: -400      # zero or less: counted from the Nyquist frequency
  preemphasis: 0.97
  # Zeros appended when the audio ends, at sample_rate_hertz: {padding} ms.
  tail_padding_samples: {padding * SAMPLE_RATE_HERTZ // 1000}

# The encoder on Triton. Shapes are with the batch, -1, which is axis 0 of every tensor there.
encoder:
  # Takes and gives a stream's states with each chunk.
  triton_model: {_scalar(description.triton_model)}
  # The same encoder, keeping the states on Triton.
  resident: {{ triton_model: {_scalar(description.resident_triton_model)} }}
  # Which of both is used, unless the server's configuration says otherwise: carried or resident.
  state_policy: {description.state_policy}
  version: ""                     # empty: whichever Triton serves
  # Of the graph, as Triton's models say it too: they must be this very encoder.
  weights: "{weights}"
  chunk_frames: {encoder.chunk_frames}                # feature frames a chunk
  chunk_shift_frames: {encoder.chunk_shift_frames}          # from a chunk's start to the next one's
  output_frames: {encoder.output_frames}                # encoder frames a chunk
  output_frame_ms: {output_frame_ms:g}             # time from one encoder frame to the next
  features: {features}
  output: {output}
  # Each starts at zero; a chunk's `output` is the next chunk's `input`. These hold the encoder's
  # {len(encoder.states)} state tensors, packed by datatype: {kilobytes:.0f} kB a stream.
  states:
{states}

# The prediction network, computed in Martlet's process from decoder.safetensors.
decoder:
  type: stateless_transducer
  context_size: {network.context_size}                 # tokens that it sees
  vocabulary_size: {len(network.embedding)}
  blank_id: {vocabulary.blank_id}
{unknown}  initial_context: [{context}]        # -1 embeds as zeros
  joiner_dim: {encoder.output_dim}

# What a search does unless a request says otherwise.
search:
  method: greedy
  max_symbols_per_frame: 1
  # Softmax temperature of the token log-probabilities that are reported; the search uses 1.
  token_log_prob_temperature: 2.0
"""


def _tensor(name: str, datatype: str, *shape: int) -> str:
    dimensions = ", ".join(str(size) for size in (-1, *shape))
    return (
        f"{{ name: {_scalar(name)}, datatype: {datatype}, shape: [{dimensions}], batch_axis: 0 }}"
    )


def _scalar(text: str) -> str:
    """Return a string as YAML that reads back as that string, quoted where plain would not."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", text)
    special = text.lower() in ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
    return text if plain and not special else json.dumps(text)
