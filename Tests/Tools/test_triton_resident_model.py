"""The resident model.py: states kept by sequence, with Triton's own module stood in for."""

from __future__ import annotations

import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

import numpy as np
from transducer import encoder, triton

from . import synthetic, triton_backend
from .triton_backend import Request, TritonError

START, END = 1, 2
OUTPUT = ["encoder_out"]
STATES = ["new_state", "new_state_int64"]
ALL = OUTPUT + STATES


class TritonResidentModelTests(unittest.TestCase):
    """What becomes of sequences, and that their numbers are the carried model's."""

    def setUp(self) -> None:
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.random = np.random.default_rng(5)

    def models(
        self, places: int = 8, *, row_by_row: bool = False, **of_encoder: object
    ) -> tuple[object, object]:
        """Export a synthetic encoder and load both its models: the resident, the carried."""
        path = self.directory / "encoder.onnx"
        synthetic.encoder(path, **of_encoder)
        found = encoder.describe(path)
        graph = triton.Graph(found, encoder.packed(found).SerializeToString(), row_by_row)
        triton.write_resident(self.directory / "resident", "m-resident", graph)
        triton.write_carried(self.directory / "carried", "m", graph)
        batching = {
            "max_sequence_idle_microseconds": "60000000",
            "oldest": {"max_candidate_sequences": places},
        }
        return (
            triton_backend.load(self, self.directory / "resident", sequence_batching=batching),
            triton_backend.load(self, self.directory / "carried"),
        )

    def features(self) -> np.ndarray:
        """Make a chunk."""
        return self.random.standard_normal((1, 9, 6)).astype(np.float32)

    def chunk(
        self, sequence: int, flags: int = 0, outputs: list[str] = OUTPUT, **states: np.ndarray
    ) -> Request:
        """Make a request of a random chunk."""
        return Request({"x": self.features(), **states}, outputs, sequence, flags)

    def answer(self, model: object, request: Request) -> triton_backend.Response:
        """Run one request that must succeed."""
        response = model.execute([request])[0]
        self.assertIsNone(response.error)
        return response

    def assert_refused(self, response: triton_backend.Response, code: int, message: str) -> None:
        """Expect an error."""
        self.assertRegex(response.error or "no error", message)
        self.assertEqual(response.code, code)
        self.assertEqual(response.tensors, {})

    def carried(self, model: object, chunks: list[Request]) -> list[dict[str, np.ndarray]]:
        """Run one stream's chunks through the carried model."""
        states = {
            "state": np.zeros((1, 28), np.float32),
            "state_int64": np.zeros((1, 2), np.int64),
        }
        answers = []
        for chunk in chunks:
            features = {"x": chunk.tensors["x"]}
            tensors = self.answer(model, Request(features | states, ALL)).tensors
            states = {name: tensors[f"new_{name}"] for name in states}
            answers.append(tensors)
        return answers

    def test_interleaved_streams_equal_the_carried_model(self) -> None:
        for row_by_row in (False, True):
            with self.subTest(row_by_row=row_by_row):
                self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
                resident, carried = self.models(row_by_row=row_by_row)
                streams = {
                    sequence: [self.chunk(sequence, outputs=ALL) for _ in range(6)]
                    for sequence in (11, 22, 33, 44)
                }
                for chunks in streams.values():
                    chunks[0].sequence_flags = START
                    chunks[-1].sequence_flags = END
                waiting = {sequence: list(chunks) for sequence, chunks in streams.items()}
                answers: dict[int, list] = {sequence: [] for sequence in streams}
                while any(waiting.values()):
                    ready = [s for s in waiting if waiting[s] and self.random.random() < 0.6]
                    self.random.shuffle(ready)
                    batch = [waiting[sequence].pop(0) for sequence in ready]
                    for sequence, response in zip(ready, resident.execute(batch), strict=True):
                        self.assertIsNone(response.error)
                        answers[sequence].append(response.tensors)
                for sequence, chunks in streams.items():
                    expected = self.carried(carried, chunks)
                    for number, tensors in enumerate(expected):
                        for name in ALL:
                            np.testing.assert_allclose(
                                answers[sequence][number][name],
                                tensors[name],
                                # Small products of the synthetic graph round otherwise in a batch.
                                rtol=0 if row_by_row else 1e-5,
                                err_msg=f"stream {sequence}, chunk {number}, {name}",
                            )
                self.assertEqual(len(resident.sequences), 0)

    def test_one_stream_alone_equals_the_carried_model_exactly(self) -> None:
        resident, carried = self.models()
        chunks = [self.chunk(1, START if i == 0 else 0, ALL) for i in range(5)]
        answers = [self.answer(resident, chunk).tensors for chunk in chunks]
        for got, expected in zip(answers, self.carried(carried, chunks), strict=True):
            for name in ALL:
                np.testing.assert_array_equal(got[name], expected[name])

    def test_a_snapshot_restores_another_sequence(self) -> None:
        resident, _ = self.models()
        self.answer(resident, self.chunk(1, START))
        snapshot = self.answer(resident, self.chunk(1, outputs=ALL)).tensors
        rest = [self.chunk(1), self.chunk(1)]
        first = [self.answer(resident, chunk).tensors for chunk in rest]
        self.answer(resident, self.chunk(3, START))
        replay = [
            Request(
                {
                    "x": rest[0].tensors["x"],
                    "state": snapshot["new_state"],
                    "state_int64": snapshot["new_state_int64"],
                },
                OUTPUT,
                2,
                START,
            ),
            Request(rest[1].tensors, OUTPUT, 2),
        ]
        for chunk, expected in zip(replay, first, strict=True):
            tensors = self.answer(resident, chunk).tensors
            self.assertEqual(list(tensors), OUTPUT)
            np.testing.assert_array_equal(tensors["encoder_out"], expected["encoder_out"])

    def test_states_are_sent_only_to_who_names_them(self) -> None:
        resident, _ = self.models()
        plain, whole = resident.execute([self.chunk(1, START), self.chunk(2, START, ALL)])
        self.assertEqual(list(plain.tensors), OUTPUT)
        self.assertEqual(list(whole.tensors), ALL)

    def test_a_sequence_starts_with_zeros_in_a_row_that_was_used(self) -> None:
        resident, _ = self.models()
        self.answer(resident, self.chunk(1, START))
        used = self.answer(resident, self.chunk(1, END, ALL))
        self.assertTrue((used.tensors["new_state_int64"] == 8).all())
        fresh = self.answer(resident, self.chunk(2, START, ALL))
        self.assertTrue((fresh.tensors["new_state_int64"] == 4).all())

    def test_end_frees(self) -> None:
        resident, _ = self.models(places=1)
        for number in range(1, 4):
            self.answer(resident, self.chunk(number, START))
            # With a chunk, and without one.
            if number % 2:
                self.assertEqual(
                    list(self.answer(resident, self.chunk(number, END)).tensors), OUTPUT
                )
            else:
                bare = Request({}, OUTPUT, number, END)
                self.assertEqual(self.answer(resident, bare).tensors, {})
            self.assert_refused(
                resident.execute([self.chunk(number)])[0],
                TritonError.NOT_FOUND,
                f"sequence {number} is not kept here",
            )

    def test_a_probe_runs_and_keeps_nothing_even_when_all_rows_are_taken(self) -> None:
        resident, carried = self.models(places=1)
        self.answer(resident, self.chunk(1, START))
        self.answer(resident, self.chunk(3, START))
        probe = self.chunk(2, START | END, ALL)
        tensors = self.answer(resident, probe).tensors
        for name, expected in self.carried(carried, [probe])[0].items():
            np.testing.assert_array_equal(tensors[name], expected)
        self.assertEqual(list(resident.sequences), [1, 3])
        counted = self.answer(resident, self.chunk(1, outputs=ALL)).tensors["new_state_int64"]
        self.assertTrue((counted == 8).all())

    def test_a_sequence_that_is_not_kept_never_runs_from_zeros(self) -> None:
        resident, _ = self.models()
        responses = resident.execute([self.chunk(7), self.chunk(8, START), self.chunk(9, END)])
        self.assert_refused(responses[0], TritonError.NOT_FOUND, "sequence 7 is not kept here")
        self.assertIsNone(responses[1].error)
        self.assert_refused(responses[2], TritonError.NOT_FOUND, "sequence 9 is not kept here")
        self.assert_refused(
            resident.execute([Request({}, OUTPUT, 7, END)])[0], TritonError.NOT_FOUND, "not kept"
        )

    def test_a_start_on_an_id_in_use_leaves_the_first_stream_alone(self) -> None:
        resident, carried = self.models()
        first = [self.chunk(1, START, ALL), self.chunk(1, outputs=ALL)]
        self.answer(resident, first[0])
        for flags in (START, START | END):
            self.assert_refused(
                resident.execute([self.chunk(1, flags)])[0],
                TritonError.ALREADY_EXISTS,
                "sequence 1 is in use",
            )
        tensors = self.answer(resident, first[1]).tensors
        for name, expected in self.carried(carried, first)[1].items():
            np.testing.assert_array_equal(tensors[name], expected)

    def test_two_requests_of_one_sequence_never_share_a_batch(self) -> None:
        resident, _ = self.models()
        first, second = resident.execute([self.chunk(1, START), self.chunk(1)])
        self.assertIsNone(first.error)
        self.assert_refused(second, TritonError.INTERNAL, "two requests of sequence 1")

    def test_bad_tensors_fail_alone_and_change_nothing(self) -> None:
        resident, carried = self.models()
        state = {"state": np.zeros((1, 28), np.float32)}
        whole = state | {"state_int64": np.zeros((1, 2), np.int64)}
        good = [self.chunk(1, START, ALL), self.chunk(1, outputs=ALL)]
        self.answer(resident, good[0])
        self.answer(resident, self.chunk(2, START))
        cases = [
            ({"x": self.features()[:, :8]}, 0, r"input x is float32 \[1, 8, 6\], expected float32"),
            ({"x": np.concatenate([self.features()] * 2)}, 0, r"x is float32 \[2, 9, 6\]"),
            ({"x": self.features().astype(np.float64)}, 0, "input x is float64"),
            ({}, 0, "input x is missing"),
            (whole, START, "input x is missing"),
            (whole, END, "input x is missing"),
            ({}, START | END, "input x is missing"),
            ({"x": self.features(), **whole}, 0, "input state: a state comes only with START"),
            ({"x": self.features(), **state}, START, "state_int64 is missing: a state comes whole"),
            (
                {"x": self.features(), "state": np.zeros((1, 27), np.float32)},
                START,
                "input state is",
            ),
        ]
        for number, (tensors, flags, message) in enumerate(cases):
            with self.subTest(message):
                sequence = 100 + number if flags & START else 2
                bad = Request(tensors, OUTPUT, sequence, flags)
                neighbour = self.chunk(200 + number, START | END)
                responses = resident.execute([bad, neighbour])
                self.assert_refused(responses[0], TritonError.INVALID_ARG, message)
                self.assertIsNone(responses[1].error)
                if flags == END:
                    # Triton has freed its place whatever comes of the request.
                    self.assertEqual(list(resident.sequences), [1])
                    self.answer(resident, self.chunk(2, START))
        self.assertEqual(sorted(resident.sequences), [1, 2])
        tensors = self.answer(resident, good[1]).tensors
        for name, expected in self.carried(carried, good)[1].items():
            np.testing.assert_array_equal(tensors[name], expected)

    def test_a_failing_graph_is_an_answer_and_changes_no_state(self) -> None:
        resident, carried = self.models()
        chunks = [self.chunk(1, START, ALL), self.chunk(1, outputs=ALL)]
        self.answer(resident, chunks[0])
        with mock.patch.object(resident, "session", None):
            responses = resident.execute([self.chunk(1), self.chunk(2, START)])
        for response in responses:
            self.assert_refused(response, TritonError.INTERNAL, "^encoder.onnx failed: ")
        self.assertEqual(list(resident.sequences), [1])
        tensors = self.answer(resident, chunks[1]).tensors
        for name, expected in self.carried(carried, chunks)[1].items():
            np.testing.assert_array_equal(tensors[name], expected)

    def test_no_more_sequences_than_there_is_room_for(self) -> None:
        # Twice what Triton has places for, since it may have given up as many again.
        resident, _ = self.models(places=2)
        responses = resident.execute([self.chunk(sequence, START) for sequence in range(1, 7)])
        self.assertEqual(
            [response.error is None for response in responses], [True] * 4 + [False] * 2
        )
        self.assert_refused(responses[5], TritonError.UNAVAILABLE, "4 sequences are kept")
        self.answer(resident, self.chunk(2, END))
        self.answer(resident, self.chunk(5, START))

    def test_idle_sequences_are_given_up_after_triton_gave_them_up(self) -> None:
        resident, _ = self.models(places=2)
        now = time.monotonic()
        with mock.patch("time.monotonic", side_effect=lambda: now):
            self.answer(resident, self.chunk(1, START))
            self.answer(resident, self.chunk(2, START))
            now += 60.5
            self.answer(resident, self.chunk(1))
            self.assertEqual(sorted(resident.sequences), [1, 2])
            now += 10
            self.answer(resident, self.chunk(3, START))
            self.assertEqual(sorted(resident.sequences), [1, 3])
            self.assert_refused(
                resident.execute([self.chunk(2)])[0], TritonError.NOT_FOUND, "not kept here"
            )
            self.answer(resident, self.chunk(1))

    def test_rows_run_alone_where_they_must(self) -> None:
        for of_encoder in ({"batch": 1}, {"leaks_over_rows": True}):
            with self.subTest(**of_encoder):
                self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
                resident, carried = self.models(row_by_row=True, **of_encoder)
                streams = [[self.chunk(s, START, ALL), self.chunk(s, 0, ALL)] for s in (1, 2, 3)]
                batches = [list(batch) for batch in zip(*streams, strict=True)]
                answers = [resident.execute(batch) for batch in batches]
                for place, chunks in enumerate(streams):
                    for number, expected in enumerate(self.carried(carried, chunks)):
                        for name in ALL:
                            np.testing.assert_array_equal(
                                answers[number][place].tensors[name], expected[name]
                            )
