"""The weights of the prediction network and the joiner, found in graphs of several forms."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import numpy as np
from transducer import head
from transducer.errors import ExportError

from . import synthetic


class HeadTests(unittest.TestCase):
    """Extraction, and its proof."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.decoder = Path(directory.name) / "decoder.onnx"
        self.joiner = Path(directory.name) / "joiner.onnx"
        synthetic.joiner(self.joiner)

    def verify(self) -> tuple[float, float]:
        """Extract from both files and compare with the graphs."""
        return head.verify(
            *head.read_prediction_network(self.decoder), *head.read_joiner(self.joiner)
        )

    def test_weights_reproduce_graphs_of_each_form(self) -> None:
        for form in ("gemm", "untransposed", "scaled", "matmul"):
            with self.subTest(form=form):
                synthetic.decoder(self.decoder, form=form)
                self.assertLess(max(self.verify()), 1e-5)

    def test_shapes_are_those_of_the_bundle(self) -> None:
        synthetic.decoder(self.decoder, form="matmul")
        network, _ = head.read_prediction_network(self.decoder)
        joiner, _ = head.read_joiner(self.joiner)
        self.assertEqual(network.embedding.shape, (11, 8))
        self.assertEqual(network.convolution.shape, (8, 2, 2))
        self.assertEqual(network.projection.shape, (8, 8))
        self.assertEqual(joiner.weight.shape, (11, 8))

    def test_a_graph_that_computes_something_else_is_refused(self) -> None:
        synthetic.decoder(self.decoder, masks=False)
        with self.assertRaisesRegex(ExportError, "decoder.onnx: .* do not reproduce it"):
            self.verify()

    def test_one_wrong_weight_is_noticed(self) -> None:
        synthetic.decoder(self.decoder)
        network, graph = head.read_prediction_network(self.decoder)
        joiner, joiner_graph = head.read_joiner(self.joiner)
        weight = joiner.weight.copy()
        weight[3, 5] += 0.01
        with self.assertRaisesRegex(ExportError, "joiner.onnx: .* do not reproduce it"):
            head.verify(network, graph, head.Joiner(weight, joiner.bias), joiner_graph)

    def test_other_joiners_are_refused(self) -> None:
        synthetic.joiner(self.joiner, activation="Relu")
        with self.assertRaisesRegex(ExportError, "not linear\\(tanh\\("):
            head.read_joiner(self.joiner)

    def test_other_decoders_are_refused(self) -> None:
        synthetic.encoder(self.decoder)
        with self.assertRaisesRegex(ExportError, "not a stateless prediction network"):
            head.read_prediction_network(self.decoder)

    def test_context_that_has_just_begun_embeds_as_zeros(self) -> None:
        synthetic.decoder(self.decoder)
        network, _ = head.read_prediction_network(self.decoder)
        np.testing.assert_allclose(network(np.array([[-1, -1]]))[0], network.projection_bias)
