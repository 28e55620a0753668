"""Triton's model.py, with Triton's own module stood in for."""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
import types
import unittest
from pathlib import Path

import numpy as np
from transducer import encoder, triton

from . import synthetic


class Tensor:
    """As pb_utils.Tensor."""

    def __init__(self, name: str, values: np.ndarray) -> None:
        self.name, self.values = name, values

    def as_numpy(self) -> np.ndarray:
        return self.values


class Request:
    """As pb_utils.InferenceRequest."""

    def __init__(self, tensors: dict[str, np.ndarray], outputs: list[str]) -> None:
        self.tensors, self.outputs = tensors, outputs

    def requested_output_names(self) -> list[str]:
        return self.outputs


class Response:
    """As pb_utils.InferenceResponse."""

    def __init__(self, tensors: list[Tensor], error: str | None = None) -> None:
        # The server copies the tensors when the model returns.
        self.tensors = {tensor.name: tensor.values.copy() for tensor in tensors}
        self.error = error


def backend_module() -> types.ModuleType:
    """Return what the server gives models to import."""
    module = types.ModuleType("triton_python_backend_utils")
    module.Tensor, module.InferenceResponse, module.TritonError = Tensor, Response, str

    def get_input_tensor_by_name(request: Request, name: str) -> Tensor | None:
        values = request.tensors.get(name)
        return None if values is None else Tensor(name, values)

    module.get_input_tensor_by_name = get_input_tensor_by_name
    module.triton_string_to_numpy = {"TYPE_FP32": np.float32, "TYPE_INT64": np.int64}.get
    return module


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
        packed = encoder.packed(found)
        triton.write(self.directory / "m", "m", found, packed, row_by_row=row_by_row)
        sys.modules["triton_python_backend_utils"] = backend_module()
        self.addCleanup(sys.modules.pop, "triton_python_backend_utils", None)
        spec = importlib.util.spec_from_file_location("model", self.directory / "m/1/model.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        parameters = {"row_by_row": {"string_value": "true"}} if row_by_row else {}
        config = {
            "max_batch_size": 64,
            "parameters": parameters,
            "input": [
                {"name": "x", "data_type": "TYPE_FP32", "dims": ["9", "6"]},
                {"name": "state", "data_type": "TYPE_FP32", "dims": ["28"]},
                {"name": "state_int64", "data_type": "TYPE_INT64", "dims": ["2"]},
            ],
            "output": [{"name": name} for name in ALL],
        }
        model = module.TritonPythonModel()
        model.initialize(
            {
                "model_config": json.dumps(config),
                "model_repository": str(self.directory / "m"),
                "model_version": "1",
            }
        )
        return model

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
