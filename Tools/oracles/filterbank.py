#!/usr/bin/env python3
"""What kaldi-native-fbank makes of audio: the oracle of AudioFrontend's tests.

  filterbank.py --golden DIR            writes DIR/<signal>.f32 for each synthetic signal
  filterbank.py --wav-dir DIR --out OUT writes OUT/<name>.f32 for each 16-bit mono DIR/<name>.wav

A .f32 file holds little-endian float32 log-mel energies, row-major [frames, 80]. Recordings get
the model's tail of 10,560 zeros; each synthetic signal names its own. Needs kaldi-native-fbank and
numpy. The signals are made of integers only, so that the tests can make the same ones.
"""

import argparse
import pathlib
import wave

import kaldi_native_fbank as knf
import numpy as np

RATE_HERTZ = 16000
TAIL_SAMPLES = 10560
BINS = 80


def filterbank(samples, tail):
    options = knf.FbankOptions()
    options.frame_opts.samp_freq = RATE_HERTZ
    options.frame_opts.dither = 0
    options.frame_opts.snip_edges = False
    options.mel_opts.num_bins = BINS
    options.mel_opts.low_freq = 20
    options.mel_opts.high_freq = -400
    computer = knf.OnlineFbank(options)
    wave_samples = np.concatenate(
        [np.asarray(samples, np.float32) / 32768, np.zeros(tail, np.float32)]
    )
    computer.accept_waveform(RATE_HERTZ, wave_samples.tolist())
    computer.input_finished()
    frames = [computer.get_frame(index) for index in range(computer.num_frames_ready)]
    return np.array(frames, "<f4").reshape(len(frames), BINS)


def noise(count, seed):
    """A linear congruential generator's upper bits, -32768 to 32767."""
    state = seed
    values = []
    for _ in range(count):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        values.append((state >> 16) - 32768)
    return values


def wave_of(count, start, step):
    """A parabola's imitation of a sine, -16384 to 16384; the phase step grows by `step`/65536."""
    phase = 0
    increment = start << 16
    values = []
    for _ in range(count):
        x = ((phase >> 16) & 0xFFFF) - 32768
        values.append(x * (32768 - abs(x)) >> 14)
        phase = (phase + increment) & 0xFFFFFFFF
        increment += step
    return values


def mixed(loud, quiet, divisor):
    return [(a >> 1) + b // divisor for a, b in zip(loud, quiet)]


def signals():
    """Name -> (samples, zeros appended)."""
    return {
        "silence": ([0] * 4000, 0),
        "empty": ([], TAIL_SAMPLES),
        "direct-current": ([12345] * 4000, 0),
        "square": ([32767 if index // 73 % 2 else -32768 for index in range(6400)], 0),
        "least-bit": ([value >> 15 for value in noise(6400, 3)], 0),
        "quiet": ([value >> 13 for value in noise(6400, 4)], 0),
        "noise": (noise(6400, 1), 0),
        "chirp": (mixed(wave_of(8000, 40, 190000), noise(8000, 2), 64), 800),
        "one-sample": ([1000], 200),
        "short": (noise(199, 5), 0),
        "window": (noise(280, 6), 0),
        "window-and-one": (noise(281, 7), 0),
        "odd": (noise(1237, 8), 0),
    }


def write(path, frames):
    path.parent.mkdir(parents=True, exist_ok=True)
    frames.astype("<f4").tofile(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--golden", type=pathlib.Path)
    parser.add_argument("--wav-dir", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.golden:
        for name, (samples, tail) in signals().items():
            write(arguments.golden / f"{name}.f32", filterbank(samples, tail))
    if arguments.wav_dir:
        if not arguments.out:
            parser.error("--wav-dir needs --out")
        for path in sorted(arguments.wav_dir.glob("*.wav")):
            with wave.open(str(path)) as recording:
                samples = np.frombuffer(recording.readframes(recording.getnframes()), "<i2")
            write(arguments.out / f"{path.stem}.f32", filterbank(samples, TAIL_SAMPLES))


if __name__ == "__main__":
    main()
