"""Stands in for the module that Triton's Python backend gives models to import."""

from __future__ import annotations

import importlib.util
import json
import sys
import types
import unittest
from pathlib import Path

import numpy as np
from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2


class Tensor:
    """As pb_utils.Tensor."""

    def __init__(self, name: str, values: np.ndarray) -> None:
        self.name, self.values = name, values

    def as_numpy(self) -> np.ndarray:
        """Return the values."""
        return self.values


class Request:
    """As pb_utils.InferenceRequest."""

    def __init__(
        self, tensors: dict[str, np.ndarray], outputs: list[str], sequence: int = 0, flags: int = 0
    ) -> None:
        self.tensors, self.outputs = tensors, outputs
        self.sequence, self.sequence_flags = sequence, flags

    def requested_output_names(self) -> list[str]:
        """Return what the client named."""
        return self.outputs

    def correlation_id(self) -> int:
        """Return the sequence's id."""
        return self.sequence

    def flags(self) -> int:
        """Return whether the request starts or ends its sequence."""
        return self.sequence_flags


class TritonError:
    """As pb_utils.TritonError."""

    INTERNAL, NOT_FOUND, INVALID_ARG, UNAVAILABLE, ALREADY_EXISTS = 1, 2, 3, 4, 6

    def __init__(self, message: str, code: int = INTERNAL) -> None:
        self.message, self.code = message, code


class Response:
    """As pb_utils.InferenceResponse."""

    def __init__(self, tensors: list[Tensor], error: TritonError | None = None) -> None:
        # The server copies the tensors when the model returns.
        self.tensors = {tensor.name: tensor.values.copy() for tensor in tensors}
        self.error = error and error.message
        self.code = error and error.code


def module() -> types.ModuleType:
    """Return what the server gives models to import."""
    module = types.ModuleType("triton_python_backend_utils")
    module.Tensor, module.InferenceResponse, module.TritonError = Tensor, Response, TritonError
    module.TRITONSERVER_REQUEST_FLAG_SEQUENCE_START = 1
    module.TRITONSERVER_REQUEST_FLAG_SEQUENCE_END = 2

    def get_input_tensor_by_name(request: Request, name: str) -> Tensor | None:
        values = request.tensors.get(name)
        return None if values is None else Tensor(name, values)

    module.get_input_tensor_by_name = get_input_tensor_by_name
    module.triton_string_to_numpy = {"TYPE_FP32": np.float32, "TYPE_INT64": np.int64}.get
    return module


def load(test: unittest.TestCase, directory: Path, **changes: object) -> object:
    """Import a written model's model.py and initialise it with its configuration, changed so."""
    sys.modules["triton_python_backend_utils"] = module()
    test.addCleanup(sys.modules.pop, "triton_python_backend_utils", None)
    spec = importlib.util.spec_from_file_location("model", directory / "1/model.py")
    code = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(code)
    config = text_format.Parse(
        (directory / "config.pbtxt").read_text(), model_config_pb2.ModelConfig()
    )
    model = code.TritonPythonModel()
    model.initialize(
        {
            # As in a server: names as in the file, 64-bit numbers as strings.
            "model_config": json.dumps(
                json_format.MessageToDict(config, preserving_proto_field_name=True) | changes
            ),
            "model_repository": str(directory),
            "model_version": "1",
        }
    )
    return model
