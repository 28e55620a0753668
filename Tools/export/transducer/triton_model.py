"""Triton model: one chunk of a streaming encoder for a batch of streams.

Every tensor has the batch as axis 0. States travel with the requests ("carried"): nothing of a
stream stays here, so that any server can take any chunk. Triton's dynamic batcher hands over the
requests that wait; they run as one batch. The session has one thread: with more, a stream's numbers
would depend on what else is in its batch.
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Runs encoder.onnx, whose inputs and outputs are named as in config.pbtxt."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the graph beside this file."""
        config = json.loads(args["model_config"])
        parameters = {
            key: value["string_value"] for key, value in config.get("parameters", {}).items()
        }
        # A graph whose rows depend on one another, or that was exported for one stream, runs row by
        # row.
        self.largest_batch = (
            1 if parameters.get("row_by_row") == "true" else max(1, config["max_batch_size"])
        )
        self.output_names = [output["name"] for output in config["output"]]
        self.input_shapes = {
            tensor["name"]: tuple(int(size) for size in tensor["dims"])
            for tensor in config["input"]
        }
        # Where several requests become one batch: kept, since a new array of this size would have
        # its pages mapped anew by each run.
        self.joined = {
            tensor["name"]: np.empty(
                (max(1, config["max_batch_size"]), *self.input_shapes[tensor["name"]]),
                pb_utils.triton_string_to_numpy(tensor["data_type"]),
            )
            for tensor in config["input"]
        }

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        graph = Path(args["model_repository"]) / args["model_version"] / "encoder.onnx"
        self.session = onnxruntime.InferenceSession(
            str(graph), options, providers=["CPUExecutionProvider"]
        )

    def execute(self, requests: list) -> list:
        """Answer each request with its own rows of the batch; a bad one fails alone."""
        responses: list = [None] * len(requests)
        accepted: list[tuple[int, dict[str, np.ndarray], set[str]]] = []
        for index, request in enumerate(requests):
            try:
                requested = set(request.requested_output_names())
                accepted.append((index, self._tensors(request), requested))
            except ValueError as error:
                responses[index] = _failure(str(error), pb_utils.TritonError.INVALID_ARG)
        if not accepted:
            return responses

        # An output that nobody asked for is neither copied out of the graph nor sent.
        wanted = set().union(*(names for _, _, names in accepted))
        names = [name for name in self.output_names if name in wanted]
        try:
            results = self._run([tensors for _, tensors, _ in accepted], names)
        except Exception as error:  # A failing graph must be an answer, not a dead model.
            for index, _, _ in accepted:
                responses[index] = _failure(
                    f"encoder.onnx failed: {error}", pb_utils.TritonError.INTERNAL
                )
            return responses

        start = 0
        for index, tensors, requested in accepted:
            end = start + len(next(iter(tensors.values())))
            responses[index] = pb_utils.InferenceResponse(
                [
                    pb_utils.Tensor(name, result[start:end])
                    for name, result in zip(names, results, strict=True)
                    if name in requested
                ]
            )
            start = end
        return responses

    def _tensors(self, request: object) -> dict[str, np.ndarray]:
        """Return a request's inputs; raise ValueError where they cannot join a batch."""
        tensors, rows = {}, 0
        for name, shape in self.input_shapes.items():
            tensor = pb_utils.get_input_tensor_by_name(request, name)
            if tensor is None:
                raise ValueError(f"input {name} is missing")
            array = tensor.as_numpy()
            rows = rows or len(array)
            if array.shape != (rows, *shape):
                raise ValueError(
                    f"input {name} has shape {list(array.shape)}, expected {[rows, *shape]}"
                )
            tensors[name] = array
        return tensors

    def _run(self, batch: list[dict[str, np.ndarray]], names: list[str]) -> list[np.ndarray]:
        """Run the graph over all rows of all requests."""
        rows = sum(len(next(iter(tensors.values()))) for tensors in batch)
        joined = batch[0]
        if len(batch) > 1:
            joined = {
                name: np.concatenate([tensors[name] for tensors in batch], out=buffer[:rows])
                for name, buffer in self.joined.items()
            }
        if rows <= self.largest_batch:
            return self.session.run(names, joined)
        parts = [
            self.session.run(
                names,
                {name: a[i : i + self.largest_batch] for name, a in joined.items()},
            )
            for i in range(0, rows, self.largest_batch)
        ]
        return [np.concatenate(part) for part in zip(*parts, strict=True)]


def _failure(message: str, code: int) -> object:
    return pb_utils.InferenceResponse([], pb_utils.TritonError(message, code))
