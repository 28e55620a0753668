"""The exporter as it is called: what it writes, when it overwrites, how it fails."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import yaml
from safetensors.numpy import load_file

from . import synthetic


class ExportTests(unittest.TestCase):
    """The command line."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.source = synthetic.model(self.directory / "Synthetic model")
        self.out = self.directory / "out"

    def export(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the exporter."""
        command = [sys.executable, synthetic.EXPORTER, "--model-dir", self.source]
        return subprocess.run(
            [*command, "--out", self.out, *arguments], capture_output=True, text=True, check=False
        )

    def assert_fails(self, message: str, *arguments: str) -> None:
        """Expect one line on standard error, and nothing written."""
        result = self.export(*arguments)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertRegex(result.stderr, message)

    def digests(self) -> dict[str, str]:
        """Return what was written."""
        return {
            str(path.relative_to(self.out)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.out.rglob("*"))
            if path.is_file()
        }

    def test_writes_a_bundle_and_the_triton_models(self) -> None:
        result = self.export("--language", "en", "--language", "no")
        self.assertEqual(result.returncode, 0, result.stderr)
        name = "Synthetic-model"
        self.assertEqual(
            list(self.digests()),
            [
                "bundle/bpe.model",
                "bundle/decoder.safetensors",
                "bundle/model.yaml",
                "bundle/tokens.txt",
                f"triton/{name}-encoder/1/encoder.onnx",
                f"triton/{name}-encoder/1/model.py",
                f"triton/{name}-encoder/config.pbtxt",
                f"triton/{name}-encoder-resident/1/encoder.onnx",
                f"triton/{name}-encoder-resident/1/model.py",
                f"triton/{name}-encoder-resident/config.pbtxt",
            ],
        )
        model = yaml.safe_load((self.out / "bundle/model.yaml").read_text())
        self.assertEqual(model["name"], name)
        self.assertEqual(model["languages"], ["en", "no"])
        self.assertEqual(model["frontend"]["tail_padding_samples"], (9 + 21) * 160)
        self.assertEqual(model["encoder"]["output_frame_ms"], 20)
        self.assertEqual(
            model["encoder"]["states"][0],
            {
                "input": "state",
                "output": "new_state",
                "datatype": "FP32",
                "shape": [-1, 28],
                "batch_axis": 0,
            },
        )
        self.assertEqual(model["decoder"]["initial_context"], [-1, 0])
        self.assertEqual(model["decoder"]["unknown_id"], 2)
        weights = load_file(self.out / "bundle/decoder.safetensors")
        self.assertEqual(
            {name: tensor.shape for name, tensor in weights.items()},
            {
                "decoder.conv.weight": (8, 2, 2),
                "decoder.embedding.weight": (11, 8),
                "decoder.projection.bias": (8,),
                "decoder.projection.weight": (8, 8),
                "joiner.output.bias": (11,),
                "joiner.output.weight": (11, 8),
            },
        )

    def test_both_triton_models_are_one_encoder(self) -> None:
        self.assertEqual(self.export("--name", "m").returncode, 0)
        graph = self.digests()["triton/m-encoder/1/encoder.onnx"]
        self.assertEqual(self.digests()["triton/m-encoder-resident/1/encoder.onnx"], graph)
        model = yaml.safe_load((self.out / "bundle/model.yaml").read_text())["encoder"]
        self.assertEqual(model["triton_model"], "m-encoder")
        self.assertEqual(model["resident"], {"triton_model": "m-encoder-resident"})
        self.assertEqual(model["state_policy"], "carried")
        self.assertEqual(model["weights"], f"sha256:{graph}")
        line = f'parameters {{ key: "weights" value: {{ string_value: "sha256:{graph}" }} }}'
        for name in ("m-encoder", "m-encoder-resident"):
            config = (self.out / "triton" / name / "config.pbtxt").read_text()
            self.assertIn(f'name: "{name}"', config)
            self.assertIn(line, config)

    def test_the_state_policy_is_what_was_asked_for(self) -> None:
        self.assertEqual(self.export("--state-policy", "resident").returncode, 0)
        model = yaml.safe_load((self.out / "bundle/model.yaml").read_text())
        self.assertEqual(model["encoder"]["state_policy"], "resident")

    def test_calibration_of_confidence(self) -> None:
        result = self.export()
        self.assertIn("confidence: not calibrated", result.stdout)
        model = yaml.safe_load((self.out / "bundle/model.yaml").read_text())
        self.assertNotIn("confidence", model)
        given = self.out.parent / "confidence.yaml"
        levels = "".join(
            f"    {level}: {{ slope: 2.5, intercept: -1 }}\n"
            for level in ("token", "word", "utterance")
        )
        given.write_text(f"# Fitted.\nconfidence:\n  greedy:\n{levels}")
        result = self.export("--confidence", str(given), "--force")
        self.assertEqual(result.returncode, 0, result.stderr)
        model = yaml.safe_load((self.out / "bundle/model.yaml").read_text())
        self.assertEqual(set(model["confidence"]), {"greedy"})
        self.assertEqual(model["confidence"]["greedy"]["word"], {"slope": 2.5, "intercept": -1})
        options = ("--confidence", str(given), "--force")
        given.write_text(f"confidence:\n  greedy:\n{levels}".replace("2.5", "-2.5"))
        self.assert_fails("greedy.token.slope is not from 0.01 to 100.0", *options)
        given.write_text(f"confidence:\n  greedy:\n{levels}".replace("word", "words"))
        self.assert_fails("confidence has", *options)
        given.write_text("model: 1\n")
        self.assert_fails("no section confidence that can be read", *options)

    def test_output_is_the_same_each_time_and_replaced_only_by_force(self) -> None:
        self.assertEqual(self.export("--name", "m").returncode, 0)
        before = self.digests()
        self.assert_fails("bundle is there already: --force replaces it", "--name", "m")
        shutil.rmtree(self.out / "bundle")
        shutil.rmtree(self.out / "triton/m-encoder")
        self.assert_fails("m-encoder-resident is there already", "--name", "m")
        self.assertEqual(self.export("--name", "m", "--force").returncode, 0)
        (self.out / "bundle" / "stale").touch()
        self.assertEqual(self.export("--name", "m", "--force").returncode, 0)
        self.assertEqual(self.digests(), before)

    def test_the_whole_encoder_is_preferred_to_the_quantised(self) -> None:
        synthetic.encoder(self.source / "encoder-epoch-9-avg-1-chunk-4.int8.onnx", batch=1)
        self.assertRegex(self.export().stdout, "(?m)^encoder-epoch-9-avg-1-chunk-4.onnx: ")

    def test_an_encoder_for_one_stream_is_said_and_run_row_by_row(self) -> None:
        synthetic.model(self.source, batch=1)
        result = self.export("--name", "m")
        self.assertRegex(result.stderr, "exported for one stream")
        for name in ("m-encoder", "m-encoder-resident"):
            config = (self.out / "triton" / name / "config.pbtxt").read_text()
            self.assertIn('key: "row_by_row" value: { string_value: "true" }', config)

    def test_errors_are_one_line_and_leave_nothing(self) -> None:
        synthetic.encoder(self.source / "encoder-epoch-10.onnx")
        self.assert_fails("more than one encoder .*: choose one by --encoder")
        (self.source / "encoder-epoch-10.onnx").unlink()
        self.assert_fails("nothing.onnx: no such file", "--joiner", "nothing.onnx")
        self.assert_fails("letters, digits", "--name", "a/b")
        synthetic.tokens(self.source / "tokens.txt", 10)
        self.assert_fails("vocabularies differ in size: tokens.txt 10, decoder.* 11")
        (self.source / "tokens.txt").write_text("<blk> 0\nA 2\n")
        self.assert_fails("do not run from 0 without a gap")
        (self.source / "tokens.txt").write_text("<blk> 0\nA\n")
        self.assert_fails("tokens.txt:2: expected a piece and its number")
        (self.source / "bpe.model").unlink()
        self.assert_fails("bpe.model: no such file")
        for path in self.source.glob("joiner*"):
            path.unlink()
        self.assert_fails("no joiner\\*.onnx; a transducer has")
        self.assertFalse(self.out.exists())
