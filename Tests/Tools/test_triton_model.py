"""Triton's model.py, with Triton's own module stood in for."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import numpy as np
from transducer import encoder, triton

from . import synthetic, triton_backend
from .triton_backend import Request

ALL = ["encoder_out", "new_state", "new_state_int64"]


class TritonModelTests(unittest.TestCase):
    """Batches of requests."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.random = np.random.default_rng(4)

    def model(self, *, row_by_row: bool = False, **of_encoder: object) -> object:
        """Export a synthetic encoder and load its model.py."""
        path = self.directory / "encoder.onnx"
        synthetic.encoder(path, **of_encoder)
        found = encoder.describe(path)
        graph = triton.Graph(found, encoder.packed(found).SerializeToString(), row_by_row)
        triton.write_carried(self.directory / "m", "m", graph)
        return triton_backend.load(self, self.directory / "m")

    def request(self, rows: int, outputs: list[str] = ALL) -> Request:
        """Make a request of random values."""
        tensors = {
            "x": self.random.standard_normal((rows, 9, 6)).astype(np.float32),
            "state": self.random.standard_normal((rows, 28)).astype(np.float32),
            "state_int64": self.random.integers(0, 100, (rows, 2)),
        }
        return Request(tensors, outputs)

    def test_requests_get_their_own_rows(self) -> None:
        model = self.model()
        requests = [self.request(rows) for rows in (1, 3, 1, 2)]
        together = model.execute(requests)
        for request, answer in zip(requests, together, strict=True):
            alone = model.execute([request])[0]
            self.assertIsNone(answer.error)
            self.assertEqual(list(answer.tensors), ALL)
            for name in ALL:
                # Small products round otherwise in another batch; a neighbour's row would be far.
                np.testing.assert_allclose(answer.tensors[name], alone.tensors[name], atol=1e-5)
        counts = together[1].tensors["new_state_int64"]
        np.testing.assert_array_equal(counts, requests[1].tensors["state_int64"] + 4)

    def test_a_bad_request_fails_alone(self) -> None:
        model = self.model()
        good, short, uneven, lacking = (self.request(2) for _ in range(4))
        short.tensors["x"] = short.tensors["x"][:, :8]
        uneven.tensors["state"] = uneven.tensors["state"][:1]
        del lacking.tensors["state_int64"]
        answers = model.execute([short, good, uneven, lacking])
        self.assertEqual(answers[0].error, "input x has shape [2, 8, 6], expected [2, 9, 6]")
        self.assertIsNone(answers[1].error)
        self.assertEqual(answers[0].code, triton_backend.TritonError.INVALID_ARG)
        self.assertEqual(answers[2].error, "input state has shape [1, 28], expected [2, 28]")
        self.assertEqual(answers[3].error, "input state_int64 is missing")
        self.assertEqual(model.execute([short])[0].error, answers[0].error)

    def test_only_requested_outputs_are_sent(self) -> None:
        model = self.model()
        few, all_of_them = model.execute([self.request(1, ["encoder_out"]), self.request(1)])
        self.assertEqual(list(few.tensors), ["encoder_out"])
        self.assertEqual(list(all_of_them.tensors), ALL)

    def test_a_failing_graph_is_an_answer(self) -> None:
        model = self.model()
        request = self.request(1)
        request.tensors["state_int64"] = request.tensors["state_int64"].astype(np.int32)
        self.assertRegex(model.execute([request])[0].error, "^encoder.onnx failed: ")

    def test_rows_run_alone_where_they_must(self) -> None:
        for of_encoder in ({"batch": 1}, {"leaks_over_rows": True}):
            with self.subTest(**of_encoder):
                self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
                model = self.model(row_by_row=True, **of_encoder)
                requests = [self.request(2), self.request(1)]
                together = model.execute(requests)
                for request, answer in zip(requests, together, strict=True):
                    for row in range(len(request.tensors["x"])):
                        one = {name: a[row : row + 1] for name, a in request.tensors.items()}
                        alone = model.execute([Request(one, ALL)])[0]
                        for name in ALL:
                            np.testing.assert_array_equal(
                                answer.tensors[name][row : row + 1], alone.tensors[name]
                            )
