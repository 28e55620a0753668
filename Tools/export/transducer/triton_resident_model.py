"""Triton model: one chunk of a streaming encoder for a batch of streams whose states stay here.

A stream is a sequence of Triton's sequence batcher: its correlation id says whose state a chunk
needs. Requests have batch 1; Triton hands over those of different sequences that wait, and they run
as one batch. The session has one thread: with more, a stream's numbers would depend on what else is
in its batch.

A sequence's life, by the flags of its requests:

  START            not kept -> kept. The state before the chunk is zero, or that of the request's
                   state inputs, which come all or not at all.
  neither flag     kept -> kept. The chunk runs on the state that is kept.
  END              kept -> not kept, after the chunk if the request brings one.
  START and END    runs one chunk and keeps nothing.

Whoever names a state output gets the state after the chunk. Everything else is an error of that
request alone: another chunk than START for a sequence that is not kept (NOT_FOUND: this process may
have been started again, and a stream never goes on from zero), START for one that is
(ALREADY_EXISTS: streams never mix), tensors that do not fit (INVALID_ARG), no room (UNAVAILABLE).
A refused request leaves its sequence as it was, except that END always frees it.
"""

import json
import time
from collections import OrderedDict
from pathlib import Path

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils

# Triton does not tell when it gives up a sequence that is idle, or that was cancelled. Here one is
# given up when it is idle for longer than there, by as much as a request may wait between both, so
# that there are sequences which only this process still keeps: room is for this many times those
# that Triton has places for.
REAPING_DELAY_SECONDS = 10.0
ROWS_PER_PLACE = 2


class RefusedError(Exception):
    """Why a request is not run."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Sequence:
    """A stream that is kept."""

    __slots__ = ("row", "used_at")

    def __init__(self, row: int, used_at: float) -> None:
        self.row, self.used_at = row, used_at


class Chunk:
    """A request that will run."""

    __slots__ = ("ends", "features", "index", "requested", "row", "sequence", "starts", "states")

    def __init__(self, index: int, request: object) -> None:
        flags = request.flags()
        self.index = index
        self.sequence = request.correlation_id()
        self.starts = bool(flags & pb_utils.TRITONSERVER_REQUEST_FLAG_SEQUENCE_START)
        self.ends = bool(flags & pb_utils.TRITONSERVER_REQUEST_FLAG_SEQUENCE_END)
        self.requested = set(request.requested_output_names())
        self.features: np.ndarray | None = None
        # By input name; nothing where the kept state, or zero, is meant.
        self.states: dict[str, np.ndarray] = {}
        self.row = -1


class TritonPythonModel:
    """Runs encoder.onnx, whose inputs and outputs are named as in config.pbtxt."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the graph beside this file and make the arrays that everything runs in."""
        config = json.loads(args["model_config"])
        parameters = {
            key: value["string_value"] for key, value in config.get("parameters", {}).items()
        }
        batch = max(1, config["max_batch_size"])
        # A graph whose rows depend on one another, or that was exported for one stream, runs row by
        # row.
        self.largest_batch = 1 if parameters.get("row_by_row") == "true" else batch

        # The features come first among the inputs, and what they become first among the outputs;
        # the states follow, in the same order on both sides.
        self.features, *state_inputs = [tensor["name"] for tensor in config["input"]]
        self.output, *state_outputs = [tensor["name"] for tensor in config["output"]]
        self.state_outputs = dict(zip(state_inputs, state_outputs, strict=True))
        # What one batch goes in and comes out by. All arrays are made once: pages that are mapped
        # anew for each batch would cost more than copying does.
        self.inputs = {tensor["name"]: _rows(batch, tensor) for tensor in config["input"]}
        self.outputs = {tensor["name"]: _rows(batch, tensor) for tensor in config["output"]}

        batching = config["sequence_batching"]
        self.maximum_sequences = ROWS_PER_PLACE * int(batching["oldest"]["max_candidate_sequences"])
        self.idle_seconds = (
            int(batching["max_sequence_idle_microseconds"]) / 1e6 + REAPING_DELAY_SECONDS
        )
        # A row for each sequence, whose memory the system provides when the row is first used, and
        # one for what is not kept.
        self.kept = {
            tensor["name"]: _rows(self.maximum_sequences + 1, tensor)
            for tensor in config["input"][1:]
        }
        self.discarded_row = self.maximum_sequences
        # The last one freed is the next one used, so that few streams use little memory.
        self.free_rows = list(range(self.maximum_sequences - 1, -1, -1))
        # The longest unused first.
        self.sequences: OrderedDict[int | str, Sequence] = OrderedDict()

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        graph = Path(args["model_repository"]) / args["model_version"] / "encoder.onnx"
        self.session = onnxruntime.InferenceSession(
            str(graph), options, providers=["CPUExecutionProvider"]
        )

    def execute(self, requests: list) -> list:
        """Answer each request; a bad one fails alone."""
        now = time.monotonic()
        self._reap(now)
        responses: list = [None] * len(requests)
        chunks: list[Chunk] = []
        present: set[int | str] = set()
        for index, request in enumerate(requests):
            chunk = Chunk(index, request)
            try:
                if chunk.sequence in present:
                    raise RefusedError(
                        pb_utils.TritonError.INTERNAL,
                        f"two requests of sequence {chunk.sequence} in one batch",
                    )
                present.add(chunk.sequence)
                if self._accept(chunk, request, now):
                    chunks.append(chunk)
                else:
                    responses[index] = pb_utils.InferenceResponse([])
            except RefusedError as error:
                responses[index] = _failure(error.code, str(error))
        if not chunks:
            return responses

        try:
            self._gather(chunks)
            self._run(len(chunks))
        except Exception as error:  # A failing graph must be an answer, not a dead model.
            for chunk in chunks:
                responses[chunk.index] = _failure(
                    pb_utils.TritonError.INTERNAL, f"encoder.onnx failed: {error}"
                )
                if chunk.starts or chunk.ends:
                    self._free(chunk.sequence)
            return responses

        self._scatter(chunks)
        for place, chunk in enumerate(chunks):
            responses[chunk.index] = pb_utils.InferenceResponse(
                [
                    pb_utils.Tensor(name, values[place : place + 1])
                    for name, values in self.outputs.items()
                    if name in chunk.requested
                ]
            )
            if chunk.ends:
                self._free(chunk.sequence)
        return responses

    def _accept(self, chunk: Chunk, request: object, now: float) -> bool:
        """Check a request and find its row; tell whether there is something to run."""
        kept = self.sequences.get(chunk.sequence)
        if chunk.starts and kept is not None:
            raise RefusedError(
                pb_utils.TritonError.ALREADY_EXISTS,
                f"sequence {chunk.sequence} is in use: a START needs an id of its own",
            )
        if not chunk.starts and kept is None:
            raise RefusedError(
                pb_utils.TritonError.NOT_FOUND,
                f"sequence {chunk.sequence} is not kept here: start another, from its last state",
            )
        try:
            self._read(chunk, request)
        except RefusedError:
            if chunk.ends and not chunk.starts:
                self._free(chunk.sequence)
            raise
        if kept is not None:
            if chunk.features is None:
                self._free(chunk.sequence)
                return False
            kept.used_at = now
            self.sequences.move_to_end(chunk.sequence)
            chunk.row = kept.row
        elif chunk.ends:
            chunk.row = self.discarded_row
        elif self.free_rows:
            chunk.row = self.free_rows.pop()
            self.sequences[chunk.sequence] = Sequence(chunk.row, now)
        else:
            raise RefusedError(
                pb_utils.TritonError.UNAVAILABLE,
                f"{self.maximum_sequences} sequences are kept, as many as there is room for",
            )
        return True

    def _read(self, chunk: Chunk, request: object) -> None:
        """Read a request's tensors."""
        chunk.features = self._tensor(request, self.features)
        for name in self.state_outputs:
            values = self._tensor(request, name)
            if values is not None:
                chunk.states[name] = values
        if chunk.features is None and (chunk.starts or not chunk.ends or chunk.states):
            raise RefusedError(
                pb_utils.TritonError.INVALID_ARG, f"input {self.features} is missing"
            )
        if chunk.states and not chunk.starts:
            raise RefusedError(
                pb_utils.TritonError.INVALID_ARG,
                f"input {next(iter(chunk.states))}: a state comes only with START",
            )
        for name in self.state_outputs:
            if chunk.states and name not in chunk.states:
                raise RefusedError(
                    pb_utils.TritonError.INVALID_ARG,
                    f"input {name} is missing: a state comes whole or not at all",
                )

    def _tensor(self, request: object, name: str) -> np.ndarray | None:
        tensor = pb_utils.get_input_tensor_by_name(request, name)
        if tensor is None:
            return None
        values, expected = tensor.as_numpy(), self.inputs[name]
        if values.shape != (1, *expected.shape[1:]) or values.dtype != expected.dtype:
            raise RefusedError(
                pb_utils.TritonError.INVALID_ARG,
                f"input {name} is {values.dtype} {list(values.shape)}, expected"
                f" {expected.dtype} {[1, *expected.shape[1:]]}",
            )
        return values

    def _gather(self, chunks: list[Chunk]) -> None:
        """Put the features and states of a batch side by side."""
        for place, chunk in enumerate(chunks):
            self.inputs[self.features][place] = chunk.features[0]
        rows = [chunk.row for chunk in chunks]
        for name, kept in self.kept.items():
            joined = self.inputs[name]
            # The rows are valid; any mode but the default spares a copy of the result.
            np.take(kept, rows, axis=0, out=joined[: len(chunks)], mode="clip")
            for place, chunk in enumerate(chunks):
                if chunk.starts:
                    joined[place] = chunk.states[name][0] if chunk.states else 0

    def _run(self, count: int) -> None:
        """Run the graph over a batch, from `inputs` to `outputs`."""
        for start in range(0, count, self.largest_batch):
            end = min(start + self.largest_batch, count)
            binding = self.session.io_binding()
            for bind, tensors in (
                (binding.bind_input, self.inputs),
                (binding.bind_output, self.outputs),
            ):
                for name, values in tensors.items():
                    # The arrays outlive the run, and their rows lie one after the other.
                    rows = values[start:end]
                    bind(name, "cpu", 0, values.dtype.type, rows.shape, rows.ctypes.data)
            self.session.run_with_iobinding(binding)

    def _scatter(self, chunks: list[Chunk]) -> None:
        """Keep the states after the batch."""
        # What ends is written too, into the row that it frees or the one for what is not kept.
        rows = [chunk.row for chunk in chunks]
        for name, output in self.state_outputs.items():
            self.kept[name][rows] = self.outputs[output][: len(chunks)]

    def _free(self, sequence: int | str) -> None:
        kept = self.sequences.pop(sequence, None)
        if kept is not None:
            self.free_rows.append(kept.row)

    def _reap(self, now: float) -> None:
        """Give up sequences that nobody ended."""
        while self.sequences:
            sequence, kept = next(iter(self.sequences.items()))
            if now - kept.used_at <= self.idle_seconds:
                return
            self._free(sequence)


def _rows(count: int, tensor: dict) -> np.ndarray:
    """Return an array of so many rows of a tensor that config.pbtxt describes."""
    shape = (count, *(int(size) for size in tensor["dims"]))
    return np.empty(shape, pb_utils.triton_string_to_numpy(tensor["data_type"]))


def _failure(code: int, message: str) -> object:
    return pb_utils.InferenceResponse([], pb_utils.TritonError(message, code))
