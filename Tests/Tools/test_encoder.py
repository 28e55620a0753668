"""The encoder's description, and the graph that Triton serves."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import numpy as np
from transducer import encoder, verification
from transducer.errors import ExportError

from . import synthetic


class EncoderTests(unittest.TestCase):
    """Encoders of several kinds."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "encoder.onnx"

    def test_describes_what_the_graph_and_its_metadata_say(self) -> None:
        synthetic.encoder(self.path)
        found = encoder.describe(self.path)
        self.assertEqual((found.chunk_frames, found.chunk_shift_frames), (9, 4))
        self.assertEqual((found.mel_bins, found.output_frames, found.output_dim), (6, 2, 8))
        self.assertEqual([s.batch_axis for s in found.states], [0, 1, 1])
        packed = [(g.input, g.output, g.datatype, g.size) for g in found.packed_states]
        self.assertEqual(
            packed,
            [
                ("state", "new_state", "FP32", 3 * 6 + 2 * 5),
                ("state_int64", "new_state_int64", "INT64", 2),
            ],
        )

    def test_packed_graph_moves_each_value_to_its_place(self) -> None:
        for opset in (11, 13, 17):
            with self.subTest(opset=opset):
                synthetic.encoder(self.path, opset=opset)
                graph = encoder.session(encoder.packed(encoder.describe(self.path)))
                x = np.arange(2 * 9 * 6, dtype=np.float32).reshape(2, 9, 6)
                state = np.arange(2 * 28, dtype=np.float32).reshape(2, 28)
                counts = np.array([[1, 2], [3, 4]], np.int64)
                fed = {"x": x, "state": state, "state_int64": counts}
                _, new_state, new_counts = graph.run(None, fed)
                np.testing.assert_array_equal(new_counts, counts + 4)
                np.testing.assert_array_equal(new_state[:, :18], x[:, -3:].reshape(2, 18))
                np.testing.assert_array_equal(new_state[:, 18:], 2 * state[:, 18:] + 1)

    def test_packed_graph_equals_the_original_over_chunks(self) -> None:
        synthetic.encoder(self.path)
        found = encoder.describe(self.path)
        proof = verification.verify(found, encoder.packed(found))
        self.assertEqual(proof.to_original, 0)
        # So small a matrix product takes another path at batch 1, and rounds otherwise.
        self.assertLess(proof.to_batch, 1e-5)
        self.assertTrue(proof.rows_are_independent)

    def test_states_pair_by_order_where_their_names_say_nothing(self) -> None:
        synthetic.encoder(self.path, state_names=("left", "right"))
        found = encoder.describe(self.path)
        self.assertEqual([s.output for s in found.states], ["right_a", "right_b", "right_n"])

    def test_fixed_batch_is_one_stream(self) -> None:
        synthetic.encoder(self.path, batch=1)
        found = encoder.describe(self.path)
        proof = verification.verify(found, encoder.packed(found))
        self.assertFalse(found.has_dynamic_batch)
        self.assertEqual((proof.to_original, proof.rows_are_independent), (0, False))

    def test_rows_that_see_one_another_are_noticed(self) -> None:
        synthetic.encoder(self.path, leaks_over_rows=True)
        found = encoder.describe(self.path)
        proof = verification.verify(found, encoder.packed(found))
        self.assertGreater(proof.to_batch, 1e-2)
        self.assertFalse(proof.rows_are_independent)

    def test_refuses_what_is_no_streaming_encoder(self) -> None:
        synthetic.decoder(self.path)
        with self.assertRaisesRegex(ExportError, "encoder.onnx: not a streaming encoder: 1 inputs"):
            encoder.describe(self.path)
        synthetic.encoder(self.path, metadata={"T": 9})
        with self.assertRaisesRegex(ExportError, "decode_chunk_len; it has none"):
            encoder.describe(self.path)
        synthetic.encoder(self.path, metadata={"T": 8, "decode_chunk_len": 4})
        with self.assertRaisesRegex(ExportError, "takes 9 frames, but its metadata says T = 8"):
            encoder.describe(self.path)
        synthetic.encoder(self.path, batch=3)
        with self.assertRaisesRegex(ExportError, "a fixed batch of 3"):
            encoder.describe(self.path)
        self.path.write_bytes(b"no model")
        with self.assertRaisesRegex(ExportError, "not a readable ONNX model"):
            encoder.describe(self.path)
