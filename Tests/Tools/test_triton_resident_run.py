"""Sequences on a real Triton: what the exported models and the server do together."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import numpy as np
from grpc import StatusCode
from tritonclient.grpc import service_pb2

from . import synthetic
from .triton_server import CALL_SECONDS, GONE_SECONDS, Answer, Server, processes_of

RESIDENT, CARRIED = "m-encoder-resident", "m-encoder"
OUTPUT = ["encoder_out"]
ALL = [*OUTPUT, "new_state", "new_state_int64"]
NO_START = "must specify the START flag on the first request of the sequence"


def export(directory: Path) -> Path:
    """Export a synthetic model and return its Triton model repository."""
    subprocess.run(
        [sys.executable, synthetic.EXPORTER, "--out", directory / "out", "--name", "m"]
        + ["--model-dir", synthetic.model(directory / "source")],
        check=True,
        capture_output=True,
    )
    return directory / "out/triton"


def features(seed: int) -> np.ndarray:
    """Make a chunk."""
    return np.random.default_rng(seed).standard_normal((1, 9, 6)).astype(np.float32)


class Stream:
    """A sequence with an id of its own."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.identifier = random.getrandbits(62) + 1

    def start(self, seed: int, outputs: list[str] = OUTPUT, **states: np.ndarray) -> Answer:
        """Run the first chunk."""
        return self.chunk(seed, outputs, start=True, **states)

    def chunk(
        self,
        seed: int,
        outputs: list[str] = OUTPUT,
        *,
        start: bool = False,
        end: bool = False,
        **states: np.ndarray,
    ) -> Answer:
        """Run a chunk."""
        tensors = {"x": features(seed), **states}
        return self.request(tensors, outputs, sequence_start=start, sequence_end=end)

    def end(self) -> Answer:
        """End without a chunk."""
        return self.request({}, OUTPUT, sequence_end=True)

    def request(self, tensors: dict[str, np.ndarray], outputs: list[str], **flags: bool) -> Answer:
        """Send anything."""
        return self.server.infer(
            RESIDENT,
            tensors,
            outputs,
            identifier="stream/0/1",
            sequence_id=self.identifier,
            **flags,
        )


class TritonCase(unittest.TestCase):
    """What the tests of one server and those of a server each have in common."""

    def assert_equal(self, answer: Answer, expected: Answer) -> None:
        """Expect the same tensors, bit by bit."""
        self.assertEqual(answer.code, StatusCode.OK, answer.message)
        self.assertEqual(list(answer.tensors), list(expected.tensors))
        for name, values in expected.tensors.items():
            np.testing.assert_array_equal(answer.tensors[name], values)

    def assert_refused(self, answer: Answer, code: StatusCode, message: str) -> None:
        """Expect an error."""
        self.assertEqual(answer.code, code, answer.message)
        self.assertIn(message, answer.message)


class SharedServerTests(TritonCase):
    """Streams of one server."""

    @classmethod
    def setUpClass(cls) -> None:
        directory = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.server = Server(export(directory), RESIDENT)
        cls.addClassCleanup(cls.server.stop)

    def carried(self, seeds: list[int]) -> list[Answer]:
        """Run a stream through the carried model."""
        states = [np.zeros((1, 28), np.float32), np.zeros((1, 2), np.int64)]
        answers = []
        for seed in seeds:
            tensors = {"x": features(seed), "state": states[0], "state_int64": states[1]}
            answers.append(self.server.infer(CARRIED, tensors, ALL))
            states = [answers[-1].tensors[name] for name in ALL[1:]]
        return answers

    def test_interleaved_streams_equal_the_carried_model(self) -> None:
        expected = [self.carried(range(10 * stream, 10 * stream + 5)) for stream in range(3)]
        streams = [Stream(self.server) for _ in expected]
        for number in range(5):
            for index, stream in enumerate(streams):
                answer = stream.chunk(10 * index + number, ALL, start=number == 0, end=number == 4)
                self.assert_equal(answer, expected[index][number])
                self.assertEqual(answer.identifier, "stream/0/1")

    def test_a_snapshot_restores_and_the_replay_is_the_same(self) -> None:
        first, second = Stream(self.server), Stream(self.server)
        first.start(1)
        snapshot = first.chunk(2, ALL).tensors
        rest = [first.chunk(seed) for seed in (3, 4, 5)]
        states = {"state": snapshot["new_state"], "state_int64": snapshot["new_state_int64"]}
        self.assert_equal(second.start(3, **states), rest[0])
        self.assert_equal(second.chunk(4), rest[1])
        self.assert_equal(second.chunk(5), rest[2])
        for stream in (first, second):
            self.assertEqual(stream.end().code, StatusCode.OK)

    def test_end_frees_and_brings_no_tensors(self) -> None:
        for with_chunk in (True, False):
            stream = Stream(self.server)
            stream.start(1)
            answer = stream.chunk(2, end=True) if with_chunk else stream.end()
            self.assertEqual(answer.code, StatusCode.OK, answer.message)
            self.assertEqual(answer.identifier, "stream/0/1")
            self.assertEqual(list(answer.tensors), OUTPUT if with_chunk else [])
            self.assert_refused(stream.chunk(3), StatusCode.INVALID_ARGUMENT, NO_START)
            self.assert_refused(stream.end(), StatusCode.INVALID_ARGUMENT, NO_START)

    def test_a_probe_keeps_nothing(self) -> None:
        stream = Stream(self.server)
        probe = stream.chunk(1, ALL, start=True, end=True)
        self.assert_equal(probe, self.carried([1])[0])
        self.assert_refused(stream.chunk(2), StatusCode.INVALID_ARGUMENT, NO_START)

    def test_a_start_on_an_id_in_use_leaves_the_first_stream_alone(self) -> None:
        expected = self.carried([1, 2])
        stream = Stream(self.server)
        stream.start(1)
        self.assert_refused(stream.start(9), StatusCode.ALREADY_EXISTS, "is in use")
        self.assert_equal(stream.chunk(2, ALL, end=True), expected[1])

    def test_bad_requests_leave_their_stream_as_it_was(self) -> None:
        expected = self.carried([1, 2])
        stream = Stream(self.server)
        stream.start(1)
        whole = {"state": np.zeros((1, 28), np.float32), "state_int64": np.zeros((1, 2), np.int64)}
        for tensors, message in (
            ({"x": features(2)[:, :8]}, "unexpected shape for input 'x'"),
            ({"x": features(2).astype(np.int64)}, "data-type is 'INT64'"),
            ({"x": np.concatenate([features(2)] * 2)}, "must specify batch-size 1"),
            ({"x": features(2), **whole}, "a state comes only with START"),
            ({}, "input x is missing"),
        ):
            with self.subTest(message):
                answer = stream.request(tensors, OUTPUT)
                self.assert_refused(answer, StatusCode.INVALID_ARGUMENT, message)
        self.assert_equal(stream.chunk(2, ALL, end=True), expected[1])
        half = Stream(self.server)
        answer = half.start(1, state=whole["state"])
        self.assert_refused(answer, StatusCode.INVALID_ARGUMENT, "state_int64 is missing")
        # Triton has a place for it, the model has none of its state.
        self.assert_refused(half.chunk(2), StatusCode.NOT_FOUND, "is not kept here")
        self.assert_refused(half.end(), StatusCode.NOT_FOUND, "is not kept here")
        self.assert_refused(half.end(), StatusCode.INVALID_ARGUMENT, NO_START)

    def test_waiting_chunks_of_many_streams_share_a_batch(self) -> None:
        def counts() -> tuple[int, int]:
            request = service_pb2.ModelStatisticsRequest(name=RESIDENT)
            model = self.server.stub.ModelStatistics(request, timeout=CALL_SECONDS).model_stats[0]
            return model.inference_count, model.execution_count

        streams = [Stream(self.server) for _ in range(48)]
        for stream in streams:
            self.assertEqual(stream.start(1).code, StatusCode.OK)
        before = counts()
        for _ in range(5):
            calls = [
                self.server.start(
                    RESIDENT, {"x": features(2)}, OUTPUT, sequence_id=stream.identifier
                )
                for stream in streams
            ]
            for call in calls:
                self.assertEqual(Answer(call).code, StatusCode.OK)
        after = counts()
        self.assertEqual(after[0] - before[0], 5 * 48)
        self.assertLess(after[1] - before[1], 5 * 48 / 2)
        for stream in streams:
            stream.end()

    def test_both_models_say_the_same_weights(self) -> None:
        weights = {
            self.server.stub.ModelConfig(
                service_pb2.ModelConfigRequest(name=name), timeout=CALL_SECONDS
            )
            .config.parameters["weights"]
            .string_value
            for name in (RESIDENT, CARRIED)
        }
        self.assertEqual(len(weights), 1)
        self.assertRegex(weights.pop(), "^sha256:[0-9a-f]{64}$")


class OwnServerTests(TritonCase):
    """Servers that do not outlive the test."""

    def server(self, *changes: tuple[str, str]) -> Server:
        """Start one, with the resident model's configuration changed so."""
        directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        repository = export(directory)
        path = repository / RESIDENT / "config.pbtxt"
        text = path.read_text()
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        path.write_text(text)
        server = Server(repository, RESIDENT)
        self.addCleanup(server.stop)
        return server

    def test_an_idle_stream_is_given_up(self) -> None:
        server = self.server(
            ("max_sequence_idle_microseconds: 60000000", "max_sequence_idle_microseconds: 1000000"),
            ("max_candidate_sequences: 4096", "max_candidate_sequences: 1"),
        )
        stream, next_stream = Stream(server), Stream(server)
        snapshot = stream.start(1, ALL).tensors
        # It waits for the only place, so that its answer tells when the first was given up.
        self.assertEqual(next_stream.start(1).code, StatusCode.OK)
        self.assert_refused(stream.chunk(2), StatusCode.INVALID_ARGUMENT, NO_START)
        next_stream.end()
        states = {"state": snapshot["new_state"], "state_int64": snapshot["new_state_int64"]}
        self.assertEqual(Stream(server).start(2, **states).code, StatusCode.OK)

    def test_streams_beyond_the_places_wait(self) -> None:
        server = self.server(("max_candidate_sequences: 4096", "max_candidate_sequences: 1"))
        stream, waiting = Stream(server), Stream(server)
        stream.start(1)
        call = server.start(
            RESIDENT,
            {"x": features(2)},
            OUTPUT,
            sequence_id=waiting.identifier,
            sequence_start=True,
        )
        self.assertEqual(stream.chunk(2).code, StatusCode.OK)
        self.assertFalse(call.done())
        stream.end()
        self.assertEqual(Answer(call).code, StatusCode.OK)

    def test_a_killed_backend_process_stays_dead_while_triton_says_ready(self) -> None:
        server = self.server()
        stream = Stream(server)
        stream.start(1)
        for process in processes_of(server.process.pid):
            command = Path(f"/proc/{process}/cmdline").read_bytes()
            if b"triton_python_backend_stub\0" in command:
                os.kill(process, signal.SIGKILL)
        states = {"state": np.zeros((1, 28), np.float32), "state_int64": np.zeros((1, 2), np.int64)}
        for _ in range(3):
            for answer in (
                stream.chunk(2),
                Stream(server).start(2),
                server.infer(CARRIED, {"x": features(2), **states}, OUTPUT),
            ):
                self.assert_refused(answer, StatusCode.INTERNAL, "is not healthy")
            self.assertTrue(server.is_ready(RESIDENT))
            self.assertTrue(server.is_ready(CARRIED))

    def test_open_streams_go_on_while_triton_stops(self) -> None:
        server = self.server()
        stream = Stream(server)
        stream.start(1)
        server.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + GONE_SECONDS
        while server.is_ready(RESIDENT):
            self.assertLess(time.monotonic(), deadline)
        self.assert_refused(Stream(server).start(1), StatusCode.UNAVAILABLE, "Server is stopping")
        self.assertEqual(stream.chunk(2, ALL).code, StatusCode.OK)
        self.assertEqual(stream.end().code, StatusCode.OK)
        self.assertEqual(server.process.wait(GONE_SECONDS), 0)
