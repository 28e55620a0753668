"""A real Triton server for tests, and requests to it that tell gRPC codes."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import grpc
import numpy as np
from tritonclient.grpc import service_pb2, service_pb2_grpc

from . import synthetic

RUN = Path(os.environ.get("MARTLET_TRITON_RUN", synthetic.ROOT / "Tools/triton/run"))
# Bounds on what a loaded machine may take; each is about two seconds when idle.
READY_SECONDS = 60
GONE_SECONDS = 20
CALL_SECONDS = 20


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def processes_of(run: int) -> list[int]:
    """Return the processes that carry the shared memory's name of this run, or serve its models."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if entry.name.isdigit() and f"martlet_triton_{run}_".encode() in command:
            found.append(int(entry.name))
    return found


class Server:
    """A Triton that serves a model repository."""

    def __init__(self, repository: Path, model: str) -> None:
        grpc_port, http_port = free_ports(2)
        self.process = subprocess.Popen(
            [
                str(RUN),
                *("--model-repository", str(repository)),
                *("--grpc-port", str(grpc_port), "--http-port", str(http_port)),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.channel = grpc.insecure_channel(f"127.0.0.1:{grpc_port}")
        self.stub = service_pb2_grpc.GRPCInferenceServiceStub(self.channel)
        deadline = time.monotonic() + READY_SECONDS
        while not self.is_ready(model):
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.stop()
                raise AssertionError("Triton did not get ready")
            time.sleep(0.05)

    def is_ready(self, model: str) -> bool:
        """Tell whether a model is ready, as far as Triton says."""
        with contextlib.suppress(grpc.RpcError):
            request = service_pb2.ModelReadyRequest(name=model)
            return self.stub.ModelReady(request, timeout=CALL_SECONDS).ready
        return False

    def stop(self) -> None:
        """End it."""
        self.channel.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(GONE_SECONDS)

    def infer(
        self,
        model: str,
        tensors: dict[str, np.ndarray],
        outputs: list[str],
        *,
        identifier: str = "",
        **parameters: int | bool,
    ) -> Answer:
        """Run one request; parameters are those of Triton's sequences."""
        return Answer(self.start(model, tensors, outputs, identifier=identifier, **parameters))

    def start(
        self,
        model: str,
        tensors: dict[str, np.ndarray],
        outputs: list[str],
        *,
        identifier: str = "",
        **parameters: int | bool,
    ) -> grpc.Future:
        """Send one request."""
        request = service_pb2.ModelInferRequest(model_name=model, id=identifier)
        for name, values in tensors.items():
            datatype = "INT64" if values.dtype == np.int64 else "FP32"
            request.inputs.add(name=name, datatype=datatype, shape=values.shape)
            request.raw_input_contents.append(values.tobytes())
        for name in outputs:
            request.outputs.add(name=name)
        for name, value in parameters.items():
            if isinstance(value, bool):
                request.parameters[name].bool_param = value
            else:
                request.parameters[name].int64_param = value
        return self.stub.ModelInfer.future(request, timeout=CALL_SECONDS)


class Answer:
    """What came of a request: tensors, or a code and a message."""

    def __init__(self, call: grpc.Future) -> None:
        self.code, self.message = call.code(), call.details()
        self.identifier, self.tensors = "", {}
        if self.code == grpc.StatusCode.OK:
            response = call.result()
            self.identifier = response.id
            for output, values in zip(response.outputs, response.raw_output_contents, strict=True):
                kind = np.int64 if output.datatype == "INT64" else np.float32
                self.tensors[output.name] = np.frombuffer(values, kind).reshape(output.shape)
