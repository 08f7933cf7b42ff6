"""The gRPC side of the server: the official stubs of TF Serving, on grpc.aio.

A request whose client has left, or whose deadline has passed, is cancelled by gRPC, and with it
its place in a batch that is not run yet.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from tftrain.errors import BadInput, ServingError
from tftrain.serve import grpc_models, grpc_predictions
from tftrain.serve.core import Core
from tftrain.serve.server import Front, bracketed
from tftrain.serve.stubs import model_service_pb2_grpc, prediction_service_pb2_grpc
from tftrain.serve.under_way import UnderWay

_MESSAGE = 1024  # characters of an error: it travels in a header
_LAST_WORDS = 1.0  # seconds in which answers that are made are sent

Handler = Callable[[Core, Any], Awaitable[Any]]


class GrpcFront(Front):
    """Listens for gRPC."""

    def __init__(self, core: Core, host: str, port: int) -> None:
        super().__init__(core, host, port)
        self._server: grpc.aio.Server | None = None
        self._calls = Calls(core)

    async def start(self) -> None:
        """Begins to listen."""
        most = self._core.limits.body_bytes
        options = [
            ("grpc.max_receive_message_length", most),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),  # or another server's port would be shared in silence
        ]
        server = grpc.aio.server(options=options)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            _PredictionService(self._calls), server
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(
            _ModelService(self._calls), server
        )
        address = f"{bracketed(self._host)}:{self.port}"
        try:
            self.port = server.add_insecure_port(address)
        except RuntimeError as error:
            raise BadInput(f"cannot listen at {address} for gRPC: is the port in use?") from error
        await server.start()
        self._server = server

    async def close(self, grace_seconds: float) -> None:
        """Takes no new requests; those in flight have so long.

        grpc's own stop would end new requests as cancelled, which clients do not try elsewhere.
        """
        if self._server is None:
            return
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._calls.close(), grace_seconds)
        await self._server.stop(_LAST_WORDS)


class Calls:
    """The calls that are under way, and what becomes of their errors.

    Args:
        core: What answers.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._under_way = UnderWay()
        self._closed = False

    async def answer(self, handler: Handler, request: Any, context: Any) -> Any:
        """The handler's message; its error as the call's status."""
        with self._under_way:
            try:
                if self._closed:
                    raise ServingError("UNAVAILABLE", "the server is shutting down")
                return await handler(self._core, request)
            except ServingError as error:
                await context.abort(_status(error.code), _short(error.message))
            except Exception as error:  # a fault of the server's own, and no reason to end
                text = f"{type(error).__name__}: {error}"
                self._core.tell(f"a request failed: {text}")
                await context.abort(grpc.StatusCode.INTERNAL, _short(text))

    async def close(self) -> None:
        """Refuses new calls, and returns when those under way have ended."""
        self._closed = True
        await self._under_way.ended()


def _status(code: str) -> grpc.StatusCode:
    return getattr(grpc.StatusCode, code, grpc.StatusCode.UNKNOWN)


def _short(message: str) -> str:
    if len(message) <= _MESSAGE:
        return message
    return message[: _MESSAGE - len("...TRUNCATED")] + "...TRUNCATED"


class _PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def Predict(self, request: Any, context: Any) -> Any:
        return await self._calls.answer(grpc_predictions.predict, request, context)

    async def Classify(self, request: Any, context: Any) -> Any:
        return await self._calls.answer(grpc_predictions.classify, request, context)

    async def Regress(self, request: Any, context: Any) -> Any:
        return await self._calls.answer(grpc_predictions.regress, request, context)

    async def MultiInference(self, request: Any, context: Any) -> Any:
        return await self._calls.answer(grpc_predictions.multi_inference, request, context)

    async def GetModelMetadata(self, request: Any, context: Any) -> Any:
        return await self._calls.answer(grpc_models.metadata, request, context)


class _ModelService(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def GetModelStatus(self, request: Any, context: Any) -> Any:
        return await self._calls.answer(grpc_models.status, request, context)

    async def HandleReloadConfigRequest(self, request: Any, context: Any) -> Any:
        return await self._calls.answer(grpc_models.reload, request, context)
