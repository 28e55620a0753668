"""Tools/triton/run, with a real server: it serves, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import numpy as np
import tritonclient.grpc

from . import synthetic
from .triton_server import GONE_SECONDS, READY_SECONDS, RUN, free_ports, processes_of


def terminate(process: int) -> None:
    """Ask a process to stop, if it is still there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGTERM)


class TritonRunTests(unittest.TestCase):
    """One server each."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.directory = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        subprocess.run(
            [sys.executable, synthetic.EXPORTER, "--out", cls.directory / "out", "--name", "m"]
            + ["--model-dir", synthetic.model(cls.directory / "source")],
            check=True,
            capture_output=True,
        )

    def command(self, *server_arguments: str) -> list[str]:
        """Return a command line on free ports."""
        self.grpc_port, http_port = free_ports(2)
        ports = ["--grpc-port", str(self.grpc_port), "--http-port", str(http_port)]
        own = [str(RUN), "--model-repository", str(self.directory / "out/triton"), *ports]
        return [*own, "--", *server_arguments] if server_arguments else own

    def wait_until_ready(self, **tls: str | bool) -> tritonclient.grpc.InferenceServerClient:
        """Wait for the model."""
        client = tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{self.grpc_port}", **tls)
        self.addCleanup(client.close)
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            try:
                if client.is_model_ready("m-encoder"):
                    return client
            except tritonclient.grpc.InferenceServerException:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not ready after {READY_SECONDS} s")

    def assert_nothing_left(self, run: int) -> None:
        """Expect no process and no shared memory of this run."""
        deadline = time.monotonic() + GONE_SECONDS
        regions = Path("/dev/shm")
        while processes_of(run) or list(regions.glob(f"martlet_triton_{run}_*")):
            if time.monotonic() > deadline:
                self.fail(f"left behind: processes {processes_of(run)}, or shared memory")
            time.sleep(0.05)

    def test_serves_and_stops_on_a_signal(self) -> None:
        process = subprocess.Popen(
            self.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/"
        )
        self.addCleanup(process.kill)
        client = self.wait_until_ready()
        inputs = []
        for name, values in (
            ("x", np.ones((2, 9, 6), np.float32)),
            ("state", np.zeros((2, 28), np.float32)),
            ("state_int64", np.array([[0, 0], [7, 8]], np.int64)),
        ):
            datatype = "INT64" if values.dtype == np.int64 else "FP32"
            inputs.append(tritonclient.grpc.InferInput(name, values.shape, datatype))
            inputs[-1].set_data_from_numpy(values)
        result = client.infer("m-encoder", inputs)
        counts = result.as_numpy("new_state_int64")
        np.testing.assert_array_equal(counts, [[4, 4], [11, 12]])
        self.assertEqual(result.as_numpy("encoder_out").shape, (2, 2, 8))

        self.assertGreaterEqual(len(processes_of(process.pid)), 2, "the server and its stub")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(GONE_SECONDS), 0)
        self.assert_nothing_left(process.pid)

    def test_ends_with_its_parent(self) -> None:
        # The shell starts it and waits; then the shell is killed.
        shell = subprocess.Popen(
            ["bash", "-c", '"$@" 2>/dev/null & echo $!; wait', "bash", *self.command()],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(shell.stdout.close)
        run = int(shell.stdout.readline())
        self.addCleanup(terminate, run)
        self.wait_until_ready()
        shell.kill()
        shell.wait()
        self.assert_nothing_left(run)

    def test_a_killed_server_leaves_no_stub_and_is_reported(self) -> None:
        process = subprocess.Popen(
            self.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.addCleanup(process.kill)
        self.wait_until_ready()
        server = next(
            each
            for each in processes_of(process.pid)
            if b"tritonserver\0" in Path(f"/proc/{each}/cmdline").read_bytes()
        )
        os.kill(server, signal.SIGKILL)
        self.assertEqual(process.wait(GONE_SECONDS), 128 + signal.SIGKILL)
        self.assert_nothing_left(process.pid)

    def test_arguments_after_two_hyphens_go_to_the_server(self) -> None:
        # One certificate for all: it is the authority too, the server's and the client's.
        certificate, key = str(self.directory / "tls.pem"), str(self.directory / "tls.key")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "2"]
            + ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
            + ["-keyout", key, "-out", certificate],
            check=True,
            capture_output=True,
        )
        process = subprocess.Popen(
            self.command(
                "--grpc-use-ssl-mutual=true",
                f"--grpc-server-cert={certificate}",
                f"--grpc-server-key={key}",
                f"--grpc-root-cert={certificate}",
            ),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(process.kill)
        tls = {"ssl": True, "root_certificates": certificate}
        self.wait_until_ready(**tls, private_key=key, certificate_chain=certificate)
        for refused in ({}, tls):
            client = tritonclient.grpc.InferenceServerClient(
                f"127.0.0.1:{self.grpc_port}", **refused
            )
            self.addCleanup(client.close)
            with self.assertRaisesRegex(tritonclient.grpc.InferenceServerException, "UNAVAILABLE"):
                client.is_server_ready()
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(GONE_SECONDS), 0)
        self.assert_nothing_left(process.pid)

    def test_an_argument_that_the_server_does_not_know_ends_it(self) -> None:
        process = subprocess.run(
            self.command("--no-such-flag"), capture_output=True, text=True, timeout=GONE_SECONDS
        )
        self.assertNotEqual(process.returncode, 0)
        self.assertIn("no-such-flag", process.stdout + process.stderr)
