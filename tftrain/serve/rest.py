"""The HTTP server: TensorFlow Serving's REST API, a page, metrics, health.

    rest = await start(core, "127.0.0.1", 8501)
    ...
    await rest.close()

Every answer to a request of the API is JSON; a refusal has the status that TensorFlow Serving gives
and `{"error": "..."}`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from tftrain.errors import ServingError
from tftrain.notices import notice
from tftrain.serve import page, rest_paths
from tftrain.serve.core import Core
from tftrain.serve.health import readiness
from tftrain.serve.json_answers import refusal
from tftrain.serve.json_text import invalid
from tftrain.serve.metrics import PrometheusMetrics
from tftrain.serve.rest_api import RestApi

STATUSES = {
    "CANCELLED": 499, "UNKNOWN": 500, "INVALID_ARGUMENT": 400, "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404, "ALREADY_EXISTS": 409, "PERMISSION_DENIED": 403, "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400, "ABORTED": 409, "OUT_OF_RANGE": 400, "UNIMPLEMENTED": 501,
    "INTERNAL": 500, "UNAVAILABLE": 503, "DATA_LOSS": 500, "UNAUTHENTICATED": 401,
}  # fmt: skip
_TOO_LARGE = 413
_VERBS = "GET, HEAD, POST, OPTIONS"
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}
_JSON = "application/json"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class BodyTooLarge(ServingError):
    """A body beyond the limit, for which HTTP has a status and gRPC has not."""


class RestServer:
    """A core behind HTTP.

    Args:
        core: Who answers.
        cors: Whether pages of other origins may read the answers.

    Attributes:
        port: Where it listens, once it does.
    """

    def __init__(self, core: Core, *, cors: bool = False) -> None:
        self._core, self._api, self._cors = core, RestApi(core), cors
        self._reading = 0
        self.port = 0
        self._runner = web.AppRunner(
            self._application(),
            access_log=None,
            logger=_silent_logger(),
            shutdown_timeout=core.limits.seconds,
        )

    async def listen(self, host: str, port: int) -> None:
        """Begins to take requests; port 0 is any that is free.

        Raises:
            OSError: The port is taken, or may not be.
        """
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Takes no more connections, and answers what has been asked."""
        await self._runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application(
            client_max_size=self._core.limits.body_bytes, middlewares=[self._refusing]
        )
        for path, handler in {
            "/": self._page,
            "/healthz": self._alive,
            "/readyz": self._ready,
            "/metrics": self._metrics,
            "/monitoring/prometheus/metrics": self._metrics,
        }.items():
            application.router.add_get(path, handler)
        application.router.add_route("*", r"/{path:[\s\S]*}", self._call)
        return application

    @web.middleware
    async def _refusing(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Whatever goes wrong becomes an answer."""
        try:
            response = await handler(request)
        except ServingError as error:
            response = _refused(error)
        except web.HTTPException as error:  # aiohttp's own, such as 417
            response = _json(refusal(error.reason), error.status)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:
            notice(f"{request.method} {request.path}: {type(error).__name__}: {error}")
            response = _refused(ServingError("INTERNAL", type(error).__name__))
        if self._cors:
            response.headers.update(_CORS)
        return response

    async def _call(self, request: web.Request) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0]
        if request.method == "OPTIONS":
            return web.Response(status=204, headers={"Allow": _VERBS})
        if not path.lower().startswith("/v1/"):
            raise ServingError("NOT_FOUND", f"Malformed request: {request.method} {path}")
        verb = "GET" if request.method == "HEAD" else request.method
        call = rest_paths.parse(verb, path)
        return _json(await self._api.answer(call, lambda: self._body(request)))

    async def _body(self, request: web.Request) -> bytes:
        limits = self._core.limits
        if self._reading >= limits.concurrent:
            raise ServingError("UNAVAILABLE", f"{self._reading} requests are being read")
        self._reading += 1
        try:
            if request.content.is_eof():  # all is here, as mostly: no task to watch the time
                return await request.read()
            return await asyncio.wait_for(request.read(), limits.seconds)
        except asyncio.TimeoutError:
            message = f"the request did not arrive within {limits.seconds:g} s"
            raise ServingError("DEADLINE_EXCEEDED", message) from None
        except web.HTTPRequestEntityTooLarge:
            message = f"the request has more than {limits.body_bytes:,} bytes"
            raise BodyTooLarge("RESOURCE_EXHAUSTED", message) from None
        except web.RequestPayloadError as error:
            raise invalid(f"the request's body cannot be read: {error}") from None
        finally:
            self._reading -= 1

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(
            body=page.html(), content_type="text/html", charset="utf-8", headers=page.headers()
        )

    async def _alive(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _ready(self, _: web.Request) -> web.Response:
        state = readiness(self._core)
        body = orjson.dumps(state, option=orjson.OPT_APPEND_NEWLINE)
        return _json(body, 200 if state["ready"] else STATUSES["UNAVAILABLE"])

    async def _metrics(self, request: web.Request) -> web.Response:
        metrics = self._core.metrics
        if not isinstance(metrics, PrometheusMetrics):
            raise ServingError("NOT_FOUND", "this server counts nothing")
        body, content_type = metrics.exposition(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})


async def start(core: Core, host: str, port: int, *, cors: bool = False) -> RestServer:
    """A server that listens.

    Args:
        core: Who answers.
        host: The address to listen at.
        port: 0 is any that is free; `.port` tells which.
        cors: Whether pages of other origins may read the answers.

    Raises:
        OSError: The port is taken, or may not be.
    """
    server = RestServer(core, cors=cors)
    try:
        await server.listen(host, port)
    except BaseException:
        await server.close()
        raise
    return server


def _refused(error: ServingError) -> web.Response:
    status = _TOO_LARGE if isinstance(error, BodyTooLarge) else STATUSES[error.code]
    return _json(refusal(error.message), status)


def _json(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type=_JSON)


def _silent_logger() -> logging.Logger:
    """aiohttp logs a traceback for what is not HTTP; whoever sent it has been told."""
    logger = logging.Logger("tftrain.serve.rest")
    logger.addHandler(logging.NullHandler())
    return logger
